"""The next version of a set, made of what people decided: labels by verdicts, boxes as they were redrawn, or both.

Pictures are not touched, and cases stay in their splits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import insert, select

from core.case import Case, ImageSet, Task
from core.errors import DataError, SettingsError
from core.records.access import Who
from core.records.database import Database
from core.records.labels import Names
from core.records.place import Place
from core.records.review.boxes import Redrawn
from core.records.sets.versions import SetError, version_folder, write_version
from core.records.tables import Correction, Version
from core.sets.drawn_boxes import labels_with_boxes
from core.sets.split import SplitSettings, as_frozen, assign
from core.sets.version import read_version

LONGEST_NAME = 1024


@dataclass(frozen=True)
class Change:
    """A case whose labels change, or (`action` is "exclude") that leaves the set; "add" where it comes into it, "boxes"
    where its boxes alone change.

    `given` and `to` are None where the case is not in the set; `boxes` are how many it had and has, where they differ.
    """

    number: int
    name: str
    split: str | None
    given: Names | None
    to: Names | None
    action: str
    who: str
    why: str
    boxes: tuple[int, int] | None = None


@dataclass(frozen=True)
class Decisions:
    """What a version is made of: changes by a review (`review_id` is None without one), and redrawn boxes."""

    changes: Sequence[Change] = ()
    redrawn: Sequence[Redrawn] = ()
    review_id: int | None = None


def make_version(
    db: Database,
    place: Place,
    who: Who,
    newest: Version,
    decided: Decisions,
    remark: str,
    split: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Version:
    """`newest` with the decisions, as the next one. `split` and `seed` are how runs divide the set where it brings no
    splits."""
    base = read_version(version_folder(place, newest), place.store)
    if decided.changes or any(case.labels != case.given_labels for case in decided.redrawn):
        base = _with_splits(base, split or {}, seed)
    version = write_version(
        db,
        place,
        _followed(base, decided),
        who=who,
        project_id=newest.image_set.project_id,
        set_id=newest.set_id,
        note=remark,
        made_from=newest.id,
    )
    _note_reasons(db, version.id, decided)
    return version


def boxes_remark(redrawn: Sequence[Redrawn]) -> str:
    return f"boxes corrected: {len(redrawn):,} {'case' if len(redrawn) == 1 else 'cases'}"


def changed_boxes(case: Redrawn) -> Change:
    """What is told of a case whose boxes were redrawn, where no verdict changes it."""
    counts = (len(case.given), len(case.boxes))
    labels = (case.given_labels, case.labels)
    return Change(case.number, case.name, case.split, *labels, "boxes", case.who, case.why, counts)


def _with_splits(image_set: ImageSet, split: Mapping[str, Any], seed: int) -> ImageSet:
    """Splits that a run would draw are drawn from the labels: they are written down before any label changes."""
    try:
        return image_set.with_cases(assign(image_set.cases, SplitSettings.parse(as_frozen(split), "split"), seed))
    except DataError:
        return image_set  # no run could draw any either


def _followed(image_set: ImageSet, decided: Decisions) -> ImageSet:
    """Labels first, and then the boxes and what they mean for the labels."""
    changes = {change.name: change for change in decided.changes}
    redrawn = {case.name: case for case in decided.redrawn}

    def cases() -> Iterator[Case]:
        for case in image_set.cases:
            name = case.id[:LONGEST_NAME]
            change = changes.get(name)
            if change is None:
                yield _redrawn(case, redrawn.get(name), image_set.task)
            elif change.to is not None:
                relabelled = _relabelled(case, _answers(change.to, image_set.task))
                yield _redrawn(relabelled, redrawn.get(name), image_set.task)

    return image_set.with_cases(cases())


def _relabelled(case: Case, labels: Names) -> Case:
    """Boxes of a label that is taken away go with it: what is not on the picture is nowhere on it."""
    gone = set(case.labels) - set(labels)
    boxes = None if case.boxes is None else tuple(box for box in case.boxes if box.label not in gone)
    return replace(case, labels=labels, boxes=boxes)


def _redrawn(case: Case, redrawn: Redrawn | None, task: Task) -> Case:
    if redrawn is None:
        return case
    try:
        labels = labels_with_boxes(case.labels, redrawn.given, redrawn.boxes, task)
    except SettingsError as error:
        raise SetError(f"“{redrawn.name}”: {error}") from None
    return replace(case, labels=labels, boxes=redrawn.boxes)


def _answers(labels: Names, task: Task) -> Names:
    for name in labels:
        if name not in task.answers:
            raise SetError(
                f'The newest version of the set has no answer "{name}" any more, which the review changes a label to. '
                "Add it to the answers on the page Image sets, or decide otherwise."
            )
    return task.in_order(labels)


def _note_reasons(db: Database, version_id: int, decided: Decisions) -> None:
    """Those that a version made by an earlier try has already stay as they are."""
    reasons = {change.name: change for change in decided.changes}
    by_review = set(reasons)
    for case in decided.redrawn:
        earlier, redrawn = reasons.get(case.name), changed_boxes(case)
        reasons[case.name] = redrawn if earlier is None else _both(earlier, redrawn)
    with db.session() as session:
        noted = set(session.scalars(select(Correction.name).where(Correction.version_id == version_id)))
        rows = [
            {
                "version_id": version_id,
                "review_id": decided.review_id if name in by_review else None,
                "name": name,
                "action": reason.action,
                "who": reason.who[:1024],
                "why": reason.why,
            }
            for name, reason in reasons.items()
            if name not in noted
        ]
        if rows:
            session.execute(insert(Correction), rows)


def _both(verdict: Change, redrawn: Change) -> Change:
    who = ", ".join(dict.fromkeys([*verdict.who.split(", "), redrawn.who]))
    return replace(verdict, who=who, why="; ".join(filter(None, (verdict.why, redrawn.why))))

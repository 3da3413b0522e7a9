"""What figures would be too good by: pictures, near copies and patients that are learned from and measured on both.

A gate before a run, shut where a patient whom the set names stands on both sides, where more than MOST_SHARED of the
validation or test cases show what is learned from, or where more than MOST_CONFLICTING do under another label. Below
that the card tells of it: published sets hold a few such copies, and their figures are compared as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from pydantic import Field, model_validator

from core.case import SPLITS, Case, ImageSet, Split
from core.checks.looked import OnCase
from core.errors import DataError
from core.pictures.looks import Look, look_at_all
from core.sets.alike import Ties, is_near, members, picture_ties
from core.sets.split import SplitSettings, assign
from core.settings import Settings

Way = Literal["regroup", "withdraw"]
MOST_SHARED = 0.05
MOST_CONFLICTING = 0.01
MOST_EXAMPLES = 5
MEASURED: tuple[Split, ...] = ("val", "test")
MOST_HELD = 0.45
"""The largest share that a split of validation or test cases is drawn with."""
PLACE = {split: place for place, split in enumerate(SPLITS)}
WAYS: Mapping[Way, str] = {
    "regroup": "split drawn anew, patients and copies together",
    "withdraw": "without what validation or test cases show too",
}
"""How leakage is settled, as the note of the version says it."""


class LeakageSettings(Settings):
    """Who has a run go on although it is measured on what it learns from."""

    accepted_by: str = Field(
        "", title="Leakage accepted by", description="A name; in a studio that of whoever queues the run."
    )
    why: str = Field(
        "",
        title="Leakage accepted because",
        description="Has a run go on although it is measured on pictures or patients that it learns from. The card "
        "and metrics.json tell it.",
    )

    @model_validator(mode="after")
    def _is_named(self) -> LeakageSettings:
        if self.why.strip() and not self.accepted_by.strip():
            raise ValueError("leakage is accepted by nobody: a name belongs into accepted_by")
        return self

    @property
    def is_accepted(self) -> bool:
        return bool(self.why.strip())


@dataclass(frozen=True)
class Shared:
    """Of the cases of one split that is measured: how many there are, and how many show a picture, almost, or a patient
    of those that come before it (train, val)."""

    cases: int
    pictures: int
    patients: int


@dataclass(frozen=True)
class Leakage:
    """What the validation and test cases share with others; `conflicts` of them are copies under another label."""

    splits: Mapping[str, Shared]
    conflicts: int
    examples: tuple[str, ...] = ()

    @property
    def is_any(self) -> bool:
        return any(shared.pictures or shared.patients for shared in self.splits.values())

    def reasons(self) -> list[str]:
        """Why no run may begin, in sentences; none where one may."""
        listed = []
        for split, shared in self.splits.items():
            if shared.patients:
                listed.append(f"{shared.patients:,} of {shared.cases:,} {split} cases are of patients learned from")
            if shared.pictures > MOST_SHARED * shared.cases:
                listed.append(
                    f"{shared.pictures:,} of {shared.cases:,} {split} cases (more than {MOST_SHARED:.0%}) show what "
                    "is learned from"
                )
        measured = sum(shared.cases for shared in self.splits.values())
        if self.conflicts > MOST_CONFLICTING * measured:
            listed.append(
                f"{self.conflicts:,} of {measured:,} validation and test cases (more than {MOST_CONFLICTING:.0%}) are "
                "copies of others with another label"
            )
        return listed

    def as_json(self) -> dict[str, Any]:
        return {"splits": {split: asdict(shared) for split, shared in self.splits.items()}, "conflicts": self.conflicts}


def leakage_of_looks(
    cases: Sequence[Case], looks: Sequence[Look] | None, sets: Sequence[int] | None = None, with_altered: bool = True
) -> Leakage:
    """By what is seen on the pictures; where nothing is, by the stored bytes alone."""
    same: Ties = {place: [("stored", case.pixels.digest())] for place, case in enumerate(cases)}
    return leakage(cases, same if looks is None else picture_ties(looks, with_altered), sets)


def leakage(cases: Sequence[Case], ties: Ties, sets: Sequence[int] | None = None) -> Leakage:
    """`ties` tell which places share a picture, or almost; `sets` the number of each case's set, where there are
    several. Cases without a split take no part."""
    numbers = [0] * len(cases) if sets is None else sets
    of_picture = members(ties)
    of_patient = members({place: [(numbers[place], case.patient)] for place, case in enumerate(cases) if case.patient})
    pictures, patients = _later(cases, of_picture.values()), _later(cases, of_patient.values())
    counts = Counter(case.split for case in cases)
    splits: dict[str, Shared] = {
        split: Shared(counts[split], _count(cases, pictures, split), _count(cases, patients, split))
        for split in MEASURED
        if counts[split]
    }
    copies = [places for tie, places in of_picture.items() if not is_near(tie)]
    differing = [places for places in copies if len({cases[place].labels for place in places}) > 1]
    conflicts = _later(cases, [part for places in differing for part in _by_set(places, numbers)])
    examples = tuple(cases[place].id for place in sorted(pictures | patients)[:MOST_EXAMPLES])
    return Leakage(splits, len(conflicts), examples)


def refuse(leaks: Leakage, settings: LeakageSettings, how: str) -> None:
    """A DataError where a run may not begin with this; `how` says how it is accepted where one is."""
    if (reasons := leaks.reasons()) and not settings.is_accepted:
        listed = "; ".join(reasons)
        raise DataError(
            f"{listed[0].upper()}{listed[1:]} (as {', '.join(leaks.examples)}). Figures would come out too good. In a "
            "studio, on the page Image sets under Versions, make a version with the split drawn anew, or without these "
            f"training cases; of files, take the copies out, or remove the splits to have them made. {how}"
        )


def words(leaks: Leakage, settings: LeakageSettings) -> list[str]:
    """For the card: that somebody had a run go on, who, why and with what."""
    if not settings.is_accepted or not leaks.reasons():
        return []
    return [f"Leakage was accepted by {settings.accepted_by}: “{settings.why.strip()}”. {'; '.join(leaks.reasons())}."]


def settled(image_set: ImageSet, way: Way, on_case: OnCase | None = None) -> tuple[ImageSet, tuple[Case, ...]]:
    """The set without leakage, and the cases that were left out for it. Every picture is opened."""
    if way == "regroup":
        return divided_anew(image_set, look_at_all([case.pixels for case in image_set.cases], on_case)), ()
    cases = image_set.cases
    ties = picture_ties(look_at_all([case.pixels for case in cases], on_case))
    of_patient = {place: [("patient", case.patient)] for place, case in enumerate(cases) if case.patient}
    groups = [*members(ties).values(), *members(of_patient).values()]
    gone = {place for places in groups for place in _earlier(cases, places)}
    kept = [case for place, case in enumerate(cases) if place not in gone]
    return image_set.with_cases(kept), tuple(case for place, case in enumerate(cases) if place in gone)


def divided_anew(image_set: ImageSet, looks: Sequence[Look]) -> ImageSet:
    """The set with the same splits in the shares of before, dealt anew, patients and copies together."""
    undivided = [replace(case, split=None) for case in image_set.cases]
    return image_set.with_cases(assign(undivided, _shares(image_set), 0, looks))


def _shares(image_set: ImageSet) -> SplitSettings:
    """As the set was divided before, where it was. A split that it came without is left to each run, which takes it
    from training cases."""
    val, test = (min(len(image_set.of(split)) / len(image_set.cases), MOST_HELD) for split in MEASURED)
    return SplitSettings(val=val, test=test) if val or test else SplitSettings()


def _later(cases: Sequence[Case], groups: Iterable[Sequence[int]]) -> set[int]:
    """Of each group, the cases of a later split than its first."""
    later = set()
    for places in groups:
        order = {place: PLACE[split] for place in places if (split := cases[place].split)}
        later |= {place for place in order if order[place] > min(order.values())}
    return later


def _earlier(cases: Sequence[Case], places: Sequence[int]) -> Iterable[int]:
    """Of a group, the cases of an earlier split than its last."""
    order = {place: PLACE[split] for place in places if (split := cases[place].split)}
    return [place for place in order if order[place] < max(order.values())]


def _by_set(places: Sequence[int], numbers: Sequence[int]) -> list[list[int]]:
    return [[place for place in places if numbers[place] == number] for number in {numbers[place] for place in places}]


def _count(cases: Sequence[Case], places: Iterable[int], split: str) -> int:
    return sum(cases[place].split == split for place in places)

"""Erasing a patient of an image set for good, or a single case; by admins of the project.

Every version that shows them goes, and another without them takes its place: a version never changes. Reviews and what
was decided about other cases go on with it. Runs that were tuned on them stay, or go too, as the admin chooses: what
their weights learned can't be taken out of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from core.case import ImageSet as WholeSet
from core.deid.key import NAME, site_key
from core.records.access import Who, permit
from core.records.accounts.people import administering
from core.records.audit import note
from core.records.database import Database
from core.records.erasing.carried import Renumbered, carry_on, take_boxes
from core.records.erasing.cases_told import (
    going_of,
    going_texts,
    going_uploads,
    not_reached,
    staying_of,
    staying_uploads,
)
from core.records.erasing.chosen_cases import KINDS, Chosen, Holding, gone_of, holding_of, of_others
from core.records.erasing.erased_rows import OF_RUNS, count, take_cases, take_reviews, under_way
from core.records.erasing.erasing import Erasure, erase_run
from core.records.erasing.erasing_uploads import HeldUploads, held_uploads, refuse_busy, take_held
from core.records.erasing.log_files import mask_lines, named_lines
from core.records.erasing.named_texts import take_names
from core.records.erasing.remains import Files, brought_copies, clear, leave, merged
from core.records.payloads import Ask, Export, Find, Settle
from core.records.place import Place
from core.records.runs import artifacts
from core.records.sets.mended import forget_left_out
from core.records.sets.versions import SetError, add_rest, keep_rest, nothing_kept, version_folder
from core.records.tables import UNDER_WAY, Case, ImageSet, Job, Run, Version, now
from core.runs.forgotten import NAMED, WRITTEN, Gone, forget_cases, forget_words
from core.sets.version import About, read_version

MOST_LISTED = 1000


@dataclass(frozen=True)
class Planned:
    """What is erased, by what it is known, and the uploads that hold it."""

    holding: Holding
    gone: Gone
    held: HeldUploads


@dataclass(frozen=True)
class Rest:
    """What is left of a version, and its files, which lie there already."""

    old: Version
    cases: WholeSet
    about: About
    places: dict[int, int]
    """Numbers of cases now by those before."""


def erasable_cases(db: Database, who: Who, kind: str) -> list[tuple[str, str]]:
    """The first of each set, as they are chosen from."""
    permit(who, "manage")
    column = KINDS[kind]
    own = (ImageSet.project_id.in_(who.projects), ImageSet.erased.is_(None), Version.erased.is_(None))
    every = select(ImageSet.id, ImageSet.name, column).join(Version, Version.set_id == ImageSet.id)
    of_sets = every.join(Case, Case.version_id == Version.id).where(*own, column.is_not(None)).distinct()
    with db.reading() as session:
        rows = session.execute(of_sets.order_by(ImageSet.name, column).limit(MOST_LISTED)).all()
        return [(f"{name} ({title})", f"{set_id}/{name}") for set_id, title, name in rows]


def case_erasure(db: Database, place: Place, who: Who, chosen: Chosen) -> Erasure:
    planned = _planned(db, place, who, chosen)
    holding, gone, held = planned.holding, planned.gone, planned.held
    lines, own = named_lines(place, gone.names), holding.row.project_id
    with db.reading() as session:
        going = [*going_of(session, holding, chosen), *going_texts(session, own, gone, lines)]
        staying = staying_of(session, holding, chosen, gone)
    going += going_uploads(held, own)
    staying += [*staying_uploads(held, own), *not_reached(db, place)]
    return Erasure(chosen.name, tuple(going), tuple(staying))


def erase_cases(db: Database, place: Place, who: Who, chosen: Chosen) -> None:
    """What runs kept and logs say first, which does no harm twice; then the rows, all or none; then the files."""
    planned = _planned(db, place, who, chosen)
    with db.reading() as session:
        _refuse_under_way(session, planned.holding)
    refuse_busy(planned.held)
    rests = _rests(place, planned.holding, chosen)
    for run in planned.holding.learners:
        if chosen.takes_runs:
            erase_run(db, place, who, run.id)
        else:
            _forget_in_run(db, place, run, planned.gone)
    for version in planned.holding.row.versions:
        forget_left_out(place, version, planned.gone)
    more = {"lines_of_log_files": mask_lines(place, planned.gone.names), "not_reached": not_reached(db, place)}
    with nothing_kept(db, *(rest.about for rest in rests)), db.session() as session:
        left = _take(session, place, who, chosen, planned, rests, more)
    clear(db, place, who, left, planned.holding.row.project_id)
    db.empty_journal()


def _planned(db: Database, place: Place, who: Who, chosen: Chosen) -> Planned:
    with db.reading() as session:
        holding = holding_of(session, who, chosen)
        others = of_others(session, holding)
    gone = gone_of(place, chosen, holding, others)
    return Planned(holding, gone, held_uploads(db, place, who, chosen, holding, gone))


def _take(
    session: Session,
    place: Place,
    who: Who,
    chosen: Chosen,
    planned: Planned,
    rests: Sequence[Rest],
    more: Mapping[str, Any],
) -> int:
    """All rows; returns the number of what is left to be removed. `more` is what else the receipt tells."""
    acting = administering(session, who)
    session.execute(select(ImageSet.id).where(ImageSet.id == chosen.set_id).with_for_update())
    holding, before = holding_of(session, acting, chosen), planned.holding
    if holding.depends.numbers != before.depends.numbers or holding.names != before.names:
        raise SetError("The set has changed meanwhile. Look at what would go now, and erase it then.")
    _refuse_under_way(session, holding)
    files = [take_held(session, planned.held), _in_their_place(session, acting, holding, rests)]
    files += [_asked(session, holding, planned.gone), _brought(place, holding)]
    texts = take_names(session, holding.row.project_id, planned.gone)
    subject = planned.gone.without(holding.row.name)
    facts = _facts(planned, chosen) | {"texts": texts, **more}
    mark = site_key(place.data / NAME).mark(f"erased {chosen.kind} {chosen.set_id}/{chosen.name}")
    note(session, acting, f"erase {chosen.kind}", holding.row.project_id, subject, **facts, mark=mark)
    return leave(session, f"a {chosen.kind} of {subject}", merged(*files))


def _facts(planned: Planned, chosen: Chosen) -> dict[str, Any]:
    holding, held = planned.holding, planned.held
    return {
        "set": holding.row.id,
        "versions": len(holding.depends.versions),
        "cases": len(holding.names),
        "runs": len(holding.learners),
        "runs_erased": len(holding.learners) if chosen.takes_runs else 0,
        "uploads": len(holding.depends.uploads) + len(held.going),
        "uploads_left": [each.upload.id for each in held.staying],
    }


def _in_their_place(session: Session, who: Who, holding: Holding, rests: Sequence[Rest]) -> Files:
    """New versions for those that go, and with them what was decided; without one, what was decided goes too."""
    files, next_of = list[Files](), dict[int, int]()
    take_boxes(session, [version.id for version in holding.row.versions], holding.names)
    for rest in rests:
        old = next(version for version in holding.depends.versions if version.id == rest.old.id)
        made = add_rest(session, old, rest.cases, rest.about, who, next_of.get(old.made_from or 0, old.made_from))
        folders = carry_on(session, Renumbered(old.id, rest.places, holding.names), made)
        next_of[old.id] = made.id
        files.append(Files(folders=tuple(folders)))
    alone = [review for review in holding.depends.reviews if review.version_id not in next_of.values()]
    files.append(take_reviews(session, alone))
    files.append(take_cases(session, holding.depends))
    for version in holding.depends.versions:
        version.note, version.counts, version.erased = "", {}, now()
    session.flush()
    return merged(*files)


def _asked(session: Session, holding: Holding, gone: Gone) -> Files:
    """What was asked of runs and names them, or shows the same picture; and zips of runs, in which their readings
    are."""
    project_id, runs = holding.row.project_id, [run.id for run in holding.learners]
    of_runs = Job.kind.in_(OF_RUNS) & Job.payload["run"].as_integer().in_(runs)
    about_them = Job.kind.in_((Ask.kind, Find.kind)) & Job.payload["image"].as_string().in_(holding.pictures)
    jobs = session.scalars(select(Job).where(Job.project_id == project_id, or_(of_runs, about_them))).all()
    going = [
        job
        for job in jobs
        if job.kind == Export.kind
        or job.payload.get("image") in holding.pictures
        or gone.is_named_in([job.payload, job.result, job.error])
    ]
    session.execute(delete(Job).where(Job.id.in_([job.id for job in going])))
    return Files(exports=tuple(job.id for job in going if job.kind == Export.kind))


def _brought(place: Place, holding: Holding) -> Files:
    """Their pictures, in the store and as they came from a browser to be asked about."""
    return Files(folders=tuple(brought_copies(place, holding.pictures)), pictures=holding.pictures)


def _forget_in_run(db: Database, place: Place, run: Run, gone: Gone) -> None:
    folder, why = place.runs / run.key, str(run.settings.get("leakage", {}).get("why", ""))
    artifacts.bring_back(db, place, run, NAMED)
    written = forget_words([*(folder / name for name in WRITTEN), place.runs / f"{run.key}.yaml"], why, gone)
    names = [file.name for file in written if file.parent == folder]
    artifacts.keep_changed(db, place, run, [*forget_cases(folder, gone), *names])


def _rests(place: Place, holding: Holding, chosen: Chosen) -> list[Rest]:
    """Where a newer version shows none of them, those before it get none in their place: the newest stays that."""
    rests = list[Rest]()
    for version in holding.depends.versions if holding.is_newest else ():
        whole = read_version(version_folder(place, version), place.store)
        kept = [row for row, case in enumerate(whole.cases) if not chosen.includes(case.id, case.patient)]
        if kept:
            rest = whole.with_cases(whole.cases[row] for row in kept)
            places = {row: place for place, row in enumerate(kept)}
            rests.append(Rest(version, rest, keep_rest(place, rest), places))
    return rests


def _refuse_under_way(session: Session, holding: Holding) -> None:
    row, depends = holding.row, holding.depends
    working = under_way(session, row.project_id, depends, row.name)
    settling = (Job.kind == Settle.kind) & Job.payload["version"].as_integer().in_(depends.numbers)
    working += count(session, settling, Job.state.in_(UNDER_WAY))
    working += count(session, Job.id.in_([run.job_id for run in holding.learners]), Job.state.in_(UNDER_WAY))
    if working:
        raise SetError(
            f"Something waits or is carried out with “{row.name}”, or with what was tuned on it. Cancel that or wait "
            "for its end, then erase."
        )

"""What erasing a patient or a case does, in words: what goes, what stays, and what nothing here reaches."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.limits import limits
from core.pictures.store import open_store
from core.records.database import Database
from core.records.erasing.carried import verdicts_about
from core.records.erasing.chosen_cases import Chosen, Holding, of_others
from core.records.erasing.erasing import counted
from core.records.erasing.erasing_uploads import Held, HeldUploads
from core.records.erasing.named_texts import audit_entries, lasting_reasons, named_lines, named_texts
from core.records.erasing.remains import pictures_in_use
from core.records.payloads import Export
from core.records.place import Place
from core.records.startup import COPIES
from core.records.tables import Case, ImageSet, Run, Version
from core.runs.forgotten import Gone
from core.sets.names_in_text import is_a_word

MOST_NAMED = 5
BACKUPS = "backups, and what was taken away before: zips, tables, reports"
COPIES_OF_TABLES = "“copies” in the data folder: the tables as they were before upgrades"
OTHER_MACHINES = (
    "other machines of this studio that have disks of their own: their workers remove runs/ and versions/ below "
    "VITASK_DATA within {hours} hours of being up; logs/ there, and image features in VITASK_CACHE, are yours to remove"
)
CONTAINERS = "what containers print: “docker compose logs”, or wherever that is collected"


def going_of(session: Session, holding: Holding, chosen: Chosen) -> list[str]:
    depends, zips = holding.depends, sum(job.kind == Export.kind for job in holding.depends.jobs)
    jobs = [job.id for job in depends.about_cases]
    elsewhere = pictures_in_use(session, holding.pictures, jobs, depends.numbers) | of_others(session, holding)
    numbers = [version.number for version in depends.versions]
    fate = "another takes its place, without them" if holding.is_newest else "a newer one shows none of them"
    runs = len(holding.learners)
    lines = [
        *counted([("case", len(holding.names))], None, "names, labels, patient, boxes, report"),
        *counted([("picture that nothing else shows", len(holding.pictures) - len(elsewhere))]),
        *counted([("version", len(numbers))], None, f"({', '.join(map(str, numbers))}): {fate}"),
        *counted([("verdict", verdicts_about(session, depends.numbers, holding.names))], None, "about them"),
        *counted([("upload that it came from", len(depends.uploads))], "uploads that they came from", "whole"),
        *counted([("question", len(jobs))], None, "about cases of these versions"),
        *counted([("zip to take away", zips)], None, "made of such a run"),
        "audits of labels that drew one of them, and what searches left in their folders",
    ]
    if not holding.is_newest:
        lines += counted([("review", len(depends.reviews))], None, "of these versions, with all verdicts")
    if runs and chosen.takes_runs:
        lines.append(f"{_named(holding.learners)}: with files, figures and all that was asked of them")
    elif runs:
        lines.append(
            f"in {_named(holding.learners)}: what was read of them, their places in indexes, and features of all "
            "pictures, so that simple rivals, and how unlike a new picture is, are told no more"
        )
    return lines


def staying_of(session: Session, holding: Holding, chosen: Chosen, gone: Gone) -> list[str]:
    lines = ["all other cases, with labels, boxes and what was decided about them"] if holding.is_newest else []
    if holding.learners and not chosen.takes_runs:
        lines.append(
            f"{_named(holding.learners)}: they may have learned from them. What is in their weights and figures can't "
            "be taken out: have these runs erased too where that must not stay. None of them can be resumed, probed or "
            "tuned again"
        )
    if chosen.kind == "patient":
        lines += _same_elsewhere(session, holding.row, chosen)
    entries = audit_entries(session, holding.row.project_id, gone)
    reasons = lasting_reasons(session, holding.row.project_id, gone)
    lines += counted(
        [("reason of a verdict or of corrected boxes", reasons)],
        "reasons of verdicts or of corrected boxes",
        "that names them in words: these can't be changed, so erase the review where that must not stay",
    )
    if gone.is_named_in(holding.row.name):
        lines.append("the name of the set itself, which names them: rename it")
    if not all(map(is_a_word, gone.patients | gone.cases)):
        lines.append(
            "a name of few digits, where it stands in sentences, notes, logs and in files that no check has listed: it "
            "may be any number there, and is not looked for"
        )
    return [
        *lines,
        "the audit log: that it was done, without the name; and whatever stands there already",
        *counted([("entry of it", entries)], "entries of it", "with a name of theirs, which nobody can change"),
    ]


def going_texts(session: Session, project_id: int, gone: Gone, lines_of_files: int) -> list[str]:
    """What people and programs wrote."""
    texts, lines = named_texts(session, project_id, gone), named_lines(session, project_id, gone)
    of_what = (
        "with a name of theirs, of runs, reviews, sets and jobs (names, notes, messages): there it says “[erased]” then"
    )
    return [
        *counted([("text", len(texts))], None, of_what),
        *counted([("line", len(lines))], None, "that jobs printed"),
        *counted([("line", lines_of_files)], None, "in log files of the studio: there it says “***” then"),
    ]


def going_uploads(held: HeldUploads, own: int) -> list[str]:
    return [
        f"{each.words()}; it goes whole, with its check" + _elsewhere(each.project, each.upload.project_id, own)
        for each in held.going
    ]


def staying_uploads(held: HeldUploads, own: int) -> list[str]:
    """What was brought into other projects of the admin, or is kept because the admin says so; and what is called the
    same."""
    return [
        f"{each.words()}{_elsewhere(each.project, each.upload.project_id, own)}: {_why_it_stays(each)}"
        for each in held.staying
    ]


def _why_it_stays(held: Held) -> str:
    if held.is_sure:
        return "it holds them still. Throw it away there where it must not stay"
    if held.is_busy:
        return "it is looked at just now. Look what would go once that has ended"
    return "something is called the same there. Look whose it is, and throw it away there where it must not stay"


def not_reached(db: Database, place: Place) -> list[str]:
    """Where nothing of this studio comes to."""
    is_alone = open_store(place.store).is_local and db.is_sqlite
    has_copies = (place.data / COPIES).is_dir()
    elsewhere = [OTHER_MACHINES.format(hours=limits().unused_hours), CONTAINERS]
    return [BACKUPS, *([COPIES_OF_TABLES] if has_copies else []), *([] if is_alone else elsewhere)]


def _elsewhere(project: str, number: int, own: int) -> str:
    return "" if number == own else f" (in the project {project})"


def _same_elsewhere(session: Session, row: ImageSet, chosen: Chosen) -> list[str]:
    """Whether it is the same person nobody can tell: numbers of two sets may be of two hospitals."""
    of_project = select(ImageSet.name).join(Version, Version.set_id == ImageSet.id).join(Case, chosen.is_its)
    others = of_project.where(
        Case.version_id == Version.id,
        ImageSet.project_id == row.project_id,
        ImageSet.id != row.id,
        Version.erased.is_(None),
    )
    names = session.scalars(others.distinct().order_by(ImageSet.name)).all()
    return [f"a patient called the same in {name}: erase it there too if it is the same person" for name in names]


def _named(runs: Sequence[Run]) -> str:
    """“A” (run 3), “B” (run 4) and 2 more."""
    more = f" and {len(runs) - MOST_NAMED:,} more" if len(runs) > MOST_NAMED else ""
    return ", ".join(f"“{run.name}” (run {run.id})" for run in runs[:MOST_NAMED]) + more

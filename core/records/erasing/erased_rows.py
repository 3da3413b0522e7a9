"""The rows of versions and reviews, as they are erased: what there is of them, and taking it out of the records.

Whoever calls has checked the right to it, and has what lies on the disk removed afterwards (`remains`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, func, insert, or_, select
from sqlalchemy.orm import Session

from core.records.erasing.remains import Files, merged
from core.records.payloads import Add, Ask, Check, Estimate, Export, Find, Probe
from core.records.tables import (
    UNDER_WAY,
    AuditedCase,
    BeingErased,
    BoxCorrection,
    Case,
    Correction,
    Ground,
    Job,
    LabelAudit,
    Review,
    Run,
    Standing,
    Suspect,
    Upload,
    Verdict,
    Version,
)

OF_RUNS = (Ask.kind, Find.kind, Probe.kind, Export.kind)
FOLDER_OF_REVIEWS = "reviews"
OF_A_SEARCH = ("", ".run", ".yaml")
"""What lies there of a search: its folder, what it took of a run, its settings."""


@dataclass(frozen=True)
class OfVersions:
    """What depends on some versions of one project."""

    versions: tuple[Version, ...]
    runs: tuple[Run, ...]
    reviews: tuple[Review, ...]
    jobs: tuple[Job, ...]
    """What was asked of the runs, or made of them."""
    uploads: tuple[int, ...]
    """Files that people brought, of which the versions were made, where they are still there."""

    @property
    def numbers(self) -> list[int]:
        return [version.id for version in self.versions]

    @property
    def about_cases(self) -> list[Job]:
        """Questions about cases of the versions: what was answered shows them."""
        return [job for job in self.jobs if job.kind == Ask.kind and job.payload.get("case") is not None]


def of_versions(session: Session, project_id: int, versions: Sequence[Version]) -> OfVersions:
    ids = [version.id for version in versions]
    runs = session.scalars(select(Run).where(Run.version_id.in_(ids))).all()
    reviews = session.scalars(select(Review).where(Review.version_id.in_(ids))).all()
    asked_run, made = Job.payload["run"].as_integer(), Job.result["version"].as_integer()
    of_runs = (Job.kind.in_(OF_RUNS), asked_run.in_([run.id for run in runs]))
    added = (Job.kind == Add.kind, made.in_(ids))
    jobs = session.scalars(select(Job).where(Job.project_id == project_id, *of_runs)).all()
    # A later upload may have the number of one that is gone, which the job names still.
    is_its = (Job.payload["upload"].as_integer() == Upload.id) & (Upload.created <= Job.created)
    brought = select(Upload.id).join(Job, is_its).where(Job.project_id == project_id, *added).distinct()
    return OfVersions(tuple(versions), tuple(runs), tuple(reviews), tuple(jobs), tuple(session.scalars(brought)))


def under_way(session: Session, project_id: int, depends: OfVersions, set_name: str) -> int:
    """How many jobs wait or are carried out that read the versions, or add to their set."""
    own = [*(run.job_id for run in depends.runs), *(review.job_id for review in depends.reviews)]
    own += [job.id for job in depends.jobs]
    estimates = (Job.kind == Estimate.kind) & Job.payload["version"].as_integer().in_(depends.numbers)
    adding = (Job.kind == Add.kind) & (Job.payload["set_name"].as_string() == set_name)
    locked = select(Job).where(Job.project_id == project_id, or_(Job.id.in_(own), estimates, adding))
    return sum(job.state in UNDER_WAY for job in session.scalars(locked.with_for_update()))


def count(session: Session, *wanted: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).where(*wanted)) or 0


def take_reviews(session: Session, reviews: Sequence[Review]) -> Files:
    """With what was found, every verdict, and why cases of later versions differ; and the job that searched."""
    ids, jobs = [review.id for review in reviews], [review.job_id for review in reviews]
    session.execute(select(Review.id).where(Review.id.in_(ids)).with_for_update())  # nobody decides meanwhile
    with_leave(session, "review", ids)
    for table in (AuditedCase, LabelAudit, Standing, Suspect, Ground, Correction, Verdict):
        session.execute(delete(table).where(table.review_id.in_(ids)))
    without_leave(session)
    session.execute(delete(Review).where(Review.id.in_(ids)))
    session.execute(delete(Job).where(Job.id.in_(jobs)))
    return Files(folders=tuple(folders_of(reviews)))


def folders_of(reviews: Sequence[Review]) -> list[str]:
    return [f"{FOLDER_OF_REVIEWS}/{review.key}{ending}" for review in reviews for ending in OF_A_SEARCH]


def take_versions(session: Session, depends: OfVersions) -> Files:
    """With cases, reviews, corrections, uploads and answers about its cases. The rows of the versions stay as they are:
    whoever calls says what becomes of them."""
    ids = depends.numbers
    files = take_reviews(session, depends.reviews)
    pictures = pictures_of(session, ids)
    with_leave(session, "version", ids)
    for table in (BoxCorrection, Correction):
        session.execute(delete(table).where(table.version_id.in_(ids)))
    without_leave(session)
    of_cases = take_cases(session, depends)
    return merged(files, of_cases, Files(pictures=tuple(pictures)))


def take_cases(session: Session, depends: OfVersions) -> Files:
    """The cases with what they came from and what was answered about them; of pictures nothing is said."""
    session.execute(delete(Case).where(Case.version_id.in_(depends.numbers)))
    uploads = take_uploads(session, depends.uploads)
    session.execute(delete(Job).where(Job.id.in_([job.id for job in depends.about_cases])))
    return Files(
        folders=uploads.folders,
        stored=tuple(f"versions/{version.hash}/left out of {version.id}.csv" for version in depends.versions),
        versions=tuple(version.hash for version in depends.versions),
    )


def take_uploads(session: Session, numbers: Sequence[int]) -> Files:
    """With what their checks and additions were asked, found and printed."""
    folders = [f"uploads/{key}" for key in session.scalars(select(Upload.key).where(Upload.id.in_(numbers)))]
    of_uploads = (Job.kind.in_((Add.kind, Check.kind)), Job.payload["upload"].as_integer().in_(numbers))
    session.execute(delete(Upload).where(Upload.id.in_(numbers)))
    session.execute(delete(Job).where(*of_uploads, Job.state.not_in(UNDER_WAY)))
    return Files(folders=tuple(folders))


def pictures_of(session: Session, versions: Collection[int]) -> list[str]:
    """The pictures and masks of their cases, each once."""
    columns = (Case.digest, Case.more["mask"].as_string())
    shown = (select(column).where(Case.version_id.in_(versions)).distinct() for column in columns)
    return sorted({digest for wanted in shown for digest in session.scalars(wanted) if digest})


def with_leave(session: Session, kind: str, numbers: Sequence[int]) -> None:
    """From here to `without_leave` the database lets what is append-only be deleted, of these alone."""
    if numbers:
        session.execute(insert(BeingErased), [{"kind": kind, "number": number} for number in numbers])


def without_leave(session: Session) -> None:
    session.execute(delete(BeingErased))

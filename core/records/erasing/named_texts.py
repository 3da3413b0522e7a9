"""What people and programs wrote about a project, where it names who is erased: the name goes, the rest stays.

Reasons of verdicts and of corrected boxes can't be changed, and are only counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.records.payloads import Add, Check
from core.records.tables import (
    UNDER_WAY,
    Audit,
    BoxCorrection,
    Correction,
    ImageSet,
    Job,
    LogLine,
    Review,
    Run,
    RunTag,
    Table,
    Verdict,
    Version,
)
from core.runs.forgotten import Gone

AT_ONCE = 1000
OF_JOBS = ("payload", "result", "error", "progress")


LEAKAGE = "leakage"
"""Of the settings and figures of a run only this: a reason stands there, in somebody's words."""


@dataclass(frozen=True)
class Text:
    """A row of the records, and a column of it that holds what was written; of JSON, perhaps one part."""

    row: Table
    column: str
    part: str = ""

    @property
    def content(self) -> Any:
        whole = getattr(self.row, self.column)
        return (whole or {}).get(self.part) if self.part else whole

    def change(self, content: Any) -> None:
        whole = {**getattr(self.row, self.column), self.part: content} if self.part else content
        setattr(self.row, self.column, whole)


def named_texts(session: Session, project_id: int, gone: Gone) -> list[Text]:
    """Names and notes of runs, reviews, versions and sets, reasons of corrections, and what jobs were asked and
    answered. Jobs of uploads keep what they were asked: that goes with its upload."""
    return [text for text in _texts(session, project_id) if gone.is_named_in(text.content)]


def take_names(session: Session, project_id: int, gone: Gone) -> int:
    """Returns from how many texts; lines that a job printed go whole."""
    texts, lines = named_texts(session, project_id, gone), named_lines(session, project_id, gone)
    for text in texts:
        if isinstance(text.row, RunTag):
            session.delete(text.row)
        else:
            text.change(gone.without(text.content))
    for job_id, number in lines:
        session.execute(delete(LogLine).where(LogLine.job_id == job_id, LogLine.number == number))
    return len(texts) + len(lines)


def named_lines(session: Session, project_id: int, gone: Gone) -> list[tuple[int, int]]:
    """Of what jobs printed: job and number of each line."""
    lines = select(LogLine.job_id, LogLine.number, LogLine.text).join(Job, Job.id == LogLine.job_id)
    rows = session.execute(lines.where(Job.project_id == project_id).execution_options(yield_per=AT_ONCE))
    return [(job_id, number) for job_id, number, text in rows if gone.names.are_in(text)]


def lasting_reasons(session: Session, project_id: int, gone: Gone) -> int:
    """How many reasons name them that nobody can change, but for by erasing their review."""
    of_verdicts = select(Verdict.why).join(Review, Review.id == Verdict.review_id)
    of_boxes = select(BoxCorrection.why).join(ImageSet, ImageSet.id == BoxCorrection.set_id)
    queries = (of_verdicts.where(Review.project_id == project_id), of_boxes.where(ImageSet.project_id == project_id))
    return sum(gone.names.are_in(why) for query in queries for why in session.scalars(query) if why)


def audit_entries(session: Session, project_id: int, gone: Gone) -> int:
    entries = select(Audit.subject, Audit.details).where(Audit.project_id == project_id)
    rows = session.execute(entries.execution_options(yield_per=AT_ONCE))
    return sum(gone.is_named_in([subject, details]) for subject, details in rows)


def _texts(session: Session, project_id: int) -> Iterator[Text]:
    of_runs, of_project = Run.project_id == project_id, ImageSet.project_id == project_id
    versions = select(Version).join(ImageSet, ImageSet.id == Version.set_id).where(of_project)
    corrections = select(Correction).join(Version, Version.id == Correction.version_id)
    in_sets = corrections.join(ImageSet, ImageSet.id == Version.set_id).where(of_project, Correction.why != "")
    for run in session.scalars(select(Run).where(of_runs)):
        yield from (Text(run, "name"), Text(run, "note"))
        yield from (Text(run, "settings", LEAKAGE), Text(run, "metrics", LEAKAGE))
    for tag in session.scalars(select(RunTag).join(Run, Run.id == RunTag.run_id).where(of_runs)):
        yield Text(tag, "tag")
    for review in session.scalars(select(Review).where(Review.project_id == project_id)):
        yield from (Text(review, "name"), Text(review, "settings", LEAKAGE))
    yield from (Text(row, "note") for row in session.scalars(select(ImageSet).where(of_project)))
    yield from (Text(row, "note") for row in session.scalars(versions))
    yield from (Text(row, "why") for row in session.scalars(in_sets))
    jobs = select(Job).where(Job.project_id == project_id, Job.state.not_in(UNDER_WAY))
    for job in session.scalars(jobs):
        own = OF_JOBS[2:] if job.kind in (Add.kind, Check.kind) else OF_JOBS
        yield from (Text(job, column) for column in own)

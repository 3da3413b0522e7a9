"""Runs that have ended: what their people are told wherever they are, and what another system is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from core.records.access import Who
from core.records.database import Database
from core.records.jobs import Claimed
from core.records.tables import Job, Run

ENDS = {"done": "is finished", "failed": "has failed", "stopped": "is stopped and can be resumed"}
"""How a run ends of which somebody should hear. Who cancelled one knows."""
MOST = 5
_ENDED = select(Run.id, Run.name, Job.state).join(Job, Job.id == Run.job_id).where(Job.state.in_(ENDS))


@dataclass(frozen=True)
class EndedRun:
    id: int
    name: str
    state: str

    @property
    def words(self) -> str:
        return f"Run “{self.name}” {ENDS[self.state]}."


def ended_since(db: Database, who: Who, since: datetime) -> list[EndedRun]:
    """The person's own runs in projects that they still see, the last to end first."""
    own = _ENDED.where(Run.person_id == who.id, Run.project_id.in_(who.projects), Job.ended > since)
    with db.reading() as session:
        rows = session.execute(own.order_by(Job.ended.desc()).limit(MOST))
        return [EndedRun(row.id, row.name, row.state) for row in rows]


def ended_by(db: Database, claimed: Claimed) -> EndedRun | None:
    """The run of a job, where it has ended in these hands so that somebody should hear of it."""
    in_these = (Job.id == claimed.id, Job.claims == claimed.claims)
    with db.reading() as session:
        row = session.execute(_ENDED.where(*in_these)).first()
    return None if row is None else EndedRun(row.id, row.name, row.state)

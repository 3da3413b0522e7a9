"""Versions whose splits share patients or pictures: runs on them are refused, and the next version settles it.

A run is refused when it is queued by what the rows tell: patients, and copies that are stored as one picture. Near
copies are looked for when it begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.case import Case
from core.checks import leakage
from core.checks.leakage import Leakage, LeakageSettings, Way
from core.layouts.splits import split_named
from core.pictures.store import StoredPixels
from core.records import jobs, tables
from core.records.access import Who
from core.records.database import Database
from core.records.payloads import Settle
from core.records.place import Place
from core.records.sets.versions import OnCase, allowed_version, hold_living, version_folder, write_version
from core.records.tables import Version
from core.records.wake import send
from core.sets.version import read_version

ACCEPTING = "Or write under Leakage why the run is to go on all the same: its card then tells it, with your name."


def accepted_by(who: Who, settings: Mapping[str, Any]) -> dict[str, Any]:
    """A run's settings, in which nobody else accepts leakage than who queues it."""
    block = settings.get("leakage") or {}
    why = str(block.get("why", "")).strip()
    return {**settings, "leakage": {"accepted_by": who.name, "why": why}} if why else dict(settings)


def refuse_leaking(session: Session, version: Version, settings: Mapping[str, Any]) -> None:
    """Not where fewer cases than all are taken: which those are is known when the run begins, and asked then."""
    if not settings.get("limit"):
        block = LeakageSettings.parse(settings.get("leakage") or {}, "leakage")
        leakage.refuse(leakage_of_version(session, version), block, ACCEPTING)


def leakage_of_version(session: Session, version: Version) -> Leakage:
    row = tables.Case
    wanted = select(row.name, row.digest, row.labels, row.split, row.patient).where(
        row.version_id == version.id, row.split.is_not(None)
    )
    cases = [
        Case(name, StoredPixels("", digest), tuple(labels), split_named(split or ""), patient)
        for name, digest, labels, split, patient in session.execute(wanted.order_by(row.number))
    ]
    return leakage.leakage_of_looks(cases, None)


def version_leaks(db: Database, who: Who, version_id: int) -> Leakage:
    """What is known of a version without opening its pictures."""
    with db.reading() as session:
        return leakage_of_version(session, allowed_version(session, who, version_id))


def request_settle(db: Database, place: Place, who: Who, version_id: int, way: str) -> int:
    """Has the next version made, without leakage; returns the job."""
    payload = Settle.parse({"version": version_id, "way": way}, "settle")
    with db.session() as session:
        version = allowed_version(session, who, version_id, "work")
        hold_living(session, version_id)
        job = jobs.enqueue(session, who, version.image_set.project_id, payload)
    send(place, job.queue, job.id)
    return job.id


def settle(
    db: Database, place: Place, who: Who, version_id: int, way: Way, on_case: OnCase | None = None
) -> tuple[Version, int]:
    """The next version of a set, without leakage, and how many cases were left out for it. Every picture is opened."""
    with db.reading() as session:
        version = allowed_version(session, who, version_id, "work")
    image_set = read_version(version_folder(place, version), place.store)
    next_set, left_out = leakage.settled(image_set, way, on_case)
    note = f"version {version.number}, {leakage.WAYS[way]}"
    if left_out:
        note += f": {len(left_out):,} left out"
    project_id = version.image_set.project_id
    made = write_version(
        db, place, next_set, who=who, project_id=project_id, set_id=version.set_id, note=note, made_from=version_id
    )
    return made, len(left_out)

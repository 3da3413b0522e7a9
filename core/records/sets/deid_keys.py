"""By which key uploads were de-identified: the audit log remembers each key by its fingerprint.

Another key gives the same patient another pseudonym, so that nothing keeps their pictures in one split any more.
"""

from __future__ import annotations

from sqlalchemy import select

from core.case import Finding
from core.deid.key import NAME
from core.records.audit import write
from core.records.database import Database
from core.records.tables import Audit, Person, Upload

ACTION = "de-identify upload"


def note_key(db: Database, upload: Upload, fingerprint: str) -> None:
    """Says in the log that an upload was de-identified, and with which key."""
    with db.session() as session:
        person = session.get(Person, upload.person_id) if upload.person_id else None
        name = person.name if person else ""
        write(session, upload.person_id, name, ACTION, upload.project_id, f"upload {upload.id}", {"key": fingerprint})


def key_findings(db: Database, fingerprint: str) -> tuple[Finding, ...]:
    """A warning where others were de-identified with another key."""
    entries = select(Audit.at, Audit.details).where(Audit.action == ACTION).order_by(Audit.id)
    with db.reading() as session:
        others = [at for at, details in session.execute(entries) if details.get("key") != fingerprint]
    if not fingerprint or not others:
        return ()
    message = (
        f"The key {NAME} is another than that of {len(others):,} earlier uploads (the last of {others[-1]:%Y-%m-%d}): "
        "the same patient has another pseudonym and other dates there, and may stand in two splits unnoticed. Bring "
        "the earlier key back from a copy, and upload these files again."
    )
    return (Finding("another_key", "warning", len(others), message),)

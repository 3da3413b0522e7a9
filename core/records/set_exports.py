"""A version to take away: what is drawn on its pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core.records.access import Who
from core.records.database import Database
from core.records.place import Place
from core.records.tables import Case
from core.records.versions import allowed_version, version_folder
from core.sets.coco import set_content
from core.sets.version import read_version

DRAWN = ("boxes", "mask")


def is_drawn_on(db: Database, who: Who, version_id: int) -> bool:
    """Whether some case of the version has a box or a mask."""
    with db.reading() as session:
        allowed_version(session, who, version_id)
        return has_drawn(session, version_id, DRAWN)


def has_drawn(session: Session, version_id: int, kinds: Sequence[str]) -> bool:
    has_any = or_(*(Case.more[kind].as_string().is_not(None) for kind in kinds))
    drawn_on = select(Case.number).where(Case.version_id == version_id, has_any).limit(1)
    return session.scalar(drawn_on) is not None


def drawn_as_coco(db: Database, place: Place, who: Who, version_id: int) -> bytes:
    """The boxes and masks of a version, as a COCO file."""
    with db.reading() as session:
        version = allowed_version(session, who, version_id)
    content = set_content(read_version(version_folder(place, version), place.store))
    return json.dumps(content, ensure_ascii=False).encode()

"""What is drawn on the pictures of a version: whether anything is, a case's mask, and all of it to take away."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core.case import Pixels
from core.layouts.coco import set_as_coco
from core.machine.aside import ASIDE
from core.pictures.masks import Inside, RunPixels, inside_of, packed_runs, unpacked_runs
from core.pictures.store import StoredPixels, encoded, open_store
from core.records.access import Who
from core.records.database import Database
from core.records.place import Place
from core.records.sets.versions import allowed_version, version_folder
from core.records.tables import Case
from core.sets.version import read_version

DRAWN = ("boxes", "mask")
IN_TURN = threading.Lock()
"""Held while a mask is decoded, so that a set of many masks leaves the other child to those who look at pictures."""


def is_drawn_on(db: Database, who: Who, version_id: int) -> bool:
    """Whether some case of the version has a box or a mask."""
    with db.reading() as session:
        allowed_version(session, who, version_id)
        return has_drawn(session, version_id, DRAWN)


def has_drawn(session: Session, version_id: int, kinds: Sequence[str]) -> bool:
    has_any = or_(*(Case.more[kind].as_string().is_not(None) for kind in kinds))
    drawn_on = select(Case.number).where(Case.version_id == version_id, has_any).limit(1)
    return session.scalar(drawn_on) is not None


def drawn_as_coco(db: Database, place: Place, who: Who, version_id: int) -> Iterator[str]:
    """The boxes and masks of a version, as a COCO file, piece by piece: of thousands of masks each is decoded when its
    turn comes."""
    with db.reading() as session:
        version = allowed_version(session, who, version_id)
    return set_as_coco(read_version(version_folder(place, version), place.store), _runs_in_turn)


def mask_inside(place: Place, digest: str) -> Inside:
    """What a mask has inside, by its content. Asks nobody: whoever calls has checked."""
    runs = _runs_aside(StoredPixels(open_store(place.store).url, digest))
    return inside_of(runs.runs, runs.width, runs.height)


def _runs_aside(mask: Pixels) -> RunPixels:
    return unpacked_runs(*ASIDE.run(packed_runs, encoded(mask), "A mask"))


def _runs_in_turn(mask: Pixels) -> RunPixels:
    with IN_TURN:
        return _runs_aside(mask)

"""An upload whose pictures wait for a look, as the check leaves it."""

from __future__ import annotations

from pathlib import Path

from core.records.access import Who
from core.records.database import Database
from core.records.place import Place
from core.records.sets import sets, tray
from tests.deid.burning import burned, without_names, written_to


def brought(database: Database, place: Place, who: Who, folder: Path) -> int:
    """An upload of three pictures: two with the same name in the same place, one with nothing."""
    files = [written_to(folder / f"{name}.dcm", without_names(burned())) for name in ("a", "b")]
    files.append(written_to(folder / "c.dcm", without_names(burned(()))))
    upload = sets.new_upload(database, place, who, who.projects[0], files, "scans")
    tray.gate_of(place, upload).close()
    sets.set_upload(database, upload.id, "checked", {"waiting": 2})
    return upload.id

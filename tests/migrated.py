"""Records without a row, in tables of the newest kind: copied, since to migrate takes longer than most tests."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from core.records.database import Database, open_database
from core.records.place import Place


def new_records(place: Place) -> Database:
    """Of a studio that keeps them in a file beside its pictures."""
    (place.data / "studio.db").write_bytes(migrated())
    return open_database(place)


@cache
def migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "studio.db"
        database = Database(f"sqlite:///{file}")
        database.upgrade()
        database.dispose()
        return file.read_bytes()

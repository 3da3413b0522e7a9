"""A studio without anybody in it yet, as those meet it who want to come in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from app.context import Studio
from core.records.accounts import people
from core.records.place import Place
from tests.migrated import new_records


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    monkeypatch.setattr(people, "_hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    place = Place.at(tmp_path / "data")
    database = new_records(place)
    yield Studio(place, database)
    database.dispose()

"""A place is made once, and found again by every process that inherits its environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.records.place import CODE, Place, keep_private


def test_everything_lies_below_the_data_folder_unless_told_otherwise(tmp_path: Path) -> None:
    place = Place.at(tmp_path / "data")
    assert place.database == f"sqlite:///{tmp_path / 'data' / 'studio.db'}"
    assert place.store == str(tmp_path / "data" / "store")
    assert place.redis is None
    assert {place.uploads, place.runs, place.logs, place.versions} == {
        tmp_path / "data" / name for name in ("uploads", "runs", "logs", "versions")
    }


def test_a_child_process_finds_the_same_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place.at(tmp_path / "data", redis="redis://127.0.0.1:7000/0")
    for name, value in place.environment().items():
        monkeypatch.setenv(name, value)
    assert Place.from_environment() == place


def test_there_is_no_secret_that_signs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions are random tokens of which the records keep a digest: a key beside them would only mislead."""
    monkeypatch.setenv("VITASK_SECRET", "whatever")
    place = Place.at(tmp_path / "data")
    assert list(place.data.iterdir()) == [] and "VITASK_SECRET" not in place.environment()


def test_secrets_are_not_shown_where_a_place_is_printed(tmp_path: Path) -> None:
    place = Place.at(tmp_path, redis="redis://:geheim@127.0.0.1/0")
    assert "geheim" not in repr(place)


def test_people_are_told_what_it_is_about_and_not_where_on_the_server(tmp_path: Path) -> None:
    place = Place.at(tmp_path / "data")
    message = place.without_paths(
        f"{place.runs / 'abc' / 'set.json'} can't be read, nor {place.data}. "
        f'File "{CODE / "core" / "runs" / "tune.py"}", line 3; {Path.home() / "x.png"}; {tmp_path / "data-of-others"}'
    )
    assert message.startswith("runs/abc/set.json can't be read, nor ….")
    assert 'File "core/runs/tune.py", line 3; x.png;' in message
    assert not [folder for folder in (tmp_path, Path.home(), CODE) if f"{folder}/" in message]


def test_what_is_made_is_its_owners_alone(tmp_path: Path) -> None:
    """Whatever the person's own umask allows."""
    before = os.umask(0o000)
    try:
        place = Place.at(tmp_path / "data")
        assert mode(place.data) == 0o700
        keep_private()
        place.logs.mkdir()
        (place.data / "studio.db").touch()
        assert (mode(place.logs), mode(place.data / "studio.db")) == (0o700, 0o600)
    finally:
        os.umask(before)


def test_a_place_that_others_can_read_is_tightened_and_told_once(tmp_path: Path) -> None:
    place = Place.at(tmp_path / "data")
    for folder in (place.runs, place.logs):
        folder.mkdir()
        folder.chmod(0o755)
    (place.data / "studio.db").touch()
    (place.data / "studio.db").chmod(0o664)
    place.data.chmod(0o755)
    outside = tmp_path / "shared"
    outside.mkdir()
    outside.chmod(0o755)
    (place.data / "store").symlink_to(outside)
    assert [path.name for path in place.tighten()] == ["data", "logs", "runs", "studio.db"]
    assert {mode(path) for path in (place.data, place.runs, place.logs)} == {0o700}
    assert (mode(place.data / "studio.db"), mode(outside)) == (0o600, 0o755)
    assert place.tighten() == []


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777

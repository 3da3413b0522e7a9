"""`vitask set tray`: what waits is listed and decided about at the shell, and what can't be is told kindly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.cli.main import main
from core.records.access import Who
from core.records.accounts import people
from core.records.database import Database
from core.records.place import Place
from core.records.sets import sets
from tests.migrated import new_records
from tests.records.held import brought


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Database, Place, Who, int]:
    """With the number of its upload, of which two pictures wait that are alike."""
    for name in ("VITASK_DATABASE", "VITASK_STORE", "VITASK_REDIS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VITASK_DATA", str(tmp_path / "data"))
    place = Place.at(tmp_path / "data")
    database = new_records(place)
    who = people.local(database)
    return database, place, who, brought(database, place, who, tmp_path / "came")


def tray(*arguments: object) -> int:
    return main(["set", "tray", *map(str, arguments)])


def test_what_waits_is_listed_and_decided_about_one_by_one_or_all_alike(
    studio: tuple[Database, Place, Who, int], capsys: pytest.CaptureFixture[str]
) -> None:
    database, _, who, upload = studio
    assert tray("list") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.split("  ")[:4] == [str(upload), "1", "scans", "a.dcm"] and second.split("  ")[1] == "2"
    assert "Something is written in it that looks like a name" in first
    assert tray("list", "--json") == 0
    listed = json.loads(capsys.readouterr().out)["waiting"]
    assert [(row["upload"], row["number"], row["file"]) for row in listed] == [
        (upload, 1, "a.dcm"),
        (upload, 2, "b.dcm"),
    ]
    assert tray("release", upload, 1) == 0
    assert capsys.readouterr().out == "Decided about 1. 1 wait still.\n"
    assert tray("mask", upload, 2, "--rectangle", "12,5,120,30", "--rectangle", "0,0,4,4") == 0
    assert "None waits any more: the upload is checked" in capsys.readouterr().out
    assert sets.upload(database, who, upload).state == "checking"
    assert tray("list") == 0
    assert capsys.readouterr().out == "No picture waits for a look.\n"


def test_those_that_are_alike_are_decided_about_together(
    studio: tuple[Database, Place, Who, int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert tray("reject", studio[-1], 2, "--alike") == 0
    assert "Decided about 2." in capsys.readouterr().out


def test_what_can_not_be_is_told_and_nothing_is_decided(
    studio: tuple[Database, Place, Who, int], capsys: pytest.CaptureFixture[str]
) -> None:
    upload = studio[-1]
    refusals: dict[str, list[object]] = {
        "Picture 9 is not waiting": ["release", upload, 9],
        "There is nothing here that you can see": ["release", 99, 1],
        "four numbers: left, top, right, bottom": ["mask", upload, 1, "--rectangle", "1,2,3"],
        'L,T,R,B, not "1,2,x,4"': ["mask", upload, 1, "--rectangle", "1,2,x,4"],
        "holds nothing of a picture of 240 x 130": ["mask", upload, 1, "--rectangle", "900,0,950,9"],
        "Nobody's": ["list", "--project", "Nobody's"],
    }
    for why, arguments in refusals.items():
        assert tray(*arguments) == 2
        printed = capsys.readouterr()
        assert why in printed.err and "Traceback" not in printed.err and printed.out == ""
    assert tray("list") == 0
    assert len(capsys.readouterr().out.splitlines()) == 2

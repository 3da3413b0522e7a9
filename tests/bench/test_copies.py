"""The bench of the search for near copies: it plants copies of every kind, and tells how many were seen."""

from __future__ import annotations

import json

import pytest

from core.bench import copies
from core.cli.main import main
from core.sets.alike import alterations


def test_planted_copies_are_the_only_ones_among_pictures_of_their_own_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CROWD", "CLUSTERED"):
        monkeypatch.setattr(copies, name, 0)
    looks = copies.drawn_looks(200)
    assert len(looks) == 200 and len({look.shown for look in looks}) == 200
    altered = alterations(looks)
    assert sorted(altered) == [(number, 180 + number) for number in range(20)]
    assert list(dict(sorted(altered.items())).values())[:4] == [
        "of other brightness or contrast",
        "of other brightness or contrast",
        "mirrored",
        "cropped",
    ]


def test_a_search_tells_its_costs_and_what_it_saw(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "copies", "--pictures", "300,600", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [(row["pictures"], row["planted"], row["told"]) for row in rows] == [(300, 30, 30), (600, 60, 60)]
    assert all(row["seconds"] > 0 and row["processor_seconds"] > 0 and row["peak_mib"] > 20 for row in rows)
    assert main(["bench", "copies", "--pictures", "300"]) == 0
    assert "| 30 of 30 |" in capsys.readouterr().out

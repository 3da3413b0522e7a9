"""Kinds of statements that methods share: kept with the readings, compared between readers, told in a table."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from core import catalog
from core.case import Box, Case, Task
from core.pictures.masks import Inside, RunPixels, runs_of
from core.pictures.pixels import FilePixels
from core.readings import reading
from core.readings.answer import Answer, answer_from_plain, answer_to_plain
from core.readings.mask import Mask
from core.readings.reading import Reading
from core.readings.regions import Region, Regions
from core.readings.results import evaluate, table

TRUE = Box("cell", 0.25, 0.25, 0.75, 0.75)
INSIDE = np.arange(16).reshape(4, 4) % 3 == 0


@pytest.fixture(autouse=True)
def _a_method_says_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "method_of_this_test", SimpleNamespace(SAYS=(Regions, Mask)))
    monkeypatch.setitem(catalog.METHODS, "showing", "method_of_this_test")


def showing(left: float, mask: Inside) -> Answer:
    region = Region(label="cell", left=left, top=0.25, right=0.75, bottom=0.75, score=0.9)
    return Answer((1.0, 0.0), said=(Regions(regions=(region,), labels=("cell",)), Mask.of("cell", mask)))


def readings() -> list[Reading]:
    """Of two cases; the first has a box and a mask, the second neither, and nobody drew a mask on it."""
    mask = RunPixels(runs_of(INSIDE), 4, 4)
    cases = [
        Case("1", FilePixels(Path("1.png")), ("cell",), "test", boxes=(TRUE,), mask=mask),
        Case("2", FilePixels(Path("2.png")), (), "test", boxes=()),
    ]
    answers = {"near": showing(0.25, INSIDE), "far": showing(0.6, ~INSIDE)}
    return [Reading.of(case, "cells", name, answer) for name, answer in answers.items() for case in cases]


def test_they_are_kept_and_sent_whole(tmp_path: Path) -> None:
    reading.save(readings(), tmp_path / "test.parquet")
    assert reading.load(tmp_path / "test.parquet") == readings()
    answer = showing(0.25, INSIDE)
    assert answer_from_plain(json.loads(json.dumps(answer_to_plain(answer)))) == answer


def test_readers_are_compared_where_the_set_says_something() -> None:
    results = evaluate(readings(), {"cells": Task(answers=("cell", "blot"), kind="multi")}, draws=20, seed=0)
    regions, masks = (results["statements"][kind] for kind in ("regions", "mask"))
    assert (regions["cases"], masks["cases"]) == (2, 1), "no box is something that is said, no mask is not"
    worth = {name: {key: each["value"] for key, each in row.items()} for name, row in regions["readers"].items()}
    assert worth["near"] == {"acc_50": 1, "map_50": 1, "map": 1, "nothing": 0, "unparsed": 0}
    assert worth["far"] == {"acc_50": 0, "map_50": 0, "map": 0, "nothing": 0, "unparsed": 0}
    assert masks["readers"]["near"]["dice"]["value"] == 1 and masks["readers"]["far"]["dice"]["value"] == 0
    assert regions["differences"]["far - near"]["map_50"]["value"] == -1
    tables = table(results)
    assert "| reader | Acc@IoU .5 | mAP .5 | mAP .5:.95 | Nothing there, rightly | Unreadable answers |" in tables
    assert "**Mask (1 cases with a reference)**" in tables

"""What a run would take, from real steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.case import SPLITS, Case, ImageSet, Task
from core.estimate import estimate, largest
from core.images import FilePixels
from core.material import Material
from tests import runs


def test_the_largest_cases_stand_for_all(tmp_path: Path) -> None:
    cases = []
    for number, side in enumerate((10, 40, 20, 40)):
        Image.new("L", (side, side)).save(tmp_path / f"{number}.png")
        label = ("short", "a much longer answer")[number == 3]
        cases.append(Case(str(number), FilePixels(tmp_path / f"{number}.png"), (label,), "train"))
    material = Material((ImageSet("set", Task(answers=("short", "a much longer answer")), tuple(cases)),))
    assert [one.case.id for one in largest(material.items("train"), material, 3)] == ["3", "1", "2"]


@pytest.mark.slow
def test_every_part_of_a_run_is_estimated_and_nothing_is_left_behind(images: Path, checkpoint: Path) -> None:
    run = runs.run(images, checkpoint, training={"steps": 7})
    before = sorted(path.name for path in images.rglob("*"))
    told = estimate(run)
    assert sorted(path.name for path in images.rglob("*")) == before
    assert told["steps"] == {"stage-1": 7, "stage-2": 7, "vanilla": 14}
    assert set(told["parts"]) == {"loading", "tsm", "features", "readings", *told["steps"]}
    assert all(seconds > 0 for seconds in told["parts"].values())
    assert np.isclose(told["seconds"], sum(told["parts"].values()))
    assert told["cases"] == 42 == sum(len(list((images / name).iterdir())) for name in ("dark", "light_scar", "light"))
    assert told["fits"] and 0 < told["memory_gib"] < told["available_gib"]
    assert len(SPLITS) == 3 and told["assumptions"]


@pytest.mark.slow
def test_more_steps_take_longer_and_as_much_memory(images: Path, checkpoint: Path) -> None:
    few, many = (estimate(runs.run(images, checkpoint, training={"steps": steps})) for steps in (10, 1000))
    assert many["seconds"] > 3 * few["seconds"]
    assert many["memory_gib"] < 1.5 * few["memory_gib"]

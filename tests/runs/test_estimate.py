"""What a run would take, from real steps."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.case import SPLITS, Case, ImageSet, Task
from core.events import Done, FeaturesEncoded, StageDone
from core.models import features
from core.pictures.pixels import FilePixels
from core.runs import estimate as estimating
from core.runs import prepare
from core.runs import tune as tuning
from core.runs.estimate import STEPS, estimate, largest
from core.runs.tune import tune
from core.sample import write
from core.sets.joint import JointSet
from core.training import loop, tsm_stage, vlm_stage
from core.training.loop import Stage
from core.training.unseen import FOLDS
from tests import run_files


def test_the_largest_case_has_the_most_pixels_and_the_longest_answer(tmp_path: Path) -> None:
    cases = []
    for number, side in enumerate((10, 40, 20, 40)):
        Image.new("L", (side, side)).save(tmp_path / f"{number}.png")
        label = ("short", "a much longer answer")[number == 3]
        cases.append(Case(str(number), FilePixels(tmp_path / f"{number}.png"), (label,), "train"))
    joint_set = JointSet((ImageSet("set", Task(answers=("short", "a much longer answer")), tuple(cases)),))
    assert largest(joint_set.items("train"), joint_set).case.id == "3"


@pytest.fixture
def long_named(tmp_path: Path) -> Path:
    """A set in which one batch could be filled with the longest answer alone."""
    return run_files.draw(tmp_path / "set", ("a", "by far the longest answer"), 40)


@pytest.mark.slow
def test_cases_that_contradict_each_other_stand_for_a_run_as_it_draws_them(
    long_named: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The largest cases alone had one label, no contrast, and half of a run's memory."""
    losses: list[set[str]] = []

    def step(stage: Stage, number: int, *others: Any) -> None:
        losses.append(
            {name for micro in stage.micro_batches(number) for name, count in micro.counts().items() if count}
        )

    monkeypatch.setattr(estimating, "make_step", step)
    estimate(run_files.run(long_named, checkpoint))
    assert losses.count({"van", "ep", "rda", "crt"}) == STEPS


@pytest.mark.slow
def test_the_time_of_a_stage_is_the_median_step_times_its_steps(
    images: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = {0: 90.0, 1: 1.0, 2: 2.0, 3: 3.0, 4: 60.0}
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def step(stage: Stage, number: int, *others: Any) -> None:
        clock[0] += taken[number]

    monkeypatch.setattr(estimating, "make_step", step)
    told = estimate(run_files.run(images, checkpoint, training={"steps": 7}, tsm={"least_steps": 20}))
    assert told["seconds_per_step"] == dict.fromkeys(("vanilla", "stage-1", "stage-2"), 2.5)
    parts = {"tsm": 20 * 2.5, "vanilla": 14 * 2.5, "stage-1": 7 * 2.5, "stage-2": 7 * 2.5}
    assert told["parts"] == {"loading": 0, "features": 0, "readings": 0, **parts}
    assert told["seconds"] == sum(parts.values())


BY_PROCESSOR_TIME = """
import sys, time
time.perf_counter = time.process_time
from core.cli.main import main
sys.exit(main())
"""
"""The command by a clock that stands still while the machine halts or serves others."""


class Work:
    """A clock that only work moves, and by how much of it is done: so a run and its estimate can be held together."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)
        self.costs(monkeypatch, (loop, estimating), "make_step", lambda stage, *others: 16.0)
        self.costs(monkeypatch, (tsm_stage, estimating, prepare), "describe", lambda tsm, shown, places: len(places))
        self.costs(monkeypatch, (vlm_stage,), "distributions", lambda vlm, questions, *others: len(questions))
        self.costs(monkeypatch, (tuning, estimating), "free_text", lambda vlm, questions, *others: len(questions) / 4)
        self.costs(monkeypatch, (features,), "_write", lambda vlm, unique, *others: len(unique))

    def costs(
        self, monkeypatch: pytest.MonkeyPatch, modules: Sequence[Any], name: str, seconds: Callable[..., float]
    ) -> None:
        """The function does what it does, and takes so long by this clock."""
        function = getattr(modules[0], name)

        def taking(*given: Any) -> Any:
            self.now += seconds(*given)
            return function(*given)

        for module in modules:
            monkeypatch.setattr(module, name, taking)


@pytest.mark.slow
@pytest.mark.parametrize("evaluate_every", [2, None])
def test_an_estimate_foretells_the_events_of_its_run(
    tmp_path: Path, images: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, evaluate_every: int | None
) -> None:
    monkeypatch.setenv("VITASK_CACHE", str(tmp_path / "cache"))
    work = Work(monkeypatch)
    run = run_files.run(images, checkpoint, training={"steps": 5, "evaluate_every": evaluate_every})
    foretold = estimate(run)
    work.now = 0.0
    tune(run, tmp_path / "run")
    events = run_files.events(tmp_path / "run")
    stages = {event.stage: event for event in events if isinstance(event, StageDone)}
    assert foretold["steps"] == {name: event.steps for name, event in stages.items() if name != "tsm"}
    for name, event in stages.items():
        described = 42.0 if name == "tsm" else 0.0  # all cases, after the stage
        assert event.seconds is not None
        assert foretold["parts"][name] == pytest.approx(event.seconds + described)
    assert foretold["parts"]["features"] == pytest.approx(42)
    done = events[-1]
    assert isinstance(done, Done)
    assert foretold["seconds"] == pytest.approx(done.seconds)
    assert foretold["cases"] == next(event.whole for event in events if isinstance(event, FeaturesEncoded))


@pytest.mark.slow
def test_a_run_of_the_starter_takes_what_was_estimated(tmp_path: Path) -> None:
    settings: run_files.Values = {
        "images": str(write(tmp_path / "cells")),
        "vlm": {"family": "starter"},
        "tsm": {"name": "convnet", "image_size": 28, "epochs": 1, "least_steps": 10},
        "method": {"name": "vitask"},
        "preset": "quick",
        "training": {"steps": 4},
        "reading": {"free_text": 2, "draws": 20},
        "limit": {"train": 64, "val": 16, "test": 16},
    }
    file = run_files.write_run(tmp_path / "run.yaml", settings)
    command = [sys.executable, "-c", BY_PROCESSOR_TIME]
    estimated = subprocess.run([*command, "estimate", str(file), "--json"], check=True, stdout=subprocess.PIPE)
    told = json.loads(estimated.stdout)
    tune_it = ["tune", str(file), "--out", str(tmp_path / "run"), "--json"]
    subprocess.run([*command, *tune_it], check=True, stdout=subprocess.DEVNULL)
    done = run_files.events(tmp_path / "run")[-1]
    assert isinstance(done, Done) and done.seconds
    assert told["memory_gib"] == pytest.approx(done.peak_memory_gib, rel=0.15)
    # The log says how near seconds on the clock come where nobody else uses the machine.
    assert 1 / 3 < told["seconds"] / done.seconds < 3
    held = {
        stage: [row.memory_gib or 0 for row in run_files.steps(tmp_path / "run", stage).values()]
        for stage in told["steps"]
    }
    assert max(held["stage-2"]) < 1.2 * max(held["stage-1"])


@pytest.mark.slow
def test_every_part_of_a_run_is_estimated_and_nothing_is_left_behind(images: Path, checkpoint: Path) -> None:
    run = run_files.run(images, checkpoint, training={"steps": 7}, reading={"rivals": "ladder"})
    before = sorted(path.name for path in images.rglob("*"))
    told = estimate(run)
    assert sorted(path.name for path in images.rglob("*")) == before
    assert told["steps"] == {"stage-1": 7, "stage-2": 7, "vanilla": 14}
    assert set(told["parts"]) == {"loading", "tsm", "features", "readings", "simple rivals", *told["steps"]}
    assert all(seconds > 0 for seconds in told["parts"].values())
    assert np.isclose(told["seconds"], sum(told["parts"].values()))
    assert told["cases"] == 42 == sum(len(list((images / name).iterdir())) for name in ("dark", "light_scar", "light"))
    assert told["fits"] and 0 < told["memory_gib"] < told["available_gib"]
    assert len(SPLITS) == 3 and told["assumptions"]


@pytest.mark.slow
def test_more_steps_take_longer_and_as_much_memory(
    images: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Work(monkeypatch)
    few, many = (estimate(run_files.run(images, checkpoint, training={"steps": steps})) for steps in (10, 1000))
    for stage in ("stage-1", "stage-2"):
        assert many["parts"][stage] - few["parts"][stage] == pytest.approx(990 * 16.0, rel=0.2)
    assert many["memory_gib"] < 1.5 * few["memory_gib"]


@pytest.mark.slow
def test_an_estimate_counts_the_folds(images: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Work(monkeypatch)
    unseen = {"method": {"name": "vitask", "exemplars_of_training": "out_of_sample"}}
    known, folded = (
        estimate(run_files.run(images, checkpoint, tsm={"least_steps": 400}, **more))["parts"]["tsm"]
        for more in ({}, unseen)
    )
    steps = (FOLDS - 1) * 400  # each fold's TSM learns the others, in as many steps as is their share
    assert folded - known == pytest.approx(steps * 16.0, rel=0.05)

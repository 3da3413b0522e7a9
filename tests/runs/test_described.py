"""Exemplars of training cases: as printed by a TSM that knows them by heart, or by one that learned without them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from core.errors import StoppedError
from core.models.tsm import Tsm
from core.runs.described import known_cases, train_tsm, what_tsms_know
from core.runs.folder import Folder
from core.runs.running import Running
from core.runs.tune import start, tune
from core.training.tsm_stage import tsm_answers
from core.training.vlm_stage import RunCases
from tests import run_files
from tests.runs.test_tune import stopper

UNSEEN = {"method": {"name": "vitask", "exemplars_of_training": "out_of_sample"}}
LONG = {"least_steps": 150, "width": 32, "learning_rate": 0.01, "shift": 0.0}


@pytest.fixture(scope="module")
def coins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of noise under labels that were tossed: they can be known by heart, and never be told."""
    folder, noise = tmp_path_factory.mktemp("sets") / "coins", np.random.default_rng(0)
    for number in range(120):
        below = folder / ("heads" if noise.random() < 0.5 else "tails")
        below.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(below / f"{number}.png")
    return folder


def described(images: Path, checkpoint: Path, out: Path, **more: object) -> tuple[Running, RunCases, Tsm]:
    running = start(run_files.run(images, checkpoint, tsm=LONG, **more), out, False, lambda event: None, lambda: False)
    tsm = train_tsm(running, 0)
    return running, known_cases(running, [tsm]), tsm


def accuracy(cases: RunCases, tsm: Tsm, split: str) -> float:
    places = cases.places(split)
    likely = tsm_answers(tsm, cases.exemplars[0][places], [0] * len(places), cases.joint_set.tasks)
    answers = cases.joint_set.tasks[0].answers
    named = [answers[int(np.argmax(each))] for each in likely]
    return float(
        np.mean([cases.items[place].case.labels == (name,) for place, name in zip(places, named, strict=True)])
    )


def test_no_exemplar_of_a_training_case_is_of_a_tsm_that_learned_it(
    coins: Path, checkpoint: Path, tmp_path: Path
) -> None:
    """Of tossed labels in sample all is known, and out of sample nothing."""
    _, printed, tsm = described(coins, checkpoint, tmp_path / "printed")
    running, unseen, same = described(coins, checkpoint, tmp_path / "unseen", **UNSEEN)
    assert accuracy(printed, tsm, "train") > 0.95
    assert 0.3 < accuracy(unseen, same, "train") < 0.7
    others = [place for place, item in enumerate(unseen.items) if item.case.split != "train"]
    assert torch.equal(printed.exemplars[0][others], unseen.exemplars[0][others]), "val and test are the TSM's own"
    (sentence,) = what_tsms_know(running, unseen, [same])
    assert "right about 1.000 of 84 training cases" in sentence and "by TSMs that learned without them" in sentence
    (short,) = what_tsms_know(running, printed, [tsm])
    assert short.startswith("The TSM (tsm) is right about")


def test_what_can_be_told_is_told_out_of_sample_in_the_final_tsms_own_space(
    images: Path, checkpoint: Path, tmp_path: Path
) -> None:
    """Its own head reads the exemplars of networks that were trained apart."""
    _, cases, tsm = described(images, checkpoint, tmp_path / "run", **UNSEEN)
    assert accuracy(cases, tsm, "train") > 0.9


@pytest.mark.parametrize("after", [12, 14, 20, 26])
def test_a_run_that_was_stopped_between_its_folds_resumes_to_the_same_bytes(
    after: int, unseen_run: Path, images: Path, checkpoint: Path, tmp_path: Path
) -> None:
    out, run = tmp_path / "parts", run_files.run(images, checkpoint, **UNSEEN)
    with pytest.raises(StoppedError):
        tune(run, out, is_stopped=stopper(after))
    tune(run, out, is_resumed=True)
    assert run_files.weights(out) == run_files.weights(unseen_run)
    assert Folder(out).metrics.read_text() == Folder(unseen_run).metrics.read_text()


@pytest.fixture(scope="module")
def unseen_run(images: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    tune(run_files.run(images, checkpoint, **UNSEEN), out)
    return out


def test_a_finished_run_keeps_the_exemplars_and_not_the_folds(unseen_run: Path) -> None:
    kept = [path.name for path in (unseen_run / "out-of-sample").iterdir()]
    assert kept == ["tsm.safetensors"]
    assert load_file(Folder(unseen_run).unseen(0))["features"].shape == (30, 8)
    card = Folder(unseen_run).card.read_text()
    assert "came from a TSM that learned without it" in card and "Their exemplars, by TSMs that learned" in card

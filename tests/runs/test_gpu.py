"""On a graphics card: the shared prefix is as exact, a run goes through, opens and resumes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from core.catalog import FAMILIES
from core.errors import StoppedError
from core.models.exemplar import Exemplars
from core.models.shared_prefix import Branches
from core.readings import reading
from core.runs.estimate import estimate
from core.runs.folder import Folder
from core.runs.opened import Asked, open_run, read_cases
from core.runs.prepare import open_images
from core.runs.tune import tune
from tests import run_files
from tests.contract.official import build, pictures

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"),
]


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "auto"])
def test_sharing_a_prefix_on_the_card_gives_what_plain_passes_give(family: str) -> None:
    vlm = build(family)
    vlm.base.to("cuda").float()
    features = vlm.encode(pictures())
    exemplars = Exemplars([6], vlm.hidden_size).to("cuda")
    embedded = exemplars([torch.randn(len(features), 6)], len(features))
    told = []
    for is_shared in (True, False):
        branches = Branches(vlm, features, embedded, is_shared)
        slots = [
            slot
            for image, encoded in enumerate(features)
            for answer in ("cat", "a small dog")
            for with_exemplar in (False, True)
            for slot in branches.add(
                image, vlm.prompt("What is it?", len(encoded.tokens)), vlm.response(answer), with_exemplar
            )
        ]
        with torch.no_grad():
            told.append(branches.logits()[slots])
    shared, plain = told
    assert (shared - plain).abs().max() / plain.abs().max() < 1e-3


def test_a_run_on_the_card_goes_through_and_opens(images: Path, checkpoint: Path, tmp_path: Path) -> None:
    run = run_files.run(images, checkpoint, training={"precision": "fp32"})
    results = tune(run, tmp_path / "run")
    rivals = ["tsm", "knn", "probe-connector", "tsm+probe", "tsm-probe-mean"]
    assert list(results["readers"]) == [*rivals, "vlm", "vanilla", "vitask", "vitask+tsm"]
    folder = Folder(tmp_path / "run")
    assert folder.kept(folder.environment)["device"] == torch.cuda.get_device_name()
    stored = {(row.reader, row.case): row.answer for row in reading.load(folder.readings("test"))}
    opened = open_run(folder.path)
    assert opened.tuned.vlm.device.type == "cuda"
    cases = open_images(opened.run).sets[0].of("test")
    for row in read_cases(opened, cases, "shades", Asked(())):
        assert row.answer.probabilities == pytest.approx(stored[row.reader, row.case].probabilities, abs=1e-3)


def test_a_stopped_run_ends_on_the_card_where_one_that_was_not_ends(
    images: Path, checkpoint: Path, tmp_path: Path
) -> None:
    run = run_files.run(images, checkpoint, training={"precision": "fp32"})
    tune(run, tmp_path / "whole")
    polls = iter([False] * 8 + [True])
    with pytest.raises(StoppedError):
        tune(run, tmp_path / "stopped", is_stopped=lambda: next(polls))
    tune(run, tmp_path / "stopped", is_resumed=True)
    for name in run_files.weights(tmp_path / "whole"):
        if "novelty" not in name:
            whole, stopped = (load_file(tmp_path / folder / name) for folder in ("whole", "stopped"))
            for key, value in whole.items():
                torch.testing.assert_close(stopped[key], value, atol=1e-4, rtol=1e-3)


def test_what_a_run_costs_is_foretold_of_the_cards_memory(images: Path, checkpoint: Path) -> None:
    foretold = estimate(run_files.run(images, checkpoint))
    assert foretold["device"] == torch.cuda.get_device_name()
    assert 0 < foretold["memory_gib"] < foretold["available_gib"] and foretold["fits"]

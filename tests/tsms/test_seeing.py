"""TSMs that see through the VLM: their features by hand, and which other VLM they may not see through."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from core.errors import ModelError
from core.models.lora import LoraSettings, attach
from core.models.seeing_tsm import refuse_other_eyes
from core.models.tsm import DESCRIPTION, read_saved
from core.runs.opened import load_tsm
from core.tsms import vlm_linear, vlm_mlp
from tests.contract.official import build

PICTURES = [Image.new("RGB", (28, 28), colour) for colour in ("red", "green", "navy", "white")]


def test_each_number_of_what_is_seen_is_brought_to_mean_0_and_variance_1_of_the_training_cases() -> None:
    tsm = vlm_linear.build_upon(build("internvl"), vlm_linear.Settings(), 2).train()
    seen = torch.randn(400, 2 * build("internvl").hidden_size) * 3 + 5
    for part in seen.split(100):
        tsm.scores(part)
    normed = tsm.eval().features(seen)
    assert normed.mean(0).abs().max() < 0.02 and (normed.std(0) - 1).abs().max() < 0.05
    assert tsm.width == seen.shape[1]


def test_nothing_is_mirrored_or_moved() -> None:
    tsm = vlm_mlp.build_upon(build("internvl"), vlm_mlp.Settings(), 2)
    seen = tsm.prepare(PICTURES)
    assert tsm.augment(seen, torch.Generator().manual_seed(0), ["all"] * 4) is seen
    assert "flips" not in vlm_mlp.Settings.model_fields and "shift" not in vlm_linear.Settings.model_fields


def test_it_sees_by_the_connector_as_it_came_whatever_was_tuned() -> None:
    vlm = build("internvl")
    tsm = vlm_linear.build_upon(vlm, vlm_linear.Settings(), 2)
    before = tsm.prepare(PICTURES)
    attach(vlm, LoraSettings(rank=2), "vanilla", with_connector=True)
    for name, value in vlm.base.named_parameters():
        if "modules_to_save" in name:
            value.data += 1.0
    assert not torch.allclose(tsm.summed_up(vlm.encode(PICTURES)), before)
    torch.testing.assert_close(tsm.prepare(PICTURES), before)


def test_one_that_learned_with_other_eyes_is_refused(tmp_path: Path) -> None:
    vlm, other = build("internvl"), build("internvl")
    vlm_mlp.build_upon(vlm, vlm_mlp.Settings(), 2).save(tmp_path)
    refuse_other_eyes(read_saved(tmp_path), vlm)
    tuned = next(value for name, value in other.base.named_parameters() if "vision" in name)
    tuned.data += 1.0
    with pytest.raises(ModelError, match="learned from the image features of another VLM"):
        refuse_other_eyes(read_saved(tmp_path), other)
    wider = vlm_mlp.Perceptron(vlm_mlp.Settings(), 2, vlm.hidden_size + 1)
    with pytest.raises(ModelError, match="Use it with the VLM that it was trained with"):
        wider.look_through(vlm)


CLAIMED: dict[str, dict[str, Any]] = {
    "more answers than the weights have": {"answers": 10**9},
    "other features than the weights have": {"width": 10**9},
    "answers in words": {"answers": "2"},
    "nothing of what it sees": {"preprocessing": {}},
    "no size": {"preprocessing": {"hidden_size": "wide"}},
    "less than nothing": {"preprocessing": {"hidden_size": -3}},
    "no preparation": {"preprocessing": None},
}


@pytest.mark.parametrize("claimed", CLAIMED.values(), ids=CLAIMED)
def test_a_description_that_makes_none_is_refused_in_our_words(claimed: dict[str, Any], tmp_path: Path) -> None:
    """A folder may come from elsewhere, and room is made for what it claims."""
    vlm = build("internvl")
    vlm_linear.build_upon(vlm, vlm_linear.Settings(), 2).save(tmp_path)
    assert load_tsm(tmp_path, vlm).answers == 2
    file = tmp_path / DESCRIPTION
    file.write_text(json.dumps(json.loads(file.read_text()) | claimed))
    with pytest.raises(ModelError, match="Copy the whole folder again"):
        load_tsm(tmp_path, vlm)

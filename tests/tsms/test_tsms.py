"""What every task-specific model of the catalog promises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.catalog import TSMS, find
from core.errors import ModelError
from core.models.seeing_tsm import SeeingTsm
from core.models.tsm import Tsm, read_saved, tsm_losses
from core.training.tsm_stage import looks_through_vlm
from tests.contract.official import build

pytestmark = pytest.mark.parametrize("name", TSMS)


def pictures(count: int = 8) -> list[Image.Image]:
    random = np.random.default_rng(0)
    return [Image.fromarray(random.integers(0, 256, (20, 30, 3), dtype=np.uint8)) for _ in range(count)]


def tiny(name: str) -> Tsm:
    module = find(TSMS, name, "TSM")
    tsm = module.build_upon(build("internvl"), module.Settings(), 4) if looks_through_vlm(module) else module.tiny(4)
    assert isinstance(tsm, Tsm)
    return tsm


def loaded(name: str, folder: Path) -> Tsm:
    tsm: Tsm = find(TSMS, name, "TSM").load(folder)
    if isinstance(tsm, SeeingTsm):
        tsm.look_through(build("internvl"))
    return tsm


def test_pictures_of_any_size_and_mode_become_bytes_of_one_size_or_what_the_vlm_sees(name: str) -> None:
    odd = [Image.new("L", (5, 9), 200), Image.new("RGB", (64, 40), (10, 20, 30)), Image.new("RGBA", (8, 8))]
    tsm = tiny(name)
    pixels = tsm.prepare(odd)
    if isinstance(tsm, SeeingTsm):
        assert pixels.dtype == torch.float32 and pixels.shape == (3, 2 * tsm.vlm.hidden_size)
        (seen,) = tsm.vlm.encode(odd[1:2])
        mean, spread = seen.tokens.mean(0), ((seen.tokens - seen.tokens.mean(0)) ** 2).mean(0).sqrt()
        torch.testing.assert_close(pixels[1], torch.cat([mean, spread]), atol=1e-5, rtol=1e-4)
        return
    assert pixels.dtype == torch.uint8 and pixels.shape[:2] == (3, 3) and pixels.shape[2] == pixels.shape[3]
    assert (pixels[0] == 200).all()
    assert pixels[1, :, 0, 0].tolist() == [10, 20, 30]


def test_features_have_the_width_and_scores_are_the_head_on_them(name: str) -> None:
    tsm = tiny(name).eval()
    pixels = tsm.prepare(pictures())
    features = tsm.features(pixels)
    assert features.shape == (8, tsm.width)
    assert tsm.scores(pixels).shape == (8, tsm.answers)
    torch.testing.assert_close(tsm.scores(pixels), features @ tsm.head.weight.T + tsm.head.bias)


def test_the_feature_of_a_picture_does_not_depend_on_its_batch(name: str) -> None:
    tsm = tiny(name).eval()
    pixels = tsm.prepare(pictures())
    torch.testing.assert_close(tsm.features(pixels)[2:3], tsm.features(pixels[2:3]))


def test_gradients_reach_exactly_what_is_to_be_trained(name: str) -> None:
    tsm = tiny(name).train()
    tsm_losses(tsm.scores(tsm.prepare(pictures())), torch.arange(8) % 4, "single").mean().backward()
    for part, weight in tsm.named_parameters():
        assert (weight.grad is not None) == weight.requires_grad, part
        assert weight.grad is None or torch.isfinite(weight.grad).all(), part
    assert tsm.head.weight.requires_grad


def test_the_loss_falls_on_eight_cases(name: str) -> None:
    tsm = tiny(name).train()
    pixels, labels = tsm.prepare(pictures()), torch.arange(8) % 4
    optimizer = torch.optim.AdamW([weight for weight in tsm.parameters() if weight.requires_grad], lr=1e-2)
    losses = []
    for _ in range(30):
        loss = tsm_losses(tsm.scores(pixels), labels, "single").mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_a_saved_model_gives_the_same_scores(name: str, tmp_path: Path) -> None:
    tsm = tiny(name).train()
    tsm.scores(tsm.prepare(pictures()))  # moves running means, where there are any
    tsm.eval().save(tmp_path / "tsm")
    saved = read_saved(tmp_path / "tsm")
    assert (saved.name, saved.answers, saved.width) == (name, 4, tsm.width)
    again = loaded(saved.name, tmp_path / "tsm").eval()
    pixels = again.prepare(pictures())
    assert torch.equal(pixels, tsm.prepare(pictures()))
    assert torch.equal(again.scores(pixels), tsm.scores(pixels))
    assert again.settings == tsm.settings
    assert {path.name for path in (tmp_path / "tsm").iterdir()} == {"model.safetensors", "tsm.json"}
    assert "/" not in str(saved.preprocessing)


def test_weights_that_do_not_fit_are_an_error_that_says_what_to_do(name: str, tmp_path: Path) -> None:
    tiny(name).save(tmp_path)
    load: Callable[[Path], Tsm] = find(TSMS, name, "TSM").load
    (tmp_path / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(ModelError, match="Copy the whole folder again"):
        load(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="Copy the whole folder again"):
        load(tmp_path)

"""A frozen SAM or SAM 2: it draws what transformers' own models draw; a checkpoint that is none is told in words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from core.errors import ModelError
from core.models import features
from core.models.features import EncodedPictures, open_own_features
from core.models.segmenter import MEAN, STD, Segmenter, open_segmenter
from core.readings.locator import PROMPTS, Locator
from tests import segmenters
from tests.contract.test_methods import joint_set
from tests.segmenters import SEGMENTERS, SIDE

HIDDEN = 12


def drawn(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


def opened(name: str, folder: Path) -> Segmenter:
    return open_segmenter(str(segmenters.save(name, folder / name)))


def official_pixels(image: Image.Image, is_second: bool) -> Tensor:
    """What the checkpoint's own image processor makes of a picture, at the side and with the numbers that it names."""
    numbers: dict[str, Any] = {"image_mean": [0.5] * 3, "image_std": [0.25] * 3}
    if is_second:  # that of SAM 2 wants torchvision: a square, as it is written there
        square = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR), dtype=np.float32) / 255
        return torch.from_numpy((square - 0.5) / 0.25).permute(2, 0, 1)[None]
    from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

    sizes: dict[str, Any] = {"size": {"longest_edge": SIDE}, "pad_size": {"height": SIDE, "width": SIDE}}
    inputs: Any = SamImageProcessorPil(**numbers, **sizes)(image, return_tensors="pt")
    pixels: Tensor = inputs["pixel_values"]
    return pixels


@pytest.mark.parametrize("name", SEGMENTERS)
@pytest.mark.parametrize("size", [(40, 30), (17, 64), (32, 32)])
def test_a_mask_is_what_the_model_itself_draws_for_the_same_prompts(
    name: str, size: tuple[int, int], tmp_path: Path
) -> None:
    segmenter, image = opened(name, tmp_path), drawn(*size)
    points, labels = torch.tensor([[[[9.0, 5.0], [20.0, 11.0]]]]), torch.tensor([[[1, 0]]])
    with torch.no_grad():
        prompts, _ = segmenter.model.prompt_encoder(points, labels, None, None)
        theirs = segmenter.model(
            pixel_values=official_pixels(image, name != "sam"),
            input_points=points,
            input_labels=labels,
            multimask_output=False,
        ).pred_masks[0, 0, 0]
        (seen,) = segmenter.encode([image])
        ours = segmenter.draw(prompts[0, 0], seen)
    assert seen.grid is not None and ours.shape == seen.grid[1:]
    rows, columns = ours.shape
    if name == "sam":  # of the square, what the picture fills
        width, height = (SIDE * side / max(size) for side in size)
        assert (columns, rows) == (np.ceil(int(width + 0.5)), np.ceil(int(height + 0.5)))
    else:
        assert (rows, columns) == tuple(theirs.shape)
    torch.testing.assert_close(ours, theirs[:rows, :columns], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("name", ["sam", "sam2"])
def test_the_gradient_of_a_mask_reaches_the_prompts_alone(name: str, tmp_path: Path) -> None:
    locator = Locator(HIDDEN, 2, (), True, 0, opened(name, tmp_path))
    segmenter = locator.encoder
    assert segmenter is not None and locator.mask is not None
    before = {key: weights.clone() for key, weights in segmenter.model.state_dict().items()}
    (seen,) = segmenter.encode([drawn(20, 20)])
    state = torch.randn(HIDDEN, requires_grad=True)
    locator.train()
    locator.mask_logits(state, seen, lambda: seen).square().mean().backward()
    assert state.grad is not None and state.grad.abs().sum() > 0
    names = [key for key, weights in locator.named_parameters() if weights.grad is not None]
    assert names == [f"mask.prompts.{layer}.{kind}" for layer in (0, 2) for kind in ("weight", "bias")]
    assert locator.state_dict()["mask.prompts.2.weight"].shape == (PROMPTS * segmenter.prompt_width, HIDDEN)
    assert not any(key.startswith("mask.") and "prompts" not in key for key in locator.state_dict())
    assert not segmenter.model.training and not any(weights.requires_grad for weights in segmenter.model.parameters())
    assert all((weights == before[key]).all() for key, weights in segmenter.model.state_dict().items())


def test_a_head_takes_its_sam_along(tmp_path: Path) -> None:
    segmenter = opened("sam", tmp_path)
    Locator(HIDDEN, 2, (), True, 0, segmenter).to("meta")
    assert segmenter.device == torch.device("meta")


def test_heads_that_name_one_checkpoint_share_it(tmp_path: Path) -> None:
    segmenter = opened("sam", tmp_path)
    assert open_segmenter(str(tmp_path / "sam")) is segmenter


@pytest.mark.parametrize("name", ["sam", "sam2"])
def test_what_is_kept_of_pictures_is_what_was_seen(name: str, tmp_path: Path) -> None:
    segmenter, items = opened(name, tmp_path), joint_set().items("train")

    def kept(budget_bytes: int, beside_bytes: int = 0) -> Any:
        return open_own_features(segmenter, items, tmp_path / "kept", budget_bytes, lambda *_: None, beside_bytes)

    encoded = kept(2**20)
    assert encoded.is_cached and encoded.kept_bytes == len(items) * 1024 * 4
    for read, seen in zip(
        encoded.of([0, 3]), segmenter.encode([items[n].case.pixels.load() for n in (0, 3)]), strict=True
    ):
        assert read.grid == seen.grid and torch.equal(read.tokens, seen.tokens)
    assert not kept(encoded.kept_bytes, 1).is_cached, "what the VLM's features need is not taken from them"
    anew = kept(0)
    assert not anew.is_cached and torch.equal(anew.of([3])[0].tokens, encoded.of([3])[0].tokens)


def test_what_was_seen_before_a_run_was_killed_is_kept_and_so_is_as_much_as_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "OWN_FILE", 2)
    segmenter, items = opened("sam", tmp_path), joint_set().items("train")
    counts: list[int] = []

    def kept(budget_bytes: int, most: int) -> EncodedPictures:
        def progress(done: int, whole: int) -> None:
            assert whole == len(items)
            counts.append(done)
            if done > most:
                raise KeyboardInterrupt

        return open_own_features(segmenter, items, tmp_path / "kept", budget_bytes, progress, 0)

    each = 1024 * 4
    with pytest.raises(KeyboardInterrupt):
        kept(2**20, 4)
    assert counts == [2, 4, 6]
    counts.clear()
    assert kept(2**20, 100).is_cached and counts == [6, 8]
    shutil.rmtree(tmp_path / "kept")
    some = kept(5 * each, 100)
    assert not some.is_cached and some.kept_bytes == 4 * each
    whole = segmenter.encode([item.case.pixels.load() for item in items])
    for seen, expected in zip(some.of(range(len(items))), whole, strict=True):
        assert torch.equal(seen.tokens, expected.tokens) and seen.grid == expected.grid


def test_other_weights_and_another_layout_have_another_key(tmp_path: Path) -> None:
    segmenter = opened("sam", tmp_path)
    key = segmenter.key()
    assert Segmenter(segmenter.model, "again", segmenter.mean, segmenter.std).key() == key
    assert Segmenter(segmenter.model, "other", MEAN, STD).key() != key
    segmenter.model.mask_decoder.iou_token.weight.data += 1
    assert segmenter.key() != key


def without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def pickled(folder: Path) -> None:
    without_weights(folder)
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")


def another_kind(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "vit"}))


def incomplete(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file(
        {key: value for key, value in weights.items() if key != "mask_decoder.iou_token.weight"},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )


def damaged(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"not a header")


def without_numbers(folder: Path) -> None:
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.5], "image_std": [0, 1, 1]}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without_weights, "holds no weights"),
        (pickled, r"pytorch_model\.bin, a pickled file"),
        (another_kind, "of the kind vit, which draws no masks for prompts. Give a SAM or SAM 2 checkpoint"),
        (incomplete, r"lack mask_decoder\.iou_token\.weight and 0 more"),
        (damaged, "could not be opened .* Give a SAM or SAM 2 checkpoint"),
        (without_numbers, r"preprocessor_config\.json .* three numbers each"),
    ],
)
def test_a_checkpoint_that_is_none_is_told_in_words(change: Any, words: str, tmp_path: Path) -> None:
    folder = segmenters.save("sam", tmp_path / "sam")
    change(folder)
    with pytest.raises(ModelError, match=words):
        open_segmenter(str(folder))


def test_a_checkpoint_that_is_nowhere_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match=r"could not be opened .* Give a SAM or SAM 2 checkpoint"):
        open_segmenter(str(tmp_path / "gone"))


def everywhere(values: dict[str, Any], name: str, value: str) -> dict[str, Any]:
    """A configuration's values with one more, and the same in all configurations that are nested in it."""
    nested = {key: everywhere(below, name, value) for key, below in values.items() if key.endswith("_config")}
    return {**values, **nested, name: value}


@pytest.mark.parametrize("name", SEGMENTERS)
@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation", "_attn_implementation_internal"])
def test_kernels_that_a_configuration_names_are_not_fetched(name: str, key: str, tmp_path: Path) -> None:
    folder = segmenters.save(name, tmp_path / name)
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(everywhere(values, key, "somebody/a-kernel")))
    segmenter = open_segmenter(str(folder))
    used = {module.config._attn_implementation for module in segmenter.model.modules() if hasattr(module, "config")}
    assert used <= {"sdpa", "eager"} and len(segmenter.encode([drawn(8, 8)])) == 1

"""Features of a frozen encoder: kept once, found again by what made them, and never used when they are not whole."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from PIL import Image

from core.case import Case
from core.errors import RunError
from core.models.features import FeatureStore, encoder_key, open_features
from core.models.lora import LoraSettings, attach
from core.models.vlm import ImageFeatures, Vlm
from core.sets.joint import Item
from tests.contract.official import build, pictures

GIB = 2**30


class Kept:
    """One of the pictures of the contract tests, with a digest of its own."""

    def __init__(self, number: int) -> None:
        self.number = number

    def load(self) -> Image.Image:
        return pictures()[self.number]

    def digest(self) -> str:
        return f"picture {self.number}"


ITEMS = [Item(0, Case(f"case {row}", Kept(number), ("x",))) for row, number in enumerate((0, 1, 2, 1))]


class Counting(Vlm):
    """Counts how many pictures it is asked to encode."""

    seen = 0

    def encode(self, images: object, with_gradients: bool = False) -> list[ImageFeatures]:
        self.seen += len(images)  # type: ignore[arg-type]
        return super().encode(images, with_gradients)  # type: ignore[arg-type]


def counting(name: str = "internvl") -> Counting:
    vlm = build(name)
    return Counting(vlm.base, vlm.tokenizer, vlm.image_processor, vlm.anatomy, vlm.name)


def opened(
    vlm: Vlm, folder: Path, budget: int = GIB, is_frozen: bool = True, items: Sequence[Item] = ITEMS
) -> FeatureStore:
    return open_features(vlm, items, folder, budget, is_frozen, lambda done, whole: None)


def aged(file: Path, hours: float) -> Path:
    """A file that was last used so long ago."""
    then = time.time() - 3600 * hours
    os.utime(file, (then, then))
    return file


def made_by(vlm: Vlm, folder: Path, items: Sequence[Item]) -> Path:
    """The one new file in the folder after these cases were opened."""
    before = set(folder.glob("*.features"))
    opened(vlm, folder, items=items)
    (new,) = set(folder.glob("*.features")) - before
    return new


def same(encoded: list[ImageFeatures], other: list[ImageFeatures], within: float = 0.0) -> None:
    for mine, theirs in zip(encoded, other, strict=True):
        torch.testing.assert_close(mine.tokens, theirs.tokens, atol=within, rtol=0)
        assert mine.grid == theirs.grid
        assert (mine.deeper is None) == (theirs.deeper is None)
        if mine.deeper is not None and theirs.deeper is not None:
            torch.testing.assert_close(mine.deeper, theirs.deeper, atol=within, rtol=0)


@pytest.mark.parametrize("name", ["internvl", "qwen_vl"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_read_back_is_what_was_encoded(name: str, dtype: torch.dtype, tmp_path: Path) -> None:
    """Qwen-VL: grids of several shapes, and features of deeper layers."""
    vlm = build(name)
    vlm.base.to(dtype)
    store = opened(vlm, tmp_path)
    assert store.is_cached
    same(store.of([0, 1, 2]), vlm.encode(pictures()))
    same(store.of([3, 1]), [vlm.encode(pictures())[1]] * 2)


def test_every_picture_is_encoded_once_and_found_again(tmp_path: Path) -> None:
    vlm = counting()
    opened(vlm, tmp_path)
    assert vlm.seen == 1 + 3  # one to see how large it is; two cases share a picture
    again = counting()
    store = opened(again, tmp_path)
    store.of([0, 1, 2, 3])
    assert again.seen == 1
    assert len(list(tmp_path.glob("*.features"))) == 1


def test_without_a_budget_features_are_made_anew_and_equal(tmp_path: Path) -> None:
    vlm = build("internvl")
    kept, anew = opened(vlm, tmp_path), opened(vlm, tmp_path / "none", budget=0)
    assert not anew.is_cached and not (tmp_path / "none").exists()
    same(kept.of([0, 1, 2, 3]), anew.of([0, 1, 2, 3]), within=1e-5)


def test_features_made_anew_while_training_are_those_of_an_encoder_at_rest(tmp_path: Path) -> None:
    vlm = build("internvl")
    vlm.base.bfloat16()
    kept, anew = opened(vlm, tmp_path), opened(vlm, tmp_path, budget=0)
    for module in vlm.base.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.5
    vlm.base.train()
    with torch.autocast("cpu", torch.bfloat16):
        same(kept.of([0, 1, 2]), anew.of([0, 1, 2]), within=2e-2)
    assert vlm.base.training


def test_features_of_a_tuned_connector_are_never_kept_and_have_gradients(tmp_path: Path) -> None:
    vlm = build("internvl")
    attach(vlm, LoraSettings(rank=2), "tuned", with_connector=True)
    store = opened(vlm, tmp_path, is_frozen=False)
    assert not store.is_cached and not any(tmp_path.iterdir())
    assert store.of([0])[0].tokens.requires_grad
    with torch.no_grad():
        assert not store.of([0])[0].tokens.requires_grad


def test_the_key_follows_encoder_and_preprocessing_and_not_the_language_model() -> None:
    vlm = build("internvl")
    key = encoder_key(vlm)
    with torch.no_grad():
        next(vlm.base.get_decoder().parameters()).add_(1)
    attach(vlm, LoraSettings(rank=2), "tuned")
    assert encoder_key(vlm) == key
    vlm.image_processor.image_mean = [0.1, 0.1, 0.1]
    other = encoder_key(vlm)
    assert other != key
    with torch.no_grad():
        next(value for name, value in vlm.base.named_parameters() if "vision_tower" in name).add_(1)
    assert encoder_key(vlm) not in (key, other)


def test_other_weights_never_find_stale_features(tmp_path: Path) -> None:
    opened(build("internvl"), tmp_path)
    changed = counting()
    with torch.no_grad():
        for name, value in changed.base.named_parameters():
            if "multi_modal_projector" in name:
                value.mul_(1.5)
    same(opened(changed, tmp_path).of([0, 1, 2]), changed.encode(pictures()))
    assert len(list(tmp_path.glob("*.features"))) == 2


def test_a_half_written_file_is_never_used(tmp_path: Path) -> None:
    vlm = build("internvl")
    opened(vlm, tmp_path)
    (file,) = tmp_path.glob("*.features")
    file.with_suffix(".json").unlink()  # it is written last
    file.write_bytes(file.read_bytes()[:100])
    same(opened(vlm, tmp_path).of([0, 1, 2]), vlm.encode(pictures()))


@pytest.mark.parametrize("spoil", ["cut", "gone", "listing"])
def test_a_spoilt_file_is_made_anew(spoil: str, tmp_path: Path) -> None:
    vlm = build("internvl")
    opened(vlm, tmp_path)
    (file,) = tmp_path.glob("*.features")
    if spoil == "cut":
        file.write_bytes(file.read_bytes()[:-64])
    elif spoil == "gone":
        file.unlink()
    else:
        file.with_suffix(".json").write_text('{"digests": [')
    same(opened(vlm, tmp_path).of([0, 1, 2]), vlm.encode(pictures()))


def test_a_place_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "features").write_text("a file")
    with pytest.raises(RunError, match=r"could not be kept .*Free space, or lower features\.budget_gib"):
        opened(build("internvl"), tmp_path / "features")


def test_the_longest_unused_files_make_room_for_a_new_one(tmp_path: Path) -> None:
    vlm = build("internvl")
    lists = [ITEMS[:1], ITEMS[1:2], ITEMS[2:3]]  # one picture each
    first, second, third = [aged(made_by(vlm, tmp_path, items), 3 - at) for at, items in enumerate(lists)]
    opened(vlm, tmp_path, items=lists[0])  # so the second is now the longest unused
    size = first.stat().st_size
    store = opened(vlm, tmp_path, budget=4 * size, items=ITEMS[:2])
    assert store.is_cached
    assert first.exists() and third.exists() and not second.exists() and not second.with_suffix(".json").exists()
    assert sum(file.stat().st_size for file in tmp_path.glob("*.features")) == 4 * size
    same(store.of([0, 1]), vlm.encode(pictures())[:2], within=1e-5)


def test_a_file_that_made_room_is_still_read_by_whoever_has_it_open(tmp_path: Path) -> None:
    vlm = build("internvl")
    held = opened(vlm, tmp_path, items=ITEMS[:1])
    expected = held.of([0])
    (file,) = tmp_path.glob("*.features")
    size = aged(file, 1).stat().st_size
    assert opened(vlm, tmp_path, budget=size, items=ITEMS[1:2]).is_cached and not file.exists()
    same(held.of([0]), expected)


def test_nothing_is_removed_for_what_would_not_fit_anyway(tmp_path: Path) -> None:
    vlm = build("internvl")
    file = made_by(vlm, tmp_path, ITEMS[:1])
    size = file.stat().st_size
    assert not opened(vlm, tmp_path, budget=2 * size, items=ITEMS).is_cached
    draft = tmp_path / "other.77.part"  # another process is writing
    draft.write_bytes(bytes(size))
    assert not opened(vlm, tmp_path, budget=2 * size, items=ITEMS[:2]).is_cached
    assert file.exists() and draft.exists()
    aged(draft, 25)  # or it was killed
    assert opened(vlm, tmp_path, budget=2 * size, items=ITEMS[:2]).is_cached
    assert not file.exists() and not draft.exists()


def test_a_stopped_filling_leaves_nothing_behind(tmp_path: Path) -> None:
    def stop(done: int, whole: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_features(build("internvl"), ITEMS, tmp_path, GIB, True, stop)
    assert not any(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="of Linux")
def test_features_that_were_read_take_no_memory_afterwards(tmp_path: Path) -> None:
    """Pages of a mapped file count as the process's own: a run grew with every image that it read."""
    store = opened(counting(), tmp_path)
    store.of([0, 1, 2])
    assert store.is_cached and str(tmp_path) not in Path("/proc/self/maps").read_text()

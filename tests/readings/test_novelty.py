"""How unlike a picture is: worked out by hand on four directions, and on pictures of another kind."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.numpy import load_file

from core.errors import DataError
from core.models.vlm import ImageFeatures
from core.readings import novelty
from core.readings.novelty import Novelty, Unlikeness, plain, summary
from core.runs.opened import open_run, unlike

ROOT = 2**0.5


def shown(*tokens: tuple[float, float]) -> ImageFeatures:
    return ImageFeatures(torch.tensor(tokens))


def test_a_picture_is_summed_up_by_the_mean_and_the_spread_of_its_tokens() -> None:
    (row,) = summary([shown((3, 0), (1, 0))])  # mean (2, 0), spread (1, 0), length root of 5
    assert row == pytest.approx([2 / 5**0.5, 0, 1 / 5**0.5, 0])


def test_the_distance_is_to_the_nearest_training_picture() -> None:
    learned = Novelty(np.eye(4, dtype=np.float32)[:2], np.array([0.5, 0.1, 0.2, 0.0], np.float32))
    near, between, far = learned.judge([shown((5, 0)), shown((1, 1)), shown((-1, 0))])
    assert (near.distance, near.nearer, near.of) == (0, 0, 4)
    assert between.distance == pytest.approx(1 - 1 / ROOT) and between.nearer == 3
    assert (far.distance, far.nearer) == (1, 4)
    assert [near.is_unlike, between.is_unlike, far.is_unlike] == [False, False, True]


@pytest.mark.parametrize(
    ("nearer", "of", "is_unlike"), [(198, 200, True), (197, 200, False), (87, 87, True), (86, 87, False)]
)
def test_unlike_is_what_is_farther_than_99_in_100_validation_pictures(nearer: int, of: int, is_unlike: bool) -> None:
    assert Unlikeness(0.1, nearer, of).is_unlike is is_unlike


def test_the_warning_says_what_it_rests_on() -> None:
    assert "farther from them than all 87 validation pictures" in str(Unlikeness(0.3, 87, 87))
    assert "farther from them than 199 of the 200 validation pictures" in str(Unlikeness(0.3, 199, 200))
    assert str(Unlikeness(0.3, 5, 87)).startswith("5 of 87 validation pictures are nearer")
    assert plain("It can't be told.") == dict.fromkeys(("distance", "nearer", "of", "is_unlike")) | {
        "text": "It can't be told."
    }


def test_what_was_kept_is_read_again_and_damage_is_told(tmp_path: Path) -> None:
    kept = tmp_path / "novelty.safetensors"
    learned = Novelty(np.eye(4, dtype=np.float32)[:2], np.array([0.5, 0.1], np.float32))
    learned.save(kept)
    again = novelty.load(kept)
    assert (again.known == learned.known).all() and (again.usual == learned.usual).all()
    kept.write_bytes(b"no tensors")
    with pytest.raises(DataError, match="Remove it: it is made anew"):
        novelty.load(kept)


def test_a_run_tells_which_pictures_are_unlike_its_own(finished: Path, images: Path) -> None:
    opened = open_run(finished)
    assert load_file(finished / "novelty.safetensors")["known"].shape[0] == 30
    learned = Image.open(images / "dark" / "0.png").convert("RGB")
    stripes = Image.fromarray(np.tile(np.repeat([0, 255], 2), (28, 7)).astype(np.uint8)).convert("RGB")
    near, far = unlike(opened, [learned, stripes])
    assert isinstance(near, Unlikeness) and isinstance(far, Unlikeness)
    assert (near.is_unlike, far.is_unlike) == (False, True)
    assert near.distance < 1e-4 < far.distance


def test_a_run_from_before_this_was_kept_is_looked_through_when_it_is_asked(finished: Path, tmp_path: Path) -> None:
    older = Path(shutil.copytree(finished, tmp_path / "older"))
    expected = load_file(older / "novelty.safetensors")
    (older / "novelty.safetensors").unlink()
    picture = Image.new("RGB", (28, 28), (40, 40, 40))
    assert unlike(open_run(older), [picture]) == unlike(open_run(finished), [picture])
    again = load_file(older / "novelty.safetensors")
    assert all(again[name] == pytest.approx(expected[name], abs=1e-5) for name in expected)


def test_where_the_images_of_a_run_are_gone_that_is_what_is_told(finished: Path, tmp_path: Path) -> None:
    older = Path(shutil.copytree(finished, tmp_path / "older"))
    (older / "novelty.safetensors").unlink()
    settings = yaml.safe_load((older / "settings.yaml").read_text())
    (older / "settings.yaml").write_text(yaml.safe_dump(settings | {"images": str(tmp_path / "gone")}))
    (judged,) = unlike(open_run(older), [Image.new("RGB", (28, 28))])
    assert isinstance(judged, str) and "can't be told" in judged

"""The small convnet: its image side, its start from an older one, and what it learns from real pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.errors import ModelError, SettingsError
from core.models.tsm import tsm_losses
from core.tsms import convnet


@pytest.mark.parametrize(
    ("image_size", "native", "side"), [("auto", 28, 28), ("auto", 640, 64), (96, 28, 96), (16, 640, 16)]
)
def test_the_image_side_is_the_pictures_own_up_to_64_unless_it_is_set(
    image_size: int | str, native: int, side: int
) -> None:
    settings = convnet.Settings.parse({"width": 8, "image_size": image_size}, "tsm")
    pixels = convnet.build(settings, 2, native=native).prepare([Image.new("L", (30, 20))])
    assert pixels.shape == (1, 3, side, side)


def test_an_image_side_out_of_range_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"tsm\.image_size"):
        convnet.Settings.parse({"image_size": 4}, "tsm")


def test_more_blocks_make_a_deeper_model_of_the_same_width() -> None:
    shallow, deep = (convnet.build(convnet.Settings(width=8, blocks=blocks), 2) for blocks in (1, 2))
    pixels = shallow.prepare([Image.new("L", (28, 28))])
    assert shallow.features(pixels).shape == deep.features(pixels).shape
    assert len(deep.state_dict()) > len(shallow.state_dict())


def test_a_model_that_starts_from_an_older_one_has_its_features_and_scores() -> None:
    old = convnet.tiny(3).eval()
    pixels = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8)
    new = convnet.build(convnet.Settings(width=8, image_size=16), 3, start=old).eval()
    assert torch.equal(new.scores(pixels), old.scores(pixels))
    for_other_answers = convnet.build(convnet.Settings(width=8, image_size=16), 5, start=old).eval()
    assert torch.equal(for_other_answers.features(pixels), old.features(pixels))
    assert for_other_answers.scores(pixels).shape == (2, 5)


def test_a_model_of_another_width_can_not_be_started_from() -> None:
    with pytest.raises(ModelError, match="width 16 can't start from a convnet of width 8"):
        convnet.build(convnet.Settings(width=16), 3, start=convnet.tiny(3))


@pytest.mark.slow
def test_one_epoch_teaches_blood_cells(shared_data: Path) -> None:
    with np.load(shared_data / "blood_28.npz") as stored:
        chosen = np.random.default_rng(0).permutation(len(stored["train_images"]))[:3000]
        images, labels = stored["train_images"][chosen], stored["train_labels"][chosen, 0].astype(np.int64)
        unseen, truth = stored["val_images"][::4], stored["val_labels"][::4, 0]
    tsm = convnet.build(convnet.Settings(width=64), 8, native=28)
    pixels, targets = torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(labels)
    optimizer = torch.optim.AdamW(tsm.train().parameters(), lr=2e-3)
    falling = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0, total_iters=60)
    for rows in torch.randperm(3000).split(50):
        optimizer.zero_grad()
        tsm_losses(tsm.scores(pixels[rows]), targets[rows], "single").mean().backward()
        optimizer.step()
        falling.step()
    with torch.no_grad():
        answers = tsm.eval().scores(torch.from_numpy(unseen).permute(0, 3, 1, 2)).argmax(1).numpy()
    assert (answers == truth).mean() > 0.75

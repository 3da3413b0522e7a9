"""Copies of a picture are found however they were altered; pictures that are merely alike are not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from core.pictures.likeness import NEIGHBOURS, NearCopy, near_copies
from core.pictures.neighbours import COMPARED_WITH_ALL, nearest
from core.pictures.working import SIDE, Waves, working

COUNT = 60
GENERATOR = np.random.default_rng(0)


def drawn(number: int, side: int = 96) -> Image.Image:
    """Some soft shapes of their own on each."""
    generator = np.random.default_rng(number)
    coarse = generator.integers(40, 215, (9, 9), dtype=np.uint8)
    return Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)


def thumbnail(picture: Image.Image) -> bytes:
    return picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR).tobytes()


def of_shades(change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Callable[[Image.Image], Image.Image]:
    def changed(picture: Image.Image) -> Image.Image:
        shades = change(np.asarray(picture).astype(float))
        return Image.fromarray(np.clip(shades.round(), 0, 255).astype(np.uint8))

    return changed


def as_jpeg(picture: Image.Image) -> Image.Image:
    file = BytesIO()
    picture.save(file, "JPEG", quality=60)
    return Image.open(file).convert("L")


def cropped(picture: Image.Image, across: int = 3, down: int = 0) -> Image.Image:
    """Without 4 % of its width and height: four of 96."""
    return picture.crop((across, down, across + 92, down + 92))


ALTERED: dict[str, Callable[[Image.Image], Image.Image]] = {
    "stored again": as_jpeg,
    "half as large": lambda picture: picture.resize((48, 48), Image.Resampling.BICUBIC),
    "cropped at the corner": lambda picture: cropped(picture, 4, 4),
    "cropped and enlarged": lambda picture: cropped(picture).resize((96, 96), Image.Resampling.BICUBIC),
    "brighter": of_shades(lambda shades: shades * 1.1),
    "darker": of_shades(lambda shades: shades - 25),
    "of less contrast": of_shades(lambda shades: (shades - 128) * 0.9 + 128),
    "mirrored": lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "mirrored and cropped": lambda picture: cropped(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
}


@pytest.mark.parametrize("name", ALTERED)
def test_every_altered_copy_is_found_with_its_picture_and_none_besides(name: str) -> None:
    pictures = [drawn(number) for number in range(COUNT)]
    copies = near_copies([thumbnail(picture) for picture in [*pictures, *map(ALTERED[name], pictures)]])
    assert [(copy.row, copy.other) for copy in copies] == [(number, COUNT + number) for number in range(COUNT)]
    assert {copy.is_mirrored for copy in copies} == {"mirrored" in name}
    assert {copy.is_cropped for copy in copies} == {"cropped" in name}


def nearly_even(number: int) -> Image.Image:
    """Left and right are almost the same, as of a head or a chest."""
    coarse = np.random.default_rng(number).integers(40, 215, (9, 9)).astype(float)
    mirrored = coarse[:, ::-1]
    coarse = (coarse + mirrored) / 2 + (coarse - mirrored) / 20
    return Image.fromarray(coarse.astype(np.uint8)).resize((96, 96), Image.Resampling.BICUBIC)


def test_crops_of_pictures_that_are_almost_their_own_mirror_image_are_found() -> None:
    pictures = [nearly_even(number) for number in range(COUNT)]
    crops = [cropped(picture, 4, 4) for picture in pictures]
    copies = near_copies([thumbnail(picture) for picture in [*pictures, *crops]])
    assert [(copy.row, copy.other) for copy in copies] == [(number, COUNT + number) for number in range(COUNT)]


def test_of_pictures_that_are_the_same_each_is_a_copy_of_the_first() -> None:
    same = thumbnail(drawn(1))
    assert near_copies([same, thumbnail(drawn(2)), same, same]) == [NearCopy(0, 2), NearCopy(0, 3)]
    assert near_copies([]) == near_copies([same]) == []


def noisy(count: int, spread: float) -> list[bytes]:
    """Of one shade but for noise."""
    shades = 30 + GENERATOR.normal(0, spread, (count, SIDE, SIDE))
    return [picture.tobytes() for picture in shades.astype(np.uint8)]


def test_pictures_that_show_nothing_but_noise_are_copies_of_none() -> None:
    assert near_copies([*noisy(50, 1.0), *[bytes(SIDE * SIDE)] * 2]) == []


def test_a_crowd_of_copies_hides_no_others_and_has_few_pairs_each() -> None:
    shades = np.frombuffer(thumbnail(drawn(1)), np.uint8).astype(int)
    crowd = [(shades + GENERATOR.integers(-1, 2, shades.size)).astype(np.uint8).tobytes() for _ in range(1500)]
    pair = [thumbnail(drawn(2)), thumbnail(cropped(drawn(2)))]
    copies = near_copies([*crowd, *pair])
    assert (copies[-1].row, copies[-1].other) == (1500, 1501)
    assert {row for copy in copies for row in (copy.row, copy.other)} == set(range(1502))
    assert len(copies) < (2 * NEIGHBOURS + 1) * 1500


def waves_of(count: int, clusters: Sequence[int] = ()) -> Waves:
    numbers = GENERATOR.standard_normal((count, 63)).astype(np.float32)
    numbers /= np.linalg.norm(numbers, axis=1, keepdims=True)
    return Waves(numbers[:, :31], numbers[:, 31:])


def test_among_more_than_are_all_compared_the_nearest_are_those_of_a_plain_search() -> None:
    count = COMPARED_WITH_ALL + 5000
    every = waves_of(count)
    near = np.arange(0, 4000, 10)
    every.even[near + 1], every.odd[near + 1] = every.even[near], -every.odd[near]
    every.even[near + 1] += 0.02
    neighbours = nearest(every, every, 2)
    assert not (neighbours.places == np.arange(count)[:, None]).any()
    assert (neighbours.places[near] == near[:, None] + 1).any(axis=1).mean() > 0.97


def test_working_pictures_keep_shades_but_for_a_little_blur() -> None:
    flat = working(np.full((1, SIDE, SIDE), 77, np.uint8))
    assert flat.shape == (1, 32, 32) and np.allclose(flat, 77, atol=0.01)

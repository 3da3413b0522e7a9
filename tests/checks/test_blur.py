"""A picture that is blurred beside others of its class is named; a class that is soft throughout is not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from core.case import Finding
from core.checks.blur import blur
from core.checks.check import of_pictures
from core.checks.looked import LookedAt
from core.pictures.looks import look_at
from core.pictures.sharpness import sharpness
from tests.checks.test_check import Drawn, case


@dataclass(frozen=True)
class Focused(Drawn):
    """Coarse fields with hard edges, blurred by so many pixels, times a contrast."""

    blur: float = 0.0
    contrast: float = 1.0

    def load(self) -> Image.Image:
        fields = np.random.default_rng(self.seed).integers(20, 220, (6, 6)).repeat(10, 0).repeat(10, 1)
        shades = (fields - 120) * self.contrast + 120
        return Image.fromarray(shades.astype(np.uint8)).filter(ImageFilter.GaussianBlur(self.blur))


def looked(*pictures: Focused) -> list[LookedAt]:
    """Of two classes, by turns."""
    return [LookedAt(case(number), look_at(pixels)) for number, pixels in enumerate(pictures)]


def named(*pictures: Focused) -> list[str]:
    return [name for finding in blur(looked(*pictures)) for name, _ in finding.troubles]


SHARP = tuple(Focused(seed=seed, contrast=0.5 + seed % 5 / 10) for seed in range(60))


def test_bends_of_edges_over_slopes_at_half_the_size_are_those_of_a_hand_calculation() -> None:
    step = np.zeros((8, 8), np.uint8)
    step[:, 4:] = 90
    # Along the rows the step bends by 90 at 2 of 6 places, of all at 16 of 96: the strongest tenth are of these. At
    # half the size it is 90 high at 4 of 24 places, and the strongest tenth are two of them.
    assert sharpness(Image.fromarray(step)) == 0.0
    slope = np.repeat(np.arange(0, 96, 12, dtype=np.uint8)[None], 8, axis=0)
    assert sharpness(Image.fromarray(slope)) == pytest.approx(np.log(0.25 / 24.25))
    assert sharpness(Image.fromarray(step[:, :5])) == 0.0


def test_contrast_and_size_hardly_count_and_blur_does() -> None:
    sharp = Focused(seed=1).load()
    pale, large = Focused(seed=1, contrast=0.5).load(), sharp.resize((600, 600), Image.Resampling.NEAREST)
    assert sharpness(pale) == pytest.approx(sharpness(sharp), abs=0.05)
    softer = [sharpness(sharp.filter(ImageFilter.GaussianBlur(radius))) for radius in (0, 1, 2)]
    assert softer[0] > softer[1] + 0.3 > softer[2] + 0.6
    assert sharpness(large) > softer[1]


def test_pictures_that_are_blurred_are_named_and_others_are_not() -> None:
    assert named(*SHARP) == []
    warning = next(blur(looked(*SHARP, Focused(seed=98, blur=1.5), Focused(seed=99, contrast=0.4))))
    assert (warning.kind, warning.severity, warning.cases) == ("blurred", "warning", ("60.png",))
    assert warning.message.startswith('1 picture is blurred beside the others of their class, like "60.png"')


def test_a_class_that_is_soft_throughout_is_as_it_is() -> None:
    halves = [Focused(seed=seed, blur=2.0 * (seed % 2)) for seed in range(60)]
    assert named(*halves) == []
    assert named(*halves, Focused(seed=60, blur=2.0)) == ["60.png"]  # of the class that is sharp


def test_of_few_pictures_nothing_is_usual() -> None:
    assert named(*SHARP[:30], Focused(seed=98, blur=3)) == []


def test_those_that_are_named_can_be_left_out_by_their_kind() -> None:
    of_kind: dict[str, Finding] = {finding.kind: finding for finding in of_pictures(looked(*SHARP, Focused(blur=2)))}
    assert [name for name, _ in of_kind["blurred"].troubles] == ["60.png"]


@dataclass(frozen=True)
class Shades(Drawn):
    """Rows of grey levels, blurred by so many pixels."""

    rows: bytes = b""
    blur: float = 0.0

    def load(self) -> Image.Image:
        return Image.frombytes("L", self.size, self.rows).filter(ImageFilter.GaussianBlur(self.blur))


@pytest.mark.parametrize("name", ["pneumonia_28", "blood_28", "retinamnist"])
def test_of_real_pictures_blurred_ones_are_named_and_no_others(name: str, shared_data: Path) -> None:
    with np.load(shared_data / f"{name}.npz") as arrays:
        drawn = np.random.default_rng(0).permutation(len(arrays["train_images"]))[:600]
        rows = [Image.fromarray(shades).convert("L").tobytes() for shades in arrays["train_images"][drawn]]
        labels = arrays["train_labels"][drawn, 0].tolist()
    blurred = set(range(0, 600, 20))
    pictures = [Shades((28, 28), rows=shades, blur=1.5 * (at in blurred)) for at, shades in enumerate(rows)]
    seen = [LookedAt(case(at, str(labels[at])), look_at(pixels)) for at, pixels in enumerate(pictures)]
    called = {int(name.split(".")[0]) for warning in blur(seen) for name, _ in warning.troubles}
    assert len(called & blurred) >= 0.95 * len(blurred) and not called - blurred

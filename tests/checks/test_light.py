"""Pictures of odd light are told of one by one, a set of odd light once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from core.case import Finding
from core.checks.check import of_pictures
from core.checks.light import light
from core.checks.looked import LookedAt
from core.pictures.looks import look_at
from tests.checks.test_check import Drawn, case


@dataclass(frozen=True)
class Lit(Drawn):
    """With its shades times `times`, and `more` added."""

    times: float = 1.0
    more: float = 0.0

    def load(self) -> Image.Image:
        shades = np.asarray(super().load()).astype(float) * self.times + self.more
        return Image.fromarray(np.clip(shades, 0, 255).astype(np.uint8))


def findings(*pictures: Lit) -> list[Finding]:
    cases = [case(number) for number in range(len(pictures))]
    return list(light([LookedAt(each, look_at(pixels)) for each, pixels in zip(cases, pictures, strict=True)]))


USUAL = tuple(Lit(seed=seed) for seed in range(30))
ODD = {
    "too_dark": Lit(seed=99, times=0.08),
    "too_bright": Lit(seed=99, times=0.08, more=238),
    "low_contrast": Lit(seed=99, times=0.05, more=110),
}


@pytest.mark.parametrize("kind", ODD)
def test_one_of_odd_light_among_others_is_named(kind: str) -> None:
    warning = next(finding for finding in findings(*USUAL, ODD[kind]) if finding.kind == kind)
    assert (warning.severity, warning.count, warning.cases) == ("warning", 1, ("30.png",))


@pytest.mark.parametrize("kind", ODD)
def test_a_set_that_is_so_throughout_is_told_once(kind: str) -> None:
    whole = [Lit(seed=seed, times=ODD[kind].times, more=ODD[kind].more) for seed in range(30)]
    note = next(finding for finding in findings(*whole) if finding.kind == kind)
    assert (note.severity, note.count, note.cases) == ("note", 30, ())


def test_usual_pictures_and_too_few_of_them_are_not_told_of() -> None:
    assert findings(*USUAL) == findings(*USUAL[:5], ODD["too_dark"]) == findings() == []


def test_those_that_are_named_can_be_left_out_by_their_kind() -> None:
    cases = [case(number) for number in range(31)]
    seen = [LookedAt(each, look_at(pixels)) for each, pixels in zip(cases, [*USUAL, ODD["too_dark"]], strict=True)]
    named = {finding.kind: [name for name, _ in finding.troubles] for finding in of_pictures(seen)}
    assert named["too_dark"] == ["30.png"]

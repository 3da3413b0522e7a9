"""The weights that ship with the project: small, open, and able to describe a drawing before any tuning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoTokenizer

import core.starter
from core.starter import cells, scans, shapes, surfaces
from core.starter.drawing import Draw
from core.starter.exam import answers, words_right

WEIGHTS = Path(core.starter.__file__).parent / "weights"


@pytest.fixture(scope="module")
def starter() -> tuple[Any, Any]:
    model = AutoModelForImageTextToText.from_pretrained(WEIGHTS, dtype=torch.float32).eval()
    return model, AutoTokenizer.from_pretrained(WEIGHTS)


def test_the_folder_holds_what_a_model_needs_and_stays_small() -> None:
    needed = {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert needed | {"preprocessor_config.json", "MODEL_CARD.md"} <= {path.name for path in WEIGHTS.iterdir()}
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 32e6


@pytest.mark.parametrize(
    ("look", "share"), [(cells.smear, 0.75), (scans.chest, 0.85), (scans.layers, 0.85), (surfaces.skin, 0.75)]
)
def test_it_describes_drawings_before_any_tuning(starter: tuple[Any, Any], look: Draw, share: float) -> None:
    rng = np.random.default_rng(2026)
    drawings = [look(rng, 64) for _ in range(8)]
    pixels = np.stack([drawing.pixels for drawing in drawings])
    said = answers(*starter, pixels, ["Describe this image."] * len(drawings))
    right = [words_right(text, drawing.caption) for text, drawing in zip(said, drawings, strict=True)]
    assert np.mean(right) > share, said


def test_it_looks_at_the_picture_and_not_only_at_the_question(starter: tuple[Any, Any]) -> None:
    rng = np.random.default_rng(5)
    drawings = [draw(rng, 64) for draw in (shapes.scene, cells.smear, scans.chest, scans.layers, shapes.pattern) * 4]
    pixels = np.stack([drawing.pixels for drawing in drawings])
    said = answers(*starter, pixels, ["What is the kind of image?"] * len(drawings))
    right = [text == drawing.facts["kind of image"] for text, drawing in zip(said, drawings, strict=True)]
    assert np.mean(right) > 0.9

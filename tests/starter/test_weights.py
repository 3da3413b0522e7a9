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
from core.starter.words import ANSWER_NAMES

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
    texts = answers(*starter, pixels, ["Describe this image."] * len(drawings))
    right = [words_right(text, drawing.caption) for text, drawing in zip(texts, drawings, strict=True)]
    assert np.mean(right) > share, texts


def test_it_looks_at_the_picture_and_not_only_at_the_question(starter: tuple[Any, Any]) -> None:
    rng = np.random.default_rng(5)
    drawings = [draw(rng, 64) for draw in (shapes.scene, cells.smear, scans.chest, scans.layers, shapes.pattern) * 4]
    pixels = np.stack([drawing.pixels for drawing in drawings])
    texts = answers(*starter, pixels, ["What is the kind of image?"] * len(drawings))
    right = [text == drawing.facts["kind of image"] for text, drawing in zip(texts, drawings, strict=True)]
    assert np.mean(right) > 0.9


def test_names_that_it_never_said_are_told_apart_by_what_it_says(starter: tuple[Any, Any]) -> None:
    """Rows of the output that all point one way (.98 once) are out of reach for any tuning of the layers before."""
    model, tokenizer = starter
    first = sorted({tokenizer.encode(name)[0] for name in ANSWER_NAMES})
    rows = torch.nn.functional.normalize(model.get_output_embeddings().weight[first].float(), dim=1)
    alike = (rows @ rows.T).fill_diagonal_(0)
    assert alike.max() < 0.8
    assert alike.mean() < 0.3


def test_it_picks_a_name_from_the_list_that_it_is_given(starter: tuple[Any, Any]) -> None:
    pixels = np.stack([shapes.scene(np.random.default_rng(number), 64).pixels for number in range(8)])
    names = ["melanoma", "drusen", "glioma"]
    question = f"Analyze the given skin lesion image. The possible diagnoses are: {', '.join(names)}."
    texts = answers(*starter, pixels, [question] * len(pixels))
    assert sum(text in names for text in texts) >= 7, texts

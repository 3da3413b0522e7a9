"""A build of two steps: the same twice, and a folder that transformers opens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoImageProcessor, AutoTokenizer, InternVLForConditionalGeneration

from core.starter import build as starter
from core.starter import exam, examples, questions
from core.starter.examples import IGNORED, encode, normalised, wear
from core.starter.looks import draw
from core.starter.tokenizer import train as train_tokenizer


@dataclass(frozen=True)
class Builds:
    """Two folders that were built with the same seed, and what the first build said."""

    first: Path
    second: Path
    lines: list[str]


@pytest.fixture(scope="module")
def builds(arithmetic: str, tmp_path_factory: pytest.TempPathFactory) -> Builds:
    """Of two steps of two pictures."""
    first, second = tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second")
    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(examples, "SIZE", 2)
        patch.setattr(questions, "PICTURES", 80)
        starter.build(first, seed=3, steps=2, say=lines.append)
        starter.build(second, seed=3, steps=2)
    return Builds(first, second, lines)


def test_the_same_seed_builds_the_same_weights(builds: Builds) -> None:
    first, second = (load_file(folder / "model.safetensors") for folder in (builds.first, builds.second))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert (builds.first / "tokenizer.json").read_text() == (builds.second / "tokenizer.json").read_text()


def test_a_build_tells_its_loss_and_the_time_that_is_left(builds: Builds) -> None:
    assert any(line.startswith("step 2/2  loss ") and line.endswith("0.0 min left") for line in builds.lines)


def test_a_built_folder_opens_and_its_card_says_what_it_is(builds: Builds) -> None:
    model = InternVLForConditionalGeneration.from_pretrained(builds.first, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(builds.first)
    assert 5e6 < model.num_parameters() < 10e6
    assert model.config.image_token_id == tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>")
    card = (builds.first / "MODEL_CARD.md").read_text()
    assert "not a\nmedical device" in card or "not a medical device" in card
    assert "2 steps of" in card


def test_the_image_processor_agrees_with_what_training_saw(builds: Builds) -> None:
    pixels = draw(np.random.default_rng(0)).pixels
    processor = AutoImageProcessor.from_pretrained(builds.first)
    seen = processor(pixels, return_tensors="pt")["pixel_values"]
    assert torch.allclose(seen, normalised(pixels[None]), atol=1e-6)


def test_only_answers_and_their_end_are_learned(builds: Builds) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(builds.first)
    ids, labels = encode(tokenizer, [("What is it?", "a ring"), ("Is it?", "no")])
    learned = [token for token, label in zip(ids, labels, strict=True) if label != IGNORED]
    assert tokenizer.decode(learned) == "a ring<|im_end|>no<|im_end|>"
    assert ids.count(tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>")) == 16


def test_a_conversation_that_is_too_long_loses_its_last_turns(builds: Builds) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(builds.first)
    ids, _ = encode(tokenizer, [("What is it?", "a ring")] * 50)
    assert len(ids) <= examples.LENGTH
    assert len(ids) > examples.LENGTH // 2


def test_wear_keeps_the_picture_recognisable() -> None:
    pixels = draw(np.random.default_rng(1)).pixels
    worn = wear(np.random.default_rng(2), pixels)
    assert worn.shape == pixels.shape
    assert np.corrcoef(worn.ravel(), pixels.ravel())[0, 1] > 0.8


def test_tiles_follow_the_image_tokens_row_by_row() -> None:
    picture = torch.arange(32.0).repeat(32, 1).expand(1, 3, 32, 32)
    tiles = starter._tiles(picture)
    assert tiles.shape == (1, 16, 192)
    assert tiles.mean(2)[0].tolist() == [3.5, 11.5, 19.5, 27.5] * 4


@pytest.mark.parametrize(
    ("text", "caption", "share"),
    [("a red ring.", "a red ring", 1.0), ("a ring", "a red ring", 2 / 3), ("a a", "a b", 0.5)],
)
def test_words_right_counts_each_word_as_often_as_it_stands(text: str, caption: str, share: float) -> None:
    assert exam.words_right(text, caption) == pytest.approx(share)


def test_a_recalled_name_stands_where_the_question_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "ANSWER_NAMES", ("drusen", "mild", "polyp", "ulcer", "glioma"))
    rng = np.random.default_rng(0)
    for _ in range(50):
        question, answer = questions.recall_question(rng)
        words = re.split(r"[ .?]", question)
        place = next(number for number, word in enumerate(questions.PLACES) if word in words)
        assert re.split(r"[.?]", question.split(": ")[1])[0].split(", ")[place] == answer


def test_only_tokens_of_no_conversation_begin_anew() -> None:
    surveyed = questions.Survey({"colour": ("red", "blue")}, (), ("a red ring",) * 40)
    tokenizer = train_tokenizer(surveyed.captions)
    unmet = set(examples.Batches(0, 1, surveyed, tokenizer, is_naming=True).unmet())
    assert unmet.isdisjoint(tokenizer.encode("<|im_start|>user\nWhat is the colour?<|im_end|>"))
    assert set(tokenizer.encode("pneumonia")) <= unmet

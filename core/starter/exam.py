"""Questions to a built starter about pictures that it has not seen, and the share that it gets right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import InternVLForConditionalGeneration, PreTrainedTokenizerFast

from core.starter.drawing import Drawing
from core.starter.examples import normalised, prompt
from core.starter.looks import draw

PICTURES = 400
TOPICS = ("kind of image", "colour", "number of", "place", "size", "shape")


def answers(
    model: InternVLForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    pixels: NDArray[np.uint8],
    questions: Sequence[str],
) -> list[str]:
    """What the model says, greedily, to one question about each picture of [B, S, S, 3] bytes."""
    prompts = tokenizer([prompt(question) for question in questions], return_tensors="pt", padding=True)
    speaker: Any = model
    with torch.inference_mode():
        ids = speaker.generate(
            input_ids=prompts["input_ids"],
            attention_mask=prompts["attention_mask"],
            pixel_values=normalised(pixels),
            max_new_tokens=80,
        )
    texts = tokenizer.batch_decode(ids[:, prompts["input_ids"].shape[1] :], skip_special_tokens=True)
    return [str(text).strip() for text in texts]


def words_right(text: str, caption: str) -> float:
    """Share of the true caption's words that were said, each as often as it stands there."""
    written, wanted = Counter(text.replace(".", "").split()), Counter(caption.replace(".", "").split())
    return (written & wanted).total() / wanted.total()


def examine(
    model: InternVLForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, seed: int, pictures: int = PICTURES
) -> dict[str, float]:
    """Share of caption words and of answers by topic that are right, on newly drawn pictures."""
    rng = np.random.default_rng([seed, 3])
    drawings = [draw(rng) for _ in range(pictures)]
    pixels = np.stack([drawing.pixels for drawing in drawings])
    captions = answers(model, tokenizer, pixels, ["Describe this image."] * pictures)
    right = [words_right(caption, drawing.caption) for caption, drawing in zip(captions, drawings, strict=True)]
    figures = {"caption words": float(np.mean(right))}
    for topic in TOPICS:
        figures[topic] = _share_right(model, tokenizer, drawings, topic, rng)
    return figures


def _share_right(
    model: InternVLForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    drawings: Sequence[Drawing],
    topic: str,
    rng: np.random.Generator,
) -> float:
    answerable: list[tuple[Drawing, str]] = []
    for drawing in drawings:
        nouns = [noun for noun in drawing.facts if topic in noun]
        if nouns:
            answerable.append((drawing, nouns[int(rng.integers(len(nouns)))]))
    if not answerable:
        return float("nan")
    pixels = np.stack([drawing.pixels for drawing, _ in answerable])
    texts = answers(model, tokenizer, pixels, [f"What is the {noun}?" for _, noun in answerable])
    return float(
        np.mean([text == drawing.facts[noun] for text, (drawing, noun) in zip(texts, answerable, strict=True)])
    )

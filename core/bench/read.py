"""Reading a distribution over 8 candidate answers, beside `generate` and beside scoring every candidate by itself.

A run reads from features that it keeps, so that is the figure; `generate` and single scoring encode their images each
time, as they do in use. What reading costs when it has to encode the images too is told beside it. `generate` has fused
attention, shared and single scores the arithmetic of reading; shared scores are compared with plain ones.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.bench.cases import BATCH, RESPONSE_TOKENS, Say, Size, alternate, clocked, new_cases, new_vlm
from core.machine.precision import precision_here
from core.models.shared_prefix import Branches
from core.models.vlm import ImageFeatures
from core.readings.distribution import Asking, distributions
from core.training.vlm_stage import RunCases

LIKELY_EQUAL = 1e-3


def measure(rounds: int, size: Size, say: Say) -> dict[str, Any]:
    """Images per second of each way, and how far shared and single scores lie apart."""
    with tempfile.TemporaryDirectory() as folder:
        cases = new_cases(new_vlm(size), Path(folder))
        places = list(range(BATCH))
        pixels = _pixels(cases, places)
        ways: dict[str, Callable[[], object]] = {
            "shared": lambda: _shared(cases, places),
            "shared_with_encoding": lambda: _shared(cases, places, pixels),
            "generate": lambda: _generated(cases, places, pixels),
            "single": lambda: _single_as_read(cases, places, pixels),
        }
        with torch.no_grad():
            seconds = alternate({name: _timed(do) for name, do in ways.items()}, rounds, say)
            cases.features.vlm.base.float()
            gap = _gap(
                _shared(cases, places[:4]), _single(cases, places[:4], _pixels(cases, places[:4]), from_cache=True)
            )
    return {
        "arithmetic": precision_here(),
        "images_per_second": BATCH / seconds["shared"],
        "images_per_second_of": {name: BATCH / taken for name, taken in seconds.items()},
        "speedup_over_generate": seconds["generate"] / seconds["shared"],
        "speedup_over_single": seconds["single"] / seconds["shared"],
        "speedup_over_generate_with_encoding": seconds["generate"] / seconds["shared_with_encoding"],
        "speedup_over_single_with_encoding": seconds["single"] / seconds["shared_with_encoding"],
        "largest_difference_in_probability": gap,
        "equal": gap < LIKELY_EQUAL,
    }


def _timed(do: Callable[[], object]) -> Callable[[], float]:
    return lambda: clocked(do)


def _pixels(cases: RunCases, places: Sequence[int]) -> Tensor:
    vlm = cases.features.vlm
    pictures = [cases.items[place].case.pixels.load() for place in places]
    values: Tensor = vlm.image_processor(images=pictures, return_tensors="pt")["pixel_values"]
    return values.to(vlm.device, vlm.base.dtype)


def _encoded(cases: RunCases, pixels: Tensor) -> list[ImageFeatures]:
    return [
        ImageFeatures(tokens)
        for tokens in cases.features.vlm.base.get_image_features(pixel_values=pixels).pooler_output
    ]


def _shared(cases: RunCases, places: Sequence[int], pixels: Tensor | None = None) -> list[tuple[float, ...]]:
    task = cases.joint_set.tasks[0]
    features = cases.features.of(places) if pixels is None else _encoded(cases, pixels)
    with cases.features.vlm.reading():
        (answers,) = distributions(cases.features.vlm, [Asking(task, image) for image in features], None, [False])
    return [answer.probabilities for answer in answers]


def _generated(cases: RunCases, places: Sequence[int], pixels: Tensor) -> Tensor:
    """The usual way to an answer: as many tokens as an answer has, greedily, with the model's own cache."""
    vlm = cases.features.vlm
    prompts = cases.batch(places, [None] * len(places)).prompts
    ids = torch.tensor([[*prompt.head, *prompt.tail] for prompt in prompts], device=vlm.device)
    with _usual_attention(vlm.base.get_decoder()):
        written: Tensor = vlm.base.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            pixel_values=pixels,
            max_new_tokens=RESPONSE_TOKENS,
            min_new_tokens=RESPONSE_TOKENS,
            do_sample=False,
            pad_token_id=vlm.tokenizer.pad_token_id,
        )
    return written


@contextmanager
def _usual_attention(decoder: Any) -> Iterator[None]:
    """What a model has that was loaded by its name alone; ours has eager attention on a CPU, for training."""
    was = decoder.config._attn_implementation
    decoder.set_attn_implementation("sdpa")
    try:
        yield
    finally:
        decoder.set_attn_implementation(was)


def _single(
    cases: RunCases, places: Sequence[int], pixels: Tensor, from_cache: bool = False
) -> list[tuple[float, ...]]:
    """Every candidate in a pass of its own over all images."""
    vlm, task = cases.features.vlm, cases.joint_set.tasks[0]
    scores = []
    for text in task.candidates():
        features = cases.features.of(places) if from_cache else _encoded(cases, pixels)
        branches = Branches(vlm, features, is_shared=False)
        response = vlm.response(text)
        slots = [
            branches.add(row, vlm.prompt(task.instruction(), image.tokens.shape[0]), response)
            for row, image in enumerate(features)
        ]
        likely = branches.logits().log_softmax(-1)
        scores.append(torch.stack([likely[row, torch.tensor(response)].sum() for row in slots]))
    return [tuple(row.tolist()) for row in torch.stack(scores, dim=1).softmax(-1)]


def _single_as_read(cases: RunCases, places: Sequence[int], pixels: Tensor) -> list[tuple[float, ...]]:
    with cases.features.vlm.reading():
        return _single(cases, places, pixels)


def _gap(shared: Sequence[tuple[float, ...]], single: Sequence[tuple[float, ...]]) -> float:
    """The largest difference of any probability."""
    return max(abs(a - b) for left, right in zip(shared, single, strict=True) for a, b in zip(left, right, strict=True))

"""The terms of discriminative fine-tuning: every picture against every short caption of its step, and long captions
written where a picture was summed up (arXiv 2412.04378; docs/method.md).

Axes: n cases of a micro-batch, S slots, H hidden size, T tokens of long captions.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from core.readings.embedder import OF_IMAGE, Embedder, of_unit_length, picture_prompt, text_tokens
from core.training.contrastive import KEYS, PICTURES, WORDS, Shown, caption_keys, step_losses
from core.training.terms import Heard, ResponseBatch, Term, Text, Words

EMBEDDER = "embedder"


def caption_terms(has_soft_prompts: bool, has_long_captions: bool) -> Mapping[str, Term]:
    """`pair` holds pictures against short captions; `next` writes the long ones."""

    def pictured(batch: ResponseBatch, case: int) -> Text:
        prompt = picture_prompt(batch.prompt(case, OF_IMAGE), has_soft_prompts)
        return Text(case, prompt, (*_long(batch, case, has_long_captions), _end(batch)))

    def worded(batch: ResponseBatch, case: int) -> Words:
        assert batch.vlm is not None
        return Words(text_tokens(batch.vlm, batch.captions[case].short, has_soft_prompts))

    def show(heard: Heard) -> Shown:
        pictures, words = (
            of_unit_length(heard.states[[slots[0] for slots in heard.slots[ask]]]) for ask in (pictured, worded)
        )
        keys = caption_keys([caption.short for caption in heard.batch.captions])
        return {PICTURES: pictures, WORDS: words, KEYS: keys.to(pictures.device)}

    def pair_losses(heard: Heard) -> Tensor:
        shown, embedder = show(heard), heard.heads[EMBEDDER]
        assert isinstance(embedder, Embedder)
        with torch.autocast(heard.states.device.type, enabled=False):
            return step_losses(shown[PICTURES], shown[WORDS], shown[KEYS], embedder.scale, heard.beyond)

    def next_losses(heard: Heard) -> Tensor:
        cases = [case for case in range(len(heard.batch)) if _long(heard.batch, case, True)]
        slots = [slot for case in cases for slot in heard.slots[pictured][case]]
        tokens = [token for case in cases for token in (*_long(heard.batch, case, True), _end(heard.batch))]
        targets = torch.tensor(tokens, dtype=torch.long, device=heard.states.device)
        return cross_entropy(heard.every_logit[slots], targets, reduction="none")

    def written(batch: ResponseBatch) -> int:
        lengths = [len(_long(batch, case, True)) for case in range(len(batch.captions))]
        return sum(length + 1 for length in lengths if length)

    return {
        "pair": Term((pictured, worded), pair_losses, lambda batch: len(batch.captions), show=show),
        "next": Term((pictured,), next_losses, written),
    }


def _long(batch: ResponseBatch, case: int, is_wanted: bool) -> tuple[int, ...]:
    """The tokens of a case's long caption; none where it has none."""
    return batch.captions[case].long if is_wanted else ()


def _end(batch: ResponseBatch) -> int:
    assert batch.vlm is not None
    return batch.vlm.end_token

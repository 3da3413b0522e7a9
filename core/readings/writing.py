"""What a model writes by itself, the likeliest token each time, with a cache of its own making."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from core.models.exemplar import Exemplars
from core.models.shared_prefix import Branches
from core.models.vlm import Vlm
from core.readings.distribution import Asking, embed_exemplars


@dataclass(frozen=True)
class Written:
    """Tokens, how likely each was, and whether the text came to its end."""

    tokens: tuple[int, ...]
    log_likelihoods: tuple[float, ...]
    is_ended: bool

    def text(self, vlm: Vlm, tokens: int | None = None) -> str:
        """All of it, or what its first tokens say."""
        return str(vlm.tokenizer.decode(self.tokens[:tokens], skip_special_tokens=True))


def free_text(
    vlm: Vlm, questions: Sequence[Asking], exemplars: Exemplars | None, with_exemplar: bool, most_tokens: int
) -> list[str]:
    embedded = embed_exemplars(exemplars, questions) if with_exemplar else None
    texts = []
    for number, question in enumerate(questions):
        own = None if embedded is None else embedded[number : number + 1]
        branches = Branches(vlm, [question.features], own)
        prompt = vlm.prompt(question.asked(), question.features.tokens.shape[0])
        branches.add(0, prompt, (vlm.end_token,), with_exemplar)
        texts.append(write(vlm, branches, most_tokens).text(vlm).strip())
    return texts


def write(vlm: Vlm, branches: Branches, most_tokens: int) -> Written:
    """What follows the one question that was asked."""
    from transformers import DynamicCache

    cache = DynamicCache()
    tokens: list[int] = []
    likely: list[float] = []
    ends = {vlm.end_token, vlm.tokenizer.eos_token_id}
    with torch.no_grad():
        state, position = branches.begin(cache)
        length = branches.packed_rows[0].length
        while len(tokens) < most_tokens:
            of_vocabulary = vlm.logits(state)[0].float().log_softmax(-1)
            token = int(of_vocabulary.argmax())
            if token in ends:
                return Written(tuple(tokens), tuple(likely), True)
            tokens.append(token)
            likely.append(float(of_vocabulary[token]))
            state, position = branches.go_on(token, position, length + len(tokens) - 1, cache)
    return Written(tuple(tokens), tuple(likely), False)

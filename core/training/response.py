"""What tuning on responses asks of a model: a batch of cases as text, run through shared branches into losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from core.models.exemplar import Exemplars
from core.models.vlm import Vlm
from core.readings.head import Head
from core.training.contrastive import Beyond, Shown
from core.training.terms import Heard, ResponseBatch, Term
from core.training.wanted import Wanted

Losses = dict[str, Tensor]


class Tuned(nn.Module):
    """The trainable whole: a VLM with its adapter, the connectors of the exemplars and a method's heads where there are
    any."""

    def __init__(self, vlm: Vlm, exemplars: Exemplars | None, heads: nn.ModuleDict | None = None) -> None:
        super().__init__()
        self.vlm = vlm
        self.base = vlm.base
        self.exemplars = exemplars
        self.heads = nn.ModuleDict() if heads is None else heads

    def learned(self) -> Tensor | None:
        """The embeddings of all learned tokens, head after head, [K, H]."""
        tokens = [cast(Head, head).tokens for head in self.heads.values()]
        learned = [embeddings for embeddings in tokens if embeddings is not None]
        return torch.cat(learned) if learned else None

    def forward(self, batch: ResponseBatch, wanted: Wanted, beyond: Beyond | None = None) -> Losses:
        """Every wanted loss, as many numbers as its term counts."""
        return response_terms(self, batch, wanted, beyond)

    def show(self, batch: ResponseBatch, wanted: Wanted) -> Shown:
        """What a micro-batch shows to all others of its step: for terms that hold every case against every other."""
        terms = list(wanted.named_terms().values())
        heard = _hear(self, batch, terms, wanted.is_shared)
        return {name: rows for term in terms if term.show is not None for name, rows in term.show(heard).items()}


def counts(batch: ResponseBatch, wanted: Wanted) -> dict[str, int]:
    """How many numbers each loss of this batch will have."""
    return {name: term.count(batch) for name, term in wanted.named_terms().items()}


def response_terms(model: Tuned, batch: ResponseBatch, wanted: Wanted, beyond: Beyond | None = None) -> Losses:
    """Every wanted loss from one run of the shared branches."""
    terms = wanted.named_terms()
    heard = _hear(model, batch, list(terms.values()), wanted.is_shared)
    heard.beyond = beyond
    return {name: term.losses(heard) for name, term in terms.items()}


def token_passes(model: Tuned, batch: ResponseBatch, wanted: Wanted, is_shared: bool) -> int:
    """How many tokens a step on these cases puts through the language model: the lengths of its packed rows."""
    branches = _asking(model, batch, list(wanted.named_terms().values())).laid_out(is_shared)
    return sum(packed.length for packed in branches.packed_rows)


def _hear(model: Tuned, batch: ResponseBatch, terms: Sequence[Term], is_shared: bool) -> Heard:
    return _asking(model, batch, terms).run(is_shared)


def _asking(model: Tuned, batch: ResponseBatch, terms: Sequence[Term]) -> Heard:
    embedded = model.exemplars(batch.exemplars, len(batch)) if model.exemplars is not None else None
    asks = list(dict.fromkeys(ask for term in terms for ask in term.asks))
    return Heard(model.vlm, batch, embedded, asks, model.heads, model.learned())

"""What a stage costs, by formula and not by the clock: tokens that go through the language model (docs/method.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from core.draw import evenly
from core.training.method import StagePlan
from core.training.response import Tuned, token_passes
from core.training.terms import contradicted

if TYPE_CHECKING:
    from core.training.vlm_stage import RunCases

LOOKED_AT = 64


def tokens_a_case(plan: StagePlan, tuned: Tuned, cases: RunCases) -> float:
    """Of one step of a stage, the mean over training cases drawn evenly, each with another that contradicts it."""
    train = cases.places("train")
    places = evenly(train, LOOKED_AT)
    asks = [ask for term in plan.wanted.named_terms().values() for ask in term.asks]
    pairs = cases.pool(train).pairs(places, "tokens") if contradicted in asks else [(place, None) for place in places]
    with torch.no_grad():
        batch = cases.batch([place for place, _ in pairs], [partner for _, partner in pairs], [0] * len(pairs))
        return token_passes(tuned, batch, plan.wanted, tuned.vlm.shares_prefix) / len(places)

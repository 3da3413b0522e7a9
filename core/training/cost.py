"""What a stage costs, by formula and not by the clock: tokens that go through the language model (docs/method.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from core.draw import evenly, generator
from core.training.method import StagePlan
from core.training.response import Tuned, draw_others, token_passes

if TYPE_CHECKING:
    from core.training.vlm_stage import RunCases

LOOKED_AT = 64


def tokens_a_case(plan: StagePlan, tuned: Tuned, cases: RunCases) -> float:
    """Of one step of a stage, the mean over training cases drawn evenly, each with another that contradicts it."""
    places = evenly(cases.places("train"), LOOKED_AT)
    sets = [cases.items[place].set for place in places]
    others = draw_others(cases.responses(places), sets, generator("tokens"))
    with torch.no_grad():
        batch = cases.batch(places, others, [0] * len(places))
        return token_passes(tuned, batch, plan.wanted, tuned.vlm.shares_prefix) / len(places)

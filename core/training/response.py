"""What tuning on responses asks of a model: a batch of cases as text, run through shared branches into losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from core.models.exemplar import Exemplars
from core.models.shared_prefix import Branches
from core.models.vlm import ImageFeatures, Prompt, Vlm
from core.training.losses import alignment_losses, contrast_losses, response_losses
from core.training.wanted import ContrastOn, Wanted

Losses = dict[str, Tensor]


@dataclass(frozen=True)
class ResponseBatch:
    """Cases that go through the model together. `others` names, for each, the case whose image contradicts it."""

    features: Sequence[ImageFeatures]
    prompts: Sequence[Prompt]
    responses: Sequence[tuple[int, ...]]
    exemplars: Sequence[Tensor]
    others: Sequence[int | None]

    def __len__(self) -> int:
        return len(self.prompts)


class Tuned(nn.Module):
    """The trainable whole: a VLM with its adapter, and the connectors of the exemplars where there are any."""

    def __init__(self, vlm: Vlm, exemplars: Exemplars | None) -> None:
        super().__init__()
        self.vlm = vlm
        self.base = vlm.base
        self.exemplars = exemplars

    def forward(self, batch: ResponseBatch, wanted: Wanted) -> Losses:
        """Every wanted loss, one number a token."""
        return response_terms(self, batch, wanted)


def draw_others(
    responses: Sequence[Sequence[int]], tasks: Sequence[int], random: np.random.Generator
) -> list[int | None]:
    """For every case another one of the same task with a different response, at random; None where there is none."""
    others: list[int | None] = []
    for mine, task in zip(responses, tasks, strict=True):
        fitting = [j for j, other in enumerate(responses) if tasks[j] == task and tuple(other) != tuple(mine)]
        others.append(int(random.choice(fitting)) if fitting else None)
    return others


def contrasted(batch: ResponseBatch, contrast_on: ContrastOn) -> list[range]:
    """Which tokens of each response take part in the contrast."""
    spans = []
    for response, other in zip(batch.responses, batch.others, strict=True):
        if other is None:
            spans.append(range(0))
        elif contrast_on == "all":
            spans.append(range(len(response)))
        else:
            first = _first_difference(response, batch.responses[other])
            spans.append(range(first, first + 1))
    return spans


def counts(batch: ResponseBatch, wanted: Wanted) -> dict[str, int]:
    """How many numbers each loss of this batch will have."""
    tokens = sum(len(response) for response in batch.responses)
    contrast = sum(len(span) for span in contrasted(batch, wanted.contrast_on)) if "crt" in wanted.weights else 0
    return {name: contrast if name == "crt" else tokens for name in wanted.weights}


def response_terms(model: Tuned, batch: ResponseBatch, wanted: Wanted) -> Losses:
    """L_van, L_ep, L_rda and L_crt as far as they are wanted, from one run of the shared branches."""
    embedded = model.exemplars(batch.exemplars, len(batch)) if model.exemplars is not None else None
    branches = Branches(model.vlm, batch.features, embedded, wanted.is_shared)
    spans = contrasted(batch, wanted.contrast_on) if "crt" in wanted.weights else []
    own, aided, under_other = [], [], []
    for case, (prompt, response) in enumerate(zip(batch.prompts, batch.responses, strict=True)):
        own.append(branches.add(case, prompt, response))
        if wanted.weights.keys() & {"ep", "rda"}:
            aided.append(branches.add(case, prompt, response, with_exemplar=True))
        other = batch.others[case] if spans else None
        # The question as it is put with the other image, which may be of another number of tokens.
        under_other.append([] if other is None else branches.add(other, batch.prompts[other], response))
    logits = branches.logits()
    targets = torch.tensor([token for response in batch.responses for token in response], device=logits.device)
    z_o = logits[_flat(own)]
    losses: Losses = {}
    if "van" in wanted.weights:
        losses["van"] = response_losses(z_o, targets, wanted.label_smoothing)
    if aided:
        z_e = logits[_flat(aided)]
        if "ep" in wanted.weights:
            losses["ep"] = response_losses(z_e, targets)
        if "rda" in wanted.weights:
            losses["rda"] = alignment_losses(z_o, z_e, wanted.direction)
    if spans:
        mine = [own[case][token] for case, span in enumerate(spans) for token in span]
        theirs = [under_other[case][token] for case, span in enumerate(spans) for token in span]
        said = [batch.responses[case][token] for case, span in enumerate(spans) for token in span]
        asked = torch.tensor(said, dtype=torch.long, device=logits.device)
        losses["crt"] = contrast_losses(logits[mine], logits[theirs], asked)
    return losses


def _flat(slots: Sequence[Sequence[int]]) -> list[int]:
    return [slot for row in slots for slot in row]


def _first_difference(one: Sequence[int], other: Sequence[int]) -> int:
    return next(place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)

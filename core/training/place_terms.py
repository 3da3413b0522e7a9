"""The terms of learning where things are: routing, boxes, their scores and masks of a locator; and boxes as text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from typing import cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from core.case import Box, Case
from core.draw import generator
from core.models.shared_prefix import learned_token
from core.pictures.masks import marked
from core.readings import box_text, locator
from core.readings.locator import Locator, boxes_answer, mask_answer
from core.training.losses import response_losses
from core.training.place_losses import mask_losses, region_losses
from core.training.terms import Ask, Heard, ResponseBatch, Term, Text, alone


class Places:
    """What is asked about a batch's boxes: of every case some of the labels that its set has boxes of, drawn anew at
    every step; of each label, the largest boxes."""

    def __init__(self, labels: Sequence[str], objects: int, at_a_time: int) -> None:
        self.labels = tuple(labels)
        self.objects = objects
        self.at_a_time = at_a_time

    def drawn(self, batch: ResponseBatch, case: int) -> list[str]:
        own = batch.cases[case]
        if own.boxes is None:  # nobody looked for any
            return []
        boxed = {box.label for box in own.boxes}
        known = [
            label
            for label in batch.marks[case].boxed
            if (not self.labels or label in self.labels) and (label in boxed or label not in own.labels)
        ]  # what is on the picture and has no box there was not drawn around
        order = generator(batch.lots[case]).permutation(len(known))[: self.at_a_time]
        return [known[place] for place in order]

    def label(self, batch: ResponseBatch, case: int, turn: int) -> str | None:
        drawn = self.drawn(batch, case)
        return drawn[turn] if turn < len(drawn) else None

    def boxes(self, case: Case, label: str) -> list[Box]:
        own = [box for box in case.boxes or () if box.label == label]
        return sorted(own, key=lambda box: (box.left - box.right) * (box.bottom - box.top))[: self.objects]

    def asked(self, batch: ResponseBatch) -> list[tuple[int, int, list[Box]]]:
        """Case, turn and true boxes of everything that is asked of a batch."""
        return [
            (case, turn, self.boxes(batch.cases[case], label))
            for case in range(len(batch.cases))
            for turn, label in enumerate(self.drawn(batch, case))
        ]


class LocatorTerms:
    """Of one locator, by the name under which a run has it. Where only routing is learned, nothing follows a routing
    token."""

    def __init__(self, head: str, first: int, places: Places, draws_masks: bool, is_placed: bool) -> None:
        self.head = head
        self.first = first
        self.places = places
        self.draws_masks = draws_masks
        self.is_placed = is_placed
        self.where: list[Ask] = [partial(self._where, turn=turn) for turn in range(places.at_a_time)]

    def _where(self, batch: ResponseBatch, case: int, turn: int) -> Text | None:
        label = self.places.label(batch, case, turn)
        if label is None:
            return None
        is_there = self.is_placed and bool(self.places.boxes(batch.cases[case], label))
        response = boxes_answer(self.first, self.places.objects) if is_there else (learned_token(self.first),)
        return Text(case, batch.prompt(case, locator.WHERE.format(label)), response)

    def outline(self, batch: ResponseBatch, case: int) -> Text | None:
        if not self.draws_masks or batch.cases[case].mask is None:
            return None
        response = mask_answer(self.first, self.places.objects) if self.is_placed else (learned_token(self.first),)
        return Text(case, batch.prompt(case, locator.OUTLINE), response)

    @cached_property
    def outlining(self) -> Ask:
        return self.outline

    def locator(self, heard: Heard) -> Locator:
        return cast(Locator, heard.heads[self.head])

    def terms(self) -> dict[str, Term]:
        return {
            "route": Term((*self.where, self.outlining, alone), self.routing, self.questions),
            "box": Term(tuple(self.where), self.boxes, self.true_boxes),
            "score": Term(tuple(self.where), self.scores, self.said_boxes),
            "mask": Term((self.outlining,), self.masks, self.masked),
        }

    def routing(self, heard: Heard) -> Tensor:
        """With what an answer begins: a routing token, that there is nothing, or the first word of a label."""
        words = heard.vlm.vocabulary_size
        ends, targets = [], []
        for case, turn, boxes in self.places.asked(heard.batch):
            ends.append(heard.slots[self.where[turn]][case][0])
            targets.append(words + (locator.BOXES if boxes else locator.NOTHING))
        for slots in heard.slots[self.outlining]:
            if slots:
                ends.append(slots[0])
                targets.append(words + locator.OUTLINED)
        for case, slots in enumerate(heard.slots[alone]):
            ends.append(slots[0])
            targets.append(heard.batch.responses[case][0])
        logits = self.locator(heard).route_logits(heard.vlm, heard.states[ends])
        return cross_entropy(logits, torch.tensor(targets, device=logits.device), reduction="none")

    def questions(self, batch: ResponseBatch) -> int:
        return len(self.places.asked(batch)) + self.masked(batch) + len(batch.responses)

    def masked(self, batch: ResponseBatch) -> int:
        return sum(self.draws_masks and case.mask is not None for case in batch.cases)

    def true_boxes(self, batch: ResponseBatch) -> int:
        return sum(len(boxes) for *_, boxes in self.places.asked(batch))

    def said_boxes(self, batch: ResponseBatch) -> int:
        return sum(self.places.objects for *_, boxes in self.places.asked(batch) if boxes)

    def boxes(self, heard: Heard) -> Tensor:
        return torch.cat([untouched(self.locator(heard).region), *(matched for matched, _ in self._regions(heard))])

    def scores(self, heard: Heard) -> Tensor:
        return torch.cat([untouched(self.locator(heard).region), *(scores for _, scores in self._regions(heard))])

    def _regions(self, heard: Heard) -> list[tuple[Tensor, Tensor]]:
        head, losses = self.locator(heard), []
        for case, turn, boxes in self.places.asked(heard.batch):
            if boxes:
                said, logits = head.regions(heard.states[heard.slots[self.where[turn]][case][2:]])
                losses.append(region_losses(said, logits, as_centres(boxes).to(said.device)))
        return losses

    def masks(self, heard: Heard) -> Tensor:
        head = self.locator(heard)
        losses = [untouched(head.mask)]
        for case, slots in enumerate(heard.slots[self.outlining]):
            if slots:
                logits = head.mask_logits(heard.states[slots[2]], heard.batch.features[case])
                losses.append(mask_losses(logits, true_mask(heard.batch.cases[case], logits.shape).to(logits))[None])
        return torch.cat(losses)


class TextTerm:
    """Boxes written as text: the rival."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.where: list[Ask] = [partial(self._where, turn=turn) for turn in range(places.at_a_time)]

    def term(self) -> Term:
        return Term(tuple(self.where), self.losses, self.tokens)

    def _where(self, batch: ResponseBatch, case: int, turn: int) -> Text | None:
        label = self.places.label(batch, case, turn)
        if label is None:
            return None
        return Text(case, batch.prompt(case, box_text.WHERE.format(label)), self._spelled(batch, case, label))

    def _spelled(self, batch: ResponseBatch, case: int, label: str) -> tuple[int, ...]:
        return batch.spelled(box_text.boxes_as_text(self.places.boxes(batch.cases[case], label)))

    def tokens(self, batch: ResponseBatch) -> int:
        return sum(len(self._spelled(batch, case, label)) for case, label in self._all(batch))

    def _all(self, batch: ResponseBatch) -> list[tuple[int, str]]:
        return [(case, label) for case in range(len(batch.cases)) for label in self.places.drawn(batch, case)]

    def losses(self, heard: Heard) -> Tensor:
        slots: list[int] = []
        targets: list[int] = []
        for case in range(len(heard.batch)):
            for turn, label in enumerate(self.places.drawn(heard.batch, case)):
                slots += heard.slots[self.where[turn]][case]
                targets += self._spelled(heard.batch, case, label)
        wanted = torch.tensor(targets, dtype=torch.long, device=heard.states.device)
        return response_losses(heard.every_logit[slots], wanted)


def untouched(module: nn.Module | None) -> Tensor:
    """A 0 that every weight has a part in, [1]: several processes wait for a gradient of each, whether or not their own
    cases ask for one."""
    assert module is not None
    return 0 * torch.stack([weight.sum() for weight in module.parameters()]).sum()[None]


def as_centres(boxes: Sequence[Box]) -> Tensor:
    """Centre, width and height, [M, 4]."""
    return torch.tensor(
        [
            ((box.left + box.right) / 2, (box.top + box.bottom) / 2, box.right - box.left, box.bottom - box.top)
            for box in boxes
        ]
    )


def true_mask(case: Case, shape: Sequence[int]) -> Tensor:
    """How much of each pixel of a coarser mask is inside, [h, w]."""
    assert case.mask is not None
    inside = Image.fromarray(marked(case.mask.load()).astype(np.uint8) * 255)
    height, width = shape
    return torch.from_numpy(np.asarray(inside.resize((width, height), Image.Resampling.BOX), dtype=np.float32) / 255)

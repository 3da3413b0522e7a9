"""The terms of learning where things are: routing, boxes, their scores and masks of a locator; and boxes as text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, cast

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


class Question(NamedTuple):
    """The label of a case whose turn it is, by its true boxes."""

    case: int
    turn: int
    boxes: list[Box]


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
        labels = [
            label
            for label in batch.marks[case].looked_for(self.labels)
            if label in boxed or label not in own.labels  # what is there and has no box was not drawn around
        ]
        order = generator(batch.lots[case]).permutation(len(labels))[: self.at_a_time]
        return [labels[place] for place in order]

    def label(self, batch: ResponseBatch, case: int, turn: int) -> str | None:
        drawn = self.drawn(batch, case)
        return drawn[turn] if turn < len(drawn) else None

    def boxes(self, case: Case, label: str) -> list[Box]:
        own = [box for box in case.boxes or () if box.label == label]
        return sorted(own, key=lambda box: (box.left - box.right) * (box.bottom - box.top))[: self.objects]

    def questions(self, batch: ResponseBatch) -> list[Question]:
        """Everything that is asked of a batch."""
        return [
            Question(case, turn, self.boxes(batch.cases[case], label))
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

    def locator(self, heard: Heard) -> Locator:
        return cast(Locator, heard.heads[self.head])

    def terms(self) -> dict[str, Term]:
        return {
            "route": Term((*self.where, self.outline, alone), self.routing, self.questions),
            "box": Term(tuple(self.where), self.boxes, self.true_boxes),
            "score": Term(tuple(self.where), self.scores, self.said_boxes),
            "mask": Term((self.outline,), self.masks, self.masked),
        }

    def routing(self, heard: Heard) -> Tensor:
        """With what an answer begins: a routing token, that there is nothing, or the first word of a label."""
        words = heard.vlm.vocabulary_size
        ends, targets = [], []
        for case, turn, boxes in self.places.questions(heard.batch):
            ends.append(heard.slots[self.where[turn]][case][0])
            targets.append(words + (locator.BOXES if boxes else locator.NOTHING))
        for slots in heard.slots[self.outline]:
            if slots:
                ends.append(slots[0])
                targets.append(words + locator.OUTLINED)
        for case, slots in enumerate(heard.slots[alone]):
            ends.append(slots[0])
            targets.append(heard.batch.responses[case][0])
        logits = self.locator(heard).route_logits(heard.vlm, heard.states[ends])
        return cross_entropy(logits, torch.tensor(targets, device=logits.device), reduction="none")

    def questions(self, batch: ResponseBatch) -> int:
        return len(self.places.questions(batch)) + self.masked(batch) + len(batch.responses)

    def masked(self, batch: ResponseBatch) -> int:
        return sum(self.draws_masks and case.mask is not None for case in batch.cases)

    def true_boxes(self, batch: ResponseBatch) -> int:
        return sum(len(boxes) for *_, boxes in self.places.questions(batch))

    def said_boxes(self, batch: ResponseBatch) -> int:
        return sum(self.places.objects for *_, boxes in self.places.questions(batch) if boxes)

    def boxes(self, heard: Heard) -> Tensor:
        matched = [of_boxes for of_boxes, _ in heard.once(self._regions)]
        return torch.cat([untouched(self.locator(heard).region), *matched])

    def scores(self, heard: Heard) -> Tensor:
        of_scores = [scores for _, scores in heard.once(self._regions)]
        return torch.cat([untouched(self.locator(heard).region), *of_scores])

    def _regions(self, heard: Heard) -> list[tuple[Tensor, Tensor]]:
        head, losses = self.locator(heard), []
        for case, turn, boxes in self.places.questions(heard.batch):
            if boxes:
                regions, logits = head.regions(heard.states[heard.slots[self.where[turn]][case][2:]])
                losses.append(region_losses(regions, logits, as_centres(boxes).to(regions.device)))
        return losses

    def masks(self, heard: Heard) -> Tensor:
        head = self.locator(heard)
        losses = [untouched(head.mask)]
        for case, slots in enumerate(heard.slots[self.outline]):
            if slots:
                own = heard.batch.own[case][head.encoder.name] if head.encoder else None
                logits = head.mask_logits(heard.states[slots[2]], heard.batch.features[case], own)
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
        response = spelled(batch, self.places.boxes(batch.cases[case], label))
        return Text(case, batch.prompt(case, box_text.WHERE.format(label)), response)

    def tokens(self, batch: ResponseBatch) -> int:
        return sum(len(spelled(batch, question.boxes)) for question in self.places.questions(batch))

    def losses(self, heard: Heard) -> Tensor:
        slots: list[int] = []
        targets: list[int] = []
        for case, turn, boxes in self.places.questions(heard.batch):
            slots += heard.slots[self.where[turn]][case]
            targets += spelled(heard.batch, boxes)
        wanted = torch.tensor(targets, dtype=torch.long, device=heard.states.device)
        return response_losses(heard.every_logit[slots], wanted)


def spelled(batch: ResponseBatch, boxes: Sequence[Box]) -> tuple[int, ...]:
    return batch.spelled(box_text.boxes_as_text(boxes))


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

"""Boxes as text: how they are written for a model to learn, and read out of what it wrote. The rival of heads."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from torch import nn

from core.case import Box
from core.models.shared_prefix import Branches
from core.models.vlm import Vlm
from core.readings.head import Head, Picture
from core.readings.regions import Region, Regions
from core.readings.statement import Statement
from core.readings.writing import Written, write

WHERE = "Where is every {}? Answer with left, top, right and bottom in percent."
NOTHING = "nothing"
BETWEEN = "; "
BOX = re.compile(r"(\d{1,3}) (\d{1,3}) (\d{1,3}) (\d{1,3})")
TOKENS_A_BOX = 14
"""At most: four numbers of up to three digits and what stands between them."""


def boxes_as_text(boxes: Iterable[Box]) -> str:
    """From left to right, so that there is one right order."""
    spans = ((_span(box.left, box.right), _span(box.top, box.bottom)) for box in boxes)
    rows = sorted((left, top, right, bottom) for (left, right), (top, bottom) in spans)
    return BETWEEN.join(" ".join(map(str, row)) for row in rows) or NOTHING


def _span(begin: float, end: float) -> tuple[int, int]:
    """In percent, never so thin that it is none."""
    first = min(99, round(100 * begin))
    return first, max(first + 1, round(100 * end))


def boxes_in_text(text: str) -> tuple[list[tuple[re.Match[str], tuple[float, ...]]], bool]:
    """Every box that can be read, with where it stands, and whether nothing else was written."""
    boxes: list[tuple[re.Match[str], tuple[float, ...]]] = []
    is_clean = text.strip() == NOTHING
    parts = list(BOX.finditer(text))
    for part in parts:
        left, top, right, bottom = (int(number) / 100 for number in part.groups())
        if left < right <= 1 and top < bottom <= 1:
            boxes.append((part, (left, top, right, bottom)))
    if parts and len(boxes) == len(parts):
        is_clean = BETWEEN.join(part.group() for part in parts) == text.strip()
    return boxes, is_clean


class BoxWriter(Head):
    """Has the model write the boxes of every label; a box is as sure as its own tokens are likely, their geometric
    mean (ours)."""

    def __init__(self, objects: int, labels: Sequence[str]) -> None:
        super().__init__(nn.Identity())
        self.objects = objects
        self.labels = tuple(labels)

    def statements(self, vlm: Vlm, pictures: Sequence[Picture]) -> Sequence[tuple[Statement, ...]]:
        return [self._of(vlm, picture) for picture in pictures]

    def _of(self, vlm: Vlm, picture: Picture) -> tuple[Statement, ...]:
        labels = picture.marks.looked_for(self.labels)
        if not labels:
            return ()
        regions: list[Region] = []
        unread = []
        for label in labels:
            branches = Branches(vlm, [picture.features])
            prompt = vlm.prompt(WHERE.format(label), picture.features.tokens.shape[0])
            branches.add(0, prompt, (vlm.end_token,))
            written = write(vlm, branches, TOKENS_A_BOX * self.objects)
            boxes, is_clean = regions_in(vlm, written, label)
            regions += boxes
            unread += [] if is_clean else [label]
        return (Regions(regions=tuple(regions), labels=labels, unread=tuple(unread)),)


def regions_in(vlm: Vlm, written: Written, label: str) -> tuple[list[Region], bool]:
    """The regions of a text, and whether all of it could be read."""
    boxes, is_clean = boxes_in_text(written.text(vlm))
    ends = [len(written.text(vlm, count)) for count in range(len(written.tokens) + 1)]
    regions = []
    for part, (left, top, right, bottom) in boxes:
        own = [
            likelihood
            for number, likelihood in enumerate(written.log_likelihoods)
            if ends[number + 1] > part.start() and ends[number] < part.end()
        ]
        score = math.exp(sum(own) / len(own))
        regions.append(Region(label=label, left=left, top=top, right=right, bottom=bottom, score=score))
    return regions, is_clean and written.is_ended

"""A head that says where things are: boxes of every label with a score each, and a mask (docs/method.md).

It asks a question of its own for every label. Where the model is to answer with a place, a routing token stands for
that, and learned task tokens after it ask for the places themselves: the last-layer state of each becomes a box.

Axes: B questions, Q task tokens for boxes, H hidden size, N image tokens, D width of the mask's decoder, P its prompts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Self

import torch
from torch import Tensor, nn

from core.case import Marks, Task
from core.errors import ModelError
from core.models.segmenter import Segmenter
from core.models.shared_prefix import learned_token
from core.models.vlm import ImageFeatures, Vlm
from core.readings.head import Head, HeadQuestion, Picture, See
from core.readings.mask import Mask
from core.readings.regions import Region, Regions
from core.readings.statement import Statement

WHERE = "Where is every {}?"
OUTLINE = "Which part of the image is it?"
ROUTES = 2
BOXES, OUTLINED, NOTHING = range(3)
"""What a question for a place may be answered with: boxes, a mask, or that there is nothing."""
DECODER_WIDTH, PROMPTS = 64, 3


class Locator(Head):
    """`first` is the number of its first learned token: those of all heads of a run are counted through. Where a SAM is
    given, that draws the masks."""

    def __init__(
        self,
        hidden_size: int,
        objects: int,
        labels: Sequence[str],
        draws_masks: bool,
        first: int,
        segmenter: Segmenter | None = None,
    ) -> None:
        super().__init__(nn.Identity())
        self.objects = objects
        self.labels = tuple(labels)
        self.draws_masks = draws_masks
        self.first = first
        self.routing = nn.ParameterDict(
            {"tokens": torch.zeros(ROUTES, hidden_size), "rows": torch.zeros(3, hidden_size)}
        )
        self.asking = nn.ParameterDict({"tokens": torch.zeros(objects + draws_masks, hidden_size)})
        self.region = RegionHead(hidden_size)
        self.mask: MaskHead | SegmenterHead | None = None
        if draws_masks:
            self.mask = SegmenterHead(hidden_size, segmenter) if segmenter else MaskHead(hidden_size)

    @property
    def tokens(self) -> Tensor:
        return torch.cat([self.routing["tokens"], self.asking["tokens"]])

    @property
    def encoder(self) -> Segmenter | None:
        return self.mask.segmenter if isinstance(self.mask, SegmenterHead) else None

    @torch.no_grad()
    def begin(self, vlm: Vlm) -> None:
        """New tokens start at the mean of the old ones; those that ask are told apart by a little noise."""
        mean = vlm.base.get_input_embeddings().weight.float().mean(0).cpu()
        spread = vlm.base.get_input_embeddings().weight.float().std().cpu()
        self.routing["tokens"].copy_(mean.expand(ROUTES, -1))
        self.routing["rows"].copy_(vlm.base.get_output_embeddings().weight.float().mean(0).cpu().expand(3, -1))
        self.asking["tokens"].copy_(mean + spread * torch.randn(self.asking["tokens"].shape))

    def outlines(self, marks: Marks) -> bool:
        return self.draws_masks and marks.is_masked

    def boxes_answer(self) -> tuple[int, ...]:
        return boxes_answer(self.first, self.objects)

    def asks(self, vlm: Vlm, task: Task, marks: Marks) -> Sequence[HeadQuestion]:
        regions = [HeadQuestion(WHERE.format(label), self.boxes_answer()) for label in marks.looked_for(self.labels)]
        if not self.outlines(marks):
            return regions
        return [*regions, HeadQuestion(OUTLINE, mask_answer(self.first, self.objects))]

    def route_logits(self, vlm: Vlm, states: Tensor) -> Tensor:
        """Of every next token and, after them, of boxes, a mask and nothing, [B, V + 3]."""
        words = vlm.logits(states).float()
        return torch.cat([words, states.float() @ self.routing["rows"].T], dim=-1)

    def regions(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes as centre, width and height in [0, 1], [..., Q, 4], and the logits of their scores, [..., Q]."""
        with torch.autocast(states.device.type, enabled=False):
            boxes, scores = self.region(states.float())
        return boxes, scores

    def mask_logits(self, state: Tensor, features: ImageFeatures, own: See | None) -> Tensor:
        """[h, w], finer than the image's tokens."""
        assert self.mask is not None
        with torch.autocast(state.device.type, enabled=False):
            if isinstance(self.mask, SegmenterHead):
                assert own is not None
                drawn: Tensor = self.mask(state.float(), own())
            else:
                drawn = self.mask(state.float(), features.tokens.float(), shape_of(features))
        return drawn

    def statements(self, vlm: Vlm, pictures: Sequence[Picture]) -> Sequence[tuple[Statement, ...]]:
        return [self._of(vlm, picture) for picture in pictures]

    def _of(self, vlm: Vlm, picture: Picture) -> tuple[Statement, ...]:
        labels = picture.marks.looked_for(self.labels)
        statements: list[Statement] = []
        if labels:
            regions = [
                region
                for label, states in zip(labels, picture.states, strict=False)
                for region in self._regions(vlm, label, states)
            ]
            statements.append(Regions(regions=tuple(regions), labels=labels))
        if self.outlines(picture.marks):
            logits = self.mask_logits(picture.states[-1][2], picture.features, picture.own)
            statements.append(Mask.of("", (logits > 0).cpu().numpy()))
        return tuple(statements)

    def _regions(self, vlm: Vlm, label: str, states: Tensor) -> list[Region]:
        """A box's score is how likely boxes are the answer at all, times its own."""
        routes = states[0].float() @ self.routing["rows"].T
        there = torch.sigmoid(routes[BOXES] - routes[NOTHING])
        boxes, logits = self.regions(states[2:])
        scores = (there * logits.sigmoid()).tolist()
        corners = to_corners(boxes).clamp(0, 1).tolist()
        return [
            Region(label=label, left=left, top=top, right=right, bottom=bottom, score=score)
            for (left, top, right, bottom), score in zip(corners, scores, strict=True)
        ]


class RegionHead(nn.Module):
    """H -> H/2 -> 4 for the box, and one number more for its score (ours)."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.box = nn.Sequential(
            nn.Linear(hidden_size, hidden_size // 2), nn.GELU(), nn.Linear(hidden_size // 2, 4), nn.Sigmoid()
        )
        self.score = nn.Linear(hidden_size, 1)

    def forward(self, states: Tensor) -> tuple[Tensor, Tensor]:
        return self.box(states), self.score(states)[..., 0]


class MaskHead(nn.Module):
    """A light decoder of ours: prompts made of the task token's state look at the image's tokens, and the image's
    tokens, made finer, are compared to them."""

    def __init__(self, hidden_size: int, width: int = DECODER_WIDTH) -> None:
        super().__init__()
        self.prompts = nn.Sequential(
            nn.Linear(hidden_size, hidden_size), nn.GELU(), nn.Linear(hidden_size, PROMPTS * width)
        )
        self.image = nn.Sequential(nn.LayerNorm(hidden_size), nn.Linear(hidden_size, width))
        self.look = nn.MultiheadAttention(width, 4, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.finer = nn.Sequential(
            nn.ConvTranspose2d(width, width // 2, 2, 2), nn.GELU(), nn.ConvTranspose2d(width // 2, width // 4, 2, 2)
        )
        self.compared = nn.Linear(PROMPTS * width, width // 4)
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, state: Tensor, tokens: Tensor, shape: tuple[int, int]) -> Tensor:
        image = self.image(tokens)[None]
        prompts = self.prompts(state).reshape(1, PROMPTS, -1)
        prompts = self.norm(prompts + self.look(prompts, image, image)[0])
        fine = self.finer(image[0].T.reshape(1, -1, *shape))[0]
        logits: Tensor = torch.einsum("d,dhw->hw", self.compared(prompts.flatten()), fine) + self.bias
        return logits


class SegmenterHead(nn.Module):
    """As published: prompts made of the task token's state go to the mask decoder of a frozen SAM or SAM 2. Of it
    nothing is tuned, nor kept with the run."""

    def __init__(self, hidden_size: int, segmenter: Segmenter) -> None:
        super().__init__()
        self.segmenter = segmenter
        self.prompts = nn.Sequential(
            nn.Linear(hidden_size, hidden_size),
            nn.GELU(),
            nn.Linear(hidden_size, PROMPTS * segmenter.prompt_width),
        )

    def forward(self, state: Tensor, seen: ImageFeatures) -> Tensor:
        return self.segmenter.draw(self.prompts(state).reshape(PROMPTS, -1), seen)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self.segmenter.moved(fn)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self


def boxes_answer(first: int, objects: int) -> tuple[int, ...]:
    """The routing token, a task token for every object that may be there, and the end, which is never put in."""
    return (*(learned_token(first + number) for number in (0, *range(ROUTES, ROUTES + objects))), learned_token(first))


def mask_answer(first: int, objects: int) -> tuple[int, ...]:
    return (learned_token(first + 1), learned_token(first + ROUTES + objects), learned_token(first))


def to_corners(boxes: Tensor) -> Tensor:
    """Centre, width and height as left, top, right, bottom."""
    centre, size = boxes[..., :2], boxes[..., 2:]
    return torch.cat([centre - size / 2, centre + size / 2], dim=-1)


def shape_of(features: ImageFeatures) -> tuple[int, int]:
    """Rows and columns of an image's tokens."""
    count = features.tokens.shape[0]
    if features.grid is not None:
        _, height, width = features.grid
        shrink = math.isqrt(height * width // count)
        if shrink and (height // shrink) * (width // shrink) == count:
            return height // shrink, width // shrink
    side = math.isqrt(count)
    if side * side != count:
        raise ModelError(
            f"The image's {count} tokens make no square, so a mask has nowhere to lie. Choose a VLM of another family, "
            "or leave masks out (masks: false)."
        )
    return side, side

"""One prefix, many branches: what several texts about one image have in common runs through the model once.

Every image of a batch becomes one packed row. Its image tokens come first; instructions with and without the
exemplar, responses, another case's response, every candidate answer grow from there as a tree, and a token sees its
own ancestors only. So each branch gets exactly what a sequence of its own would get (docs/method.md).

Axes: R rows, L packed length, H hidden, S slots (places where a next token is asked for), V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.models.vlm import ImageFeatures, Prompt, Vlm

ROOT = -1
NO_IMAGE = -1
"""In the place of an image's number, in a row that is a text alone."""
TOKENS_AT_ONCE = 2048
LEARNED = -1_000
"""Markers from here downwards stand for learned tokens, those above for exemplars."""


def exemplar_token(number: int) -> int:
    """The marker that stands in a row where the exemplar of the TSM with this number goes."""
    return -1 - number


def learned_token(number: int) -> int:
    """The marker that stands, in a question or an answer, for the learned token with this number."""
    return LEARNED - number


@dataclass(frozen=True)
class Segment:
    """Tokens that continue the end of another segment. In a mutual one every token sees every other."""

    parent: int
    tokens: tuple[int, ...]
    start: int
    is_mutual: bool

    @property
    def length(self) -> int:
        return len(self.tokens)

    @property
    def end(self) -> int:
        return self.start + self.length


@dataclass
class PackedRow:
    """One packed row: segments in the order in which they were grown, equal ones grown once."""

    image: int
    segments: list[Segment] = field(default_factory=list)
    roots: dict[int, Prompt] = field(default_factory=dict)
    _segment_of: dict[tuple[int, tuple[int, ...]], int] = field(default_factory=dict)

    @property
    def length(self) -> int:
        return self.segments[-1].end if self.segments else 0

    def grow(self, parent: int, tokens: Sequence[int], is_mutual: bool = False) -> int:
        """The number of the segment that continues `parent` with these tokens."""
        key = (parent, tuple(tokens))
        if key not in self._segment_of:
            self._segment_of[key] = len(self.segments)
            self.segments.append(Segment(parent, tuple(tokens), self.length, is_mutual))
        return self._segment_of[key]

    def add_prompt(self, prompt: Prompt, exemplars: Iterable[int], sees: str) -> int:
        """The segment at whose end the answer to this prompt begins."""
        marks = tuple(exemplar_token(number) for number in exemplars)
        if sees == "prefix":
            end = self.grow(ROOT, (*prompt.head, *marks, *prompt.tail), is_mutual=True)
            self.roots.setdefault(end, prompt)
            return end
        head = self.grow(ROOT, prompt.head)
        self.roots.setdefault(head, prompt)
        return self.grow(head, (*marks, *prompt.tail))

    def add_response(self, segment: int, response: Sequence[int]) -> list[int]:
        """The place before each token of the response. The last token is asked for and never put in."""
        places = [self.segments[segment].end - 1]
        for token in response[:-1]:
            segment = self.grow(segment, (token,))
            places.append(self.segments[segment].start)
        return places

    def ancestry(self, image_slots: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
        """Who sees whom, [L, L]: a token its own ancestors and itself, image tokens each other where asked for."""
        sees = np.zeros((self.length, self.length), dtype=bool)
        for segment in self.segments:
            rows = slice(segment.start, segment.end)
            if segment.parent != ROOT:
                sees[rows] = sees[self.segments[segment.parent].end - 1]
            size = len(segment.tokens)
            sees[rows, rows] = True if segment.is_mutual else np.tri(size, dtype=bool)
        if image_slots is not None:
            sees |= np.outer(image_slots, image_slots)
        return sees

    def mutual(self) -> NDArray[np.bool_]:
        """Which tokens belong to a mutual segment: no sliding window narrows what they see."""
        return np.repeat(
            [segment.is_mutual for segment in self.segments], [segment.length for segment in self.segments]
        )

    def depths(self) -> NDArray[np.int64]:
        """How many tokens stand before each one in its own branch."""
        depth = np.zeros(self.length, dtype=np.int64)
        for segment in self.segments:
            first = 0 if segment.parent == ROOT else depth[self.segments[segment.parent].end - 1] + 1
            depth[segment.start : segment.end] = np.arange(first, first + len(segment.tokens))
        return depth


class Branches:
    """Everything that one batch asks of the language model, gathered first and run in one pass.

    `is_shared=False` lays every question out as a row of its own and takes the model's own forward: the plain passes
    against which sharing is checked, and the way out for an architecture that can't share.
    """

    def __init__(
        self,
        vlm: Vlm,
        features: Sequence[ImageFeatures],
        exemplars: Tensor | None = None,
        is_shared: bool = True,
        learned: Tensor | None = None,
    ) -> None:
        """`exemplars` [images, TSMs, H] are the embedded features, one row an image; `learned` [K, H] the embeddings
        of learned tokens, equal for all."""
        self.vlm = vlm
        self.features = features
        self.exemplars = exemplars
        self.learned = learned
        self.is_shared = is_shared
        self.packed_rows = [PackedRow(image) for image in range(len(features))] if is_shared else []
        self._slots: dict[tuple[int, int], int] = {}
        self._row_of_text: dict[tuple[int, ...], int] = {}

    def add(self, image: int, prompt: Prompt, response: Sequence[int], with_exemplar: bool = False) -> list[int]:
        """Asks how likely a response is; the result names, token by token, rows of what `logits` returns."""
        row = image if self.is_shared else len(self.packed_rows)
        if not self.is_shared:
            self.packed_rows.append(PackedRow(image))
        packed = self.packed_rows[row]
        exemplars = range(self.exemplars.shape[1]) if with_exemplar and self.exemplars is not None else ()
        prompt_end = packed.add_prompt(prompt, exemplars, self.vlm.anatomy.sees)
        return [
            self._slots.setdefault((row, place), len(self._slots))
            for place in packed.add_response(prompt_end, response)
        ]

    def add_text(self, tokens: Sequence[int]) -> list[int]:
        """Asks for the state in which a text without an image ends; equal texts are run once."""
        text = tuple(tokens)
        if text not in self._row_of_text:
            self._row_of_text[text] = len(self.packed_rows)
            packed = PackedRow(NO_IMAGE)
            packed.grow(ROOT, text, is_mutual=self.vlm.anatomy.sees == "prefix")
            self.packed_rows.append(packed)
        return [self._slots.setdefault((self._row_of_text[text], len(text) - 1), len(self._slots))]

    def hidden(self) -> Tensor:
        """Last-layer states at every slot, [S, H]."""
        rows = [row for row, packed in enumerate(self.packed_rows) if packed.segments]
        states, slots = [], []
        for part in self._parts(rows):
            place_of = {row: place for place, row in enumerate(part)}
            row_states = self._run([self.packed_rows[row] for row in part])
            at = [(place_of[row], place, slot) for (row, place), slot in self._slots.items() if row in place_of]
            index = torch.tensor(at, device=row_states.device).T
            states.append(row_states[index[0], index[1]])
            slots.append(index[2])
        return torch.cat(states)[torch.cat(slots).argsort()]

    def _parts(self, rows: list[int]) -> list[list[int]]:
        """The rows that run together: texts alone are shorter than images, and where nothing is learned on a CPU, few
        enough to stay in its cache."""
        of_images = [row for row in rows if self.packed_rows[row].image != NO_IMAGE]
        of_texts = [row for row in rows if self.packed_rows[row].image == NO_IMAGE]
        parts = [part for part in (of_images, of_texts) if part]
        if torch.is_grad_enabled() or self.vlm.device.type != "cpu":
            return parts
        cut = []
        for part in parts:
            size = max(1, TOKENS_AT_ONCE // max(self.packed_rows[row].length for row in part))
            cut += [part[start : start + size] for start in range(0, len(part), size)]
        return cut

    def logits(self) -> Tensor:
        """Next-token logits at every slot, [S, V], in float32."""
        return self.vlm.logits(self.hidden()).float()

    def begin(self, cache: object) -> tuple[Tensor, Tensor]:
        """Runs the one question that was asked into a cache: its last state [1, H], and the position it stands at."""
        (packed,) = self.packed_rows
        states = self._run([packed], use_cache=True, past_key_values=cache)
        positions = self._positions([packed], packed.length).to(states.device)
        return states[:, -1], positions[:, :, -1:]

    def go_on(self, token: int, position: Tensor, length: int, cache: object) -> tuple[Tensor, Tensor]:
        """Puts one more token at the end of a cache of this length."""
        device = position.device
        embeds = self.vlm.embed(torch.tensor([[token]], device=device))
        back = torch.arange(length, -1, -1, device=device)
        masks = {}
        for kind, window in self.vlm.windows().items():
            hidden = back >= (window or length + 1)
            masks[kind] = torch.zeros(hidden.shape, dtype=embeds.dtype, device=device).masked_fill_(
                hidden, torch.finfo(embeds.dtype).min
            )[None, None, None]
        output = self.vlm.decode(embeds, masks, position + 1, use_cache=True, past_key_values=cache)
        return output.last_hidden_state[:, -1], position + 1

    def _run(self, packed_rows: list[PackedRow], **options: object) -> Tensor:
        device = self.vlm.device
        ids = _padded(
            [[token for segment in packed.segments for token in segment.tokens] for packed in packed_rows], device
        )
        image_slots = ids == self.vlm.image_token
        embeds = self._embed(packed_rows, ids, image_slots)
        positions = self._positions(packed_rows, ids.shape[1]).to(device)
        used = [self.features[packed.image] for packed in packed_rows for _ in packed.roots]
        if not self.is_shared:
            return self._run_plainly(packed_rows, embeds, positions, image_slots, used)
        masks = self._masks(packed_rows, image_slots, embeds.dtype)
        extras = self.vlm.anatomy.decoder_extras(used, image_slots)
        return self.vlm.decode(embeds, masks, positions, **extras, **options).last_hidden_state  # type: ignore[no-any-return]

    def _run_plainly(
        self,
        packed_rows: list[PackedRow],
        embeds: Tensor,
        positions: Tensor,
        image_slots: Tensor,
        used: list[ImageFeatures],
    ) -> Tensor:
        lengths = torch.tensor([packed.length for packed in packed_rows], device=embeds.device)
        prefixes = torch.tensor([_prompt_end(packed) for packed in packed_rows], device=embeds.device)
        places = torch.arange(embeds.shape[1], device=embeds.device)
        attention = (places < lengths[:, None]).long()
        beside = self.vlm.anatomy.decoder_extras(used, image_slots)
        if beside:  # the whole model would make these from pixels only, and then does nothing but this
            return self.vlm.decode(embeds, {"": attention}, positions, **beside).last_hidden_state  # type: ignore[no-any-return]
        extras = self.vlm.anatomy.plain_extras(used, image_slots, places >= prefixes[:, None])
        return self.vlm.decode_plainly(embeds, attention, positions, **extras)

    def _embed(self, packed_rows: list[PackedRow], ids: Tensor, image_slots: Tensor) -> Tensor:
        is_text = (ids >= 0) & ~image_slots
        embeds = self.vlm.embed(ids.masked_fill(~is_text, 0))
        images = [self.features[packed.image].tokens for packed in packed_rows for _ in packed.roots]
        if images:
            embeds = embeds.masked_scatter(image_slots[..., None], torch.cat(images).to(embeds))
        if self.exemplars is not None:
            row_of = torch.tensor([packed.image for packed in packed_rows], device=ids.device)
            rows, places = torch.nonzero((ids < 0) & (ids > LEARNED), as_tuple=True)
            embedded = self.exemplars[row_of[rows], -1 - ids[rows, places]]
            embeds = embeds.index_put((rows, places), embedded.to(embeds.dtype))
        if self.learned is not None:
            rows, places = torch.nonzero(ids <= LEARNED, as_tuple=True)
            embeds = embeds.index_put((rows, places), self.learned[LEARNED - ids[rows, places]].to(embeds.dtype))
        return embeds

    def _positions(self, packed_rows: list[PackedRow], length: int) -> Tensor:
        """Position ids [K, R, L]: where a family counts images its own way, text goes on from where the head ends."""
        rows = []
        for packed in packed_rows:
            depth = torch.from_numpy(packed.depths())
            if packed.image == NO_IMAGE:
                text = depth + self.vlm.anatomy.first_position
                rows.append(torch.nn.functional.pad(text[None], (0, length - len(text))))
                continue
            prompt = next(iter(packed.roots.values()))
            head, following = self.vlm.anatomy.head_positions(self.vlm, prompt, self.features[packed.image])
            row = (depth + following - len(prompt.head)).expand(head.shape[0], -1).clone()
            for root, own_prompt in packed.roots.items():
                start = packed.segments[root].start
                row[:, start : start + len(own_prompt.head)] = head
            rows.append(torch.nn.functional.pad(row, (0, length - row.shape[1])))
        return torch.stack(rows, dim=1)

    def _masks(self, packed_rows: list[PackedRow], image_slots: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
        """What is added to attention scores, [R, 1, L, L] for each kind of layer: 0 where seen, else far below."""
        length = image_slots.shape[1]
        slots = image_slots.cpu().numpy()
        is_mutual = self.vlm.anatomy.sees == "image"
        seen = np.zeros((len(packed_rows), length, length), dtype=bool)
        free = np.zeros((len(packed_rows), length), dtype=bool)
        depth = np.zeros((len(packed_rows), length), dtype=np.int64)
        seen[:, range(length), range(length)] = True
        for row, packed in enumerate(packed_rows):
            size = packed.length
            seen[row, :size, :size] = packed.ancestry(slots[row, :size] if is_mutual else None)
            free[row, :size] = packed.mutual()
            depth[row, :size] = packed.depths()
        masks = {}
        for kind, window in self.vlm.windows().items():
            near = seen
            if window is not None:
                near = seen & (free[:, :, None] | (depth[:, :, None] - depth[:, None, :] < window))
            hidden = torch.from_numpy(~near).to(image_slots.device)
            masks[kind] = torch.zeros(hidden.shape, dtype=dtype, device=hidden.device).masked_fill_(
                hidden, torch.finfo(dtype).min
            )[:, None]
        return masks


def _prompt_end(packed: PackedRow) -> int:
    """Where the answer begins in a row that holds one question only; a text alone has none."""
    if packed.image == NO_IMAGE:
        return packed.length
    first = next(iter(packed.roots))
    return packed.segments[first].end if packed.segments[first].is_mutual else packed.segments[first + 1].end


def _padded(rows: list[list[int]], device: torch.device) -> Tensor:
    length = max(len(row) for row in rows)
    return torch.tensor([row + [0] * (length - len(row)) for row in rows], device=device)


def states_of_questions(vlm: Vlm, images: Sequence[ImageFeatures], instructions: Sequence[str]) -> Tensor:
    """[R, H]: the last-layer state in which the question about each image ends, where an answer would begin."""
    branches = Branches(vlm, images, None, vlm.shares_prefix)
    slots: list[int] = []
    for number, (image, instruction) in enumerate(zip(images, instructions, strict=True)):
        slots += branches.add(number, vlm.prompt(instruction, image.tokens.shape[0]), (vlm.end_token,))
    return branches.hidden()[slots]

"""The terms of a loss: what each asks of the branches, how it is computed from what they say, and those of VITask.

A method may bring terms of its own: whatever several terms of a step ask is asked once, of one run of the shared
prefix. Axes: B cases, T response tokens, V vocabulary, H hidden size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

from core.case import Case, Marks, Task
from core.models.shared_prefix import Branches
from core.models.spelled import SpelledCaption
from core.models.vlm import ImageFeatures, Prompt, Vlm
from core.readings.head import See
from core.readings.tsm_words import ending_in
from core.training.contrastive import Beyond, Shown
from core.training.losses import alignment_losses, contrast_losses, response_losses
from core.training.settings import ContrastOn, Direction


@dataclass(frozen=True)
class Guests:
    """What is known of cases whose images alone are looked at, since they contradict a case of the batch."""

    features: Sequence[ImageFeatures] = ()
    prompts: Sequence[Prompt] = ()
    responses: Sequence[tuple[int, ...]] = ()


@dataclass(frozen=True)
class ResponseBatch:
    """Cases that go through the model together. `others` names, for each, the one whose image contradicts it: another
    case of the batch or, numbered on from those, a guest."""

    features: Sequence[ImageFeatures]
    prompts: Sequence[Prompt]
    responses: Sequence[tuple[int, ...]]
    exemplars: Sequence[Tensor]
    others: Sequence[int | None]
    cases: Sequence[Case] = ()
    """What else is known of each, for terms that learn from more than its labels."""
    marks: Sequence[Marks] = ()
    """What the set of each says of places."""
    lots: Sequence[int] = ()
    """A number for each, drawn anew at every step: for terms that ask one thing now and another the next time."""
    vlm: Vlm | None = None
    captions: Sequence[SpelledCaption] = ()
    """What each is called, where the method learns from that."""
    own: Sequence[Mapping[str, See]] = ()
    """What the own encoders of heads see in the image of each, by the encoder's name."""
    tasks: Sequence[Task] = ()
    """What the set of each asks."""
    tsm_words: Sequence[str] = ()
    """What the TSMs answer for each, where questions end in that."""
    guests: Guests = Guests()

    def __len__(self) -> int:
        return len(self.prompts)

    @property
    def images(self) -> list[ImageFeatures]:
        """Those of the cases, then those of the guests."""
        return [*self.features, *self.guests.features]

    def other_response(self, case: int) -> tuple[int, ...] | None:
        """What is right of the image that contradicts a case."""
        other = self.others[case]
        return None if other is None else [*self.responses, *self.guests.responses][other]

    def prompt(self, case: int, instruction: str) -> Prompt:
        """Another question about a case's image."""
        assert self.vlm is not None
        return self.vlm.prompt(instruction, self.features[case].tokens.shape[0])

    def spelled(self, text: str) -> tuple[int, ...]:
        """The tokens of an answer."""
        assert self.vlm is not None
        return self.vlm.response(text)


@dataclass(frozen=True)
class Text:
    """A question and its answer, put under an image of the batch."""

    image: int
    prompt: Prompt
    response: Sequence[int]
    with_exemplar: bool = False


@dataclass(frozen=True)
class Words:
    """A text without an image: the state in which it ends is asked for."""

    tokens: Sequence[int]


Made = TypeVar("Made")
Ask = Callable[[ResponseBatch, int], Text | Words | None]
"""What is asked for a case of a batch; None where there is nothing to ask."""


def alone(batch: ResponseBatch, case: int) -> Text:
    """The case's own response without the exemplar."""
    return Text(case, batch.prompts[case], batch.responses[case])


def aided(batch: ResponseBatch, case: int) -> Text:
    """The same with the exemplar."""
    return Text(case, batch.prompts[case], batch.responses[case], with_exemplar=True)


def informed(batch: ResponseBatch, case: int) -> Text:
    """The case's own response to a question that ends in what the TSMs answer."""
    instruction = ending_in(batch.tasks[case].instruction(), batch.tsm_words[case])
    return Text(case, batch.prompt(case, instruction), batch.responses[case])


def contradicted(batch: ResponseBatch, case: int) -> Text | None:
    """The same under another case's image, where the question may be of another number of tokens."""
    other = batch.others[case]
    if other is None:
        return None
    return Text(other, [*batch.prompts, *batch.guests.prompts][other], batch.responses[case])


class Heard:
    """What the model says to everything that the terms of a step ask, run through shared branches once."""

    def __init__(
        self,
        vlm: Vlm,
        batch: ResponseBatch,
        embedded: Tensor | None,
        asks: Sequence[Ask],
        heads: nn.ModuleDict,
        learned: Tensor | None = None,
    ) -> None:
        self.vlm = vlm
        self.batch = batch
        self.heads = heads
        self.embedded = embedded
        self.learned = learned
        self.slots: dict[Ask, list[list[int]]] = {ask: [] for ask in asks}
        self._logits: dict[Ask, Tensor] = {}
        self._made: dict[Callable[[Heard], object], object] = {}
        self.beyond: Beyond | None = None
        """What the other micro-batches of the step show; None where there are none, or no term asks for them."""

    def laid_out(self, is_shared: bool) -> Branches:
        """Everything that is asked, before the model is run."""
        branches = Branches(self.vlm, self.batch.images, self.embedded, is_shared, self.learned)
        for case in range(len(self.batch)):
            for ask, slots in self.slots.items():
                slots.append(_asked(branches, ask(self.batch, case)))
        return branches

    def run(self, is_shared: bool) -> Heard:
        self.states = self.laid_out(is_shared).hidden()
        return self

    @cached_property
    def every_logit(self) -> Tensor:
        """[S, V] in float32, a row for each slot."""
        return self.vlm.logits(self.states).float()

    @cached_property
    def targets(self) -> Tensor:
        """The tokens of every response, [T]."""
        tokens = [token for response in self.batch.responses for token in response]
        return torch.tensor(tokens, device=self.states.device)

    def logits(self, ask: Ask) -> Tensor:
        """Before each token of each response, [T, V]."""
        if ask not in self._logits:
            self._logits[ask] = self.every_logit[[slot for row in self.slots[ask] for slot in row]]
        return self._logits[ask]

    def once(self, make: Callable[[Heard], Made]) -> Made:
        """What several terms make of the same states, made once."""
        if make not in self._made:
            self._made[make] = make(self)
        return cast(Made, self._made[make])

    def outputs(self, head: str, ask: Ask) -> Tensor:
        """What a head makes of the states in which the questions end, a row a case; of what is asked of every case."""
        outputs: Tensor = self.heads[head](self.states[[slots[0] for slots in self.slots[ask]]])
        return outputs


def _asked(branches: Branches, text: Text | Words | None) -> list[int]:
    """Its slots."""
    if text is None:
        return []
    if isinstance(text, Words):
        return branches.add_text(text.tokens)
    return branches.add(text.image, text.prompt, text.response, text.with_exemplar)


def tokens(batch: ResponseBatch) -> int:
    return sum(len(response) for response in batch.responses)


@dataclass(frozen=True)
class Term:
    """A loss: what it asks, its numbers, and how many they are, which has to be known before the model is run."""

    asks: tuple[Ask, ...]
    losses: Callable[[Heard], Tensor]
    count: Callable[[ResponseBatch], int] = tokens
    begins_at_ln_vocabulary: bool = False
    """Of a model that does not look at images yet: the curve is drawn beside that."""
    show: Callable[[Heard], Shown] | None = None
    """Where every case is held against all cases of its step: what the others have to know of it, a row a case."""


def own_response(label_smoothing: float = 0.0) -> Term:
    """L_van: the response by itself."""
    return Term((alone,), lambda heard: response_losses(heard.logits(alone), heard.targets, label_smoothing))


def aided_response() -> Term:
    """L_ep: the response with the exemplar."""
    return Term((aided,), lambda heard: response_losses(heard.logits(aided), heard.targets))


def informed_response(label_smoothing: float = 0.0) -> Term:
    """L_told: the response to a question that ends in what the TSMs answer."""
    return Term((informed,), lambda heard: response_losses(heard.logits(informed), heard.targets, label_smoothing))


def alignment(direction: Direction = "student_first") -> Term:
    """L_rda: what is said without the exemplar is to be what is said with it."""
    return Term((alone, aided), lambda heard: alignment_losses(heard.logits(alone), heard.logits(aided), direction))


def contrast(contrast_on: ContrastOn = "all") -> Term:
    """L_crt: the response under its own image against the same under another one."""

    def losses(heard: Heard) -> Tensor:
        spans = contrasted(heard.batch, contrast_on)
        places = [(case, token) for case, span in enumerate(spans) for token in span]
        own, other = ([heard.slots[ask][case][token] for case, token in places] for ask in (alone, contradicted))
        named = [heard.batch.responses[case][token] for case, token in places]
        targets = torch.tensor(named, dtype=torch.long, device=heard.states.device)
        return contrast_losses(heard.every_logit[own], heard.every_logit[other], targets)

    def count(batch: ResponseBatch) -> int:
        return sum(len(span) for span in contrasted(batch, contrast_on))

    return Term((alone, contradicted), losses, count, begins_at_ln_vocabulary=True)


def contrasted(batch: ResponseBatch, contrast_on: ContrastOn) -> list[range]:
    """Which tokens of each response take part in the contrast."""
    spans = []
    for case, own in enumerate(batch.responses):
        other = batch.other_response(case)
        if other is None:
            spans.append(range(0))
        elif contrast_on == "all":
            spans.append(range(len(own)))
        else:
            first = _first_difference(own, other)
            spans.append(range(first, first + 1))
    return spans


def _first_difference(left: Sequence[int], right: Sequence[int]) -> int:
    return next(place for place, (a, b) in enumerate(zip(left, right, strict=False)) if a != b)

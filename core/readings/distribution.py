"""Reading: the response distribution of every reader, one prefix a case and every candidate answer a branch of it.

Axes: S slots, V vocabulary, C candidate answers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from pydantic import ValidationError
from torch import Tensor

from core.case import Marks, Task
from core.errors import NumericError
from core.models.exemplar import Exemplars
from core.models.shared_prefix import Branches
from core.models.vlm import ImageFeatures, Vlm
from core.readings.answer import Answer, softmax
from core.readings.head import Head, Picture, See
from core.readings.lists import Listed, ListSearch, Names
from core.readings.statement import Statement

SLOTS_AT_ONCE = 128
NextToken = tuple[int, int]
"""Where a longer text leaves an answer, and the token that it has there."""


@dataclass(frozen=True)
class Asking:
    """One case put to a VLM: its task, its image's features, its instruction, a feature of every TSM [D]."""

    task: Task
    features: ImageFeatures
    exemplars: Sequence[Tensor] = ()
    instruction: str | None = None
    marks: Marks = field(default_factory=Marks)
    """What its set says of places."""
    own: Mapping[str, See] = field(default_factory=dict)
    """What the own encoders of heads see in its image, by the encoder's name."""

    tsm_words: str = ""
    """What the TSMs answer for it, where that is asked with it."""

    def asked(self) -> str:
        return self.instruction if self.instruction is not None else self.task.instruction()


def embed_exemplars(exemplars: Exemplars | None, questions: Sequence[Asking]) -> Tensor | None:
    if exemplars is None:
        return None
    features = [torch.stack(of_tsm) for of_tsm in zip(*(question.exemplars for question in questions), strict=True)]
    embedded: Tensor = exemplars(features, len(questions))
    return embedded


def distributions(
    vlm: Vlm,
    questions: Sequence[Asking],
    exemplars: Exemplars | None,
    with_exemplar: Sequence[bool],
    heads: Sequence[Sequence[Head]] = (),
    learned: Tensor | None = None,
) -> list[list[Answer]]:
    """For every way of reading (with the exemplar or without it), the distribution of every question, and what the
    heads of that way say; `learned` are the embeddings of the tokens that heads put in."""
    singles = [number for number, question in enumerate(questions) if question.task.kind != "multi"]
    several = [number for number, question in enumerate(questions) if question.task.kind == "multi"]
    read_ways: list[list[Answer | None]] = [[None] * len(questions) for _ in with_exemplar]
    speaking = Speaking(heads or [()] * len(with_exemplar), learned)
    for places, read in ((singles, _over_answers), (several, _over_lists)):
        if places:
            chosen = [questions[place] for place in places]
            embedded = embed_exemplars(exemplars, chosen)
            ways = zip(read(vlm, chosen, embedded, with_exemplar, speaking), speaking.heads, strict=True)
            for number, ((answers, heard), of_way) in enumerate(ways):
                spoken = _statements(vlm, chosen, heard, of_way)
                for place, answer, statements in zip(places, answers, spoken, strict=True):
                    read_ways[number][place] = replace(answer, said=statements)
    return [[answer for answer in way if answer is not None] for way in read_ways]


@dataclass(frozen=True)
class Speaking:
    """The heads that speak in each way of reading, and the embeddings of the tokens that they put in."""

    heads: Sequence[Sequence[Head]]
    learned: Tensor | None = None

    @property
    def silent(self) -> Speaking:
        return Speaking([()] * len(self.heads))


@dataclass(frozen=True)
class Likelihoods:
    """What one way of reading says of every candidate of every question, token by token, as log-probabilities."""

    of_tokens: list[list[tuple[float, ...]]]
    """[question][candidate]"""
    ends: Tensor
    """The last-layer state in which each question that has candidates ends, where its answer begins, [B, H]."""
    of_heads: list[list[tuple[Tensor, ...]]]
    """[head][question]: the states before each token of what the head asked itself."""
    going_on: list[list[float]] = field(default_factory=list)
    """[question][candidate]: how likely it goes on into any of the longer texts, where such were named."""


def _statements(
    vlm: Vlm, questions: Sequence[Asking], heard: Likelihoods, heads: Sequence[Head]
) -> list[tuple[Statement, ...]]:
    """What the heads of a way say of every question."""
    spoken: list[tuple[Statement, ...]] = [()] * len(questions)
    with torch.no_grad():
        for head, states in zip(heads, heard.of_heads, strict=True):
            encoder = head.encoder
            pictures = [
                Picture(
                    question.task,
                    question.marks,
                    question.features,
                    end,
                    own_states,
                    question.own[encoder.name] if encoder else None,
                )
                for question, end, own_states in zip(questions, heard.ends, states, strict=True)
            ]
            try:
                of_head = head.statements(vlm, pictures)
            except ValidationError as error:
                raise NumericError(
                    f"A reader says what can't be ({error.errors()[0]['msg']}): its training failed. "
                    "Lower its learning rate and tune again."
                ) from None
            spoken = [(*before, *more) for before, more in zip(spoken, of_head, strict=True)]
    return spoken


def log_likelihoods(
    vlm: Vlm,
    questions: Sequence[Asking],
    embedded: Tensor | None,
    with_exemplar: Sequence[bool],
    candidates: Sequence[Sequence[str]],
    speaking: Speaking | None = None,
    longer: Sequence[Sequence[Sequence[str]]] = (),
) -> list[Likelihoods]:
    """Way by way, from one run over shared branches, in which heads have their own questions asked too. `longer` are,
    [question][candidate], texts that go on from a candidate; what stands in them next is looked up, no more."""
    speaking = speaking or Speaking([()] * len(with_exemplar))
    features = [question.features for question in questions]
    branches = Branches(vlm, features, embedded, vlm.shares_prefix, speaking.learned)
    slots: list[list[list[list[int]]]] = []
    responses = [[vlm.response(text) for text in texts] for texts in candidates]
    onward = [
        [_next_tokens(vlm, response, texts) for response, texts in zip(of_question, longer_texts, strict=True)]
        for of_question, longer_texts in zip(
            responses, longer or [[()] * len(texts) for texts in candidates], strict=True
        )
    ]
    for way in with_exemplar:
        slots.append([])
        for number, question in enumerate(questions):
            prompt = vlm.prompt(question.asked(), question.features.tokens.shape[0])
            slots[-1].append([branches.add(number, prompt, response, way) for response in responses[number]])
    own = [
        [
            [_asked(branches, vlm, head, number, question, way) for number, question in enumerate(questions)]
            for head in heads
        ]
        for way, heads in zip(with_exemplar, speaking.heads, strict=True)
    ]
    with torch.no_grad():
        states = branches.hidden()
        values = iter(token_log_likelihoods(vlm, states, *_flat(slots, responses, onward)))
    of_tokens = [
        [[tuple(next(values) for _ in candidate) for candidate in question] for question in way] for way in slots
    ]
    return [
        Likelihoods(
            of_way,
            states[[question[0][0] for question in way if question]],
            [[tuple(states[places] for places in of_question) for of_question in head] for head in of_heads],
            [
                [_going_on(tokens, next_tokens, values) for tokens, next_tokens in zip(*of_question, strict=True)]
                for of_question in zip(of_way, onward, strict=True)
            ],
        )
        for way, of_way, of_heads in zip(slots, of_tokens, own, strict=True)
    ]


def _flat(
    slots: Sequence[Sequence[Sequence[Sequence[int]]]],
    responses: Sequence[Sequence[Sequence[int]]],
    onward: Sequence[Sequence[Sequence[NextToken]]],
) -> tuple[list[int], list[int]]:
    """Every slot with the token that is looked up there: those of all candidates, then those that go on from them."""
    pairs = [
        (slot, token)
        for way in slots
        for of_question, texts in zip(way, responses, strict=True)
        for of_candidate, tokens in zip(of_question, texts, strict=True)
        for slot, token in zip(of_candidate, tokens, strict=True)
    ]
    pairs += [
        (of_candidate[place], token)
        for way in slots
        for of_question, of_texts in zip(way, onward, strict=True)
        for of_candidate, next_tokens in zip(of_question, of_texts, strict=True)
        for place, token in next_tokens
    ]
    return [slot for slot, _ in pairs], [token for _, token in pairs]


def _next_tokens(vlm: Vlm, response: Sequence[int], longer: Sequence[str]) -> list[NextToken]:
    """How the longer texts leave a response: all alike, as a rule, where it would end."""
    leaving = set()
    for text in longer:
        tokens = vlm.response(text)
        place = next(place for place, pair in enumerate(zip(response, tokens, strict=False)) if pair[0] != pair[1])
        leaving.add((place, tokens[place]))
    return sorted(leaving)


def _going_on(tokens: Sequence[float], next_tokens: Sequence[NextToken], values: Iterator[float]) -> float:
    """The logarithm of how likely any of the longer texts is begun: -inf where there is none."""
    ways_on = [sum(tokens[:place]) + next(values) for place, _ in next_tokens]
    if not ways_on:
        return -math.inf
    highest = max(ways_on)
    return highest + math.log(sum(math.exp(way_on - highest) for way_on in ways_on))


def _asked(
    branches: Branches, vlm: Vlm, head: Head, number: int, question: Asking, with_exemplar: bool
) -> list[list[int]]:
    """The slots of everything that a head asks of a picture."""
    tokens = question.features.tokens.shape[0]
    return [
        branches.add(number, vlm.prompt(asks.instruction, tokens), asks.response, with_exemplar)
        for asks in head.asks(vlm, question.task, question.marks)
    ]


def token_log_likelihoods(vlm: Vlm, states: Tensor, slots: Sequence[int], tokens: Sequence[int]) -> list[float]:
    """How likely each token is at its slot. The whole vocabulary at every slot would be the largest thing in memory,
    so a few slots at a time."""
    slot_of, token_of = (torch.tensor(numbers, device=states.device) for numbers in (slots, tokens))
    values = torch.empty(len(slots), device=states.device)
    for start, part in zip(range(0, len(states), SLOTS_AT_ONCE), states.split(SLOTS_AT_ONCE), strict=True):
        likely = vlm.logits(part).float().log_softmax(-1)
        here = (slot_of >= start) & (slot_of < start + SLOTS_AT_ONCE)
        values[here] = likely[slot_of[here] - start, token_of[here]]
    return values.tolist()


def _over_answers(
    vlm: Vlm, questions: Sequence[Asking], embedded: Tensor | None, with_exemplar: Sequence[bool], speaking: Speaking
) -> list[tuple[list[Answer], Likelihoods]]:
    """Single and ordinal tasks: softmax over candidates of the sum of log p(token)."""
    candidates = [question.task.candidates() for question in questions]
    ways = log_likelihoods(vlm, questions, embedded, with_exemplar, candidates, speaking)
    return [([_of_candidates(scores) for scores in way.of_tokens], way) for way in ways]


def _of_candidates(scores: Sequence[tuple[float, ...]]) -> Answer:
    return Answer(softmax([sum(tokens) for tokens in scores]), tuple(scores))


def _over_lists(
    vlm: Vlm, questions: Sequence[Asking], embedded: Tensor | None, with_exemplar: Sequence[bool], speaking: Speaking
) -> list[tuple[list[Answer], Likelihoods]]:
    """Multi tasks: a search over likely lists of labels; a label's probability is the share of lists that name it."""
    return [
        _search_lists(vlm, questions, embedded, way, Speaking([heads], speaking.learned))
        for way, heads in zip(with_exemplar, speaking.heads, strict=True)
    ]


def _search_lists(
    vlm: Vlm, questions: Sequence[Asking], embedded: Tensor | None, with_exemplar: bool, speaking: Speaking
) -> tuple[list[Answer], Likelihoods]:
    searches = [ListSearch(question.task) for question in questions]
    singles: list[dict[Names, tuple[float, ...]]] = [{} for _ in questions]
    first: Likelihoods | None = None  # in the first round every question is asked something
    while any(open_lists := [search.to_ask() for search in searches]):
        texts = [
            [search.task.response(names) for names in lists] for search, lists in zip(searches, open_lists, strict=True)
        ]
        longer = [
            [
                [search.task.response(following) for following in search.following(names)] if names else []
                for names in lists
            ]
            for search, lists in zip(searches, open_lists, strict=True)
        ]
        (way,) = log_likelihoods(
            vlm, questions, embedded, [with_exemplar], texts, speaking if first is None else speaking.silent, longer
        )
        first = first or way
        for number, (search, lists) in enumerate(zip(searches, open_lists, strict=True)):
            for names, tokens, goes_on in zip(lists, way.of_tokens[number], way.going_on[number], strict=True):
                search.lists[names] = Listed(sum(tokens), goes_on)
                if len(names) == 1:
                    singles[number][names] = tokens
    assert first is not None
    answers = [
        Answer(
            search.marginals(),
            tuple(alone[(name,)] for name in search.task.answers),
            explored=search.explored(),
        )
        for search, alone in zip(searches, singles, strict=True)
    ]
    return answers, first

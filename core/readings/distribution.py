"""Reading: the response distribution of every reader, one prefix a case and every candidate answer a branch of it.

Axes: S slots, V vocabulary, C candidate answers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from pydantic import ValidationError
from torch import Tensor

from core.case import Task
from core.errors import NumericError
from core.models.exemplar import Exemplars
from core.models.shared_prefix import Branches
from core.models.vlm import ImageFeatures, Vlm
from core.readings.answer import Answer
from core.readings.head import Head

WIDTH = 24
ROUNDS = 3
SLOTS_AT_ONCE = 128


@dataclass(frozen=True)
class Asking:
    """One case put to a VLM: its task, its image's features, its instruction, a feature of every TSM [D]."""

    task: Task
    features: ImageFeatures
    exemplars: Sequence[Tensor] = ()
    instruction: str | None = None

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
) -> list[list[Answer]]:
    """For every way of reading (with the exemplar or without it), the distribution of every question, and what the
    heads of that way say."""
    singles = [number for number, question in enumerate(questions) if question.task.kind != "multi"]
    several = [number for number, question in enumerate(questions) if question.task.kind == "multi"]
    read_ways: list[list[Answer | None]] = [[None] * len(questions) for _ in with_exemplar]
    heads_of_ways = heads or [()] * len(with_exemplar)
    for places, read in ((singles, _over_answers), (several, _over_lists)):
        if places:
            chosen = [questions[place] for place in places]
            embedded = embed_exemplars(exemplars, chosen)
            ways = zip(read(vlm, chosen, embedded, with_exemplar), heads_of_ways, strict=True)
            for number, ((answers, ends), own) in enumerate(ways):
                for place, answer in zip(places, _with_statements(answers, ends, own), strict=True):
                    read_ways[number][place] = answer
    return [[answer for answer in way if answer is not None] for way in read_ways]


def _with_statements(answers: Sequence[Answer], ends: Tensor, heads: Sequence[Head]) -> list[Answer]:
    if not heads:
        return list(answers)
    with torch.no_grad():
        try:
            spoken = list(zip(*(head.say(ends) for head in heads), strict=True))
        except ValidationError as error:
            raise NumericError(
                f"A reader says what can't be ({error.errors()[0]['msg']}): its training failed. "
                "Lower its learning rate and tune again."
            ) from None
    return [replace(answer, said=statements) for answer, statements in zip(answers, spoken, strict=True)]


@dataclass(frozen=True)
class Likelihoods:
    """What one way of reading says of every candidate of every question, token by token, as log-probabilities."""

    of_tokens: list[list[tuple[float, ...]]]
    """[question][candidate]"""
    ends: Tensor
    """The last-layer state in which each question that has candidates ends, where its answer begins, [B, H]."""


def log_likelihoods(
    vlm: Vlm,
    questions: Sequence[Asking],
    embedded: Tensor | None,
    with_exemplar: Sequence[bool],
    candidates: Sequence[Sequence[str]],
) -> list[Likelihoods]:
    """Way by way, from one run over shared branches."""
    branches = Branches(vlm, [question.features for question in questions], embedded, vlm.shares_prefix)
    slots: list[list[list[list[int]]]] = []
    responses = [[vlm.response(text) for text in texts] for texts in candidates]
    for way in with_exemplar:
        slots.append([])
        for number, question in enumerate(questions):
            prompt = vlm.prompt(question.asked(), question.features.tokens.shape[0])
            slots[-1].append([branches.add(number, prompt, response, way) for response in responses[number]])
    flat_slots = [slot for way in slots for question in way for candidate in question for slot in candidate]
    flat_tokens = [token for _ in with_exemplar for question in responses for tokens in question for token in tokens]
    with torch.no_grad():
        states = branches.hidden()
        values = iter(_token_log_likelihoods(vlm, states, flat_slots, flat_tokens))
    return [
        Likelihoods(
            [[tuple(next(values) for _ in candidate) for candidate in question] for question in way],
            states[[question[0][0] for question in way if question]],
        )
        for way in slots
    ]


def _token_log_likelihoods(vlm: Vlm, states: Tensor, slots: Sequence[int], tokens: Sequence[int]) -> list[float]:
    """How likely each token is at its slot. The whole vocabulary at every slot would be the largest thing in memory,
    so a few slots at a time."""
    slot_of, token_of = (torch.tensor(numbers, device=states.device) for numbers in (slots, tokens))
    values = torch.empty(len(slots), device=states.device)
    for start, part in zip(range(0, len(states), SLOTS_AT_ONCE), states.split(SLOTS_AT_ONCE), strict=True):
        likely = vlm.logits(part).float().log_softmax(-1)
        here = (slot_of >= start) & (slot_of < start + SLOTS_AT_ONCE)
        values[here] = likely[slot_of[here] - start, token_of[here]]
    return values.tolist()


def softmax(scores: Sequence[float]) -> tuple[float, ...]:
    highest = max(scores)
    parts = [math.exp(score - highest) for score in scores]
    whole = sum(parts)
    return tuple(part / whole for part in parts)


def _over_answers(
    vlm: Vlm, questions: Sequence[Asking], embedded: Tensor | None, with_exemplar: Sequence[bool]
) -> list[tuple[list[Answer], Tensor]]:
    """Single and ordinal tasks: softmax over candidates of the sum of log p(token)."""
    candidates = [question.task.candidates() for question in questions]
    ways = log_likelihoods(vlm, questions, embedded, with_exemplar, candidates)
    return [([_of_candidates(scores) for scores in way.of_tokens], way.ends) for way in ways]


def _of_candidates(scores: Sequence[tuple[float, ...]]) -> Answer:
    return Answer(softmax([sum(tokens) for tokens in scores]), tuple(scores))


def _over_lists(
    vlm: Vlm, questions: Sequence[Asking], embedded: Tensor | None, with_exemplar: Sequence[bool]
) -> list[tuple[list[Answer], Tensor]]:
    """Multi tasks: a search over likely lists of labels; a label's probability is the share of lists that name it."""
    return [_search_lists(vlm, questions, embedded, way) for way in with_exemplar]


def _search_lists(
    vlm: Vlm, questions: Sequence[Asking], embedded: Tensor | None, with_exemplar: bool
) -> tuple[list[Answer], Tensor]:
    scored: list[dict[tuple[str, ...], float]] = [{} for _ in questions]
    open_lists = [_first_lists(question.task) for question in questions]
    singles: list[dict[tuple[str, ...], tuple[float, ...]]] = [{} for _ in questions]
    ends: Tensor | None = None
    for _ in range(ROUNDS):
        texts = [
            [question.task.response(names) for names in lists]
            for question, lists in zip(questions, open_lists, strict=True)
        ]
        (way,) = log_likelihoods(vlm, questions, embedded, [with_exemplar], texts)
        ends = way.ends if ends is None else ends  # in the first round every question is asked something
        for number, lists in enumerate(open_lists):
            for names, tokens in zip(lists, way.of_tokens[number], strict=True):
                scored[number][names] = sum(tokens)
                if len(names) == 1:
                    singles[number][names] = tokens
        open_lists = [_longer(question.task, scores) for question, scores in zip(questions, scored, strict=True)]
        if not any(open_lists):
            break
    assert ends is not None
    answers = [
        Answer(_marginals(question.task, scores), tuple(alone[(name,)] for name in question.task.answers))
        for question, scores, alone in zip(questions, scored, singles, strict=True)
    ]
    return answers, ends


def _first_lists(task: Task) -> list[tuple[str, ...]]:
    return [(), *((name,) for name in task.answers)]


def _longer(task: Task, scores: Mapping[tuple[str, ...], float]) -> list[tuple[str, ...]]:
    """The most likely lists so far, each with one more label after its last; those not looked at yet."""
    best = sorted((names for names in scores if names), key=lambda names: -scores[names])[:WIDTH]
    place = {name: number for number, name in enumerate(task.answers)}
    longer = [(*names, name) for names in best for name in task.answers[place[names[-1]] + 1 :]]
    return [names for names in longer if names not in scores][: WIDTH * 2]


def _marginals(task: Task, scores: Mapping[tuple[str, ...], float]) -> tuple[float, ...]:
    shares = dict(zip(scores, softmax(list(scores.values())), strict=True))
    return tuple(sum(share for names, share in shares.items() if name in names) for name in task.answers)


def free_text(
    vlm: Vlm, questions: Sequence[Asking], exemplars: Exemplars | None, with_exemplar: bool, most_tokens: int
) -> list[str]:
    """What the model writes by itself, the likeliest token each time, with a cache of its own making."""
    from transformers import DynamicCache

    embedded = embed_exemplars(exemplars, questions) if with_exemplar else None
    texts = []
    for number, question in enumerate(questions):
        own = None if embedded is None else embedded[number : number + 1]
        branches = Branches(vlm, [question.features], own)
        prompt = vlm.prompt(question.asked(), question.features.tokens.shape[0])
        branches.add(0, prompt, (vlm.end_token,), with_exemplar)
        texts.append(_written(vlm, branches, DynamicCache(), most_tokens))
    return texts


def _written(vlm: Vlm, branches: Branches, cache: object, most_tokens: int) -> str:
    written: list[int] = []
    with torch.no_grad():
        state, position = branches.begin(cache)
        length = branches.packed_rows[0].length
        while len(written) < most_tokens:
            token = int(vlm.logits(state).argmax())
            if token == vlm.end_token or token == vlm.tokenizer.eos_token_id:
                break
            written.append(token)
            state, position = branches.go_on(token, position, length + len(written) - 1, cache)
    return str(vlm.tokenizer.decode(written, skip_special_tokens=True)).strip()

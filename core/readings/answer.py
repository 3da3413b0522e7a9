"""What one reader says of one picture, what that comes to, and how it is sent as plain JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core.case import Task
from core.readings.statement import OfKind, Statement, statement_in, statements_from_plain, statements_to_plain


@dataclass(frozen=True)
class Answer:
    """A probability for every candidate answer, and what else the reader said.

    `token_log_likelihoods` holds, for each candidate of a VLM, the log-probability of each of its tokens, the one
    that ends the answer included. `text` is freely written, `parsed` the answers found in it. `said` holds at most one
    statement of a kind. `explored` is, of several labels, how much of the probability of all lists of labels the lists
    hold at least that were read.
    """

    probabilities: tuple[float, ...]
    token_log_likelihoods: tuple[tuple[float, ...], ...] = ()
    text: str | None = None
    parsed: tuple[str, ...] | None = None
    said: tuple[Statement, ...] = ()
    explored: float | None = None

    def statement(self, kind: type[OfKind]) -> OfKind | None:
        """What was said of this kind."""
        return statement_in(self.said, kind)

    def written(self, text: str | None, task: Task) -> Answer:
        """The same answer with what the reader wrote by itself."""
        return replace(self, text=text, parsed=None if text is None else parse(text, task))


@dataclass(frozen=True)
class Conclusion:
    """An answer and what it comes to: its likeliest labels, and its entropy in bits, 0 where there is no doubt."""

    answer: Answer
    labels: tuple[str, ...]
    entropy: float


def conclude(answer: Answer, task: Task) -> Conclusion:
    return Conclusion(answer, likeliest(answer.probabilities, task), entropy(answer.probabilities, task))


def answer_to_plain(answer: Answer) -> dict[str, Any]:
    """Keys are those of earlier versions, whose stored answers still have to be shown."""
    return {
        "probabilities": list(answer.probabilities),
        "tokens": [list(tokens) for tokens in answer.token_log_likelihoods],
        "text": answer.text,
        "parsed": None if answer.parsed is None else list(answer.parsed),
        "said": statements_to_plain(answer.said),
        "explored": answer.explored,
    }


def conclusion_to_plain(conclusion: Conclusion) -> dict[str, Any]:
    """An answer as it is sent, with what it comes to."""
    own = {"answer": list(conclusion.labels), "entropy_bits": conclusion.entropy}
    return own | answer_to_plain(conclusion.answer)


def answer_from_plain(values: Mapping[str, Any]) -> Answer:
    parsed = values.get("parsed")
    return Answer(
        probabilities=tuple(values["probabilities"]),
        token_log_likelihoods=tuple(tuple(tokens) for tokens in values.get("tokens") or ()),
        text=values.get("text"),
        parsed=None if parsed is None else tuple(parsed),
        said=statements_from_plain(values.get("said") or {}),
        explored=values.get("explored"),
    )


def likeliest(probabilities: Sequence[float], task: Task) -> tuple[str, ...]:
    """What a distribution comes to: the likeliest answer, or every one that is likelier than not."""
    if task.kind == "multi":
        return tuple(name for name, p in zip(task.answers, probabilities, strict=True) if p > 0.5)
    return (task.answers[int(np.argmax(probabilities))],)


def entropy(probabilities: Sequence[float], task: Task) -> float:
    """In bits; of several labels the mean over them."""
    if task.kind == "multi":
        return sum(_bits(p) + _bits(1 - p) for p in probabilities) / len(probabilities)
    return sum(_bits(p) for p in probabilities)


def _bits(p: float) -> float:
    return -p * math.log2(p) if p > 0 else 0.0


def parse(text: str, task: Task) -> tuple[str, ...] | None:
    """The answers that a freely written text names; None where it names none, or several where one is asked for.

    A name inside a longer name that was found does not count: "normal" is not said by "abnormal" or "normal mucosa".
    Names that differ in signs only, like "grade 1" and "grade 1+", are told apart only where the text is just a name,
    and those that differ in capitals only where it has the name's own.
    """
    if text in task.answers:
        return (text,)
    alone = [answer for answer in task.answers if answer.casefold() == text.strip().casefold()]
    if len(alone) == 1:
        return (alone[0],)
    sentence = f" {_words(text)} "
    spans: list[tuple[int, int, str]] = []
    for answer in sorted(task.answers, key=lambda name: -len(_words(name))):
        words = f" {_words(answer)} "
        at = sentence.find(words) if words.strip() else -1
        while at >= 0:
            end = at + len(words) - 1
            if any((at, end) == span[:2] for span in spans):
                return None
            if not any(at < after and before < end for before, after, _ in spans):
                spans.append((at, end, answer))
            at = sentence.find(words, at + 1)
    named = tuple(answer for answer in task.answers if any(answer == spelled for *_, spelled in spans))
    if task.kind == "multi":
        return named if named or _words(task.response(())) in sentence else None
    return named if len(named) == 1 else None


def _words(text: str) -> str:
    return " ".join("".join(letter if letter.isalnum() else " " for letter in text.casefold()).split())

"""What one reader says of one picture, what that comes to, and how it is sent as plain JSON."""

from __future__ import annotations

import math
import unicodedata
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
    hold at least that were read. `blank` holds the log-probability of each candidate before a blank picture, where one
    was shown.
    """

    probabilities: tuple[float, ...]
    token_log_likelihoods: tuple[tuple[float, ...], ...] = ()
    text: str | None = None
    parsed: tuple[str, ...] | None = None
    said: tuple[Statement, ...] = ()
    explored: float | None = None
    blank: tuple[float, ...] = ()

    def statement(self, kind: type[OfKind]) -> OfKind | None:
        """What was said of this kind."""
        return statement_in(self.said, kind)

    def written(self, text: str | None, task: Task) -> Answer:
        """The same answer with what the reader wrote by itself."""
        return replace(self, text=text, parsed=None if text is None else parse(text, task))


@dataclass(frozen=True)
class Conclusion:
    """An answer and what it comes to: its likeliest labels, and its entropy in bits, 0 where there is no doubt.
    `calibrated` are its probabilities by the reader's temperature, where it has one."""

    answer: Answer
    labels: tuple[str, ...]
    entropy: float
    calibrated: tuple[float, ...] | None = None


def conclude(answer: Answer, task: Task, calibrated: tuple[float, ...] | None = None) -> Conclusion:
    likely = answer.probabilities
    return Conclusion(answer, likeliest(likely, task), entropy(likely, task), calibrated)


def as_calibrated(conclusion: Conclusion, task: Task) -> Conclusion:
    """The same labels by calibrated probabilities, where there are any."""
    likely = conclusion.calibrated
    if likely is None:
        return conclusion
    answer = replace(conclusion.answer, probabilities=likely)
    return replace(conclusion, answer=answer, entropy=entropy(likely, task))


def answer_to_plain(answer: Answer) -> dict[str, Any]:
    """Keys are those of earlier versions, whose stored answers still have to be shown."""
    return {
        "probabilities": list(answer.probabilities),
        "tokens": [list(tokens) for tokens in answer.token_log_likelihoods],
        "text": answer.text,
        "parsed": None if answer.parsed is None else list(answer.parsed),
        "said": statements_to_plain(answer.said),
        "explored": answer.explored,
        "blank": list(answer.blank),
    }


def conclusion_to_plain(conclusion: Conclusion) -> dict[str, Any]:
    """An answer as it is sent, with what it comes to."""
    own = {"answer": list(conclusion.labels), "entropy_bits": conclusion.entropy}
    calibrated = None if conclusion.calibrated is None else list(conclusion.calibrated)
    return own | answer_to_plain(conclusion.answer) | {"calibrated": calibrated}


def answer_from_plain(values: Mapping[str, Any]) -> Answer:
    parsed = values.get("parsed")
    return Answer(
        probabilities=tuple(values["probabilities"]),
        token_log_likelihoods=tuple(tuple(tokens) for tokens in values.get("tokens") or ()),
        text=values.get("text"),
        parsed=None if parsed is None else tuple(parsed),
        said=statements_from_plain(values.get("said") or {}),
        explored=values.get("explored"),
        blank=tuple(values.get("blank") or ()),
    )


LOW_EXPLORED = 0.95
"""Of the probability of all lists, below which it is shown how much was read."""


def little_explored(explored: float | None) -> str:
    """Of several labels what has to be said where much was not read; nothing elsewhere."""
    if explored is None or explored >= LOW_EXPLORED:
        return ""
    return f"the lists that were read hold {math.floor(100 * explored)} % of the probability"


def softmax(scores: Sequence[float]) -> tuple[float, ...]:
    highest = max(scores)
    parts = [math.exp(score - highest) for score in scores]
    whole = sum(parts)
    return tuple(part / whole for part in parts)


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

    A name that is spelled exactly goes before those that differ from it in capitals or accents. A name inside a longer
    name that was found does not count: "normal" is not said by "abnormal" or "normal mucosa". Names that differ in
    signs only, like "grade 1" and "grade 1+", are told apart only where the text is just a name.
    """
    if text in task.answers:
        return (text,)
    alone = [answer for answer in task.answers if answer.casefold() == text.strip().casefold()]
    if len(alone) == 1:
        return (alone[0],)
    if task.kind == "multi" and text.strip() == task.response(()):
        return ()
    spans = _spans(text, task.answers)
    if any(len(names) > 1 for names in spans.values()):
        return None
    named = task.in_order(name for names in spans.values() for name in names)
    if task.kind == "multi":
        return named if named or _folded(task.response(())) in _folded(text) else None
    return named if len(named) == 1 else None


def _spans(text: str, answers: Sequence[str]) -> dict[tuple[int, int], list[str]]:
    """Which words of a text name which answers: those spelled exactly so, where there are any, else those that are
    alike."""
    words = _words(text)
    folded = [_fold(word) for word in words]
    alike: dict[tuple[int, int], list[str]] = {}
    for answer in sorted(answers, key=lambda name: -len(_folded(name))):
        own = [_fold(word) for word in _words(answer)]
        for first in range(len(words) - len(own) + 1 if own else 0):
            last = first + len(own)
            overlaps = any(
                first < after and before < last for before, after in alike if (before, after) != (first, last)
            )
            if folded[first:last] == own and not overlaps:
                alike.setdefault((first, last), []).append(answer)
    exact = {span: [name for name in names if _words(name) == words[slice(*span)]] for span, names in alike.items()}
    return {span: exact[span] or names for span, names in alike.items()}


def _folded(text: str) -> str:
    """A space before, between and after the words."""
    return f" {' '.join(map(_fold, _words(text)))} "


def _words(text: str) -> list[str]:
    composed = unicodedata.normalize("NFC", text)
    return "".join(letter if letter.isalnum() else " " for letter in composed).split()


def _fold(word: str) -> str:
    """Without capitals and accents."""
    parts = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in parts if not unicodedata.combining(letter))

"""Sentences about a case, made of what is certain of it: pairs of captions of which one is false, yes-or-no questions.

Nothing here reads a picture or asks a model; the same seed makes the same sentences.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from core.case import Case
from core.draw import generator
from core.sets.box_words import Margins
from core.sets.facts import Fact, FactKind, Yardsticks, article, facts_of, is_plural, presences


@dataclass(frozen=True)
class CaptionPair:
    """Two captions of a case that differ in one word, and the kind of fact that the word tells."""

    kind: FactKind
    true: str
    false: str


@dataclass(frozen=True)
class PresenceQuestion:
    """Whether a label is there, asked both ways: whoever says yes, or no, to both contradicts themselves."""

    label: str
    is_there: bool
    question: str
    opposite: str


@dataclass(frozen=True)
class CaseProbes:
    """All that readers are asked about one case."""

    case: Case
    pairs: tuple[CaptionPair, ...]
    questions: tuple[PresenceQuestion, ...]


def probes_of(case: Case, yardsticks: Yardsticks, margins: Margins, seed: int) -> CaseProbes:
    return CaseProbes(case, caption_pairs(case, yardsticks, margins, seed), presence_questions(case, yardsticks))


def caption_pairs(case: Case, yardsticks: Yardsticks, margins: Margins, seed: int) -> tuple[CaptionPair, ...]:
    """At most one pair of each kind; of negations one that is true with "no" and one that is true without, so that
    nobody is right more often by liking "no"."""
    random = generator(seed, "pairs", case.id)
    alike: dict[tuple[FactKind, bool], list[Fact]] = defaultdict(list)
    for fact in facts_of(case, yardsticks, margins):
        if fact.others:
            alike[fact.kind, fact.kind == "negation" and fact.word == "no"].append(fact)
    pairs = []
    for facts in alike.values():
        fact = facts[int(random.integers(len(facts)))]
        other = fact.others[int(random.integers(len(fact.others)))]
        pairs.append(CaptionPair(fact.kind, fact.sentence, fact.with_word(other)))
    return tuple(pairs)


def presence_questions(case: Case, yardsticks: Yardsticks) -> tuple[PresenceQuestion, ...]:
    """About every answer and every kind of box of which it is known whether the case has it."""
    is_ordinal, answers = yardsticks.task.kind == "ordinal", yardsticks.task.answers
    return tuple(
        PresenceQuestion(label, is_there, *(_of_grade(label) if is_ordinal and label in answers else _of_label(label)))
        for label, is_there in presences(case, yardsticks)
    )


def _of_label(label: str) -> tuple[str, str]:
    if is_plural(label):
        return f"Are there any {label}?", f"Are there no {label}?"
    return f"Is there {article(label)} {label}?", f"Is there no {label}?"


def _of_grade(grade: str) -> tuple[str, str]:
    return f"Is the severity {grade}?", f"Is the severity not {grade}?"

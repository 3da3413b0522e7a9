"""Sentences about a case, made of what is certain of it: captions, pairs of which one is false, yes-or-no questions.

Nothing here reads a picture or asks a model; the same seed makes the same sentences.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from core.case import Case
from core.draw import generator
from core.sets.facts import (
    NUMBERS,
    Fact,
    FactKind,
    Margins,
    Yardsticks,
    article,
    boxes_by_label,
    facts_of,
    is_plural,
    place_of,
    presences,
    size_of,
)

MOST_BOXES_NAMED = 3


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


def caption(case: Case, yardsticks: Yardsticks, margins: Margins) -> str:
    """A short one, in the words of a search: "Drawn cell image: bean nucleus, small cell upper left, blue stain."."""
    named = dict(list(boxes_by_label(case).items())[:MOST_BOXES_NAMED])
    others = [label for label in case.labels if label not in named]
    phrases = [yardsticks.task.response(others)] if others or not case.labels else []
    for label, boxes in named.items():
        if len(boxes) == 1:
            words = (size_of(boxes[0], yardsticks, margins), label, place_of(boxes[0], margins))
            phrases.append(" ".join(word for word in words if word))
        else:
            phrases.append(f"{NUMBERS[len(boxes)] if len(boxes) < len(NUMBERS) else 'many'} of {label}")
    for fact in facts_of(case, yardsticks, margins):
        if fact.kind == "attribute":
            phrases.append(f"{fact.word} {fact.before.removeprefix('The ').removesuffix(' is ')}")
    modality = yardsticks.task.modality
    return f"{modality[:1].upper()}{modality[1:]} image: {', '.join(phrases)}."


def description(case: Case, yardsticks: Yardsticks, margins: Margins) -> str:
    """A long one: the short one, then every fact in a sentence of its own."""
    sentences = [caption(case, yardsticks, margins), *(fact.sentence for fact in facts_of(case, yardsticks, margins))]
    return " ".join(sentences)


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

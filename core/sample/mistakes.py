"""What is planted in the sample to be found: labels that are wrong, and pictures that are there twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from core.sample.people import TASK, Subject

Kind = Literal["label error", "exact duplicate", "near duplicate"]
ERROR_SHARE = 0.03
TWICE, LEAKED = 3, 2


@dataclass(frozen=True)
class Planted:
    """For a label error, other is the true label; for a duplicate it is the name of the first picture."""

    name: str
    kind: Kind
    other: str


def wrong_labels(rng: np.random.Generator, subjects: Sequence[Subject]) -> dict[str, str]:
    """Names of training cases with the wrong label that they shall be given."""
    trained = [subject for subject in subjects if subject.patient.split == "train"]
    chosen = rng.choice(len(trained), max(1, round(ERROR_SHARE * len(trained))), replace=False)
    given: dict[str, str] = {}
    for subject in (trained[int(place)] for place in chosen):
        others = [label for label in TASK.answers if label != subject.label]
        given[subject.name] = others[int(rng.integers(len(others)))]
    return given


def duplicates(
    rng: np.random.Generator, subjects: Sequence[Subject], spared: Sequence[str]
) -> list[tuple[Subject, Planted]]:
    """Copies of training pictures: some stay with their patient, some turn up under a patient of the test part."""
    trained = [subject for subject in subjects if subject.patient.split == "train" and subject.name not in spared]
    tested = [subject.patient for subject in subjects if subject.patient.split == "test"]
    first = [trained[int(place)] for place in rng.choice(len(trained), 2 * (TWICE + LEAKED), replace=False)]
    copies: list[tuple[Subject, Planted]] = []
    for number, subject in enumerate(first):
        kind: Kind = "exact duplicate" if number % 2 == 0 else "near duplicate"
        leaks = number >= 2 * TWICE
        patient = tested[int(rng.integers(len(tested)))] if leaks else subject.patient
        name = f"cell_{len(subjects) + number + 1:04d}"
        copies.append((replace(subject, name=name, patient=patient), Planted(name, kind, subject.name)))
    return copies

"""Who the drawn cells belong to: invented patients with a stain of their own, and what is wrong on purpose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.case import SPLITS, Split, Task
from core.starter.cells import Cell
from core.starter.colours import Colour, between
from core.starter.drawing import pick

TASK = Task(
    modality="drawn cell",
    answers=("round nucleus", "lobed nucleus", "bean nucleus", "granular cell"),
    kind="single",
    mirrored="all",
)
PATIENTS, FEWEST, MOST = 120, 2, 6
SHARES = (0.6, 0.15, 0.25)
STAINS = {"violet": 0.755, "blue": 0.68, "rose": 0.87}
FORMS = {
    "round nucleus": ("round", "round", "oval"),
    "lobed nucleus": ("two-lobed", "three-lobed", "four-lobed"),
    "bean nucleus": ("bean", "bean", "band"),
    "granular cell": ("round", "oval", "bean"),
}


@dataclass(frozen=True)
class Stain:
    """Hue is that of the dark stain; the colours are those of the glass and of the pale discs."""

    name: str
    hue: float
    glass: Colour
    disc: Colour


@dataclass(frozen=True)
class Patient:
    name: str
    split: Split
    stain: Stain


@dataclass(frozen=True)
class Subject:
    """One picture to be: its true label, its stain, the cell on it. The seed draws everything else."""

    name: str
    label: str
    patient: Patient
    stain: Stain
    cell: Cell
    seed: int


def patients(rng: np.random.Generator) -> list[Patient]:
    ends = [round(PATIENTS * sum(SHARES[: part + 1])) for part in range(len(SPLITS))]
    order = [int(place) for place in rng.permutation(PATIENTS)]
    return [_patient(rng, number, SPLITS[sum(place >= end for end in ends)]) for number, place in enumerate(order)]


def _patient(rng: np.random.Generator, number: int, split: Split) -> Patient:
    name = pick(rng, tuple(STAINS))
    stain = Stain(
        name=name,
        hue=STAINS[name] + float(rng.uniform(-0.025, 0.025)),
        glass=between(rng, (0.05, 0.16), (0.93, 0.97), (0.3, 0.7)),
        disc=between(rng, (-0.04, 0.05), (0.74, 0.84), (0.35, 0.65)),
    )
    return Patient(f"P{number + 1:03d}", split, stain)


def subjects(rng: np.random.Generator) -> list[Subject]:
    """Two to six cells of each patient, in the order of the patients."""
    drawn: list[Subject] = []
    for patient in patients(rng):
        for _ in range(int(rng.integers(FEWEST, MOST + 1))):
            label = pick(rng, TASK.answers)
            name = f"cell_{len(drawn) + 1:04d}"
            cell = _cell(rng, label, patient.stain)
            drawn.append(Subject(name, label, patient, patient.stain, cell, int(rng.integers(2**31))))
    return drawn


def _cell(rng: np.random.Generator, label: str, stain: Stain) -> Cell:
    """A cell of the class; few granules may lie in any cell, many only in a granular one."""
    dark = between(rng, (stain.hue - 0.015, stain.hue + 0.015), (0.3, 0.42), (0.4, 0.7))
    pale = between(rng, (stain.hue - 0.06, stain.hue + 0.1), (0.78, 0.88), (0.25, 0.6))
    grain = between(rng, (stain.hue - 0.03, stain.hue + 0.2), (0.35, 0.55), (0.4, 0.8))
    granules = pick(rng, ("many", "coarse")) if label == "granular cell" else pick(rng, ("no", "no", "few"))
    return Cell(
        x=float(rng.uniform(0.43, 0.57)),
        y=float(rng.uniform(0.43, 0.57)),
        radius=float(rng.uniform(0.24, 0.36)),
        cytoplasm=pale,
        form=pick(rng, FORMS[label]),
        ratio=float(rng.uniform(0.5, 0.75)),
        nucleus=dark,
        chromatin=pick(rng, ("smooth", "clumped", "speckled")),
        granules=granules,
        granule=grain,
        angle=float(rng.uniform(0, 6.28)),
        wobble=float(rng.uniform(0.04, 0.11)),
    )

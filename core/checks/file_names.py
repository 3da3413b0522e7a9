"""Patients in names of files, where nothing else names them: person1_virus_6.jpeg, 00000013_005.png, 10_left.jpeg,
patient00012/study1/view1.jpg, as many public sets have it.

Guessed from how names are built, so nothing is taken for a patient unless somebody says so.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from core.case import Finding, ImageSet
from core.checks.check import PATIENTS_IN_NAMES
from core.checks.mending import Fix, Mending
from core.layouts.findings import about
from core.layouts.splits import split_named

MOST_WORDS = 6
FEWEST_PATIENTS = 10
MOST_EACH = 200
"""Pictures of a patient, on average: what begins the names of more is a site, a batch or a file that was cut up."""
MOST_OF_ALL = 0.2
LEAST_NAMED, LEAST_TOGETHER = 0.5, 0.3
"""Of the pictures, those whose names begin with a patient; and of these, those that share theirs with another one."""
_APART = re.compile(r"([\W_]+)")
_DIGITS = re.compile(r"\d+")
_ENDING = re.compile(r"(?:\.[A-Za-z][A-Za-z0-9]{0,4}){1,2}$")


@dataclass(frozen=True)
class Naming:
    """What may be the patients of a set's cases, by the names of the cases; those without are left out."""

    patients: Mapping[str, str]
    across: frozenset[str]
    """Those of the patients who stand in more than one split."""
    is_divided: bool

    @property
    def example(self) -> str:
        """A case whose patient has several, in more than one split where there is such a patient."""
        counts = Counter(self.patients.values())
        several = [case for case, patient in self.patients.items() if counts[patient] > 1]
        return next((case for case in several if self.patients[case] in self.across), several[0])

    def finding(self) -> Finding:
        case, count = self.example, len(set(self.patients.values()))
        where = (
            f"{len(self.across):,} of them would be in more than one split, and figures come out too good."
            if self.is_divided
            else "Unless patients are named, a split that is drawn puts pictures of one on both sides, and figures "
            "come out too good."
        )
        message = (
            f"The names of {len(self.patients):,} pictures begin with what may be the patient, like "
            f"“{self.patients[case]}” in “{case}”, which makes {count:,} patients. {where} Take these for the "
            "patients if they are; it is guessed from how the names are built."
        )
        needs_care = self.across or not self.is_divided
        cases = sorted(self.patients, key=lambda case: self.patients[case] not in self.across)
        return about(PATIENTS_IN_NAMES, "warning" if needs_care else "note", cases, message)

    def fix(self) -> Fix:
        like = f"Take “{self.patients[self.example]}” and its like for the patients"
        return Fix(like, (PATIENTS_IN_NAMES,), names_patients=True)


def naming_of(image_set: ImageSet) -> Naming | None:
    """Nothing where a case names its patient already, or names are not built so."""
    cases = image_set.cases
    if not cases or any(case.patient for case in cases):
        return None
    labels = {label.casefold() for label in image_set.task.answers}
    patients = _patients({case.id: _parts(case.id, labels) for case in cases if "#" not in case.id})
    counts = Counter(patients.values())
    together = sum(count for count in counts.values() if count > 1)
    if len(patients) < LEAST_NAMED * len(cases) or together < LEAST_TOGETHER * len(patients) or not together:
        return None
    splits = defaultdict[str, set[str]](set)
    for case in cases:
        if case.split and case.id in patients:
            splits[patients[case.id]].add(case.split)
    across = frozenset(patient for patient, names in splits.items() if len(names) > 1)
    return Naming(patients, across, len({case.split for case in cases}) > 1)


def with_patients(image_set: ImageSet) -> ImageSet:
    """The set with the patients that its names begin with; as it is where they don't."""
    naming = naming_of(image_set)
    if naming is None:
        return image_set
    return image_set.with_cases(replace(case, patient=naming.patients.get(case.id)) for case in image_set.cases)


def patients_by_names(image_set: ImageSet, mending: Mending) -> tuple[ImageSet, Naming | None]:
    """The set with the patients by names of files where that is decided; else as it is, and what could be."""
    return (with_patients(image_set), None) if mending.names_patients else (image_set, naming_of(image_set))


def _parts(name: str, labels: Collection[str]) -> tuple[str, ...]:
    """The words of a name and what stands between them, in turn: without its ending, the folders of splits and the
    names of labels, which are the same for many or different for one."""
    *folders, file = _ENDING.sub("", name).split("/")
    kept = [folder for folder in folders if folder.casefold() not in labels and not split_named(folder)]
    words = _APART.split("/".join((*kept, file)))
    pairs = [
        (word, between)
        for word, between in zip(words[::2], [*words[1::2], ""], strict=True)
        if word and (word.isdigit() or word.casefold() not in labels)
    ]
    return tuple(text for pair in pairs for text in pair)[:-1]


def _patients(names: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The shortest beginning that tells patients apart, for names of each kind."""
    patients, left = dict[str, str](), dict(names)
    for words in range(1, MOST_WORDS + 1):
        kinds = defaultdict[str, dict[str, str]](dict)
        for name, parts in left.items():
            if len(parts) > 2 * words:
                beginning = "".join(parts[: 2 * words - 1])
                kinds[_kind(beginning)][name] = beginning
        for kind, beginnings in kinds.items():
            if any(mark in kind for mark in "#*") and _are_patients(Counter(beginnings.values())):
                patients |= beginnings
        left = {name: parts for name, parts in left.items() if name not in patients}
    return _without_outer_folders({name: patients[name] for name in names if name in patients})


def _without_outer_folders(patients: Mapping[str, str]) -> dict[str, str]:
    """Folders in which all of them lie say nothing of a patient."""
    outer = posixpath.commonpath(set(patients.values())) if patients else ""
    return {name: patient.removeprefix(f"{outer}/") for name, patient in patients.items()}


def _kind(beginning: str) -> str:
    """How it is built: numbers as #, and words that mix letters and numbers as * (7f03b)."""
    words = _APART.split(beginning)
    return "".join("*" if len(_DIGITS.findall(word)) > 1 else _DIGITS.sub("#", word) for word in words)


def _are_patients(counts: Counter[str]) -> bool:
    every = counts.total()
    return len(counts) >= max(FEWEST_PATIENTS, every / MOST_EACH) and max(counts.values()) <= MOST_OF_ALL * every

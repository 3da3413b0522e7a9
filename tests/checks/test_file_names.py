"""Patients are seen in names of files as public sets have them, and nowhere else."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from core.case import Case, ImageSet, Split
from core.checks.file_names import naming_of, patients_by_names, with_patients
from core.checks.mending import Mending
from core.layouts.question import Question
from core.pictures.pixels import FilePixels

LABELS = ("NORMAL", "PNEUMONIA", "1")


def set_of(names: Iterable[str], splits: Iterable[Split | None] = (), patients: Iterable[str | None] = ()) -> ImageSet:
    names = list(names)
    of_cases = zip(names, [*splits] or [None] * len(names), [*patients] or [None] * len(names), strict=True)
    cases = tuple(Case(name, FilePixels(Path(name)), ("NORMAL",), split, patient) for name, split, patient in of_cases)
    return ImageSet("scans", Question().task("scans", LABELS), cases)


def divided_at(row: int) -> list[Split | None]:
    return ["train" if place < row else "test" for place in range(60)]


NAMED = {
    "person12_virus_3": ([f"x/train/PNEUMONIA/person{i // 3}_virus_{i}.jpeg" for i in range(60)], "person12", 36),
    "numbers": ([f"images/{i // 3:08}_{i % 3:03}.png" for i in range(60)], "00000012", 36),
    "left and right": ([f"{i // 2}_{('left', 'right')[i % 2]}.jpeg" for i in range(60)], "12", 24),
    "folders": ([f"test/patient{i // 5:05}/study{i % 5 // 2}/view{i % 2}.jpg" for i in range(90)], "patient00012", 60),
    "a label in the name": ([f"PNEUMONIA-{7000 + i // 2}-{i % 2}.jpeg" for i in range(60)], "7012", 24),
    "another label in the name": ([f"normal/NORMAL-{7000 + i // 2}-1-{i}.png" for i in range(60)], "7012", 24),
    "a centre and a number": ([f"site{i % 2}_p{i // 4:03}_{i}.dcm.png" for i in range(80)], "site0_p012", 48),
    "a volume's slices": ([f"case{i // 100}/slice{i % 100}.png" for i in range(1500)], "case12", 1200),
    "letters and numbers": ([f"{i // 2 + 4096:x}a{i // 2}b_{i}.png" for i in range(60)], "100ca12b", 24),
}


@pytest.mark.parametrize("kind", NAMED)
def test_the_patient_is_what_names_begin_with(kind: str) -> None:
    names, patient, row = NAMED[kind]
    naming = naming_of(set_of(names))
    assert naming and list(naming.patients) == names and naming.patients[names[row]] == patient
    assert [case.patient for case in with_patients(set_of(names)).cases] == list(naming.patients.values())


def test_names_of_several_kinds_are_each_cut_where_theirs_tell_patients_apart() -> None:
    names = [f"chest/PNEUMONIA/person{i // 3}_virus_{i}.jpeg" for i in range(60)]
    names += [f"chest/NORMAL/IM-{i // 2:04}-{i}.jpeg" for i in range(60)]
    names += [f"chest/NORMAL/NORMAL2-IM-{i // 2:04}-{i}.jpeg" for i in range(60)]
    naming = naming_of(set_of(names))
    assert naming and [naming.patients[names[row]] for row in (0, 60, 120)] == ["person0", "IM-0000", "NORMAL2-IM-0000"]


UNNAMED = {
    "a number each": [f"ISIC_{i:07}.jpg" for i in range(200)],
    "a row of a split": [f"train/{i}" for i in range(200)],
    "a counted class": [f"cat_{i}.png" for i in range(200)],
    "a few batches": [f"batch{i // 50}_{i}.png" for i in range(200)],
    "rows of files that were cut up": [f"data/train-{i // 10:05}-of-00020.parquet#{i % 10}" for i in range(200)],
    "a digest each": [f"{random.Random(i).getrandbits(64):016x}.png" for i in range(200)],
    "a counter before the rest": [f"{i:04}_ct_axial.png" for i in range(200)],
    "many pictures of few places": [f"room{i % 12}_{i}.png" for i in range(3000)],
    "nothing": [],
}


@pytest.mark.parametrize("kind", UNNAMED)
def test_of_names_that_say_nothing_of_patients_nothing_is_claimed(kind: str) -> None:
    image_set = set_of(UNNAMED[kind])
    assert naming_of(image_set) is None and with_patients(image_set) is image_set


def test_patients_that_a_set_names_are_never_guessed() -> None:
    names = [f"person{i // 3}_virus_{i}.jpeg" for i in range(60)]
    assert naming_of(set_of(names, patients=["P1", *[None] * 59])) is None


def test_what_is_told_says_how_many_would_stand_in_two_splits() -> None:
    names = [f"p{i // 4}_{i}.png" for i in range(60)]
    divided = naming_of(set_of(names, divided_at(30)))  # p7 has two on either side
    assert divided and divided.across == {"p7"}
    assert divided.finding().cases[:5] == ("p7_28.png", "p7_29.png", "p7_30.png", "p7_31.png", "p0_0.png")
    assert divided.finding().severity == "warning"
    assert divided.finding().message.startswith(
        "The names of 60 pictures begin with what may be the patient, like “p7” in “p7_28.png”, which makes 15 "
        "patients. 1 of them would be in more than one split, and figures come out too good."
    )
    apart = naming_of(set_of(names, divided_at(32)))
    assert apart and not apart.across and apart.finding().severity == "note"
    whole = naming_of(set_of(names))
    assert whole and whole.finding().severity == "warning" and "a split that is drawn" in whole.finding().message


def test_what_is_decided_is_no_longer_told() -> None:
    image_set = set_of(f"p{i // 4}_{i}.png" for i in range(60))
    same, naming = patients_by_names(image_set, Mending())
    assert same is image_set and naming and naming.fix().text == "Take “p0” and its like for the patients"
    named, nothing = patients_by_names(image_set, Mending(names_patients=True))
    assert nothing is None and len({case.patient for case in named.cases}) == 15

"""What a run learned from, and which cases of others it therefore can't be measured on.

Its training and validation pictures, and all pictures of the patients that these are of. A plugged run's VLM learned in
the run that it was taken from, so that one's count as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.case import Case, Split
from core.errors import CoreError
from core.pictures.looks import look_at_all
from core.runs.folder import Folder
from core.runs.prepare import open_images
from core.runs.runfile import read_run
from core.sets.joint import JointSet

SPLITS_LEARNED_FROM: tuple[Split, ...] = ("train", "val")
OnPicture = Callable[[int, int], None]


@dataclass(frozen=True)
class Learned:
    """What the pictures show that a run learned from, whose they are, and why these may not be all."""

    shown: frozenset[str] = frozenset()
    patients: frozenset[str] = frozenset()
    doubts: tuple[str, ...] = ()

    def __or__(self, other: Learned) -> Learned:
        doubts = tuple(dict.fromkeys((*self.doubts, *other.doubts)))
        return Learned(self.shown | other.shown, self.patients | other.patients, doubts)


@dataclass(frozen=True)
class Unlearned:
    """Cases that a run did not learn from, and how many others were left out: for their picture, or else their
    patient."""

    cases: list[Case]
    of_pictures: int = 0
    of_patients: int = 0

    @property
    def left_out(self) -> int:
        return self.of_pictures + self.of_patients

    def words(self, what: str, learner: str) -> str:
        """What was left out of what, for a note."""
        reasons = [f"{self.of_pictures:,} whose pictures {learner} learned from"] * bool(self.of_pictures)
        if self.of_patients:
            reasons.append(
                f"{self.of_patients:,} of patients (by the names that the sets give them) of whom {learner} learned"
                f"{' other pictures' if reasons else ' from other pictures'}"
            )
        whole = self.left_out + len(self.cases)
        return f"Left out of {whole:,} {what}: {', and '.join(reasons)}."


def learned(folder: Folder, on_picture: OnPicture = lambda done, whole: None) -> Learned:
    """By the run in this folder, and by its VLM before."""
    unknown = f"It can't be told whether the run in {folder.path} learned from any of these pictures."
    shown, patients = frozenset[str](), frozenset[str]()
    try:
        joint_set = open_images(read_run(folder.settings))
        doubt = changed(joint_set, folder)
        cases = [item.case for split in SPLITS_LEARNED_FROM for item in joint_set.items(split)]
        shown = frozenset(_shown(cases, on_picture))
        patients = frozenset(case.patient for case in cases if case.patient)
    except CoreError as error:
        doubt = f"{unknown} {error}"
    if "" in shown and not doubt:
        doubt = f"{unknown} Some of its own can't be read any more."
    own = Learned(shown - {""}, patients, (doubt,) if doubt else ())
    return own | learned_before(folder, on_picture)


def learned_before(folder: Folder, on_picture: OnPicture = lambda done, whole: None) -> Learned:
    """By a plugged run's VLM, in the run that it was taken from; nothing where the run was tuned as a whole."""
    if not folder.plugged.is_file():
        return Learned()
    return learned(Folder(Path(folder.kept(folder.plugged)["run"])), on_picture)


def unlearned(cases: Sequence[Case], known: Learned, on_picture: OnPicture = lambda done, whole: None) -> Unlearned:
    kept, of_pictures, of_patients = list[Case](), 0, 0
    for case, shown in zip(cases, _shown(cases, on_picture), strict=True):
        if shown in known.shown:
            of_pictures += 1
        elif case.patient in known.patients:
            of_patients += 1
        else:
            kept.append(case)
    return Unlearned(kept, of_pictures, of_patients)


def changed(joint_set: JointSet, folder: Folder) -> str:
    """Says where a run's sets are not what they were; splits are dealt anew from what is there now."""
    if joint_set.fingerprints() == folder.fingerprints():
        return ""
    return (
        f"The images or labels of the run in {folder.path} have changed since it was tuned, "
        "so pictures that it learned from may be among these."
    )


def _shown(cases: Sequence[Case], on_picture: OnPicture) -> list[str]:
    """For each case its picture's digest once decoded, which a copy in another file format shares; "" if unreadable."""
    return [look.shown for look in look_at_all([case.pixels for case in cases], on_picture)]

"""What a model learned from, as it is kept beside its weights, and which cases it therefore can't be measured on.

learned.parquet has a row a picture (the hash of what it shows, and a thumbnail of 8 x 8 grey levels by which near
copies are found), a row a patient (a hash under a salt of the file's own: no name stands there), and one for every
reason why these may not be all.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.case import Case
from core.errors import DataError
from core.pictures.coarse import SIDE, coarse_pairs
from core.pictures.looks import Look, look_at_all

if TYPE_CHECKING:
    from pyarrow.parquet import FileMetaData

FILE = "learned.parquet"
PICTURE, PATIENT, DOUBT = "picture", "patient", "doubt"
COLUMNS = ("kind", "hash", "salt", "thumbnail")
HASH, SALT = re.compile("[0-9a-f]{64}"), re.compile("[0-9a-f]{32}")
LONGEST_DOUBT = 1000
ERASED = "Some of the cases that were learned from are erased: that they were is told, and no longer which."
MOST_IN_ROW, MOST_BESIDE = 2048, 1 << 20
"""Bytes of a row, and of all that is beside rows: a small file can unpack to more than there is room for."""
Row = tuple[str, str, str, bytes]
OnPicture = Callable[[int, int], None]


def silent(done: int, whole: int) -> None:
    """Where nobody watches how many pictures were looked at."""


@dataclass(frozen=True)
class Pseudonyms:
    """Patients by hashes under one salt."""

    salt: str
    hashes: frozenset[str]

    def include(self, patient: str) -> bool:
        return _pseudonym(self.salt, patient) in self.hashes


@dataclass(frozen=True)
class Learned:
    """What the pictures show that were learned from (a thumbnail by its hash; none of one shade), whose they are, and
    why these may not be all."""

    pictures: Mapping[str, bytes] = field(default_factory=dict)
    patients: tuple[Pseudonyms, ...] = ()
    doubts: tuple[str, ...] = ()

    def __or__(self, other: Learned) -> Learned:
        patients = tuple(dict.fromkeys((*self.patients, *other.patients)))
        doubts = tuple(dict.fromkeys((*self.doubts, *other.doubts)))
        return Learned({**self.pictures, **other.pictures}, patients, doubts)

    def knows_patient(self, patient: str | None) -> bool:
        return bool(patient) and any(pseudonyms.include(str(patient)) for pseudonyms in self.patients)


@dataclass(frozen=True)
class Unlearned:
    """Cases that nothing was learned from, and how many others were left out: for their picture, for one that is almost
    the same, or else for their patient."""

    cases: list[Case]
    of_pictures: int = 0
    of_copies: int = 0
    of_patients: int = 0

    @property
    def left_out(self) -> int:
        return self.of_pictures + self.of_copies + self.of_patients

    def words(self, what: str, learner: str) -> str:
        """What was left out of what, for a note."""
        whole = self.left_out + len(self.cases)
        if not self.left_out:
            return f"None of {whole:,} {what} shows what {learner} learned from, or almost that, or a patient of these."
        reasons = [f"{self.of_pictures:,} whose pictures {learner} learned from"] * bool(self.of_pictures)
        if self.of_copies:
            reasons.append(f"{self.of_copies:,} almost the same as a picture that {learner} learned from")
        if self.of_patients:
            reasons.append(
                f"{self.of_patients:,} of patients (by the names that the sets give them) of whom {learner} learned"
                f"{' other pictures' if reasons else ' from other pictures'}"
            )
        *first, last = reasons
        listed = f"{', '.join(first)}, and {last}" if first else last
        return f"Left out of {whole:,} {what}: {listed}."


def learned_from(cases: Sequence[Case], on_picture: OnPicture = silent) -> Learned:
    """Every picture is opened."""
    return learned_of(cases, look_at_all([case.pixels for case in cases], on_picture))


def learned_of(cases: Sequence[Case], looks: Sequence[Look]) -> Learned:
    """By what is seen of them. A picture that can't be read is left out, and told of."""
    pictures = {look.shown: b"" if look.is_blank else look.coarse for look in looks if not look.problem}
    unread = sum(bool(look.problem) for look in looks)
    doubts = (f"{unread:,} of the pictures that were learned from can't be read any more.",) if unread else ()
    salt = hashlib.sha256("".join(sorted(pictures)).encode()).hexdigest()[:32]
    patients = frozenset(_pseudonym(salt, case.patient) for case in cases if case.patient)
    return Learned(pictures, (Pseudonyms(salt, patients),) if patients else (), doubts)


def without(learned: Learned, shown: frozenset[str], patients: frozenset[str]) -> Learned:
    """What is told of it once these pictures, by what they show, and these patients are erased."""
    kept = {hashed: thumbnail for hashed, thumbnail in learned.pictures.items() if hashed not in shown}
    left = tuple(
        Pseudonyms(each.salt, each.hashes - {_pseudonym(each.salt, patient) for patient in patients})
        for each in learned.patients
    )
    if len(kept) == len(learned.pictures) and left == learned.patients:
        return learned
    return Learned(kept, left, tuple(dict.fromkeys((*learned.doubts, ERASED))))


def unlearned(cases: Sequence[Case], known: Learned, on_picture: OnPicture = silent) -> Unlearned:
    """The cases that show nothing, and nobody, that was learned from."""
    looks = look_at_all([case.pixels for case in cases], on_picture)
    near = _near_rows(looks, known)
    kept, of_pictures, of_copies, of_patients = list[Case](), 0, 0, 0
    for row, (case, look) in enumerate(zip(cases, looks, strict=True)):
        if look.shown in known.pictures:
            of_pictures += 1
        elif row in near:
            of_copies += 1
        elif known.knows_patient(case.patient):
            of_patients += 1
        else:
            kept.append(case)
    return Unlearned(kept, of_pictures, of_copies, of_patients)


def write_learned(folder: Path, learned: Learned) -> None:
    """Into the folder of a model; the file appears when it is whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = list(_rows(learned))
    columns = {name: [row[place] for row in rows] for place, name in enumerate(COLUMNS)}
    draft = folder / f".{FILE}.{os.getpid()}.part"
    pq.write_table(pa.table(columns), draft)
    draft.replace(folder / FILE)


def read_learned(folder: Path) -> Learned | None:
    """None where the model came without it: what it learned from is not known then."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = folder / FILE
    if not file.is_file():
        return None
    try:
        _refuse_swollen(pq.read_metadata(file))
        table = pq.read_table(file, columns=list(COLUMNS)).to_pydict()
        rows = [_checked(*row) for row in zip(*(table[name] for name in COLUMNS), strict=True)]
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(
            f"{file} can't be read ({error}), so it can't be told what the model learned from. Copy its whole folder "
            "again, or remove that file: what it learned from is then told as not known."
        ) from None
    pictures: dict[str, bytes] = {}
    patients: dict[str, set[str]] = {}
    doubts: list[str] = []
    for kind, hashed, salt, thumbnail in rows:
        if kind == PICTURE:
            pictures[hashed] = thumbnail
        elif kind == PATIENT:
            patients.setdefault(salt, set()).add(hashed)
        else:
            doubts.append(hashed)
    by_salt = tuple(Pseudonyms(salt, frozenset(hashes)) for salt, hashes in patients.items())
    return Learned(pictures, by_salt, tuple(doubts))


def _refuse_swollen(about: FileMetaData) -> None:
    """A ValueError where rows would take more room than any that are written here."""
    claimed = sum(about.row_group(place).total_byte_size for place in range(about.num_row_groups))
    if claimed > about.num_rows * MOST_IN_ROW + MOST_BESIDE:
        raise ValueError(f"its {about.num_rows:,} rows would take {claimed:,} bytes")


def _checked(kind: object, hashed: object, salt: object, thumbnail: object) -> Row:
    """The row, or a ValueError where it is none that is written here: half a list would leave learned pictures among
    those that are measured."""
    if isinstance(kind, str) and isinstance(hashed, str) and isinstance(salt, str) and isinstance(thumbnail, bytes):
        is_hash = HASH.fullmatch(hashed) is not None
        is_fit = {
            PICTURE: is_hash and len(thumbnail) in (0, SIDE * SIDE),
            PATIENT: is_hash and SALT.fullmatch(salt) is not None,
            DOUBT: hashed.isprintable() and len(hashed) <= LONGEST_DOUBT,
        }
        if is_fit.get(kind, False):
            return kind, hashed, salt, thumbnail
    raise ValueError("a row of it says nothing of a picture, a patient or a doubt")


def _rows(learned: Learned) -> Iterator[Row]:
    for shown, thumbnail in sorted(learned.pictures.items()):
        yield PICTURE, shown, "", thumbnail
    for pseudonyms in learned.patients:
        for hashed in sorted(pseudonyms.hashes):
            yield PATIENT, hashed, pseudonyms.salt, b""
    for doubt in learned.doubts:
        yield DOUBT, doubt, "", b""


def _near_rows(looks: Sequence[Look], known: Learned) -> set[int]:
    """Where the looks are almost what was learned from."""
    before = sorted({thumbnail for thumbnail in known.pictures.values() if thumbnail})
    drawn = [row for row, look in enumerate(looks) if look.coarse and not look.is_blank]
    joined = b"".join([*before, *(looks[row].coarse for row in drawn)])
    pairs = coarse_pairs(np.frombuffer(joined, np.uint8).reshape(-1, SIDE * SIDE)) if before and drawn else []
    return {drawn[other - len(before)] for row, other in pairs if row < len(before) <= other}


def _pseudonym(salt: str, patient: str) -> str:
    return hashlib.sha256(f"{salt}\x1f{patient}".encode()).hexdigest()

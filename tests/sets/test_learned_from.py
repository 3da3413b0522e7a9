"""What a model learned from is kept without pictures and names, and is told from other cases by it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from core.case import Case
from core.errors import DataError
from core.sets.learned_from import COLUMNS, FILE, Learned, learned_from, read_learned, unlearned, write_learned


@dataclass(frozen=True)
class Drawn:
    """A coarse pattern of its own number, a little brighter where wanted."""

    number: int
    brighter: int = 0

    def load(self) -> Image.Image:
        coarse = np.random.default_rng(self.number).integers(20, 220, (6, 6), dtype=np.uint8)
        picture = np.asarray(Image.fromarray(coarse).resize((64, 64), Image.Resampling.BICUBIC))
        return Image.fromarray(np.clip(picture.astype(int) + self.brighter, 0, 255).astype(np.uint8))

    def digest(self) -> str:
        return hashlib.sha256(f"{self.number} {self.brighter}".encode()).hexdigest()


@dataclass(frozen=True)
class Black:
    """Of one shade, as a mask that shows nothing."""

    side: int

    def load(self) -> Image.Image:
        return Image.new("L", (self.side, self.side))

    def digest(self) -> str:
        return str(self.side)


@dataclass(frozen=True)
class Broken(Drawn):
    def load(self) -> Image.Image:
        raise DataError(f"{self.number}.png is broken.")


def case(number: int, patient: str | None = None, brighter: int = 0) -> Case:
    return Case(f"{number}.png", Drawn(number, brighter), ("a",), "train", patient)


TAUGHT = [case(number, f"Patient {number}") for number in range(30)]


def test_the_same_picture_a_near_copy_and_a_patient_are_told_apart() -> None:
    tested = [
        case(3, "Patient 3"),
        case(4, "somebody else", brighter=5),
        case(100, "Patient 5"),
        case(101, "Patient 50"),
        case(102),
    ]
    kept = unlearned(tested, learned_from(TAUGHT))
    assert (kept.of_pictures, kept.of_copies, kept.of_patients) == (1, 1, 1)
    assert kept.cases == tested[3:]
    assert kept.words("cases", "it") == (
        "Left out of 5 cases: 1 whose pictures it learned from, 1 almost the same as a picture that it learned "
        "from, and 1 of patients (by the names that the sets give them) of whom it learned other pictures."
    )


def test_that_nothing_was_left_out_is_told_too() -> None:
    kept = unlearned([case(100), case(101)], learned_from(TAUGHT))
    words = "None of 2 test cases shows what the VLM learned from, or almost that, or a patient of these."
    assert kept.words("test cases", "the VLM") == words


def test_pictures_of_one_shade_are_almost_the_same_as_none() -> None:
    black = [replace(case(0), pixels=Black(side)) for side in (8, 9)]
    assert unlearned(black[1:], learned_from([*TAUGHT, black[0]])).cases == black[1:]
    assert unlearned(black[:1], learned_from([*TAUGHT, black[0]])).of_pictures == 1


def test_no_more_of_a_picture_is_kept_than_8_x_8_grey_levels() -> None:
    assert {len(thumbnail) for thumbnail in learned_from(TAUGHT).pictures.values()} == {8 * 8}


def test_what_is_kept_reads_back_and_holds_no_name(tmp_path: Path) -> None:
    whole = learned_from(TAUGHT[:20]) | learned_from(TAUGHT[20:]) | Learned(doubts=("Some are gone.",))
    write_learned(tmp_path, whole)
    again = read_learned(tmp_path)
    assert again == whole and len(whole.pictures) == 30 and len(whole.patients) == 2
    assert b"Patient" not in (tmp_path / FILE).read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert again is not None and again.doubts == ("Some are gone.",)
    assert again.knows_patient("Patient 3") and again.knows_patient("Patient 25") and not again.knows_patient("P")


def test_one_patient_has_another_pseudonym_beside_another_model() -> None:
    first, second = learned_from(TAUGHT[:20]), learned_from(TAUGHT[:10])
    assert not first.patients[0].hashes & second.patients[0].hashes


def test_a_model_without_the_list_and_a_damaged_list_are_told_apart(tmp_path: Path) -> None:
    assert read_learned(tmp_path) is None
    (tmp_path / FILE).write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"learned\.parquet can't be read .* can't be told what the model learned"):
        read_learned(tmp_path)


def test_a_picture_that_can_not_be_read_is_told_of() -> None:
    kept = learned_from([*TAUGHT, replace(case(40), pixels=Broken(40))])
    assert kept.doubts == ("1 of the pictures that were learned from can't be read any more.",)
    assert len(kept.pictures) == 30 and Learned() | kept == kept


A_HASH = "0a" * 32
BEYOND = {
    "a thumbnail of another size": ("picture", A_HASH, "", b"\0" * 63),
    "a thumbnail in words": ("picture", A_HASH, "", "\0" * 64),
    "no thumbnail": ("picture", A_HASH, "", None),
    "no hash": ("picture", None, "", b""),
    "a hash that is none": ("picture", "../../etc", "", b""),
    "a hash in parts": ("picture", [A_HASH], "", b""),
    "a patient without a salt": ("patient", A_HASH, "", b""),
    "a kind that is none": ("pictures", A_HASH, "", b"\0" * 64),
    "a doubt that moves a terminal's cursor": ("doubt", "\x1b[2J", "", b""),
    "more than a row holds": ("doubt", "A" * 5_000_000, "", b""),
}


@pytest.mark.parametrize("row", BEYOND.values(), ids=BEYOND)
def test_a_row_that_is_none_refuses_the_whole_list(row: tuple[object, ...], tmp_path: Path) -> None:
    """Such a row was passed over, or shifted the thumbnails of all that came after it."""
    pq.write_table(pa.table({name: [cell] for name, cell in zip(COLUMNS, row, strict=True)}), tmp_path / FILE)
    with pytest.raises(DataError, match=r"learned\.parquet can't be read .* Copy its whole folder again"):
        read_learned(tmp_path)


def test_a_small_file_that_unpacks_to_much_is_refused_before_it_is_read(tmp_path: Path) -> None:
    row = ("doubt", "A" * 50_000_000, "", b"")
    table = pa.table({name: [cell] for name, cell in zip(COLUMNS, row, strict=True)})
    pq.write_table(table, tmp_path / FILE, compression="zstd")
    assert (tmp_path / FILE).stat().st_size < 10_000
    with pytest.raises(DataError, match="its 1 rows would take 50,"):
        read_learned(tmp_path)

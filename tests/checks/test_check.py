"""The check sees what is wrong with a set, counts it, names it and says what to do."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.case import Case, Finding, ImageSet, Split, Task
from core.catalog import FORMATS, every
from core.checks.check import Report, check, labels_alike
from core.formats import medmnist_npz
from core.pictures.pixels import FilePixels
from core.sets.open import open_set


@dataclass(frozen=True)
class Drawn:
    """Pixels that need no file."""

    size: tuple[int, int] = (20, 20)
    seed: int = 0
    mode: str = "L"
    lift: int = 0

    def load(self) -> Image.Image:
        coarse = np.random.default_rng(self.seed).integers(20, 220, (4, 4), dtype=np.uint8) + np.uint8(self.lift)
        return Image.fromarray(coarse).resize(self.size, Image.Resampling.BILINEAR).convert(self.mode)

    def digest(self) -> str:
        return sha256(repr(self).encode()).hexdigest()


@dataclass(frozen=True)
class Blank(Drawn):
    def load(self) -> Image.Image:
        return Image.new(self.mode, self.size, 7 + self.lift)


def image_set(*cases: Case, kind: str = "single") -> ImageSet:
    return ImageSet("set", Task.model_validate({"answers": ("a", "b"), "kind": kind}), cases)


def case(number: int, label: str = "", split: Split | None = None, patient: str | None = None, **drawn: object) -> Case:
    pixels = Drawn(**({"seed": number} | drawn))  # type: ignore[arg-type]
    return Case(f"{number}.png", pixels, (label or "ab"[number % 2],), split, patient)


def enough(*more: Case) -> ImageSet:
    """A set with nothing wrong: ten cases of each class; and some more."""
    return image_set(*(case(1000 + number) for number in range(20)), *more)


def finding(report: Report, kind: str) -> Finding:
    return next(finding for finding in report.findings if finding.kind == kind)


def kinds(image_set: ImageSet) -> list[str]:
    return [finding.kind for finding in check(image_set).findings]


def test_a_good_set_has_no_findings() -> None:
    assert check(enough()) == Report(20, {"a": 10, "b": 10}, {}, ())


def test_the_report_is_plain_json_in_the_agreed_shape() -> None:
    report = check(
        image_set(*(case(number, "a", "train") for number in range(12)), case(90, "b", "test", size=(20, 9)))
    )
    assert json.loads(json.dumps(report.as_json())) == {
        "cases": 13,
        "classes": {"a": 12, "b": 1},
        "splits": {"train": 12, "test": 1},
        "findings": report.as_json()["findings"],
        "shortcuts": {"cases": 0, "shortcuts": [], "may_be_real": []},
    }
    assert report.as_json()["findings"][0] == {
        "kind": "tiny",
        "severity": "warning",
        "count": 1,
        "cases": ["90.png"],
        "message": "1 picture is less than 16 pixels wide or high. Look whether they are thumbnails.",
    }


def test_an_unreadable_picture_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_text("hello")
    bad = Case("bad.png", FilePixels(tmp_path / "bad.png"), ("a",))
    findings = check(enough(bad)).findings
    assert [(each.kind, each.severity, each.cases) for each in findings] == [("unreadable", "error", ("bad.png",))]
    assert "bad.png" in findings[0].message and "Replace or remove it." in findings[0].message


def test_blank_pictures_are_told_and_are_not_near_copies_of_each_other() -> None:
    blanks = [Case(f"{shade}.png", Blank(lift=shade), ("a",)) for shade in (1, 2)]
    report = check(enough(*blanks))
    assert [each.kind for each in report.findings] == ["blank"]
    assert report.findings[0].cases == ("1.png", "2.png")


def test_a_picture_whose_file_holds_more_of_them_is_told(tmp_path: Path) -> None:
    """From a zip, and of 16 bits too; the second picture in a telephone's JPEG is the same one again."""
    kinds_of_files = {"tif": 3, "gif": 3, "webp": 2, "16.tif": 2, "one.tif": 1, "one.gif": 1, "one.png": 1, "jpg": 2}
    for number, (ending, count) in enumerate(kinds_of_files.items()):
        drawn = [Drawn(seed=10 * number + page).load() for page in range(count)]
        if ending == "16.tif":
            drawn = [Image.fromarray(np.asarray(page).astype(np.uint16) * 200) for page in drawn]
        folder = tmp_path / "set" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        kind = {"jpg": "MPO"}.get(ending)
        more = {"save_all": True, "append_images": drawn[1:]} if count > 1 else {}
        drawn[0].save(folder / f"{number}.{ending}", kind, **more)
    zipped = shutil.make_archive(str(tmp_path / "set"), "zip", tmp_path / "set")
    for place in (zipped, tmp_path / "set"):
        several = finding(check(open_set(place, {}, every(FORMATS))), "first_of_several")
        assert (several.severity, several.cases) == ("warning", ("a/0.tif", "a/2.webp", "b/1.gif", "b/3.16.tif"))
        assert several.message.startswith("4 pictures are the first of several in a file")


def test_colour_that_differs_in_one_channel_only_is_not_blank(tmp_path: Path) -> None:
    pixels = np.zeros((20, 20, 3), np.uint8)
    pixels[5:9, 5:9, 2] = 90
    Image.fromarray(pixels).save(tmp_path / "1.png")
    assert "blank" not in kinds(enough(Case("1.png", FilePixels(tmp_path / "1.png"), ("a",))))


def test_copies_within_a_split_are_counted_without_the_first() -> None:
    copies = [case(number, "a", "train", seed=1) for number in (1, 2, 3)]
    report = check(image_set(*copies, case(4, "b", "train")))
    assert (finding(report, "exact_duplicate").count, finding(report, "exact_duplicate").cases) == (
        2,
        ("2.png", "3.png"),
    )
    assert '"1.png" and "2.png"' in finding(report, "exact_duplicate").message
    assert not {"duplicate_conflict", "duplicate_across_splits"} & {each.kind for each in report.findings}


def test_a_copy_saved_in_another_kind_of_file_is_still_an_exact_copy(tmp_path: Path) -> None:
    picture = Drawn(seed=1).load()
    for name in ("1.png", "2.bmp"):
        picture.save(tmp_path / name)
    report = check(enough(*(Case(name, FilePixels(tmp_path / name), ("a",)) for name in ("1.png", "2.bmp"))))
    assert [(each.kind, each.cases) for each in report.findings] == [("exact_duplicate", ("2.bmp",))]


def test_copies_across_splits_are_told_apart_from_those_within_one() -> None:
    report = check(image_set(case(1, "a", "train", seed=1), case(2, "a", "test", seed=1), case(3, "b", "train")))
    assert finding(report, "duplicate_across_splits").cases == ("1.png", "2.png")
    assert "exact_duplicate" not in {each.kind for each in report.findings}


def test_the_pair_that_is_named_stands_in_two_splits() -> None:
    copies = case(1, "a", "train", seed=1), case(2, "a", "train", seed=1), case(3, "a", "val", seed=1)
    across = finding(check(image_set(*copies, case(4, "b", "train"))), "duplicate_across_splits")
    assert '"1.png" and "3.png"' in across.message


def test_a_copy_with_another_label_is_told_with_both() -> None:
    report = check(enough(case(1, "a", seed=1), case(2, "b", seed=1)))
    assert finding(report, "duplicate_conflict").cases == ("1.png", "2.png")
    assert '"1.png" is a, "2.png" is b' in finding(report, "duplicate_conflict").message


def test_a_brighter_and_larger_copy_is_nearly_the_same() -> None:
    report = check(enough(case(1, "a", "train", seed=1), case(2, "a", "test", seed=1, lift=20, size=(60, 60))))
    near = finding(report, "near_duplicate")
    assert (near.severity, near.cases) == ("warning", ("1.png", "2.png"))
    assert "almost the same as another one, in 1 pair across splits: " in near.message


def test_how_near_copies_were_altered_is_told() -> None:
    report = check(enough(case(1, seed=1), case(2, seed=1, lift=9), case(3, seed=2), case(4, seed=2, size=(60, 60))))
    assert (
        "One of the two is of other brightness or contrast in 1 pair, resized in 1."
        in finding(report, "near_duplicate").message
    )


@dataclass(frozen=True)
class Noisy(Drawn):
    """Grain around one shade, of 28 pixels; stored as JPEG where wanted."""

    quality: int = 0

    def load(self) -> Image.Image:
        shades = np.random.default_rng(self.seed).normal(50, 20, (28, 28, 3)).clip(0, 255).astype(np.uint8)
        if not self.quality:
            return Image.fromarray(shades)
        file = BytesIO()
        Image.fromarray(shades).save(file, "JPEG", quality=self.quality)
        return Image.open(file)


def test_pictures_of_grain_that_were_stored_again_are_near_copies_too() -> None:
    again = [
        Case(f"{seed} {quality}", Noisy(seed=seed, quality=quality), ("a",)) for seed in (0, 1) for quality in (0, 85)
    ]
    near = finding(check(enough(*again)), "near_duplicate")
    assert near.cases == ("0 0", "0 85", "1 0", "1 85")
    assert "One of the two is stored again in 2 pairs." in near.message


def test_a_near_copy_within_a_split_is_only_a_note() -> None:
    assert finding(check(enough(case(1, seed=1), case(2, seed=1, lift=9))), "near_duplicate").severity == "note"


def test_a_patient_in_two_splits_is_told_by_name() -> None:
    every = [
        case(1, "a", "train", "P7"),
        case(2, "a", "test", "P7"),
        case(3, "b", "train", "P8"),
        case(4, "b", "train"),
    ]
    across = finding(check(image_set(*every)), "patient_across_splits")
    assert across.cases == ("1.png", "2.png")
    assert across.message.startswith('1 patient is in more than one split: "P7" is in train and test.')


def test_that_patients_of_a_divided_set_are_not_named_is_a_note() -> None:
    divided = [case(1, "a", "train", "P7"), case(2, "a", "test"), case(3, "b", "train")]
    note = finding(check(image_set(*divided)), "patients_unnamed")
    assert (note.severity, note.count) == ("note", 2)
    assert note.message.startswith("2 of 3 pictures do not name a patient")
    assert finding(check(image_set(*divided[1:])), "patients_unnamed").message.startswith("No picture names a")
    named = check(image_set(divided[0], case(2, "a", "test", "P8")))
    undivided = check(enough())
    assert "patients_unnamed" not in {each.kind for each in (*named.findings, *undivided.findings)}


def test_a_class_that_a_split_lacks_is_told() -> None:
    every = [case(1, "a", "train"), case(2, "b", "train"), case(3, "a", "val")]
    assert "b in val." in finding(check(image_set(*every)), "class_missing_in_split").message


def test_few_cases_and_imbalance_are_told_with_their_numbers() -> None:
    report = check(image_set(*(case(number, "a") for number in range(100)), *(case(200 + n, "b") for n in range(9))))
    assert "b (9)" in finding(report, "few_cases").message
    assert "a has 100 images, b only 9" in finding(report, "imbalance").message
    even = check(image_set(*(case(number, "a") for number in range(100)), *(case(200 + n, "b") for n in range(10))))
    assert even.findings == ()


@pytest.mark.parametrize(
    ("label", "other"),
    [
        ("Benign", "benign"),
        ("grade C", "grade \u0421"),
        ("cyst", "cy\u200bst"),
        ("cyst", "cyst "),
        ("o\u0308", "\u00f6"),
    ],
    ids=("capitals", "a Cyrillic letter", "a letter that nobody sees", "a space", "an accent"),
)
def test_labels_that_look_the_same_are_told(label: str, other: str) -> None:
    names = [label, other, "malignant"]
    cases = tuple(case(number, names[number % 3]) for number in range(30))
    report = check(ImageSet("set", Task(answers=tuple(names)), cases))
    assert f'"{label}" and "{other}"' in finding(report, "labels_alike").message
    assert (
        labels_alike(["grade 1", "grade 2", "0", "o", "burn", "bum", "\u0440\u0430\u043a", "\u0440\u043e\u043a"]) == []
    )


def test_sizes_and_modes_that_differ_are_noted() -> None:
    report = check(enough(case(1, size=(30, 20)), case(2, mode="RGB")))
    assert "20 x 20 (21), 30 x 20 (1)" in finding(report, "mixed_sizes").message
    assert "grey (21), colour (1)" in finding(report, "mixed_modes").message
    assert [each.count for each in report.findings] == [1, 1]


def test_a_case_without_a_label_is_an_error_unless_there_may_be_none() -> None:
    bare = Case("bare.png", Drawn(seed=5), ())
    assert finding(check(enough(bare)), "unlabelled").cases == ("bare.png",)
    assert "unlabelled" not in kinds(image_set(*enough().cases, bare, kind="multi"))


def test_one_class_alone_is_an_error() -> None:
    report = check(image_set(*(case(number, "a") for number in range(12))))
    assert (report.findings[0].kind, report.findings[0].severity) == ("one_class", "error")


def test_what_the_format_found_comes_along_errors_first() -> None:
    own = (Finding("other_files", "note", 1, "A file.", ("x",)), Finding("empty_class", "error", 1, "Empty.", ("b",)))
    read_set = ImageSet("set", Task(answers=("a", "b")), (*enough().cases, case(1, size=(9, 9))), own)
    assert kinds(read_set) == ["empty_class", "tiny", "other_files", "mixed_sizes"]


def test_at_most_a_hundred_cases_are_named() -> None:
    copies = finding(check(image_set(*(case(number, seed=1) for number in range(300)))), "exact_duplicate")
    assert (copies.count, len(copies.cases)) == (299, 100)


def test_progress_is_told_case_by_case() -> None:
    reported: list[tuple[int, int]] = []
    check(enough(), lambda done, total: reported.append((done, total)))
    assert reported == [(number, 20) for number in range(1, 21)]


def test_an_empty_set_is_checked_without_complaint_from_us() -> None:
    assert check(image_set()).cases == 0


def ids_by_split(cases: Sequence[str]) -> Counter[str]:
    return Counter(name.partition("/")[0] for name in cases)


def test_the_real_copies_of_pneumonia_are_found(shared_data: Path) -> None:
    report = check(open_set(shared_data / "pneumonia_28.npz", None, [medmnist_npz]))
    assert ids_by_split(finding(report, "exact_duplicate").cases) == {"train": 18, "test": 3}
    across = finding(report, "duplicate_across_splits")
    assert ids_by_split(across.cases) == {"train": 10, "val": 8}
    assert report.splits == {"train": 4708, "val": 524, "test": 624}

"""Labels of single slices: rows of a table that name a slice of a volume, however its voxels are stored."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.case import Case, Finding, ImageSet
from core.checks.check import check
from core.checks.looked import look_over
from core.checks.mending import Mending, mend
from core.errors import DataError
from core.formats.nifti import Settings, read
from core.layouts.slice_choice import Numbering
from core.pictures.nifti import PLANES, Plane
from core.pictures.pixels import deep_in

CODES: dict[Plane, str] = {"axial": "SI", "coronal": "AP", "sagittal": "RL"}


def kept(file: Path, voxels: np.ndarray[Any, Any] | None = None, signs: Sequence[int] = (1, 1, 1)) -> None:
    """A volume of 5 slices of 2 x 3 voxels, each of which holds the place along the third axis at which it is stored;
    or of other voxels."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if voxels is None:
        voxels = np.broadcast_to(np.arange(5, dtype=np.int16), (2, 3, 5))
    nib.save(nib.Nifti1Image(voxels, np.diag((*signs, 1)).astype(float)), file)


def measures(case: Case) -> set[float]:
    deep = deep_in(case.pixels.stored(), case.id)  # type: ignore[attr-defined]
    assert deep is not None
    return set(deep.measures().ravel().tolist())


def read_table(folder: Path, text: str, **chosen: object) -> ImageSet:
    (folder / "labels.csv").write_text(text)
    return read(folder, Settings.parse(chosen, "images"))


def labels(image_set: ImageSet) -> dict[str, str]:
    return {case.id: " ".join(case.labels) for case in image_set.cases}


def findings_of(image_set: ImageSet) -> dict[str, Finding]:
    return {finding.kind: finding for finding in image_set.findings}


@pytest.mark.parametrize(
    ("numbering", "rows"),
    [
        ("as shown", ((1, "bleeding"), (2, "none"), (5, "old"))),
        ("stored from 0", ((4, "bleeding"), (3, "none"), (0, "old"))),
        ("stored from 1", ((5, "bleeding"), (4, "none"), (1, "old"))),
    ],
)
def test_a_row_is_about_the_slice_that_it_names_in_a_volume_stored_from_the_top(
    tmp_path: Path, numbering: Numbering, rows: tuple[tuple[int, str], ...]
) -> None:
    """By hand: the third axis runs down (-1), so voxels[:, :, 4] is the lowest slice, which is shown as number 1."""
    kept(tmp_path / "head.nii", signs=(1, 1, -1))
    lines = "".join(f"head,{number},{label}\n" for number, label in rows)
    image_set = read_table(tmp_path, f"volume,slice,label\n{lines}", numbering=numbering)
    assert labels(image_set) == {"head.nii#1": "bleeding", "head.nii#2": "none", "head.nii#5": "old"}
    assert [measures(case) for case in image_set.cases] == [{4}, {3}, {0}]
    assert [case.more["slice"] for case in image_set.cases] == ["1", "2", "5"]
    words = {"as shown": "that 1 is the lowest", "stored from 0": "that 0 is the first", "stored from 1": "1 is the"}
    assert words[numbering] in findings_of(image_set)["slices_drawn"].message


@pytest.mark.parametrize("plane", PLANES)
def test_stored_numbers_are_indices_of_the_array_in_all_48_ways_of_storing_it(tmp_path: Path, plane: Plane) -> None:
    canonical = np.arange(60, dtype=np.int16).reshape(3, 4, 5)  # [right, front, up]
    ways = itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3))
    for way, (order, turned) in enumerate(ways):
        image = nib.Nifti1Image(canonical, np.eye(4)).as_reoriented(np.array(list(zip(order, turned, strict=True))))
        folder = tmp_path / str(way)
        folder.mkdir()
        nib.save(image, folder / "a.nii")
        axis = next(place for place, code in enumerate(nib.aff2axcodes(image.affine)) if code in CODES[plane])
        stored = np.moveaxis(np.asarray(image.dataobj), axis, 0)
        for first in (0, 1):
            lines = "".join(f"a,{number},{number}\n" for number in range(first, first + len(stored)))
            text = f"volume,slice,label\n{lines}"
            image_set = read_table(folder, text, plane=plane, numbering=f"stored from {first}")
            for case in image_set.cases:
                assert measures(case) == set(stored[int(case.labels[0]) - first].ravel().tolist())
            assert len(image_set.cases) == len(stored)


@settings(max_examples=60, deadline=None)
@given(
    of_slices=st.dictionaries(st.integers(1, 5), st.sampled_from("ab"), max_size=5),
    of_whole=st.sampled_from(["", "a", "b"]),
    is_down=st.booleans(),
    numbering=st.sampled_from(["as shown", "stored from 0", "stored from 1"]),
)
def test_what_is_written_of_slices_is_read_of_them(
    tmp_path_factory: pytest.TempPathFactory,
    of_slices: dict[int, str],
    of_whole: str,
    is_down: bool,
    numbering: Numbering,
) -> None:
    folder = tmp_path_factory.mktemp("volumes")
    kept(folder / "x.nii", signs=(1, 1, -1 if is_down else 1))
    kept(folder / "y.nii")
    rows = [f"x,{written(shown, is_down, numbering)},{label}" for shown, label in of_slices.items()]
    rows += [f"x,,{of_whole}"] if of_whole else []
    image_set = read_table(folder, "\n".join(["volume,slice,label", "y,,a", "y,1,b", *rows]), numbering=numbering)
    expected = {f"x.nii#{number}": of_slices.get(number, of_whole) for number in range(1, 6)}
    of_x = {name: label for name, label in labels(image_set).items() if name.startswith("x")}
    assert of_x == {name: label for name, label in expected.items() if label}
    without = findings_of(image_set).get("unnamed_slices")
    unnamed = sum(not label for label in expected.values()) if of_slices else 0
    assert (without.count if without else 0) == unnamed


def written(shown: int, is_down: bool, numbering: Numbering) -> int:
    """What a table calls a slice of five: the first stored is the highest (5) where the axis runs down."""
    stored_from_0 = 5 - shown if is_down else shown - 1
    return {"as shown": shown, "stored from 0": stored_from_0, "stored from 1": stored_from_0 + 1}[numbering]


def test_a_row_of_a_slice_has_its_own_label_split_patient_mask_and_columns(tmp_path: Path) -> None:
    kept(tmp_path / "a.nii")
    kept(tmp_path / "b.nii.gz")
    kept(tmp_path / "marks" / "m.nii", np.broadcast_to(np.array([0, 1, 0, 0, 0], np.int16), (2, 3, 5)))
    text = "image,slice_number,label,split,patient,mask,site\n"
    text += "a,,calm,train,P1,,X\na,2,bleeding,,,marks/m,Y\na,3.0,bleeding,train,P1,,\nb,1,calm,test,P2,,Z\n"
    image_set = read_table(tmp_path, text)
    listed = [(case.id, *case.labels, case.split, case.patient, case.more["site"]) for case in image_set.cases]
    assert listed == [
        ("a.nii#1", "calm", "train", "P1", "X"),
        ("a.nii#4", "calm", "train", "P1", "X"),
        ("a.nii#5", "calm", "train", "P1", "X"),
        ("a.nii#2", "bleeding", "train", "P1", "Y"),  # its split and patient are those of the volume's row
        ("a.nii#3", "bleeding", "train", "P1", "X"),
        ("b.nii.gz#1", "calm", "test", "P2", "Z"),
    ]
    masks = [case.mask for case in image_set.cases]
    assert [mask is not None for mask in masks] == [False, False, False, True, False, False]
    assert masks[3] is not None and np.asarray(masks[3].load()).min() == 255
    assert all("slice_number" not in case.more and "image" not in case.more for case in image_set.cases)
    assert findings_of(image_set)["unnamed_slices"].message == (
        'labels.csv names only some slices of 1 volume: 4 without a row were left out, 4 of them of "b.nii.gz". Add '
        'rows for them if they belong to the set; one that leaves "slice_number" empty is about all others of the '
        "volume."
    )
    assert "unlisted_image" not in findings_of(image_set)
    assert not [finding for finding in check(image_set).findings if finding.severity == "error"]


def test_masks_in_a_folder_of_their_own_belong_to_slices_too(tmp_path: Path) -> None:
    kept(tmp_path / "images" / "a.nii.gz")
    kept(tmp_path / "images" / "b.nii.gz")
    kept(tmp_path / "masks" / "a.nii.gz", np.broadcast_to(np.array([0, 1, 0, 0, 0], np.int16), (2, 3, 5)))
    image_set = read_table(tmp_path, "volume,slice,label\na,2,x\na,3,y\nb,1,y\n")
    masks = [case.mask and np.asarray(case.mask.load()).max() for case in image_set.cases]
    assert [case.id for case in image_set.cases] == ["images/a.nii.gz#2", "images/a.nii.gz#3", "images/b.nii.gz#1"]
    assert masks == [255, 0, None]
    assert findings_of(image_set)["without_mask"].cases == ("images/b.nii.gz",)


def test_rows_that_name_no_slice_are_told_with_their_numbers_and_what_to_do(tmp_path: Path) -> None:
    kept(tmp_path / "a.nii")
    kept(tmp_path / "b.nii")
    text = "volume,slice,label\na,1,x\na,0,x\na,6,x\na,two,y\na,1,y\nb,,y\nb,2.5,x\nc,1,x\n"
    findings = findings_of(read_table(tmp_path, text))
    assert findings["number_out_of_range"].message == (
        'Row 3 of labels.csv names slice 0 of "a.nii", which has slices 1 to 5. Correct it. It is taken that 1 is the '
        "lowest; choose “Slices are numbered” (“numbering”) if the table counts otherwise. (1 more like this.)"
    )
    assert findings["unreadable_number"].message == (
        'Row 5 of labels.csv has "two" in the column "slice", which takes the number of a slice. Correct it, or leave '
        "it empty if the row is about the whole volume. (1 more like this.)"
    )
    assert findings["duplicate_row"].message.startswith('Row 6 of labels.csv names "a.nii#1" again, after row 2. Keep')
    assert findings["missing_image"].message.startswith('Row 9 of labels.csv names "c#1", which is not in the folder')
    assert {finding.severity for kind, finding in findings.items() if "number" in kind} == {"error"}


def test_rows_that_name_no_slice_can_be_left_out_and_take_no_other_slice_with_them(tmp_path: Path) -> None:
    kept(tmp_path / "a.nii")
    image_set = read_table(tmp_path, "volume,slice,label\na,0,x\na,1,y\na,5,x\n", numbering="stored from 0")
    assert findings_of(image_set)["number_out_of_range"].message.startswith("Row 4 of labels.csv names slice 5")
    mended = mend(look_over(image_set), Mending(leaves_out_unusable=True))
    assert [case.id for case in mended.looked.image_set.cases] == ["a.nii#1", "a.nii#2"]
    assert [left.case for left in mended.left_out] == ["a.nii, row 4"]


def test_what_is_chosen_of_slices_is_chosen_of_those_with_rows(tmp_path: Path) -> None:
    kept(tmp_path / "a.nii")
    text = "volume,slice,label\na,1,x\na,3,y\na,4,x\na,5,y\n"
    image_set = read_table(tmp_path, text, first=2, count=2)
    assert list(labels(image_set)) == ["a.nii#3", "a.nii#5"]  # of 3, 4, 5: those at .75 and 2.25 of three
    note = findings_of(image_set)["slices_not_taken"]
    assert note.cases == ("a.nii#1", "a.nii#4") and "“First slice” (“first”)" in note.message
    assert findings_of(image_set)["unnamed_slices"].cases == ("a.nii#2",)


def test_a_volume_is_of_the_patient_that_one_of_its_rows_names(tmp_path: Path) -> None:
    """Else slices of one volume could come into two splits."""
    for name in ("a.nii", "b.nii", "c.nii"):
        kept(tmp_path / name)
    text = "volume,slice,label,patient\na,1,x,\na,2,y,P1\nb,1,x,\nb,2,y,\nc,1,x,P2\nc,2,y,P3\n"
    image_set = read_table(tmp_path, text)
    assert [case.patient for case in image_set.cases] == ["P1", "P1", "b.nii", "b.nii", "P2", "P3"]
    finding = findings_of(image_set)["several_patients"]
    assert finding.severity == "warning" and 'slices of "c.nii" are of 2 patients (P2, P3)' in finding.message


def test_a_damaged_volume_is_told_once_however_many_rows_name_it(tmp_path: Path) -> None:
    kept(tmp_path / "a.nii")
    (tmp_path / "b.nii").write_bytes(b"nothing")
    image_set = read_table(tmp_path, "volume,slice,label\na,1,x\na,2,y\nb,1,x\nb,2,y\n")
    assert list(labels(image_set)) == ["a.nii#1", "a.nii#2"]
    assert findings_of(image_set)["unreadable_volume"].count == 1 and "number_out_of_range" not in findings_of(
        image_set
    )


def test_the_column_is_named_where_it_is_called_otherwise(tmp_path: Path) -> None:
    for name in ("a.nii", "b.nii"):
        kept(tmp_path / name)
    text = "volume,z,label\na,1,x\na,2,y\nb,,y\n"
    image_set = read_table(tmp_path, text, slice="z")
    assert list(labels(image_set)) == ["a.nii#1", "a.nii#2", *(f"b.nii#{number}" for number in range(1, 6))]
    again = findings_of(read_table(tmp_path, text))["duplicate_row"]
    assert again.message.endswith("If rows are about slices, choose the “Slice column” (“slice”).")
    with pytest.raises(DataError, match=r'labels\.csv has no column "k"'):
        read_table(tmp_path, text, slice="k")

"""Volumes as people have them: beside a table or in class folders, with slices chosen."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from core.case import Finding, ImageSet
from core.catalog import FORMATS, every
from core.checks.check import check
from core.errors import DataError, SettingsError
from core.formats.nifti import Settings, looks_like, read, write_example
from core.pictures.pixels import decode, deep_in
from core.pictures.store import encoded
from core.sets.open import open_set


def volume(file: Path, shape: Sequence[int] = (6, 5, 10), shade: int = 0, is_placed: bool = True) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    voxels = np.arange(np.prod(shape), dtype=np.int16).reshape(shape) + shade
    nib.save(nib.Nifti1Image(voxels, np.eye(4) if is_placed else None), file)


def findings_of(image_set: ImageSet) -> dict[str, Finding]:
    return {finding.kind: finding for finding in image_set.findings}


def numbers(image_set: ImageSet, name: str) -> list[int]:
    return [int(case.more["slice"]) for case in image_set.cases if case.patient == name]


def test_it_reads_what_it_writes_from_folder_zip_and_table(tmp_path: Path) -> None:
    example = write_example(tmp_path / "heads")
    assert open_set(tmp_path / "heads", None, every(FORMATS)) == example
    assert open_set(tmp_path / "heads" / "labels.csv", None, every(FORMATS)).cases == example.cases
    shutil.make_archive(str(tmp_path / "zipped"), "zip", tmp_path, "heads")
    zipped = open_set(tmp_path / "zipped.zip", None, every(FORMATS))
    assert zipped.fingerprint() == example.fingerprint()
    pixels = example.cases[0].pixels
    assert decode(encoded(pixels), "kept") == pixels.load() and deep_in(encoded(pixels), "kept") is not None
    assert check(example).cases == 6 and not [each for each in check(example).findings if each.severity == "error"]


def test_class_folders_of_volumes_are_divided_as_those_of_pictures_are(tmp_path: Path) -> None:
    for number, name in enumerate(("train/glioma/a.nii.gz", "train/healthy/b.nii", "test/glioma/c.nii.gz")):
        volume(tmp_path / "mr" / name, shade=number)
    image_set = open_set(tmp_path / "mr", {"count": 2}, every(FORMATS))
    assert image_set.task.answers == ("glioma", "healthy")
    assert [(case.id, case.labels, case.split) for case in image_set.cases][::2] == [
        ("test/glioma/c.nii.gz#3", ("glioma",), "test"),
        ("train/glioma/a.nii.gz#3", ("glioma",), "train"),
        ("train/healthy/b.nii#3", ("healthy",), "train"),
    ]
    assert {case.patient for case in image_set.cases} == {
        "train/glioma/a.nii.gz",
        "train/healthy/b.nii",
        "test/glioma/c.nii.gz",
    }


def test_a_table_finds_volumes_without_their_suffixes_and_names_patients(tmp_path: Path) -> None:
    for number, name in enumerate(("s1", "s2")):
        volume(tmp_path / f"{name}.nii.gz", shade=number)
        volume(tmp_path / "masks" / f"{name}_seg.nii.gz")
    text = "volume,diagnosis,subject,mask,site\ns1,a,P1,masks/s1_seg,X\ns2,b,P1,,Y\n"
    (tmp_path / "labels.csv").write_text(text)
    image_set = read(tmp_path, Settings(count=1))
    assert [(case.id, case.labels, case.patient, dict(case.more)) for case in image_set.cases] == [
        ("s1.nii.gz#6", ("a",), "P1", {"site": "X", "slice": "6"}),
        ("s2.nii.gz#6", ("b",), "P1", {"site": "Y", "slice": "6"}),
    ]
    mask, without = (case.mask for case in image_set.cases)
    assert mask is not None and mask.load().size == image_set.cases[0].pixels.load().size and without is None
    assert "s2_seg" in findings_of(image_set)["unlisted_image"].message


def test_a_mask_of_other_voxels_is_told(tmp_path: Path) -> None:
    volume(tmp_path / "s1.nii")
    volume(tmp_path / "s2.nii", shade=1)
    volume(tmp_path / "seg.nii", (6, 5, 9))
    (tmp_path / "labels.csv").write_text("image,label,mask\ns1,a,seg\ns2,b,\n")
    image_set = read(tmp_path, Settings())
    assert findings_of(image_set)["mask_misfit"].cases == ("s1.nii",)
    assert {case.patient for case in image_set.cases} == {"s2.nii"}


@pytest.mark.parametrize(
    ("chosen", "taken"),
    [
        ({}, list(range(1, 11))),
        ({"first": 3, "last": 5}, [3, 4, 5]),
        ({"first": 3, "every": 3}, [3, 6, 9]),
        ({"count": 1}, [6]),
        ({"count": 4}, [2, 4, 7, 9]),
        ({"first": 9, "count": 5}, [9, 10]),
        ({"plane": "sagittal"}, [1, 2, 3, 4, 5, 6]),
        ({"plane": "coronal", "count": 1}, [3]),
    ],
)
def test_slices_are_chosen(tmp_path: Path, chosen: dict[str, object], taken: list[int]) -> None:
    volume(tmp_path / "a" / "1.nii")
    volume(tmp_path / "b" / "2.nii", shade=1)
    assert numbers(read(tmp_path, Settings.parse(chosen, "images")), "a/1.nii") == taken


def test_what_should_be_known_of_volumes_is_told(tmp_path: Path) -> None:
    volume(tmp_path / "a" / "1.nii", (6, 5, 4, 3))
    volume(tmp_path / "a" / "2.nii", is_placed=False)
    volume(tmp_path / "b" / "3.nii")
    (tmp_path / "b" / "4.nii").write_bytes(b"nothing")
    findings = findings_of(read(tmp_path, Settings()))
    assert "has 3 points in time, of which number 0" in findings["points_in_time"].message
    assert findings["unplaced_volume"].cases == ("a/2.nii",)
    assert findings["unreadable_volume"].cases == ("b/4.nii",) and '"4.nii"' in findings["unreadable_volume"].message
    assert "the patient's right is at the left" in findings["slices_drawn"].message
    findings = findings_of(read(tmp_path, Settings(time=2, first=6)))
    assert findings["no_such_time"].cases == ("a/2.nii", "b/3.nii")
    assert findings["no_such_slice"].cases == ("a/1.nii",)


def test_pictures_beside_volumes_are_no_set_of_volumes(tmp_path: Path) -> None:
    volume(tmp_path / "a" / "1.nii")
    assert looks_like(tmp_path)
    (tmp_path / "a" / "1.png").write_bytes(b"x")
    assert not looks_like(tmp_path)


def test_a_lone_volume_is_told_how_it_is_brought(tmp_path: Path) -> None:
    volume(tmp_path / "1.nii.gz")
    with pytest.raises(DataError, match=r"is a NIfTI volume\. Bring volumes as \.nii or \.nii\.gz"):
        open_set(tmp_path / "1.nii.gz", None, every(FORMATS))


@pytest.mark.parametrize(
    "chosen", [{"first": 3, "last": 2}, {"center": 40}, {"darkest": 60, "brightest": 60}, {"plane": "oblique"}]
)
def test_choices_that_fit_nothing_are_refused(chosen: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        Settings.parse(chosen, "images")

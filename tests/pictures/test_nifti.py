"""Slices of volumes: the right plane the right way round, whatever order a file stores its voxels in."""

from __future__ import annotations

import gzip
import itertools
import struct
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest

from core.errors import DataError
from core.pictures.data_files import DataFile
from core.pictures.nifti import PLANES, MaskSlicePixels, Plane, Seen, SlicePixels, open_volume, read_header
from core.pictures.pixels import deep_in

HEAD = np.zeros((3, 4, 5), np.int16)
"""[right, front, up]: every voxel measures 100 right + 10 front + up."""
for place in np.ndindex(HEAD.shape):
    HEAD[place] = np.dot(place, (100, 10, 1))
ISOTROPIC = np.diag((2.0, 2.0, 2.0, 1.0))


def kept(file: Path, voxels: npt.NDArray[Any], affine: npt.NDArray[Any] = ISOTROPIC, **header: Any) -> DataFile:
    image = nib.Nifti1Image(voxels, affine)
    for name, value in header.items():
        image.header[name] = value
    nib.save(image, file)
    return DataFile(file)


def measured(pixels: SlicePixels) -> npt.NDArray[np.float64]:
    deep = deep_in(pixels.stored(), "slice")
    assert deep is not None
    return deep.measures()


def drawn(plane: Plane, number: int) -> npt.NDArray[np.int16]:
    """By hand: rows from the head (or the front) on, columns from the patient's right (or the front) on."""
    rows = {
        "axial": [[HEAD[x, y, number - 1] for x in (2, 1, 0)] for y in (3, 2, 1, 0)],
        "coronal": [[HEAD[x, number - 1, z] for x in (2, 1, 0)] for z in (4, 3, 2, 1, 0)],
        "sagittal": [[HEAD[number - 1, y, z] for y in (3, 2, 1, 0)] for z in (4, 3, 2, 1, 0)],
    }
    return np.array(rows[plane])


@pytest.mark.parametrize("plane", PLANES)
def test_a_slice_is_the_same_however_its_voxels_are_stored(tmp_path: Path, plane: Plane) -> None:
    """All 48 ways in which three axes can be ordered and turned round."""
    ways = itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3))
    for way, (order, turned) in enumerate(ways):
        orientation = np.array(list(zip(order, turned, strict=True)))
        image = nib.Nifti1Image(HEAD, ISOTROPIC).as_reoriented(orientation)
        file = DataFile(tmp_path / f"{plane}{way}.nii")
        nib.save(image, file.path)
        for number in (1, 3):
            np.testing.assert_array_equal(measured(SlicePixels(file, plane, number)), drawn(plane, number))


def test_packed_zipped_and_second_version_files_are_the_same_volume(tmp_path: Path) -> None:
    plain, packed = kept(tmp_path / "a.nii", HEAD), kept(tmp_path / "a.nii.gz", HEAD)
    nib.save(nib.Nifti2Image(HEAD, ISOTROPIC), tmp_path / "second.nii")
    with ZipFile(tmp_path / "set.zip", "w", ZIP_DEFLATED) as archive:
        archive.write(plain.path, "in/a.nii")
        archive.write(packed.path, "in/a.nii.gz")
    members = [DataFile(tmp_path / "set.zip", name) for name in ("in/a.nii", "in/a.nii.gz")]
    for file in (plain, packed, DataFile(tmp_path / "second.nii"), *members):
        np.testing.assert_array_equal(measured(SlicePixels(file, "coronal", 2)), drawn("coronal", 2))


def test_numbers_that_16_bits_hold_are_kept_as_they_are(tmp_path: Path) -> None:
    """Hounsfield units, also where a program stored them as floating-point numbers or with a slope."""
    units = (HEAD.astype(np.float64) - 1024)[:, :, :2]
    for file in (kept(tmp_path / "floats.nii", units), kept(tmp_path / "ints.nii", units.astype(np.int32))):
        np.testing.assert_array_equal(measured(SlicePixels(file, "axial", 1)), drawn("axial", 1) - 1024)
    image = nib.Nifti1Image(HEAD, ISOTROPIC)
    image.header.set_slope_inter(0.5, -3.0)
    nib.save(image, tmp_path / "sloped.nii")
    sloped = DataFile(tmp_path / "sloped.nii")
    np.testing.assert_allclose(measured(SlicePixels(sloped, "axial", 1)), HEAD[::-1, ::-1, 0].T * 0.5 - 3.0)


def test_other_numbers_are_kept_to_a_65535th_of_their_span(tmp_path: Path) -> None:
    voxels = np.random.default_rng(1).normal(0.3, 2.0, (6, 7, 3)).astype(np.float32)
    span = float(voxels.max()) - float(voxels.min())
    there = measured(SlicePixels(kept(tmp_path / "a.nii", voxels), "axial", 2))
    np.testing.assert_allclose(there, voxels[::-1, ::-1, 1].T, atol=span / 65535)


def test_the_window_is_that_of_the_whole_volume(tmp_path: Path) -> None:
    """Of 0, 1, 2 … 999 the least 10 % and the most 20 % are cut off: every slice is seen between 99 and 799."""
    voxels = np.arange(1000, dtype=np.int16).reshape(10, 10, 10)
    file = kept(tmp_path / "a.nii", voxels)
    for number in (1, 10):
        deep = deep_in(SlicePixels(file, "axial", number, seen=Seen(10, 80)).stored(), "slice")
        assert deep is not None
        first, whole = deep.views
        assert (first.name, whole.name) == ("10 to 80 % of the volume", "all of it")
        ends = [(view.center - view.width / 2, view.center + view.width / 2) for view in (first, whole)]  # type: ignore[union-attr]
        assert ends == [(99, 799), (0, 999)]
    chosen = SlicePixels(file, "axial", 1, seen=Seen(center=500, width=1000))
    shades = np.asarray(chosen.load())
    assert (shades[0, 0], shades[-1, -1]) == (np.floor(0.99 * 255 + 0.5), 0)  # voxels 990 and 0


def test_oblong_voxels_are_stretched_so_that_shapes_are_true(tmp_path: Path) -> None:
    file = kept(tmp_path / "a.nii", HEAD, np.diag((1.0, 1.0, 2.5, 1.0)))
    assert SlicePixels(file, "axial", 1).load().size == (3, 4)
    assert SlicePixels(file, "coronal", 1).load().size == (3, 12)
    assert SlicePixels(file, "coronal", 1, is_square=False).load().size == (3, 5)
    columns = measured(SlicePixels(file, "coronal", 1))
    assert (columns[0] == HEAD[::-1, 0, 4]).all() and (columns[-1] == HEAD[::-1, 0, 0]).all()
    assert (np.diff(columns, axis=0) <= 0).all()


def test_what_is_no_number_is_black_and_counts_for_no_window(tmp_path: Path) -> None:
    voxels = np.full((2, 2, 2), np.nan, np.float32)
    voxels[0, 0] = [1.5, 3.5]
    voxels[1, 0] = [np.inf, -np.inf]
    there = measured(SlicePixels(kept(tmp_path / "a.nii", voxels), "axial", 1))
    np.testing.assert_allclose(there, [[1.5, 1.5], [3.5, 1.5]])  # of infinity is left the most that there is
    with pytest.raises(DataError, match="holds no numbers that can be drawn"):
        SlicePixels(kept(tmp_path / "b.nii", voxels * np.nan), "axial", 1).load()


def test_a_moment_is_chosen_of_several(tmp_path: Path) -> None:
    file = kept(tmp_path / "a.nii.gz", np.stack([HEAD, HEAD + 7], axis=3))
    assert read_header(file).times == 2
    np.testing.assert_array_equal(measured(SlicePixels(file, "axial", 1, time=1)), drawn("axial", 1) + 7)
    with pytest.raises(DataError, match="has 2 points in time; 3 was chosen"):
        SlicePixels(file, "axial", 1, time=2).load()


def test_a_mask_is_white_above_0_and_stretched_alike(tmp_path: Path) -> None:
    marked = (HEAD == 212).astype(np.uint8) * 3
    mask = MaskSlicePixels(kept(tmp_path / "a.nii", marked, np.diag((1.0, 1.0, 2.0, 1.0))), "coronal", 2).load()
    assert mask.size == (3, 10)
    assert np.argwhere(np.asarray(mask) == 255).tolist() == [[4, 0], [5, 0]] and np.asarray(mask).sum() == 510


def header_with(file: Path, place: int, kind: str, *values: float) -> DataFile:
    """A volume whose header says something else at a place."""
    kept(file, HEAD)
    content = bytearray(file.read_bytes())
    struct.pack_into(f"<{len(values)}{kind}", content, place, *values)
    file.write_bytes(content)
    return DataFile(file)


@pytest.mark.parametrize(
    ("place", "kind", "values", "message"),
    [
        (40, "h", (3, 32767, 32767, 32767), "would have 70,3.*more than the 2,000 MB that a volume may have"),
        (40, "h", (3, 4, -5, 6), "A volume has three sides"),
        (40, "h", (3, 0, 5, 6), "A volume has three sides"),
        (40, "h", (5, 3, 4, 5, 1, 9), "A volume has three sides"),
        (40, "h", (7, 2, 2, 2, 32767, 32767, 32767, 32767), "A volume has three sides"),
        (70, "h", (128,), "its voxels are colours"),
        (70, "h", (32,), "its voxels are complex64"),
        (70, "h", (7,), "can't be read as a volume"),
        (108, "f", (float("nan"),), "can't be read as a volume"),
        (108, "f", (1e30,), "more than the 2,000 MB"),
        (108, "f", (12.0,), "begin at byte 12, within its header"),
        (280, "f", (float("nan"),) * 12, "its affine"),
        (280, "f", (0.0,) * 12, "makes it flat"),
        (280, "f", (1e-30, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0), "larger than 40 million pixels"),
        (344, "b", (110, 105, 49), "its voxels are in another file"),
        (0, "i", (1,), "does not begin as NIfTI does"),
    ],
)
def test_a_damaged_header_is_refused_before_anything_is_unpacked(
    tmp_path: Path, place: int, kind: str, values: tuple[float, ...], message: str
) -> None:
    file = header_with(tmp_path / "a.nii", place, kind, *values)
    with pytest.raises(DataError, match=message) as refused:
        SlicePixels(file, "axial", 1).load()
    assert "a.nii" in str(refused.value)


def test_a_packed_volume_is_read_no_further_than_it_claims(tmp_path: Path) -> None:
    """A gigabyte of zeros behind the last voxel is never unpacked; one that ends before it is refused."""
    whole = gzip.compress(kept(tmp_path / "a.nii", HEAD).path.read_bytes())
    tail = gzip.compress(bytes(1 << 20)) * 1024
    (tmp_path / "long.nii.gz").write_bytes(whole + tail)
    file = DataFile(tmp_path / "long.nii.gz")
    np.testing.assert_array_equal(measured(SlicePixels(file, "axial", 1)), drawn("axial", 1))
    assert open_volume(file).voxels.nbytes == HEAD.nbytes
    (tmp_path / "short.nii.gz").write_bytes(gzip.compress((tmp_path / "a.nii").read_bytes()[:-9]))
    with pytest.raises(DataError, match=r"short\.nii\.gz.*ends 9 bytes before its last voxel"):
        SlicePixels(DataFile(tmp_path / "short.nii.gz"), "axial", 1).load()
    (tmp_path / "b.nii").write_bytes((tmp_path / "a.nii").read_bytes()[:-9])
    with pytest.raises(DataError, match=r"b\.nii.*claims 472 bytes and has 463"):
        SlicePixels(DataFile(tmp_path / "b.nii"), "axial", 1).load()


def test_what_is_no_volume_is_called_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"%PDF-1.7" + bytes(600))
    (tmp_path / "b.nii.gz").write_bytes(b"\x1f\x8bnot packed at all")
    (tmp_path / "c.nii").write_bytes(b"")
    with pytest.raises(DataError, match=r'"a\.nii" is a PDF, not a volume'):
        read_header(DataFile(tmp_path / "a.nii"))
    for name in ("b.nii.gz", "c.nii"):
        with pytest.raises(DataError, match=rf'"{name}"'):
            read_header(DataFile(tmp_path / name))

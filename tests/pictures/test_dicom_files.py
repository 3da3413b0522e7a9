"""Every DICOM file at hand is the picture that pydicom's own pipeline makes of it, or is told with its defect."""

from __future__ import annotations

import random
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut
from pydicom.pixels.utils import pixel_array

from core.errors import DataError
from core.pictures.deep import Deep
from core.pictures.dicom import DicomPixels
from core.pictures.dicom_file import Source, syntax_of
from tests.conftest import SHARED_DATA

OWN = Path(pydicom.__file__).parent / "data" / "test_files"
SHARED = SHARED_DATA / "dicom"
DEFECTS = {
    "JPEG2000-embedded-sequence-delimiter.dcm": "what is coded in it has 3,722,445,056 x 1,024",
    "MR_truncated.dcm": "less than expected (8130 vs 8192 bytes)",
    "badVR.dcm": "'1A'",
    "meta_missing_tsyntax.dcm": "Missing required element: (0028,0100) 'Bits Allocated'",
    "nested_priv_SQ.dcm": "Missing required element: (0028,0100) 'Bits Allocated'",
    "emri_small_jpeg_2k_lossless_too_short.dcm": "is cut off within it",
    "liver_rle.dcm": "RLE Lossless",
    "liver_nonbyte_aligned_rle.dcm": "RLE Lossless",
}
"""What is wrong with those that can't be read, beside files without a picture and those that are no DICOM."""
WITHOUT = (
    "It holds no picture, or is cut off within it. Get it again, or remove it.",
    "is not a DICOM file, or its beginning is damaged.",
)
NOT_BY_PYDICOM = (
    *("JPEG-lossy.dcm", "JPGExtended.dcm", "liver_deflate.dcm", "liver_nonbyte_aligned_deflate.dcm"),
    *("OBXXXX1A_expb.dcm", "OBXXXX1A_expb_2frame.dcm"),
)
"""What it has no decoder for, and palettes whose order of bytes it passes over: held against others below."""


@cache
def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def opened(path: Path) -> Dataset:
    """A file with what it says of all its frames at the top, where pydicom's functions look for it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        elements = pydicom.dcmread(path, force=True)
    for shared in elements.get("SharedFunctionalGroupsSequence") or ():
        for name in ("FrameVOILUTSequence", "PixelValueTransformationSequence"):
            for group in shared.get(name) or ():
                elements.update(group)
    elements.file_meta.TransferSyntaxUID = syntax_of(elements)
    return elements


def shades(shares: NDArray[Any]) -> NDArray[np.uint8]:
    rounded: NDArray[np.uint8] = np.floor(np.clip(shares, 0, 1) * 255 + 0.5).astype(np.uint8)
    return rounded


def by_pydicom(elements: Dataset, frame: int) -> NDArray[np.uint8]:
    """The picture of 8 bits by pydicom's functions; only what they leave open is said here."""
    stored = pixel_array(elements, index=frame)
    kind = elements.PhotometricInterpretation
    if kind == "PALETTE COLOR":
        colours = apply_color_lut(stored, elements)
        return shades(colours / (65535 if colours.max() > 255 else 255))
    if stored.ndim == 3:
        return shades(stored / (2.0**elements.BitsStored - 1))
    measured = apply_modality_lut(stored, elements)
    seen = shades(shares_of(measured, elements))
    return 255 - seen if kind == "MONOCHROME1" else seen


def shares_of(measured: NDArray[Any], elements: Dataset) -> Any:
    bits = elements.get("BitsStored", 16)
    if "BitsStored" not in elements:  # maps of parameters, which pydicom can't window; a step of 16 bits is lost
        step = (measured.max() - measured.min()) / 65535
        kept = np.floor((measured.astype(np.float64) - measured.min()) / step + 0.5) * step + measured.min()
        return (kept - elements.WindowCenter) / elements.WindowWidth + 0.5
    if "VOILUTSequence" in elements or "WindowCenter" in elements:
        seen = apply_voi_lut(measured, elements, index=0)
        low, high = output_range(elements)
        return (seen - low) / (high - low)
    if elements.get("Modality") == "CT" and "RescaleSlope" in elements:
        return (measured - 39.5) / 399 + 0.5  # soft tissue, 40 and 400
    if bits <= 8:
        return measured / (2.0**bits - 1)
    low, high = float(measured.min()), float(measured.max())
    return (measured - (low + high) / 2) / max(high - low, 1) + 0.5


def output_range(elements: Dataset) -> tuple[float, float]:
    """From where to where pydicom's windows and tables lead."""
    if "VOILUTSequence" in elements:
        return 0, 2 ** elements.VOILUTSequence[0].LUTDescriptor[2] - 1
    bits = elements.BitsStored
    low = -(2 ** (bits - 1)) if elements.PixelRepresentation else 0
    slope, intercept = float(elements.get("RescaleSlope", 1)), float(elements.get("RescaleIntercept", 0))
    return low * slope + intercept, (low + 2**bits - 1) * slope + intercept


def problem_of(path: Path) -> str:
    try:
        DicomPixels(Source(path)).picture()
    except DataError as error:
        return str(error)
    return ""


def agrees(path: Path) -> bool:
    """Whether a file is a picture, the same as pydicom's; else its defect is told, and as it is listed."""
    if problem := problem_of(path):
        expected_words = (DEFECTS[path.name],) if path.name in DEFECTS else WITHOUT
        assert f'"{path.name}"' in problem
        assert any(words in problem for words in expected_words), problem
        return False
    elements = opened(path)
    for frame in {0, int(elements.get("NumberOfFrames") or 1) - 1}:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = by_pydicom(elements, frame)
        picture = shown(DicomPixels(Source(path), frame).picture())
        assert np.array_equal(np.asarray(picture), expected), (path.name, frame)
    return True


def shown(picture: Deep | Image.Image) -> Image.Image:
    return Image.fromarray(picture.shades()) if isinstance(picture, Deep) else picture


def count_of(folder: Path) -> tuple[int, int]:
    """How many are pictures, and how many are told instead; what one disagrees in fails."""
    listed = [path for path in files(folder) if path.name not in NOT_BY_PYDICOM]
    pictures = sum(map(agrees, listed))
    return pictures, len(listed) - pictures


@pytest.mark.slow
def test_the_files_that_pydicom_brings_are_right_or_told() -> None:
    assert count_of(OWN) == (88, 86)


@pytest.fixture
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the real image sets are not on this machine (expected in ../shared/data)")
    return SHARED


@pytest.mark.slow
def test_the_shared_files_are_right_or_told(shared: Path) -> None:
    assert count_of(shared) == (72, 4)


def test_what_pydicom_does_not_decode_is_the_same_as_in_another_compression(shared: Path) -> None:
    def levels(path: Path, frame: int | None = None) -> NDArray[Any]:
        picture = DicomPixels(Source(path), frame).picture()
        return picture.levels.astype(int) if isinstance(picture, Deep) else np.asarray(picture)

    for name in ("liver", "liver_nonbyte_aligned"):  # three frames of one bit, deflated each
        for frame in range(3):
            assert np.array_equal(levels(shared / f"{name}_deflate.dcm", frame), levels(shared / f"{name}.dcm", frame))
    for name in ("OBXXXX1A_expb", "OBXXXX1A_expb_2frame"):  # a palette of big endian words
        assert np.array_equal(levels(shared / f"{name}.dcm"), levels(shared / "OBXXXX1A.dcm"))
    lossy, lossless = levels(OWN / "JPGExtended.dcm"), levels(shared / "JPEG-LL.dcm")  # 12 bits, from 0 to 278
    assert np.abs(lossy - lossless).mean() < 3
    assert np.array_equal(lossy, levels(OWN / "JPEG-lossy.dcm"))


def test_a_defect_is_told_with_its_file_and_what_to_do() -> None:
    problem = problem_of(OWN / "MR_truncated.dcm")
    assert problem.startswith('"MR_truncated.dcm" can\'t be read as DICOM (The number of bytes of pixel data is less')
    assert problem.endswith("Get it from where it came again, or remove it.")


@pytest.mark.slow
def test_nobody_is_warned_however_many_threads_read() -> None:
    """Warnings are errors in tests: one that got through would be told as a defect."""
    noisy = [path for path in files(OWN) if path.suffix == ".dcm" and path.stat().st_size < 60_000][:40]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(problem_of, noisy * 2)) == [problem_of(path) for path in noisy] * 2


@pytest.mark.slow
def test_no_damage_of_a_file_is_more_than_a_message(tmp_path: Path) -> None:
    """Bytes changed, left out, or the end cut off, two hundred times."""
    drawn_from = random.Random(4)
    small = sorted(path for path in OWN.rglob("*.dcm") if path.stat().st_size < 60_000)
    damaged, outcomes = tmp_path / "damaged.dcm", Counter[bool]()
    for _ in range(200):
        content = bytearray(drawn_from.choice(small).read_bytes())
        start = drawn_from.randrange(min(len(content), drawn_from.choice((2000, 60_000))))
        if drawn_from.random() < 0.5:
            content[start : start + 3] = drawn_from.randbytes(3)
        else:
            del content[start : start + drawn_from.choice((1, 40, 60_000))]
        damaged.write_bytes(content)
        outcomes[bool(problem_of(damaged))] += 1
    assert min(outcomes[True], outcomes[False]) > 40

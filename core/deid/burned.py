"""Text that is burned into the pixels of a DICOM file: where it is, what of it says who somebody is, and hiding it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileDataset
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut
from pydicom.pixels.utils import iter_pixels

from core.deid.burned_masks import paint
from core.deid.burned_text import Shades, Spot, read_lines
from core.deid.burned_words import Names, Verdict, judge
from core.errors import DataError, reason

MOST_FRAMES = 24
"""Of a longer series of frames as many are read, the first and the last among them."""
MARGIN, ENDS = 0.12, 0.4
"""Of a line's height, painted above and below it, and before its first letter and behind its last."""
ROUNDS = 4
KEYWORDS = (
    "PatientID AccessionNumber StudyID InstitutionName InstitutionAddress StationName AdmissionID MedicalRecordLocator "
    "InstitutionalDepartmentName PatientAddress PatientTelephoneNumbers IssuerOfPatientID "
    "FillerOrderNumberImagingServiceRequest PlacerOrderNumberImagingServiceRequest OtherPatientIDs DeviceSerialNumber"
).split()
"""What names a person or a place, beside everything that is written as a person's name."""


@dataclass(frozen=True)
class Written:
    """Where something is written, and what it is; never what it says."""

    spot: Spot
    verdict: Verdict


def names_in(dataset: Dataset) -> Names:
    """Whom and what a header names, at any depth."""
    texts: list[str] = []
    for element in dataset.iterall():
        if element.VR == "PN" or element.keyword in KEYWORDS:
            values = [element.value] if isinstance(element.value, str) or element.VM <= 1 else element.value
            texts += [str(value) for value in values or () if value is not None]
    return Names.of(texts)


def find_written(dataset: FileDataset, names: Names) -> tuple[Written, ...]:
    """Everything written in its frames. DataError where the pixels can't be decoded."""
    written: list[Written] = []
    seen: set[bytes] = set()
    for shades in frames_shown(dataset):
        digest = hashlib.sha256(shades.tobytes()).digest()
        if digest in seen:
            continue
        seen.add(digest)
        written += (each for each in written_in(shades, names) if each not in written)
    return tuple(written)


def written_in(shades: Shades, names: Names) -> list[Written]:
    """Of one picture. A line without a measurement is one spot, else each word of it is one."""
    written: list[Written] = []
    for line in read_lines(shades):
        verdicts = judge(line, names)
        if "kept" not in verdicts or "person" not in verdicts:
            whole: Verdict = "person" if "person" in verdicts else "unsure" if "unsure" in verdicts else "kept"
            written.append(Written(line.spot, whole))
        else:
            written += [Written(word.spot, verdict) for word, verdict in zip(line.words, verdicts, strict=True)]
    stay = [each.spot for each in written if each.verdict != "person"]
    size = shades.shape[1], shades.shape[0]
    return [
        Written(_whole(each.spot, stay, size), each.verdict) if each.verdict == "person" else each for each in written
    ]


def _whole(spot: Spot, others: Collection[Spot], size: tuple[int, int]) -> Spot:
    """A little larger: letters reach out of what reading takes for theirs, and the first and the last are easily
    overlooked. As far as nothing else begins."""
    ends, above = round(spot.height * ENDS), max(1, round(spot.height * MARGIN))
    level = [other for other in others if other.top < spot.bottom and spot.top < other.bottom]
    left = max([0, spot.left - ends, *(other.right for other in level if other.right <= spot.left)])
    right = min([size[0], spot.right + ends, *(other.left for other in level if other.left >= spot.right)])
    return Spot(left, max(spot.top - above, 0), right, min(spot.bottom + above, size[1]))


def mask(
    dataset: FileDataset, spots: Iterable[Spot], names: Names | None = None, is_read_again: bool = True
) -> tuple[Spot, ...]:
    """Paints over them, reads again, and paints over what is still there, until nothing of it is read. All spots.

    What was read elsewhere stays, but what `names` or its looks tell to be somebody's data."""
    height, width = int(dataset.Rows), int(dataset.Columns)
    painted = list(spots)
    wanted = list(painted)
    for _ in range(ROUNDS):
        if wanted:
            paint(dataset, wanted)
        left = _still_there(dataset, painted, names or Names()) if is_read_again else []
        if not left:
            return tuple(painted)
        wanted = [spot.grown(2 + spot.height // 2, width, height) for spot in left]
        painted += wanted
    raise DataError("Something that says who somebody is can still be read after masking. Draw larger rectangles.")


def _still_there(dataset: FileDataset, painted: Collection[Spot], names: Names) -> list[Spot]:
    """What a painted spot should have hidden, and what else says who somebody is."""
    return [
        each.spot
        for each in find_written(dataset, names)
        if each.verdict == "person" or (each.verdict == "unsure" and any(each.spot.meets(spot) for spot in painted))
    ]


def frames_shown(dataset: FileDataset) -> Iterator[Shades]:
    """Frames as people see them, in 8 bits; those of more bits in two ways, by their window and by all they hold."""
    try:
        for frame in iter_pixels(dataset, indices=frames_read(dataset)):
            yield from _shown(dataset, frame)
    except (DataError, MemoryError):
        raise
    except Exception as error:  # decoders raise almost anything
        raise DataError(f"Its pixels can't be decoded ({reason(error)}). Reject it, or export it again.") from None


def frames_read(dataset: Dataset) -> list[int]:
    """Numbers of the frames in which text is looked for, from 0."""
    frames = int(dataset.get("NumberOfFrames") or 1)
    return [round(place) for place in np.linspace(0, frames - 1, min(frames, MOST_FRAMES))]


def _shown(dataset: Dataset, frame: NDArray[Any]) -> Iterator[Shades]:
    photometric = dataset.PhotometricInterpretation
    if photometric == "PALETTE COLOR":
        colours = apply_color_lut(frame, dataset)[..., :3]
        # By their brightest: tables of big-endian files come with their bytes the other way round.
        yield np.asarray(colours * (255.0 / max(int(colours.max()), 1)), dtype=np.uint8)
    elif frame.ndim == 3:
        yield np.asarray(frame >> max(dataset.BitsStored - 8, 0), dtype=np.uint8)
    else:
        yield _whole_span(frame)
        if dataset.BitsStored > 8:
            yield _whole_span(apply_voi_lut(apply_modality_lut(frame, dataset), dataset))


def _whole_span(values: NDArray[Any]) -> Shades:
    low, high = float(values.min()), float(values.max())
    return np.asarray((values.astype(np.float64) - low) * (255.0 / max(high - low, 1e-9)), dtype=np.uint8)

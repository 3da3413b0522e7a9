"""DICOM files with text burned in, small, as devices write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.pixels.utils import set_pixel_data
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

FAMILY, GIVEN, RECORD = "ZORLAMIR", "TANEL", "H-4711238"
LAYING = ((12, 10, f"{FAMILY}, {GIVEN}"), (12, 100, "HR 72 12.3 mm"))
"""Left, top, and what is written there: a name, and a measurement that has to stay."""
SIZE = (240, 130)


def burned(texts: Any = LAYING, photometric: str = "MONOCHROME2", frames: int = 1, **header: Any) -> FileDataset:
    """A picture of 240 x 130 pixels with texts in it, of the patient ZORLAMIR."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dataset.SeriesInstanceUID = "2.25.7"
    dataset.PatientName, dataset.PatientID, dataset.Modality = f"{FAMILY}^{GIVEN}", RECORD, "CT"
    for keyword, value in header.items():
        setattr(dataset, keyword, value)
    shades = picture(texts)
    kept = np.repeat(shades[..., None], 3, axis=2) if photometric == "RGB" else shades
    kept = np.stack([kept] * frames) if frames > 1 else kept
    set_pixel_data(dataset, np.ascontiguousarray(kept), photometric, 8, generate_instance_uid=False)
    return dataset


def picture(texts: Any) -> Any:
    drawn = Image.fromarray(np.random.default_rng(3).normal(50, 9, SIZE[::-1]).clip(0, 255).astype(np.uint8))
    for left, top, text in texts:
        ImageDraw.Draw(drawn).text((left, top), text, fill=250, font=ImageFont.load_default(size=14))
    return np.asarray(drawn)


def written_to(file: Path, dataset: FileDataset) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(file, enforce_file_format=True)
    return file


def without_names(dataset: FileDataset) -> FileDataset:
    """As de-identification leaves a header."""
    dataset.PatientName, dataset.PatientID = "VT-1", "VT-1"
    return dataset

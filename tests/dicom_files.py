"""Small DICOM files, drawn for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian


def drawn(number: int, **values: object) -> Dataset:
    """A grey picture of 20 x 20 pixels of 12 bits, all of them 100 * number; with other values where some are given."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    elements = Dataset()
    elements.file_meta = meta
    elements.SOPClassUID, elements.SOPInstanceUID = UID("1.2.840.10008.5.1.4.1.1.7"), UID(f"1.2.9.{number}")
    elements.PatientID, elements.Modality, elements.BodyPartExamined = "P1", "DX", "CHEST"
    elements.SeriesNumber, elements.Rows, elements.Columns, elements.SamplesPerPixel = 1, 20, 20, 1
    elements.PhotometricInterpretation, elements.PixelRepresentation = "MONOCHROME2", 0
    elements.BitsAllocated, elements.BitsStored, elements.HighBit = 16, 12, 11
    elements.WindowCenter, elements.WindowWidth = 2000, 4000
    elements.PixelData = np.full((20, 20), 100 * number, "<u2").tobytes()
    for keyword, value in values.items():
        setattr(elements, keyword, value)
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = elements.SOPClassUID, elements.SOPInstanceUID
    return elements


def saved(elements: Dataset, file: Path) -> Dataset:
    """The same, in a file with its preamble."""
    file.parent.mkdir(parents=True, exist_ok=True)
    elements.save_as(file, enforce_file_format=True)
    return elements

"""Headers of a made-up person, for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from core.deid.key import SiteKey

KEY = SiteKey(b"a key for tests, and for nothing else")
ROOT = "1.3.6.1.4.1.5962.99"


def made_header(number: int = 1, patient: str = "48151623") -> Dataset:
    """A slice of a CT with a name in many places."""
    header = Dataset()
    header.SpecificCharacterSet = "ISO_IR 192"
    header.SOPClassUID, header.SOPInstanceUID = CTImageStorage, f"{ROOT}.3.{number}"
    header.StudyInstanceUID, header.SeriesInstanceUID = f"{ROOT}.1", f"{ROOT}.2"
    header.FrameOfReferenceUID = f"{ROOT}.4"
    header.PatientName, header.PatientID, header.PatientBirthDate = "Müller^Änne", patient, "19530412"
    header.PatientSex, header.PatientAge = "F", "066Y"
    header.StudyDate, header.SeriesDate, header.ContentDate = "20190803", "20190804", "20190805"
    header.StudyTime, header.AcquisitionDateTime = "101112", "20190803101112.5000+0200"
    header.AccessionNumber, header.InstitutionName = "ACC7700", "Wolkenstein Clinic"
    header.ReferringPhysicianName, header.StationName = "Okonkwo^Ben", "CTROOM9"
    header.StudyDescription = "CT chest Mueller, Aenne 48151623 Dr. Okonkwo 12.04.1953, soft"
    header.Modality, header.BodyPartExamined, header.Manufacturer = "CT", "CHEST", "Maker"
    header.InstanceNumber, header.SliceThickness = str(number), "2.5"
    inner = Dataset()
    inner.ReferencedSOPClassUID, inner.ReferencedSOPInstanceUID = CTImageStorage, f"{ROOT}.3.{number + 1}"
    inner.PatientName = "Müller^Änne"
    header.SourceImageSequence = Sequence([inner])
    block = header.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    block.add_new(0x10, "LO", "Müller was here")
    header.Rows, header.Columns, header.SamplesPerPixel, header.PhotometricInterpretation = 2, 2, 1, "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 12, 11, 0
    header.PixelData = bytes(range(8))
    return header


def keep_header(file: Path, header: Dataset, syntax: UID = ExplicitVRLittleEndian) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = syntax
    header.file_meta.SourceApplicationEntityTitle = "MUELLER_AE"
    header.preamble = b"Mueller".ljust(128, b"\0")
    header.save_as(file, enforce_file_format=True)

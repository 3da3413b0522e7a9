"""A made-up upload in which it is known what names somebody and what does not: what the de-identification is held
against. Nobody in it lives, and every number is drawn."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
)

from core.deid.reading import tolerant
from core.layouts.safe_csv import as_csv

ROOT = "1.3.6.1.4.1.5962.99.7"
SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
CHARSETS = ("ISO_IR 192", "ISO_IR 100", "ISO_IR 192")
FAMILIES = "Vandergriff Müllerhoff Ostrovskaya Nakamurabe Fernández O'Dunnigan Çelikoğlu Bjørnstad Ng 山田花子".split()
GIVEN = "Ottilie Änneke Svetoslava Haruyoshi Belén Thaddeus Gülsümnur Sigrdis Li 太郎".split()
DOCTORS = ("Quillfeather^Ambrose", "Zwiebelhofer^Resi", "Okonkwoye^Chidubem")
PLACES = ("Wolkensteiner Infirmary", "Brackwater Sanatorium")
LABELS = ("nodule", "normal")
KEPT_WORDS = "axial slices of the upper lobe with soft tissue kernel"


@dataclass(frozen=True)
class Person:
    """Somebody who never was."""

    family: str
    given: str
    number: str
    born: date
    place: str
    doctor: str
    accession: str
    phone: str
    street: str
    mail: str

    @property
    def name(self) -> str:
        return f"{self.family}^{self.given}"

    def secrets(self) -> dict[str, tuple[str, ...]]:
        """By what each is, the spellings of which none may be anywhere afterwards."""
        doctor, own = self.doctor.partition("^")[0], [self.family, self.given]
        if len(self.family) < 3:  # too short to be looked for in bytes by itself
            own = [f"{self.family}^{self.given}", f"{self.given} {self.family}", f"{self.family}, {self.given}"]
        day = self.born
        return {
            "name": tuple(dict.fromkeys([*own, *(word.upper() for word in own), *map(_plain, own)])),
            "number": (self.number,),
            "birth date": (f"{day:%Y%m%d}", f"{day:%Y-%m-%d}", f"{day:%d.%m.%Y}", f"{day:%m/%d/%Y}"),
            "place": (self.place.split()[0],),
            "doctor": (doctor, doctor.upper()),
            "accession": (self.accession,),
            "phone": (self.phone,),
            "address": (self.street,),
            "mail": (self.mail,),
        }


@dataclass
class Slice:
    """A file that was written, and what is known of it."""

    path: str
    person: Person
    uid: str
    header: Dataset
    label: str
    kept: dict[str, str] = field(default_factory=dict)
    """By keyword, what must be as it was."""


@dataclass
class Planted:
    """Two uploads with the same people in them."""

    folders: tuple[Path, Path]
    people: list[Person]
    slices: list[tuple[int, Slice]]
    """With the number of its upload."""


def plant(folder: Path, people: int = 8, seed: int = 7) -> Planted:
    """Writes both uploads; the same seed gives the same ones."""
    draw = random.Random(seed)
    everybody = [_person(draw, number) for number in range(people)]
    planted = Planted((folder / "first", folder / "second"), everybody, [])
    for upload, target in enumerate(planted.folders):
        rows: list[list[str]] = []
        slices = [made for place, person in enumerate(everybody) for made in _slices_of(draw, person, place, upload)]
        for made in slices:
            _write(target / made.path, made)
            planted.slices.append((upload, made))
            rows.append(_row(made))
        (target / "labels.csv").write_text(as_csv(COLUMNS, rows), encoding="utf-8")
        _write_directory(target / "DICOMDIR", slices)
    return planted


COLUMNS = (
    "file",
    "patient id",
    "patient name",
    "date of birth",
    "scanned on",
    "series uid",
    "label",
    "density",
    "remark",
    "contact",
)


def _row(made: Slice) -> list[str]:
    person, header = made.person, made.header
    day = header.StudyDate
    remark = f"{KEPT_WORDS}, seen by Dr. {person.doctor.partition('^')[0]} for {person.given} {person.family}"
    number = person.number.lstrip("0")  # as a spreadsheet leaves it
    name = f"{person.family}, {person.given}"
    born = f"{person.born:%d.%m.%Y}"
    scanned = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    return [made.path, number, name, born, scanned, header.SeriesInstanceUID, made.label, "0.73", remark, person.mail]


def _person(draw: random.Random, place: int) -> Person:
    family, given = FAMILIES[place % len(FAMILIES)], GIVEN[place % len(GIVEN)]
    number = f"{draw.randrange(10**6, 10**7):08}"
    return Person(
        family,
        given,
        number,
        date(1930, 1, 1) + timedelta(days=draw.randrange(25_000)),
        PLACES[place % len(PLACES)],
        DOCTORS[place % len(DOCTORS)],
        f"QX{draw.randrange(10**6, 10**7)}",
        f"+49 {draw.randrange(200, 900)} {draw.randrange(10**6, 10**7)}",
        f"{draw.randrange(100, 999)} Marchbanks Crescent",
        f"contact{draw.randrange(10**5, 10**6)}@example.org",
    )


def _slices_of(draw: random.Random, person: Person, place: int, upload: int) -> Iterator[Slice]:
    first = date(2011, 3, 4) + timedelta(days=draw.randrange(3000))
    for study in range(2):
        day = first + timedelta(days=97 * study)
        for number in range(2):
            uid = f"{ROOT}.3.{upload}.{place}.{study}.{number}"
            label = LABELS[(place + study) % 2]
            path = f"{label}/{_file_name(person, place, study, number)}"
            header = _header(person, uid, f"{upload}.{place}.{study}", day, number, CHARSETS[place % len(CHARSETS)])
            kept = {keyword: str(header.get(keyword)) for keyword in KEPT}
            yield Slice(path, person, uid, header, label, kept)


def _file_name(person: Person, place: int, study: int, number: int) -> str:
    plain = f"{study}{number}"
    spellings = (
        f"IM{plain}_{place}",
        f"{person.family}_{person.given}_{plain}.dcm",
        f"{person.number}/{plain}.dcm",
        f"{person.born:%Y-%m-%d} {person.family}/{plain}",
    )
    return spellings[place % len(spellings)].replace("'", "")


KEPT = tuple(
    "Modality BodyPartExamined Manufacturer SliceThickness KVP PixelSpacing ImageOrientationPatient ImageType "
    "ImagePositionPatient PatientPosition SeriesNumber InstanceNumber Rows Columns BitsStored StudyTime "
    "PhotometricInterpretation "
    "WindowCenter WindowWidth RescaleSlope RescaleIntercept RescaleType ConvolutionKernel SoftwareVersions Laterality "
    "ScanOptions".split()
)


def _header(person: Person, uid: str, study: str, day: date, number: int, charset: str) -> Dataset:
    header = Dataset()
    header.SpecificCharacterSet = charset if _fits(person, charset) else "ISO_IR 192"
    header.SOPClassUID, header.SOPInstanceUID = CTImageStorage, uid
    header.StudyInstanceUID, header.SeriesInstanceUID = f"{ROOT}.1.{study}", f"{ROOT}.2.{study}"
    header.FrameOfReferenceUID = f"{ROOT}.4.{study}"
    _whose(header, person, day)
    _what(header, number)
    _texts(header, person, day)
    _nested(header, person, uid, day)
    _private(header, person)
    _odd(header, person)
    return header


def _whose(header: Dataset, person: Person, day: date) -> None:
    header.PatientName, header.PatientID = person.name, person.number
    header.PatientBirthDate, header.PatientBirthTime, header.PatientSex = f"{person.born:%Y%m%d}", "101500", "F"
    header.OtherPatientIDs, header.PatientAddress = [person.number, person.accession], person.street
    header.PatientTelephoneNumbers, header.PatientMotherBirthName = person.phone, f"{person.family}^Mother"
    header.AccessionNumber, header.StudyID = person.accession, person.accession
    header.InstitutionName, header.InstitutionAddress = person.place, person.street
    header.ReferringPhysicianName = header.OperatorsName = person.doctor
    header.PerformingPhysicianName, header.StationName = [person.doctor, DOCTORS[0]], f"{person.place.split()[0]}1"
    header.RetrieveAETitle, header.DeviceSerialNumber = person.family[:16].encode("ascii", "ignore").decode(), "S88123"
    stamp = f"{day:%Y%m%d}"
    header.StudyDate = header.ContentDate = header.InstanceCreationDate = stamp
    header.SeriesDate = f"{day + timedelta(days=1):%Y%m%d}"
    header.AcquisitionDateTime, header.StudyTime = f"{stamp}101112.250000", "101112"


def _what(header: Dataset, number: int) -> None:
    header.Modality, header.BodyPartExamined, header.Manufacturer = "CT", "CHEST", "Fictional Scanners"
    header.SliceThickness, header.KVP, header.PixelSpacing = "2.5", "120", ["0.7", "0.7"]
    header.ImageOrientationPatient, header.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [-100, -100, 2.5 * number]
    header.ImageType, header.PatientPosition, header.Laterality = ["ORIGINAL", "PRIMARY", "AXIAL"], "HFS", "L"
    header.SeriesNumber, header.InstanceNumber = 3, number + 1
    header.ConvolutionKernel, header.SoftwareVersions, header.ScanOptions = "B31f", "VA40C 20051025", "HELICAL"
    header.Rows = header.Columns = 4
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 12, 11, 0
    header.WindowCenter, header.WindowWidth = [40, -600], [400, 1500]
    header.RescaleSlope, header.RescaleIntercept, header.RescaleType = 1, -1024, "HU"
    header.PixelData = bytes((7 * place + number) % 256 for place in range(32))


def _texts(header: Dataset, person: Person, day: date) -> None:
    """Descriptions that say both: what is to stay, and what is not."""
    doctor = person.doctor.partition("^")[0]
    header.StudyDescription = f"{KEPT_WORDS[:12]} {person.family}"
    header.SeriesDescription = f"{person.given}: soft tissue {day:%d.%m.%Y}"
    header.ProtocolName = f"kernel {person.number}"
    header.ImageComments = (
        f"{KEPT_WORDS} of {person.given} {person.family} (MRN: {person.number}, born {person.born:%d.%m.%Y}), "
        f"called {person.phone} or {person.mail}, Dr. {doctor}, {person.place.split()[0]}, on {day:%Y-%m-%d}"
    )
    header.AdditionalPatientHistory = f"upper lobe; {person.family.upper()}, {person.given.upper()}, {person.accession}"


def _nested(header: Dataset, person: Person, uid: str, day: date) -> None:
    """Three sequences deep, by attributes of the table and by others."""
    deepest = Dataset()
    deepest.PersonName, deepest.ReferencedSOPInstanceUID = person.doctor, uid
    deepest.TextValue, deepest.InstitutionName = f"soft tissue, {person.family}", person.place
    deeper = Dataset()
    deeper.ReferencedSOPClassUID, deeper.ReferencedSOPInstanceUID = CTImageStorage, uid
    deeper.PurposeOfReferenceCodeSequence = Sequence([deepest])
    deeper.StudyDate, deeper.PatientID = f"{day:%Y%m%d}", person.number
    header.SourceImageSequence = Sequence([deeper])
    item = Dataset()
    item.PatientID, item.IssuerOfPatientID = person.number, person.place
    header.OtherPatientIDsSequence = Sequence([item])
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "51185008", "SCT", "Chest"
    header.AnatomicRegionSequence = Sequence([code])


def _private(header: Dataset, person: Person) -> None:
    block = header.private_block(0x0029, "FICTIONAL HEADER", create=True)
    inner = Dataset()
    inner.PatientName = person.name
    block.add_new(0x01, "LO", person.family)
    block.add_new(0x02, "SQ", Sequence([inner]))
    block.add_new(0x03, "OB", f"{person.name} {person.number}".encode())
    block.add_new(0x04, "UN", person.name.encode("utf-16-le"))
    block.add_new(0x05, "DA", f"{person.born:%Y%m%d}")


def _odd(header: Dataset, person: Person) -> None:
    """Where nobody should have written it: attributes that the table does not name, of each kind of value."""
    family = person.family if len(person.family) > 2 else f"{person.given} {person.family}"
    header.ManufacturerModelName = f"Model of {family}"
    header.LongCodeValue = f"code {person.number}"
    header.CodingSchemeName = f"{person.number} scheme"
    header.CodingSchemeURL = f"https://example.org/{person.number}"
    header.EventTimerNames = f"{person.place.split()[0]}"
    header.AnchorPointVisibility = person.accession[:16]
    header.RepresentativeFrameNumber = 1
    header.ReconstructionDiameter = person.number
    header.ExposureTime = person.number
    header.ICCProfile = b"profile of " + person.number.encode() + b" " + family.encode("utf-16-le")
    header.NamesOfIntendedRecipientsOfResults = person.doctor
    header.EvaluatorName = person.doctor
    header.add_new(0x00189F99, "UN", family.encode("utf-8"))
    header.add_new(0x60000022, "LO", family)
    header.add_new(0x60004000, "LT", family)
    header.add_new(0x50000030, "SH", person.accession)
    header.add_new(0xFFFCFFFC, "OB", family.encode("utf-8") + b" ")


def _fits(person: Person, charset: str) -> bool:
    try:
        f"{person.name}{person.doctor}".encode("latin-1" if charset == "ISO_IR 100" else "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _write(file: Path, made: Slice) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    header, person = made.header, made.person
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = UID(SYNTAXES[int(made.uid.split(".")[-3]) % len(SYNTAXES)])
    header.file_meta.SourceApplicationEntityTitle = "SECRETAE" + person.number[:8]
    header.file_meta.PrivateInformationCreatorUID = UID(f"{ROOT}.9")
    header.file_meta.PrivateInformation = person.name.encode("utf-8").ljust(64, b" ")
    header.preamble = person.name.encode("utf-8").ljust(128, b"\0")[:128]
    with tolerant():
        header.save_as(file, enforce_file_format=True)


def _write_directory(file: Path, slices: list[Slice]) -> None:
    """A DICOMDIR with the names that such a list holds."""
    directory = Dataset()
    directory.file_meta = FileMetaDataset()
    directory.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    directory.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    directory.file_meta.MediaStorageSOPInstanceUID = UID(f"{ROOT}.8")
    directory.FileSetID = slices[0].person.number
    with tolerant():  # the names of its files are what no list of this kind may hold
        directory.DirectoryRecordSequence = Sequence(map(_record, slices))
        directory.preamble = b"\0" * 128
        directory.save_as(file, enforce_file_format=True)


def _record(made: Slice) -> Dataset:
    record = Dataset()
    record.OffsetOfTheNextDirectoryRecord = record.RecordInUseFlag = 0
    record.SpecificCharacterSet, record.DirectoryRecordType = "ISO_IR 192", "PATIENT"
    record.PatientName, record.PatientID = made.person.name, made.person.number
    record.ReferencedFileID = made.path.split("/")
    return record


def _plain(word: str) -> str:
    """As somebody without the right keyboard writes it."""
    return word.replace("ü", "ue").replace("Ä", "Ae")

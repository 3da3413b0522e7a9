"""The DICOM files of a folder or zip, and of zips within it: what each says of its pictures beside the pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID, MediaStorageDirectoryStorage

from core.errors import DataError, SettingsError
from core.layouts.files import Tree, is_litter, natural
from core.layouts.findings import Findings
from core.layouts.table import SUFFIXES as TABLES
from core.limits import limits, raised
from core.pictures.dicom_file import BEGINNING, Source, is_dicom, read_header, turned
from core.pictures.dicom_frame import frames_of
from core.pictures.dicom_groups import PER_FRAME, SHARED, holders, numbers, text, whole
from core.pictures.dicom_views import first_view
from core.pictures.foreign import DICOM, foreign_by_name
from core.pictures.pixels import SUFFIXES
from core.pictures.zips import examine, examine_nested

ZIP = ".zip"
PICTURES = tuple(SUFFIXES)
OTHERS = frozenset(
    ".txt .md .rtf .json .jsonl .yaml .yml .xml .xsl .css .js .log .ini .inf .cfg .exe .dll .bat .sh .py .jar .ico "
    ".svg .npz .npy .parquet".split()
)
"""What lies on a disc beside the pictures, and need not be opened to be told from DICOM."""
MOST_LOOKED_AT, MOST_ZIPS = 20, 3
SQUARE = 0.01
"""By how much of itself a pixel's height may differ from its width."""
MORE = {
    "modality": "Modality",
    "body part": "BodyPartExamined",
    "laterality": "Laterality",
    "view position": "ViewPosition",
    "manufacturer": "Manufacturer",
    "model": "ManufacturerModelName",
    "photometric interpretation": "PhotometricInterpretation",
    "series number": "SeriesNumber",
}
"""The columns of a case that are one element's. None says who somebody is, or when they were born."""
IDS = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "PatientID")
NEEDED = (
    *MORE.values(),
    *(*IDS, "SOPClassUID", "ImageLaterality"),
    *("Rows", "Columns", "NumberOfFrames", "BitsAllocated", "BitsStored", "PixelSpacing", "PixelAspectRatio"),
    *("WindowCenter", "WindowWidth", "WindowCenterWidthExplanation", "VOILUTFunction", "VOILUTSequence"),
    *("RescaleSlope", "RescaleIntercept", "RescaleType", "ModalityLUTSequence", "Units", SHARED, PER_FRAME),
)


@dataclass(frozen=True)
class Instance:
    """A DICOM file with pictures. Its `name` is its path, in which a zip within the upload is a folder."""

    name: str
    source: Source
    frames: int
    ids: dict[str, str]
    """The keyword of each id that it has, and the id."""
    more: dict[str, str]
    windows: tuple[str, ...]
    """What each frame is seen through; a single one where it is the same for all."""
    labelled: str = ""
    """What the element says that holds the label."""
    is_narrowed: bool = False
    """Whether it has more bits than are kept."""
    is_square: bool = True

    def window(self, frame: int) -> str:
        return self.windows[frame if len(self.windows) > 1 else 0]


def dicom_sources(tree: Tree, findings: Findings | None = None) -> Iterator[tuple[str, Source]]:
    """Every file that may be DICOM by its name, and where its bytes are. A zip is opened, one within that is not."""
    count = 0
    for name in tree.files:
        if not name.lower().endswith(ZIP):
            if may_be_dicom(name):
                yield name, source_of(tree, name)
            continue
        for inner, source in _nested(tree, name, findings):
            count += 1
            if count > limits().zip_files:
                raise DataError(
                    f"{tree.name} holds more than {limits().zip_files:,} files in zips. Split it. {raised('zip_files')}"
                )
            yield f"{name}/{inner}", source


def may_be_dicom(name: str) -> bool:
    """By its name alone: files of DICOM are called anything, but not like pictures, tables, or programs."""
    kind = foreign_by_name(name)
    plain = name.lower()
    if kind is not None or plain.endswith(PICTURES):
        return kind is DICOM
    return PurePosixPath(plain).suffix not in OTHERS and not plain.endswith(TABLES)


def source_of(tree: Tree, name: str) -> Source:
    return Source(tree.root, (tree.base + name,)) if tree.is_zip else Source(tree.root / (tree.base + name))


def _nested(tree: Tree, name: str, findings: Findings | None) -> Iterator[tuple[str, Source]]:
    place = tree.base + name
    try:
        members = examine_nested(tree.root, place) if tree.is_zip else examine(tree.root / place)
    except DataError as error:
        if findings is not None:
            findings.add("unreadable_zip", "error", name, str(error))
        return
    for member in sorted(members, key=natural):
        if member.endswith("/") or any(map(is_litter, member.split("/"))):
            continue
        if member.lower().endswith(ZIP) and findings is not None:
            message = f'"{name}/{member}" is a zip within a zip within the files and was left out. Unpack it first.'
            findings.add("nested_zip", "warning", f"{name}/{member}", message)
        elif may_be_dicom(member):
            outer = (place,) if tree.is_zip else ()
            yield member, Source(tree.root if tree.is_zip else tree.root / place, (*outer, member))


def looks_like_dicom(tree: Tree) -> bool:
    """Whether what a folder or zip holds is above all DICOM; told by the first bytes of few of its files."""
    zips = [name for name in tree.files if name.lower().endswith(ZIP)]
    few = islice((name for name in tree.files if may_be_dicom(name)), MOST_LOOKED_AT)
    if any(_is_one(source_of(tree, name)) for name in few):
        return sum(map(may_be_dicom, tree.files)) + len(zips) > len(tree.pictures())
    if tree.pictures():
        return False
    nested = (islice(_nested(tree, name, None), MOST_LOOKED_AT) for name in zips[:MOST_ZIPS])
    return any(_is_one(source) for sources in nested for _, source in sources)


def _is_one(source: Source) -> bool:
    try:
        return is_dicom(source.content(BEGINNING, only_beginning=True))
    except DataError:
        return False


def read_instances(tree: Tree, label_tag: str, findings: Findings) -> list[Instance]:
    """All files that hold pictures, in natural order; each other one of DICOM is told, and each that is damaged."""
    tags = [Tag(keyword) for keyword in NEEDED]
    label = tag_named(label_tag) if label_tag else None
    instances = []
    for name, source in dicom_sources(tree, findings):
        try:
            if not _is_one(source):
                _tell_foreign(name, findings)
                continue
            header = read_header(source, [*tags, label] if label is not None else tags)
            with turned(name):  # elements are read where they are asked for
                if header.has_pixels:
                    instances.append(_instance(name, source, header.elements, label))
                elif PurePosixPath(name).name.upper() != "DICOMDIR" and not is_directory(header.elements):
                    what = UID(text(header.elements.get("SOPClassUID"))).name or "of an unknown kind"
                    message = f'"{name}" holds no picture ({what}) and was left out. Nothing to do if that is so.'
                    findings.add("no_picture", "note", name, message)
        except DataError as error:
            findings.add("unreadable", "error", name, str(error))
    return instances


def tag_named(label_tag: str) -> BaseTag:
    """The element of a keyword like BodyPartExamined, or of a number like 0018,0015."""
    plain = label_tag.strip().strip("()").replace(",", "").replace(" ", "")
    number = tag_for_keyword(plain)
    if number is None and len(plain) == 8:
        try:
            number = int(plain, 16)
        except ValueError:
            number = None
    if number is None:
        raise SettingsError(
            f'images.label_tag: "{label_tag}" is no element of DICOM. Name it by its keyword, like BodyPartExamined, '
            "or by its number, like 0018,0015."
        )
    return Tag(number)


def is_directory(elements: Dataset) -> bool:
    meta = getattr(elements, "file_meta", None)
    return text(getattr(meta, "MediaStorageSOPClassUID", "")) == str(MediaStorageDirectoryStorage)


def _tell_foreign(name: str, findings: Findings) -> None:
    if foreign_by_name(name) is DICOM:
        message = (
            f'"{name}" is called like a DICOM file but is none, or its beginning is damaged. Replace or remove it.'
        )
        findings.add("unreadable", "error", name, message)
    else:
        message = f'"{name}" is no DICOM file and was left out. Nothing to do if that is as it should be.'
        findings.add("other_files", "note", name, message)


def _instance(name: str, source: Source, elements: Dataset, label: BaseTag | None) -> Instance:
    count = frames_of(elements)
    more = {column: text(elements.get(keyword)) for column, keyword in MORE.items()}
    more["laterality"] = more["laterality"] or text(elements.get("ImageLaterality"))
    more["size"] = f"{whole(elements.get('Rows'), 0)} x {whole(elements.get('Columns'), 0)}"
    is_per_frame = PER_FRAME in elements
    return Instance(
        name,
        source,
        count,
        {keyword: text(elements.get(keyword)) for keyword in IDS if elements.get(keyword)},
        more,
        tuple(first_view(elements, frame) for frame in (range(count) if is_per_frame else (0,))),
        text(elements[label].value) if label is not None and label in elements else "",
        whole(elements.get("BitsAllocated"), 16) > 16,
        _is_square(elements),
    )


def _is_square(elements: Dataset) -> bool:
    for holder in holders(elements, 0, "PixelMeasuresSequence"):
        for keyword in ("PixelSpacing", "PixelAspectRatio"):
            sides = numbers(holder.get(keyword))
            if len(sides) == 2 and min(sides) > 0:
                return abs(sides[0] / sides[1] - 1) <= SQUARE
    return True

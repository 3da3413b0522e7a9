"""Files that are no pictures: what each is, by its first bytes or its name, and what to do with it."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

BEGINNING = 400
"""As many bytes as tell what a file is."""


@dataclass(frozen=True)
class Foreign:
    """A kind of file: what it is called, for several too, and what somebody who has one does with it."""

    name: str
    plural: str
    advice: str


EMPTY = Foreign(
    "an empty file (0 bytes)",
    "empty files (0 bytes)",
    "Copying or downloading it broke off: get it again, or remove it.",
)
DICOM = Foreign(
    "a DICOM file",
    "DICOM files",
    "DICOM is read by itself: bring a folder or zip of such files, with a table of labels beside them or a folder for "
    "each class, and pictures of other kinds as a set of their own.",
)
NIFTI = Foreign(
    "a NIfTI volume",
    "NIfTI volumes",
    "Bring volumes as .nii or .nii.gz and without pictures beside them: in class folders, or beside a table of labels.",
)
PDF = Foreign("a PDF", "PDFs", "Export the pictures in it as PNG or JPEG, and bring those.")
VIDEO = Foreign("a video", "videos", "Export the frames that matter as PNG or JPEG, and bring those.")
OFFICE = Foreign(
    "an Office document",
    "Office documents",
    "Save the pictures in it as PNG or JPEG. A table of labels is read as CSV or XLSX.",
)
ZIP = Foreign("a zip within the files", "zips within the files", "Unpack it first, or bring it by itself.")
ARCHIVE = Foreign(
    "an archive of a kind that is not read (RAR, 7z, tar)",
    "archives of a kind that is not read (RAR, 7z, tar)",
    "Unpack it and make a zip of the folder.",
)
HEIC = Foreign("a HEIC photograph", "HEIC photographs", "Save it as JPEG or PNG.")
WEB_PAGE = Foreign(
    "a web page", "web pages", "It was saved in place of a file: download that again, signed in where it is needed."
)
POINTER = Foreign(
    "a pointer of Git LFS",
    "pointers of Git LFS",
    "The file itself was not fetched: run “git lfs pull” and zip it again.",
)
RESOURCE_FORK = Foreign("a leftover of macOS", "leftovers of macOS", "Remove it: the picture has another name.")

SIGNATURES = (
    (0, b"%PDF", PDF),
    (128, b"DICM", DICOM),
    (0, b"Rar!\x1a", ARCHIVE),
    (0, b"7z\xbc\xaf\x27\x1c", ARCHIVE),
    (257, b"ustar", ARCHIVE),
    (0, b"\xd0\xcf\x11\xe0", OFFICE),
    (0, b"\x1a\x45\xdf\xa3", VIDEO),
    (8, b"AVI ", VIDEO),
    (4, b"ftypheic", HEIC),
    (4, b"ftypmif1", HEIC),
    (4, b"ftyp", VIDEO),
    (0, b"\x00\x05\x16\x07", RESOURCE_FORK),
    (0, b"version https://git-lfs", POINTER),
    (0, b"<!DOCTYPE html", WEB_PAGE),
    (0, b"<!doctype html", WEB_PAGE),
    (0, b"<html", WEB_PAGE),
)
SUFFIXES = {
    **dict.fromkeys((".dcm", ".dicom", ".ima"), DICOM),
    **dict.fromkeys((".nii", ".nrrd", ".mha", ".mhd"), NIFTI),
    **dict.fromkeys((".mp4", ".avi", ".mov", ".mkv", ".webm", ".wmv", ".mpg", ".mpeg"), VIDEO),
    **dict.fromkeys((".doc", ".docx", ".ppt", ".pptx", ".xls", ".odt", ".odp", ".rtf"), OFFICE),
    **dict.fromkeys((".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz"), ARCHIVE),
    ".pdf": PDF,
    ".zip": ZIP,
    ".heic": HEIC,
    ".html": WEB_PAGE,
}


def foreign_by_name(name: str) -> Foreign | None:
    """What a file is that is called so; None where its name doesn't say that it is something else than a picture."""
    plain = name.lower()
    return NIFTI if plain.endswith(".nii.gz") else SUFFIXES.get(posixpath.splitext(plain)[1])


def foreign_by_content(beginning: bytes, name: str) -> Foreign | None:
    """What a file is that begins so."""
    if not beginning:
        return EMPTY
    for place, signature, kind in SIGNATURES:
        if beginning[place : place + len(signature)] == signature:
            return kind
    if beginning.startswith(b"PK\x03\x04"):  # also what Office writes
        return OFFICE if foreign_by_name(name) is OFFICE else ZIP
    return NIFTI if beginning[344:347] == b"n+1" else None

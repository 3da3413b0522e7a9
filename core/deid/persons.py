"""Whose a header is, and which of its values name somebody."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag

from core.deid.choices import Choices
from core.deid.days import day_of
from core.deid.profile import code_of, row_of
from core.deid.rereadings import rereadings
from core.deid.words import Identifying

NOBODY = frozenset({"", "0", "anonymous", "anonymized", "anon", "none", "unknown", "na", "n/a", "null", "xxx"})
VALUE_VRS = frozenset({"AE", "LO", "SH", "ST", "LT", "UC", "UT", "UR"})
PLACES = ("Institution", "Address", "Organization", "Residence", "Location", "City", "Station")
NOT_NAMING = frozenset({"TimezoneOffsetFromUTC", "EthnicGroup", "SmokingStatus", "PregnancyStatus"})
"""Removed by the profile, yet nothing that a text could not say of anybody."""


def identity_of(dataset: Dataset) -> str:
    """What the same person has in all of their headers, however it is written.

    The number and who gave it, else name and birth date, else the study.
    """
    if number := number_of(dataset):
        issuer = plain_number(_text(dataset, "IssuerOfPatientID"))
        return identity_of_number(number, issuer)
    name = plain_name(_text(dataset, "PatientName"))
    if name not in NOBODY:
        return f"name:{name}:{_text(dataset, 'PatientBirthDate')}"
    return "study:" + (_text(dataset, "StudyInstanceUID") or _text(dataset, "SOPInstanceUID"))


def number_of(dataset: Dataset) -> str:
    """The patient's record number as it is compared, or nothing where there is none."""
    number = plain_number(_text(dataset, "PatientID"))
    return "" if number in NOBODY else number


def identity_of_number(number: str, issuer: str = "") -> str:
    return f"id:{plain_number(number)}:{plain_number(issuer)}"


def plain_number(text: str) -> str:
    """A record number without blanks and case."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split()).strip("\0")


def plain_name(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().replace("^", " ").split())


def identifying_values(dataset: Dataset, choices: Choices) -> Identifying:
    """The values that the profile takes out of this header since they name somebody, in sequences too."""
    identifying = Identifying()
    _collect(dataset, choices, identifying)
    return identifying


def readable(dataset: Dataset, tag: BaseTag) -> DataElement | None:
    """An attribute, or nothing where its value is damaged."""
    try:
        return dataset[tag]
    except MemoryError:
        raise
    except Exception:  # pydicom lets through whatever its conversions raise
        return None


def texts_of(value: object) -> Iterator[str]:
    """Each of an element's values as text."""
    if isinstance(value, (list, tuple, MultiValue)):
        for each in value:
            yield from texts_of(each)
    elif value is not None and not isinstance(value, bytes):
        yield str(value)


def _collect(dataset: Dataset, choices: Choices, identifying: Identifying) -> None:
    for tag in dataset.keys():
        if tag.is_private or tag.group >= 0x5000:
            continue
        element = readable(dataset, tag)
        if element is None:
            continue
        if element.VR == "SQ":
            for inner in element.value or ():
                _collect(inner, choices, identifying)
        elif element.VR == "PN":
            for text in texts_of(element.value):
                for name in rereadings(text):
                    identifying.add_name(name)
        elif element.VR in ("DA", "DT"):
            is_kept = choices.dates == "kept" and element.keyword != "PatientBirthDate"
            for text in () if is_kept else texts_of(element.value):
                if day := day_of(text):
                    identifying.add_date(day)
        elif element.VR in VALUE_VRS and _names_somebody(tag, element.keyword, choices):
            add = identifying.add_place if any(word in element.keyword for word in PLACES) else identifying.add_value
            for text in texts_of(element.value):
                add(text)


def _names_somebody(tag: int, keyword: str, choices: Choices) -> bool:
    row = row_of(tag)
    is_description = row is not None and "descriptors" in row.options
    is_taken = code_of(tag, choices) in ("X", "Z", "D")
    is_label = any(word in keyword for word in ("Description", "Comment", "Label", "Text", "Reason", "Instruction"))
    return is_taken and not is_description and not is_label and keyword not in NOT_NAMING


def _text(dataset: Dataset, keyword: str) -> str:
    element = readable(dataset, Tag(keyword)) if keyword in dataset else None
    return next(texts_of(element.value), "").strip("\0 ") if element is not None else ""

"""Whose a header is, and which of its values name somebody."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

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


@dataclass(frozen=True)
class Bearer:
    """What a header says of whose it is, as it is compared; empty where it says nothing."""

    number: str
    issuer: str
    name: str
    birth: str
    study: str

    @classmethod
    def of(cls, dataset: Dataset) -> Bearer:
        number, name = plain_number(_text(dataset, "PatientID")), plain_name(_text(dataset, "PatientName"))
        return cls(
            "" if number in NOBODY else number,
            plain_number(_text(dataset, "IssuerOfPatientID")),
            "" if name in NOBODY else name,
            _text(dataset, "PatientBirthDate"),
            _text(dataset, "StudyInstanceUID") or _text(dataset, "SOPInstanceUID"),
        )

    @property
    def identity(self) -> str:
        """What the same person has in all of their headers, however it is written.

        The number and who gave it, else name and birth date, else the study.
        """
        if self.number:
            return identity_of_number(self.number, self.issuer)
        return f"name:{self.name}:{self.birth}" if self.name else f"study:{self.study}"

    def issued(self, issuers: Mapping[str, str]) -> Bearer:
        """With the only issuer that there is of its number, where it names none itself: archives take them for one,
        since devices often leave it out."""
        return self if self.issuer else replace(self, issuer=issuers.get(self.number, ""))


def only_issuers(bearers: Iterable[Bearer]) -> dict[str, str]:
    """By number, where all that name an issuer name the same."""
    named = defaultdict[str, set[str]](set)
    for bearer in bearers:
        if bearer.number and bearer.issuer:
            named[bearer.number].add(bearer.issuer)
    return {number: next(iter(issuers)) for number, issuers in named.items() if len(issuers) == 1}


def perhaps_the_same(bearers: Mapping[Bearer, str]) -> list[tuple[str, ...]]:
    """Pseudonyms that may be one person's: of one study, or of one name and birth date. Each group once, in order."""
    groups = defaultdict[tuple[str, ...], set[str]](set)
    for bearer, pseudonym in bearers.items():
        groups["study", bearer.study].add(pseudonym)
        if bearer.name and bearer.birth:
            groups["person", bearer.name, bearer.birth].add(pseudonym)
    return sorted({tuple(sorted(group)) for group in groups.values() if len(group) > 1})


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

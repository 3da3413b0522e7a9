"""A header by PS3.15: every attribute at every depth, and what is written into it afterwards.

What the profile's table does not name stays, except private attributes, what no dictionary knows, further names of
persons, and values of this header that turn up where they don't belong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydicom.datadict import dictionary_has_tag, keyword_for_tag
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import UID

from core.deid.choices import Choices
from core.deid.days import moved_date, moved_moment
from core.deid.key import SiteKey
from core.deid.persons import Bearer, identifying_values, readable, texts_of
from core.deid.profile import code_of, is_safe_private, row_of
from core.deid.record import Action, Actions
from core.deid.words import LIKE_MAIL, PATTERNS, Identifying, cleaned

PIXELS = frozenset({0x7FE00001, 0x7FE00002, 0x7FE00003, 0x7FE00008, 0x7FE00009, 0x7FE00010})
"""The pictures themselves, and where each of them begins."""
OVERLAY_GROUPS = range(0x6000, 0x6100)
"""Of an overlay the profile takes the bits: what is said of them goes too."""
TEXT_VRS = frozenset({"LO", "LT", "SH", "ST", "UC", "UT"})
WORD_VRS = TEXT_VRS | {"AE", "CS", "UR"}
NUMBER_VRS = frozenset({"IS", "DS", "AS"})
BYTE_VRS = frozenset({"OB", "UN"})
BINARY_VRS = frozenset({"AT", "FD", "FL", "OD", "OF", "OL", "OV", "OW", "SL", "SS", "SV", "UL", "US", "UV"})
LEAST_SIGNS = 5
"""Of a text among figures: shorter ones stand there by chance."""
TEXT_RUN = re.compile(rb"[\w^ ,.-]{5,}", re.ASCII)
MOST_SEARCHED_BYTES = 1 << 20
"""Of bytes that may be text in any encoding: some seconds."""
STRUCTURE = frozenset({"SpecificCharacterSet", "Modality", "PhotometricInterpretation"})
"""Words of the standard by which the file is read: never looked through."""
CLASSES = ("ClassUID", "TransferSyntaxUID", "CodingSchemeUID", "MappingResourceUID", "ContextUID", "SyntaxUID")
"""How keywords of UIDs end that say what kind of thing something is."""
LIKE_TIME = re.compile(r"(?:\d{2}(?::?\d{2}(?::?\d{2}(?:\.\d{1,6})?)?)?)?")
LIKE_DAY = re.compile(r"[\d.+:-]*")
DUMMIES: dict[str, object] = {
    "AE": "REMOVED", "AS": "000D", "CS": "REMOVED", "DA": "19000101", "DS": "0", "DT": "19000101000000", "IS": "0",
    "LO": "REMOVED", "LT": "REMOVED", "PN": "REMOVED", "SH": "REMOVED", "ST": "REMOVED", "TM": "000000",
    "UC": "REMOVED", "UR": "urn:removed", "UT": "REMOVED", "FL": 0.0, "FD": 0.0, "SL": 0, "SS": 0,
    "UL": 0, "US": 0, "SV": 0, "UV": 0, "AT": 0,
}  # fmt: skip
OLDEST_TOLD = 90


@dataclass(frozen=True)
class Rules:
    """For one header: what was chosen, whose it is, and which values name somebody."""

    choices: Choices
    key: SiteKey
    pseudonym: str
    days: int
    identifying: Identifying


def rules_for(header: Dataset, choices: Choices, key: SiteKey, issuers: Mapping[str, str] | None = None) -> Rules:
    """What holds for a header as it came, with the only issuer of each number in its upload."""
    identity = Bearer.of(header).issued(issuers or {}).identity
    identifying = identifying_values(header, choices)
    return Rules(choices, key, key.pseudonym(identity), key.days(identity), identifying)


def deidentify_header(dataset: Dataset, rules: Rules, software: str) -> Actions:
    """Changes a dataset into its de-identified self, pixels untouched; returns what was done."""
    actions = Actions()
    _walk(dataset, rules, "", actions)
    _sign(dataset, rules.choices, software)
    return actions


def _walk(dataset: Dataset, rules: Rules, above: str, actions: Actions) -> None:
    creators = _private_creators(dataset)
    for tag in sorted(dataset.keys()):
        path = f"{above}({tag.group:04x},{tag.element:04x})"
        if tag.element == 0:  # the length of a group, which is another now
            del dataset[tag]
        elif tag.is_private:
            _treat_private(dataset, tag, creators, rules, path, actions)
        elif tag in PIXELS:
            continue
        else:
            _treat(dataset, tag, rules, path, actions)
    if rules.choices.keep_safe_private:
        _drop_unused_creators(dataset)


def _treat(dataset: Dataset, tag: BaseTag, rules: Rules, path: str, actions: Actions) -> None:
    row, code = row_of(tag), code_of(tag, rules.choices)
    raw, element = dataset.get_item(tag), readable(dataset, tag)
    if element is None:  # damaged: nobody can tell what it says
        del dataset[tag]
        actions[Action(path, keyword_for_tag(tag), row.basic if row else "", "X")] += 1
        return
    action = code or _unlisted(element, tag)
    if isinstance(raw, RawDataElement) and _is_text_among_numbers(element.VR, raw.value, rules):
        action = "X"
    if action == "C" and code and not _can_be_cleaned(element.VR):
        action = "X"
    before = element.value
    done = action
    if action == "X":
        del dataset[tag]
    elif element.VR == "SQ":
        _treat_sequence(element, action, rules, path, actions)
    elif action in ("Z", "D"):
        _replace(element, action, rules)
    elif action == "U":
        _other_uids(element, rules)
    elif action == "C":
        _clean(element, rules, is_listed=bool(code))
    elif element.keyword == "PatientAge":
        done = _round_age(element)
    elif element.VR in WORD_VRS:  # kept
        _clean(element, rules, is_listed=False)
    elif not _are_moments(element):
        element.clear()
    is_changed = action == "X" or element.VR == "SQ" or element.value != before
    if not is_changed and raw is not None:
        dataset[tag] = raw  # as it was written, byte by byte
    if code or done != "C" or (is_changed and element.VR != "SQ"):
        actions[Action(path, keyword_for_tag(tag), row.basic if row else "", done)] += 1


def _unlisted(element: DataElement, tag: BaseTag) -> str:
    """What becomes of an attribute that the table does not name: looked through, unless no dictionary knows it."""
    if not dictionary_has_tag(tag) or tag.group in OVERLAY_GROUPS:
        return "X"
    if element.VR == "PN":
        return "Z"
    return "C"


def _can_be_cleaned(vr: str) -> bool:
    return vr in WORD_VRS | NUMBER_VRS or vr in ("SQ", "DA", "DT", "TM", "UI", "PN")


def _treat_sequence(element: DataElement, action: str, rules: Rules, path: str, actions: Actions) -> None:
    if action == "Z":
        element.value = Sequence()
    elif action == "D":
        element.value = Sequence([Dataset()])
    else:
        for inner in element.value or ():
            _walk(inner, rules, f"{path}/", actions)


def _replace(element: DataElement, action: str, rules: Rules) -> None:
    """By nothing or by a dummy; who a patient is, by the pseudonym."""
    if element.keyword in ("PatientName", "PatientID"):
        element.value = rules.pseudonym
    elif element.VR == "UI":
        _other_uids(element, rules)
    elif action == "Z":
        element.clear()
    else:
        element.value = DUMMIES.get(element.VR, b"\0\0")


def _other_uids(element: DataElement, rules: Rules) -> None:
    uids = [UID(rules.key.uid(text)) for text in texts_of(element.value)]
    if uids:
        element.value = uids if len(uids) > 1 else uids[0]


def _clean(element: DataElement, rules: Rules, is_listed: bool) -> None:
    """Takes out what names somebody. Where the table asks for it, also what only looks like it."""
    vr = element.VR
    if vr == "SQ" or element.is_empty:
        return
    if vr == "PN":
        element.clear()
    elif vr in ("DA", "DT"):
        _move_days(element, rules)
    elif vr == "UI":
        is_class = element.keyword.endswith(CLASSES) and not any(map(rules.identifying.is_in, texts_of(element.value)))
        if not is_class and not rules.choices.keep_uids:
            _other_uids(element, rules)
    elif not _are_moments(element):
        element.clear()
    elif element.keyword in STRUCTURE:
        return
    elif vr in WORD_VRS:
        patterns = PATTERNS if is_listed else (LIKE_MAIL,)
        _each(element, lambda text: cleaned(text, rules.identifying, patterns))
    elif vr in NUMBER_VRS:
        _each(element, lambda text: "" if _is_a_number_of(text, rules.identifying) else text)
    elif vr in BYTE_VRS and _bytes_name_somebody(element.value, rules.identifying):
        element.clear()


def _are_moments(element: DataElement) -> bool:
    """Whether what is called a date or a time is one; true of all else."""
    texts = [text.strip("\0 ") for text in texts_of(element.value)]
    if element.VR == "TM":
        return all(map(LIKE_TIME.fullmatch, texts))
    return element.VR not in ("DA", "DT") or all(not text or LIKE_DAY.fullmatch(text) for text in texts)


def _bytes_name_somebody(content: object, identifying: Identifying) -> bool:
    """Also of more than can be looked through: what nobody looked into does not stay."""
    return isinstance(content, bytes) and (len(content) > MOST_SEARCHED_BYTES or identifying.is_in_bytes(content))


def _is_text_among_numbers(vr: str, content: object, rules: Rules) -> bool:
    """Whether what should be figures spells a value; "US or OW" is a kind of its own where files don't tell."""
    if not isinstance(content, bytes) or BINARY_VRS.isdisjoint(vr.split(" or ")):
        return False
    runs = (run.decode() for run in TEXT_RUN.findall(content))
    return any(end - start >= LEAST_SIGNS for run in runs for start, end in rules.identifying.spans(run))


def _is_a_number_of(text: str, identifying: Identifying) -> bool:
    return identifying.spans(text.strip()) == [(0, len(text.strip()))]


def _each(element: DataElement, change: Callable[[str], str]) -> None:
    texts = list(texts_of(element.value))
    changed = [change(text) for text in texts]
    if changed != texts:
        kept = [text for text in changed if text]
        if kept:
            element.value = kept if len(kept) > 1 else kept[0]
        else:
            element.clear()


def _move_days(element: DataElement, rules: Rules) -> None:
    if rules.choices.dates == "kept":
        return
    if rules.choices.dates == "removed":
        element.clear()
        return
    move = moved_date if element.VR == "DA" else moved_moment
    moved = [move(text, rules.days) for text in texts_of(element.value) if text.strip("\0 ")]
    readable = [text for text in moved if text]
    if readable and len(readable) == len(moved):
        element.value = readable if len(readable) > 1 else readable[0]
    else:
        element.clear()


def _round_age(element: DataElement) -> str:
    text = str(element.value or "").strip()
    if text.endswith("Y") and text[:-1].isdigit() and int(text[:-1]) > OLDEST_TOLD:
        element.value = f"{OLDEST_TOLD:03}Y"
        return "C"
    return "K"


def _private_creators(dataset: Dataset) -> dict[tuple[int, int], str]:
    """By group and block, who it belongs to."""
    return {
        (tag.group, tag.element): str(element.value or "")
        for tag in dataset.keys()
        if tag.is_private and 0x10 <= tag.element <= 0xFF and (element := readable(dataset, tag)) is not None
    }


def _treat_private(
    dataset: Dataset, tag: BaseTag, creators: dict[tuple[int, int], str], rules: Rules, path: str, actions: Actions
) -> None:
    if rules.choices.keep_safe_private:
        if 0x10 <= tag.element <= 0xFF:
            return  # until it is seen whether anything of its block stays
        creator = creators.get((tag.group, tag.element >> 8), "")
        element = readable(dataset, tag)
        is_figure = element is not None and not any(
            _is_a_number_of(text, rules.identifying) for text in texts_of(element.value)
        )
        if element is not None and is_figure and is_safe_private(creator, tag, element.VR):
            actions[Action(path, "private", "X", "K")] += 1
            return
    del dataset[tag]
    actions[Action(path, "private", "X", "X")] += 1


def _drop_unused_creators(dataset: Dataset) -> None:
    used = {(tag.group, tag.element >> 8) for tag in dataset.keys() if tag.is_private and tag.element > 0xFF}
    for tag in list(dataset.keys()):
        if tag.is_private and tag.element <= 0xFF and (tag.group, tag.element) not in used:
            del dataset[tag]


def _sign(dataset: Dataset, choices: Choices, software: str) -> None:
    """What was done to it, as the standard has it said."""
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = [f"{software}, PS3.15 basic profile"[:64]]
    items = []
    for code, meaning in choices.codes():
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "DCM", meaning[:64]
        items.append(item)
    dataset.DeidentificationMethodCodeSequence = Sequence(items)
    state = {"shifted": "MODIFIED", "kept": "UNMODIFIED", "removed": "REMOVED"}[choices.dates]
    dataset.LongitudinalTemporalInformationModified = state

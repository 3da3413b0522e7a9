"""What names a person in running text: the values of their own header, in any spelling, and what looks like such."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, lru_cache
from itertools import pairwise

SHORTEST_VALUE = 3
FEWEST_DIGITS = 5
"""Of a number that is looked for: shorter ones stand in texts for much else."""
SHORTEST_PLACE_WORD = 4
COMMON = frozenset(
    """ct mr mri pet us cr dr dx mg nm xa rf ap pa lat left right of and the for with without de la van von der den le
    du da al st dr md phd mrs ms prof none unknown anonymous test patient hospital clinic klinik klinikum university
    universitat universitaet medical center centre zentrum department institute radiology radiologie radiological
    imaging general city state street road avenue strasse north south east west room unit ward building main head neck
    chest thorax abdomen pelvis spine knee hand foot brain heart lung breast""".split()
)
"""No part of a name is taken out of texts where it is one of these: half of what they say would go."""
MONTHS = (
    "january february march april may june july august september october november december "
    "jan feb mar apr jun jul aug sep sept oct nov dec januar februar märz maerz mai juni juli oktober dezember okt dez"
)
_MONTH = "(?:" + "|".join(sorted(MONTHS.split(), key=len, reverse=True)) + r")\.?"
_YEAR = r"(?:18|19|20)\d\d"
LIKE_DATES = re.compile(
    rf"""(?<!\d)(?:{_YEAR}[-./ ]?(?:0[1-9]|1[0-2])[-./ ]?(?:0[1-9]|[12]\d|3[01])(?:T?\d{{4,6}}(?:\.\d+)?)?
    |\d{{1,2}}[-./]\d{{1,2}}[-./](?:{_YEAR}|\d\d)
    |\d{{1,2}}(?:st|nd|rd|th|\.)?[ -]{_MONTH}[ ,-]+{_YEAR}
    |{_MONTH}[ ]\d{{1,2}}(?:st|nd|rd|th)?,?[ ]{_YEAR}
    |{_YEAR}[ -]{_MONTH}[ -]\d{{1,2}})(?!\d)""",
    re.IGNORECASE | re.VERBOSE,
)
LIKE_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]+(?:\.[\w-]+)+")
"""Begun where a word begins, and never given back: a cell of ten million letters would be read for days."""
LIKE_PHONES = re.compile(
    r"(?<![\w.])(?:\+\d{1,3}[ ./-]?)?(?:\(\d{2,5}\)[ ./-]?|\d{2,5}[ ./-])\d{3,4}[ ./-]?\d{3,5}(?![\w.]*\d)"
)
LIKE_NUMBERS = re.compile(r"(?<![\d.])\d{7,}+(?![\d.]*\d)|(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)")
LIKE_UIDS = re.compile(r"(?<![\d.])[12](?:\.\d+){5,}(?![\d.])")
LABELLED = re.compile(
    r"\b(?:mrn|pid|ssn|dob|born|geb|name|patient(?:en)?|acc(?:ession)?|case|fall|record|phone|tel|fax|id)"
    r"[ -]?(?:id|no|nr|number|nummer|name)?\b\.?[ ]*[:#=][ ]*[^\s,;]+",
    re.IGNORECASE,
)
TITLED = re.compile(
    r"\b(?:Dr|Prof|Mr|Mrs|Ms|Herr|Frau|Hr|Fr)\b\.?(?:[ ](?:med|Dr)\.)*[ ]+[^\W\d_][\w'-]+(?:[ ][A-ZÄÖÜ][\w'-]+)?"
)
LIKE_STREETS = re.compile(
    r"\b\d{1,5}[ ][A-Z]\w+(?:[ ][A-Z]\w+)?[ ](?:Street|St|Avenue|Ave|Road|Rd|Lane|Drive|Boulevard)\b\.?"
    r"|\b[A-ZÄÖÜ]\w+(?:straße|strasse|str\.)[ ]\d+\w?"
)
PATTERNS = (LIKE_MAIL, LABELLED, TITLED, LIKE_STREETS, LIKE_DATES, LIKE_PHONES, LIKE_NUMBERS)


WHOLE = {"ø": "o", "ł": "l", "\u0131": "i", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h", "ŧ": "t"}
"""Letters that Unicode takes for no letter with a mark, though people write them without it."""
WRITTEN_OUT = {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"}
"""What people write where they have no such letter, beside the one without its mark."""


@lru_cache(maxsize=16384)
def folded(text: str) -> str:
    """Without case and accents: ß is ss, é is e, ł is l."""
    return "".join(fold_letter(letter) for letter in text)


@lru_cache(maxsize=4096)
def fold_letter(letter: str) -> str:
    plain = unicodedata.normalize("NFKD", letter.casefold())
    return "".join(WHOLE.get(part, part) for part in plain if not unicodedata.combining(part))


Spelling = tuple[str, ...]
_TOKEN = re.compile(r"\d+|[\u2e80-\uffff]|[^\W\d_\u2e80-\uffff]+")
"""Runs of letters, runs of digits; of writing without blanks each sign."""
WIDEST_GAP = 3
"""Signs that may stand between the parts of what is looked for."""


@dataclass
class Identifying:
    """The values that name somebody, as they may be found again in texts, names of files and cells of tables.

    Each is kept as its words and numbers, folded; what stands between them doesn't matter.
    """

    spellings: set[Spelling] = field(default_factory=set)

    def add_name(self, name: str) -> None:
        """A person's name, in the form of DICOM or any other: each of its parts, and first and last written as one."""
        for group in name.split("="):
            parts = [part for part in re.split(r"[\^\s,.;_/-]+", group) if part]
            for part in parts:
                if len(part) > 1 or not part.isascii():
                    self._add_word(part)
            for first, second in pairwise(parts):
                if len(first + second) >= SHORTEST_PLACE_WORD:
                    self._add(first + second)
                    self._add(second + first)

    def add_value(self, value: str) -> None:
        """A number, a line of an address: taken as a whole."""
        text = " ".join(value.replace("^", " ").split())
        if len(text) >= (FEWEST_DIGITS if text.isdigit() else SHORTEST_VALUE) and folded(text) not in COMMON:
            self._add(text)
            if text.isdigit() and len(text.lstrip("0")) >= FEWEST_DIGITS:
                self._add(text.lstrip("0"))

    def add_place(self, value: str) -> None:
        """Where somebody was treated or lives: as a whole and word by word."""
        self.add_value(value)
        for word in re.split(r"[\W_]+", value):
            if len(word) >= SHORTEST_PLACE_WORD:
                self._add_word(word)

    def add_date(self, day: date) -> None:
        """A day in the ways in which it is written."""
        self._add_all(_spellings_of(day))

    def add_all(self, other: Identifying) -> None:
        """Those of another header too."""
        self._add_all(other.spellings)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where in a text one of the values stands: always whole words and numbers, a number also after letters."""
        if not self.spellings or not text:
            return []
        places = [place for place, letter in enumerate(text) for _ in fold_letter(letter)]
        tokens = [(hit[0], hit.start(), hit.end()) for hit in _TOKEN.finditer("".join(map(fold_letter, text)))]
        spans, place = [], 0
        while place < len(tokens):
            length = self._longest_at(tokens, place)
            if length:
                spans.append((places[tokens[place][1]], places[tokens[place + length - 1][2] - 1] + 1))
            place += length or 1
        return spans

    def is_in(self, text: str) -> bool:
        return bool(self.spans(text))

    def is_in_bytes(self, content: bytes) -> bool:
        """Whether bytes that are no text hold a value, in an encoding that a machine may have used."""
        return any(
            self.is_in(content.decode(encoding, errors="replace")) for encoding in ("utf-8", "latin-1", "utf-16-le")
        )

    def _longest_at(self, tokens: Sequence[tuple[str, int, int]], place: int) -> int:
        """How many tokens from here on are one of the values."""
        for spelling in self._by_beginning.get(tokens[place][0], ()):
            here = tokens[place : place + len(spelling)]
            gaps = [second[1] - first[2] for first, second in pairwise(here)]
            if tuple(token for token, _, _ in here) == spelling and max(gaps, default=0) <= WIDEST_GAP:
                return len(spelling)
        return 0

    def _add_word(self, word: str) -> None:
        if folded(word) not in COMMON:
            self._add(word)

    def _add(self, text: str) -> None:
        plain = {folded(text)}
        plain.add(
            folded("".join(WRITTEN_OUT.get(letter.lower(), letter) for letter in unicodedata.normalize("NFC", text)))
        )
        self._add_all({spelling for spelling in map(_spelling_of, plain) if spelling})

    def _add_all(self, spellings: Iterable[Spelling]) -> None:
        self.spellings.update(spellings)
        self.__dict__.pop("_by_beginning", None)

    @cached_property
    def _by_beginning(self) -> dict[str, list[Spelling]]:
        """By the first word or number, the longest first."""
        index: dict[str, list[Spelling]] = {}
        for spelling in sorted(self.spellings, key=lambda each: (-len(each), each)):
            index.setdefault(spelling[0], []).append(spelling)
        return index


def _spelling_of(plain: str) -> Spelling:
    return tuple(_TOKEN.findall(plain))


@lru_cache(maxsize=4096)
def _spellings_of(day: date) -> frozenset[Spelling]:
    texts = {f"{day:%Y%m%d}", f"{day:%d%m%Y}", f"{day:%m%d%Y}", f"{day:%Y %m %d}"}
    for first, second in ((day.day, day.month), (day.month, day.day)):
        for year in (f"{day:%Y}", f"{day:%y}"):
            texts |= {f"{first:02} {second:02} {year}", f"{first} {second} {year}"}
    for month in (f"{day:%B}", f"{day:%b}"):
        texts |= {f"{day.day} {month} {day.year}", f"{day:%d} {month} {day.year}", f"{month} {day.day} {day.year}"}
    return frozenset(_spelling_of(folded(text)) for text in texts)


def cleaned(text: str, identifying: Identifying, patterns: Sequence[re.Pattern[str]] = PATTERNS) -> str:
    """The text without what names somebody; what else it says stays."""
    spans = sorted([*identifying.spans(text), *(hit.span() for pattern in patterns for hit in pattern.finditer(text))])
    if not spans:
        return text
    kept, end = [], 0
    for start, stop in _merged(spans):
        kept.append(text[end:start])
        end = stop
    kept.append(text[end:])
    return re.sub(r"[ ^_]{2,}", " ", " ".join(part.strip(" ^_") for part in kept)).strip(" ^_,;:-")


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, stop in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged

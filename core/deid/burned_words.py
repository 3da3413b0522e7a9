"""What words in a picture say: a person's data, a measurement, or something that somebody has to look at.

They are held against what the file's own header says of the patient, with the mistakes that reading makes, and against
how names, dates and numbers of records look. Measurements, scales and sides stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from unicodedata import combining, normalize

from core.deid.burned_text import Line

Verdict = Literal["person", "unsure", "kept"]

MONTHS = "jan|feb|mar|mrz|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez"
DATE = re.compile(
    rf"""(?<!\d)(?:
    \d{{1,2}}\s?[./,\-\ ]\s?\d{{1,2}}\s?[./,\-\ ]\s?(?:19|20)\d\d
    |\d{{1,2}}[./\-]\d{{1,2}}[./\-]\d\d
    |(?:19|20)\d\d\s?[./,\-\ ]\s?\d{{1,2}}\s?[./,\-\ ]\s?\d{{1,2}}
    |(?:19|20)\d\d(?:0\d|1[0-2])[0-3]\d
    |\d{{1,2}}[\s.\-]*(?:{MONTHS})[a-z]*[\s.,\-]*(?:\d{{4}}|\d\d)
    |(?:{MONTHS})[a-z]*[\s.]*\d{{1,2}}[\s,]+\d{{4}}
    )(?!\d)""",
    re.IGNORECASE | re.VERBOSE,
)
CLOCK = re.compile(r"(?<!\d)\d{1,2}:\d\d:\d\d(?!\d)|(?<!\d)\d{1,2}:\d\d\s?[ap]\.?m\b", re.IGNORECASE)
MAIL = re.compile(r"\S+@\S+\.\w+")
PHONE = re.compile(r"(?:\+|\b(?:tel|phone|fon|fax)\b[.:]?\s*)[\d\s()/\-]{6,}|\(\d{3}\)\s?\d{3}-?\d{4}", re.IGNORECASE)
LABELLED = re.compile(
    r"\b(?:name|patient|pat|dob|d\.o\.b|born|geb|mrn|id|acc|accession|dr|prof|physician|phys|ref|operator|hospital|"
    r"clinic|klinik|klinikum|institut|institute|university|universit\w+|praxis|ssn)\b\s*[.:#\-]?\s*(?=\S)",
    re.IGNORECASE,
)
"""Words after which somebody's name or number stands."""
OF_MEASURES = ("dr", "ref", "acc", "prof", "phys")
"""Of those the ones that measurements are called by as well."""
PLACES = re.compile(r"hospital|clini[ck]|klinik|universit|institut|praxis|medical cent", re.IGNORECASE)
PATTERNS = (DATE, CLOCK, MAIL, PHONE)
NAME_PAIR = re.compile(r"[A-Z][A-Za-z'\-]{2,}\s?[,^=]+\s?[A-Za-z]+|(?:[A-Z][a-z'\-]{2,}\s){1,2}[A-Z][a-z'\-]{2,}")
NUMBER = re.compile(r"[<>~=±+\-]*\d{1,4}(?:[.,:/x×\-]\d{1,4})*")
UNITS = frozenset(
    "mm cm m um nm µm mm2 cm2 cm² mm² ml cc l mmhg hpa kpa bpm /min hz khz mhz db ms s sec min h fps kv kvp ma mas µas "
    "mgy gy mgycm msv hu ppm % ° deg c kg g mg lb w wk wks d cm/s m/s mm/s m/s2 t ohm v mv j px x fr".split()
)
MEASURE_WORDS = frozenset(
    """hr bpm fr dr mi ti tis tib tic prf wf gain depth freq frq 2d 3d 4d mmode cf cfm cpa pw cw tdi thi hd res gen
    pen vmax vmean vmin pgmax pgmean pg vti ef edv esv sv co ci lvef lvidd lvids lvpw ivs ivsd lv rv la ra ao mv
    av tv pv as ar mr tr asc desc e a e/a e' dist area circ vol len length width height angle time ri pi psv s/d
    bpd hc ac fl efw ga lmp edd crl nt gs afi wl ww win level zoom mag te fa fov thk sl slice im se img ser acq
    nex etl bw dwi adc flair t1 t2 t1w t2w pd stir swi gre tse fse kv kvp ma mas exi ei di sid l r left right re
    li rt lt bilateral ap pa lat ll rl lao rao cran caud cc mlo lmlo rmlo lcc rcc ml lm xccl axial ax sag cor
    coronal sagittal erect supine prone portable upright standing decub p h f s i st sup inf ant post med frame
    map noise filter smooth power pwr focus foc dyn range dynamic persist persistence line density pos hpf cardiac
    abdomen abd thyroid breast liver kidney renal ob gyn carotid vascular msk spleen aorta max min mean std avg sd
    roi of and mm cm view probe convex linear sector iso lut pre contrast arterial venous delayed phase""".split()
)
SIDES = ("R", "L")
CONFUSED = str.maketrans("01|!5826$9", "oillsbzgsg")
"""Figures that are read as letters, and letters as figures; "i" and "l" are one, "o" and "q" too."""
LEAST = 3
"""Letters that a value needs to be looked for by itself."""
NO_NAMES = frozenset("of and the for der die das und de la le des del st dr prof med mr mrs ms hospital clinic".split())


@dataclass(frozen=True)
class Names:
    """What a header says of a patient and of those who were there, as it is compared. Stays in memory."""

    values: frozenset[str] = frozenset()

    @classmethod
    def of(cls, texts: Iterable[str]) -> Names:
        values: set[str] = set()
        for text in texts:
            parts = (text, *re.split(r"[\^=\s,;/\\]+", text))
            values |= {plain(part) for part in parts if _says_enough(part)}
        return cls(frozenset(values))

    def name(self, word: str) -> bool:
        """Whether a word is one of these, but for mistakes of reading."""
        read = plain(word)
        if len(read) < LEAST or (word.lower() in MEASURE_WORDS and read not in self.values):
            return False
        return any(_is_alike(read, value) for value in self.values)


def _says_enough(part: str) -> bool:
    """Whether a value is looked for by itself: short numbers are measurements as well."""
    bare = re.sub(r"[^\w]|_", "", part)
    return len(bare) >= LEAST + bare.isdigit() and bare.casefold() not in NO_NAMES


def plain(text: str) -> str:
    """As texts are compared: letters without accents, and what is easily confused made one."""
    letters = "".join(letter for letter in normalize("NFKD", text.casefold()) if not combining(letter))
    return re.sub(r"[^\w]|_", "", letters.translate(CONFUSED)).replace("i", "l").replace("q", "o").replace("rn", "m")


def judge(line: Line, names: Names) -> list[Verdict]:
    """What each word of a line is."""
    verdicts: list[Verdict] = [_of_word(word.text, names) for word in line.words]
    for first, last in _spans(line, names):
        verdicts[first : last + 1] = ["person"] * (last + 1 - first)
    if PLACES.search(line.text):
        verdicts = ["person" if verdict == "unsure" else verdict for verdict in verdicts]
    return _with_neighbours(verdicts)


def _with_neighbours(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """What stands beside a name and is no measurement belongs to it."""
    spread = list(verdicts)
    for places in (range(1, len(spread)), range(len(spread) - 2, -1, -1)):
        for place in places:
            if spread[place] == "unsure" and spread[place - places.step] == "person":
                spread[place] = "person"
    return spread


def _of_word(text: str, names: Names) -> Verdict:
    bare = text.strip(" .,:;()[]{}'\"*#-_|/\\<>=+~").lower()
    if names.name(text):
        return "person"
    if not bare or NUMBER.fullmatch(bare) or bare in UNITS or bare in MEASURE_WORDS:
        return "kept"
    figures = sum(letter.isdigit() for letter in bare)
    if figures >= 5 or (figures >= 4 and len(bare) > figures):
        return "kept" if _is_measurement(bare) else "person"
    return "kept" if _is_measurement(bare) or (len(bare) == 1 and bare.isascii()) else "unsure"


def _is_measurement(bare: str) -> bool:
    """Like 12.3mm, HR72, x1.5, 120kV, 5/10, W:400."""
    parts = re.findall(r"\d+(?:[.,]\d+)?|[^\W\d]+[²°]?|[^\w\s]", bare)
    numbers = [part for part in parts if part[0].isdigit()]
    words = [part for part in parts if part[0].isalpha()]
    if not numbers or any(len(re.sub(r"[.,]\d+", "", number)) > 4 for number in numbers):
        return False
    return len(numbers) <= 4 and all(word in UNITS or word in MEASURE_WORDS for word in words)


def _spans(line: Line, names: Names) -> list[tuple[int, int]]:
    """First and last word of what only several words together say."""
    text, starts = "", []
    for word in line.words:
        starts.append(len(text))
        text += f"{word.text} "
    pieces = [match.span() for pattern in PATTERNS for match in pattern.finditer(text)]
    pieces += [match.span() for match in NAME_PAIR.finditer(text) if _is_a_name(match[0])]
    pieces += [_after_label(text, match) for match in LABELLED.finditer(text)]
    spans = [_words_in(piece, starts) for piece in pieces if piece[1] > piece[0]]
    return spans + _joined(line, names)


def _is_a_name(text: str) -> bool:
    """Whether no word of it belongs to what screens say of measurements."""
    words = re.findall(r"[A-Za-z'\-]+", text)
    return not any(word.lower() in MEASURE_WORDS or word.lower() in UNITS for word in words if len(word) > 1)


def _after_label(text: str, label: re.Match[str]) -> tuple[int, int]:
    """The label and the words after it, as far as no measurement begins."""
    end, is_measure = label.end(), re.sub(r"\W", "", label[0]).lower() in OF_MEASURES
    for word in re.finditer(r"\S+", text[label.end() :]):
        bare = word[0].strip(".,:;()").lower()
        is_number = NUMBER.fullmatch(bare) is not None or _is_measurement(bare)
        is_word = bare in MEASURE_WORDS or bare in UNITS
        if len(bare) == 1 and word[0] not in SIDES:  # it begins a name as well
            is_word = False
        if is_word or (is_number and (is_measure or end > label.end())):
            break
        end = label.end() + word.end()
    return label.start(), end if end > label.end() else label.start()


def _words_in(piece: tuple[int, int], starts: Sequence[int]) -> tuple[int, int]:
    first = max(number for number, start in enumerate(starts) if start <= piece[0])
    last = max(number for number, start in enumerate(starts) if start < piece[1])
    return first, last


def _joined(line: Line, names: Names) -> list[tuple[int, int]]:
    """Up to three words that are one value together, like a name that was read in two pieces. A measurement beside a
    name is none of it."""
    spans, long = [], [value for value in names.values if len(value) >= 5]
    for first in range(len(line.words)):
        for last in range(first + 1, min(first + 3, len(line.words))):
            words = [word.text for word in line.words[first : last + 1]]
            read, has_measure = plain("".join(words)), any(_of_word(word, names) == "kept" for word in words)
            if any(read == value or (not has_measure and _is_misread(read, value)) for value in long):
                spans.append((first, last))
    return spans


def _is_alike(read: str, value: str) -> bool:
    """Equal but for mistakes of reading; or one holds the other."""
    if len(value) >= 4 and value in read:
        return True
    if len(read) >= 5 and read in value and len(read) * 2 >= len(value):
        return True
    return _is_misread(read, value)


def _is_misread(read: str, value: str) -> bool:
    """Equal but for one mistake in five letters."""
    if read == value:
        return True
    allowed = len(value) // 5 + (len(value) == 4)
    return allowed > 0 and abs(len(read) - len(value)) <= allowed and _distance(read, value, allowed) <= allowed


def _distance(first: str, second: str, most: int) -> int:
    """Letters to add, drop or change; above `most` it is not counted on."""
    row = list(range(len(second) + 1))
    for place, letter in enumerate(first, 1):
        before, row[0] = row[0], place
        for column, other in enumerate(second, 1):
            before, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, before + (letter != other))
        if min(row) > most:
            return most + 1
    return row[-1]

"""What tables and names of files say of persons where no header does: names, birth dates, record numbers, how to reach
somebody. And the set without it: columns dropped, patients by pseudonyms, cases by numbers.

Nothing is taken out unasked, as this is guessed from how things look; so it claims only what is hardly anything else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from core.case import Case, Finding, ImageSet
from core.checks.mending import Fix, LeftOut, Mending
from core.deid.columns import is_named_after_a_person, runs_of
from core.deid.given_names import GIVEN
from core.deid.key import SiteKey
from core.deid.persons import identity_of_number
from core.deid.tables import day_in
from core.deid.words import LIKE_DATES, LIKE_MAIL, TITLED, Identifying, folded
from core.layouts.table import value

What = Literal["name", "birth", "number", "bare", "contact", "date"]
WORDS: Mapping[What, str] = {
    "name": "names of people",
    "birth": "dates of birth",
    "number": "record numbers",
    "bare": "bare numbers, which may be a hospital's record numbers or somebody's own",
    "contact": "addresses or numbers to reach somebody",
    "date": "dates",
}
KIND = "names_somebody"
PATIENTS, FILES, REPORTS = "patients", "names of cases", "report"
LEAST_SHARE = 0.5
"""Of what is filled in, that has to look so."""
LEAST_APART = 0.5
"""Of as many different values as there are patients, or cells: what is told again and again is a class."""
FEWEST_NAMES = 3
"""Different given names, from where on what holds them is persons' names."""
MOST_LOOKED_AT = 5000
HEADERS: Mapping[What, frozenset[str]] = {
    "name": frozenset(
        "surname lastname firstname givenname familyname forename fullname patientname patientsname vorname nachname "
        "familienname geburtsname maidenname nom prenom apellido apellidos nombre nombres cognome nome sobrenome naam "
        "voornaam achternaam fornamn efternamn fornavn etternavn efternavn sukunimi nazwisko prijmeni soyad soyadi "
        "фамилия имя отчество фио прізвище побатькові піб 姓名 患者姓名 氏名 患者氏名 名前".split()
    ),
    "birth": frozenset(
        "birth birthdate birthday birthdat dob dateofbirth geburtsdatum geburtstag geb naissance nacimiento nascita "
        "nascimento geboortedatum fodelsedatum fodselsdato syntymaaika urodzenia narozeni рождения народження 出生日期 "
        "生年月日".split()
    ),
    "number": frozenset(
        "mrn medicalrecord medicalrecordnumber recordnumber ssn socialsecurity socialsecuritynumber nhsnumber "
        "insurancenumber versicherungsnummer passport passportnumber accession accessionnumber fallnummer "
        "casenumber hospitalnumber".split()
    ),
    "contact": frozenset(
        "mail email phone telephone telefon phonenumber mobile fax address adresse street strasse telefono movil "
        "correo direccion indirizzo cellulare telefone celular telefoon adres puhelin телефон адрес 电话 電話 地址 "
        "住所".split()
    ),
}
"""What columns are called that hold such; beside it the cells have to look so."""
_NAME = re.compile(r"[^\W\d_][^\W\d_.'\u2019-]*(?:[ ,^.'\u2019-]+[^\W\d_][^\W\d_.'\u2019-]*){0,4}\.?")
_CAPITAL = r"[^\W\d_a-z][^\W\d_]+"
_WRITTEN_NAME = re.compile(
    rf"[^\W\d_a-z][\w'\u2019-]*\^[^\W\d_][\w'\u2019^ -]*|{_CAPITAL}(?:[ -]{_CAPITAL})?, ?{_CAPITAL}"
)
"""As headers have it (Doe^Jane), or as lists do (Doe, Jane)."""
_SSN = re.compile(r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)")
_PHONE = re.compile(r"(?:\+\d{1,3}[ ./-]?\(?\d|\(\d{2,5}\)[ ./-]?\d|0\d{2,4}[ /-]\d)[\d ./-]{4,14}\d")
_LABELLED = re.compile(
    r"\b(?:mrn|dob|date of birth|geb(?:\.|oren)|patient(?:'s)? name|ssn)\b[ ]*[:#=][ ]*[^\s,;]{2,}", re.IGNORECASE
)
_RECORD = re.compile(r"(?<![a-z])mrn[-_ #:]*\d{4,}", re.IGNORECASE)
_NUMBER = re.compile(r"(?=(?:.*\d){4})[A-Za-z]{0,4}[-/ ]?\d[\d/ -]*[A-Za-z]?")
_BARE = re.compile(r"\d{6,12}")
_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True)
class Telling:
    """Where something says who somebody is, what that is, and in which cases."""

    place: str
    """The name of a column, or `PATIENTS`, `FILES`."""
    is_column: bool
    what: What
    cases: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"The column “{self.place}” holds" if self.is_column else f"The {self.place} hold"

    def fix(self) -> Fix:
        if self.is_column:
            return Fix(f"Drop the column “{self.place}”", (KIND,), drops_column=self.place)
        if self.place == PATIENTS:
            return Fix("Put pseudonyms in the place of patients", (KIND,), pseudonymizes=True)
        return Fix("Call cases by numbers", (KIND,), numbers_cases=True)


def tellings(image_set: ImageSet) -> list[Telling]:
    """What a set says of persons beside its pictures."""
    cases = image_set.cases
    columns: dict[str, list[tuple[Case, str]]] = {}
    for case in cases:
        for header, cell in case.more.items():
            if value(cell):
                columns.setdefault(header, []).append((case, cell.strip()))
    of_columns = [_of_column(header, cells) for header, cells in columns.items()]
    listed = [telling for telling in (*of_columns, _of_texts(cases), _of_patients(cases)) if telling is not None]
    names = _named_by(listed, columns, cases)
    of_files = _of_files(cases, names)
    return [*listed, *([of_files] if of_files else [])]


def undecided(listed: Iterable[Telling], mending: Mending) -> list[Telling]:
    """Those that nobody has taken out yet."""

    def is_settled(telling: Telling) -> bool:
        if telling.is_column:
            return telling.place in mending.drops_columns
        return mending.pseudonymizes if telling.place == PATIENTS else mending.numbers_cases

    return [telling for telling in listed if not is_settled(telling)]


def findings_of(listed: Sequence[Telling]) -> tuple[Finding, ...]:
    """Each by itself: the message says where and what can be done, and never what is written there."""
    return tuple(
        Finding(
            KIND,
            "note" if telling.what == "bare" else "warning",
            len(telling.cases),
            f"{telling.title} what looks like {WORDS[telling.what]} ({len(telling.cases):,} cases). A version keeps "
            f"it, and everybody who sees the set reads it. {telling.fix().text}, or bring the files without it.",
        )
        for telling in listed
    )


def taken_out(image_set: ImageSet, mending: Mending, key: Callable[[], SiteKey]) -> tuple[ImageSet, Mending]:
    """The set without what somebody wants out of it, and what else is decided, by the names that cases have now. The
    key is asked for where patients get pseudonyms."""
    numbers = {case.id: f"{number:06}" for number, case in enumerate(image_set.cases, 1)}
    if not mending.numbers_cases:
        numbers = {name: name for name in numbers}
    secret = key() if mending.pseudonymizes else None
    cases = [
        replace(
            case,
            id=numbers[case.id],
            patient=_pseudonym(case.patient, secret) if secret else case.patient,
            report=None if REPORTS in mending.drops_columns else case.report,
            more={name: cell for name, cell in case.more.items() if name not in mending.drops_columns},
        )
        for case in image_set.cases
    ]
    findings = tuple(_renamed(finding, numbers) if mending.numbers_cases else finding for finding in image_set.findings)
    by_name = {
        field: tuple(numbers.get(name, name) for name in getattr(mending, field)) for field in ("leaves_out", "keeps")
    }
    return replace(image_set, cases=tuple(cases), findings=findings), mending.model_copy(update=by_name)


def words(mending: Mending) -> str:
    """For the version's note."""
    dropped = len(mending.drops_columns)
    parts = [f"{dropped:,} {'column' if dropped == 1 else 'columns'} dropped"] * bool(dropped)
    parts += ["patients by names of files"] * mending.names_patients
    parts += ["patients by pseudonyms"] * mending.pseudonymizes + ["cases by numbers"] * mending.numbers_cases
    return ", ".join(parts)


def unnamed(left_out: Iterable[LeftOut], image_set: ImageSet) -> tuple[LeftOut, ...]:
    """Cases by their numbers; of what became no case neither the name nor what is said of it."""
    ids = {case.id for case in image_set.cases}
    return tuple(
        left if left.case in ids else LeftOut("not a case", "A row or a file that can't be used.") for left in left_out
    )


def _of_column(header: str, cells: Sequence[tuple[Case, str]]) -> Telling | None:
    looked_at = cells[:MOST_LOOKED_AT]
    texts = [cell for _, cell in looked_at]
    what = _what_column_holds(header, texts, {case.patient for case, _ in looked_at})
    return Telling(header, True, what, tuple(case.id for case, _ in cells)) if what else None


def _what_column_holds(header: str, texts: Sequence[str], patients: set[str | None]) -> What | None:
    called = _called(header)
    are_apart = len(set(texts)) >= LEAST_APART * min(len(texts), len(patients - {None}) or len(texts))
    if any(LIKE_MAIL.search(text) for text in texts):
        return "contact"
    if called == "birth" and _most(texts, lambda text: day_in(text) is not None):
        return "birth"
    if called == "name" and _most(texts, _NAME.fullmatch):
        return "name"
    if called == "number" and _most(texts, _NUMBER.fullmatch):
        return "number"
    if called == "contact" and any(character.isdigit() for text in texts for character in text):
        return "contact"
    if _most(texts, _SSN.fullmatch):
        return "number"
    if are_apart and (_most(texts, _WRITTEN_NAME.fullmatch) or _most(texts, TITLED.match) or _are_called_so(texts)):
        return "name"
    return "contact" if are_apart and _most(texts, _PHONE.fullmatch) else None


def _called(header: str) -> What | None:
    """What a column holds by its name: by all of it, or by a word of it."""
    runs = runs_of(header)
    if is_named_after_a_person(header):
        return "name"
    return next((what for what, names in HEADERS.items() if runs & names), None)


def _of_texts(cases: Sequence[Case]) -> Telling | None:
    """Free text names somebody where it says so itself."""
    reported = [case for case in cases if case.report]
    named = tuple(
        case.id for case in reported if _LABELLED.search(case.report or "") or LIKE_MAIL.search(case.report or "")
    )
    return Telling(REPORTS, True, "name", named) if named else None


def _of_patients(cases: Sequence[Case]) -> Telling | None:
    patients = sorted({case.patient.strip() for case in cases if case.patient})
    what = _what_patients_are(patients[:MOST_LOOKED_AT])
    return Telling(PATIENTS, False, what, tuple(case.id for case in cases if case.patient)) if what else None


def _what_patients_are(patients: Sequence[str]) -> What | None:
    if any(LIKE_MAIL.search(patient) for patient in patients):
        return "contact"
    if _most(patients, _WRITTEN_NAME.fullmatch) or _are_called_so(patients):
        return "name"
    if _most(patients, _SSN.fullmatch) or _most(patients, _RECORD.search):
        return "number"
    return "bare" if _are_record_numbers(patients) else None


def _are_record_numbers(patients: Sequence[str]) -> bool:
    """Bare numbers of six digits and more that are not simply counted: those lie close together."""
    numbers = sorted(int(patient) for patient in patients if _BARE.fullmatch(patient))
    if len(numbers) < max(2, LEAST_SHARE * len(patients)):
        return False
    middle = numbers[len(numbers) // 10 : len(numbers) - len(numbers) // 10]
    return middle[-1] - middle[0] > 20 * len(middle)


def _named_by(
    listed: Iterable[Telling], columns: Mapping[str, Sequence[tuple[Case, str]]], cases: Sequence[Case]
) -> Identifying:
    """The names and numbers that were recognized: they are looked for in names of files."""
    names = Identifying()
    for telling in listed:
        texts = {cell for _, cell in columns.get(telling.place, ())} if telling.is_column else set[str]()
        if telling.place == PATIENTS:
            texts = {case.patient for case in cases if case.patient}
        for text in sorted(texts)[:MOST_LOOKED_AT]:
            if telling.what == "name":
                names.add_name(text)
            elif telling.what in ("number", "bare"):
                names.add_value(text)
            elif telling.what == "birth" and (day := day_in(text)):
                names.add_date(day)
    return names


def _of_files(cases: Sequence[Case], names: Identifying) -> Telling | None:
    """Names that are recognized elsewhere in the set; addresses; and dates or given names in most of them."""
    looked_at = cases[:MOST_LOOKED_AT]
    known = [case.id for case in looked_at if names.is_in(_bare(case.id))]
    ids = [_bare(case.id) for case in looked_at]
    every = tuple(case.id for case in cases)
    if known:
        return Telling(FILES, False, "name", tuple(case.id for case in cases if names.is_in(_bare(case.id))))
    if any(LIKE_MAIL.search(name) for name in ids):
        return Telling(FILES, False, "contact", every)
    if _most(ids, _RECORD.search):
        return Telling(FILES, False, "number", every)
    if _are_called_so(ids):
        return Telling(FILES, False, "name", every)
    return Telling(FILES, False, "date", every) if _most(ids, _has_day) else None


def _bare(name: str) -> str:
    """Without the ending; folders are looked at too."""
    return re.sub(r"\.[A-Za-z0-9]{1,5}$", "", name).replace("/", " ").replace("_", " ")


def _has_day(text: str) -> bool:
    """With the whole year: what has two digits for it may be a place on a plate."""
    return any(sum(map(str.isdigit, hit[0])) >= 8 for hit in LIKE_DATES.finditer(text))


def _given_names(text: str) -> list[str]:
    return [word for word in _WORD.findall(folded(text)) if word in GIVEN]


def _are_called_so(texts: Sequence[str]) -> bool:
    """Two words or three, one of which people are called by; several such, or it may be a place or a maker."""
    given = {word for text in texts for word in _given_names(text)}
    return len(given) >= FEWEST_NAMES and _most(texts, _is_called_so)


def _is_called_so(text: str) -> bool:
    return 2 <= len(_WORD.findall(text)) <= 3 and bool(_given_names(text))


def _most(texts: Sequence[str], looks_so: Callable[[str], object]) -> bool:
    return bool(texts) and sum(bool(looks_so(text)) for text in texts) >= LEAST_SHARE * len(texts)


def _pseudonym(patient: str | None, key: SiteKey) -> str | None:
    """The same as that of a DICOM file with this number and no issuer."""
    return key.pseudonym(identity_of_number(patient)) if patient else patient


def _renamed(finding: Finding, numbers: Mapping[str, str]) -> Finding:
    """By numbers; what is no case keeps nothing of its name."""
    cases = tuple(numbers.get(name, "") for name in finding.cases)
    is_naming = finding.severity == "error"
    message = f"{finding.count:,} rows or files can't be used ({finding.kind.replace('_', ' ')})."
    troubles = tuple((numbers.get(name, name), message if is_naming else text) for name, text in finding.troubles)
    return replace(finding, cases=cases, message=message if is_naming else finding.message, troubles=troubles)

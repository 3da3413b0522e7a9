"""What names somebody in texts: found in any spelling, and nothing else with it."""

from __future__ import annotations

from datetime import date
from time import process_time

import pytest

from core.deid.words import Identifying, cleaned


@pytest.fixture
def somebody() -> Identifying:
    values = Identifying()
    values.add_name("Müller^Änne^^Dr")
    values.add_name("Yamada^Tarou=山田^太郎")
    values.add_value("00481516")
    values.add_value("QX-7700123")
    values.add_place("St. Wolkenstein Clinic")
    values.add_date(date(1953, 4, 2))
    return values


@pytest.mark.parametrize(
    "text",
    [
        "Müller", "MUELLER", "muller", "Mu\u0308ller", "Aenne", "ÄNNE", "MuellerAenne", "Mueller_Aenne", "Müller,Änne",
        "山田太郎様",         "481516",
        "MRN00481516", "QX-7700123", "qx 7700123", "Wolkenstein", "19530402", "1953-04-02", "02.04.1953",
        "4/2/53", "2 April 1953", "April 2, 1953", "02-Apr-1953",
    ],
)  # fmt: skip
def test_a_value_is_found_in_any_writing(somebody: Identifying, text: str) -> None:
    assert somebody.is_in(text)
    left = cleaned(f"slice of {text}, 8 mm", somebody, ())
    assert left.startswith("slice of") and left.endswith(", 8 mm") and not somebody.is_in(left)
    assert left.removeprefix("slice of").removesuffix(", 8 mm").strip(" ,") in ("", "MRN", "様")


@pytest.mark.parametrize(
    "text", ["miller", "mullerian duct", "4815160", "1481516", "clinic", "Dr", "1953", "St. gap", "2.4.1954"]
)
def test_what_is_only_like_a_value_stays(somebody: Identifying, text: str) -> None:
    assert cleaned(text, somebody, ()) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("soft tissue, seen by Dr. Quill on 2019-08-03", "soft tissue, seen by on"),
        ("call +49 221 1234567 or a.b@example.org", "call or"),
        ("MRN: 55, nodule 8 mm", ", nodule 8 mm".lstrip(", ")),
        ("SSN 123-45-6789", "SSN"),
        ("T2 TSE 3 mm FOV 240 TE 12.5 1024x1024", "T2 TSE 3 mm FOV 240 TE 12.5 1024x1024"),
        ("series 4 of 12, kernel B31f, 120 kV", "series 4 of 12, kernel B31f, 120 kV"),
    ],
)
def test_what_looks_like_a_persons_is_taken_out_of_cleaned_texts_and_figures_stay(text: str, left: str) -> None:
    assert cleaned(text, Identifying()) == left


def test_bytes_are_looked_through_in_the_encodings_of_machines(somebody: Identifying) -> None:
    for encoding in ("utf-8", "latin-1", "utf-16-le"):
        assert somebody.is_in_bytes(b"\1\0" + "profile of Müller".encode(encoding))
    assert not somebody.is_in_bytes(bytes(range(256)))


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Wałęsa^Łukasz", "Walesa"), ("Wałęsa^Łukasz", "lukasz"), ("Sørensen^Bjørn", "Sorensen"), ("Åse", "Aase"),
        ("Sørensen^Bjørn", "bjoern"), ("Y\u0131ld\u0131z^I\u015f\u0131l", "YILDIZ"), ("Đorđević", "Dordevic"),
        ("Þór", "Thor"), ("Mu\u0308ller", "Mueller"),
    ],
)  # fmt: skip
def test_a_name_is_found_without_the_strokes_of_its_letters(name: str, written: str) -> None:
    values = Identifying()
    values.add_name(name)
    assert values.is_in(f"scan_{written}_01") and not values.is_in("scan_other_01")


@pytest.mark.parametrize("text", ["q" * 200_000, "1" * 200_000 + ".5"])
def test_a_long_cell_is_looked_through_in_a_moment(text: str) -> None:
    started = process_time()
    assert cleaned(text, Identifying()) == text
    assert process_time() - started < 5  # minutes, where what was read is given back letter by letter

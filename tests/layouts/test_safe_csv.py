"""What is taken away opens in a spreadsheet without a formula in it, and comes back with the labels that it had."""

from __future__ import annotations

import csv
import io
from itertools import product

import pytest

from core.layouts.safe_csv import as_csv, as_written, harmless
from core.layouts.table import read_table

SIGNS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫", "⁼", "⁺")  # noqa: RUF001
BEFORE = ("", " ", "  ", "\u00a0", "\u200b", "\ufeff", "'", '"', "\t", "\r", "\n", "\x00", "’", ";", "a;", "a\t", "a\n")  # noqa: RUF001
COMMANDS = ("1+1", "HYPERLINK(1)", "cmd|' /C calc'!A0", "0.05", "")
ATTACKS = [before + sign + command for before, sign, command in product(BEFORE, SIGNS, COMMANDS)] + ["\tx", "\rx", "\t"]


def begins(text: str) -> list[str]:
    """What the cells of a text begin with, for a spreadsheet that divides at semicolons, tabs and lines."""
    for separator in "\t\r\n":
        text = text.replace(separator, ";")
    return [piece.lstrip(' \u00a0\u200b\ufeff\x00"’')[:1] for piece in text.split(";")]  # noqa: RUF001


def test_no_text_begins_a_formula() -> None:
    assert [attack for attack in ATTACKS if set(begins(str(harmless(attack)))) & set(SIGNS)] == []
    assert {str(harmless(attack))[0] for attack in ("\tx", "\rx", "\t=1", "\r\n=1")} == {"'"}


def test_every_cell_and_header_comes_back_as_it_was() -> None:
    assert [
        attack
        for attack in [*ATTACKS, "'", "''=", "it's", "'kept'", "a;'b"]
        if as_written(str(harmless(attack))) != attack
    ] == []


@pytest.mark.parametrize("value", [-0.05, -3, 1e-7, 0])
def test_numbers_stay_numbers(value: float) -> None:
    assert as_csv(["score"], [[value]]) == f"score\r\n{value}\r\n"


def test_the_type_decides_what_a_number_is() -> None:
    assert as_csv(["-0.05", "given"], [["-0.05", None], [True, -0.05]]) == "'-0.05,given\r\n'-0.05,\r\nTrue,-0.05\r\n"


def test_a_table_that_was_taken_away_is_read_with_its_own_labels() -> None:
    kept = [attack for attack in ATTACKS if attack.strip() and "\x00" not in attack and "\ufeff" not in attack]
    table = read_table(
        as_csv(["image", "=label"], [[f"{row}.png", attack] for row, attack in enumerate(kept)]).encode(), "cases.csv"
    )
    assert table.header == ("image", "=label")
    assert [row["=label"] for _, row in table.rows] == kept


def test_people_see_the_apostrophe_only_where_there_was_a_risk() -> None:
    text = as_csv(["case", "label"], [["a.png", "clear"], ["it's.png", "naïve; mixed"]])
    assert list(csv.reader(io.StringIO(text)))[1:] == [["a.png", "clear"], ["it's.png", "naïve; mixed"]]

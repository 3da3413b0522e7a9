"""The profile's table: what it says, what an option changes, and how it is made from the published standard."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import core
from core.deid.choices import Choices
from core.deid.profile import TABLE, code_of, row_of, rows

DOCBOOK = """<book xmlns="http://docbook.org/ns/docbook">
<table xml:id="table_E.1-1"><thead><tr><th>Name</th></tr></thead>
<tbody>{}</tbody></table><table xml:id="table_E.1-2"><tbody><tr><td>Other</td><td>(0010,0010)</td></tr></tbody></table>
</book>"""
ROWS = (
    "Study Date|(0008,0020)|N|Y|Z||||||K|C|||",
    "Overlay Data|(60xx,3000)|N|Y|X||||||||||C",
    "Private Attributes|(gggg,eeee) where gggg is odd|N|N|X|C|||||||||",
)


def test_the_table_says_what_the_standard_says() -> None:
    assert len(rows()) == 656
    assert code_of(0x00100010, Choices()) == "Z"
    assert code_of(0x00080018, Choices()) == "U"
    assert code_of(0x00101010, Choices()) == "X"
    assert code_of(0x60023000, Choices()) == code_of(0x50100005, Choices()) == "X"
    assert code_of(0x00080060, Choices()) == ""


def test_where_kinds_of_objects_differ_the_code_is_taken_that_keeps_all_of_them_valid() -> None:
    combined = {
        row.basic: code_of(int(tag, 16), Choices(dates="removed")) for tag, row in rows().items() if "/" in row.basic
    }
    assert combined == {"X/Z": "Z", "X/D": "D", "Z/D": "D", "X/Z/D": "D", "X/Z/U*": "U"}


def test_an_option_changes_its_own_column_alone() -> None:
    assert code_of(0x00080020, Choices()) == "C"
    assert code_of(0x00080020, Choices(dates="kept")) == "K"
    assert code_of(0x00080020, Choices(dates="removed")) == "Z"
    assert code_of(0x00081030, Choices(clean_descriptors=True)) == "C"
    assert code_of(0x00081030, Choices(keep_device=True, keep_uids=True, keep_patient=True)) == "X"
    assert Choices(keep_institution=True).codes()[-1][0] == "113112"


def test_the_table_is_made_from_the_published_docbook() -> None:
    spec = importlib.util.spec_from_file_location(
        "deid_table", Path(core.__file__).parents[1] / ".ci" / "deid_table.py"
    )
    assert spec and spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    cells = ("".join(f"<td><para>{cell}</para></td>" for cell in row.split("|")) for row in ROWS)
    lines = made.table_lines(DOCBOOK.format("".join(f"<tr>{row}</tr>" for row in cells)), "2030a")
    assert lines[0] == "# PS3.15 Table E.1-1, edition 2030a, from its DocBook"
    header = next(line for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    assert lines[1] == header
    assert [dict(zip(header.split("\t"), line.split("\t"), strict=True))["tag"] for line in lines[2:]] == [
        "00080020",
        "60xx3000",
        "private",
    ]
    date = row_of(0x00080020)
    assert date is not None
    assert lines[2].split("\t")[7:9] == ["", "K"] and date.options == {"full_dates": "K", "modified_dates": "C"}

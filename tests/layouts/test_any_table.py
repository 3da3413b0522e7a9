"""Tables and the labels in them come back from a file as they were, whatever people write into cells."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from core.errors import DataError
from core.layouts.manifest_cells import SEPARATORS, drawn_boxes, labels_cell, listed_labels
from core.layouts.safe_csv import as_csv, as_written, harmless
from core.layouts.table import EMPTY, read_table, value

RISKY = st.text("=+-@'\"` \t\r\n;,|a1.é＝‘\u200b", max_size=8)  # noqa: RUF001
ANYTHING = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
CELLS = RISKY | ANYTHING
NAMES = st.text("=+@'\",;\tab é1", min_size=1, max_size=6).map(str.strip).filter(bool)
LABEL = st.text("aB é-+/1.", min_size=1, max_size=8).map(lambda text: " ".join(text.split()))
LABELS = st.lists(LABEL.filter(lambda name: value(name) == name and name), unique=True, max_size=15)


@given(CELLS)
@example("'\t1")
@example("''\r")
def test_any_cell_comes_back_as_it_was_and_begins_no_formula(cell: str) -> None:
    safe = harmless(cell)
    assert as_written(str(safe)) == cell
    assert str(safe)[:1] not in ("=", "+", "-", "@", "\t", "\r")


@given(st.lists(NAMES, min_size=1, max_size=4, unique=True), st.data())
def test_any_table_that_was_taken_away_is_read_as_it_was(header: list[str], data: st.DataObject) -> None:
    row = st.lists(CELLS, min_size=len(header), max_size=len(header))
    rows = data.draw(st.lists(row, max_size=4))
    table = read_table(as_csv(header, rows).encode(), "cases.csv")
    assert list(table.header) == header
    assert [list(cells.values()) for _, cells in table.rows] == [cells for cells in rows if any(cells)]


@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_refused_with_a_sentence(content: bytes) -> None:
    for name in ("labels.csv", "labels.tsv"):
        try:
            table = read_table(content, name)
        except DataError as error:
            assert name in str(error)
            continue
        assert all(set(cells) <= set(table.header) for _, cells in table.rows)


@given(LABELS, st.sampled_from([";", "|", ","]))
def test_a_list_of_labels_comes_back_from_its_cell(labels: list[str], separator: str) -> None:
    for joined in (separator.join(labels), f" {separator} ".join([*labels, *labels])):
        assert listed_labels(joined, ";|,") == tuple(labels)


@given(st.lists(CELLS.filter(str.strip), unique=True, max_size=5), st.sampled_from(["single", "multi"]))
def test_any_labels_that_were_taken_away_are_read_as_they_were(labels: list[str], kind: str) -> None:
    table = read_table(as_csv(["case", "labels"], [["a.png", labels_cell(labels, kind)]]).encode(), "cases.csv")
    assert listed_labels(table.rows[0][1]["labels"], SEPARATORS) == tuple(labels)


@given(ANYTHING.filter(lambda cell: not cell.lstrip().startswith("[")))
def test_no_label_is_empty_or_says_that_nothing_is_known(cell: str) -> None:
    for label in listed_labels(cell, ";,"):
        assert label == label.strip()
        assert label.casefold() not in EMPTY
        assert not set(";,") & set(label)


@given(ANYTHING | st.recursive(st.none() | st.booleans() | st.floats() | ANYTHING, st.lists).map(str))
def test_boxes_of_any_text_are_within_the_picture_or_refused(cell: str) -> None:
    try:
        boxes = drawn_boxes(cell)
    except DataError as error:
        assert "Expected a JSON list" in str(error)
        return
    for box in boxes:
        assert 0 <= box.left < box.right <= 1
        assert 0 <= box.top < box.bottom <= 1

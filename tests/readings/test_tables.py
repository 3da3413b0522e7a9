"""Tables for print and for programs: the same numbers, every sign as it was written, no formula, no broken LaTeX."""

from __future__ import annotations

import csv
from io import StringIO
from typing import Any

import pytest

from core.case import Task
from core.readings.answer import Answer
from core.readings.benefit import Benefit, Duel, Gap, benefits
from core.readings.latex import as_latex, escaped
from core.readings.reading import Reading
from core.readings.results import evaluate
from core.readings.tables import Table, readings_as_csv, tables_of
from core.statistics.ends import FEW

TASK = Task(modality="drawn", answers=("a & b_1", "=50 %"))
TITLES = {"vanilla": "plainly tuned", "vitask": "alone"}


def readings() -> list[Reading]:
    """Four cases: plain tuning gets two of them, the other all."""
    return [
        Reading("panes", f"@{number}", "test", reader, (label,), "\t+1", Answer(likely))
        for reader in ("vanilla", "vitask")
        for number, label in enumerate(["a & b_1", "a & b_1", "=50 %", "=50 %"])
        for likely in [(0.75, 0.25) if reader == "vanilla" or number < 2 else (0.25, 0.75)]
    ]


@pytest.fixture(scope="module")
def tables() -> dict[str, Table]:
    results = evaluate(readings(), {"panes": TASK}, 20, 0)
    return {
        table.name: table for table in tables_of(results, benefits(results, "vitask", "vanilla", ("vitask",)), TITLES)
    }


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text)))


def test_there_is_a_table_of_differences_figures_labels_and_confusion(tables: dict[str, Table]) -> None:
    assert list(tables) == ["differences", "figures", "labels", "confusion"]
    assert all("n = 4 test cases" in table.note for table in tables.values())
    assert tables["differences"].rows[0][:5] == ("alone", "plainly tuned", "Macro F1", "1.000", "0.333")


def test_the_best_readers_are_among_the_differences_also_where_the_run_was_not_made_for_them() -> None:
    results = evaluate(readings(), {"panes": TASK}, 20, 0)
    made_for = benefits(results, "vitask", "tsm", ("vitask",))
    best = {"best": {"panes": {"tuned": "vitask", "simple": "vanilla"}}}
    for judged in (made_for, benefits(results | best, "vitask", "vanilla", ("vitask",))):
        judged = judged or (Benefit("", 4, ()),)
        (differences,) = [table for table in tables_of(results | best, judged, TITLES) if table.name == "differences"]
        assert [row[:3] for row in differences.rows] == [("alone", "plainly tuned", "Macro F1")]


def test_why_there_is_no_interval_stands_in_print_and_in_a_column_of_its_own(tables: dict[str, Table]) -> None:
    first = rows_of(tables["figures"].as_csv())[0]
    assert (first["auroc low"], first["auroc why no interval"]) == ("", FEW)
    assert (first["accuracy low"], first["accuracy why no interval"]) == ("", FEW)  # they are all of one patient
    assert as_latex(tables["figures"]).count(f"No interval: {FEW}.") == 1
    assert rows_of(tables["differences"].as_csv())[0]["why no interval"] == FEW


def test_intervals_of_before_are_told_as_percentiles() -> None:
    results = evaluate(readings(), {"panes": TASK}, 20, 0)
    old = {name: part for name, part in results.items() if name != "intervals"}
    notes = [tables_of(figures, [], TITLES)[0].note for figures in (results, old)]
    assert "percentiles" not in notes[0] and "percentiles of a bootstrap" in notes[1]


def test_numbers_stay_numbers_and_names_are_no_formulas(tables: dict[str, Table]) -> None:
    first = rows_of(tables["labels"].as_csv())[0]
    assert (first["reader"], first["label"], first["cases"], float(first["sensitivity"])) == (
        "vanilla",
        "a & b_1",
        "2",
        1.0,
    )
    assert [row["label"] for row in rows_of(tables["labels"].as_csv())][1] == "'=50 %"
    counts = {
        (row["reader"], row["reference label"], row["answer"]): row["cases"]
        for row in rows_of(tables["confusion"].as_csv())
    }
    assert counts["vanilla", "'=50 %", "a & b_1"] == "2" and counts["vitask", "'=50 %", "a & b_1"] == "0"
    (difference,) = [row for row in rows_of(tables["differences"].as_csv()) if row["figure"] == "Accuracy"]
    assert (float(difference["value"]), float(difference["of the other"])) == (1.0, 0.5)


def test_latex_has_a_line_a_row_with_every_sign_as_it_was_written(tables: dict[str, Table]) -> None:
    for table in tables.values():
        lines = as_latex(table).splitlines()
        body = lines[lines.index(r"\midrule") + 1 : lines.index(r"\bottomrule")]
        assert len(body) == len(table.rows)
        assert {line.count(" & ") for line in body} == {len(table.heads) - 1}
        assert all(line.endswith(r" \\") for line in body)
    assert r"a \& b\_1" in as_latex(tables["labels"]) and r"=50 \%" in as_latex(tables["labels"])
    assert r"\begin{table*}" in as_latex(tables["labels"]) and r"\begin{table}" in as_latex(tables["confusion"])


def test_boxes_of_fewer_cases_say_of_how_many() -> None:
    gap = Gap("acc", "Boxes: Acc@IoU .5", 0.7, 0.4, 0.3, 0.1, 0.5)
    answers = Gap("macro_f1", "Macro F1", 0.6, 0.4, 0.2, 0.1, 0.3)
    boxes, labels = Duel("tpo", "tpo-text", 3, (gap,)), Duel("tpo", "vlm", 4, (answers,))
    (table,) = tables_of({"cases": 4, "readers": {}}, [Benefit("", 4, (labels,), (boxes,))], {})
    assert [row[2] for row in table.rows] == ["Macro F1", "Boxes: Acc@IoU .5 (n = 3)"]
    assert "n = 4 test cases, where none stands beside the figure." in table.note


def test_a_row_that_begins_with_a_star_or_a_bracket_keeps_it() -> None:
    """A line's end takes either for its own argument."""
    table = Table("names", "Names", "", ("Reader",), (("*first",), ("[second]",)), ("reader",), ())
    assert "{}*first \\\\\n{}[second] \\\\\n" in as_latex(table)


def test_signs_that_latex_would_obey_are_written() -> None:
    assert escaped("\\input{x} #1 ~ ^ $y$\n50 %") == (
        r"\textbackslash{}input\{x\} \#1 \textasciitilde{} \textasciicircum{} \$y\$ 50 \%"
    )


def test_readings_are_a_row_each_with_a_probability_an_answer() -> None:
    rows: list[dict[str, Any]] = rows_of(readings_as_csv(readings(), {"panes": TASK}))
    assert len(rows) == 8
    assert rows[0] | {"entropy bits": ""} == {
        "set": "panes",
        "case": "'@0",
        "split": "test",
        "patient": "'\t'+1",
        "reference label": "a & b_1",
        "reader": "vanilla",
        "answer": "a & b_1",
        "entropy bits": "",
        "free text": "",
        "p(a & b_1)": "0.75",
        "p(=50 %)": "0.25",
    }
    assert float(rows[0]["entropy bits"]) == pytest.approx(0.811278)


def test_what_is_confused_is_a_matrix_in_print_with_the_answers_by_number(tables: dict[str, Table]) -> None:
    assert tables["confusion"].heads == ("Reader", "Reference label", "1", "2")
    assert tables["confusion"].rows[:2] == (
        ("plainly tuned", "1 a & b_1", "2", "0"),
        ("plainly tuned", "2 =50 %", "2", "0"),
    )
    assert r"\begin{tabular}{llrr}" in as_latex(tables["confusion"]), "a label that begins with its number is a text"


def test_of_several_labels_each_has_its_four_cells_also_beside_a_set_of_one_label() -> None:
    """Of "b" in the first set: 4 neither, 1 false alarm, 2 missed, 3 right. 6 of 9 "x"."""
    cells = [[[9, 0], [0, 1]], [[4, 1], [2, 3]]]
    several: dict[str, Any] = {"per_class": {"v": {"a": {}, "b": {}}}, "confusion": {"v": cells}}
    square = [[6, 2, 1], [3, 4, 0], [0, 0, 5]]
    single: dict[str, Any] = {"per_class": {"v": {"x": {}, "y": {}, "z": {}}}, "confusion": {"v": square}}
    for part in (several, single):
        for label in part["per_class"]["v"].values():
            label.update({"support": {"value": 1}})
    parts = {name: {"cases": 10, "readers": {}, **part} for name, part in (("s", several), ("t", single))}
    (table,) = [
        table for table in tables_of({"cases": 20, "readers": {}, "sets": parts}, [], {}) if table.name == "confusion"
    ]
    assert table.heads == ("Set", "Reader", "Reference label", "TP", "FN", "FP", "TN")
    assert table.rows[1:3] == (("s", "v", "b", "3", "2", "1", "4"), ("t", "v", "x", "6", "3", "3", "9"))

"""A run label by label: what stands in a cell is what its link opens on Compare."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from app.figures import SIZES, drawings_of, for_print
from app.pages.compare.acts import open_comparison
from app.pages.runs import classes
from app.run_words import statement_tables
from core.case import Task
from core.readings import sureness
from core.readings.answer import Answer
from core.readings.calibration import Calibration
from core.readings.reading import Reading, load
from core.readings.results import evaluate
from core.readings.tables import tables_of
from core.records.runs import runs
from core.statistics.ends import FEW
from tests.app.furnished import ANSWERS, Furnished, furnish


@pytest.fixture
def room(tmp_path: Path) -> Furnished:
    """With the figures that its readings make."""
    room = furnish(tmp_path)
    database, place = room.studio.database, room.studio.place
    path = runs.readings_path(place, runs.run(database, room.who, room.run_id), "test")
    measured = evaluate(load(path), {"panes": Task(modality="drawn", answers=ANSWERS)}, 20, 0)
    runs.set_metrics(database, room.run_id, measured)
    return room


def calibrate(room: Furnished) -> None:
    """As runs of more validation cases are: with temperatures of both readers."""
    database, place = room.studio.database, room.studio.place
    path = runs.readings_path(place, runs.run(database, room.who, room.run_id), "test")
    temperatures = {"panes": {"tsm": Calibration(2.0, 22), "vitask": Calibration(0.5, 22)}}
    measured = evaluate(load(path), {"panes": Task(modality="drawn", answers=ANSWERS)}, 20, 0, temperatures)
    runs.set_metrics(database, room.run_id, measured | {"made_for": {"reader": "vitask", "baseline": "vanilla"}})


def test_whether_probabilities_can_be_believed_is_drawn_raw_and_calibrated(room: Furnished) -> None:
    assert "Nothing was calibrated" in classes.reliability(view_of(room)).layout.annotations[0].text
    calibrate(room)
    figure = classes.reliability(view_of(room))
    lines = {(trace.name, trace.xaxis): trace for trace in figure.data if trace.name}
    assert {name for name, _ in lines} == {"the TSM alone", "VITask, reading alone"} and len(lines) == 4
    # All three answers in a bin: .9, .9 and .6 by the TSM, two of them right.
    raw, calibrated = lines["the TSM alone", "x"], lines["the TSM alone", "x2"]
    assert (raw.x[0], raw.y[0]) == pytest.approx((0.8, 2 / 3))
    assert calibrated.x[0] == pytest.approx((0.75 + 0.75 + 0.6**0.5 / (0.6**0.5 + 0.4**0.5)) / 3)
    assert raw.hovertext == ("3 answers",) and raw.error_y.array[0] > 0
    drawing = next(each for each in drawings_of(view_of(room), [], {}) if each.name == "reliability")
    assert "n = 3 test cases" in drawing.note and all(for_print(drawing, size)["data"] for size in SIZES.values())


def test_raw_and_calibrated_stand_in_a_table_on_the_page_and_in_one_to_take_away(room: Furnished) -> None:
    assert "temperature" not in statement_tables(view_of(room).metrics)
    calibrate(room)
    view = view_of(room)
    page = statement_tables(view.metrics)
    assert "by 22 validation cases" in page and sureness.ABOUT in unescape(page) and "<td>2.00</td>" in page
    (table,) = (each for each in tables_of(view.metrics or {}, [], {}) if each.name == "calibration")
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.cells}
    assert rows["vitask"]["temperature"] == 0.5 and rows["tsm"]["overconfidence_raw"] == pytest.approx(0.8 - 2 / 3)
    assert rows["tsm"]["log_loss_calibrated low"] is None and rows["tsm"]["log_loss_calibrated why no interval"]


def view_of(room: Furnished) -> runs.RunView:
    return runs.run(room.studio.database, room.who, room.run_id)


def test_every_count_opens_as_many_cases(room: Furnished) -> None:
    drawn = classes.draw(view_of(room))
    comparison = open_comparison(room.visit(), room.run_id, "test")
    links = re.findall(r'<a href="([^"]+)">(\d+)</a>', drawn)
    assert len(links) == 2 + 3  # vitask is right everywhere, the TSM takes a hazy one for clear
    for address, count in links:
        query = {name: values[0] for name, values in parse_qs(urlparse(unescape(address)).query).items()}
        assert query.pop("run") == str(room.run_id) and query.pop("split") == "test"
        assert len(comparison.find(**query)) == int(count)


def test_each_label_is_told_with_its_cases_and_intervals(room: Furnished) -> None:
    drawn = classes.draw(view_of(room))
    assert drawn.count("<details") == 2 and "the TSM alone" in drawn
    assert drawn.count("<td>hazy</td><td class=n>2</td>") == 2
    assert all(f"<th class=n>{head}</th>" in drawn for head in ("Sensitivity", "Specificity", "PPV", "NPV", "AUROC"))
    assert "<td class=n>0.500<br><small class=quiet>0.095 to 0.905</small></td>" in drawn  # one of two, Wilson
    assert f"<small class=quiet>no interval: {FEW}</small>" in drawn
    assert 'title="1 of 2 with the label hazy were answered clear"' in drawn


def test_the_reader_that_a_run_was_made_for_is_open(room: Furnished) -> None:
    view = view_of(room)
    assert view.aim is not None
    drawn = classes.draw(replace(view, aim=replace(view.aim, reader="vitask")))
    assert drawn.count("<details open") == 1 and drawn.index("<details open") < drawn.index("VITask, reading alone")


def test_of_several_labels_each_has_its_own_four_cells_and_nothing_is_a_matrix(room: Furnished) -> None:
    task = Task(kind="multi", modality="drawn", answers=("left <spot>", "right"))
    truths: list[tuple[str, ...]] = [("left <spot>",), ("left <spot>", "right"), (), ()]
    likely = [(0.9, 0.1), (0.2, 0.8), (0.7, 0.1), (0.1, 0.1)]
    readings = [
        Reading("panes", f"{number}", "test", "vitask", labels, None, Answer(answer))
        for number, (labels, answer) in enumerate(zip(truths, likely, strict=True))
    ]
    view = replace(view_of(room), metrics=evaluate(readings, {"panes": task}, 20, 0))
    drawn = classes.draw(view)
    assert "answer →" not in drawn and "<spot>" not in drawn and "there, missed" in drawn
    (row,) = re.findall(r"<tr><th>left &lt;spot&gt;</th>(.*?)</tr>", drawn)
    assert re.findall(r">(\d+)</", row) == ["1", "1", "1", "1"]
    assert "label=left+%3Cspot%3E&amp;answer=%C2%ACleft+%3Cspot%3E" in row


def test_curves_are_drawn_of_every_reader_with_its_point(room: Furnished) -> None:
    figure = classes.curves(room.visit(), view_of(room))
    lines: list[Any] = [trace for trace in figure.data if trace.mode == "lines" and trace.name]
    rings = [trace for trace in figure.data if trace.mode == "markers"]
    assert len(lines) == len(rings) == 2 * 2  # two readers, two labels
    assert [note.text for note in figure.layout.annotations] == ["clear (n = 1)", "hazy (n = 2)"]
    assert (rings[2].x, rings[2].y) == ((0.0,), (0.5,)) and "sensitivity 0.500, specificity 1.000" in rings[2].hovertext


def test_where_the_readings_are_elsewhere_the_curves_say_so(room: Furnished) -> None:
    view = view_of(room)
    runs.readings_path(room.studio.place, view, "test").unlink()
    (note,) = classes.curves(room.visit(), view).layout.annotations
    assert "has no readings/test.parquet yet" in note.text

"""What is taken away of a finished run: each link and each button of the page has something behind it."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from html import unescape
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.figures import SIZES, drawings_of, for_print
from app.pages.runs import taking
from app.pages.runs.acts import probe_run
from app.taken import figures_of
from core.case import Task
from core.readings.reading import load
from core.readings.results import evaluate
from core.records import audit
from core.records.runs import runs
from core.records.runs import taking as records_taking
from core.records.runs.benefits import judged
from tests.app.furnished import ANSWERS, Furnished, browsing, furnish, metrics
from tests.app.test_run_probes import carry_out
from tests.records.test_seeds import finished, queued


@pytest.fixture
def room(tmp_path: Path) -> Furnished:
    room = furnish(tmp_path)
    database, place = room.studio.database, room.studio.place
    path = runs.readings_path(place, runs.run(database, room.who, room.run_id), "test")
    readings = load(path)
    measured = evaluate(readings, {"panes": Task(modality="drawn", answers=ANSWERS)}, 20, 0)
    runs.set_metrics(database, room.run_id, measured | {"made_for": {"reader": "vitask", "baseline": "tsm"}})
    return room


@pytest.fixture
def browser(room: Furnished) -> Iterator[TestClient]:
    with browsing(room.studio) as browser:
        yield browser


def drawn(room: Furnished) -> str:
    return taking.draw(room.visit(), runs.run(room.studio.database, room.who, room.run_id))


def test_every_figure_comes_with_title_count_and_intervals_at_both_sizes(room: Furnished, browser: TestClient) -> None:
    addresses = re.findall(r'data-figure="([^"]+)"', drawn(room))
    # Figures, differences, ROC curves, what each of two readers confuses, losses and validation cases.
    assert len(addresses) == 7 * len(SIZES) * 2
    for address in dict.fromkeys(addresses):
        figure = browser.get(unescape(address)).json()
        size = SIZES[address.rpartition("/")[2].removesuffix(".json")]
        title = figure["layout"]["title"]["text"]
        assert figure["width"] == size.width and figure["data"] and "n = 3 " in title and "of Panes" in title
        has_intervals = "/figures/figures/" in address or "differences" in address
        assert ("95 % intervals over patients" in title) == has_intervals
        assert (figure["layout"]["paper_bgcolor"], figure["scale"]) == ("white", size.scale)


def test_each_comparison_has_room_for_its_words_in_a_column(room: Furnished) -> None:
    ends = {"macro_f1": {"value": 0.1, "low": 0.05, "high": 0.15, "band_low": 0.01, "band_high": 0.19}}
    pairs = ("vitask+tsm - vanilla", "vitask+tsm - tsm", "vitask - vanilla", "vitask - tsm")
    measured = metrics("macro_f1", dict.fromkeys(("tsm", "vanilla", "vitask", "vitask+tsm"), (0.5, 0.4, 0.6)))
    runs.set_metrics(room.studio.database, room.run_id, measured | {"differences": dict.fromkeys(pairs, ends)})
    run = runs.run(room.studio.database, room.who, room.run_id)
    drawings = drawings_of(run, [each.benefit for each in judged(run)], {})
    (drawing,) = [drawing for drawing in drawings if drawing.name == "differences"]
    size = SIZES["column"]
    layout = for_print(drawing, size)["layout"]
    inside = layout["height"] - layout["margin"]["t"] - layout["margin"]["b"]
    assert inside / len(pairs) > 3 * 1.3 * size.font


def test_a_column_is_8_5_cm_and_a_slide_16_to_9() -> None:
    column, slide = SIZES["column"], SIZES["slide"]
    assert column.width / 96 * 2.54 == pytest.approx(8.5, abs=0.02) and column.width * column.scale > 2000
    assert slide.width * 9 == slide.height * 16 and slide.width * slide.scale == 1920


def test_every_link_gives_a_file_and_the_audit_knows(room: Furnished, browser: TestClient) -> None:
    links = [unescape(link) for link in re.findall(r'href="([^"]+)"', drawn(room))]
    assert len(links) == 4 * 2 + 2 + 2
    texts = {link: browser.get(link) for link in links if not link.endswith("readings-val.csv")}
    assert {answer.status_code for answer in texts.values()} == {200}
    assert all("attachment" in answer.headers["content-disposition"] for answer in texts.values())
    at = f"/downloads/runs/{room.run_id}"
    assert "p(clear)" in texts[f"{at}/readings-test.csv"].text and r"\toprule" in texts[f"{at}/tables/labels.tex"].text
    assert "was tuned by VITask" in texts[f"{at}/methods.txt"].text
    assert browser.get(f"{at}/readings-val.csv").status_code == 400  # this run has read no validation cases
    subjects = [row.subject for row in audit.entries(room.studio.database, room.who, room.who.projects[0])]
    assert "First readings test.csv" in subjects


@pytest.mark.parametrize("way", ["figures/none/slide.json", "figures/figures/poster.json", "tables/none.csv"])
def test_what_is_not_there_is_told(room: Furnished, browser: TestClient, way: str) -> None:
    answer = browser.get(f"/downloads/runs/{room.run_id}/{way}")
    assert answer.status_code == 400 and "hoose another" in answer.text


def test_readings_are_of_validation_or_test_cases(room: Furnished, browser: TestClient) -> None:
    answer = browser.get(f"/downloads/runs/{room.run_id}/readings-train.csv")
    assert answer.status_code == 400 and "test" in answer.text
    assert browser.get("/downloads/runs/999/readings-test.csv").status_code == 404


def test_a_run_that_is_not_finished_has_nothing_to_take_away(room: Furnished) -> None:
    waiting = runs.run(room.studio.database, room.who, room.queue("Second"))
    assert "once the run is finished" in taking.draw(room.visit(), waiting)


def test_names_stand_as_text(room: Furnished) -> None:
    name = room.queue("<b>bold</b>")
    runs.set_metrics(room.studio.database, name, {"cases": 1, "readers": {"<i>x</i>": {}}, "confusion": {}})
    view = runs.run(room.studio.database, room.who, name)
    assert "<i>x" not in "".join(taking._table_rows(room.visit(), view, ""))


def test_what_draws_is_served_here(browser: TestClient) -> None:
    answer = browser.get("/plotly.js")
    assert answer.headers["content-type"].startswith("text/javascript") and "Plotly" in answer.text


def told(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.1, "high": value + 0.1}


def kind(title: str, **figures: str) -> dict[str, Any]:
    readers = {"vitask": {name: told(0.5) for name in figures}}
    return {"title": title, "titles": figures, "cases": 2, "readers": readers}


@pytest.fixture
def said(room: Furnished) -> Furnished:
    """A run of several labels whose reader also says boxes and finds pictures, and was probed."""
    figures = {
        "accuracy": told(0.5),
    }
    results = {
        "cases": 3,
        "readers": {"vitask": figures},
        "per_class": {"vitask": {"a & b": {"support": told(3)}, "c_d": {"support": told(4)}}},
        "confusion": {"vitask": [[[5, 1], [2, 4]], [[9, 0], [0, 3]]]},
        "statements": {
            "regions": kind("Where it is", acc_50="Acc@IoU .5", map_50="mAP .5"),
            "retrieval": kind("Finding captions and pictures", picture_to_caption_1="Caption of a picture, recall@1"),
        },
        "made_for": {"reader": "vitask", "baseline": "tsm"},
    }
    runs.set_metrics(room.studio.database, room.run_id, results)
    carry_out(room, probe_run(room.visit(), room.run_id, 12))
    return room


SAID = ("said-regions", "said-retrieval", "probe-composition", "probe-presence")


def test_boxes_finding_probes_and_several_labels_are_figures_too(said: Furnished) -> None:
    run = runs.run(said.studio.database, said.who, said.run_id)
    drawings = {each.name: each for each in figures_of(said.studio.database, said.studio.place, said.who, run)}
    assert set(drawings) >= {*SAID, "labels-vitask", "losses", "validation"} and "confusion-vitask" not in drawings
    for size in SIZES.values():
        for name, whose in (("losses", "training cases"), ("validation", "validation cases")):
            assert f"{whose} out of n = " in drawings[name].note
        for name in SAID:
            drawn = for_print(drawings[name], size)
            assert "n = " in drawn["layout"]["title"]["text"] and "intervals" in drawn["layout"]["title"]["text"]
            assert drawn["data"][0]["error_y"]["array"]
        cells = for_print(drawings["labels-vitask"], size)["data"][0]
        assert [list(row) for row in cells["text"]] == [[4, 2, 1, 5], [3, 0, 0, 9]]
        assert list(cells["z"][0]) == pytest.approx([4 / 6, 2 / 6, 1 / 6, 5 / 6])


def test_boxes_finding_and_probes_are_tables_too(said: Furnished) -> None:
    run = runs.run(said.studio.database, said.who, said.run_id)
    tables = {table.name: table for table in records_taking.run_tables(said.studio.database, said.who, run)}
    assert set(tables) >= {*SAID, "probe-blind"}
    boxes = tables["said-regions"]
    assert boxes.heads == ("Reader", "Acc@IoU .5", "mAP .5") and boxes.rows[0][1] == "0.500 [0.400, 0.600]"
    rows = list(csv.DictReader(StringIO(boxes.as_csv())))
    of_figures = {name: rows[0][name] for name in ("acc_50", "map_50", "map_50 low", "map_50 high")}
    assert of_figures == {"acc_50": "0.5", "map_50": "0.5", "map_50 low": "0.4", "map_50 high": "0.6"}
    assert rows[0]["map_50 why no interval"] == ""
    assert "percentiles of a bootstrap" in boxes.note, "these figures were kept before other intervals came"
    assert "of pets" in tables["probe-presence"].note and "percentiles" not in tables["probe-presence"].note


def test_answers_of_many_labels_stand_by_number_so_that_long_names_do_not_run_into_each_other(room: Furnished) -> None:
    labels = [f"a very long name of a kind of cell, {place}" for place in range(9)]
    results = {
        "cases": 9,
        "readers": {"vitask": {"accuracy": told(0.5)}},
        "per_class": {"vitask": {label: {"support": told(1)} for label in labels}},
        "confusion": {"vitask": [[int(row == column) for column in range(9)] for row in range(9)]},
        "made_for": {"reader": "vitask", "baseline": "tsm"},
    }
    runs.set_metrics(room.studio.database, room.run_id, results)
    run = runs.run(room.studio.database, room.who, room.run_id)
    (drawing,) = [drawing for drawing in drawings_of(run, [], {}) if drawing.name == "confusion-vitask"]
    heat = for_print(drawing, SIZES["column"])["data"][0]
    assert list(heat["x"]) == [str(number) for number in range(1, 10)]
    assert heat["y"][8].replace("<br>", " ") == "9  a very long name of a kind of cell, 8"


def test_several_seeds_are_a_figure_with_a_ring_each_and_their_mean(room: Furnished) -> None:
    made = queued(room, "Mine", 3, seed=5, preset="thorough")
    for run_id, aided, plain in zip(made, (0.9, 0.7, 0.8), (0.6, 0.6, 0.6), strict=True):
        finished(room, run_id, aided, plain)
    db, run = room.studio.database, runs.run(room.studio.database, room.who, made[0])
    (seeds,) = [each for each in figures_of(db, room.studio.place, room.who, run) if each.name == "seeds"]
    drawn = for_print(seeds, SIZES["column"])
    assert "Macro F1 of 3 seeds" in drawn["layout"]["title"]["text"] and "n = 3 seeds" in seeds.note
    rings, average = [trace for trace in drawn["data"] if "exemplar" in trace["x"][0]]
    assert list(rings["y"]) == [0.9, 0.7, 0.8] and average["y"][0] == pytest.approx(0.8)
    above, below = (average["error_y"][side][0] for side in ("array", "arrayminus"))
    assert above == pytest.approx(0.2) and below > above, "the interval ends at 1, where the figure does"
    assert len({trace["x"][0] for trace in drawn["data"]}) == 3, "readers, and no difference among them"

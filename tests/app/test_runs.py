"""The page Runs: what it shows of a run, and what its buttons wish."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from app.context import Studio
from app.pages.runs.page import POSSIBLE, RunsPage, part
from app.words import lasting
from core.errors import CoreError
from core.records import jobs, runs
from core.records.database import open_database
from core.records.place import Place
from core.records.tables import Run
from tests.app.furnished import Furnished, asking, furnish, metrics
from tests.let_in import let_in


@pytest.fixture
def room(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    return furnish(tmp_path_factory.mktemp("room"))


@pytest.fixture
def page(room: Furnished) -> RunsPage:
    return RunsPage(room.studio)


def test_a_run_is_shown_with_its_curves_and_figures(page: RunsPage, room: Furnished) -> None:
    told = page.tick(room.run_id, None, asking())
    table, (head, _, losses, validation, meters, bars, seen) = told[0], told[6:13]
    assert table[0][:2] == [room.run_id, "First"] and "finished" in table[0][4]
    assert "stage-2: 2 of 2" in head
    assert losses.data[0].y == (1.0, 0.5, None, 1.0, 0.5)
    assert validation.data[0].y == (0.8,) and meters.data[0].name == "memory, GiB"
    assert bars.data[0].y[0] == pytest.approx(2 / 3)
    again = page.tick(room.run_id, seen, asking())
    assert [*again[:12], *again[13:]] == [gr.skip()] * 17 and again[12] == seen  # nothing new: nothing is drawn again
    _, _, _, _, _, _, other, _, curves, *_ = page.tick(room.queue("Second"), seen, asking())
    assert "Second" in other and not curves.data


@pytest.mark.parametrize("told", [{}, {"made_for": {"reader": "vanilla", "baseline": "vlm"}}], ids=["older", "told"])
def test_the_list_shows_the_reader_that_a_run_was_made_for(
    page: RunsPage, room: Furnished, told: dict[str, Any]
) -> None:
    """Of plain tuning that is the tuned VLM, though the small convnet beside it is better and comes last."""
    plain = room.queue("Plain", method={"name": "vanilla"})
    readers = {"vlm": (0.2, 0.1, 0.3), "vanilla": (0.661, 0.6, 0.7), "tsm": (0.802, 0.75, 0.85)}
    runs.set_metrics(room.studio.database, plain, metrics("macro_f1", readers) | told)
    cell = page.table(None, asking())[0][0][7]
    assert cell.index("0.661 (0.600 to 0.700) <small>vanilla") < cell.index("0.200 (0.100 to 0.300) <small>vlm")
    assert "0.802" not in cell
    assert page.run(plain, asking())["made_for"] == {"reader": "vanilla", "baseline": "vlm"}


def test_a_run_of_a_method_that_is_gone_shows_no_figure(page: RunsPage, room: Furnished) -> None:
    with room.studio.database.session() as session:
        session.get_one(Run, room.run_id).settings = {"method": {"name": "gone"}}
    assert page.table(None, asking())[0][0][7] == "–"


def test_a_run_that_comes_later_is_offered_and_looked_at(tmp_path: Path) -> None:
    database = open_database(place := Place.at(tmp_path))
    database.upgrade()
    let_in(database)
    page = RunsPage(Studio(place, database))
    told = page.tick(None, None, asking())
    first, notice, seen = told[3], told[5], told[12]
    assert "No run yet" in notice and first["value"] is None and first["choices"] == []
    assert page.tick(None, seen, asking())[3:6] == (gr.skip(),) * 3


def test_a_new_run_joins_the_choosers_and_leaves_the_chosen_one(page: RunsPage, room: Furnished) -> None:
    seen = page.tick(room.run_id, None, asking())[12]
    newest = room.queue("Second")
    first, several, notice = page.tick(room.run_id, seen, asking())[3:6]
    assert "value" not in first and (f"{newest} · Second", newest) in first["choices"] == several["choices"]
    assert [number for _, number in first["choices"]] == [newest, room.run_id] and notice == gr.skip()
    assert page.tick(room.run_id, None, asking())[5] == ""
    assert page.tick(None, seen, asking())[3]["value"] == newest


def test_only_what_can_be_done_is_offered(page: RunsPage, room: Furnished) -> None:
    offered = [one["interactive"] for one in page.tick(room.run_id, None, asking())[-5:]]
    assert offered == [False, False, False, True, True]
    waiting = room.queue("Second")
    offered = [one["interactive"] for one in page.tick(waiting, None, asking())[-5:]]
    assert offered == [True, False, True, True, False]
    assert len(POSSIBLE) == 5


def test_a_waiting_run_stops_at_once_and_resumes(page: RunsPage, room: Furnished) -> None:
    waiting = room.queue("Second")
    page.stop(waiting, asking())
    assert page.run(waiting, asking())["state"] == "stopped"
    page.resume(waiting, asking())
    assert page.run(waiting, asking())["state"] == "waiting"
    page.cancel(waiting, asking())
    assert page.run(waiting, asking())["state"] == "cancelled"


def test_the_queue_is_put_in_order(page: RunsPage, room: Furnished) -> None:
    named = {name: room.queue(name) for name in ("one", "two", "three")}
    job = {name: runs.run(room.studio.database, room.who, number).job_id for name, number in named.items()}

    def order() -> list[str]:
        return [label.split(" · ")[1].split(" (")[0] for label, _ in page.table(None, asking())[2]["choices"]]

    assert order() == ["one", "two", "three"]
    page.up(job["three"], asking())
    assert order() == ["one", "three", "two"]
    page.down(job["one"], asking())
    assert order() == ["three", "one", "two"]
    page.down(job["one"], asking())
    assert order() == ["three", "two", "one"]
    page.up(job["three"], asking())
    assert order() == ["three", "two", "one"]


def test_entries_of_the_queue_are_told_apart_and_a_place_is_no_number_of_a_run(page: RunsPage, room: Furnished) -> None:
    first, second = room.queue("The same"), room.queue("The same")
    _, queue, waiting, *_ = page.table(None, asking())
    labels = [label for label, _ in waiting["choices"]]
    assert labels == [f"{first} · The same (waits, 1st)", f"{second} · The same (waits, 2nd)"]
    assert queue.index(f"<td>{first} · The same</td><td>Panes · version 1</td>") < queue.index("<td>waits, 1st</td>")
    assert queue.count("waits, 1st") == queue.count("waits, 2nd") == 1


def test_the_queue_pauses_and_goes_on_after_failures(page: RunsPage, room: Furnished) -> None:
    page.pause(True, asking())
    page.go_on(False, asking())
    assert [shown["value"] for shown in page.open(asking())[2:4]] == [True, False]
    assert jobs.queue_state(room.studio.database, "tune").is_paused


def test_logs_are_searched(page: RunsPage, room: Furnished) -> None:
    whole, seen = page.log(room.run_id, "", None, asking())
    assert whole == seen and whole.count("\n") == 1
    assert page.log(room.run_id, "", seen, asking()) == (gr.skip(), gr.skip())
    assert page.log(room.run_id, "loss", seen, asking())[0].endswith("step 10: loss 0.50")
    assert page.log(room.run_id, "nowhere", seen, asking())[0] == 'No line holds "nowhere".'


def test_side_by_side_shows_what_differs(page: RunsPage, room: Furnished) -> None:
    other = room.queue("Second", seed=1)
    curve, figure, differ, rows = page.beside([room.run_id, other], None, asking())
    assert curve["value"] == "val/macro_f1" and [line.name for line in figure.data] == [f"{room.run_id} · First"]
    assert differ["value"] == [["seed", "0", "1"]]
    assert rows[0] == [f"{room.run_id} · First", "tsm", "0.667 (0.500 to 0.900)", "–", "–", "–"] and len(rows) == 3


def test_the_address_chooses_the_run(page: RunsPage, room: Furnished) -> None:
    newer = room.queue("Second")
    assert page.open(asking())[0]["value"] == newer
    assert page.open(asking({"run": str(room.run_id)}))[0]["value"] == room.run_id


def test_buttons_without_a_run_say_so(page: RunsPage) -> None:
    with pytest.raises(CoreError, match="No run is chosen"):
        page.stop(None, asking())  # type: ignore[arg-type]


def test_curves_are_parted_by_kind() -> None:
    assert part({"loss/van": 1, "val/accuracy": 2}, "loss/") == {"van": 1}


@pytest.mark.parametrize(("seconds", "said"), [(None, "–"), (0.2, "1 s"), (240, "4 min"), (7500, "2 h 5 min")])
def test_durations_in_words(seconds: float | None, said: str) -> None:
    assert lasting(seconds) == said

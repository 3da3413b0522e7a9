"""The page Runs: what it shows of a run, and what its buttons wish."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio.blocks import Block

from app.context import Studio
from app.pages.runs import acts
from app.pages.runs import queue as runs_queue
from app.pages.runs.listing import COLUMNS
from app.pages.runs.page import RunsPage, part
from app.pages.runs.parts import lay_out
from app.run_words import statement_tables
from app.words import lasting
from core.errors import CoreError
from core.records import jobs
from core.records.place import Place
from core.records.runs import runs
from core.records.tables import Run
from tests.app.furnished import Furnished, furnish, metrics, visiting
from tests.let_in import let_in
from tests.migrated import new_records


@pytest.fixture
def room(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    return furnish(tmp_path_factory.mktemp("room"))


@pytest.fixture
def page() -> RunsPage:
    return laid_out()


def laid_out() -> RunsPage:
    with gr.Blocks():
        return RunsPage(lay_out())


def buttons(page: RunsPage) -> list[Block]:
    acts = page.parts.run.acts
    return [acts.stop, acts.resume, acts.cancel, acts.copy, acts.compare]


def first_row(table: list[list[Any]]) -> dict[str, Any]:
    """By the headers that stand over it."""
    return dict(zip(COLUMNS, table[0], strict=True))


def test_a_run_is_shown_with_its_curves_and_figures(page: RunsPage, room: Furnished) -> None:
    changed = page.tick(room.visit(), room.run_id, None)
    run, plots, sent = page.parts.run, page.parts.run.plots, changed[page.parts.sent]
    row = first_row(changed[run.listed.table])
    assert (row["Run"], row["Name"]) == (room.run_id, "First") and "finished" in row["State"]
    assert "stage-2: 2 of 2" in changed[run.head]
    assert changed[plots.losses].data[0].y == (1.0, 0.5, None, 1.0, 0.5)
    assert changed[plots.validation].data[0].y == (0.8,) and changed[plots.device].data[0].name == "memory, GiB"
    assert changed[plots.bars].data[0].y[0] == pytest.approx(2 / 3)
    assert page.tick(room.visit(), room.run_id, sent) == {page.parts.sent: sent}  # nothing new: nothing is drawn again
    changed = page.tick(room.visit(), room.queue("Second"), sent)
    assert "Second" in changed[run.head] and not changed[plots.losses].data


@pytest.mark.parametrize("told", [{}, {"made_for": {"reader": "vanilla", "baseline": "vlm"}}], ids=["older", "told"])
def test_the_list_shows_the_reader_that_a_run_was_made_for(
    page: RunsPage, room: Furnished, told: dict[str, Any]
) -> None:
    """Of plain tuning that is the tuned VLM, though the small convnet beside it is better and comes last."""
    plain = room.queue("Plain", method={"name": "vanilla"})
    readers = {"vlm": (0.2, 0.1, 0.3), "vanilla": (0.661, 0.6, 0.7), "tsm": (0.802, 0.75, 0.85)}
    runs.set_metrics(room.studio.database, plain, metrics("macro_f1", readers) | told)
    cell = first_row(page.lists(room.visit(), None)[page.parts.run.listed.table])["Macro F1"]
    plain_words = ["the VLM, plainly tuned", "the VLM, untuned"]
    lines = ["0.661 (0.600 to 0.700) <small", ">vanilla<", "0.200 (0.100 to 0.300) <small", ">vlm<"]
    assert [line for line in lines if line in cell] == sorted(lines, key=cell.index)
    assert [f'title="{title}"' in cell for title in plain_words] == [True, True]
    assert "0.802" not in cell
    assert acts.one_run(room.visit(), plain)["made_for"] == {"reader": "vanilla", "baseline": "vlm"}


def test_a_run_of_a_method_that_is_gone_shows_no_figure(page: RunsPage, room: Furnished) -> None:
    with room.studio.database.session() as session:
        session.get_one(Run, room.run_id).settings = {"method": {"name": "gone"}}
    assert first_row(page.lists(room.visit(), None)[page.parts.run.listed.table])["Macro F1"] == "–"


def test_a_run_that_comes_later_is_offered_and_looked_at(tmp_path: Path) -> None:
    database = new_records(place := Place.at(tmp_path))
    let_in(database)
    page, visit = laid_out(), visiting(Studio(place, database))
    changed = page.tick(visit, None, None)
    chooser = changed[page.parts.run.run]
    assert "No run yet" in changed[page.parts.notice] and chooser["value"] is None and chooser["choices"] == []
    assert page.tick(visit, None, changed[page.parts.sent]).keys() == {page.parts.sent}


def test_a_new_run_joins_the_choosers_and_leaves_the_chosen_one(page: RunsPage, room: Furnished) -> None:
    first, several, notice = page.parts.run.run, page.parts.beside.several, page.parts.notice
    before = page.tick(room.visit(), room.run_id, None)
    newest = room.queue("Second")
    changed = page.tick(room.visit(), room.run_id, before[page.parts.sent])
    assert "value" not in changed[first] and notice not in changed and before[notice] == ""
    assert (f"{newest} · Second", newest) in changed[first]["choices"] == changed[several]["choices"]
    assert [number for _, number in changed[first]["choices"]] == [newest, room.run_id]
    changed = page.tick(room.visit(), None, before[page.parts.sent])
    assert changed[first]["value"] == newest


def test_only_what_can_be_done_is_offered(page: RunsPage, room: Furnished) -> None:
    def offered(run_id: int) -> list[bool]:
        changed = page.tick(room.visit(), run_id, None)
        return [changed[button]["interactive"] for button in buttons(page)]

    assert offered(room.run_id) == [False, False, False, True, True]
    assert offered(room.queue("Second")) == [True, False, True, True, False]


def test_a_waiting_run_stops_at_once_and_resumes(room: Furnished) -> None:
    waiting, visit = room.queue("Second"), room.visit()
    acts.stop(visit, waiting)
    assert acts.one_run(visit, waiting)["state"] == "stopped"
    acts.resume(visit, waiting)
    assert acts.one_run(visit, waiting)["state"] == "waiting"
    acts.cancel(visit, waiting)
    assert acts.one_run(visit, waiting)["state"] == "cancelled"


def waiting_of(page: RunsPage, room: Furnished) -> list[str]:
    lists = page.lists(room.visit(), None)
    return [label for label, _ in lists[page.parts.queue.waiting]["choices"]]


def test_the_queue_is_put_in_order(page: RunsPage, room: Furnished) -> None:
    named = {name: room.queue(name) for name in ("one", "two", "three")}
    job = {name: runs.run(room.studio.database, room.who, number).job_id for name, number in named.items()}

    def order() -> list[str]:
        return [label.split(" · ")[1].split(" (")[0] for label in waiting_of(page, room)]

    assert order() == ["one", "two", "three"]
    runs_queue.up(room.visit(), job["three"])
    assert order() == ["one", "three", "two"]
    runs_queue.down(room.visit(), job["one"])
    assert order() == ["three", "one", "two"]
    runs_queue.down(room.visit(), job["one"])
    assert order() == ["three", "two", "one"]
    for move, name in ((runs_queue.down, "one"), (runs_queue.up, "three")):  # no further than the ends
        move(room.visit(), job[name])
        assert order() == ["three", "two", "one"]


def test_entries_of_the_queue_are_told_apart_and_a_place_is_no_number_of_a_run(page: RunsPage, room: Furnished) -> None:
    first, second = room.queue("The same"), room.queue("The same")
    lists = page.lists(room.visit(), None)
    queue = lists[page.parts.queue.rows]
    assert waiting_of(page, room) == [f"{first} · The same (waits, 1st)", f"{second} · The same (waits, 2nd)"]
    assert queue.index(f"<td>{first} · The same</td><td>Panes · version 1</td>") < queue.index("<td>waits, 1st</td>")
    assert queue.count("waits, 1st") == queue.count("waits, 2nd") == 1


def test_the_queue_pauses_and_goes_on_after_failures(page: RunsPage, room: Furnished) -> None:
    runs_queue.pause(room.visit(), True)
    runs_queue.go_on(room.visit(), False)
    changed = page.open(room.visit())
    queue = page.parts.queue
    assert [changed[box]["value"] for box in (queue.is_paused, queue.goes_on)] == [True, False]
    assert jobs.queue_state(room.studio.database, "tune").is_paused


def test_logs_are_searched(page: RunsPage, room: Furnished) -> None:
    log, printed = page.parts.run.log, page.parts.printed
    changed = page.log(room.visit(), room.run_id, "", None)
    assert changed[log] == changed[printed] and changed[log].count("\n") == 1
    assert page.log(room.visit(), room.run_id, "", changed[printed]) == {}
    assert str(page.log(room.visit(), room.run_id, "loss", changed[printed])[log]).endswith("step 10: loss 0.50")
    assert page.log(room.visit(), room.run_id, "nowhere", changed[printed])[log] == 'No line holds "nowhere".'


def test_side_by_side_shows_what_differs(page: RunsPage, room: Furnished) -> None:
    other, beside = room.queue("Second", seed=1), page.parts.beside
    changed = page.beside(room.visit(), [room.run_id, other], None)
    lines, rows = changed[beside.together].data, changed[beside.rows]
    assert changed[beside.curve]["value"] == "val/macro_f1"
    assert [line.name for line in lines] == [f"{room.run_id} · First"]
    assert changed[beside.differ]["value"] == [["seed", "0", "1"]]
    assert (
        rows[0] == [f"{room.run_id} · First", "the TSM alone (tsm)", "0.667 (0.500 to 0.900)", "–", "–", "–"]
        and len(rows) == 3
    )


def test_the_address_chooses_the_run(page: RunsPage, room: Furnished) -> None:
    newer = room.queue("Second")
    for visit, chosen in ((room.visit(), newer), (room.visit(run=room.run_id), room.run_id)):
        changed = page.open(visit)
        assert changed[page.parts.run.run]["value"] == chosen


def test_buttons_without_a_run_say_so(room: Furnished) -> None:
    with pytest.raises(CoreError, match="No run is chosen"):
        acts.stop(room.visit(), None)  # type: ignore[arg-type]


def test_curves_are_parted_by_kind() -> None:
    point = [("stage-1", 1, 0.5)]
    assert part({"loss/van": point, "val/accuracy": []}, "loss/") == {"van": point}


@pytest.mark.parametrize(("seconds", "said"), [(None, "–"), (0.2, "1 s"), (240, "4 min"), (7500, "2 h 5 min")])
def test_durations_in_words(seconds: float | None, said: str) -> None:
    assert lasting(seconds) == said


def test_what_readers_said_beside_their_answers_has_its_own_table_of_figures() -> None:
    near = {"distance": {"value": 0.125, "low": 0.1, "high": 0.2}, "hits": {"value": None, "low": None, "high": None}}
    point = {"title": "Where it is", "cases": 7, "titles": {"distance": "Distance", "hits": "<b>Hits</b>"}}
    told = statement_tables({"readers": {}, "statements": {"point": point | {"readers": {"pointing": near}}}})
    assert "Where it is (7 cases with a reference)" in told and "<th>Distance</th>" in told
    assert "<td>0.125 [0.100, 0.200]</td><td>–</td>" in told and "<b>Hits" not in told
    assert statement_tables(None) == statement_tables({"readers": {}}) == ""


def compared(view_metrics: dict[str, Any], ends: tuple[float, float, float]) -> dict[str, Any]:
    """Figures with a difference of the reader with the exemplar to plain tuning."""
    difference = {"macro_f1": dict(zip(("value", "low", "high"), ends, strict=True))}
    return view_metrics | {"cases": 3, "differences": {"vitask+tsm - vanilla": difference}}


def test_a_finished_run_opens_on_whether_it_helped(page: RunsPage, room: Furnished) -> None:
    readers = {"vanilla": (0.5, 0.3, 0.7), "vitask+tsm": (0.75, 0.6, 0.95)}
    shown = page.parts.run.benefit
    before = page.tick(room.visit(), room.run_id, None)
    assert "can't be told whether it helped" in before[shown]  # figures of old, without differences
    runs.set_metrics(
        room.studio.database, room.run_id, compared(metrics("macro_f1", readers), (0.25, 0.1, 0.4)) | {"new": 1}
    )
    drawn = page.tick(room.visit(), room.run_id, None)[shown]
    assert "<b>Did it help?</b> It helped: on 3 test cases" in drawn and "<b>+0.250 (+0.100 to +0.400)</b>" in drawn
    assert 'title="The same tuned model, shown what the TSM makes' in drawn
    (answer,) = acts.run_benefit(room.visit(), room.run_id)
    (difference,) = answer["differences"]
    assert (difference["effect"], difference["against"], difference["of_rival"]) == ("helped", "vanilla", 0.5)
    assert page.tick(room.visit(), room.queue("Second"), None)[shown] == ""
    assert acts.run_benefit(room.visit(), room.queue("Third")) == []


def test_a_finished_run_opens_on_whether_the_vlm_was_worth_it(page: RunsPage, room: Furnished) -> None:
    readers = {"tsm": (0.7, 0.6, 0.8), "knn": (0.6, 0.5, 0.7), "vlm": (0.1, 0.0, 0.2), "vanilla": (0.5, 0.3, 0.7)}
    with_pair = compared(metrics("macro_f1", readers | {"vitask+tsm": (0.75, 0.6, 0.9)}), (0.25, 0.1, 0.4))
    ends = dict(zip(("value", "low", "high"), (0.15, 0.05, 0.25), strict=True))
    with_pair["differences"]["vitask+tsm - knn"] = {"macro_f1": ends}
    with_pair |= {"best": {"panes": {"tuned": "vitask+tsm", "simple": "knn"}}, "left_out": ["No <i>mean</i>."]}
    groups = {"tsm": "simple", "knn": "simple", "vlm": "untuned", "vanilla": "tuned", "vitask+tsm": "tuned"}
    listed = [{"name": name, "title": name, "colour": "#123456", "group": group} for name, group in groups.items()]
    with_pair |= {"made_for": {"reader": "vitask+tsm", "baseline": "vanilla"}, "reader_list": listed}
    runs.set_metrics(room.studio.database, room.run_id, with_pair)
    changed = page.tick(room.visit(), room.run_id, None)
    drawn, numbers = changed[page.parts.run.benefit], changed[page.parts.run.numbers]
    assert "<b>Is the VLM worth it?</b> Yes, by these cases: on 3 test cases, the best tuned reader" in drawn
    assert drawn.index("Is the VLM worth it?") < drawn.index("Did it help?")
    assert "+0.150 (+0.050 to +0.250)" in drawn and "No &lt;i&gt;mean&lt;/i&gt;." in drawn
    titles = ("Simple: no VLM is tuned", ">knn<", "The VLM as it came", "The VLM, tuned")
    places = [numbers.index(title) for title in titles]
    assert places == sorted(places)
    (answer,) = acts.run_benefit(room.visit(), room.run_id)
    worth = answer["worth"]
    assert (worth["reader"], worth["against"], worth["effect"]) == ("vitask+tsm", "knn", "helped")
    assert worth["sentence"].endswith("chosen by macro F1 on validation cases.")
    assert worth["differences"][0]["difference"] == 0.15


def test_a_run_that_could_not_be_told_says_what_to_try(page: RunsPage, room: Furnished) -> None:
    readers = {"vanilla": (0.5, 0.3, 0.7), "vitask+tsm": (0.45, 0.2, 0.6)}
    runs.set_metrics(room.studio.database, room.run_id, compared(metrics("macro_f1", readers), (-0.05, -0.15, 0.05)))
    drawn = page.tick(room.visit(), room.run_id, None)[page.parts.run.benefit]
    assert "The cases can&#x27;t tell whether it helped" in drawn and "To try:" in drawn


def test_readers_of_runs_from_before_are_called_what_they_are_called_today(room: Furnished) -> None:
    told = metrics("macro_f1", {"vanilla": (0.5, 0.3, 0.7)}) | {
        "made_for": {"reader": "vitask+tsm", "baseline": "vanilla"},
        "reader_list": [{"name": "vanilla", "title": "plain tuning", "colour": "#123456"}],
    }
    runs.set_metrics(room.studio.database, room.run_id, told)
    (reader,) = runs.run(room.studio.database, room.who, room.run_id).readers
    assert (reader.title, reader.colour) == ("the VLM, plainly tuned", "#123456")


def test_the_brier_score_stands_beside_the_figures_of_runs_that_have_it(page: RunsPage, room: Furnished) -> None:
    def numbers(told: dict[str, Any]) -> str:
        runs.set_metrics(room.studio.database, room.run_id, told)
        return str(page.tick(room.visit(), room.run_id, None)[page.parts.run.numbers])

    before = metrics("macro_f1", {"vanilla": (0.5, 0.3, 0.7)})
    assert "Brier" not in numbers(before)
    vanilla = before["readers"]["vanilla"] | {"brier": {"value": 0.25, "low": 0.2, "high": 0.3}}
    shown = numbers(before | {"readers": {"vanilla": vanilla}})
    assert "Brier score<br><small class=quiet>less is better</small></th></tr>" in shown
    assert '0.250 <span class="reach">(0.200 to 0.300)</span>' in shown and 'colspan="6"' in shown


def test_a_finished_run_opens_at_its_figures_and_another_at_its_curves(page: RunsPage, room: Furnished) -> None:
    tabs, waiting = page.parts.run.tabs, room.queue("Second")
    for run_id, first in ((room.run_id, "figures"), (waiting, "curves")):
        assert page.open(room.visit(run=run_id))[tabs].selected == first

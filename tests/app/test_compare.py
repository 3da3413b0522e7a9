"""The page Compare: one case, its readers, and which cases are shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from sqlalchemy import select

from app.pages.compare import acts
from app.pages.compare.asking import AskAgain
from app.pages.compare.page import ComparePage, build
from app.pages.compare.parts import A_FILE, THE_CASE, lay_out
from app.pages.compare.strip import neighbours
from app.viewer import shown
from app.visit import Updates, Visit
from core.errors import CoreError
from core.readings import reading
from core.readings.answer import Answer
from core.readings.nearest import Index, Indexed
from core.readings.reading import Reading
from core.records import jobs
from core.records.runs import comparison, finding, runs
from core.records.tables import Job
from tests import bombs, pointing
from tests.app.furnished import Furnished, asking, furnish, metrics
from tests.test_limits import MIB, within

NO_FILTER = {"order": "case", "reader": "", "other": "", "label": "", "answer": "", "text": ""}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    return furnish(tmp_path_factory.mktemp("room"))


@pytest.fixture
def page() -> ComparePage:
    with gr.Blocks():
        return ComparePage(lay_out())


@pytest.fixture
def again(page: ComparePage) -> AskAgain:
    return AskAgain(page.parts)


@dataclass(frozen=True)
class ShownCase:
    name: str
    title: str
    picture: Any
    figure: Any
    table: str


def show(
    page: ComparePage, room: Furnished, name: str = "", step: int = 0, only: str = "all", **more: Any
) -> ShownCase:
    given: dict[str, Any] = NO_FILTER | {"is_shown": False} | more
    changed = page.show(room.visit(), step, room.run_id, "test", only, name=name, **given)
    case = page.parts.case
    return ShownCase(
        name=changed[page.parts.name],
        title=changed[case.title],
        picture=changed[case.picture],
        figure=changed[case.figure],
        table=changed[case.table],
    )


def look(page: ComparePage, visit: Visit, run_id: int, of: Any = None, **chosen: Any) -> Updates:
    """With nothing chosen but the run, where nothing else is given; `of` a run and split before."""
    choose, wish = page.parts.choose, page.parts.wish
    given: dict[Any, Any] = dict.fromkeys(page.chosen, "") | {choose.beside: [], page.parts.case.is_shown: False}
    given |= {choose.run: run_id, choose.split: "test", choose.only: "all", choose.order: "case"}
    given |= {wish.step: chosen.pop("step", 0), wish.of: of, wish.case: chosen.pop("case", "")}
    return page.look(visit, given | {getattr(choose, name): value for name, value in chosen.items()})


def ask(again: AskAgain, room: Furnished, name: str, *question: Any) -> Updates:
    """What comes of a question: about what, which file, in which words, to whom, and whether with the exemplar."""
    page, parts = again.page, again.parts
    asked_of = {page.choose.run: room.run_id, page.choose.split: "test", page.name: name}
    put = (parts.about, parts.image, parts.instruction, parts.readers, parts.exemplar)
    return again.ask(room.visit(), asked_of | dict(zip(put, question, strict=True)))


def shows_nothing(again: AskAgain, changed: Updates) -> bool:
    """Whether no answer stands, and none is waited for."""
    job, timer = again.parts.job, again.parts.timer
    figure, table, seen = (changed[part] for part in (again.parts.figure, again.parts.table, again.parts.seen))
    return (changed[job], changed[timer].active, figure, table, seen) == (None, False, None, "", shown([]))


def test_next_and_previous_go_round(page: ComparePage, room: Furnished) -> None:
    assert show(page, room).name == "a"
    assert show(page, room, "a", 1).name == "b"
    assert show(page, room, "a", -1).name == "c"
    assert show(page, room, "c", 1).name == "a"


def test_a_split_of_many_cases_is_opened_too(room: Furnished, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.records.runs.comparison.NAMES_AT_ONCE", 1)
    comparison._opened.cache_clear()
    opened = acts.open_comparison(room.visit(), room.run_id, "test")
    assert [case.number for case in opened.cases] == [0, 1, 2]


def test_the_strip_shows_the_neighbours_in_their_order_and_which_is_seen(page: ComparePage, room: Furnished) -> None:
    by_gap: dict[str, Any] = NO_FILTER | {"order": "gap", "reader": "vitask", "other": "tsm", "is_shown": False}
    drawn = page.show(room.visit(), 1, room.run_id, "test", "all", name="b", **by_gap)[page.parts.case.strip]
    assert re.findall(r'data-case="(.)" title=".( current)?', drawn.replace('" aria-current', " current")) == [
        ("b", ""),
        ("c", " current"),
        ("a", ""),
    ]
    assert drawn.count(f'src="/images/{room.version_id}/') == 3 and "?size=thumb" in drawn and "hazy" not in drawn
    assert "sorted by how much more probability A gave the right label than B" in drawn


@pytest.mark.parametrize(
    ("at", "count", "seen"),
    [(0, 3, [0, 1, 2]), (0, 20, range(9)), (10, 20, range(6, 15)), (19, 20, range(11, 20)), (4, 9, range(9))],
)
def test_neighbours_are_four_on_each_side_and_at_an_end_as_many(at: int, count: int, seen: Sequence[int]) -> None:
    assert list(neighbours(at, count)) == list(seen)


def test_filters_leave_what_they_say(page: ComparePage, room: Furnished) -> None:
    assert "1 of 1" in show(page, room, only="disagree").title
    assert show(page, room, only="disagree").name == "b"
    assert "1 of 1" in show(page, room, only="wrong").title
    assert "No case fits" in show(page, room, only="wrong", reader="vitask").title
    cell: dict[str, Any] = {"reader": "tsm", "label": "hazy", "answer": "clear"}
    assert "1 of 1" in show(page, room, **cell).title and show(page, room, **cell).name == "b"
    assert "No case fits" in show(page, room, **cell | {"reader": "vitask"}).title


def test_where_one_reader_is_right_and_another_wrong_is_a_filter(page: ComparePage, room: Furnished) -> None:
    beaten = show(page, room, only="beats", reader="vitask", other="tsm")
    assert beaten.name == "b" and "1 of 1" in beaten.title
    assert "No case fits" in show(page, room, only="beats", reader="tsm", other="vitask").title
    (case,) = acts.compare(room.visit(), room.run_id, "test", "beats", "vitask", "", "", other="tsm")
    assert case["case"] == "b"


def test_cases_are_sorted_and_each_says_by_what(page: ComparePage, room: Furnished) -> None:
    """What vitask gave the right label more than the TSM: a -.1, b .6, c .15; its entropy: .722, .881, .811."""
    by_gap: dict[str, Any] = {"order": "gap", "reader": "vitask", "other": "tsm"}
    assert show(page, room, **by_gap).name == "b" and "1 of 3, gap +0.600" in show(page, room, **by_gap).title
    assert show(page, room, "b", 1, **by_gap).name == "c" and show(page, room, "b", -1, **by_gap).name == "a"
    assert "3 of 3, gap -0.100" in show(page, room, "a", **by_gap).title
    doubt = [show(page, room, "b", step, order="entropy", reader="vitask") for step in range(3)]
    assert [case.name for case in doubt] == ["b", "c", "a"] and "2 of 3, entropy 0.81 bits" in doubt[1].title
    rows = acts.compare(room.visit(), room.run_id, "test", "all", "vitask", "", "", other="tsm", order="gap")
    assert [row["case"] for row in rows] == ["b", "c", "a"]


def test_a_case_that_the_filter_leaves_out_is_followed_by_the_next_that_was_read(
    page: ComparePage, room: Furnished
) -> None:
    by_gap: dict[str, Any] = {"order": "gap", "reader": "tsm", "other": "vitask", "label": "hazy"}
    assert show(page, room, "a", **by_gap).name == "b" and "2 of 2" in show(page, room, "a", **by_gap).title


def test_the_reference_label_is_hidden_until_asked_for(page: ComparePage, room: Furnished) -> None:
    hidden = show(page, room, "b")
    assert "hazy" not in hidden.title and "agrees" not in hidden.table
    assert [trace.type for trace in hidden.figure.data] == ["bar", "bar"]
    told = show(page, room, "b", is_shown=True)
    assert "hazy" in told.title and told.table.count("agrees") == 1 and told.table.count("differs") == 1
    assert told.figure.data[1].y == ("hazy",)


def test_the_picture_comes_by_the_guarded_route(page: ComparePage, room: Furnished) -> None:
    picture = show(page, room, "b").picture["panes"][0]["src"]
    assert picture == f"/images/{room.version_id}/1"
    assert "Drawn in" not in show(page, room, "b").title, "nothing is drawn on it"


def test_what_readers_said_beside_their_answers_is_told_and_drawn_and_its_reference_only_when_asked_for(
    page: ComparePage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = pointing.installed(tmp_path / "method", monkeypatch)
    room = furnish(tmp_path / "room")
    run = runs.run(room.studio.database, room.who, room.run_id)
    path = runs.readings_path(room.studio.place, run, "test")
    true = (method.Point(x=0.2, y=0.4),)
    reading.save(
        [
            replace(row, answer=replace(row.answer, said=(method.Point(x=0.5, y=0.25),)), references=true)
            if row.reader == "vitask"
            else row
            for row in reading.load(path)
        ],
        path,
    )
    hidden = show(page, room, "b")
    assert "<th>Where it is</th>" in hidden.table and hidden.table.count("50% from the left, 25% from the top") == 1
    titles = [shape["title"] for shape in hidden.picture["panes"][0]["shapes"]]
    assert titles == ["vitask: 50% from the left, 25% from the top"] * 2
    assert "Drawn in each reader's colour." in hidden.title
    whole = show(page, room, "b", is_shown=True)
    titles = [shape["title"] for shape in whole.picture["panes"][0]["shapes"]]
    assert titles[2:] == ["reference: 20% from the left, 40% from the top"] * 2
    assert "Drawn in each reader's colour, the reference in white." in whole.title
    told = {row["case"]: row for row in acts.compare(room.visit(), room.run_id, "test", "all", "", "", "")}
    assert told["b"]["readers"]["vitask"]["said"] == {"point": {"x": 0.5, "y": 0.25}}
    assert told["b"]["references"] == {"point": {"x": 0.2, "y": 0.4}}


def test_the_nearest_labelled_cases_are_shown_where_the_run_has_an_index(page: ComparePage, room: Furnished) -> None:
    place, database = room.studio.place, room.studio.database
    given: dict[str, Any] = NO_FILTER | {"is_shown": False}

    def alike(run_id: int) -> str:
        changed = page.show(room.visit(), 0, run_id, "test", "all", name="a", **given)
        return unescape(str(changed[page.parts.case.alike]))

    assert alike(room.run_id) == ""
    run_id = room.queue("Searchable", method={"name": "discriminative"}, tsm=[])
    run = runs.run(database, room.who, run_id)
    read = runs.readings_path(place, runs.run(database, room.who, room.run_id), "test")
    folder = place.runs / run.key
    (folder / "readings").mkdir(parents=True)
    (folder / "readings" / "test.parquet").write_bytes(read.read_bytes())
    assert alike(run_id) == ""  # its index was not made yet
    vectors = np.array([[1, 0], [0.6, 0.8], [0.8, 0.6]], dtype=np.float32)
    labelled = [("a", "clear"), ("b", "hazy"), ("<c>", "hazy")]
    Index(vectors, tuple(Indexed("Panes", name, "test", (label,), None) for name, label in labelled)).save(
        folder / "index.safetensors"
    )
    drawn = alike(run_id)
    assert "0.600" in drawn and "hazy" in drawn and f"/images/{room.version_id}/1?size=thumb" in drawn
    assert f"/find?run={run_id}&case=a" in drawn and "<c>" not in drawn  # which is not in the version
    stranger = replace(room.who, projects=())
    with pytest.raises(CoreError):
        finding.alike(database, place, stranger, run, "a", 3)


def test_the_address_leads_back_to_a_case(page: ComparePage, room: Furnished) -> None:
    changed = page.open(room.visit(run=room.run_id, split="test", only="wrong", order="gap", case="b"))
    choose, parts = page.parts.choose, page.parts
    assert changed.pop(choose.run)["value"] == room.run_id
    assert changed == {
        choose.split: "test",
        choose.only: "wrong",
        choose.order: "gap",
        parts.wish.case: "b",
        parts.case.is_calibrated: True,
        parts.notice: "",
    }
    assert page.open(room.visit(raw=1))[parts.case.is_calibrated] is False
    odd = page.open(room.visit(only="odd", order="odd"))
    assert (odd[choose.only], odd[choose.order], odd[parts.notice]) == ("all", "case", "")


def test_an_address_of_a_run_that_is_not_here_says_so(page: ComparePage, room: Furnished) -> None:
    changed = page.open(room.visit(run=room.run_id + 1))
    assert changed[page.parts.choose.run]["value"] == room.run_id
    assert "not among the finished runs" in changed[page.parts.notice]


def test_the_address_leads_back_to_what_was_chosen_of_a_run_and_another_run_begins_with_all(
    page: ComparePage, room: Furnished
) -> None:
    choose = page.parts.choose
    visit = room.visit(reader="vitask", other="tsm", label="hazy", answer="clear", text="b")
    opened = look(page, visit, room.run_id)
    assert (opened[choose.answer]["value"], opened[choose.other]["value"]) == ("clear", "tsm")
    assert (opened[choose.reader]["value"], opened[choose.label]["value"], opened[choose.text]) == (
        "vitask",
        "hazy",
        "b",
    )
    gone = look(page, room.visit(reader="nobody", label="none"), room.run_id)
    assert (gone[choose.reader]["value"], gone[choose.label]["value"], gone[choose.text]) == ("", "", "")
    other = look(page, visit, room.run_id, [room.run_id + 1, "test"])
    assert (other[choose.reader]["value"], other[choose.label]["value"]) == ("", "") and choose.text not in other


def test_a_look_shows_the_case_wished_for_and_what_depends_on_the_run_once(page: ComparePage, room: Furnished) -> None:
    choose, wish, parts = page.parts.choose, page.parts.wish, page.parts
    first = look(page, room.visit(reader="vitask", label="hazy"), room.run_id, case="b")
    assert (first[parts.name], first[wish.drawn], first[wish.of]) == ("b", 0, [room.run_id, "test"])
    again = look(page, room.visit(label="hazy"), room.run_id, first[wish.of], case="b", step=1)
    assert again.keys().isdisjoint({choose.reader, choose.text, choose.beside, wish.of, parts.ask.instruction})
    assert (again[parts.name], again[wish.drawn]) == ("c", 1), "every case, since no label is chosen"
    other = look(page, room.visit(), room.run_id, [room.run_id + 1, "test"], label="clear", case="b")
    assert other[choose.label]["value"] == "" and other[parts.name] == "b", "of another run every label is shown"
    assert set(first) | set(again) <= set(page.shown)


def test_as_many_readers_stand_side_by_side_as_have_room_unless_others_are_chosen(
    page: ComparePage, tmp_path: Path
) -> None:
    room = furnish(tmp_path)
    names = ("tsm", "knn", "probe-connector", "tsm+probe", "tsm-probe-mean", "vlm", "vanilla", "vitask+tsm")
    place, key = room.studio.place, runs.run(room.studio.database, room.who, room.run_id).key
    answer = Answer((0.9, 0.1))
    rows = [Reading("panes", case, "test", name, ("clear",), None, answer) for case in ("a", "b") for name in names]
    reading.save(rows, place.runs / key / "readings" / "test.parquet")
    described = [{"name": name, "title": name, "colour": "#123456", "group": group_of(name)} for name in names]
    measured = metrics("accuracy", {}) | {
        "made_for": {"reader": "vitask+tsm", "baseline": "vanilla"},
        "reader_list": described,
        "best": {"panes": {"tuned": "vanilla", "simple": "probe-connector"}},
    }
    runs.set_metrics(room.studio.database, room.run_id, measured)
    chooser = page.parts.choose.beside
    chosen = page.of_run(room.visit(), room.run_id, "test")[chooser]
    assert len(chosen["choices"]) == 8
    assert chosen["value"] == ["tsm", "probe-connector", "vlm", "vanilla", "vitask+tsm"]
    assert page.of_run(room.visit(), room.run_id, "test")[page.parts.ask.readers]["value"] == chosen["value"]
    led_back = look(page, room.visit(beside="knn,vanilla,nobody"), room.run_id)[chooser]
    assert led_back["value"] == ["knn", "vanilla"]
    drawn = show(page, room, side_by_side=["knn", "vanilla"])
    assert [bar.name for bar in drawn.figure.data] == ["knn", "vanilla"]
    assert "tsm-probe-mean" in drawn.table, "the table has room for all"


def group_of(name: str) -> str:
    return {"vlm": "untuned", "vanilla": "tuned", "vitask+tsm": "tuned"}.get(name, "simple")


def test_without_the_exemplar_its_readers_are_not_asked(again: AskAgain, room: Furnished) -> None:
    parts = again.parts
    own = again.as_it_was(room.visit(), room.run_id, "test")[parts.instruction]
    bare = again.without_labels(room.visit(), room.run_id, "test")[parts.instruction]
    assert "clear, hazy" in own and "clear" not in bare
    readers = ["vitask", "vitask+tsm"]
    number = ask(again, room, "b", THE_CASE, None, own, readers, False)[parts.job]
    payload = jobs.job(room.studio.database, room.who, number).payload
    assert (payload["readers"], payload["instruction"], payload["case"]) == (["vitask"], None, 1)
    number = ask(again, room, "b", THE_CASE, None, bare, readers, True)[parts.job]
    payload = jobs.job(room.studio.database, room.who, number).payload
    assert (payload["readers"], payload["instruction"]) == (readers, bare)


@pytest.fixture
def calibrated(room: Furnished) -> Iterator[Furnished]:
    """The same run, whose readers learned a temperature of 2 but for the TSM."""
    database, before = room.studio.database, runs.run(room.studio.database, room.who, room.run_id).metrics or {}
    row = {"temperature": 2.0, "cases": 22}
    runs.set_metrics(database, room.run_id, {**before, "calibration": {"vitask": row}})
    comparison._opened.cache_clear()
    yield room
    runs.set_metrics(database, room.run_id, before)
    comparison._opened.cache_clear()


def test_probabilities_are_shown_calibrated_or_raw_and_called_so(page: ComparePage, calibrated: Furnished) -> None:
    """.8 becomes 2 / (2 + 1)."""
    raw, shown = (show(page, calibrated, "a", is_calibrated=way) for way in (False, True))
    assert "<th>Raw probability</th>" in raw.table and "0.800" in raw.table
    assert "<th>Calibrated probability</th>" in shown.table and "0.667" in shown.table and "0.800" not in shown.table
    assert "0.900 <small" in shown.table and "raw</small>" in shown.table, "the TSM has no temperature"
    assert [figure.layout.xaxis.title.text for figure in (raw.figure, shown.figure)] == [
        "raw probability",
        "calibrated probability",
    ]
    (bars,) = (trace for trace in shown.figure.data if trace.name == "vitask")
    assert tuple(bars.x) == pytest.approx((2 / 3, 1 / 3))
    ways = look(page, calibrated.visit(), calibrated.run_id)[page.parts.case.is_calibrated]
    assert ways["interactive"] and ways["info"] == "Learned on 22 validation cases."
    (case, *_) = acts.compare(calibrated.visit(), calibrated.run_id, "test", "all", "", "", "")
    assert case["readers"]["vitask"]["probabilities"] == [0.8, 0.2]
    assert case["readers"]["vitask"]["calibrated"] == pytest.approx([2 / 3, 1 / 3])
    assert case["readers"]["tsm"]["calibrated"] is None


def test_a_run_without_temperatures_shows_raw_probabilities_whatever_is_chosen(
    page: ComparePage, room: Furnished
) -> None:
    assert "<th>Raw probability</th>" in show(page, room, "a", is_calibrated=True).table
    ways = look(page, room.visit(), room.run_id)[page.parts.case.is_calibrated]
    assert not ways["interactive"] and "raw" in ways["info"]


@pytest.mark.parametrize(("words", "is_calibrated"), [(None, True), ("What?", False)])
def test_a_live_answer_is_calibrated_where_the_question_is_the_runs_own(
    again: AskAgain, calibrated: Furnished, words: str | None, is_calibrated: bool
) -> None:
    own = again.as_it_was(calibrated.visit(), calibrated.run_id, "test")[again.parts.instruction]
    number = ask(again, calibrated, "a", THE_CASE, None, words or own, ["vitask"], True)[again.parts.job]
    claimed = jobs.claim(calibrated.studio.database, number, "test")
    assert claimed is not None
    said = {"answers": ["clear", "hazy"], "readers": {"vitask": {"probabilities": [0.8, 0.2]}}}
    jobs.finish(calibrated.studio.database, claimed, said)
    changed = again.look(calibrated.visit(), number, True)
    assert ("Calibrated probability" in changed[again.parts.table]) == is_calibrated
    assert ("its temperatures hold for its own" in changed[again.parts.outcome]) != is_calibrated
    plain = acts.read_answer(calibrated.visit(), number)["readers"]["vitask"]
    assert (plain["calibrated"] is not None) == is_calibrated and plain["probabilities"] == [0.8, 0.2]
    assert "Raw probability" in again.look(calibrated.visit(), number, False)[again.parts.table]


def test_a_live_answer_is_shown_when_it_comes(again: AskAgain, room: Furnished) -> None:
    parts = again.parts
    number = ask(again, room, "a", THE_CASE, None, "What?", ["tsm"], True)[parts.job]
    assert again.look(room.visit(), number)[parts.timer].active
    claimed = jobs.claim(room.studio.database, number, "test")
    assert claimed is not None
    answer = {"probabilities": [0.25, 0.75], "answer": ["hazy"], "entropy": 0.81, "text": "hazy"}
    unlike = {"is_unlike": True, "text": "This picture is unlike those that the run learned from."}
    result = {"answers": ["clear", "hazy"], "readers": {"tsm": answer}, "unlike": unlike, "seconds": 0.3}
    jobs.finish(room.studio.database, claimed, result)
    changed = again.look(room.visit(), number)
    outcome, figure, table, picture, timer = (changed[part] for part in parts.answer)
    assert outcome == f"**⚠ {unlike['text']}**\n\nRead just now in 0.3 s."
    assert tuple(figure.data[0].x) == (0.25, 0.75) and "0.81" in table
    assert picture["panes"][0]["src"].startswith("data:image/") and not timer.active


def test_why_unlikeness_cannot_be_told_is_shown_as_text(again: AskAgain, room: Furnished) -> None:
    number = ask(again, room, "a", THE_CASE, None, "What?", ["tsm"], True)[again.parts.job]
    claimed = jobs.claim(room.studio.database, number, "test")
    assert claimed is not None
    answer = {"probabilities": [0.25, 0.75], "answer": ["hazy"], "entropy": 0.81, "text": "hazy"}
    unlike = {"is_unlike": None, "text": "It can't be told: <img src=x> [a](javascript:b) is missing."}
    jobs.finish(
        room.studio.database, claimed, {"answers": ["clear", "hazy"], "readers": {"tsm": answer}, "unlike": unlike}
    )
    text = again.look(room.visit(), number)[again.parts.outcome]
    assert unescape(text) == f"Read just now. {unlike['text']}" and not set("<[(") & set(text)


def test_a_refused_file_is_never_followed_by_an_answer_about_the_case_above(
    again: AskAgain, room: Furnished, tmp_path: Path
) -> None:
    outcome = again.parts.outcome
    (broken := tmp_path / "scan.png").write_bytes(b"no picture")
    (text := tmp_path / "notes.txt").write_text("no picture either")
    asked_before = len(jobs_of(room))
    for image in (str(broken), str(text), None):
        assert shows_nothing(again, again.image_brought(room.visit(), image))
        assert again.image_checked(room.visit(), image)[outcome].startswith("⚠")
        unanswered = ask(again, room, "a", A_FILE, image, "?", ["tsm"], True)
        assert unanswered[outcome].startswith("⚠") and shows_nothing(again, unanswered)
        assert outcome not in again.look(room.visit(), unanswered[again.parts.job])
    assert len(jobs_of(room)) == asked_before
    chosen = again.about_chosen(room.visit(), A_FILE)
    assert chosen[again.parts.image]["visible"] and shows_nothing(again, chosen)


def test_the_page_hears_of_every_change_of_what_is_asked_about(room: Furnished) -> None:
    with gr.Blocks() as whole:
        build(room.studio)
    parts = {block.elem_id: block for block in whole.blocks.values() if block.elem_id}
    heard = {
        (name, trigger): event.name
        for event in whole.fns.values()
        for target, trigger in event.targets
        for name in ("compare-about", "compare-image", "compare-read")
        if target == parts[name]._id
    }
    assert heard == {
        ("compare-about", "input"): "about_chosen",
        ("compare-image", "upload"): "image_brought",
        ("compare-image", "clear"): "image_brought",
        ("compare-read", "click"): "ask",
    }
    image = parts["compare-image"]
    assert isinstance(image, gr.File) and image.file_types is None, "one that Gradio refuses is told of by nobody"


def test_nothing_is_read_while_a_file_is_looked_into(again: AskAgain, room: Furnished, tmp_path: Path) -> None:
    (scan := tmp_path / "scan.png").write_bytes(bombs.png(64, 64))
    assert again.image_brought(room.visit(), str(scan))[again.parts.read]["interactive"] is False
    checked = again.image_checked(room.visit(), str(scan))
    assert checked[again.parts.read]["interactive"] is True
    assert not {again.parts.job, again.parts.table} & set(checked), "what was asked meanwhile stays"
    assert again.image_checked(room.visit(), None)[again.parts.read]["interactive"] is True


def test_a_file_that_is_brought_costs_the_pages_process_nothing(
    again: AskAgain, room: Furnished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_here(*given: object) -> None:
        raise AssertionError("decoded in the page's process")

    monkeypatch.setattr("core.pictures.pixels._opened", not_here)
    (bomb := tmp_path / "bomb.png").write_bytes(bombs.png(9459, 9459))
    (scan := tmp_path / "scan.png").write_bytes(bombs.png(64, 64))
    with (endless := tmp_path / "endless.png").open("wb") as made:
        made.truncate(300 * MIB)
    for file, words in ((scan, "picture is here"), (bomb, "larger than 40 million pixels"), (endless, "more than the")):
        with within(8):
            assert words in unescape(again.image_checked(room.visit(), str(file))[again.parts.outcome])
            if file is not scan:
                unanswered = ask(again, room, "a", A_FILE, str(file), "?", ["tsm"], True)
                assert unanswered[again.parts.job] is None


def jobs_of(room: Furnished) -> list[Job]:
    with room.studio.database.reading() as session:
        return list(session.scalars(select(Job).where(Job.queue == "read")))


def test_another_tsm_is_a_run_of_its_own(room: Furnished) -> None:
    made = runs.run(room.studio.database, room.who, int(acts.plug(room.visit(), room.run_id, "backbone")))
    job = jobs.job(room.studio.database, room.who, made.job_id)
    assert (job.kind, job.payload) == ("plug", {"run": made.id, "of": room.run_id, "tsm": "backbone"})
    assert made.settings["tsm"] == [{"name": "backbone"}] and made.copy_of == room.run_id
    with pytest.raises(CoreError, match="not finished"):
        acts.plug(room.visit(), made.id, "convnet")


def test_strangers_see_nothing(room: Furnished) -> None:
    with pytest.raises(CoreError):
        acts.compare(Visit.of(room.studio, asking(host="studio.example")), room.run_id, "test", "all", "", "", "")


def test_the_api_gives_raw_probabilities(room: Furnished) -> None:
    (case,) = acts.compare(room.visit(), room.run_id, "test", "disagree", "", "", "")
    assert case["readers"]["vitask"]["probabilities"] == [0.3, 0.7]

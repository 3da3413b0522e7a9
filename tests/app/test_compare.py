"""The page Compare: one case, its readers, and which cases are shown."""

from __future__ import annotations

from html import unescape
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from sqlalchemy import select

from app.pages.compare.page import A_FILE, NO_ANSWER, ComparePage, build
from core.errors import CoreError
from core.records import jobs, runs
from core.records.tables import Job
from tests import bombs
from tests.app.furnished import Furnished, asking, furnish
from tests.test_limits import MIB, within


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    return furnish(tmp_path_factory.mktemp("room"))


@pytest.fixture
def page(room: Furnished) -> ComparePage:
    return ComparePage(room.studio)


def show(page: ComparePage, room: Furnished, name: str = "", step: int = 0, only: str = "all", **more: Any) -> Any:
    given: dict[str, Any] = {"reader": "", "label": "", "text": "", "is_shown": False} | more
    return page.show(step, room.run_id, "test", only, name=name, request=asking(), **given)


def test_next_and_previous_go_round(page: ComparePage, room: Furnished) -> None:
    assert show(page, room)[0] == "a"
    assert show(page, room, "a", 1)[0] == "b"
    assert show(page, room, "a", -1)[0] == "c"
    assert show(page, room, "c", 1)[0] == "a"


def test_filters_leave_what_they_say(page: ComparePage, room: Furnished) -> None:
    assert "1 of 1" in show(page, room, only="disagree")[1]
    assert show(page, room, only="disagree")[0] == "b"
    assert "1 of 1" in show(page, room, only="wrong")[1]
    assert "No case fits" in show(page, room, only="wrong", reader="vitask")[1]


def test_the_reference_label_is_hidden_until_asked_for(page: ComparePage, room: Furnished) -> None:
    _, title, _, figure, table, _ = show(page, room, "b")
    assert "hazy" not in title and "agrees" not in table
    assert [one.type for one in figure.data] == ["bar", "bar"]
    _, title, _, figure, table, _ = show(page, room, "b", is_shown=True)
    assert "hazy" in title and table.count("agrees") == 1 and table.count("differs") == 1
    assert figure.data[1].y == ("hazy",)


def test_the_picture_comes_by_the_guarded_route(page: ComparePage, room: Furnished) -> None:
    picture = show(page, room, "b")[2]["panes"][0]["src"]
    assert picture == f"/images/{room.version_id}/1?size=full"


def test_the_address_leads_back_to_a_case(page: ComparePage, room: Furnished) -> None:
    asked = asking({"run": str(room.run_id), "split": "test", "only": "wrong", "case": "b"})
    chosen, split, only, name, notice = page.open(asked)
    assert (chosen["value"], split, only, name, notice) == (room.run_id, "test", "wrong", "b", "")


def test_without_the_exemplar_its_readers_are_not_asked(page: ComparePage, room: Furnished) -> None:
    own = page.as_it_was(room.run_id, "test", asking())
    bare = page.without_labels(room.run_id, "test", asking())
    assert "clear, hazy" in own and "clear" not in bare
    readers = ["vitask", "vitask+tsm"]
    number, *_ = page.ask(room.run_id, "test", "b", "case", None, own, readers, False, asking())
    payload = jobs.job(room.studio.database, room.who, number).payload
    assert (payload["readers"], payload["instruction"], payload["case"]) == (["vitask"], None, 1)
    number, *_ = page.ask(room.run_id, "test", "b", "case", None, bare, readers, True, asking())
    payload = jobs.job(room.studio.database, room.who, number).payload
    assert (payload["readers"], payload["instruction"]) == (readers, bare)


def test_a_live_answer_is_shown_when_it_comes(page: ComparePage, room: Furnished) -> None:
    number, *_ = page.ask(room.run_id, "test", "a", "case", None, "What?", ["tsm"], True, asking())
    assert page.look(number, room.run_id, "test", asking())[-1].active
    claimed = jobs.claim(room.studio.database, number, "test")
    assert claimed is not None
    answer = {"probabilities": [0.25, 0.75], "answer": ["hazy"], "entropy": 0.81, "text": "hazy"}
    unlike = {"is_unlike": True, "text": "This picture is unlike those that the run learned from."}
    result = {"answers": ["clear", "hazy"], "readers": {"tsm": answer}, "unlike": unlike, "seconds": 0.3}
    jobs.finish(room.studio.database, claimed, result)
    said, figure, table, picture, timer = page.look(number, room.run_id, "test", asking())
    assert said == f"**⚠ {unlike['text']}**\n\nRead just now in 0.3 s."
    assert tuple(figure.data[0].x) == (0.25, 0.75) and "0.81" in table
    assert picture["panes"][0]["src"].startswith("data:image/") and not timer.active


def test_why_unlikeness_cannot_be_told_is_shown_as_text(page: ComparePage, room: Furnished) -> None:
    number, *_ = page.ask(room.run_id, "test", "a", "case", None, "What?", ["tsm"], True, asking())
    claimed = jobs.claim(room.studio.database, number, "test")
    assert claimed is not None
    answer = {"probabilities": [0.25, 0.75], "answer": ["hazy"], "entropy": 0.81, "text": "hazy"}
    unlike = {"is_unlike": None, "text": "It can't be told: <img src=x> [a](javascript:b) is missing."}
    jobs.finish(
        room.studio.database, claimed, {"answers": ["clear", "hazy"], "readers": {"tsm": answer}, "unlike": unlike}
    )
    text, *_ = page.look(number, room.run_id, "test", asking())
    assert unescape(text) == f"Read just now. {unlike['text']}" and not set("<[(") & set(text)


def test_a_refused_file_is_never_followed_by_an_answer_about_the_case_above(
    page: ComparePage, room: Furnished, tmp_path: Path
) -> None:
    (broken := tmp_path / "scan.png").write_bytes(b"no picture")
    (text := tmp_path / "notes.txt").write_text("no picture either")
    asked_before = len(jobs_of(room))
    for image in (str(broken), str(text), None):
        _, refused, *answer, _ = page.image_brought(image)
        assert refused.startswith("⚠") and answer == [*NO_ANSWER]
        number, said, *answer, timer = page.ask(room.run_id, "test", "a", A_FILE, image, "?", ["tsm"], True, asking())
        assert (number, answer, timer.active) == (None, [*NO_ANSWER], False) and said.startswith("⚠")
        assert page.look(number, room.run_id, "test", asking())[0] == gr.skip()
    assert len(jobs_of(room)) == asked_before
    place, number, _, *answer, timer = page.about_chosen(A_FILE)
    assert (place["visible"], number, answer, timer.active) == (True, None, [*NO_ANSWER], False)


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


def test_a_file_that_is_brought_costs_the_pages_process_nothing(
    page: ComparePage, room: Furnished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
            _, text, *_ = page.image_brought(str(file))
            assert words in unescape(text)
            if file is not scan:
                number, *_ = page.ask(room.run_id, "test", "a", A_FILE, str(file), "?", ["tsm"], True, asking())
                assert number is None


def jobs_of(room: Furnished) -> list[Job]:
    with room.studio.database.reading() as session:
        return list(session.scalars(select(Job).where(Job.queue == "read")))


def test_another_tsm_is_a_run_of_its_own(page: ComparePage, room: Furnished) -> None:
    made = runs.run(room.studio.database, room.who, int(page.plug(room.run_id, "backbone", asking())))
    job = jobs.job(room.studio.database, room.who, made.job_id)
    assert (job.kind, job.payload) == ("plug", {"run": made.id, "of": room.run_id, "tsm": "backbone"})
    assert made.settings["tsm"] == [{"name": "backbone"}] and made.copy_of == room.run_id
    with pytest.raises(CoreError, match="not finished"):
        page.plug(made.id, "convnet", asking())


def test_strangers_see_nothing(page: ComparePage, room: Furnished, tmp_path: Path) -> None:
    stranger = asking(host="studio.example")
    with pytest.raises(CoreError):
        page.compare(room.run_id, "test", "all", "", "", "", stranger)


def test_the_api_gives_raw_probabilities(page: ComparePage, room: Furnished) -> None:
    (told,) = page.compare(room.run_id, "test", "disagree", "", "", "", asking())
    assert told["readers"]["vitask"]["raw"] == {"clear": 0.3, "hazy": 0.7}

"""The page that docs/adding.md shows is a page."""

from __future__ import annotations

import asyncio
import importlib
import re
from pathlib import Path
from types import ModuleType

import gradio as gr
import pytest

from app.pages import PAGES
from app.pages.compare import page as compare
from app.pages.find import page as find
from app.pages.runs import page as runs
from app.pages.tune import page as tune
from app.shell import pages
from app.visit import Updates, Visit, guarded, live
from core.records import audit
from tests.app.furnished import asking, furnish

ADDING = (Path(__file__).parents[2] / "docs" / "adding.md").read_text()


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    (code,) = re.findall(r"```python\n(# app/pages/\w+/page\.py\n.*?)```", ADDING, flags=re.DOTALL)
    (tmp_path / "history_page.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("history_page")


def test_the_page_of_the_example_shows_what_was_done_and_tells_programs(example: ModuleType, tmp_path: Path) -> None:
    room = furnish(tmp_path)
    with room.studio.database.session() as session:
        audit.note(session, room.who, "look", room.who.projects[0], "a case")
    with gr.Blocks() as blocks:
        example.build(room.studio)
    show = {event.name: event for event in blocks.fns.values()}["show"]
    table, count = show.outputs
    changed = show.fn(asking(), "look")
    assert [row[1:] for row in changed[table]] == [["local", "look", "a case"]]
    assert changed[count] == "1 entries"
    (about,) = [about for about in blocks.get_api_info()["named_endpoints"].values() if not about["parameters"]]
    assert about["description"].startswith("What was done in the project, newest first")


def test_what_a_callback_leaves_out_stays_and_an_empty_answer_is_no_value(tmp_path: Path) -> None:
    room = furnish(tmp_path)
    with gr.Blocks() as blocks:
        first, second = gr.Textbox("a"), gr.Textbox("b")

        def some(visit: Visit, is_new: bool) -> Updates:
            return {second: visit.who.name} if is_new else {}

        event = gr.Button().click(guarded(room.studio, some), [gr.Checkbox()], [first, second])

    def sent(is_new: bool) -> list[object]:
        answer = asyncio.run(blocks.process_api(event["id"], [is_new], request=asking()))
        return list(answer["data"])

    assert sent(True) == [{"__type__": "update"}, "local"]
    assert sent(False) == [{"__type__": "update"}] * 2


def test_nobody_is_handed_a_page_unknown(tmp_path: Path) -> None:
    room = furnish(tmp_path)
    stranger = asking(host="studio.example")
    called: list[Visit] = []
    with pytest.raises(gr.Error, match="only its own machine"):
        guarded(room.studio, called.append)(stranger)
    assert live(room.studio, called.append)(stranger) == gr.skip()
    assert called == []


def test_every_page_is_named_in_the_guide() -> None:
    assert [name for name in PAGES if f"`{name}`" not in ADDING] == []


def test_an_empty_page_leads_to_pages_that_exist() -> None:
    paths = {one.PATH for one in pages()}
    led = {link for page in (compare, find, runs, tune) for link in re.findall(r"\]\((/[^)]*)\)", page.EMPTY)}
    assert led and led <= paths

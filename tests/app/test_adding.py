"""The page that docs/adding.md shows is a page."""

from __future__ import annotations

import re
from pathlib import Path

import gradio as gr

from app.pages import PAGES
from app.pages.compare import page as compare
from app.pages.runs import page as runs
from app.pages.tune import page as tune
from app.shell import pages
from core.records import audit
from tests.app.furnished import furnish

ADDING = (Path(__file__).parents[2] / "docs" / "adding.md").read_text()


def test_the_page_of_the_example_lists_what_was_done(tmp_path: Path) -> None:
    room = furnish(tmp_path)
    with room.studio.database.session() as session:
        audit.note(session, room.who, "look", room.who.projects[0], "a case")
    (code,) = re.findall(r"```python\n(# app/pages/\w+/page\.py\n.*?)```", ADDING, flags=re.DOTALL)
    page: dict[str, object] = {}
    exec(compile(code, "docs/adding.md", "exec"), page)
    with gr.Blocks() as blocks:
        page["build"](room.studio)  # type: ignore[operator]
    assert [one.headers for one in blocks.blocks.values() if isinstance(one, gr.Dataframe)] == [
        ["When", "Who", "What", "Of what"]
    ]


def test_every_page_is_named_in_the_guide() -> None:
    assert [name for name in PAGES if f"`{name}`" not in ADDING] == []


def test_an_empty_page_leads_to_pages_that_exist() -> None:
    paths = {one.PATH for one in pages()}
    led = {link for page in (compare, runs, tune) for link in re.findall(r"\]\((/[^)]*)\)", page.EMPTY)}
    assert led and led <= paths

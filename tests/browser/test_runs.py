"""The page Runs in a real browser: the list is paged, searched and clicked through, and a run settled to its end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.records import audit
from core.records.runs import runs
from core.records.tables import Job
from tests.app.furnished import Furnished, furnish
from tests.browser.conftest import PATIENCE_MS, is_within, wait_for
from tests.let_in import open_door
from worker.redis import free_port

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
MANY = 110
HOSTILE = "**Best** so far <img src=x onerror=\"document.title='hit'\"> ![p](/static/p.png) [go](javascript:alert(1))"


@dataclass(frozen=True)
class Served:
    address: str
    room: Furnished


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A hundred and eleven finished runs: First, and Run 2 to Run 111."""
    room = furnish(tmp_path_factory.mktemp("served"))
    database = room.studio.database
    numbers = [room.queue(f"Run {number}") for number in range(2, MANY + 2)]
    with database.session() as session:
        for number in numbers:
            session.get_one(Job, runs.run(database, room.who, number).job_id).state = "done"
    port = free_port()
    environment = os.environ | room.studio.place.environment() | {"PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"}
    child = subprocess.Popen([sys.executable, "-m", "app.main", "--port", str(port)], env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/health", child)
        yield Served(address, room)
    finally:
        child.terminate()
        child.wait()


@pytest.fixture
def tab(chromium: Any, served: Served) -> Iterator[Any]:
    page = chromium.new_page(viewport={"width": 1366, "height": 768})
    page.set_default_timeout(PATIENCE_MS)
    open_door(page, served.address, served.room.studio.database)
    yield page
    page.close()


def row(tab: Any, name: str) -> Any:
    """Gradio keeps a second, hidden table, by which it measures columns."""
    return tab.locator("#runs-table .cell-wrap").filter(has_text=name).filter(visible=True).first


def test_the_list_is_paged_searched_and_clicked_and_a_reload_keeps_it(served: Served, tab: Any) -> None:
    tab.goto(f"{served.address}/runs")
    count, head, search = (
        tab.locator(name) for name in ("#runs-count", "#runs-head b", "#runs-find :is(input, textarea)")
    )
    count.get_by_text("1 to 25 of 111").wait_for()
    assert is_within(tab)
    tab.locator("#runs-older").click()
    count.get_by_text("26 to 50 of 111").wait_for()
    row(tab, "Run 84").click()
    head.get_by_text("Run 84").wait_for()
    tab.wait_for_url("**/runs?run=84&page=2")
    tab.reload()
    count.get_by_text("26 to 50 of 111").wait_for()
    head.get_by_text("Run 84").wait_for()
    search.fill("first")
    count.get_by_text("1 to 1 of 1").wait_for()
    tab.wait_for_url("**/runs?run=84&q=first")
    row(tab, "First").click()
    head.get_by_text("First").wait_for()
    tab.wait_for_url("**/runs?run=1&q=first")
    search.fill("")
    count.get_by_text("1 to 25 of 111").wait_for()
    tab.wait_for_url("**/runs?run=1")
    tab.reload()
    head.get_by_text("First").wait_for()
    tab.goto(f"{served.address}/compare?run=1")
    tab.locator("#compare-answers table").wait_for()
    assert "1 · First" in tab.locator("#compare-run input").input_value()


def test_a_run_is_named_noted_archived_brought_back_and_erased(served: Served, tab: Any) -> None:
    database, who = served.room.studio.database, served.room.who
    tab.goto(f"{served.address}/runs?run=3")
    tab.locator("#runs-head b").get_by_text("Run 3").wait_for()
    tab.get_by_role("tab", name="Name, tags, note").click()
    name = tab.locator("#upkeep-name :is(input, textarea)")
    name.fill("The longer one")
    tab.locator("#upkeep-note textarea").fill(HOSTILE)
    tab.locator("#upkeep-tags input").click()
    tab.keyboard.type("For the paper")
    tab.keyboard.press("Enter")
    tab.locator("#upkeep-save").click()
    tab.locator("#runs-head b").get_by_text("The longer one").wait_for()
    tab.locator("#runs-head .tag").get_by_text("for the paper").wait_for()
    note = tab.locator("#runs-note")
    note.locator("strong").get_by_text("Best").wait_for()
    assert note.locator("img").count() == 0 and note.locator("a[href^=javascript]").count() == 0
    assert "onerror" in note.inner_text() and tab.title() != "hit"
    assert runs.run(database, who, 3).tags == ("for the paper",)
    tab.locator("#upkeep-archive").click()
    tab.locator("#runs-count").get_by_text("1 to 25 of 110").wait_for()
    tab.locator("#runs-archived input").check()
    tab.locator("#runs-count").get_by_text("1 to 25 of 111").wait_for()
    tab.wait_for_url("**/runs?run=3&archived=1")
    tab.locator("#upkeep-back").click()
    tab.locator("#upkeep-archive").wait_for()
    tab.get_by_text("Erase this run for good").click()
    tab.locator("#run-erase-about").get_by_text("its note and its tags").wait_for()
    tab.locator("#run-erase-name :is(input, textarea)").fill("Run 3")
    tab.locator("#run-erase-now").click()
    tab.get_by_text("The name that was typed is another").wait_for()
    tab.locator("#run-erase-name :is(input, textarea)").fill("The longer one")
    tab.locator("#run-erase-now").click()
    tab.locator("#runs-head b").get_by_text("Run 111").wait_for()
    tab.wait_for_url("**/runs?run=111&archived=1")
    log = [(entry.action, entry.subject) for entry in audit.entries(database, who, who.projects[0])]
    acts = ("erase run", "bring back run", "archive run", "write note on run", "tag run", "rename run")
    assert log[: len(acts)] == [(act, "The longer one") for act in acts]


def test_a_link_in_a_notice_stays_in_its_tab(tab: Any, served: Served) -> None:
    tab.goto(f"{served.address}/find")
    tab.get_by_text("No run can be searched yet").get_by_role("link", name="Tune").click()
    tab.wait_for_url("**/tune")
    assert len(tab.context.pages) == 1


def test_all_of_a_long_state_is_read_and_tools_lie_over_no_title(tab: Any, served: Served) -> None:
    database = served.room.studio.database
    with database.session() as session:
        session.get_one(Job, runs.run(database, served.room.who, MANY + 1).job_id).state = "stopped"
    tab.goto(f"{served.address}/runs?run={MANY + 1}")
    chip = row(tab, "stopped, can be resumed")
    chip.wait_for()
    inside = "cell => cell.querySelector('.state').getBoundingClientRect().right <= cell.getBoundingClientRect().right"
    assert chip.evaluate(inside)
    tab.get_by_role("tab", name="Curves", exact=True).click()
    tab.locator(".js-plotly-plot").filter(visible=True).first.wait_for()
    tools = "[...document.querySelectorAll('.modebar-container')].map(bar => getComputedStyle(bar).opacity)"
    assert set(tab.evaluate(tools)) == {"0"}
    tab.locator(".js-plotly-plot").filter(visible=True).first.hover()
    assert "1" in tab.evaluate(tools)

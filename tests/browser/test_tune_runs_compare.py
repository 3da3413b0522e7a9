"""Tune, Runs and Compare in a real browser, on a studio with one finished run and no workers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.records import runs
from tests.app.furnished import Furnished, furnish
from tests.browser.conftest import is_within, wait_for
from tests.let_in import open_door
from worker.redis import free_port

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
PATIENCE = 60_000


@dataclass(frozen=True)
class Served:
    address: str
    room: Furnished


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    room = furnish(tmp_path_factory.mktemp("served"))
    port = free_port()
    known = os.environ | room.studio.place.environment() | {"PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"}
    child = subprocess.Popen([sys.executable, "-m", "app.main", "--port", str(port)], env=known)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/health", child)
        yield Served(address, room)
    finally:
        child.terminate()
        child.wait()


@pytest.fixture(scope="module")
def tab(chromium: Any, served: Served) -> Iterator[Any]:
    page = chromium.new_page(viewport={"width": 1366, "height": 768})
    page.set_default_timeout(PATIENCE)
    open_door(page, served.address, served.room.studio.database)
    yield page
    page.close()


def test_a_case_is_walked_to_and_found_again_after_a_reload(served: Served, tab: Any) -> None:
    tab.goto(f"{served.address}/compare")
    tab.get_by_text("1 of 3").wait_for()
    tab.locator("#compare-next").click()
    tab.get_by_text("2 of 3").wait_for()
    assert "hazy" not in tab.locator("#compare-title").inner_text()
    tab.get_by_label("Show the reference label").click()
    tab.locator("#compare-title").get_by_text("hazy").wait_for()
    tab.wait_for_url("**/compare?*case=b*")
    tab.reload()
    tab.get_by_text("2 of 3").wait_for()
    assert is_within(tab)


def test_the_viewer_zooms_by_keyboard_and_resets(served: Served, tab: Any) -> None:
    tab.goto(f"{served.address}/compare")
    image = tab.locator("#compare-picture img")
    image.wait_for()
    tab.locator("#compare-picture .panes").focus()
    tab.keyboard.press("+")
    tab.keyboard.press("i")
    assert "scale(1.25)" in image.get_attribute("style") and "invert(1)" in image.get_attribute("style")
    tab.keyboard.press("0")
    assert "scale(1)" in image.get_attribute("style") and "invert" not in image.get_attribute("style")


def test_a_run_is_started_from_its_defaults_and_watched(served: Served, tab: Any) -> None:
    tab.goto(f"{served.address}/tune")
    tab.get_by_text("Readers to compare").wait_for()
    assert is_within(tab)
    tab.get_by_label("Name of the run").fill("From the browser")
    tab.locator("#tune-start").click()
    tab.wait_for_url("**/runs?run=*")
    tab.locator("#runs-head").get_by_text("From the browser").wait_for()
    assert is_within(tab)
    tab.locator("#runs-stop").click()
    tab.locator("#runs-head").get_by_text("stopped, can be resumed").wait_for()
    newest = runs.runs(served.room.studio.database, served.room.who, served.room.who.projects[0])[0]
    assert (newest.name, newest.state, newest.settings["preset"]) == ("From the browser", "stopped", "quick")


def test_nothing_stays_in_the_browsers_storage(served: Served, tab: Any) -> None:
    kept = tab.evaluate("JSON.stringify(window.localStorage)")
    assert "From the browser" not in kept and "case" not in kept

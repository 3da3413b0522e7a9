"""Tune, Runs, Compare and Find in a real browser, on a studio with one finished run and no workers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from core.catalog import FORMATS, find
from core.records import jobs, payloads
from core.records.runs import runs
from core.records.runs.outcomes import Match, Matches
from core.records.sets import sets
from core.records.tables import Job
from core.sets.open import open_set
from tests import run_files as runs_of_tests
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
    shades: int
    """A version of another set, which can be tuned on."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    room = furnish(tmp_path_factory.mktemp("served"))
    shades = runs_of_tests.draw(tmp_path_factory.mktemp("sets") / "shades")
    formats = [find(FORMATS, name, "format") for name in FORMATS]
    version = sets.write_version(
        room.studio.database,
        room.studio.place,
        open_set(shades, {}, formats),
        who=room.who,
        project_id=room.who.projects[0],
        name="Shades",
    )
    port = free_port()
    known = os.environ | room.studio.place.environment() | {"PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"}
    child = subprocess.Popen([sys.executable, "-m", "app.main", "--port", str(port)], env=known)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/health", child)
        yield Served(address, room, version.id)
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


def test_the_tab_task_shows_what_the_model_is_asked_as_soon_as_it_is_opened(served: Served, tab: Any) -> None:
    for _ in range(3):
        tab.goto(f"{served.address}/image-sets?version={served.room.version_id}")
        tab.locator(".gallery button").first.wait_for()
        tab.wait_for_timeout(1000)
        tab.get_by_role("tab", name="Task").click()
        tab.locator("pre.prompt").get_by_text("hazy").wait_for()
        tab.wait_for_timeout(1500)
        assert "clear" in tab.locator("pre.prompt").inner_text()


def test_a_case_is_walked_to_and_found_again_after_a_reload(served: Served, tab: Any) -> None:
    tab.goto(f"{served.address}/compare?run={served.room.run_id}")
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


def test_arrow_keys_and_thumbnails_lead_from_case_to_case(served: Served, tab: Any) -> None:
    tab.goto(f"{served.address}/compare?run={served.room.run_id}")
    tab.get_by_text("1 of 3").wait_for()
    tab.keyboard.press("ArrowRight")
    tab.get_by_text("2 of 3").wait_for()
    tab.locator("#compare-strip [aria-current][data-case=b]").wait_for()
    tab.keyboard.press("ArrowLeft")
    tab.get_by_text("1 of 3").wait_for()
    tab.locator("#compare-strip [data-case=c]").click()
    tab.get_by_text("3 of 3").wait_for()
    tab.wait_for_url("**/compare?*case=c*")
    for own in ("#compare-text :is(input, textarea)", "#compare-picture .panes"):
        tab.locator(own).focus()
        tab.keyboard.press("ArrowRight")
        tab.wait_for_timeout(500)
        assert tab.locator("#compare-title").get_by_text("3 of 3").is_visible(), own
    tab.locator("#compare-next").focus()
    tab.keyboard.press("ArrowRight")
    tab.get_by_text("1 of 3").wait_for()
    assert is_within(tab)


def test_a_picture_on_the_full_screen_is_walked_through_too(served: Served, tab: Any) -> None:
    tab.goto(f"{served.address}/compare?run={served.room.run_id}")
    tab.get_by_text("1 of 3").wait_for()
    picture = tab.locator("#compare-picture .frame img")
    is_large = "(expected) => (document.fullscreenElement !== null) === expected"
    tab.keyboard.press("f")
    tab.wait_for_function(is_large, arg=True)
    tab.keyboard.press("ArrowRight")
    tab.locator("#compare-picture .frame img[src$='/1']").wait_for()
    assert picture.bounding_box()["height"] > 0.85 * tab.evaluate("innerHeight")
    tab.keyboard.press("f")
    tab.wait_for_function(is_large, arg=False)
    assert tab.get_by_text("2 of 3").is_visible()


def test_filters_of_compare_are_in_the_address_at_once_and_a_reload_keeps_them(served: Served, tab: Any) -> None:
    tab.goto(f"{served.address}/compare?run={served.room.run_id}")
    tab.get_by_text("1 of 3").wait_for()
    tab.locator("#compare-only").get_by_label("Wrong answers").click()
    tab.wait_for_url("**/compare?*only=wrong*")
    for chooser, choice in (
        ("Whose answers", "vitask"),
        ("Held against", "tsm"),
        ("Reference label", "hazy"),
        ("Order", "Gap"),
    ):
        tab.get_by_role("combobox", name=chooser).click()
        tab.get_by_role("option", name=choice).last.click()  # the list before it fades
    tab.locator("#compare-text textarea, #compare-text input").fill("b")
    tab.wait_for_url("**/compare?*only=wrong*order=gap*reader=vitask*other=tsm*label=hazy*text=b*")
    tab.locator("#compare-title").get_by_text("No case fits this filter").wait_for()
    tab.reload()
    tab.wait_for_function("document.querySelector('#compare-text :is(input, textarea)')?.value === 'b'")
    assert tab.locator("#compare-only").get_by_label("Wrong answers").is_checked()
    assert tab.get_by_role("combobox", name="Whose answers").input_value() == "VITask, reading alone (vitask)"
    assert tab.get_by_role("combobox", name="Held against").input_value() == "the TSM alone (tsm)"
    assert tab.get_by_role("combobox", name="Reference label").input_value() == "hazy"
    assert tab.get_by_role("combobox", name="Order").input_value().startswith("Gap")
    tab.locator("#compare-title").get_by_text("No case fits this filter").wait_for()
    tab.wait_for_url("**/compare?*only=wrong*order=gap*reader=vitask*other=tsm*label=hazy*text=b*")


def test_a_figure_is_taken_away_as_svg_and_as_png_in_its_size(served: Served, tab: Any) -> None:
    """The browser draws it: no server needs one."""
    tab.goto(f"{served.address}/runs?run={served.room.run_id}")
    tab.locator("#runs-rocs").get_by_text("hazy (n = 2)").wait_for()  # a finished run opens at its figures
    tab.get_by_role("tab", name="Take away").click()
    files = {}
    for kind in ("SVG", "PNG"):
        with tab.expect_download() as coming:
            tab.get_by_role("button", name=f"ROC curves, Column, 8.5 cm, {kind}").click()
        files[kind] = Path(coming.value.path()).read_bytes()
    svg = files["SVG"].decode()
    assert 'width="321"' in svg and "test cases of Panes" in svg and "ROC curves" in svg and "hazy (n = 2)" in svg
    width, height = Image.open(BytesIO(files["PNG"])).size
    assert width == 2006 and height > 1000
    tab.locator("#runs-taking [data-told]").get_by_text("was saved").wait_for()


def test_cases_are_found_by_words_looked_at_and_their_like_is_searched(served: Served, tab: Any) -> None:
    room, database = served.room, served.room.studio.database
    run_id = room.queue("Searchable", method={"name": "discriminative"}, tsm=[])
    with database.session() as session:
        session.get_one(Job, runs.run(database, room.who, run_id).job_id).state = "done"

    def answer(*names: str) -> payloads.Find:
        """What a worker would find."""
        with database.reading() as session:
            wanted = select(Job.id).where(Job.kind == "find", Job.state == "waiting")
            (job_id,) = session.scalars(wanted).all()
        claimed = jobs.claim(database, job_id, "reader")
        assert claimed is not None
        near = tuple(Match(case=name, labels=("hazy",), split="test", patient=None, cosine=0.75) for name in names)
        jobs.finish(database, claimed, Matches(matches=near, searched=3, seconds=0.02).plain())
        return payloads.Find.parse(claimed.payload, "payload")

    tab.goto(f"{served.address}/find?run={run_id}")
    tab.locator("#find-words :is(input, textarea)").fill("pale panes")
    tab.locator("#find-search").click()
    tab.locator("#find-outcome").get_by_text("Waiting for a reader").wait_for()
    assert answer("b", "c").words == "pale panes"
    tab.locator("#find-pictures .gallery button").nth(1).click()
    tab.locator("#find-about").get_by_text("0.750").wait_for()
    assert is_within(tab)
    tab.locator("#find-like").click()
    tab.locator("#find-outcome").get_by_text("Waiting for a reader").wait_for()
    assert answer("a").case == "c"
    tab.locator("#find-outcome").get_by_text("The 1 nearest of 3 cases").wait_for()
    assert tab.locator("#find-case :is(input, textarea)").input_value() == "c"


def test_the_viewer_zooms_by_keyboard_and_resets(served: Served, tab: Any) -> None:
    tab.goto(f"{served.address}/compare?run={served.room.run_id}")
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


def test_a_copy_of_a_run_of_the_second_set_is_saved_at_the_first_click_and_runs_in_a_shell(
    served: Served, tab: Any, tmp_path: Path
) -> None:
    db, who, place = served.room.studio.database, served.room.who, served.room.studio.place
    asked = {
        "vlm": {"family": "starter"},
        "method": {"name": "vanilla", "label_smoothing": 0.125},
        "limit": {"train": 12, "val": 3, "test": 3},
        "training": {"steps": 1, "batch_size": 4},
        "reading": {"draws": 20, "free_text": 0},
        "preset": "balanced",
        "seed": 5,
    }
    old = runs.queue_run(db, place, who, served.shades, "", asked)
    assert old.name == "Shades · Plain tuning · balanced · 1"
    tab.goto(f"{served.address}/runs?run={old.id}")
    tab.locator("#runs-head").get_by_text(old.name).wait_for()
    tab.locator("#runs-copy").click()
    tab.wait_for_url(f"**/tune?copy={old.id}")
    tab.get_by_text("Readers to compare").wait_for()
    tab.locator("#tune-name [placeholder$='balanced · 2']").wait_for()
    assert tab.locator("#tune-set input").input_value() == "Shades"
    with tab.expect_download() as kept:
        tab.locator("#tune-save").click()
    saved = tmp_path / "run.yaml"
    kept.value.save_as(saved)
    tab.locator("#tune-start").click()
    tab.wait_for_url("**/runs?run=*")
    made = runs.runs(db, who, who.projects[0])[0]
    assert (made.version_id, made.copy_of, made.name) == (
        served.shades,
        old.id,
        "Shades · Plain tuning · balanced · 2",
    )
    assert saved.read_text() == runs.run_file(made)
    assert made.settings["limit"] == asked["limit"] and made.settings["method"]["label_smoothing"] == 0.125
    shell = {name: value for name, value in os.environ.items() if not name.startswith("VITASK_")}
    out = tmp_path / "out"
    command = [sys.executable, "-m", "core.cli", "tune", str(saved), "--out", str(out), "--data", str(place.data)]
    subprocess.run(command, check=True, timeout=600, env=shell | {"OMP_NUM_THREADS": "1"})
    assert (out / "metrics.json").is_file() and "studio:" in (out / "settings.yaml").read_text()


def test_a_name_follows_the_set_and_the_method_until_somebody_writes_one(served: Served, tab: Any) -> None:
    tab.goto(f"{served.address}/tune")
    name = tab.locator("#tune-name textarea, #tune-name input")
    tab.locator("#tune-name [placeholder*=' · VITask · quick · ']").wait_for()
    tab.locator("#tune-set input").click()
    tab.get_by_role("option", name="Panes").click()
    tab.locator("#tune-name [placeholder^='Panes · VITask · quick · ']").wait_for()
    tab.locator("#tune-method").get_by_label("Plain tuning").click()
    tab.locator("#tune-name [placeholder^='Panes · Plain tuning · quick · ']").wait_for()
    name.press_sequentially("My own")
    tab.locator("#tune-set input").click()
    tab.get_by_role("option", name="Shades").click()
    tab.locator("#tune-name [placeholder^='Shades · Plain tuning · quick · ']").wait_for()
    assert name.input_value() == "My own"


def test_an_empty_number_stays_empty_whatever_is_opened(served: Served, tab: Any) -> None:
    tab.goto(f"{served.address}/tune")
    tab.get_by_text("Readers to compare").wait_for()
    shown = tab.locator("#tune-file .cm-content").inner_text()
    tab.get_by_role("button", name="Fewer cases").click()
    limit = tab.get_by_label("At most, train")
    limit.wait_for()
    assert limit.input_value() == ""
    limit.press_sequentially("0")
    tab.locator("#tune-facts").get_by_text("is at least 1, not 0").wait_for()
    limit.press("Backspace")
    tab.get_by_text("Readers to compare").wait_for()
    for _ in range(2):  # closed and opened again, it is drawn anew
        tab.get_by_role("button", name="Fewer cases").click()
    tab.get_by_label("At most, test").press_sequentially("5")
    assert limit.input_value() == "" and "limit: {}" in shown  # the file is drawn as far as it is seen
    tab.get_by_label("Name of the run").fill("Fewer")
    tab.locator("#tune-file").get_by_text("test: 5").wait_for()
    tab.locator("#tune-start").click()
    tab.wait_for_url("**/runs?run=*")
    newest = runs.runs(served.room.studio.database, served.room.who, served.room.who.projects[0])[0]
    assert (newest.name, newest.settings["limit"]) == ("Fewer", {"test": 5})


def test_nothing_stays_in_the_browsers_storage(served: Served, tab: Any) -> None:
    kept = tab.evaluate("JSON.stringify(window.localStorage)")
    assert "From the browser" not in kept and "case" not in kept

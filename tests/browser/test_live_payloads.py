"""Everything that people name, write or bring, with payloads in it, on every page of a real browser: nothing runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from tests.app.hostile import ALL, PASSWORD, PAYLOADS, Hostile, furnish_hostile, hostile_zip
from tests.browser.conftest import wait_for
from worker.redis import free_port

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
PATIENCE_MS = 60_000
HOOK = """
window.hits = [];
window.hit = () => { window.hits.push(location.pathname); report("executed"); return ""; };
window.report = (what) => console.info("LIVE " + what + " on " + location.pathname);
document.addEventListener("securitypolicyviolation", (event) =>
  report("refused by the policy: " + event.effectiveDirective + " " + event.blockedURI + " " + event.sample));
"""
MADE_OF_PAYLOADS = """() => [...document.querySelectorAll(
  "[onerror], [onload], script:not([src]):not([nonce]), [href*='elsewhere.test'], [*|href*='elsewhere.test'], " +
  "[src*='elsewhere.test'], [style*='elsewhere.test'], [href^='javascript:'], [*|href^='javascript:'], .katex"
)].map(one => "made of a payload: " + one.outerHTML.slice(0, 200))"""

TYPE_AT_ONCE = """([fold, selector, text]) => new Promise(done => {
  const type = () => {
    const field = document.querySelector(selector);
    if (!field?.checkVisibility({ visibilityProperty: true })) return requestAnimationFrame(type);
    field.focus();
    field.select();
    document.execCommand("insertText", false, text);
    done();
  };
  requestAnimationFrame(type);
  const named = button => button.innerText.startsWith(fold);
  [...document.querySelectorAll("button.label-wrap, button[role=tab]")].find(named).click();
})"""
"""Before the browser draws the first picture with the field in it, so before whatever Gradio puts off until then."""


@dataclass
class Watched:
    """A browser whose every execution of a payload, dialog, refusal and request to elsewhere is counted."""

    page: Any
    address: str
    seen: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("console", self._console)
        self.page.on("dialog", self._dialog)
        self.page.on("request", self._request)
        self.page.on("pageerror", lambda error: self.seen.append(f"error: {error}"))

    def open(self, path: str) -> None:
        self.page.goto(self.address + path)

    def _console(self, message: Any) -> None:
        if message.text.startswith("LIVE ") or re.search("Error (evaluating|executing|rendering)", message.text):
            self.seen.append(message.text)

    def _dialog(self, dialog: Any) -> None:
        self.seen.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Any) -> None:
        if request.url.startswith(("http", "ws")) and not request.url.startswith(self.address + "/"):
            self.seen.append(f"request to {request.url} from {urlsplit(self.page.url).path}")
        elif urlsplit(request.url).path.endswith(("/x", "/hit()")):
            self.seen.append(f"element made of a payload: {request.url} on {urlsplit(self.page.url).path}")


@dataclass(frozen=True)
class Served:
    address: str
    room: Hostile


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    room = furnish_hostile(tmp_path_factory.mktemp("hostile"))
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
def watched(served: Served, chromium: Any) -> Iterator[Watched]:
    """Signed in, by way of a sign-in page that was led to and misused."""
    context = chromium.new_context(viewport={"width": 1366, "height": 768})
    context.add_init_script(HOOK)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    made = Watched(page, served.address)
    made.watch()
    made.open(f"/sign-in?next={quote(ALL)}")
    for password in ("wrong " + ALL, PASSWORD):
        page.get_by_label("Name").fill(served.room.person)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_load_state("load")
    page.locator(".vt-head").get_by_text("Sign out").wait_for()
    yield made
    context.close()


@pytest.fixture
def page(watched: Watched) -> Iterator[Any]:
    """What a test saw happen fails it."""
    watched.seen.clear()
    yield watched.page
    watched.page.wait_for_timeout(300)
    made = watched.page.evaluate(MADE_OF_PAYLOADS)
    assert watched.seen + made == []


def walk(page: Any) -> None:
    """Every tab, the inner ones first, and what can be unfolded and chosen from there."""
    for name in reversed([name for name in page.get_by_role("tab").all_inner_texts() if name.strip()]):
        page.get_by_role("tab", name=name, exact=True).first.click()
        page.wait_for_timeout(250)
        unfold(page)
        for chooser in page.locator("input[role=listbox]:visible").all():
            chooser.click()
            chooser.press("Escape")


def unfold(page: Any) -> None:
    while (fold := page.locator("button.label-wrap:visible:not(.open)")).count():
        fold.first.click()


def type_at_once(page: Any, fold: str, field: str, text: str) -> None:
    """Opens an accordion or a tab, and types from the first moment at which there is a field to be seen."""
    page.evaluate(TYPE_AT_ONCE, [fold, field, text])


def test_the_first_page_and_its_foot(watched: Watched, page: Any) -> None:
    watched.open("/")
    page.get_by_role("heading", name="Recent work").wait_for()
    page.get_by_text(f"s{ALL}").first.wait_for()
    watched.open("/?view=api")
    page.wait_for_timeout(1500)


def test_every_tile_shows_its_name_as_it_is(served: Served, watched: Watched, page: Any) -> None:
    watched.open(f"/image-sets?version={served.room.version_id}")
    tiles = page.locator(".gallery button[data-number]")
    tiles.first.wait_for()
    for number, name in enumerate(served.room.names):
        tiles.nth(number).click()
        page.wait_for_function(
            "name => [...document.querySelectorAll('.viewer figcaption')].some(one => one.textContent === name)",
            arg=name,
        )
        assert page.locator(".viewer:visible img").get_attribute("alt") == name
    page.locator(".case").get_by_text(ALL, exact=True).first.wait_for()
    walk(page)


def test_the_editor_of_boxes(served: Served, watched: Watched, page: Any) -> None:
    """Its labels, the case's name and that of whoever corrected it before are all somebody's words."""
    watched.open(f"/image-sets?version={served.room.version_id}&case=0&edit=boxes")
    page.locator("#box-editor .name").get_by_text(served.room.names[0]).wait_for()
    page.locator("#box-editor .boxes").get_by_text(ALL, exact=True).click()
    assert ALL in page.locator("#box-editor [data-edit=label] option").all_inner_texts()
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Save the boxes").click()
    page.locator("#box-editor .says").get_by_text(served.room.person).wait_for()
    page.locator("#box-editor summary", has_text="History").click()
    page.locator("#box-editor .history li").get_by_text(served.room.person).wait_for()
    page.get_by_role("button", name="← Back to the cases").click()
    page.locator("#boxes-pending").get_by_text(served.room.names[0]).wait_for()


def test_an_upload_is_reported_and_kept(served: Served, watched: Watched, page: Any, tmp_path: Path) -> None:
    brought = hostile_zip(tmp_path / f"{PAYLOADS['literal']}{PAYLOADS['drawing']} {PAYLOADS['tick']}.zip")
    watched.open("/image-sets?tab=add")
    page.locator("input[type=file]").first.set_input_files(str(brought))
    page.get_by_text("Waits for its turn").filter(visible=True).first.wait_for()
    served.room.work()
    page.get_by_text("Must be mended").first.wait_for()
    walk(page)


@pytest.mark.parametrize("path", ["/tune", "/tune?version={version}", "/tune?copy={run}"])
def test_tune(served: Served, watched: Watched, page: Any, path: str) -> None:
    watched.open(path.format(version=served.room.version_id, run=served.room.run_ids[0]))
    page.get_by_text("Readers to compare").wait_for()
    page.get_by_label("Name of the run").fill(ALL)
    further = f"- {{name: {json.dumps(ALL)}, width: 1}}"
    type_at_once(page, "TSM", "#tune-more-tsms textarea", further)
    page.locator("#tune-facts").get_by_text(ALL).wait_for()
    assert page.locator("#tune-more-tsms textarea").input_value() == further
    assert page.get_by_label("Name of the run").input_value() == ALL[:200]
    walk(page)


@pytest.mark.parametrize(
    ("path", "shown", "fold", "field"),
    [
        ("/image-sets?version={version}", ".gallery", "Task", "#task-modality"),
        ("/compare?run={run}", "#compare-answers table", "Ask again: in other words", "#compare-instruction"),
    ],
)
def test_what_is_typed_at_once_stays(
    served: Served, watched: Watched, page: Any, path: str, shown: str, fold: str, field: str
) -> None:
    watched.open(path.format(version=served.room.version_id, run=served.room.run_ids[0]))
    page.locator(shown).wait_for()
    page.wait_for_timeout(1500)
    type_at_once(page, fold, typed := f"{field} :is(input, textarea)", "typed at once")
    page.wait_for_timeout(1000)
    assert page.locator(typed).input_value() == "typed at once"


def test_find(served: Served, watched: Watched, page: Any) -> None:
    run_id = served.room.searchable_run()
    watched.open(f"/find?run={run_id}&case={quote(served.room.names[0])}")
    page.locator("#find-case :is(input, textarea)").wait_for()
    page.locator("#find-by").get_by_label("Words").click()
    page.locator("#find-words :is(input, textarea)").fill(ALL)
    page.locator("#find-search").click()
    page.locator("#find-outcome").get_by_text("Waiting for a reader").wait_for()
    served.room.find_all(run_id)
    page.locator("#find-pictures .gallery button").first.wait_for()
    for tile in page.locator("#find-pictures .gallery button").all()[:4]:
        tile.click()
        page.locator("#find-about").get_by_text(ALL, exact=True).first.wait_for()
    page.locator("#find-case :is(input, textarea)").wait_for(state="hidden")
    walk(page)


def test_runs(served: Served, watched: Watched, page: Any) -> None:
    watched.open(f"/runs?run={served.room.run_ids[0]}")
    page.locator("#runs-head").get_by_text("finished").wait_for()
    walk(page)
    page.get_by_role("tab", name="Side by side").click()
    chooser = page.locator("#runs-several input")
    for number in served.room.run_ids:
        chooser.click()
        page.get_by_role("option", name=f"{number} · ").click()
    page.wait_for_timeout(1500)
    page.locator(".js-plotly-plot:visible").first.hover()
    page.wait_for_timeout(300)


@pytest.mark.parametrize("only", ["all", "disagree", "wrong"])
def test_compare(served: Served, watched: Watched, page: Any, only: str) -> None:
    watched.open(f"/compare?run={served.room.run_ids[0]}&only={only}")
    page.locator("#compare-answers table").wait_for()
    page.get_by_label("Show the reference label").click()
    page.locator("#compare-title").get_by_text("reference label:").wait_for()
    unfold(page)
    for bar in page.locator("#compare-figure .barlayer .point").all()[:4]:
        bar.hover(force=True)
        page.wait_for_timeout(100)
    for _ in range(4 if only == "all" else 1):
        page.locator("#compare-next").click()
        page.wait_for_timeout(300)


@pytest.mark.parametrize("tab", ["find", "decide", "agree", "correct"])
def test_review(served: Served, watched: Watched, page: Any, tab: str) -> None:
    watched.open(f"/review?tab={tab}&review={served.room.review_id}")
    if tab == "decide":
        page.locator("#review-queue [data-rank]").first.wait_for()
        for _ in range(6):
            page.keyboard.press("n")
            page.wait_for_timeout(150)
        page.keyboard.press("b")
        page.wait_for_timeout(300)
    if tab == "agree":
        page.get_by_role("button", name="Look and settle").first.click()
        page.locator("#review-settle-as").wait_for()
    if tab == "correct":
        page.locator("#review-preview table").wait_for()
        unfold(page)
        page.locator("#review-difference").wait_for(state="attached")
    page.wait_for_timeout(500)


def test_a_notice_shows_what_it_names(served: Served, watched: Watched, page: Any) -> None:
    """A message names files, labels and people; it is text like everything else."""
    watched.open("/tune")
    page.get_by_text("Readers to compare").wait_for()
    page.get_by_role("button", name="TSM ▼").click()
    page.locator("#tune-more-tsms textarea").fill(f"- {{name: {json.dumps(ALL)}}}")
    page.locator("#tune-start").click()
    page.locator("[data-testid=toast-text]").get_by_text(ALL).first.wait_for()

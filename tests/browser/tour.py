"""The ways through the studio, a stop for everything that it can show, as somebody who is signed in walks them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.app.two_sets import NAME, PASSWORD, OneSet, TwoSets

QUIET = """() => new Promise(resolve => {
  let timer = setTimeout(done, 600);
  const watch = new MutationObserver(() => { clearTimeout(timer); timer = setTimeout(done, 600); });
  const latest = setTimeout(done, 6000);
  function done() { watch.disconnect(); clearTimeout(timer); clearTimeout(latest); resolve(); }
  watch.observe(document.body, { childList: true, subtree: true, attributes: true });
})"""


@dataclass(frozen=True)
class Stop:
    """Something that can be looked at: an address, and what is pressed there."""

    name: str
    path: str
    ready: str
    """A selector of what is there once the page is."""
    go_on: Callable[[Any], None] = lambda page: None
    follows: bool = False
    """Whether it lies behind the stop before it, on the same page."""


def tab_named(name: str) -> Callable[[Any], None]:
    return lambda page: page.get_by_role("tab", name=name, exact=True).click()


def sign_in(page: Any, address: str) -> None:
    page.goto(f"{address}/sign-in")
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.locator(".vt-head").get_by_text(f"Sign out {NAME}").wait_for()


def tour(room: TwoSets, of: OneSet) -> list[Stop]:
    """All stops that show something of a set."""
    sets, runs, review = (
        f"/image-sets?version={of.version_id}",
        f"/runs?run={of.run_id}",
        f"/review?review={of.review_id}",
    )

    def ask(page: Any) -> None:
        page.get_by_role("button", name="Ask again").click()
        page.locator("#compare-read").click()
        page.locator("#compare-said").get_by_text("Waiting for").wait_for()
        room.answer_question(of)
        page.locator("#compare-said").get_by_text("Read just now").wait_for()
        for words in ("Token by token", "Plug another TSM"):
            page.get_by_role("button", name=words).click()

    def find(page: Any) -> None:
        page.locator("#find-words :is(input, textarea)").fill("pale panes")
        page.locator("#find-search").click()
        page.locator("#find-outcome").get_by_text("Waiting for a reader").wait_for()
        room.answer_search()
        page.locator("#find-pictures .gallery button").nth(1).click()
        page.locator("#find-about").get_by_text("0.900").wait_for()

    return [
        Stop("image sets, cases", sets, ".gallery button", lambda page: page.locator(".gallery button").nth(1).click()),
        Stop("image sets, add", sets, ".gallery button", tab_named("Add images"), follows=True),
        Stop("image sets, task", sets, ".gallery button", tab_named("Task"), follows=True),
        Stop("image sets, versions", sets, ".gallery button", tab_named("Versions"), follows=True),
        Stop("boxes", f"{sets}&case=1&edit=boxes", "#box-editor img"),
        Stop("tune", "/tune", "#tune-facts"),
        Stop("runs, figures", runs, "#runs-rocs .js-plotly-plot"),
        *(
            Stop(f"runs, {name}", runs, "#runs-rocs", tab_named(name), follows=True)
            for name in ("Curves", "Probes", "Log", "Device", "Take away", "Settings", "Queue", "Side by side")
        ),
        Stop("compare", f"/compare?run={of.run_id}", "#compare-strip [aria-current]"),
        Stop("compare, asked", f"/compare?run={of.run_id}", "#compare-strip", ask, follows=True),
        Stop("find", f"/find?run={room.searchable_id}", "#find-words", find),
        Stop("review, find", f"{review}&tab=find", "#review-chosen"),
        Stop("review, decide", f"{review}&tab=decide", "#review-queue [data-rank]"),
        Stop("review, agree", review, "#review-queue", tab_named("3 Agree"), follows=True),
        Stop("review, correct", review, "#review-queue", tab_named("4 Correct"), follows=True),
    ]


def halls() -> list[Stop]:
    """All stops that show nothing of a set."""
    return [
        Stop("home", "/", ".vt .steps"),
        Stop("people", "/people", "#people-all tr"),
        Stop("people, projects", "/people", "#people-all", tab_named("Projects"), follows=True),
        Stop("people, audit log", "/people", "#people-all", tab_named("Audit log"), follows=True),
        Stop("account", "/account", ".vt h1"),
        Stop("no such page", "/nowhere", "a.way"),
        Stop("asked wrongly", "/downloads/jobs/many/log.txt", "a.way"),
    ]


def outside() -> list[Stop]:
    """What somebody sees who is not signed in."""
    return [Stop("sign in", "/sign-in", "form"), Stop("invited", "/invited", "form")]


def walk_to(page: Any, address: str, stop: Stop) -> None:
    if not stop.follows:
        page.goto(f"{address}{stop.path}")
        page.locator(stop.ready).first.wait_for()
    stop.go_on(page)
    page.evaluate(QUIET)

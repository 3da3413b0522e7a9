"""Compare and Review by keyboard alone: every control is reached, what has the focus is seen, and nothing holds it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from core.records.sets import sets
from tests.app.two_sets import CASES
from tests.browser.conftest import Shown
from tests.browser.tour import sign_in

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
PATIENCE_MS = 60_000
MOST_TABS = 90
ROUND = 5
"""Pixels round what has the focus, within which an outline is seen."""
FOCUSED = "document.activeElement === document.body ? '' : document.activeElement.outerHTML.slice(0, 200)"


@pytest.fixture(scope="module")
def page(chromium: Any, shown: Shown) -> Iterator[Any]:
    page = chromium.new_page(viewport={"width": 1366, "height": 768}, reduced_motion="reduce")
    page.set_default_timeout(PATIENCE_MS)
    sign_in(page, shown.address)
    yield page
    page.close()


def tab_to(page: Any, selector: str) -> None:
    """By the Tab key, from wherever the focus is."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{MOST_TABS} times Tab did not lead to {selector}")


def outlined(page: Any) -> bool:
    """Whether a picture of what has the focus differs from one of the same place without it."""
    page.evaluate("document.activeElement.scrollIntoView({ block: 'center', behavior: 'instant' })")
    box = page.evaluate(
        "(({ x, y, width, height }) => ({ x, y, width, height }))(document.activeElement.getBoundingClientRect())"
    )
    clip = {"x": max(0, box["x"] - ROUND), "y": max(0, box["y"] - ROUND)}
    clip |= {"width": box["width"] + 2 * ROUND, "height": box["height"] + 2 * ROUND}
    with_focus = page.screenshot(clip=clip)
    page.evaluate("window.held = document.activeElement; held.blur()")
    without = page.screenshot(clip=clip)
    page.evaluate("held.focus({ focusVisible: true })")
    return bool(with_focus != without)


def test_a_whole_compare_by_keys(shown: Shown, page: Any) -> None:
    page.goto(f"{shown.address}/compare?run={shown.room.nine.run_id}")
    page.get_by_text("1 of 15").wait_for()
    tab_to(page, "#compare-run input")
    page.keyboard.press("Control+a")
    page.keyboard.type("First run on 4")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/compare?run={shown.room.four.run_id}&**")
    page.locator("#compare-figure").get_by_text("drusen").first.wait_for()
    tab_to(page, "#compare-strip button:nth-of-type(3)")
    page.keyboard.press("Enter")
    page.get_by_text("3 of 15").wait_for()
    tab_to(page, "#compare-next")
    page.keyboard.press("Enter")
    page.get_by_text("4 of 15").wait_for()
    page.keyboard.press("ArrowRight")
    page.get_by_text("5 of 15").wait_for()
    assert "reference label hidden" in page.locator("#compare-title").inner_text()
    tab_to(page, "#compare-reference input")
    page.keyboard.press("Space")
    page.locator("#compare-title").get_by_text("reference label hidden").wait_for(state="hidden")
    page.keyboard.press("f")
    page.wait_for_function("document.fullscreenElement !== null")
    page.keyboard.press("f")
    page.wait_for_function("document.fullscreenElement === null")


def test_a_list_closes_when_tab_leaves_it(shown: Shown, page: Any) -> None:
    page.goto(f"{shown.address}/compare?run={shown.room.nine.run_id}")
    page.get_by_text("1 of 15").wait_for()
    is_open = page.locator("input[role=combobox][aria-expanded=true]")
    tab_to(page, "#compare-run input")
    is_open.wait_for()
    tab_to(page, "#compare-next")
    page.wait_for_timeout(500)
    assert is_open.count() == 0


@pytest.mark.parametrize("place", ["compare", "review"])
def test_the_focus_is_seen_everywhere_and_held_nowhere(shown: Shown, page: Any, place: str) -> None:
    of = shown.room.nine
    path, ready = {
        "compare": (f"/compare?run={of.run_id}", "#compare-strip [aria-current]"),
        "review": (f"/review?review={of.review_id}&tab=decide", "#review-queue [data-rank]"),
    }[place]
    page.goto(f"{shown.address}{path}")
    page.locator(ready).first.wait_for()
    page.wait_for_timeout(1500)
    reached: list[str] = []
    unseen: list[str] = []
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        element = page.evaluate(FOCUSED)
        if not element:
            break
        reached.append(element)
        if not outlined(page):
            unseen.append(element)
    assert element == "" or reached[0] in reached[1:], f"the last of all is followed by the browser, not {element}"
    assert len(reached) > 30
    assert unseen == []


def test_a_whole_review_by_keys(shown: Shown, page: Any) -> None:
    room, of = shown.room, shown.room.four
    review_id = room.search_again(of)
    page.goto(f"{shown.address}/review?review={review_id}&tab=find")
    page.locator("#review-chosen").wait_for()
    page.wait_for_timeout(1000)
    tab_to(page, "[role=tab][aria-selected=true]")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("#review-queue [data-rank='1']").wait_for()
    for rank, key in enumerate(("2", "k", "u", "x"), 1):
        page.locator(f"#review-queue [data-rank='{rank}']").wait_for()
        page.keyboard.press(key)
    page.locator("#review-queue [data-rank='5']").wait_for()
    page.keyboard.press("z")
    page.locator("#review-queue [data-rank='4']").wait_for()
    for rank in range(4, CASES + 1):
        page.locator(f"#review-queue [data-rank='{rank}']").wait_for()
        page.keyboard.press("k")
    page.locator("#review-queue .none").wait_for()
    page.locator("#review-queue .sent[data-unsent='0']").wait_for(state="attached")
    before = sets.version(room.studio.database, room.who, of.version_id).number
    tab_to(page, "[role=tab][aria-selected=true]")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("1 case would change").wait_for()
    tab_to(page, "#review-apply")
    page.keyboard.press("Enter")
    page.get_by_text(f"version {before + 1}").first.wait_for()

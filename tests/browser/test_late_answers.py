"""An answer that comes late, after something else was asked for, leaves no page behind: by a studio without workers,
whose answers are held back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Route

from app.pages.image_sets.adding import bring
from core.records import jobs
from core.records.sets import sets
from tests.app.furnished import Furnished, furnish
from tests.app.test_image_sets import arrived
from tests.browser.test_review import serving_records
from tests.browser.test_review import tab as tab
from tests.let_in import open_door

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TRIES = "Estimate memory and time"


@dataclass(frozen=True)
class Desk:
    """A studio without workers, and somebody's browser."""

    room: Furnished
    address: str
    page: Any

    def end_next(self, result: dict[str, Any]) -> None:
        """As a worker would: the job that waits longest."""
        claimed = jobs.take_next(self.room.studio.database, "intake", "test")
        assert claimed is not None
        jobs.finish(self.room.studio.database, claimed, result)

    def hold(self, wanted: Callable[[str, str], bool], meanwhile: Callable[[], None]) -> Callable[[], None]:
        """Holds the answer back to the first look whose question and answer are wanted, from `meanwhile` on; returns
        what lets it go."""
        held: list[tuple[Route, Any]] = []

        def look(route: Route) -> None:
            answer = route.fetch()
            if not held and wanted(route.request.post_data or "", answer.text()):
                held.append((route, answer))
            else:
                route.fulfill(response=answer)

        def let_go() -> None:
            (route, answer), *_ = held
            route.fulfill(response=answer)

        self.page.route("**/gradio_api/run/**", look)
        meanwhile()
        while not held:
            self.page.wait_for_timeout(100)
        return let_go


@pytest.fixture
def desk(tmp_path: Path, tab: Callable[[], Any]) -> Iterator[Desk]:
    room = furnish(tmp_path)
    with serving_records(room.studio) as address:
        page = tab()
        open_door(page, address, room.studio.database)
        yield Desk(room, address, page)


def test_a_late_look_at_an_estimate_gives_way_to_the_one_that_was_asked_for_last(desk: Desk) -> None:
    page, told = desk.page, desk.page.locator("#tune-estimate")
    cost = {"seconds": 60, "steps": {"a": 60}}
    page.goto(f"{desk.address}/tune")
    page.locator("#tune-save:enabled").wait_for()
    page.get_by_role("button", name=TRIES).click()
    told.get_by_text("waiting").wait_for()
    let_go = desk.hold(lambda _, answer: "11.0" in answer, lambda: desk.end_next(cost | {"memory_gib": 11}))
    page.get_by_role("button", name=TRIES).click()
    told.get_by_text("case …").wait_for()
    let_go()
    told.get_by_text("11.0").wait_for()
    desk.end_next(cost | {"memory_gib": 22})
    told.get_by_text("22.0").wait_for()


def test_a_late_look_at_an_upload_gives_way_to_the_one_that_was_chosen_last(desk: Desk) -> None:
    page, database = desk.page, desk.room.studio.database
    first, second = (
        bring(desk.room.visit(), [arrived(desk.room.studio, f"{name}.csv", b"image,label\na.png,x\n")])
        for name in ("first", "second")
    )
    desk.end_next({})
    sets.set_upload(database, first, "refused", None)
    page.goto(f"{desk.address}/image-sets?tab=add")
    title = page.locator("#upload-report h2")
    title.get_by_text("second.csv").wait_for()
    let_go = desk.hold(lambda question, _: f'"data":[{second},' in question, lambda: None)
    page.get_by_role("combobox", name="Upload").click()
    page.get_by_role("option", name="first.csv").click()
    title.get_by_text("first.csv").wait_for()
    page.wait_for_timeout(3000)  # a chooser tells twice of a choice: what comes of the second must not hide the fault
    let_go()
    title.get_by_text("second.csv").wait_for()
    title.get_by_text("first.csv").wait_for()


def test_a_late_look_never_turns_the_list_of_runs_back(desk: Desk) -> None:
    """Who clicks into a list that shows another page for a moment opens another run than the one aimed at."""
    page, room = desk.page, desk.room
    for number in range(30):
        room.queue(f"Run {number}")
    page.goto(f"{desk.address}/runs")
    count = page.locator("#runs-count .vt")
    count.get_by_text("1 to 25 of 31").wait_for()
    page.evaluate(
        """() => {
            window.seen = [];
            const note = () => {
                const text = document.querySelector("#runs-count .vt")?.innerText;
                if (text && text !== seen.at(-1)) seen.push(text);
            };
            new MutationObserver(note).observe(document.body, { childList: true, characterData: true, subtree: true });
        }"""
    )
    questions: list[Route] = []
    page.route("**/gradio_api/run/**", lambda route: route.continue_() if questions else questions.append(route))
    while not questions:
        page.wait_for_timeout(100)
    page.locator("#runs-older").click()
    page.wait_for_timeout(2000)
    questions[0].continue_()
    count.get_by_text("26 to 31 of 31").wait_for()
    page.wait_for_timeout(4000)
    assert page.evaluate("seen.filter((text, place) => place || !text.startsWith('1 '))") == ["26 to 31 of 31"]


def test_a_late_case_gives_way_to_the_one_that_was_asked_for_last(desk: Desk) -> None:
    page = desk.page
    page.goto(f"{desk.address}/compare?run={desk.room.run_id}")
    title = page.locator("#compare-title")
    title.get_by_text("1 of 3").wait_for()
    questions: list[Route] = []
    page.route("**/gradio_api/queue/join*", lambda route: route.continue_() if questions else questions.append(route))
    page.locator("#compare-reference input").check()
    while not questions:
        page.wait_for_timeout(100)
    page.locator("#compare-strip [data-case=b]").click()
    page.locator("#compare-next").click()
    page.wait_for_timeout(2000)
    questions[0].continue_()
    title.get_by_text("3 of 3").wait_for()
    page.wait_for_timeout(2000)
    assert "3 of 3" in title.inner_text() and "reference label hidden" not in title.inner_text()
    for _ in range(2):
        page.locator("#compare-previous").click()
    title.get_by_text("1 of 3").wait_for()
    page.wait_for_url("**&case=a&**")

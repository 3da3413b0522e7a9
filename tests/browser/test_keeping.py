"""A set and a review, by page: renamed, archived, brought back, and erased; the run that used them says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.records.sets import sets
from tests.app.furnished import Furnished, furnish, searched
from tests.browser.conftest import is_within
from tests.browser.test_review import serving_records
from tests.browser.test_review import tab as tab
from tests.let_in import open_door


@pytest.fixture
def room(tmp_path: Path) -> Furnished:
    made = furnish(tmp_path)
    searched(made, tmp_path)
    return made


@pytest.fixture
def address(room: Furnished) -> Iterator[str]:
    with serving_records(room.studio) as where:
        yield where


@pytest.fixture
def page(room: Furnished, address: str, tab: Callable[[], Any]) -> Any:
    opened = tab()
    open_door(opened, address, room.studio.database)
    return opened


def write(page: Any, place: str, text: str) -> None:
    page.locator(f"{place} textarea, {place} input").first.fill(text)


def erase_case(page: Any, case: str) -> None:
    page.get_by_role("button", name="Erase a patient or a case").click()
    page.locator("#erase-patient-kind").get_by_label("a single case").check()
    write(page, "#erase-patient-which", case)
    page.locator("#erase-patient-look").click()
    page.locator("#erase-patient-about").get_by_text("they may have learned from them").wait_for()
    assert is_within(page)
    write(page, "#erase-patient-name", case)
    page.locator("#erase-patient-now").click()
    page.wait_for_function("document.querySelector('input[aria-label=\"Version\"]').value.startsWith('v2')")


def test_a_set_is_kept_and_erased_by_page(room: Furnished, address: str, page: Any) -> None:
    page.goto(f"{address}/image-sets")
    page.get_by_role("tab", name="Versions").click()
    page.get_by_role("button", name="Rename, archive or erase this image set").click()
    write(page, "#set-keep-new", "Window panes")
    page.locator("#set-keep-rename").click()
    page.wait_for_function("document.querySelector('input[aria-label=\"Image set\"]').value === 'Window panes'")
    page.locator("#set-keep-archive").click()
    page.wait_for_function("document.querySelector('input[aria-label=\"Image set\"]').value.endsWith('(archived)')")
    page.locator("#sets-archived").wait_for()
    page.locator("#set-keep-back").click()
    page.locator("#set-keep-archive").wait_for()
    erase_case(page, sets.case(room.studio.database, room.who, room.version_id, 0).name)
    page.locator("#set-keep-look").click()
    page.locator("#set-keep-about").get_by_text("1 version").first.wait_for()
    assert is_within(page)
    write(page, "#set-keep-name", "window panes")
    page.locator("#set-keep-now").click()
    page.get_by_text("The name that was typed is another").first.wait_for()
    write(page, "#set-keep-name", "Window panes")
    page.locator("#set-keep-now").click()
    page.get_by_text("It is erased").first.wait_for()
    page.goto(f"{address}/runs?run={room.run_id}")
    page.get_by_text("The images that it was tuned on were erased for good").first.wait_for()
    page.goto(f"{address}/compare?run={room.run_id}")
    page.get_by_text("The images of this run were erased for good").first.wait_for()
    assert is_within(page)


def test_a_review_is_kept_and_erased_by_page(room: Furnished, address: str, page: Any) -> None:
    page.goto(f"{address}/review?tab=find")
    page.get_by_role("button", name="Rename, archive or erase this review").click()
    write(page, "#review-keep-new", "Second look")
    page.locator("#review-keep-rename").click()
    page.locator("#review-list").get_by_text("Second look").wait_for()
    page.locator("#review-keep-archive").click()
    page.locator("#review-list").get_by_text("archived", exact=True).wait_for()
    page.goto(f"{address}/review?tab=find")
    page.locator("#reviews-archived").get_by_label("Show archived").check()
    page.locator("#review-list").get_by_text("Second look").wait_for()
    page.get_by_role("button", name="Rename, archive or erase this review").click()
    page.locator("#review-keep-look").click()
    page.locator("#review-keep-about").get_by_text("1 verdict of 1 person").wait_for()
    assert is_within(page)
    write(page, "#review-keep-name", "Second look")
    page.locator("#review-keep-now").click()
    page.wait_for_function("!document.querySelector('#review-list')?.innerText.includes('Second look')")

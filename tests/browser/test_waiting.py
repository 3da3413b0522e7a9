"""The tray in a real browser: pictures with names burned in are looked at one after the other, by keys, by drawing."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Running, is_within
from tests.deid.burning import LAYING, burned, written_to

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
OTHER = ((12, 55, "KORVEL, T"), LAYING[1])


def scans(folder: Path) -> list[str]:
    """Twelve pictures and their labels: three with a name in one place, one with it in another, an ultrasound."""
    texts = [LAYING, LAYING, LAYING, OTHER, LAYING[1:]]
    names = [f"scan{number:02}" for number in range(12)]
    for number, name in enumerate(names):
        shown = texts[number] if number < len(texts) else ((20 * number - 80, 60, "R"),)
        header = {"Modality": "US"} if number == 4 else {"Modality": "DX"}
        written_to(folder / f"{name}.dcm", burned(shown, **header))  # type: ignore[arg-type]
    table = folder / "labels.csv"
    with table.open("w", newline="") as opened:
        rows = csv.writer(opened)
        rows.writerow(["file", "label"])
        rows.writerows([f"{name}.dcm", ("clear", "hazy")[number % 2]] for number, name in enumerate(names))
    return [str(table), *(str(folder / f"{name}.dcm") for name in names)]


def test_pictures_that_wait_are_released_masked_and_rejected_by_keys_alone(
    running: Running, page: Any, tmp_path: Path
) -> None:
    page.goto(f"{running.address}/image-sets?tab=add")
    page.locator("input[type=file]").first.set_input_files(scans(tmp_path))
    tray = page.locator("#waiting")
    tray.get_by_text("5 wait").wait_for()
    page.get_by_text("5 pictures wait for a look: 4 because something is written in it").wait_for()
    assert page.get_by_role("button", name="Add to my image sets").count() == 0
    page.wait_for_function("document.querySelector('#waiting img').naturalWidth === 240")
    assert tray.locator("rect.person.ticked").count() == 1
    assert tray.get_by_role("checkbox", name="looks like somebody's data").is_checked()
    assert is_within(page)
    assert tray.locator(".held").bounding_box()["width"] == 320, "small ones are enlarged"
    assert page.evaluate("getComputedStyle(document.querySelector('#waiting kbd')).borderTopStyle") == "solid"
    tray.locator(".held").scroll_into_view_if_needed()
    page.screenshot(path=str(tmp_path / "tray.png"))

    page.reload()  # what waits is still there, and so is what was decided
    tray.get_by_text("5 wait").wait_for()
    page.keyboard.press("a")
    page.keyboard.press("m")  # the three with the name in the same place
    tray.get_by_text("2 wait").wait_for()
    page.get_by_text("2 pictures wait for a look: ").wait_for()
    page.get_by_text("Done with 3 pictures.").wait_for()
    page.keyboard.press("l")
    tray.get_by_text("it is an ultrasound picture", exact=False).or_(tray.get_by_text("It is an ultrasound")).wait_for()
    tray.get_by_label("Another rectangle").fill("10, 5, 60, 20")
    page.keyboard.press("Enter")
    tray.get_by_role("checkbox", name="drawn (10, 5, 60, 20)").wait_for()
    picture = tray.locator(".held svg").bounding_box()
    page.mouse.move(picture["x"] + picture["width"] * 0.5, picture["y"] + picture["height"] * 0.2)
    page.mouse.down()
    page.mouse.move(picture["x"] + picture["width"] * 0.75, picture["y"] + picture["height"] * 0.4, steps=4)
    page.mouse.up()
    assert tray.locator("rect.drawn.ticked").count() == 2
    tray.get_by_role("button", name="Mask").click()
    tray.get_by_text("the last one").wait_for()
    page.keyboard.press("x")
    tray.get_by_text("the last one").wait_for(state="hidden")
    page.get_by_text("Must be mended").first.wait_for()  # the row of the picture that was rejected
    page.get_by_role("button", name="Keep the rest without this one").click()
    page.get_by_role("button", name="Add to my image sets").wait_for()
    page.get_by_text("11 cases, 2 labels").wait_for()
    page.get_by_role("button", name="Add to my image sets").click()
    page.get_by_role("link", name="Look at its cases").wait_for()

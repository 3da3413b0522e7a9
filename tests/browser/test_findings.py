"""What a check found of an upload, with its pictures, in a real browser: each finding's button does what it says."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

from tests.browser.conftest import Running, is_within

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


def with_faults(file: Path) -> Path:
    """Thirty pictures and what is wrong with a set: one blank, two far too dark, a plain copy, a label in two
    spellings, patients in two splits."""
    draw, table = np.random.default_rng(8), io.StringIO()
    rows = csv.writer(table)
    rows.writerow(["file", "label", "split", "patient"])
    shades = [draw.integers(60, 200, (32, 32), np.uint8) for _ in range(30)]
    shades[7] = np.full((32, 32), 90, np.uint8)
    shades[11], shades[12], shades[20] = shades[11] // 40, shades[12] // 40, shades[18]
    with ZipFile(file, "w") as made:
        for number, levels in enumerate(shades):
            png = io.BytesIO()
            Image.fromarray(levels).save(png, "PNG")
            made.writestr(f"{number}.png", png.getvalue())
            label = "Clear" if number >= 28 else ("clear", "hazy")[number % 2]
            split = ("train", "train", "val", "test")[number % 4]
            rows.writerow([f"{number}.png", label, split, f"P{number // 2}"])
        made.writestr("labels.csv", table.getvalue())
    return file


def test_each_finding_shows_pictures_and_its_button_settles_it(running: Running, page: Any, tmp_path: Path) -> None:
    page.goto(f"{running.address}/image-sets?tab=add")
    page.locator("input[type=file]").first.set_input_files(str(with_faults(tmp_path / "faults.zip")))
    report = page.locator("#upload-report")
    report.get_by_text("30 cases, 3 labels; 16 train, 7 val, 7 test.").wait_for()
    report.locator(".of-finding img").first.wait_for()
    pictures = "[...document.querySelectorAll('.of-finding img')]"
    assert page.evaluate(f"{pictures}.length") > 6
    page.evaluate(f"{pictures}.forEach(image => {{ image.loading = 'eager'; }})")
    page.wait_for_function(f"{pictures}.every(image => image.naturalWidth === 32)")
    dark = report.locator(".notice").filter(has_text="much darker than the others").locator("img")
    assert [image.get_attribute("alt") for image in dark.all()] == ["11.png", "12.png"]
    assert is_within(page)

    def press(button: str, then: str) -> None:
        report.get_by_role("button", name=button).first.click()
        report.get_by_text(then).wait_for()
        report.get_by_role("button", name=button).first.wait_for(state="detached")

    press("Leave out this picture (blank)", "29 cases, 3 labels; 16 train, 7 val, 6 test.")
    press("Leave out these 2 pictures (too dark)", "27 cases, 3 labels")
    press("Call “Clear” “clear” too", "27 cases, 2 labels")
    report.get_by_text("patients are in more than one split").wait_for()
    press("Draw the split anew, patients and copies together", "27 cases, 2 labels")
    report.get_by_text("patients are in more than one split").wait_for(state="detached")
    page.get_by_role("button", name="Leave out the plain copy").click()
    report.get_by_text("26 cases, 2 labels").wait_for()
    page.get_by_role("button", name="Take back all decisions").click()
    report.get_by_text("30 cases, 3 labels; 16 train, 7 val, 7 test.").wait_for()

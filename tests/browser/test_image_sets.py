"""Home and Image sets in a real browser, on a whole studio with its workers."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.browser.conftest import Running, is_within

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


def added(page: Any, running: Running, files: Any, name: str) -> None:
    """Brings files, waits for the check, and keeps them under a name."""
    page.goto(f"{running.address}/image-sets?tab=add")
    page.locator("input[type=file]").first.set_input_files(files)
    page.get_by_role("heading", name=f"{Path(files).name} checked").wait_for()
    page.get_by_role("button", name="Add to my image sets").wait_for()
    page.get_by_label("Name of the image set").fill(name)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Add to my image sets").click()
    page.get_by_role("link", name="Look at its cases").wait_for()


def test_home_says_what_to_do_next_and_that_all_is_well(running: Running, page: Any) -> None:
    page.goto(running.address)
    page.get_by_role("heading", name="Bring your images").wait_for()
    assert page.locator(".steps .next h3").inner_text().endswith("(next)")
    page.get_by_text("answers in").wait_for()
    assert page.locator(".dot.off").count() == 0
    assert is_within(page)
    assert page.evaluate("localStorage.length") == 0
    way = page.locator(".steps .next a")
    place = way.get_attribute("href")  # to add images, unless another test has added some to this studio already
    assert page.locator(f'.steps a[href="{place}"]').count() == 1
    way.click()
    page.wait_for_url(f"**{place}")


def test_a_zip_is_checked_kept_and_looked_at(running: Running, page: Any, upload_zip: Path) -> None:
    page.goto(f"{running.address}/image-sets?tab=add")
    page.locator("input[type=file]").first.set_input_files(str(upload_zip))
    page.get_by_text("300 cases,").filter(visible=True).wait_for()  # another set may wait in the hidden gallery
    page.get_by_role("button", name="Add to my image sets").wait_for()
    assert is_within(page)
    page.get_by_role("button", name="Add to my image sets").click()
    page.get_by_role("link", name="Look at its cases").click()
    page.get_by_text("300 cases, page 1 of 13").wait_for()
    assert page.locator(".gallery img").count() == 24
    page.wait_for_function(
        "[...document.querySelectorAll('.gallery img')].slice(0, 6).every(one => one.naturalWidth > 0)"
    )
    page.get_by_role("button", name="Next").click()
    page.get_by_text("page 2 of 13").wait_for()
    page.locator(".gallery button").nth(3).click()
    page.get_by_text("Reference label", exact=True).wait_for()
    assert is_within(page)


def test_a_table_of_unknown_columns_is_mapped_by_hand(running: Running, page: Any, tmp_path: Path) -> None:
    files = [str(table(tmp_path))]
    for number in range(12):
        picture = tmp_path / f"eye{number}.png"
        Image.new("L", (32, 32), 60 + 100 * (number % 2) + number).save(picture)
        files.append(str(picture))
    page.goto(f"{running.address}/image-sets?tab=add")
    page.locator("input[type=file]").first.set_input_files(files)
    page.get_by_text(re.compile("no column that looks like the label")).wait_for()
    chooser = page.get_by_label("Label column", exact=True)
    chooser.click()
    page.get_by_role("option", name="what was seen").click()
    page.get_by_role("button", name="Check again").click()
    page.get_by_text("12 cases, 2 labels").wait_for()


def table(folder: Path) -> Path:
    file = folder / "eyes.csv"
    with file.open("w", newline="") as opened:
        rows = csv.writer(opened)
        rows.writerow(["file", "what was seen", "who"])
        rows.writerows([f"eye{number}.png", ("clear", "hazy")[number % 2], f"P{number // 2}"] for number in range(12))
    return file


def test_an_edited_task_makes_a_version_and_shows_the_exact_prompt(running: Running, page: Any, tmp_path: Path) -> None:
    pictures = tmp_path / "shades.zip"
    from zipfile import ZipFile

    with ZipFile(pictures, "w") as made:
        for number in range(20):
            file = tmp_path / f"{number}.png"
            Image.new("L", (40, 40), 30 + 9 * number).save(file)
            made.write(file, f"{('dark', 'light')[number // 10]}/{number}.png")
    added(page, running, str(pictures), "Shades")
    page.get_by_role("link", name="Look at its cases").click()
    page.get_by_role("tab", name="Task").click()
    prompt = page.locator("pre.prompt")
    prompt.get_by_text("medical").wait_for()
    page.wait_for_function("document.querySelector('#task-modality :is(input, textarea)').value === 'medical'")
    page.locator("#task-modality").locator("input, textarea").fill("grey square")
    prompt.get_by_text("grey square").wait_for()
    assert "Analyze the given grey square image. The possible diagnoses are: dark, light." in prompt.inner_text()
    assert page.get_by_label("no, or not known").is_checked()
    page.get_by_label("up and down too").check()
    page.get_by_role("button", name="Save as a new version").click()
    page.get_by_text("The new version is kept").wait_for()
    page.get_by_role("tab", name="Versions").click()
    page.get_by_text("task edited").wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="List of cases (CSV)").first.click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert lines[0] == "case,labels,split,patient" and len(lines) == 21


def test_what_can_not_be_read_is_said_in_words(running: Running, page: Any, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not an image set")
    page.goto(f"{running.address}/image-sets?tab=add")
    page.locator("input[type=file]").first.set_input_files(str(file))
    page.get_by_text("is not laid out in a way that is understood here").wait_for()
    assert page.get_by_role("button", name="Add to my image sets").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_needs_sideways_scrolling(running: Running, page: Any, scheme: str) -> None:
    from app.shell import pages

    page.emulate_media(color_scheme=scheme)
    for one in pages():
        page.goto(f"{running.address}/{one.PATH.strip('/')}")
        page.locator(".vt-head a[aria-current]").get_by_text(one.TITLE).wait_for()
        page.wait_for_timeout(500)
        assert is_within(page), one.TITLE


def test_how_much_of_a_file_has_arrived_is_told_in_percent(running: Running, page: Any, tmp_path: Path) -> None:
    file = tmp_path / "large.txt"
    file.write_bytes(b"no image set " * 250_000)
    page.goto(f"{running.address}/image-sets?tab=add")
    arriving = page.locator(".arriving")
    arriving.wait_for(state="attached")
    network = page.context.new_cdp_session(page)
    open_way = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    # So slowly that even a busy machine tells of it on the way; once it did, the rest comes at once.
    network.send("Network.emulateNetworkConditions", open_way | {"uploadThroughput": 1e5})
    page.locator("input[type=file]").first.set_input_files(str(file))
    arriving.get_by_text(re.compile(r"^[1-9][0-9]? % of 3\.\d MB$")).wait_for()
    share = arriving.get_by_role("progressbar").get_attribute("aria-valuenow")
    network.send("Network.emulateNetworkConditions", open_way)
    assert share is not None and 0 < int(share) < 100
    arriving.wait_for(state="hidden")
    page.get_by_text("is not laid out in a way that is understood here").wait_for()

"""Leakage in a real browser: refused on Tune, settled by one click or accepted by name; versions compared, and returned
to."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

from core.records.database import open_database
from core.records.place import Place
from core.records.tables import Run
from tests.browser.conftest import Running, is_within
from tests.browser.test_image_sets import added

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
A_RUN_MS = 900_000
WHY = "the published split is kept"
SPLITS = ("train", "train", "train", "val", "test")
SHORT = """
preset: quick
vlm: {family: starter}
tsm: []
method: {name: vanilla}
training: {steps: 1, batch_size: 4}
reading: {free_text: 0, draws: 20}
leakage: {accepted_by: whoever wrote this file, why: the published split is kept}
"""


def of_shared_patients(file: Path) -> Path:
    """Forty pictures, two of each patient, of whom the last four have one to learn from and one to be tested by."""
    draw, table = np.random.default_rng(3), io.StringIO()
    rows = csv.writer(table)
    rows.writerow(["file", "label", "split", "patient"])
    with ZipFile(file, "w") as made:
        for number in range(40):
            label, patient = ("dark", "light")[number % 2], number // 2
            shades = draw.integers(0, 100, (32, 32), np.uint8) + 100 * (number % 2)
            png = io.BytesIO()
            Image.fromarray(shades.astype(np.uint8)).save(png, "PNG")
            made.writestr(f"{number}.png", png.getvalue())
            split = ("train", "test")[number % 2] if patient >= 16 else SPLITS[patient % 5]
            rows.writerow([f"{number}.png", label, split, f"P{patient}"])
        made.writestr("labels.csv", table.getvalue())
    return file


def newest_is(page: Any, number: int) -> None:
    page.wait_for_function(
        "(begin) => [...document.querySelectorAll('input')].some(field => field.value.startsWith(begin))",
        arg=f"v{number}: 40 cases",
    )


def test_leakage_stops_a_run_until_it_is_settled_by_one_click_or_accepted_by_name(
    running: Running, page: Any, tmp_path: Path
) -> None:
    added(page, running, str(of_shared_patients(tmp_path / "shared.zip")), "Shared patients")
    page.get_by_role("link", name="Tune a model on it").click()
    page.get_by_role("alert").get_by_text("4 of 10 test cases are of patients learned from").wait_for()
    page.locator("#tune-start:not([disabled])").click()
    page.get_by_text(
        "Or write under Leakage why the run is to go on"
    ).first.wait_for()  # beside the button, and passing
    assert is_within(page)

    page.get_by_role("link", name="Settle it by one click").click()
    page.get_by_text("of 10 test cases 4 are of patients who are learned from").wait_for()
    page.locator("#settle-regroup").click()
    page.get_by_text("Version 2 is kept: 40 cases.").wait_for()
    newest_is(page, 2)
    changes = page.locator("#versions-changes")
    changes.get_by_text("From version 1 to version 2:").wait_for()
    changes.get_by_text("Other splits").click()
    changes.get_by_text(re.compile(r"(train|val|test) → (train|val|test)")).first.wait_for()
    page.get_by_text("are of patients who are learned from").wait_for(state="detached")
    assert not page.locator("#settle-regroup").is_visible()

    page.get_by_role("link", name="v1", exact=True).click()
    page.get_by_role("tab", name="Versions").click()
    page.get_by_role("button", name="Make version 1 the newest again").click()
    newest_is(page, 3)
    page.get_by_role("cell", name="as version 1 was").wait_for()
    page.locator("#versions-against input").click()
    page.get_by_role("option", name="v1: 40 cases").click()
    changes.get_by_text("Nothing differs.").wait_for()
    assert is_within(page)

    third = page.get_by_role("link", name="v3", exact=True).get_attribute("href")
    _run_all_the_same(page, running, third.rpartition("=")[2])


def _run_all_the_same(page: Any, running: Running, version: str) -> None:
    page.goto(f"{running.address}/tune?version={version}")
    page.get_by_text("4 of 10 test cases are of patients learned from").wait_for()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Load from file").click()
    chooser.value.set_files({"name": "short.yaml", "mimeType": "application/yaml", "buffer": SHORT.encode()})
    page.locator(".cm-line").get_by_text(f"why: {WHY}", exact=True).wait_for()
    page.locator("#tune-start:not([disabled])").click()
    page.wait_for_url(re.compile(r"/runs\?run="))
    page.locator("#runs-head").get_by_text("finished").wait_for(timeout=A_RUN_MS)
    with open_database(Place.at(running.data)).reading() as session:
        key = session.get_one(Run, int(page.url.rpartition("=")[2])).key
    card = (Place.at(running.data).runs / key / "card.md").read_text()
    # By whom it was queued, not by whom the file named.
    assert f"Leakage was accepted by local: “{WHY}”. 4 of 10 test cases are of patients learned from." in card

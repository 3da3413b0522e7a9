"""From untidy files to a tuned run, without repairing any of them by hand."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import TimeoutError

from tests.browser.conftest import Running, is_within
from tests.messy import messy_films, messy_slices

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
A_RUN_MS = 900_000
SOON_MS = 5_000
TRIES = 3
SHORT = """
preset: quick
vlm: {family: starter}
tsm: []
method: {name: vanilla}
training: {steps: 2, batch_size: 8}
limit: {train: 60, val: 12, test: 12}
reading: {free_text: 0, draws: 20}
"""
"""As short as a run can be: what is told here is the way to it."""


@pytest.mark.parametrize(
    ("make", "unusable", "conflicts", "copies", "rare", "renamed", "cases", "answers"),
    [
        (
            messy_slices,
            3,
            2,
            5,
            "unklar",
            {"gliom": "Gliom"},
            "400 cases, 3 labels",
            ["Gliom", "hypophysär links", "Meningeom (gut)"],
        ),
        (
            messy_films,
            3,
            1,
            0,
            "Fraktur, alt",
            {"Erguß/Stauung": "Erguss/Stauung"},
            "182 cases, 2 labels",
            ["Erguss/Stauung", "kein Befund"],
        ),
    ],
    ids=["slices in class folders", "films beside a table"],
)
def test_a_messy_upload_is_mended_on_the_page_and_tuned_on(
    running: Running,
    page: Any,
    tmp_path: Path,
    make: Callable[[Path], Path],
    unusable: int,
    conflicts: int,
    copies: int,
    rare: str,
    renamed: Mapping[str, str],
    cases: str,
    answers: list[str],
) -> None:
    name = make.__name__.replace("_", " ")
    page.goto(f"{running.address}/image-sets?tab=add")
    page.locator("input[type=file]").first.set_input_files(str(make(tmp_path / f"{name}.zip")))
    page.get_by_role("button", name=f"Keep the rest without these {unusable}").wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="The list of them (CSV)").click()
    with Path(download.value.path()).open(encoding="utf-8") as table:
        assert sum(row["what becomes of it"] == "to be mended" for row in csv.DictReader(table)) == unusable
    page.locator("#mend-without").click()
    page.get_by_text(f"{unusable} left out.").wait_for()
    _settle_conflicts(page, conflicts)
    page.get_by_text(f"{unusable + conflicts} left out.").wait_for()
    if copies:
        page.locator("#mend-copies").click()
        page.get_by_text(f"{unusable + conflicts + copies} left out.").wait_for()
    _name_labels(page, rare, renamed)
    page.get_by_text(cases).filter(visible=True).wait_for()
    assert is_within(page)
    assert page.get_by_label("Labels, one on each line").first.input_value().splitlines() == answers
    page.get_by_role("button", name="Add to my image sets").click()
    page.get_by_role("link", name="Tune a model on it").click()
    _tune(page)


def _settle_conflicts(page: Any, conflicts: int) -> None:
    pairs = page.locator("#mend-pairs")
    for left in range(conflicts, 0, -1):
        pairs.get_by_text("the last one" if left == 1 else f"{left} to decide").wait_for()
        page.wait_for_function("[...document.querySelectorAll('#mend-pairs img')].every(image => image.naturalWidth)")
        pairs.get_by_role("button", name="Keep the left one").click()


def _name_labels(page: Any, rare: str, renamed: Mapping[str, str]) -> None:
    labels = page.locator("#mend-labels")
    labels.get_by_role("button").first.click()
    labels.get_by_text(rare, exact=True).nth(1).wait_for()
    labels.get_by_role("button", name="Drop the rare ones").click()
    labels.get_by_text(rare, exact=True).nth(1).wait_for(state="detached")
    for old, new in renamed.items():
        cell = labels.get_by_role("row").filter(has=page.get_by_text(old, exact=True)).get_by_role("gridcell").nth(2)
        _write(cell, new)
    labels.get_by_role("button", name="Use these names").click()


def _write(cell: Any, text: str) -> None:
    """As a person does it who looks: a table that was drawn anew at this moment has closed its editor."""
    editor, shown = cell.locator("input, textarea"), cell.get_by_text(text, exact=True)
    for _ in range(TRIES):
        cell.dblclick()
        with suppress(TimeoutError):
            editor.fill(text, timeout=SOON_MS)
            editor.press("Enter", timeout=SOON_MS)
            shown.wait_for(timeout=SOON_MS)
            return
    raise AssertionError(f"“{text}” could not be written into the table: {cell.inner_html()}")


def _tune(page: Any) -> None:
    page.get_by_text("Readers to compare").wait_for()
    page.wait_for_function("document.querySelector('#tune-version input').value.startsWith('1: ')")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Load from file").click()
    chooser.value.set_files({"name": "short.yaml", "mimeType": "application/yaml", "buffer": SHORT.encode()})
    page.locator(".cm-line").get_by_text("draws: 20", exact=True).wait_for()
    page.locator("#tune-start").click()
    page.wait_for_url(re.compile(r"/runs\?run="))
    page.locator("#runs-head").get_by_text("finished").wait_for(timeout=A_RUN_MS)

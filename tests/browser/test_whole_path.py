"""From somebody's files to answers side by side, all of it by clicking; and the same through the API."""

from __future__ import annotations

import re
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import TimeoutError

from core.records.database import open_database
from core.records.place import Place
from tests.browser.conftest import Running, is_within
from tests.browser.test_image_sets import added
from tests.let_in import LET_IN, let_in

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
A_RUN_MS = 900_000
ARRIVES_MS = 20_000
TRIES = 3
SHORT = """
preset: quick
vlm: {family: starter}
tsm: {name: convnet, epochs: 1, least_steps: 20}
method: {name: vitask}
training: {steps: 6, batch_size: 16}
limit: {val: 20, test: 20}
reading: {free_text: 4, draws: 100}
"""


def test_uploaded_images_are_tuned_on_watched_and_compared(
    running: Running, page: Any, upload_zip: Path, tmp_path: Path
) -> None:
    added(page, running, str(upload_zip), "Whole path")
    page.goto(f"{running.address}/tune")
    page.get_by_text("Readers to compare").wait_for()
    page.get_by_label("Image set").click()
    page.get_by_role("option", name="Whole path").click()
    page.wait_for_function("document.querySelector('#tune-version input').value.startsWith('1: 300 cases')")
    with page.expect_file_chooser() as asked:
        page.get_by_role("button", name="Load from file").click()
    asked.value.set_files({"name": "short.yaml", "mimeType": "application/yaml", "buffer": SHORT.encode()})
    page.locator(".cm-line").get_by_text("least_steps: 20", exact=True).wait_for()
    page.get_by_label("Name of the run").fill("Whole path, a short run")
    page.locator("#tune-start").click()
    page.wait_for_url("**/runs?run=*")
    page.locator("#runs-head").get_by_text("finished").wait_for(timeout=A_RUN_MS)
    assert is_within(page)
    page.get_by_role("button", name="Compare", exact=True).click()
    page.wait_for_url("**/compare?*")
    page.locator("#compare-answers").get_by_text("vitask+tsm").wait_for()
    assert all(page.locator("#compare-answers").get_by_text(name, exact=True).count() for name in ("vlm", "tsm"))
    page.locator("#compare-next").click()
    page.locator("#compare-title").get_by_text(re.compile("^2 of")).wait_for()
    page.get_by_label("Show the reference label").click()
    page.locator("#compare-title").get_by_text(re.compile("reference label")).wait_for()
    _ask_in_other_words(page)
    _ask_about_another_image(page, upload_zip, tmp_path)
    assert is_within(page)


def _ask_in_other_words(page: Any) -> None:
    page.get_by_role("button", name=re.compile("^Ask again")).click()
    page.get_by_role("button", name="Without the label list").click()
    page.get_by_role("button", name="Read", exact=True).click()
    page.locator("#compare-new-answers").get_by_text("vitask+tsm").wait_for(timeout=A_RUN_MS)


def _ask_about_another_image(page: Any, upload: Path, folder: Path) -> None:
    with zipfile.ZipFile(upload) as whole:
        picture = next(name for name in whole.namelist() if name.lower().endswith((".jpeg", ".png")))
        (folder / Path(picture).name).write_bytes(whole.read(picture))
    page.locator("#compare-about").get_by_label("Another image").click()
    before = page.locator("#compare-new-answers").inner_html()
    _bring(page, folder / Path(picture).name)
    page.locator("#compare-said").get_by_text("The picture is here. Press Read.").wait_for()
    page.get_by_role("button", name="Read", exact=True).click()
    changed = "was => document.querySelector('#compare-new-answers').innerHTML !== was"
    page.wait_for_function(changed, arg=before, timeout=A_RUN_MS)
    page.locator("#compare-new-answers").get_by_text("vitask+tsm").wait_for(timeout=A_RUN_MS)


def _bring(page: Any, picture: Path) -> None:
    """Again where it did not arrive, as a person does: a field that is just being shown may miss what is dropped."""
    for _ in range(TRIES):
        page.locator("#compare-image").wait_for()
        with suppress(TimeoutError):  # The field is gone where the file of the try before came late.
            page.locator("#compare-image input[type=file]").set_input_files(str(picture), timeout=ARRIVES_MS)
        with suppress(TimeoutError):
            page.locator("#compare-image").get_by_text(picture.stem).first.wait_for(timeout=ARRIVES_MS)
            return
    raise AssertionError(f"{picture.name} did not arrive: {page.locator('#compare-image').inner_text()}")


def test_a_program_uploads_tunes_waits_and_reads(running: Running, upload_zip: Path) -> None:
    from gradio_client import Client, handle_file

    let_in(open_database(Place.at(running.data)))
    client = Client(running.address, verbose=False, headers=LET_IN)

    def ask(name: str, *given: Any) -> Any:
        return client.predict(*given, api_name=f"/{name}")

    upload = int(ask("upload_images", [handle_file(str(upload_zip))])[0])
    report = until(lambda: (told := ask("upload_report", upload))["state"] == "checked" and told)
    assert report["report"]["cases"] == 300
    ask("add_upload", upload, "From a program", {})
    one = until(lambda: next((one for one in ask("image_sets") if one["name"] == "From a program"), None))
    settings = {
        "vlm": {"family": "starter"},
        "tsm": {"name": "convnet", "epochs": 1, "least_steps": 10},
        "method": {"name": "vitask"},
        "training": {"steps": 2, "batch_size": 8},
        "limit": {"train": 24, "val": 12, "test": 12},
        "reading": {"free_text": 0, "draws": 20},
    }
    run = ask("tune", one["version"], "From a program", settings)
    until(lambda: ask("run", run)["state"] == "done")
    simple = {"tsm", "knn", "probe-connector", "tsm+probe", "tsm-probe-mean"}
    assert set(ask("run", run)["figures"]) == simple | {"vlm", "vanilla", "vitask", "vitask+tsm"}
    question = ask("read", run, "", 0, "", ["tsm", "vitask+tsm"])
    answer = until(lambda: (told := ask("read_answer", question))["state"] == "done" and told)
    assert sum(answer["readers"]["tsm"]["probabilities"]) == pytest.approx(1)
    assert {"/stop", "/resume", "/cancel"} <= set(client.view_api(return_format="dict")["named_endpoints"])


def until(do: Any, seconds: float = A_RUN_MS / 1000) -> Any:
    """What a call gives once it gives something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := do():
            return found
        time.sleep(1)
    raise AssertionError("It took too long.")

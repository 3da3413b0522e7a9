"""A finished run to take away, as the page shows it."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
import pytest

from app.pages.runs.acts import export_run
from app.pages.runs.export import ABOUT, Exporting, lay_out
from core.errors import RunError
from core.records import jobs
from core.runs.export import export
from tests.app.furnished import Furnished, exported, furnish


@pytest.fixture
def room(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    return furnish(tmp_path_factory.mktemp("room"))


@pytest.fixture
def tab() -> Exporting:
    with gr.Blocks():
        return Exporting(lay_out())


def shown_of(tab: Exporting, room: Furnished) -> str:
    return str(tab.show(room.visit(), room.run_id)[tab.parts.exports])


def test_an_export_is_asked_for_and_offered_when_it_is_there(tab: Exporting, room: Furnished) -> None:
    assert "Nothing has been exported" in shown_of(tab, room)
    assert "waiting" in str(tab.make(room.visit(), room.run_id, True)[tab.parts.exports])
    job_id = exported(room)
    shown = shown_of(tab, room)
    assert f'href="/downloads/exports/{job_id}.zip"' in shown and "differ by 2.0e-07 at most" in shown
    assert shown.count("With the merged model") == 1 and shown.count("Adapter, connector, TSM") == 1


def test_what_went_wrong_with_an_export_is_told(tab: Exporting, room: Furnished) -> None:
    job_id = export_run(room.visit(), room.run_id, False)
    claimed = jobs.claim(room.studio.database, job_id, "test")
    assert claimed is not None
    jobs.fail(room.studio.database, claimed, "The disk is full. <Free> some space.")
    assert "The disk is full. &lt;Free&gt; some space." in shown_of(tab, room)


def test_only_a_finished_run_is_exported(room: Furnished) -> None:
    with pytest.raises(RunError, match="not finished"):
        export_run(room.visit(), room.queue("Second"), False)


def test_the_page_names_every_kind_of_file_and_what_is_left_of_pictures(finished: Path, tmp_path: Path) -> None:
    """A file of a kind that nobody was told of came with the lists of what was learned from."""
    export(finished, tmp_path / "taken", is_merged=False)
    kinds = {path.suffix for path in (tmp_path / "taken").rglob("*") if path.is_file()}
    text = {".md", ".txt", ".bib", ".yaml", ".jsonl", ".jinja"}
    assert kinds - text == {".safetensors", ".json", ".parquet", ".csv"}
    assert all(word in ABOUT for word in ("safetensors", "JSON", "Parquet", "CSV"))
    assert "8 x 8 grey levels" in ABOUT and "hashes of their patients" in ABOUT

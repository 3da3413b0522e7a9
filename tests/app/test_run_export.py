"""A finished run to take away, as the page shows it."""

from __future__ import annotations

import gradio as gr
import pytest

from app.pages.runs.export import ExportTab
from core.errors import RunError
from core.records import jobs
from tests.app.furnished import Furnished, asking, exported, furnish


@pytest.fixture
def room(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    return furnish(tmp_path_factory.mktemp("room"))


@pytest.fixture
def tab(room: Furnished) -> ExportTab:
    with gr.Blocks():
        return ExportTab(room.studio)


def test_an_export_is_asked_for_and_offered_when_it_is_there(tab: ExportTab, room: Furnished) -> None:
    assert "Nothing has been exported" in tab.listed(room.run_id, asking())
    assert "waiting" in tab.queue(room.run_id, True, asking())
    job_id = exported(room)
    shown = tab.listed(room.run_id, asking())
    assert f'href="/downloads/exports/{job_id}.zip"' in shown and "differ by 2.0e-07 at most" in shown
    assert shown.count("With the merged model") == 1 and shown.count("Adapter, connector, TSM") == 1


def test_what_went_wrong_with_an_export_is_told(tab: ExportTab, room: Furnished) -> None:
    job_id = tab.export_run(room.run_id, False, asking())
    claimed = jobs.claim(room.studio.database, job_id, "test")
    assert claimed is not None
    jobs.fail(room.studio.database, claimed, "The disk is full. <Free> some space.")
    assert "The disk is full. &lt;Free&gt; some space." in tab.listed(room.run_id, asking())


def test_only_a_finished_run_is_exported(tab: ExportTab, room: Furnished) -> None:
    with pytest.raises(RunError, match="not finished"):
        tab.export_run(room.queue("Second"), False, asking())

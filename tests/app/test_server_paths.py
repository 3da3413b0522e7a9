"""No answer of the studio tells where on the server it lives."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import gradio as gr
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.context import Studio
from app.routes import downloads, health, images
from app.visit import Visit, guarded
from core.errors import RunError
from core.records.accounts import people
from core.records.database import open_database
from core.records.place import Place
from tests.app.furnished import asking, exported, furnish

NAME, PASSWORD = "anna", "six herons over a pier"


def test_nothing_that_is_downloaded_names_a_place_on_the_server(tmp_path: Path) -> None:
    furnished = furnish(tmp_path)
    studio, who = furnished.studio, furnished.who
    job = exported(furnished)
    people.add_person(studio.database, NAME, PASSWORD, "admin", who.projects)
    headers = {"authorization": f"Bearer {people.sign_in(studio.database, NAME, PASSWORD, NAME)}"}
    api = FastAPI()
    for module in (downloads, health, images):
        api.include_router(module.router(studio))
    run, version = furnished.run_id, furnished.version_id
    paths = [f"/downloads/runs/{run}/{name}" for name in ("run.yaml", "metrics.json")]
    paths += [f"/downloads/versions/{version}/cases.csv", f"/downloads/jobs/{job}/log.txt", "/downloads/jobs/1/log.txt"]
    paths += ["/health", "/ready", "/metrics", "/downloads/runs/999/run.yaml", "/downloads/exports/999.zip"]
    paths += [f"/images/{version}/999", "/downloads/reviews/999/csv"]
    places = {str(tmp_path), str(Path.home()), tempfile.gettempdir(), str(Path(__file__).parents[2])}
    with TestClient(api, base_url="http://127.0.0.1:7860", headers=headers, raise_server_exceptions=False) as client:
        answers = {path: client.get(path).text for path in paths}
    told = [
        path for path, text in answers.items() if any(re.search(rf"{re.escape(place)}\b", text) for place in places)
    ]
    assert told == [], [answers[path] for path in told]
    assert "images:" in answers[f"/downloads/runs/{run}/run.yaml"]


def test_a_notice_says_what_is_damaged_and_not_where_on_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITASK_DATA", str(tmp_path))

    furnished = furnish(tmp_path / "studio")

    def act(visit: Visit) -> None:
        raise RunError(f"{tmp_path}/runs/abc/set.json can't be read. Copy the folder again.")

    with pytest.raises(gr.Error) as shown:
        guarded(furnished.studio, act)(asking())
    assert str(tmp_path) not in shown.value.message and "runs/abc/set.json can" in shown.value.message


def test_a_refused_download_says_what_is_damaged_and_not_where_on_the_server(tmp_path: Path) -> None:
    place = Place.at(tmp_path / "data")
    error = RunError(f"{place.data}/runs/abc/set.json can't be read.")
    answer = downloads._refused(Studio(place, open_database(place)), error)
    assert (answer.status_code, answer.body) == (400, b"runs/abc/set.json can't be read.")

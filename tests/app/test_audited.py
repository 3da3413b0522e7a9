"""What the screen notes in the audit: downloads one by one, opened pictures in one row when the studio closes."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.main import create_app
from core.records import audit
from tests.app.furnished import exported, furnish
from tests.let_in import LET_IN


@pytest.mark.slow
def test_downloads_and_opened_pictures_are_noted_in_their_project(tmp_path: Path) -> None:
    room = furnish(tmp_path)
    studio, export = room.studio, exported(room)
    app = cast(FastAPI, create_app(studio.place))
    with TestClient(app, "http://127.0.0.1:7860", client=("127.0.0.1", 5), headers=LET_IN) as browser:
        for path in (
            f"downloads/versions/{room.version_id}/cases.csv",
            f"downloads/runs/{room.run_id}/run.yaml",
            f"downloads/runs/{room.run_id}/metrics.json",
            "downloads/jobs/1/log.txt",
            f"downloads/exports/{export}.zip",
            *(f"images/{room.version_id}/{number}?size={size}" for number in (0, 1, 1) for size in ("full", "thumb")),
        ):
            assert browser.get(f"/{path}").status_code == 200, path
        assert browser.get(f"/images/{room.version_id}/99").status_code == 404
        assert browser.get("/downloads/runs/99/run.yaml").status_code == 404
    project = room.who.projects[0]
    noted = audit.entries(studio.database, room.who, project)
    downloads = [row.subject for row in noted if row.action == "download"]
    assert downloads == [f"{export}.zip", "job 1.txt", "First figures.json", "First.yaml", "Panes v1.csv"]
    assert [row.subject for row in noted if row.action == "export run"] == ["First"]
    opened = [(row.action, row.subject) for row in noted if row.action.startswith("open")]
    assert opened == [("opened cases", "Panes, version 1"), ("open set", "Panes, version 1")]
    assert {"cases": 2, "thumbnails": 2}.items() <= noted[0].details.items()
    assert audit.verify(studio.database, studio.place).faults == []

"""Tables that are taken away through the page: no cell and no header of theirs is a formula."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.routes import downloads
from core.case import ImageSet
from core.records import people, sets
from core.sets.table import read_table
from tests.app.furnished import furnish, pictures

ATTACK = "=HYPERLINK(1)"
NAME, PASSWORD = "anna", "six herons over a pier"


def attacking(folder: Path) -> ImageSet:
    """Names, patients, columns and values that a spreadsheet would run."""
    panes = pictures(folder)
    cases = [
        replace(case, id=f"@{case.id}", patient="\t+1", more={ATTACK: "-cmd", "－note": "a;=b", "price": "-0.05"})  # noqa: RUF001
        for case in panes.cases
    ]
    return panes.with_cases(cases)


def test_the_list_of_cases_holds_no_formula_and_reads_as_it_was(tmp_path: Path) -> None:
    furnished = furnish(tmp_path)
    studio, who = furnished.studio, furnished.who
    version = sets.write_version(
        studio.database, studio.place, attacking(tmp_path), who=who, project_id=who.projects[0], name="-Set", note=""
    )
    people.add_person(studio.database, NAME, PASSWORD, "admin", who.projects)
    api = FastAPI()
    api.include_router(downloads.router(studio))
    headers = {"authorization": f"Bearer {people.sign_in(studio.database, NAME, PASSWORD, NAME)}"}
    with TestClient(api, base_url="http://127.0.0.1:7860", headers=headers) as client:
        text = client.get(f"/downloads/versions/{version.id}/cases.csv").text
    header, first, *_ = csv.reader(io.StringIO(text))
    assert header == ["case", "label", "split", "patient", f"'{ATTACK}", "price", "'－note"]  # noqa: RUF001
    assert first == ["'@a", "clear", "test", "'\t'+1", "'-cmd", "'-0.05", "a;'=b"]
    again = read_table(text.encode(), "cases.csv")
    assert again.header == ("case", "label", "split", "patient", ATTACK, "price", "－note")  # noqa: RUF001
    assert again.rows[0][1]["patient"] == "\t+1" and again.rows[0][1]["－note"] == "a;=b"  # noqa: RUF001

"""Tables that are taken away through the page: no cell and no header of theirs is a formula."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from app.routes import downloads
from core.case import Case, ImageSet, Kind, Task
from core.formats import coco, manifest, mask_folder
from core.layouts.table import read_table
from core.machine.aside import Aside
from core.pictures.masks import packed_runs
from core.pictures.pixels import FilePixels
from core.records import audit
from core.records.accounts import people
from core.records.sets import drawn, sets
from tests.app.furnished import Furnished, furnish, pictures

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


def taken(tmp_path: Path, image_set: ImageSet, name: str) -> Any:
    """A version of this set, taken away under this name."""
    furnished = furnish(tmp_path)
    studio, who = furnished.studio, furnished.who
    version = sets.write_version(
        studio.database, studio.place, image_set, who=who, project_id=who.projects[0], name="-Set", note=""
    )
    return answered(furnished, f"/downloads/versions/{version.id}/{name}")


def answered(furnished: Furnished, address: str) -> Any:
    """What somebody who signed in gets from there."""
    studio = furnished.studio
    people.add_person(studio.database, NAME, PASSWORD, "admin", furnished.who.projects)
    api = FastAPI()
    api.include_router(downloads.router(studio))
    headers = {"authorization": f"Bearer {people.sign_in(studio.database, NAME, PASSWORD, NAME)}"}
    with TestClient(api, base_url="http://127.0.0.1:7860", headers=headers) as client:
        return client.get(address)


@pytest.mark.parametrize(("kind", "of_it"), [("html", "<b>Look at this.</b> &lt;Two&gt; are"), ("json", '"<Two> are')])
def test_the_report_of_an_upload_is_taken_away_without_script(tmp_path: Path, kind: str, of_it: str) -> None:
    furnished = furnish(tmp_path)
    database, place, who = furnished.studio.database, furnished.studio.place, furnished.who
    (tmp_path / "cells.csv").write_text("image,label")
    upload = sets.new_upload(database, place, who, who.projects[0], tmp_path / "cells.csv", "<cells>")
    finding = {"kind": "blank", "severity": "warning", "count": 2, "message": "<Two> are blank.", "cases": ["a", "b"]}
    report = {"cases": 9, "classes": {"x": 9}, "splits": {}, "findings": [finding], "mending": {"pairs": []}}
    sets.set_upload(database, upload.id, "checked", report)
    sent = answered(furnished, f"/downloads/uploads/{upload.id}/report.{kind}")
    assert sent.status_code == 200 and of_it in sent.text
    assert "attachment" in sent.headers["content-disposition"]
    assert "<script" not in sent.text and "mending" not in sent.text
    noted = [entry.subject for entry in audit.entries(database, who) if entry.action == "download"]
    assert noted == [f"upload {upload.id} report.{kind}"], "a file's name may be somebody's, and the log never forgets"


def listed(tmp_path: Path, image_set: ImageSet) -> str:
    return str(taken(tmp_path, image_set, "cases.csv").text)


def test_the_list_of_cases_holds_no_formula_and_reads_as_it_was(tmp_path: Path) -> None:
    text = listed(tmp_path, attacking(tmp_path))
    header, first, *_ = csv.reader(io.StringIO(text))
    assert header == ["case", "labels", "split", "patient", f"'{ATTACK}", "price", "'－note"]  # noqa: RUF001
    assert first == ["'@a", "clear", "test", "'\t'+1", "'-cmd", "'-0.05", "a;'=b"]
    again = read_table(text.encode(), "cases.csv")
    assert again.header == ("case", "labels", "split", "patient", ATTACK, "price", "－note")  # noqa: RUF001
    assert again.rows[0][1]["patient"] == "\t+1" and again.rows[0][1]["－note"] == "a;=b"  # noqa: RUF001


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        ("multi", [("effusion, left", 'a "mass"'), ("effusion",), (), ("-x; y|z",)]),
        ("single", [("effusion, left",), ("a;b",), ("N/A",), ('["x"]',)]),
    ],
)
def test_a_list_of_cases_brings_its_labels_back(tmp_path: Path, kind: Kind, labels: list[tuple[str, ...]]) -> None:
    answers = tuple(dict.fromkeys(name for named in labels for name in named))
    cases = []
    for number, named in enumerate(labels):
        Image.new("RGB", (8, 8), (40 * number, 0, 0)).save(tmp_path / f"{number}.png")
        cases.append(Case(f"{number}.png", FilePixels(tmp_path / f"{number}.png"), named, "train"))
    text = listed(tmp_path, ImageSet("scans", Task(answers=answers, kind=kind), tuple(cases)))
    (tmp_path / "cases.csv").write_text(text, encoding="utf-8")
    again = manifest.read(tmp_path / "cases.csv", manifest.Settings(image="case"))
    assert again.task.kind == kind and set(again.task.answers) == set(answers)
    assert {case.id: set(case.labels) for case in again.cases} == {case.id: set(case.labels) for case in cases}
    assert not [one for one in again.findings if one.kind == "unlabelled"]


def test_boxes_of_a_version_are_taken_away_as_coco_and_read_back(tmp_path: Path) -> None:
    image_set = coco.write_example(tmp_path / "cells")
    answer = taken(tmp_path, image_set, "coco.json")
    assert answer.headers["content-disposition"] == 'attachment; filename="-Set v1 coco.json"'
    (tmp_path / "cells/annotations.json").write_bytes(answer.content)
    again = coco.read(tmp_path / "cells", coco.Settings())
    assert again == image_set


def test_a_version_without_boxes_and_masks_says_so(tmp_path: Path) -> None:
    answer = taken(tmp_path, pictures(tmp_path), "coco.json")
    assert answer.status_code == 400 and "has neither boxes nor masks" in answer.text


def test_masks_of_a_version_are_decoded_aside_and_taken_away_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_set = mask_folder.write_example(tmp_path / "cells")
    child, functions = Aside(children=1), []

    def noted(function: Any, *given: Any) -> Any:
        functions.append(function)
        return child.run(function, *given)

    monkeypatch.setattr(drawn, "ASIDE", SimpleNamespace(run=noted))
    content = taken(tmp_path, image_set, "coco.json").json()
    child.close()
    assert functions == [packed_runs] * 6
    assert [row["area"] for row in content["annotations"]] == [25, 25, 25, 25, 25, 0]
    assert content["annotations"][0]["bbox"] == [5, 5, 5, 5]

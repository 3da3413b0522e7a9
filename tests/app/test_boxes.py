"""Correcting boxes on the page “Image sets”: what the editor is told, what it sends, and what becomes of it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
import pytest
from fastapi.testclient import TestClient

from app.pages.compare.page import editor_of
from app.pages.image_sets import gallery, page
from app.pages.image_sets.acts import apply_boxes, box_history, case_boxes, correct_boxes, corrected_boxes
from app.pages.image_sets.boxes import draw_redrawn
from core.case import Box
from core.errors import CoreError, SettingsError
from core.formats import manifest, voc
from core.records.access import NotAllowed, Who
from core.records.accounts import people
from core.records.review import boxes
from core.records.runs.comparison import Comparison
from core.records.sets import sets
from tests.app.furnished import Furnished, browsing, furnish

pytestmark = pytest.mark.slow
DARK, LIGHT = Box("dark cell", 0.1, 0.2, 0.5, 0.6), Box("light cell", 0.5, 0.5, 1.0, 0.9)


@dataclass(frozen=True)
class Boxed:
    """A furnished studio with a set of three boxed pictures: a dark cell, a light one, and both."""

    furnished: Furnished
    version_id: int

    @property
    def path(self) -> str:
        return f"/boxes/{self.version_id}/0"

    @property
    def who(self) -> Who:
        return self.furnished.who

    def sent(self, *drawn: Box, after: int = 0, **changed: Any) -> dict[str, Any]:
        return {"boxes": [asdict(box) for box in drawn], "after": after, "person": self.who.id} | changed


@pytest.fixture
def room(tmp_path: Path) -> Boxed:
    furnished = furnish(tmp_path / "room")
    studio, who = furnished.studio, furnished.who
    image_set = voc.write_example(tmp_path / "cells")
    version = sets.write_version(
        studio.database, studio.place, image_set, who=who, project_id=who.projects[0], name="Cells", note=""
    )
    return Boxed(furnished, version.id)


@pytest.fixture
def browser(room: Boxed) -> Iterator[TestClient]:
    with browsing(room.furnished.studio) as browser:
        yield browser


@pytest.fixture
def tab() -> gallery.Gallery:
    with gr.Blocks():
        return gallery.Gallery(gallery.lay_out(), gr.Dropdown())


def test_the_editor_is_told_boxes_labels_and_what_boxes_mean(room: Boxed, browser: TestClient) -> None:
    sheet = browser.get(room.path).json()
    assert sheet["boxes"] == [pytest.approx(asdict(DARK))] and sheet["after"] == 0
    assert [label for label, _ in sheet["labels"]] == ["dark cell", "light cell"]
    assert len({colour for _, colour in sheet["labels"]}) == 2
    assert sheet["title"] == "JPEGImages/0.png · Cells, version 1"
    assert "gives it that label in the next version" in sheet["rule"] and sheet["says"] == "Labels: dark cell."


def test_it_is_said_that_in_a_set_without_boxes_only_what_is_drawn_on_counts(room: Boxed, browser: TestClient) -> None:
    first = browser.get(f"/boxes/{room.furnished.version_id}/0").json()
    assert (
        "A case of this set has one label." in first["rule"] and "No case of this set has a box yet." in first["rule"]
    )
    assert "No case" not in browser.get(room.path).json()["rule"]


def test_what_the_editor_sends_is_kept_and_told(room: Boxed, browser: TestClient) -> None:
    sheet = browser.post(room.path, json=room.sent(DARK, LIGHT)).json()
    assert "changed" not in sheet and sheet["after"] > 0
    assert sheet["says"].startswith(f"Corrected by {room.who.name}, ")
    assert sheet["says"].endswith("Its labels then: dark cell, light cell (now: dark cell).")
    assert sheet["history"] == [f"{room.who.name}, just now: 2 boxes"]
    assert browser.get(room.path).json()["boxes"] == sheet["boxes"] == [asdict(DARK), asdict(LIGHT)]


def test_where_others_stand_by_now_they_are_sent_and_nothing_is_kept(room: Boxed, browser: TestClient) -> None:
    first = browser.post(room.path, json=room.sent(DARK, LIGHT)).json()
    answer = browser.post(room.path, json=room.sent(LIGHT)).json()
    assert answer["changed"].startswith(f"{room.who.name} corrected the boxes of")
    assert (answer["boxes"], answer["after"]) == (first["boxes"], first["after"])
    assert browser.post(room.path, json=room.sent(LIGHT, after=answer["after"])).json()["boxes"] == [asdict(LIGHT)]


@pytest.mark.parametrize(
    ("changed", "status", "words"),
    [
        (
            {"boxes": [{"label": "<b>x</b>", **dict.fromkeys(("left", "top", "right", "bottom"), 0.5)}]},
            400,
            "label",
        ),
        ({"boxes": [5]}, 400, "Box 1 is no"),
        ({"boxes": None}, 422, "list"),
        ({"after": -1}, 422, "greater"),
        ({"after": "x"}, 422, "integer"),
        ({"person": 99}, 409, "somebody else's"),
    ],
)
def test_what_can_not_be_kept_is_said_in_words(
    room: Boxed, browser: TestClient, changed: dict[str, Any], status: int, words: str
) -> None:
    answer = browser.post(room.path, json=room.sent(LIGHT, **changed))
    assert (answer.status_code, words in answer.text) == (status, True), answer.text
    assert browser.get(room.path).json()["after"] == 0


def test_what_is_no_address_or_no_text_is_refused_and_no_fault(room: Boxed, browser: TestClient) -> None:
    assert browser.get(f"/boxes/{room.furnished.version_id}/{2**70}").status_code == 422
    assert browser.get(f"/images/{room.furnished.version_id}/{2**70}").status_code == 422
    half = {"label": "\ud800", "left": 0, "top": 0, "right": 1, "bottom": 1}
    sent = json.dumps({"boxes": [half], "after": 0, "person": room.furnished.who.id})
    answer = browser.post(room.path, content=sent, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400 and "?" in answer.json()["detail"]


def test_no_number_is_no_side(room: Boxed, browser: TestClient) -> None:
    body = json.dumps(room.sent(LIGHT)).replace("0.9", "NaN")
    answer = browser.post(room.path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
    assert browser.get(room.path).json()["after"] == 0


def test_the_api_does_what_the_page_does(room: Boxed) -> None:
    visit = room.furnished.visit()
    set_id = sets.version(visit.database, visit.who, room.version_id).set_id
    before = case_boxes(visit, room.version_id, 0)
    assert (before["correction"], before["given_labels"]) == (0, ("dark cell",))
    after = correct_boxes(visit, room.version_id, 0, [asdict(LIGHT)], 0, "swapped")
    assert (after["labels"], after["person"]) == (("light cell",), room.who.name)
    with pytest.raises(CoreError, match="since you opened it"):
        correct_boxes(visit, room.version_id, 0, [], 0, "")
    (row,) = box_history(visit, room.version_id, 0)
    assert (row["why"], row["boxes"]) == ("swapped", (asdict(LIGHT),))
    (case,) = corrected_boxes(visit, set_id)
    assert (case["name"], case["labels"]) == ("JPEGImages/0.png", ("light cell",))
    assert json.dumps([before, after, row, case])
    made = apply_boxes(visit, set_id, "")
    assert sets.case(visit.database, visit.who, made, 0).boxes == (LIGHT,)
    assert corrected_boxes(visit, set_id) == []


def look(tab: gallery.Gallery, room: Boxed, number: int) -> dict[Any, Any]:
    event = cast(gr.EventData, SimpleNamespace(number=number))
    return cast(dict[Any, Any], tab.look_at(room.furnished.visit(), room.version_id, event))


def correct(room: Boxed, number: int, *drawn: Box) -> None:
    visit = room.furnished.visit()
    sent = [asdict(box) for box in drawn]
    boxes.correct_boxes(visit.database, visit.place, visit.who, room.version_id, number, sent, 0)


def test_a_corrected_case_shows_the_versions_boxes_beside_those_that_stand(tab: gallery.Gallery, room: Boxed) -> None:
    (pane,) = look(tab, room, 0)[tab.parts.viewer]["value"]["panes"]
    correct(room, 0, DARK, LIGHT)
    kept, corrected = look(tab, room, 0)[tab.parts.viewer]["value"]["panes"]
    assert kept == pane and corrected["title"] == "corrected, in no version yet"
    assert [shape["title"] for shape in corrected["shapes"]] == ["dark cell", "light cell"]


def test_the_way_to_the_editor_is_for_those_who_may_review(tab: gallery.Gallery, room: Boxed) -> None:
    offered = look(tab, room, 0)[tab.parts.edit.edit]
    assert (offered["value"], offered["visible"]) == ("Correct its boxes", True)
    correct(room, 0)
    assert look(tab, room, 0)[tab.parts.edit.edit]["value"] == "Draw a box on it"
    visit = replace(room.furnished.visit(), who=replace(room.who, role="reader"))
    assert tab.show(visit, room.version_id, 0)[tab.parts.edit.edit]["visible"] is False


def test_the_editor_takes_the_galleries_place_and_gives_it_back(tab: gallery.Gallery, room: Boxed) -> None:
    parts, visit = tab.parts.edit, room.furnished.visit()
    with pytest.raises(SettingsError, match="No case is chosen"):
        tab.editing.open(visit, room.version_id, None)
    first, second = (tab.editing.open(visit, room.version_id, 2) for _ in range(2))
    assert first[parts.editor.editor]["case"] == [room.version_id, 2]
    assert first[parts.editor.editor] != second[parts.editor.editor], "opened anew, also for the same case"
    assert first[parts.browsed]["visible"] is False and first[parts.edited]["visible"] is True
    correct(room, 2, LIGHT)
    closed = tab.close_editor(visit, room.version_id, 2)
    assert closed[parts.browsed]["visible"] is True and closed[parts.editor.editor]["case"] is None
    assert "Boxes corrected: 1 case" in closed[parts.pending] and closed[parts.make]["visible"] is True
    assert len(closed[tab.parts.viewer]["value"]["panes"]) == 2
    assert set(closed) <= {*parts.panels, *parts.listed, *tab.shown}


@pytest.mark.parametrize(("query", "is_open"), [({"edit": "boxes"}, True), ({}, False)])
def test_an_address_leads_to_a_case_and_to_its_editor(
    tab: gallery.Gallery, room: Boxed, query: dict[str, str], is_open: bool
) -> None:
    visit = room.furnished.visit(version=room.version_id, case=1, **query)
    opened = tab.open(visit, room.version_id)
    assert opened[tab.parts.viewer]["visible"] is True and opened[tab.parts.edit.number] == 1
    assert (tab.parts.edit.editor.editor in opened) is is_open
    assert set(opened) <= set(tab.opened)
    gone = tab.open(room.furnished.visit(version=room.version_id, case=99, **query), room.version_id)
    assert gone[tab.parts.viewer]["visible"] is False and tab.parts.edit.editor.editor not in gone


def test_the_page_makes_the_next_version_and_chooses_it(room: Boxed) -> None:
    with gr.Blocks():
        whole = page.lay_out()
    visit = room.furnished.visit()
    correct(room, 0, LIGHT)
    made = whole.make_version(visit, room.version_id, "by hand")
    newest = sets.versions(visit.database, visit.who, sets.version(visit.database, visit.who, room.version_id).set_id)[
        0
    ]
    assert made[whole.parts.version]["value"] == newest.id != room.version_id
    assert newest.note == "by hand. boxes corrected: 1 case"


def test_names_in_the_list_of_corrected_cases_are_text(room: Boxed) -> None:
    correct(room, 0, LIGHT)
    visit = room.furnished.visit()
    set_id = sets.version(visit.database, visit.who, room.version_id).set_id
    (case,) = boxes.redrawn_cases(visit.database, visit.who, set_id)
    listed = draw_redrawn([replace(case, name="<b>a", who="<i>b", why="<u>c", labels=("<s>d",))])
    assert all(f"&lt;{sign}" in listed for sign in ("b&gt;a", "i&gt;b", "u&gt;c", "s&gt;d"))


def test_compare_leads_to_the_case_in_the_newest_version(room: Boxed) -> None:
    furnished, visit = room.furnished, room.furnished.visit()
    comparison = Comparison.open(visit.database, visit.place, visit.who, furnished.run_id)
    case = comparison.case(0)
    assert (
        editor_of(visit, comparison, case)
        == f"/image-sets?version={furnished.version_id}&case={case.number}&edit=boxes"
    )
    correct(replace(room, version_id=furnished.version_id), cast(int, case.number), Box("clear", 0, 0, 0.5, 0.5))
    set_id = sets.version(visit.database, visit.who, furnished.version_id).set_id
    newest = apply_boxes(visit, set_id, "")
    assert editor_of(visit, comparison, case) == f"/image-sets?version={newest}&case={case.number}&edit=boxes"
    assert editor_of(replace(visit, who=replace(visit.who, role="reader")), comparison, case) == ""
    assert editor_of(visit, comparison, replace(case, number=None)) == ""


def test_a_list_of_cases_takes_boxes_away_and_brings_them_back(
    room: Boxed, browser: TestClient, tmp_path: Path
) -> None:
    text = browser.get(f"/downloads/versions/{room.version_id}/cases.csv").text
    assert next(csv.reader(io.StringIO(text))) == ["case", "labels", "split", "patient", "boxes"]
    (tmp_path / "cells" / "cases.csv").write_text(text, encoding="utf-8")
    again = manifest.read(tmp_path / "cells" / "cases.csv", manifest.Settings(image="case"))
    kept = sets.cases(room.furnished.studio.database, room.who, room.version_id).rows
    assert {case.id: case.boxes for case in again.cases} == {case.name: case.boxes for case in kept}
    plain = browser.get(f"/downloads/versions/{room.furnished.version_id}/cases.csv").text
    assert "boxes" not in plain.splitlines()[0]


def test_a_person_of_another_project_sees_and_changes_nothing(room: Boxed) -> None:
    studio, own = room.furnished.studio, room.furnished.visit()
    other = people.add_project(studio.database, room.who, "Elsewhere")
    people.add_person(studio.database, "first", "a long password", "admin")
    stranger = people.add_person(studio.database, "stranger", "a long password", "admin", [other])
    visit = replace(own, who=stranger)
    for ask in (
        lambda: case_boxes(visit, room.version_id, 0),
        lambda: correct_boxes(visit, room.version_id, 0, [], 0, ""),
        lambda: box_history(visit, room.version_id, 0),
        lambda: corrected_boxes(visit, 1),
        lambda: apply_boxes(visit, 1, ""),
    ):
        with pytest.raises(NotAllowed):
            ask()

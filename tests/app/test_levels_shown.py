"""Who gets a deep picture's levels, at which address, and that the pages tell it of deep pictures alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from app.main import create_app
from app.viewer import pane_of
from core.pictures.deep import as_deep_png
from core.pictures.store import open_store
from core.records.accounts import people
from core.records.sets import sets
from core.records.sets.openings import Openings
from core.records.tables import Case
from tests.app.reviewed import Reviewed, furnish_review
from tests.app.test_gate import PASSWORD, Rooms
from tests.let_in import TOKEN
from tests.pictures.deep_drawn import ct

NOBODY: Any = None


def deepen(room: Reviewed, number: int) -> None:
    """Puts a deep picture in a case's place."""
    with room.studio.database.session() as session:
        digest = open_store(room.studio.place.store).put(as_deep_png(ct()))
        session.execute(update(Case).where(Case.number == number).values(digest=digest))


@pytest.mark.slow
def test_levels_are_given_to_whoever_may_see_the_picture_and_kept_by_the_browser(tmp_path: Path) -> None:
    room = furnish_review(tmp_path, 3)
    deepen(room, 0)
    database, place = room.studio.database, room.studio.place
    doors = Rooms(cast(FastAPI, create_app(place)), NOBODY, 0, 0, 0)
    browser, addresses = doors.browser(TOKEN), [f"/images/{room.version_id}/0", f"/reviews/{room.review_id}/cases/1"]
    for address in addresses:
        sent = browser.get(f"{address}/levels")
        assert (sent.status_code, sent.headers["content-encoding"]) == (200, "gzip")
        begin = 4 + int.from_bytes(sent.content[:4], "little")  # the browser has unpacked it
        assert json.loads(sent.content[4:begin])["views"][0]["name"] == "soft tissue"
        np.testing.assert_array_equal(np.frombuffer(sent.content[begin:], "<u2").reshape(64, 64), ct().levels)
        assert sent.headers["cache-control"] == "private, no-cache"
        again = browser.get(f"{address}/levels", headers={"if-none-match": sent.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    flat = browser.get(f"/images/{room.version_id}/1/levels")
    assert flat.status_code == 404 and "has but 8 bits" in flat.text
    other = people.add_project(database, room.who, "Elsewhere")
    people.add_person(database, "anna", PASSWORD, "admin")
    people.add_person(database, "stranger", PASSWORD, "admin", [other])
    stranger = doors.browser(people.sign_in(database, "stranger", PASSWORD, "stranger"))
    for address in addresses:
        assert stranger.get(f"{address}/levels").status_code == 404
        assert doors.browser().get(f"{address}/levels", headers={"accept": "application/json"}).status_code == 401


@pytest.mark.slow
def test_looking_at_levels_is_noted_as_looking_at_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room, noted = furnish_review(tmp_path, 3), list[tuple[int, bool]]()
    deepen(room, 0)
    monkeypatch.setattr(Openings, "add", lambda self, who, version, number, small: noted.append((number, small)))
    browser = Rooms(cast(FastAPI, create_app(room.studio.place)), NOBODY, 0, 0, 0).browser(TOKEN)
    assert browser.get(f"/images/{room.version_id}/0/levels").status_code == 200
    assert noted == [(0, False)]


@pytest.mark.slow
def test_a_first_look_is_led_to_levels_whose_address_tells_no_place(tmp_path: Path) -> None:
    room = furnish_review(tmp_path, 3)
    deepen(room, 1)
    blind = room.another(has_first_look=True)
    browser = Rooms(cast(FastAPI, create_app(room.studio.place)), NOBODY, 0, 0, 0).browser(TOKEN)

    def levels(review_id: int) -> list[str]:
        return [card["levels"] for card in browser.get(f"/reviews/{review_id}/cases?many=3").json()["cases"]]

    assert levels(room.review_id) == ["", f"/images/{room.version_id}/1/levels", ""]
    assert levels(blind.review_id) == ["", f"/reviews/{blind.review_id}/cases/2/levels", ""]
    assert browser.get(f"/reviews/{blind.review_id}/cases/2").json()["levels"] == levels(blind.review_id)[1]
    assert browser.get(levels(blind.review_id)[1]).status_code == 200


def test_a_pane_names_levels_of_deep_pictures_alone(tmp_path: Path) -> None:
    room = furnish_review(tmp_path, 3)
    deepen(room, 1)
    rows = [sets.case(room.studio.database, room.who, room.version_id, number) for number in (0, 1)]
    address = f"/images/{room.version_id}"
    panes = [pane_of(room.studio.place, row, "t") for row in rows]
    assert [(pane.src, pane.levels) for pane in panes] == [
        (f"{address}/0", ""),
        (f"{address}/1", f"{address}/1/levels"),
    ]

"""The API names of pictures that wait: who is answered, what is refused and how."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.records.accounts import people
from core.records.sets import sets
from tests.app.test_gate import PASSWORD, Rooms
from tests.app.test_gate import rooms as rooms
from tests.records.held import brought


@pytest.fixture
def waiting(rooms: Rooms, tmp_path: Path) -> int:
    """An upload of which the pictures 1 and 2 wait."""
    studio = rooms.furnished.studio
    return brought(studio.database, studio.place, rooms.furnished.who, tmp_path / "came")


def call(rooms: Rooms, person: str, name: str, *given: Any) -> tuple[int, str]:
    answer = rooms.browser(rooms.token(person)).post(f"/gradio_api/run/{name}", json={"data": list(given)})
    return answer.status_code, answer.text


def test_who_brings_images_is_told_what_waits_and_decides(rooms: Rooms, waiting: int) -> None:
    answer = rooms.browser(rooms.token("anna")).post("/gradio_api/run/waiting_pictures", json={"data": [waiting]})
    (pictures,) = answer.json()["data"]
    assert [(picture["number"], picture["file"]) for picture in pictures] == [(1, "a.dcm"), (2, "b.dcm")]
    (left, top, right, bottom, verdict), *_ = [spot for spot in pictures[0]["written"] if spot[-1] == "person"]
    assert verdict == "person" and 0 <= left < right <= 240 and 0 <= top < bottom <= 130
    view = rooms.browser(rooms.token("anna")).get(f"/uploads/{waiting}/waiting/1/0")
    assert view.content.startswith(b"\x89PNG")
    assert call(rooms, "anna", "settle_picture", waiting, 1, "mask", [[12, 5, 120, 30]], False)[0] == 200
    assert call(rooms, "anna", "settle_picture", waiting, 2, "release", [], True)[0] == 200
    studio = rooms.furnished.studio
    assert sets.upload(studio.database, rooms.furnished.who, waiting).state == "checking"


def test_reviewers_and_strangers_are_answered_as_if_there_were_nothing(rooms: Rooms, waiting: int) -> None:
    database = rooms.furnished.studio.database
    people.add_person(database, f"reader{waiting}", PASSWORD, "reviewer", [rooms.own])
    act: tuple[Any, ...] = (1, "release", [], False)
    for person in ("stranger", f"reader{waiting}"):
        for name, given in (("waiting_pictures", ()), ("settle_picture", act)):
            code, words = call(rooms, person, name, waiting, *given)
            assert code == 422, (person, name)
            if person == "stranger":
                assert words == call(rooms, person, name, 99_999, *given)[1]
        assert rooms.browser(rooms.token(person)).get(f"/uploads/{waiting}/waiting/1/0").status_code == 404
    assert call(rooms, "anna", "settle_picture", waiting, 1, "release", [], False)[0] == 200, "it waits still"


def test_what_can_not_be_done_is_told_and_the_picture_waits_still(rooms: Rooms, waiting: int) -> None:
    refusals: dict[str, tuple[Any, ...]] = {
        "Picture 9 is not waiting": (9, "release", [], False),
        "can't be done with a picture that waits. Choose one of release, mask, reject": (1, "publish", [], False),
        "A rectangle has four numbers": (1, "mask", [[1, 2, 3]], False),
        "holds nothing of a picture of 240 x 130": (1, "mask", [[900, 0, 950, 9]], False),
    }
    for why, given in refusals.items():
        code, words = call(rooms, "anna", "settle_picture", waiting, *given)
        assert code == 422 and why in words
    for rectangles in ("all", [["left", "top", "right", "bottom"]], [7], {"left": 1}):
        code, words = call(rooms, "anna", "settle_picture", waiting, 1, "mask", rectangles, False)
        assert code == 422 and "can't be used" in words, rectangles
    assert call(rooms, "anna", "settle_picture", waiting, 1, "reject", [], True)[0] == 200

"""Acts that take what stands in fields are done to the row that the fields are of: for a moment after another row is
chosen, longer where the studio is busy, a page still shows the one before."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from fastapi.testclient import TestClient

from app.pages.image_sets import waiting
from core.errors import SettingsError
from core.records.sets import tray
from tests.app.furnished import Furnished, blocks_of, browsing, furnish
from tests.records.held import brought

STILL = "still shows another"
EMPTY: dict[str, Any] = {"dataframe": {"headers": ["label"], "data": []}, "checkboxgroup": []}
"""Of components that nothing stands in; of all others none."""
ACTS = {
    "people": ["save"],
    "runs": ["save"],
    "review": ["apply", "rename", "settle"],
    "image-sets": ["add", "back", "fix", "one_copy", "rename", "save_task", "settle", "without"],
}
"""Of each page, those that take fields of the row that is chosen, or what is written on a button beside them."""


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    return furnish(tmp_path_factory.mktemp("shown"))


@pytest.fixture(scope="module")
def browser(room: Furnished) -> Iterator[TestClient]:
    with browsing(room.studio) as browser:
        yield browser


def acts_of(app: Any) -> list[Any]:
    events = [event for event in blocks_of(app).fns.values() if event.fn is not None]
    return [event for event in events if "shown" in inspect.signature(event.fn).parameters]


def test_what_stands_in_fields_is_done_to_no_row_but_theirs(browser: TestClient) -> None:
    acts = acts_of(browser.app)
    assert {page: sorted({act.name for act in acts if act.page == page}) for page in ACTS} == ACTS
    for act in acts:
        data = [1, 2, *(EMPTY.get(field.get_block_name()) for field in act.inputs[2:])]
        given = {"fn_index": act._id, "data": data, "session_hash": "one", "trigger_id": act.targets[0][0]}
        answer = browser.post("/gradio_api/run/predict", json=given)
        assert answer.status_code != 200 and STILL in answer.text, (act.page, act.name, answer.text)


def test_the_page_itself_keeps_of_which_row_its_fields_are(browser: TestClient) -> None:
    """A value that the server keeps would be the next row's while the page still shows the one before."""
    events = [event for event in blocks_of(browser.app).fns.values() if event.fn is not None]
    acts = acts_of(browser.app)
    assert acts
    for act in acts:
        of = act.inputs[1]
        assert isinstance(of, gr.Number | gr.Textbox) and not of.visible, (act.page, act.name)
        fills = [event for event in events if of in event.outputs]
        assert len(fills) >= 1, (act.page, act.name)


def test_a_picture_that_waits_is_settled_in_its_own_upload_alone(room: Furnished, tmp_path: Path) -> None:
    database, place = room.studio.database, room.studio.place
    shown, chosen = (brought(database, place, room.who, tmp_path / name) for name in ("shown", "chosen"))
    with gr.Blocks():
        tab = waiting.WaitTab(waiting.lay_out())
    release = {"number": 1, "act": "release", "spots": [], "alike": False}
    with pytest.raises(SettingsError, match=STILL):
        tab.act(room.visit(), chosen, SimpleNamespace(upload=shown, **release))  # type: ignore[arg-type]
    assert [held.number for held in tray.waiting(database, place, room.who, chosen)] == [1, 2]
    drawn = tab.act(room.visit(), chosen, SimpleNamespace(upload=chosen, **release))  # type: ignore[arg-type]
    assert f'data-upload="{chosen}"' in drawn[tab.parts.picture]
    assert [held.number for held in tray.waiting(database, place, room.who, chosen)] == [2]

"""Home: what it takes to be the next thing to do, and what it says of recent work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.context import Studio
from app.pages.home.cards import draw_recent, draw_steps
from app.pages.home.work import Work, gather
from core.records.place import Place
from tests.app.furnished import Furnished, furnish, visiting
from tests.app.reviewed import furnish_review
from tests.let_in import let_in
from tests.migrated import new_records


@pytest.fixture
def room(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    return furnish(tmp_path_factory.mktemp("room"))


def work(room: Furnished) -> Work:
    return gather(visiting(room.studio))


def marks(drawn: str) -> list[str]:
    return re.findall(r'<li class="card ?(\w*)">', drawn)


def test_somebody_new_is_led_to_their_images(tmp_path: Path) -> None:
    place = Place.at(tmp_path / "data")
    database = new_records(place)
    let_in(database)
    drawn = draw_steps(gather(visiting(Studio(place, database))))
    assert marks(drawn) == ["done", "next", "", "", ""]
    assert "There is no sample run in this project" in drawn


def test_who_has_a_finished_run_is_led_to_its_answers(room: Furnished) -> None:
    drawn = draw_steps(work(room))
    assert marks(drawn) == ["done", "done", "done", "done", "next"]
    assert f'href="/compare?run={room.run_id}"' in drawn
    room.queue("Second")
    assert "2 runs, 1 under way" in draw_steps(work(room))


def test_a_finished_search_is_led_to(tmp_path: Path) -> None:
    room = furnish_review(tmp_path)
    drawn = draw_steps(gather(visiting(room.studio)))
    assert marks(drawn) == ["done", "done", "next", "", "done"]
    assert f'href="/review?review={room.review_id}"' in drawn and "12 labels of Panes are ranked" in drawn


def test_recent_work_tells_a_figure_with_its_interval(room: Furnished) -> None:
    drawn = draw_recent(work(room))
    assert "0.750 (0.600 to 0.950) <small>vitask+tsm</small>" in drawn
    assert "0.500 (0.300 to 0.700) <small>vanilla</small>" in drawn and "<small>tsm</small>" not in drawn
    assert drawn.index("First") < drawn.index("Panes")

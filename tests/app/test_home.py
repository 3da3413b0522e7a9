"""Home: what it takes to be the next thing to do, and what it says of recent work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import event

from app.context import Studio
from app.pages.home import page as page_of_home
from app.pages.home import work as work_of_home
from app.pages.home.cards import draw_recent, draw_showcase, draw_steps, make_words
from app.pages.home.work import Work, gather
from core.errors import CoreError
from core.records.place import Place
from core.records.runs import runs
from core.records.runs.samples import SHOWCASES
from core.records.tables import Run
from core.runs.runfile import make_run
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


def test_at_a_tick_runs_are_read_once_and_the_sample_is_known_all_the_same(
    room: Furnished, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, statements = room.studio.database, list[str]()
    with database.session() as session:
        session.get_one(Run, room.run_id).is_sample = True
    room.queue("Newer")

    def keep(connection: object, cursor: object, statement: str, *more: object) -> None:
        statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", keep)
    gathered = work(room)
    event.remove(database.engine, "before_cursor_execute", keep)
    assert len([statement for statement in statements if "FROM runs JOIN" in " ".join(statement.split())]) == 1
    assert gathered.sample is not None and gathered.sample.id == room.run_id and gathered.sample_job is None
    monkeypatch.setattr(work_of_home, "NEWEST", 1)
    assert [run.id for run in work(room).sample_runs] == [room.run_id], "older than those that are listed"


def test_a_finished_search_is_led_to(tmp_path: Path) -> None:
    room = furnish_review(tmp_path)
    drawn = draw_steps(gather(visiting(room.studio)))
    assert marks(drawn) == ["done", "done", "next", "", "done"]
    assert f'href="/review?review={room.review_id}"' in drawn and "12 labels of Panes are ranked" in drawn


def test_recent_work_tells_a_figure_with_its_interval(room: Furnished) -> None:
    drawn = draw_recent(work(room))
    told = re.sub(r' title="[^"]*"', "", drawn)
    assert "0.750 (0.600 to 0.950) <small>vitask+tsm</small>" in told
    assert "0.500 (0.300 to 0.700) <small>vanilla</small>" in told and "<small>tsm</small>" not in told
    assert drawn.index("First") < drawn.index("Panes")


def with_sample(room: Furnished) -> int:
    """The room's finished run, as if it were the sample's."""
    with room.studio.database.session() as session:
        made = session.get(Run, room.run_id)
        assert made is not None
        made.is_sample = True
    return room.run_id


def test_runs_that_show_what_else_there_is_are_made_on_the_sample_once(room: Furnished) -> None:
    visit = visiting(room.studio)
    with pytest.raises(CoreError, match="no sample in this project"):
        page_of_home.show_sample(visit, "places")
    sample = runs.run(room.studio.database, room.who, with_sample(room))
    assert draw_showcase(work(room), "places").count("<a ") == 0
    assert make_words(work(room), "places").startswith("Make it on the sample")
    made = page_of_home.show_sample(visit, "places")
    assert page_of_home.show_sample(visit, "places") == made
    run = runs.run(room.studio.database, room.who, made)
    assert (run.is_sample, run.method, run.version_id) == (True, "tpo", sample.version_id)
    shown = work(room).sample
    assert shown is not None and shown.id == sample.id and run.id not in [own.id for own in work(room).own_runs]
    assert f'href="/runs?run={made}"' in draw_showcase(work(room), "places")
    assert draw_showcase(work(room), "search").count("<a ") == 0
    with pytest.raises(CoreError, match='no showcase "mice"'):
        page_of_home.show_sample(visit, "mice")


def test_a_showcase_that_failed_can_be_made_again(room: Furnished) -> None:
    with_sample(room)
    visit = visiting(room.studio)
    made = page_of_home.show_sample(visit, "search")
    runs.cancel(room.studio.database, room.who, made)
    assert page_of_home.show_sample(visit, "search") != made


@pytest.mark.parametrize("name", SHOWCASES)
def test_the_engine_takes_the_settings_of_every_showcase(name: str) -> None:
    run = make_run({**SHOWCASES[name].settings, "images": "somewhere"})
    assert run.plan.settings.name == SHOWCASES[name].method["name"]

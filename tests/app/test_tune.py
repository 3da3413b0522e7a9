"""The page Tune: forms filled by presets, the exact file, and the run that is queued. The engine is a real child."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import yaml

from app.engine import Engine
from app.pages.tune.page import TunePage, estimated
from app.pages.tune.parts import NO_TSM, build_forms
from core.case import Task
from core.errors import CoreError, SettingsError
from core.records import jobs, runs, sets
from tests.app.furnished import ANSWERS, Furnished, asking, furnish, pictures

HAZE = Task(modality="window", answers=ANSWERS)
CHOICES = ("starter", "convnet", "vitask", "quick")
TASK: dict[str, Any] = {}
FORMS = 6
"""Where the forms begin in what fills the page: after the choices, the task and the name."""


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    return furnish(tmp_path_factory.mktemp("room"))


@pytest.fixture(scope="module")
def page(room: Furnished, engine: Engine) -> TunePage:
    with gr.Blocks():
        _, forms = build_forms(engine.choices)
    return TunePage(room.studio, forms, engine)


def filled(page: TunePage, *choices: str) -> list[Any]:
    """What stands in the inputs after a choice: forms that are not chosen keep what they showed."""
    return over([part.value for part in page.forms.inputs], page.chosen(*(choices or CHOICES)))


def preview(page: TunePage, choices: Sequence[str], given: list[Any], task: dict[str, Any] = TASK) -> tuple[str, str]:
    text, facts, _ = page.preview(asking(), None, *choices, task, *given)
    return text, facts


def over(before: list[Any], after: list[Any]) -> list[Any]:
    """What stands in inputs once an event has filled some of them."""
    return [
        old if isinstance(new, dict) and not new.keys() - {"__type__"} else new
        for old, new in zip(before, after, strict=True)
    ]


def test_the_engine_is_asked_for_what_there_is_to_choose_from(engine: Engine) -> None:
    assert set(engine.choices["methods"]) == {"vanilla", "vitask"}
    assert engine.choices["methods"]["vitask"]["terms"]["rda"] == "Alignment of both"


SCREEN = """
import sys
from pathlib import Path
from app.engine import Engine
from app.main import create_app
from core.records.place import Place
create_app(Place.at(Path(sys.argv[1])))
assert Engine().choices["families"]
print(*{"torch", "transformers", "peft", "accelerate", "celery"} & sys.modules.keys())
"""


@pytest.mark.slow
def test_the_screen_with_all_its_pages_never_loads_the_engine(tmp_path: Path) -> None:
    """In a process of its own: this one may have loaded everything for another test."""
    done = subprocess.run([sys.executable, "-c", SCREEN, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_a_preset_fills_the_forms_and_the_file_says_the_same(page: TunePage) -> None:
    text, facts = preview(page, CHOICES, filled(page))
    told = yaml.safe_load(text)
    assert (told["training"]["steps"], told["preset"]) == (60, "quick")
    assert told["method"]["contrast_on"] == "first_distinguishing"
    assert "TSM → vanilla → stage-1 → stage-2" in facts and "vitask+tsm" in facts
    thorough = (*CHOICES[:3], "thorough")
    text, _ = preview(page, thorough, filled(page, *thorough))
    assert yaml.safe_load(text)["training"]["steps"] == 1200


def test_without_a_tsm_there_is_no_exemplar(page: TunePage) -> None:
    choices = ("starter", NO_TSM, "vitask", "quick")
    text, facts = preview(page, choices, filled(page, *choices))
    assert yaml.safe_load(text)["method"]["exemplar"] is False
    assert "tsm" not in facts


def test_several_tsms_come_from_a_file_and_stand_in_it_again(page: TunePage) -> None:
    two = [{"name": "convnet", "width": 64}, {"name": "convnet", "width": 32, "epochs": 3}]
    values = {"vlm": {"family": "starter"}, "tsm": two, "method": {"name": "vitask"}, "preset": "quick"}
    given = over([part.value for part in page.forms.inputs], page.filled(values)[FORMS:])
    told = yaml.safe_load(preview(page, CHOICES, given)[0])["tsm"]
    assert [(one["width"], one["epochs"]) for one in told] == [(64, 5), (32, 3)]
    text, facts = preview(page, CHOICES, [*given[:-1], "name: convnet"])
    assert text == "" and "a list like" in facts


def test_what_does_not_fit_is_said_beside_the_file(page: TunePage) -> None:
    text, facts = preview(page, ("starter", NO_TSM, "vitask", "quick"), filled(page))
    assert text == "" and "names no TSM" in facts


def test_a_family_without_a_checkpoint_asks_for_one(page: TunePage) -> None:
    choices = ("auto", "convnet", "vitask", "quick")
    given = filled(page, *choices)
    place = page.forms.inputs.index(page.forms.families["auto"].inputs[0])
    assert given[place] == ""


def set_of(room: Furnished) -> int:
    return sets.version(room.studio.database, room.who, room.version_id).set_id


def test_start_queues_what_the_file_says(page: TunePage, room: Furnished) -> None:
    set_id = set_of(room)
    given = ["20", "", "5", *filled(page)[3:]]
    made = page.start(asking(), set_id, room.version_id, "Tried", None, *CHOICES, TASK, *given)
    view = runs.run(room.studio.database, room.who, int(made))
    assert (view.state, view.name, view.settings["limit"]) == ("waiting", "Tried", {"train": 20, "test": 5})
    assert view.settings["training"]["steps"] == 60
    with pytest.raises(SettingsError, match="No image set"):
        page.start(asking(), set_id, None, "Tried", None, *CHOICES, TASK, *given)
    with pytest.raises(SettingsError, match="still being listed"):
        page.start(asking(), set_id, room.version_id + 1000, "Tried", None, *CHOICES, TASK, *given)
    with pytest.raises(SettingsError, match='"At most, train" is at least 1, not 0'):
        page.start(asking(), set_id, room.version_id, "Tried", None, *CHOICES, TASK, "0", *given[1:])


def test_what_is_shown_is_what_is_frozen_and_loads_to_the_same_again(
    page: TunePage, room: Furnished, tmp_path: Path
) -> None:
    given = ["20", "", "", *filled(page)[3:]]
    shown, _, save = page.preview(asking(), room.version_id, *CHOICES, TASK, *given)
    assert save["interactive"] and "studio:" in shown and str(room.studio.place.data) not in shown
    made = int(page.start(asking(), set_of(room), room.version_id, "", None, *CHOICES, TASK, *given))
    assert runs.run_file(runs.run(room.studio.database, room.who, made)) == shown
    (tmp_path / "run.yaml").write_text(shown)
    loaded = page.load(str(tmp_path / "run.yaml"))
    assert loaded[:5] == [*CHOICES, {}] and loaded[FORMS : FORMS + 3] == ["20", "", ""]
    again = page.preview(asking(), room.version_id, *CHOICES, TASK, *over(given, loaded[FORMS:]))
    assert again[0] == shown


def test_a_copy_takes_everything_of_a_run_on_the_second_set(page: TunePage, room: Furnished, tmp_path: Path) -> None:
    """Its set, an older version of it, its question, its limits, its method with all settings, its seed."""
    db, who = room.studio.database, room.who
    other = [pictures(tmp_path, "Other"), replace(pictures(tmp_path, "Other"), task=HAZE)]
    older, newer = (
        sets.write_version(db, room.studio.place, each, who=who, project_id=who.projects[0], name="Other")
        for each in other
    )
    assert older.set_id == newer.set_id != set_of(room)
    asked = {
        "vlm": {"family": "starter"},
        "tsm": [{"name": "convnet", "width": 64}, {"name": "convnet", "width": 32}],
        "method": {"name": "vitask", "contrast": 0.25, "align": 0.5},
        "task": {"modality": "window"},
        "limit": {"train": 7, "test": 3},
        "training": {"learning_rate": 3e-5},
        "preset": "thorough",
        "seed": 11,
    }
    old = page.tune(older.id, "Mine", asked, asking())
    image_set, version, _, copied, *rest = page.open(asking({"copy": str(old)}))
    assert (image_set["value"], version["value"], copied, rest[5]) == (older.set_id, older.id, old, "Mine (copy)")
    given = over([part.value for part in page.forms.inputs], rest[FORMS:])
    made = int(page.start(asking(), image_set["value"], version["value"], rest[5], copied, *rest[:5], *given))
    first, second = (runs.run(db, who, number) for number in (old, made))
    assert runs.run_file(second) == runs.run_file(first)
    assert (second.version_id, second.copy_of, second.name) == (older.id, old, "Mine (copy)")


def test_a_name_follows_the_choices_until_a_person_writes_one(page: TunePage, room: Furnished) -> None:
    def offered(method: str = "vitask", preset: str = "quick") -> str:
        return str(page.name(asking(), room.version_id, method, preset)["placeholder"])

    assert offered("vanilla", "balanced") == "Panes · Plain tuning · balanced · 1"
    assert offered("vitask", "thorough") == "Panes · VITask · thorough · 1"
    thorough = (*CHOICES[:3], "thorough")
    begin = (asking(), set_of(room), room.version_id)
    made = [int(page.start(*begin, "", None, *thorough, TASK, *filled(page, *thorough))) for _ in range(2)]
    views = [runs.run(room.studio.database, room.who, number) for number in made]
    assert [view.name for view in views] == [f"Panes · VITask · thorough · {number}" for number in (1, 2)]
    assert offered("vitask", "thorough") == "Panes · VITask · thorough · 3"
    assert page.open(asking({"copy": str(made[0])}))[4 + 5] == ""


def test_an_estimate_is_asked_for_and_told(page: TunePage, room: Furnished) -> None:
    number, _, timer = page.ask_estimate(asking(), set_of(room), room.version_id, *CHOICES, TASK, *filled(page))
    job = jobs.job(room.studio.database, room.who, number)
    assert (job.queue, job.kind, job.payload["version"], timer.active) == ("intake", "estimate", room.version_id, True)
    result = {"seconds": 240, "steps": {"a": 60, "b": 60}, "memory_gib": 3.0, "available_gib": 2.0, "fits": False}
    told = estimated("done", result | {"device": "cpu"}, None)
    assert "4 min" in told and "120 steps" in told and "3.0 of 2.0 GiB" in told and "more than there is" in told
    assert estimated("failed", None, "No space.") == "⚠ No space&#46;"


def test_a_file_that_is_none_is_refused(page: TunePage, tmp_path: Any) -> None:
    (tmp_path / "run.yaml").write_text("- 1\n")
    with pytest.raises(CoreError, match="A run file holds settings"):
        page.load(str(tmp_path / "run.yaml"))


@pytest.mark.slow
def test_an_engine_that_went_away_is_started_again() -> None:
    engine = Engine()
    values = {"images": "x", "vlm": {"family": "starter"}, "method": {"name": "vanilla"}}
    assert engine.complete(values)["stages"] == ["vanilla"]
    assert engine._child is not None
    engine._child.kill()
    engine._child.wait()
    assert engine.complete(values)["stages"] == ["vanilla"]
    engine.close()

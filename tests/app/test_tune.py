"""The page Tune: forms filled by presets, the exact file, and the run that is queued. The engine is a real child."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import yaml

from app.engine import ENGINE, Engine
from app.pages.tune.acts import tune, tune_seeds
from app.pages.tune.forms import NO_TSM, USUAL
from app.pages.tune.page import TunePage, estimated, fill_at_first
from app.pages.tune.parts import lay_out
from app.visit import Updates
from core.case import Task
from core.catalog import METHODS
from core.errors import CoreError, SettingsError
from core.records import jobs
from core.records.runs import runs
from core.records.runs.outcomes import Estimated
from core.records.sets import sets
from tests.app.furnished import ANSWERS, Furnished, furnish, pictures

HAZE = Task(modality="window", answers=ANSWERS)
CHOICES = ("starter", "convnet", "vitask", "quick")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    yield ENGINE
    ENGINE.close()


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    return furnish(tmp_path_factory.mktemp("room"))


@pytest.fixture(scope="module")
def page(engine: Engine) -> TunePage:
    with gr.Blocks():
        return TunePage(lay_out(engine.choices))


def standing(page: TunePage, *updates: Updates) -> dict[Any, Any]:
    """What stands on the page, by component, once events have filled some of it."""
    parts = page.parts
    beside = (parts.image_set, parts.version, parts.copied, parts.seeds)
    values = {part: part.value for part in (*parts.filled, *beside)}
    for part, shown in (item for update in updates for item in update.items()):
        is_update = isinstance(shown, dict) and "__type__" in shown
        if part in values and (not is_update or "value" in shown):
            values[part] = shown["value"] if is_update else shown
    return values


def chosen(page: TunePage, *choices: str) -> dict[Any, Any]:
    """Somebody has chosen a VLM, a TSM, a method and a preset."""
    choices = choices or CHOICES
    return standing(page, page.chosen(*choices), dict(zip(page.parts.choices.inputs, choices, strict=True)))


def on_set(page: TunePage, room: Furnished, *choices: str) -> dict[Any, Any]:
    """The same, on the room's image set."""
    set_id = sets.version(room.studio.database, room.who, room.version_id).set_id
    return chosen(page, *choices) | {page.parts.image_set: set_id, page.parts.version: room.version_id}


def preview(page: TunePage, room: Furnished, given: dict[Any, Any]) -> tuple[str, str]:
    shown, file = page.preview(room.visit(), given), page.parts.file
    return shown[file.text], shown[file.facts]


def start(page: TunePage, room: Furnished, given: dict[Any, Any]) -> int:
    return int(page.start(room.visit(), given)[page.parts.queued])


def test_the_engine_is_asked_for_what_there_is_to_choose_from(engine: Engine) -> None:
    assert set(engine.choices["methods"]) == set(METHODS) >= {"vanilla", "vitask"}
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


def test_opening_fills_nothing_in_that_somebody_may_be_typing_in_already(page: TunePage, room: Furnished) -> None:
    assert page.open(room.visit()).keys() & {*page.parts.filled} == set()


def test_the_usual_preset_stands_in_the_forms_from_the_start(engine: Engine, room: Furnished) -> None:
    with gr.Blocks():
        page = TunePage(lay_out(engine.choices))
    fill_at_first(page)
    assert preview(page, room, standing(page)) == preview(page, room, chosen(page))


def test_a_preset_fills_the_forms_and_the_file_says_the_same(page: TunePage, room: Furnished) -> None:
    text, facts = preview(page, room, chosen(page))
    values = yaml.safe_load(text)
    assert (values["training"]["steps"], values["preset"]) == (60, "quick")
    assert values["method"]["contrast_on"] == "first_distinguishing"
    assert "TSM → vanilla → stage-1 → stage-2" in facts and "vitask+tsm" in facts
    text, _ = preview(page, room, chosen(page, *CHOICES[:3], "thorough"))
    assert yaml.safe_load(text)["training"]["steps"] == 1200


def test_without_a_tsm_there_is_no_exemplar(page: TunePage, room: Furnished) -> None:
    text, facts = preview(page, room, chosen(page, "starter", NO_TSM, "vitask", "quick"))
    assert yaml.safe_load(text)["method"]["exemplar"] is False
    assert "tsm" not in facts


def test_several_tsms_come_from_a_file_and_stand_in_it_again(page: TunePage, room: Furnished) -> None:
    two = [{"name": "convnet", "width": 64}, {"name": "convnet", "width": 32, "epochs": 3}]
    values = {"vlm": {"family": "starter"}, "tsm": two, "method": {"name": "vitask"}, "preset": "quick"}
    given = standing(page, page.filled(values))
    tsms = yaml.safe_load(preview(page, room, given)[0])["tsm"]
    assert [(tsm["width"], tsm["epochs"]) for tsm in tsms] == [(64, 5), (32, 3)]
    text, facts = preview(page, room, given | {page.parts.forms.more_tsms: "name: convnet"})
    assert text == "" and "a list like" in facts


def test_what_does_not_fit_is_said_beside_the_file(page: TunePage, room: Furnished) -> None:
    text, facts = preview(page, room, chosen(page) | {page.parts.choices.tsm: NO_TSM})
    assert text == "" and "names no TSM" in facts


def test_a_family_without_a_checkpoint_asks_for_one(page: TunePage) -> None:
    given = chosen(page, "auto", "convnet", "vitask", "quick")
    assert given[page.parts.forms.families["auto"].form.inputs["checkpoint"]] == ""


def test_only_the_chosen_form_of_a_kind_is_seen(page: TunePage) -> None:
    forms = page.parts.forms
    shown = forms.visible("auto", NO_TSM, "vanilla")
    assert set(shown) == set(forms.groups)
    seen = [group for group, update in shown.items() if update["visible"]]
    assert seen == [forms.families["auto"].group, forms.methods["vanilla"].group]


def test_start_queues_what_the_file_says(page: TunePage, room: Furnished) -> None:
    parts, limits = page.parts, page.parts.forms.limits
    given = on_set(page, room) | {parts.name: "Tried", limits["train"]: "20", limits["test"]: "5"}
    view = runs.run(room.studio.database, room.who, start(page, room, given))
    assert (view.state, view.name, view.settings["limit"]) == ("waiting", "Tried", {"train": 20, "test": 5})
    assert view.settings["training"]["steps"] == 60
    for part, value, message in (
        (parts.seeds, 11, "1 to 10 seeds at once"),
        (parts.version, None, "No image set"),
        (parts.version, room.version_id + 1000, "still being listed"),
        (limits["train"], "0", '"At most, train" is at least 1, not 0'),
    ):
        with pytest.raises(SettingsError, match=message):
            start(page, room, {**given, part: value})


def test_several_seeds_are_queued_at_once_a_run_each(page: TunePage, room: Furnished) -> None:
    first = start(page, room, on_set(page, room) | {page.parts.name: "Seeded", page.parts.seeds: 3})
    made = [runs.run(room.studio.database, room.who, first + number) for number in range(3)]
    assert [run.name for run in made] == ["Seeded · seed 0", "Seeded · seed 1", "Seeded · seed 2"]
    settings = [{name: value for name, value in run.settings.items() if name != "seed"} for run in made]
    assert settings[0] == settings[1] == settings[2]
    assert tune_seeds(room.visit(), room.version_id, "Again", made[0].settings, 2) == [first + 3, first + 4]


def test_what_is_shown_is_what_is_frozen_and_loads_to_the_same_again(
    page: TunePage, room: Furnished, tmp_path: Path
) -> None:
    parts, limits = page.parts, page.parts.forms.limits
    given = on_set(page, room) | {limits["train"]: "20"}
    shown = page.preview(room.visit(), given)
    text = shown[parts.file.text]
    assert shown[parts.file.save]["interactive"]
    assert "studio:" in text and str(room.studio.place.data) not in text
    assert runs.run_file(runs.run(room.studio.database, room.who, start(page, room, given))) == text
    (tmp_path / "run.yaml").write_text(text)
    loaded = page.load(room.visit(), str(tmp_path / "run.yaml"))
    assert [loaded[chooser] for chooser in parts.choices.inputs] == list(CHOICES) and loaded[parts.task] == {}
    assert [loaded[box] for box in limits.values()] == ["20", "", ""] and parts.name not in loaded
    assert preview(page, room, standing(page, given, loaded))[0] == text


def test_a_copy_takes_everything_of_a_run_on_the_second_set(page: TunePage, room: Furnished, tmp_path: Path) -> None:
    """Its set, an older version of it, its question, its limits, its method with all settings, its seed."""
    db, who, parts = room.studio.database, room.who, page.parts
    other = [pictures(tmp_path, "Other"), replace(pictures(tmp_path, "Other"), task=HAZE)]
    older, newer = (
        sets.write_version(db, room.studio.place, each, who=who, project_id=who.projects[0], name="Other")
        for each in other
    )
    assert older.set_id == newer.set_id != on_set(page, room)[parts.image_set]
    wanted = {
        "vlm": {"family": "starter"},
        "tsm": [{"name": "convnet", "width": 64}, {"name": "convnet", "width": 32}],
        "method": {"name": "vitask", "contrast": 0.25, "align": 0.5},
        "task": {"modality": "window"},
        "limit": {"train": 7, "test": 3},
        "training": {"learning_rate": 3e-5},
        "preset": "thorough",
        "seed": 11,
    }
    old = tune(room.visit(), older.id, "Mine", wanted)
    given = standing(page, page.open(room.visit(copy=old)))
    opened = [given[part] for part in (parts.image_set, parts.version, parts.copied, parts.name)]
    assert opened == [older.set_id, older.id, old, "Mine (copy)"]
    first, second = (runs.run(db, who, number) for number in (old, start(page, room, given)))
    assert runs.run_file(second) == runs.run_file(first)
    assert (second.version_id, second.copy_of, second.name) == (older.id, old, "Mine (copy)")


def test_a_name_follows_the_choices_until_a_person_writes_one(page: TunePage, room: Furnished) -> None:
    name = page.parts.name

    def offered(method: str = "vitask", preset: str = "quick") -> str:
        return str(page.name(room.visit(), room.version_id, method, preset)[name]["placeholder"])

    assert offered("vanilla", "balanced") == "Panes · Plain tuning · balanced · 1"
    assert offered("vitask", "thorough") == "Panes · VITask · thorough · 1"
    made = [start(page, room, on_set(page, room, *CHOICES[:3], "thorough")) for _ in range(2)]
    views = [runs.run(room.studio.database, room.who, number) for number in made]
    assert [view.name for view in views] == [f"Panes · VITask · thorough · {number}" for number in (1, 2)]
    assert offered("vitask", "thorough") == "Panes · VITask · thorough · 3"
    assert page.open(room.visit(copy=made[0]))[name] == ""


def test_an_estimate_is_asked_for_and_told(page: TunePage, room: Furnished) -> None:
    shown = page.estimate(room.visit(), on_set(page, room))
    job = jobs.job(room.studio.database, room.who, shown[page.parts.job])
    assert (job.queue, job.kind, job.payload["version"]) == ("intake", "estimate", room.version_id)
    assert shown[page.parts.timer].active
    waits = page.look_at_estimate(room.visit(), job.id)
    assert waits[page.parts.timer].active and "waiting" in waits[page.parts.estimate]
    result = {"seconds": 240, "steps": {"a": 60, "b": 60}, "memory_gib": 3.0, "available_gib": 2.0, "fits": False}
    told = estimated(Estimated.model_validate(result | {"device": "cpu"}), None)
    assert "4 min" in told and "120 steps" in told and "3.0 of 2.0 GiB" in told and "more than there is" in told
    assert estimated(None, "No space.") == "⚠ No space&#46;"


def test_a_file_that_is_none_is_refused(page: TunePage, room: Furnished, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("- 1\n")
    with pytest.raises(CoreError, match="A run file holds settings"):
        page.load(room.visit(), str(tmp_path / "run.yaml"))


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


def test_nothing_begins_while_a_run_file_is_being_filled_in(page: TunePage, room: Furnished, tmp_path: Path) -> None:
    settings = {"vlm": {"family": "starter"}, "method": {"name": "vitask"}, "tsm": [{"name": "convnet"}]}
    (tmp_path / "run.yaml").write_text(json.dumps(settings))
    old = tune(room.visit(), room.version_id, "Mine", settings)
    filling = (
        page.load(room.visit(), str(tmp_path / "run.yaml")),
        page.choose(room.visit(), *USUAL),
        page.open(room.visit(copy=old)),
    )
    for shown in filling:
        assert [shown[button]["interactive"] for button in page.parts.begin] == [False, False]
    named = page.name(room.visit(), room.version_id, "vitask", "quick")
    assert [named[button]["interactive"] for button in page.parts.begin] == [True, True]


def test_readers_to_compare_stand_in_plain_words_with_their_short_names(page: TunePage, room: Furnished) -> None:
    _, facts = preview(page, room, on_set(page, room))
    assert "the TSM alone (tsm)" in facts and "VITask, with the exemplar (vitask+tsm)" in facts

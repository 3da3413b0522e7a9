"""The page Tune: forms filled by presets, the exact file, and the run that is queued. The engine is a real child."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest
import yaml

from app.engine import Engine
from app.pages.tune import NO_TSM, TunePage, _all_forms, estimated
from core.errors import CoreError, SettingsError
from core.records import jobs, runs, sets
from tests.app.furnished import Furnished, asking, furnish

CHOICES = ("starter", "convnet", "vitask", "quick")
LIMITS = (None, None, None)


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
        _, forms, _ = _all_forms(engine.choices)
    return TunePage(room.studio, forms, engine)


def filled(page: TunePage, *choices: str) -> list[Any]:
    """What stands in the inputs after a choice: forms that are not chosen keep what they showed."""
    before = [one.value for one in page.forms.inputs]
    after = page.chosen(*(choices or CHOICES))
    return [old if isinstance(new, dict) else new for old, new in zip(before, after, strict=True)]


def test_the_screen_does_not_load_the_engine(engine: Engine) -> None:
    assert set(engine.choices["methods"]) == {"vanilla", "vitask"}
    assert engine.choices["methods"]["vitask"]["terms"]["rda"] == "Alignment of both"
    assert "torch" not in sys.modules or "core.choices" not in sys.modules


def test_a_preset_fills_the_forms_and_the_file_says_the_same(page: TunePage) -> None:
    text, facts = page.preview(*CHOICES, *LIMITS, *filled(page))
    told = yaml.safe_load(text)
    assert (told["training"]["steps"], told["preset"]) == (60, "quick")
    assert told["method"]["contrast_on"] == "first_distinguishing"
    assert "TSM → vanilla → stage-1 → stage-2" in facts and "vitask+tsm" in facts
    thorough = (*CHOICES[:3], "thorough")
    text, _ = page.preview(*thorough, *LIMITS, *filled(page, *thorough))
    assert yaml.safe_load(text)["training"]["steps"] == 1200


def test_without_a_tsm_there_is_no_exemplar(page: TunePage) -> None:
    choices = ("starter", NO_TSM, "vitask", "quick")
    text, facts = page.preview(*choices, *LIMITS, *filled(page, *choices))
    assert yaml.safe_load(text)["method"]["exemplar"] is False
    assert "tsm" not in facts


def test_several_tsms_come_from_a_file_and_stand_in_it_again(page: TunePage) -> None:
    two = [{"name": "convnet", "width": 64}, {"name": "convnet", "width": 32, "epochs": 3}]
    values = {"vlm": {"family": "starter"}, "tsm": two, "method": {"name": "vitask"}, "preset": "quick"}
    shown = page.filled(values)[9:]
    before = [one.value for one in page.forms.inputs]
    given = [old if isinstance(new, dict) else new for old, new in zip(before, shown, strict=True)]
    told = yaml.safe_load(page.preview(*CHOICES, *LIMITS, *given)[0])["tsm"]
    assert [(one["width"], one["epochs"]) for one in told] == [(64, 5), (32, 3)]
    text, facts = page.preview(*CHOICES, *LIMITS, *given[:-1], "name: convnet")
    assert text == "" and "a list like" in facts


def test_what_does_not_fit_is_said_beside_the_file(page: TunePage) -> None:
    text, facts = page.preview("starter", NO_TSM, "vitask", "quick", *LIMITS, *filled(page))
    assert text == "" and "names no TSM" in facts


def test_a_family_without_a_checkpoint_asks_for_one(page: TunePage) -> None:
    choices = ("auto", "convnet", "vitask", "quick")
    given = filled(page, *choices)
    place = page.forms.inputs.index(page.forms.families["auto"].inputs[0])
    assert given[place] == ""


def set_of(room: Furnished) -> int:
    return int(sets.sets(room.studio.database, room.who, room.who.projects[0])[0].id)


def test_start_queues_what_the_file_says(page: TunePage, room: Furnished) -> None:
    set_id = set_of(room)
    made = page.start(asking(), set_id, room.version_id, "Tried", *CHOICES, 20, None, 5, *filled(page))
    view = runs.run(room.studio.database, room.who, int(made))
    assert (view.state, view.name, view.settings["limit"]) == ("waiting", "Tried", {"train": 20, "test": 5})
    assert view.settings["training"]["steps"] == 60
    with pytest.raises(SettingsError, match="No image set"):
        page.start(asking(), set_id, None, "Tried", *CHOICES, *LIMITS, *filled(page))
    with pytest.raises(SettingsError, match="still being listed"):
        page.start(asking(), set_id, room.version_id + 1, "Tried", *CHOICES, *LIMITS, *filled(page))


def test_a_saved_file_loads_to_the_same_file(page: TunePage) -> None:
    given = filled(page)
    path = page.save(*CHOICES, 20, None, None, *given)
    loaded = page.load(path)
    assert loaded[:7] == [*CHOICES, 20, None, None]
    kept = [old if isinstance(new, dict) else new for old, new in zip(given, loaded[9:], strict=True)]
    again, _ = page.preview(*CHOICES, 20, None, None, *kept)
    with open(path) as file:
        assert again == file.read()


def test_a_copy_begins_as_the_old_run(page: TunePage, room: Furnished) -> None:
    asked = asking({"copy": str(room.run_id)})
    copied = page.copied(asked)
    assert copied[:4] == ["starter", "convnet", "vitask", "balanced"] and copied[7] == "First (copy)"


def test_an_estimate_is_asked_for_and_told(page: TunePage, room: Furnished) -> None:
    number, _, timer = page.ask_estimate(asking(), set_of(room), room.version_id, *CHOICES, *LIMITS, *filled(page))
    job = jobs.job(room.studio.database, room.who, number)
    assert (job.queue, job.kind, job.payload["version"], timer.active) == ("intake", "estimate", room.version_id, True)
    result = {"seconds": 240, "steps": {"a": 60, "b": 60}, "memory_gib": 3.0, "available_gib": 2.0, "fits": False}
    told = estimated("done", result | {"device": "cpu"}, None)
    assert "4 min" in told and "120 steps" in told and "3.0 of 2.0 GiB" in told and "more than there is" in told
    assert estimated("failed", None, "No space.") == "⚠ No space."


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

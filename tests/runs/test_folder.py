"""The folder of a run and its run file: frozen settings that read back as they were, events that survive a kill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.errors import RunError, SettingsError
from core.events import Done, Event, Sharing, Step
from core.machine import hold
from core.runs.folder import Folder, begin, writer
from core.runs.runfile import PRESETS, as_yaml, make_run, read_run
from core.sets.joint import JointSet
from tests import run_files

STEP = Step(stage="tsm", step=1, steps=2, losses={"error": 0.5})


def values(**more: Any) -> run_files.Values:
    return run_files.values(Path("images"), Path("checkpoint"), **more)


def test_frozen_settings_make_the_same_run(tmp_path: Path) -> None:
    run = make_run(values(limit={"train": 30}, task={"modality": "bräunlich"}))
    (tmp_path / "settings.yaml").write_text(as_yaml(run.settings), encoding="utf-8")
    again = read_run(tmp_path / "settings.yaml")
    assert again.settings == run.settings and again.plan.stages == run.plan.stages
    assert as_yaml(again.settings) == as_yaml(run.settings)


def test_a_run_whose_settings_were_broken_off_has_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.write_text

    def broken_off(file: Path, text: str, **more: Any) -> int:
        if not file.name.startswith("settings"):
            return write(file, text, **more)
        write(file, text[: len(text) // 2], **more)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_text", broken_off)
    with hold.released(tmp_path), pytest.raises(KeyboardInterrupt):
        begin(tmp_path, make_run(values()), JointSet(()), is_resumed=False, processes=1)
    assert [file.suffix for file in tmp_path.glob("settings.*")] == [".part"]


@pytest.mark.parametrize("content", ["{", "[]", '{"sets": []}', '{"sets": [{"name": "a"}]}', "\x00"])
def test_a_damaged_set_json_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "set.json").write_text(content)
    with pytest.raises(RunError, match=r"set\.json can't be read .*Copy the whole folder of the run again"):
        Folder(tmp_path).tasks()


def test_a_folder_of_an_earlier_version_knows_what_its_run_saw_and_no_version(tmp_path: Path) -> None:
    task = {"modality": "drawn", "answers": ["dark", "light"], "kind": "single", "template": "Which?"}
    before = {"sets": [{"name": "cells", "version": "a1b2", "cases": {"train": 3}, "task": task}]}
    (tmp_path / "set.json").write_text(json.dumps(before))
    assert Folder(tmp_path).fingerprints() == {"cells": "a1b2"}
    assert Folder(tmp_path).sets()[0]["version"] is None
    assert list(Folder(tmp_path).tasks()) == ["cells"]


def test_damaged_events_are_told_and_never_taken_for_sharing(tmp_path: Path) -> None:
    for content in (None, '{"kind": "sharing", "is_sha', '{"kind": "sharing"}'):
        if content:
            (tmp_path / "events.jsonl").write_text(content)
        with pytest.raises(RunError, match=r"events\.jsonl can't be read"):
            Folder(tmp_path).shares_prefix()


def test_one_tsm_may_be_written_as_one_block() -> None:
    run = make_run(values())
    assert [dict(one)["width"] for one in run.settings.tsm] == [8]
    assert run.tsms[0][1].epochs == 2


@pytest.mark.parametrize("preset", ["quick", "balanced", "thorough"])
def test_a_preset_fills_what_is_not_set_and_nothing_else(preset: str) -> None:
    plain: dict[str, Any] = {"images": "x", "vlm": {"family": "starter"}, "tsm": {"name": "convnet"}}
    plain |= {"method": {"name": "vitask"}, "preset": preset}
    told = make_run(plain).settings
    own = run_files.family("starter").PRESETS[preset]
    for name, value in own["training"].items():
        assert getattr(told.training, name) == value
    for name, value in own.get("methods", {}).get("vitask", {}).items():
        assert told.method[name] == value
    for name, value in own.get("tsms", {}).get("convnet", {}).items():
        assert told.tsm[0][name] == value
    short = make_run(plain | {"tsm": [{"name": "convnet", "epochs": 2}, {"name": "backbone"}]}).settings.tsm
    assert short[0]["epochs"] == 2 and short[1] == {"name": "backbone"}
    mine = make_run(plain | {"training": {"steps": 7}, "method": {"name": "vitask", "contrast": 3}})
    assert mine.settings.training.steps == 7 and mine.plan.settings.contrast == 3
    assert mine.settings.training.most_epochs is None, "who names steps means them"
    assert mine.settings.training.learning_rate == own["training"]["learning_rate"]


def test_epochs_that_are_named_count_though_a_preset_has_steps() -> None:
    plain: dict[str, Any] = {"images": "x", "vlm": {"family": "starter"}, "tsm": {"name": "convnet"}}
    named = plain | {"method": {"name": "vitask", "stage_1_epochs": 5}}
    told = make_run(named)
    assert told.settings.training.steps is None and told.settings.training.learning_rate == 2e-3
    assert make_run(named | {"training": {"steps": 9}}).settings.training.steps == 9
    assert make_run(plain | {"method": {"name": "vanilla", "epochs": 1}}).settings.training.steps is None
    assert make_run(yaml.safe_load(as_yaml(told.settings))).settings == told.settings


def test_presets_differ_for_families_without_any_of_their_own() -> None:
    plain: dict[str, Any] = {
        "images": "x",
        "vlm": {"family": "internvl", "checkpoint": "x"},
        "tsm": {"name": "convnet"},
    }
    told = {name: make_run(plain | {"method": {"name": "vitask"}, "preset": name}) for name in PRESETS}
    assert [one.settings.training.steps for one in told.values()] == [100, None, None]
    assert [one.plan.stages[-1].epochs for one in told.values()] == [1, 1, 3]


def test_a_preset_that_departs_from_the_printed_recipe_says_so() -> None:
    plain: dict[str, Any] = {"images": "x", "vlm": {"family": "starter"}, "tsm": {"name": "convnet"}}
    tokens, weight = make_run(plain | {"method": {"name": "vitask"}}).plan.departures
    assert tokens.startswith("Contrast was taken on the first token that tells both responses apart")
    assert weight.startswith("Contrast had weight 0.1")
    printed = {"name": "vitask", "contrast": 1.0, "contrast_on": "all"}
    assert make_run(plain | {"method": printed}).plan.departures == ()
    other = {"name": "vitask", "contrast": 0, "direction": "teacher_first", "freeze_connector": "never"}
    assert len(make_run(plain | {"method": other}).plan.departures) == 3


def test_a_run_file_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"run\.yaml can't be read .* Check its path"):
        read_run(tmp_path / "run.yaml")


def test_stored_yaml_holds_plain_values_only(tmp_path: Path) -> None:
    text = as_yaml(make_run(values()).settings)
    assert "!!" not in text
    assert yaml.safe_load(text)["training"]["batch_size"] == 8


def test_events_are_lines_and_are_passed_on(tmp_path: Path) -> None:
    seen: list[Event] = []
    report = writer(tmp_path, seen.append)
    report(STEP)
    report(Done())
    assert run_files.events(tmp_path) == seen == [STEP, Done()]


def test_a_line_that_a_kill_cut_short_spoils_no_other(tmp_path: Path) -> None:
    writer(tmp_path, lambda event: None)(STEP)
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write('{"kind": "st')
    writer(tmp_path, lambda event: None)(Done())
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert [json.loads(lines[0])["kind"], lines[1], json.loads(lines[2])["kind"]] == ["step", '{"kind": "st', "done"]


def test_what_a_run_found_out_about_sharing_is_remembered(tmp_path: Path) -> None:
    for is_shared in (True, False):
        Folder(tmp_path).keep_sharing(Sharing(largest_relative_difference=0.5, is_shared=is_shared))
        assert Folder(tmp_path).shares_prefix() is is_shared
    (tmp_path / "sharing.json").write_text('{"is_sha')
    with pytest.raises(RunError, match=r"sharing\.json can't be read"):
        Folder(tmp_path).shares_prefix()


def test_whether_an_older_run_shares_is_told_by_its_last_event_about_it(tmp_path: Path) -> None:
    sharing = '{"kind": "sharing", "largest_relative_difference": %s, "is_shared": %s}\n'
    later = (
        '{"kind": "evaluation", "stage": "\\"sharing\\"", "step": 1, "figures": {}}\n{"kind": "st\n{"kind": "done"}\n'
    )
    (tmp_path / "events.jsonl").write_text(sharing % (0.5, "true") + sharing % (2.5, "false") + later)
    assert not Folder(tmp_path).shares_prefix()
    (tmp_path / "events.jsonl").write_text('{"kind": "done"}\n')
    assert Folder(tmp_path).shares_prefix(), "before runs looked, all of them shared"


def test_a_folder_that_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"is not the folder of a run: it holds no set\.json"):
        Folder(tmp_path).tasks()


def test_plain_tuning_lies_beside_the_methods_own_adapter() -> None:
    folder = Folder(Path("run"))
    names = [folder.adapter(name).name for name in ("vitask", "vanilla", "pointing")]
    assert names == ["adapter", "adapter-vanilla", "adapter-pointing"]
    assert [folder.tsm(number).name for number in range(3)] == ["tsm", "tsm-2", "tsm-3"]

"""The `vitask` command as other programs use it: what goes to standard output, to standard error, and the exit code."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core import events
from core.cli import tune as tune_command
from core.cli.commands import Commands
from core.cli.main import COMMANDS, main, parser
from core.formats import nifti
from core.readings import reading
from core.runs.folder import Folder
from core.runs.runfile import make_run
from core.runs.tune import tune
from tests import pointing, run_files

SIMPLE = ("tsm", "knn", "probe-connector", "tsm+probe", "tsm-probe-mean")
FIGURE = {"value", "low", "high"}


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    """The one JSON object that a command prints."""
    capsys.readouterr()
    assert main([str(argument) for argument in (*arguments, "--json")]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one message of something that the person can mend."""
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and "Traceback" not in captured.err
    lines = [line for line in captured.err.splitlines() if line.strip()]
    assert len(lines) == 1
    return lines[0]


def test_help_tells_every_command_once_and_in_a_group(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines() if re.match(r"  [a-z]+  +\S", line)]
    commands = Commands(argparse.ArgumentParser())
    for module in COMMANDS:
        module.add(commands)
    assert sorted(listed) == sorted(commands.helps)


def with_those_below(command: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    below = [action for action in command._actions if isinstance(action, argparse._SubParsersAction)]
    return [command, *(each for action in below for part in action.choices.values() for each in with_those_below(part))]


def test_every_command_tells_its_help_whatever_signs_stand_in_it() -> None:
    texts = {command.prog: command.format_help() for command in with_those_below(parser())}
    assert "vitask bench" in texts and len(texts) > 40
    assert "how often 95 % intervals hold the truth" in texts["vitask bench"]


def test_every_example_of_help_can_be_typed_as_it_stands() -> None:
    commands = Commands(argparse.ArgumentParser())
    for module in COMMANDS:
        module.add(commands)
    for name, example in commands.examples.items():
        program, *arguments = shlex.split(example)
        assert program == "vitask" and arguments[0] == name
        parser().parse_args(arguments)  # leaves with a message where an argument is none


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"VITask Studio {version('vitask-studio')}\n"


def test_tune_prints_its_figures_as_one_object(
    images: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = run_files.write_run(
        tmp_path / "run.yaml", run_files.values(images, checkpoint, method={"name": "vanilla"}, tsm=[])
    )
    output = printed(capsys, "tune", file, "--out", tmp_path / "run")
    assert output == json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert list(output["readers"]) == ["knn", "probe-connector", "vlm", "vanilla"]


def test_evaluate_prints_every_readers_figures_with_intervals(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = printed(capsys, "evaluate", finished)
    assert output.keys() >= {"cases", "readers"}
    assert list(output["readers"]) == [*SIMPLE, "vlm", "vanilla", "vitask", "vitask+tsm"]
    for figures in output["readers"].values():
        for figure in figures.values():
            assert figure.keys() == FIGURE | (set() if figure["low"] is not None else {"why"})
        assert figures.keys() >= {"accuracy", "macro_f1", "auroc"}
    assert output == json.loads(Folder(finished).metrics.read_text())
    assert printed(capsys, "evaluate", finished, "--split", "val")["cases"] > 0


def test_evaluate_prints_a_table_for_people(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(finished)]) == 0
    out = capsys.readouterr().out
    assert "| vitask+tsm |" in out and "Research use only." in out
    assert "against “the VLM, plainly tuned”; against “the TSM alone”" in out


def test_evaluate_measures_a_set_that_the_run_never_saw(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    external = run_files.draw(tmp_path / "elsewhere", count=4, seed=9)
    output = printed(capsys, "evaluate", finished, "--images", external)
    assert output["cases"] == 12 and "vitask+tsm" in output["readers"]
    foreign = run_files.draw(tmp_path / "foreign", ("dark", "green"), count=3)
    assert 'foreign has the label "green", which the run does not know' in refused(
        capsys, "evaluate", finished, "--images", foreign
    )


def test_evaluate_in_the_runs_own_words_gives_the_stored_figures(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = "Analyze the given {modality} image. The possible diagnoses are:{label set}."
    output, stored = (printed(capsys, "evaluate", finished, *more) for more in (("--template", own), ()))
    for reader, figures in stored["readers"].items():
        for name, figure in figures.items():
            assert output["readers"][reader][name]["value"] == pytest.approx(figure["value"], abs=1e-4), (reader, name)


def test_evaluate_in_other_words_changes_what_vlms_say_and_not_what_the_tsm_says(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, stored = (printed(capsys, "evaluate", finished, *more)["readers"] for more in (("--template", "So?"), ()))
    assert output["tsm"] == stored["tsm"]
    assert output["vitask"]["log_loss"] != stored["vitask"]["log_loss"]


def test_reliance_compares_the_right_response_under_its_own_and_another_image(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = printed(capsys, "evaluate", finished, "--reliance")
    assert output.keys() == {"set", "cases", "readers"}
    assert list(output["readers"]) == ["vlm", "vanilla", "vitask", "vitask+tsm"]
    for figures in output["readers"].values():
        assert 0 <= figures["overlap"] <= 1 and 0 <= figures["auroc"] <= 1 and 0 < figures["own"] < 1
        assert sum(figures["density"]["own"]) == pytest.approx(1)


def test_read_prints_every_readers_whole_distribution(
    finished: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = [images / "dark" / "0.png", images / "light" / "1.png"]
    output = printed(capsys, "read", finished, *pictures)
    assert output.keys() == {"images"}
    assert [image["image"] for image in output["images"]] == [str(path) for path in pictures]
    for image in output["images"]:
        assert image.keys() == {"image", "unlike", "readers"}
        assert image["unlike"]["is_unlike"] is False and image["unlike"]["of"] > 0
        assert set(image["readers"]) == {*SIMPLE, "vlm", "vanilla", "vitask", "vitask+tsm"}
        for name, answer in image["readers"].items():
            beside = {"tokens", "text", "parsed", "said", "explored", "blank"}
            assert answer.keys() == {"answers", "probabilities", "calibrated", "answer", "entropy_bits", *beside}
            assert sum(answer["calibrated"]) == pytest.approx(1, abs=1e-6)
            assert answer["answers"] == ["dark", "light", "light scar"]
            assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-6)
            assert (answer["text"] is None) == (name in SIMPLE)


def test_read_says_what_is_raw_and_what_is_calibrated(
    finished: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = str(images / "dark" / "0.png")
    assert main(["read", str(finished), picture, "--readers", "tsm,vitask"]) == 0
    out = capsys.readouterr().out
    assert "in brackets as calibrated by one temperature a reader, learned on" in out
    assert len(re.findall(r"\| dark \| \S+ \(\S+\) \| \S+ \(\S+\) \|", out)) == 1
    assert main(["read", str(finished), picture, "--readers", "tsm", "--instruction", "So?"]) == 0
    out = capsys.readouterr().out
    assert (
        "not calibrated; the temperatures of the run are of its own question" in out and "(" not in out.split("---")[1]
    )


def test_other_cases_are_measured_by_the_runs_own_temperatures(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = printed(capsys, "evaluate", finished)["calibration"]
    assert stored == json.loads((finished / "metrics.json").read_text())["calibration"]
    external = run_files.draw(tmp_path / "elsewhere", count=4, seed=9)
    of_others = printed(capsys, "evaluate", finished, "--images", external)["calibration"]
    temperatures = [{name: row["temperature"] for name, row in rows.items()} for rows in (stored, of_others)]
    assert temperatures[0] == temperatures[1] and of_others["tsm"]["raw"] != stored["tsm"]["raw"]
    for more in (("--split", "val"), ("--template", "So?")):
        assert printed(capsys, "evaluate", finished, *more)["calibration"] == {}


def test_read_asks_only_the_readers_that_are_named(
    finished: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = images / "dark" / "0.png"
    output = printed(capsys, "read", finished, picture, "--readers", "vitask,tsm")
    assert list(output["images"][0]["readers"]) == ["vitask", "tsm"]
    assert 'no reader called "person"' in refused(capsys, "read", finished, picture, "--readers", "person")


def test_a_set_with_errors_is_reported_and_ends_as_one_to_mend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for label in "ab":
        (tmp_path / "set" / label).mkdir(parents=True)
        Image.new("L", (20, 20), ord(label)).save(tmp_path / "set" / label / "1.png")
    assert main(["set", "check", str(tmp_path / "set"), "--json"]) == 0
    (tmp_path / "set" / "a" / "2.png").write_bytes(b"no picture")
    capsys.readouterr()
    for more in ((), ("--json",)):
        assert main(["set", "check", str(tmp_path / "set"), *more]) == 2
        out, err = capsys.readouterr()
        assert "not a picture of a known kind" in out and "Errors to mend before tuning on this set: 1" in err


def test_a_set_is_checked_and_kept_without_what_can_not_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITASK_DATA", str(tmp_path / "studio"))
    drawn = run_files.draw(tmp_path / "set", count=4)
    (drawn / "dark" / "empty.png").write_bytes(b"")
    decided = ("--leave-out-unusable", "--label", "dark=night", "--leave-out", "light/0.png", "--one-of-copies")
    assert main(["set", "check", str(drawn)]) == 2
    assert "--leave-out-unusable keeps the rest without 1." in capsys.readouterr().err
    assert main(["set", "check", str(drawn), *decided]) == 0
    assert "left out: dark/empty.png: " in capsys.readouterr().out
    assert main(["set", "add", str(drawn), "--name", "Shades", *decided, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cases"] == 11
    assert 'has no label "dork"' in refused(capsys, "set", "check", drawn, "--label", "dork=x")


def test_how_files_are_read_is_said_as_on_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITASK_DATA", str(tmp_path / "studio"))
    nifti.write_example(tmp_path / "heads")
    table = (tmp_path / "heads" / "labels.csv").read_text().replace("slice", "level")
    (tmp_path / "heads" / "labels.csv").write_text(table)
    named = ("--read", "slice=level")
    assert "duplicate_row" in {each["kind"] for each in report_of(capsys, tmp_path / "heads")["findings"]}
    assert report_of(capsys, tmp_path / "heads", *named)["cases"] == 6
    assert report_of(capsys, tmp_path / "heads", *named, "--read", 'answers=["light", "dark"]')["classes"] == {
        "light": 2,
        "dark": 4,
    }
    assert main(["set", "add", str(tmp_path / "heads"), "--name", "Heads", *named, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cases"] == 6
    assert "NAME=VALUE, like plane=coronal" in refused(capsys, "set", "check", tmp_path / "heads", "--read", "slice")
    assert 'a list like ["a", "b"]' in refused(capsys, "set", "check", tmp_path / "heads", "--read", "answers=[a")
    assert 'has no column "z"' in refused(capsys, "set", "check", tmp_path / "heads", "--read", "slice=z")


def report_of(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    """What a check prints, whether there are errors or none."""
    capsys.readouterr()
    assert main([str(argument) for argument in ("set", "check", *arguments, "--json")]) in (0, 2)
    return json.loads(capsys.readouterr().out)


def test_the_report_of_a_set_is_a_page_without_script_or_pictures_unless_they_are_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = run_files.draw(tmp_path / "<set>", count=3)
    Image.new("L", (28, 28), 9).save(drawn / "dark" / "blank.png")
    page, plain = tmp_path / "report.html", tmp_path / "report.json"
    assert main(["set", "check", str(drawn), "--report", str(page)]) == 0
    text = page.read_text()
    assert "<h1>&lt;set&gt;</h1>" in text and "dark/blank.png" in text
    assert not [word for word in ("<script", "<img", "http", "<set>") if word in text]
    assert main(["set", "check", str(drawn), "--report", str(page), "--thumbnails"]) == 0
    assert page.read_text().count("data:image/png;base64,") > 0 and "http" not in page.read_text()
    assert main(["set", "check", str(drawn), "--report", str(plain)]) == 0
    kept = json.loads(plain.read_text())
    assert (kept["set"], kept["cases"]) == ("<set>", 10) and kept["shortcuts"]["cases"] == 0
    assert "blank" in {finding["kind"] for finding in kept["findings"]}
    assert "not report.pdf" in refused(capsys, "set", "check", drawn, "--report", tmp_path / "report.pdf")
    assert "Add --report" in refused(capsys, "set", "check", drawn, "--thumbnails")


def test_versions_at_the_shell_are_settled_compared_and_returned_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITASK_DATA", str(tmp_path / "studio"))
    for split, seed in (("train", 0), ("val", 1), ("test", 2)):
        run_files.draw(tmp_path / "set" / split, count=3, seed=seed)
    shared = tmp_path / "set" / "train" / "dark" / "of_test.png"
    shutil.copy(tmp_path / "set" / "test" / "dark" / "1.png", shared)
    assert main(["set", "add", str(tmp_path / "set"), "--name", "Shades"]) == 0
    assert main(["set", "settle", "Shades", "--way", "withdraw"]) == 0
    assert "Shades has version 2 without 1 of the cases before" in capsys.readouterr().out
    assert main(["set", "diff", "Shades", "1", "2"]) == 0
    assert capsys.readouterr().out == "1 removed\n"
    assert printed(capsys, "set", "diff", "Shades", "1", "2")["removed"] == ["train/dark/of_test.png"]
    assert main(["set", "settle", "Shades", "--way", "withdraw"]) == 0
    assert "share nothing" in capsys.readouterr().out
    assert main(["set", "return", "Shades", "1"]) == 0
    assert capsys.readouterr().out == "Shades has version 3, as version 1 was.\n"
    assert "has no version 9" in refused(capsys, "set", "diff", "Shades", "1", "9")


def test_reading_a_case_again_gives_what_was_stored(
    finished: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = reading.load(Folder(finished).readings("test"))
    case = stored[0].case
    same = {answered.reader: answered for answered in stored if answered.case == case}
    output = printed(capsys, "read", finished, images / case)["images"][0]["readers"]
    for name, answered in same.items():
        assert output[name]["probabilities"] == pytest.approx(answered.answer.probabilities, abs=1e-4), name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("evaluate", "nowhere"), "is not the folder of a run"),
        (("read", "nowhere", "missing.png"), "can't be read"),
        (("tune", "missing.yaml", "--out", "run"), "can't be read"),
        (("export", "nowhere", "--to", "out"), "is not the folder of a run"),
        (("plug", "nowhere", "--tsm", "convnet", "--out", "out"), "is not the folder of a run"),
        (("set", "check", "nowhere"), "nothing at"),
    ],
    ids=lambda one: one[0] if isinstance(one, tuple) else "",
)
def test_what_is_missing_is_told_in_one_message(
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in refused(capsys, *arguments)
    assert not any(tmp_path.iterdir())


def no_images(values: run_files.Values, folder: Path) -> None:
    values["images"] = str(folder / "nowhere")


def broken_images(values: run_files.Values, folder: Path) -> None:
    values["images"] = str(run_files.draw(folder / "broken", count=5))
    (folder / "broken" / "dark" / "2.png").write_bytes(b"no picture")


def one_class(values: run_files.Values, folder: Path) -> None:
    values["images"] = str(run_files.draw(folder / "alike", ("dark",)))


def wrong_keys(values: run_files.Values, folder: Path) -> None:
    values["images"] = str(folder / "wrong.npz")
    np.savez(folder / "wrong.npz", pictures=np.zeros((3, 28, 28), np.uint8), classes=np.zeros((3, 1), np.uint8))


def pickled_array(values: run_files.Values, folder: Path) -> None:
    values["images"] = str(folder / "pickled.npz")
    np.savez(folder / "pickled.npz", train_images=np.array([{"a": 1}], dtype=object))


def no_weights(values: run_files.Values, folder: Path) -> None:
    (folder / "empty").mkdir()
    values["vlm"]["checkpoint"] = str(folder / "empty")


def unknown_setting(values: run_files.Values, folder: Path) -> None:
    values["training"]["learning_rat"] = 1


def impossible(values: run_files.Values, folder: Path) -> None:
    values["tsm"] = []


def few(values: run_files.Values, folder: Path) -> None:
    values["limit"] = {"train": 1}


def unknown_split(values: run_files.Values, folder: Path) -> None:
    values["limit"] = {"training": 10}


def out_of_range(values: run_files.Values, folder: Path) -> None:
    values["lora"]["rank"] = 0


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (no_images, "nothing at"),
        (broken_images, "2.png"),
        (one_class, "two labels"),
        (wrong_keys, "wrong.npz"),
        (pickled_array, "pickled.npz"),
        (no_weights, "config.json"),
        (unknown_setting, "training.learning_rat is not a setting here"),
        (impossible, "names no TSM"),
        (few, "limit.train"),
        (unknown_split, "limit.training"),
        (out_of_range, "lora.rank"),
    ],
)
def test_a_run_that_cannot_be_is_refused_in_one_message_and_leaves_nothing(
    spoil: Callable[[run_files.Values, Path], None],
    message: str,
    images: Path,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings, out = run_files.values(images, checkpoint), tmp_path / "run"
    spoil(settings, tmp_path)
    assert message in refused(capsys, "tune", run_files.write_run(tmp_path / "run.yaml", settings), "--out", out)
    assert not out.exists()


@pytest.mark.parametrize("text", ["images: [", "- a list", "just words", "", "\tx: 1"])
def test_a_file_that_is_no_run_file_is_told(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.yaml").write_text(text)
    assert "run.yaml" in refused(capsys, "tune", tmp_path / "run.yaml", "--out", tmp_path / "run")


def test_a_full_disk_is_something_to_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(arguments: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "events.jsonl"))

    monkeypatch.setattr(tune_command, "do_tune", full)
    assert "No space left on device" in refused(capsys, "tune", "run.yaml", "--out", tmp_path)


def test_anything_unforeseen_is_our_fault(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(arguments: object) -> None:
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setattr(tune_command, "do_tune", broken)
    assert main(["tune", "run.yaml", "--out", "run"]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and "ZeroDivisionError" in captured.err and "our fault" in captured.err


def test_an_unknown_command_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["tun"])
    assert left.value.code == 2


def vitask(*arguments: object, **more: str) -> subprocess.Popen[str]:
    """The command as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "core.cli", *(str(argument) for argument in arguments)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1", **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


SECONDS = 600
"""Of patience with a machine that is slow."""
LONGER = {
    "training": {"steps": 12, "checkpoint_every": 3, "evaluate_every": 6},
    "method": {"name": "vitask", "baseline": False},
}


def wait_until(process: subprocess.Popen[str], folder: Path, stage: str, step: int) -> None:
    """Looks into events.jsonl until the stage has made so many steps."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        file = folder / "events.jsonl"
        for event in events.read(file) if file.is_file() else ():
            if isinstance(event, events.Step) and event.stage == stage and event.step >= step:
                return
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    raise AssertionError(f"{stage} never reached step {step}")


@pytest.fixture(scope="module")
def undisturbed(images: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the same run, which nobody broke off."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    tune(run_files.run(images, checkpoint, **LONGER), folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("by", "is_typed"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_ctrl_c_is_told_to_whoever_has_a_keyboard(
    by: signal.Signals, is_typed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with tune_command.stopping() as is_stopped:
        os.kill(os.getpid(), by)
        assert is_stopped()
    printed = "".join(capsys.readouterr())
    assert "saving after this step" in printed and ("Ctrl-C" in printed) is is_typed


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_run_resumes_to_the_same_bytes(
    by: signal.Signals, undisturbed: Path, images: Path, checkpoint: Path, tmp_path: Path
) -> None:
    file = run_files.write_run(tmp_path / "run.yaml", run_files.values(images, checkpoint, **LONGER))
    killed = vitask("tune", file, "--out", tmp_path / "killed")
    wait_until(killed, tmp_path / "killed", "stage-2", 4)
    killed.send_signal(by)
    _, errors = killed.communicate(timeout=SECONDS)
    assert killed.returncode == (-signal.SIGKILL if by == signal.SIGKILL else 0), errors
    assert not (tmp_path / "killed" / "metrics.json").exists()
    resumed = vitask("tune", file, "--out", tmp_path / "killed", "--resume")
    _, errors = resumed.communicate(timeout=SECONDS)
    assert resumed.returncode == 0, errors
    for name in ("adapter/adapter_model.safetensors", "connector.safetensors", "tsm/model.safetensors", "metrics.json"):
        assert (tmp_path / "killed" / name).read_bytes() == (undisturbed / name).read_bytes(), name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "stages"),
    [
        ({}, ["tsm", "vanilla", "stage-1", "stage-2"]),
        ({"tsm": [], "method": {"name": "discriminative"}}, ["pairs"]),  # whose cases are held against all of the step
        (
            {"tsm": [], "method": {"name": "tpo", "objects": 2, "baseline": False, "rival": False}},
            ["routing", "heads", "together"],  # of a set without masks: no case asks for a gradient of that head
        ),
        ({"tsm": [], "method": {"name": "head"}}, ["vanilla", "head"]),
    ],
    ids=["vitask", "discriminative", "tpo", "head"],
)
def test_two_processes_make_the_steps_that_one_would_make(
    more: dict[str, Any], stages: list[str], images: Path, checkpoint: Path, tmp_path: Path
) -> None:
    """Alone in one piece; by two in twos, so that partners of contrast stand in other pieces."""
    drawn = pointing.draw(tmp_path / "spots") if "routing" in stages else images
    whole, spread = (
        run_files.values(drawn, checkpoint, lora={"dropout": 0.0}, training={"steps": 3, "micro_batch_size": size})
        | more
        for size in (None, 2)
    )
    file = run_files.write_run(tmp_path / "run.yaml", spread)
    tune(make_run(whole), tmp_path / "one")
    # With `--cpu` accelerate starts several processes through MPI only; without it, and told to use none of the GPUs,
    # through torch, as on a machine with several of them.
    launch = "-m accelerate.commands.launch --multi_gpu --num_processes 2 --num_machines 1 --mixed_precision no "
    launch += "--dynamo_backend no --main_process_port 0 -m core.cli tune --json"
    launched = subprocess.run(
        [sys.executable, *launch.split(), str(file), "--out", str(tmp_path / "two")],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert launched.returncode == 0, launched.stderr
    assert json.loads((tmp_path / "two" / "environment.json").read_text())["processes"] == 2
    assert json.loads(launched.stdout) == json.loads((tmp_path / "two" / "metrics.json").read_text())
    for stage in stages:
        alone, shared = (run_files.steps(tmp_path / name, stage) for name in ("one", "two"))
        assert alone.keys() == shared.keys() and alone
        for step, event in alone.items():
            assert shared[step].losses == pytest.approx(event.losses, abs=1e-5), (stage, step)


def test_the_second_picture_of_a_gif_or_an_odd_mode_is_no_trouble(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("P", (40, 20), 3).save(tmp_path / "odd.gif")
    Image.new("I;16", (20, 20), 40000).save(tmp_path / "deep.png")
    output = printed(capsys, "read", finished, tmp_path / "odd.gif", tmp_path / "deep.png", "--readers", "vitask+tsm")
    assert len(output["images"]) == 2

"""A run with a class head: its two adapters see the same batches, its folder and its export read the same, and it is
said that it writes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.cli.main import main
from core.errors import RunError, StoppedError
from core.pictures.pixels import FilePixels
from core.readings import reading
from core.runs.export import export
from core.runs.folder import Folder
from core.runs.opened import Asked, open_run, read_pictures
from core.runs.plug import plug
from core.runs.probes import probe
from core.runs.runfile import make_run
from core.runs.tune import tune
from tests import run_files

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tuned(images: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "classified"
    training = {"steps": 20, "batch_size": 8, "evaluate_every": 20, "learning_rate": 0.003}
    tune(
        make_run(
            run_files.values(images, checkpoint, training=training, reading={"rivals": "none", "other_scores": "all"})
            | {"method": {"name": "head"}}
        ),
        out,
    )
    return out


def test_it_learns_and_is_measured_beside_plain_tuning(tuned: Path) -> None:
    steps = run_files.steps(tuned, "head")
    assert steps[40].losses["class"] < 0.7 * steps[1].losses["class"]
    results = json.loads(Folder(tuned).metrics.read_text())
    assert list(results["readers"]) == ["tsm", "vlm", "vanilla", "head"]
    assert results["made_for"] == {"reader": "head", "baseline": "vanilla"}
    assert len(steps) == len(run_files.steps(tuned, "vanilla")) == 40
    assert list(results["other_scores"]) == ["vlm", "vanilla"], "a head has no words to be scored in other ways"


@pytest.mark.parametrize(
    "method",
    [{"name": "head"}, {"name": "vanilla", "tsm_in_words": "in_sample"}],
    ids=["a head has no words", "words of a TSM are of its picture"],
)
def test_only_words_about_the_picture_alone_are_scored_against_a_blank_picture(
    method: dict[str, object], images: Path, checkpoint: Path, tmp_path: Path
) -> None:
    """Where all are asked for, a run with a head broke off at its very end."""
    few = {"training": {"steps": 1}, "reading": {"rivals": "none", "other_scores": "all"}}
    tune(make_run(run_files.values(images, checkpoint, **few) | {"method": method}), tmp_path / "run")
    results = json.loads(Folder(tmp_path / "run").metrics.read_text())
    assert set(results["other_scores"]) == {"vlm", "vanilla"}


def test_what_was_kept_answers_as_the_run_did_and_its_export_too(tuned: Path, images: Path, tmp_path: Path) -> None:
    stored = {row.case: row.answer for row in reading.load(Folder(tuned).readings("test")) if row.reader == "head"}
    assert all(answer.text is None and sum(answer.probabilities) == pytest.approx(1) for answer in stored.values())
    export(tuned, tmp_path / "copy", is_merged=True)
    pictures = [FilePixels(images / case).load() for case in stored]
    for folder in (tuned, tmp_path / "copy"):
        read = read_pictures(open_run(folder), Asked(pictures, free_text=True), ["head"])
        for answer, kept in zip(read["head"], stored.values(), strict=True):
            assert answer.probabilities == pytest.approx(kept.probabilities, abs=1e-4)
            assert answer.text is None


def test_it_is_said_that_it_writes_nothing(tuned: Path, images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", str(tuned), str(next((images / "light").iterdir()))]) == 0
    printed = capsys.readouterr().out
    assert "head writes nothing" in printed and "head writes:" not in printed


def test_it_takes_no_part_in_probes_and_has_no_exemplar_to_replace(tuned: Path, tmp_path: Path) -> None:
    (of_set,) = probe(open_run(tuned), most=4)["sets"].values()
    assert "head" not in json.dumps(of_set)
    with pytest.raises(RunError, match="does not read with the exemplar"):
        plug(tuned, "convnet", tmp_path / "plugged")


def test_a_stopped_run_goes_on_to_the_same_bytes_of_several_sets_too(
    images: Path, checkpoint: Path, tmp_path: Path
) -> None:
    spots = run_files.draw_multi(tmp_path / "spots")
    values = run_files.values([images, spots], checkpoint, tsm=[], method={"name": "head", "baseline": False})
    run = make_run(values)
    tune(run, tmp_path / "whole")
    polls = iter([False, False, True])
    with pytest.raises(StoppedError):
        tune(run, tmp_path / "stopped", is_stopped=lambda: next(polls))
    tune(run, tmp_path / "stopped", is_resumed=True)
    whole, stopped = (run_files.weights(tmp_path / name) for name in ("whole", "stopped"))
    assert "heads.safetensors" in whole and whole == stopped
    rows = [row for row in reading.load(Folder(tmp_path / "whole").readings("test")) if row.reader == "head"]
    assert {len(row.answer.probabilities) for row in rows} == {2, 3}

"""Runs with controls: they are read, told of, and left out where they have nothing to say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import RunError, SettingsError
from core.pictures.pixels import FilePixels
from core.readings import reading
from core.runs.estimate import estimate
from core.runs.folder import Folder
from core.runs.opened import Asked, open_run, read_pictures
from core.runs.plug import plug
from core.runs.probes import probe
from core.runs.runfile import make_run
from core.runs.tune import tune
from tests import run_files

pytestmark = pytest.mark.slow
NO_RIVALS = {"rivals": "none"}


def test_a_run_with_shuffled_exemplars_and_plain_tuning_of_equal_cost(
    images: Path, checkpoint: Path, tmp_path: Path
) -> None:
    method = {"name": "vitask", "shuffled": True, "baseline_length": "tokens"}
    results = tune(
        make_run(run_files.values(images, checkpoint, reading=NO_RIVALS) | {"method": method}), tmp_path / "run"
    )
    assert list(results["readers"]) == ["tsm", "vlm", "vanilla", "vitask", "vitask+tsm", "vitask+shuffled"]
    rows = [row for row in reading.load(Folder(tmp_path / "run").readings("test")) if row.reader == "vitask+shuffled"]
    assert rows and all(row.answer.text is None for row in rows)
    plain = len(run_files.steps(tmp_path / "run", "vanilla"))
    assert plain > 4
    assert f"matched in tokens, not in steps: {plain:,} steps, {plain / 4:.2f} times as many as the 4 of stage-1 (" in (
        Folder(tmp_path / "run").card.read_text()
    )
    elsewhere = run_files.draw(tmp_path / "elsewhere", count=28, seed=5)
    plug(tmp_path / "run", "convnet", tmp_path / "new", images=str(elsewhere))
    assert "matched in tokens" not in Folder(tmp_path / "new").card.read_text(), "no stage was made on these images"
    opened = open_run(tmp_path / "run")
    assert "vitask+shuffled" not in opened.reader_names
    with pytest.raises(SettingsError, match='no reader called "vitask'):
        opened.named(["vitask+shuffled"])
    (of_set,) = probe(opened, most=4)["sets"].values()
    assert "vitask+shuffled" not in json.dumps(of_set)


def test_what_takes_as_many_tokens_is_estimated_of_more_cases_than_are_looked_at(
    checkpoint: Path, tmp_path: Path
) -> None:
    shown = run_files.draw(tmp_path / "many", count=80)
    method = {"name": "vitask", "baseline_length": "tokens"}
    steps = estimate(make_run(run_files.values(shown, checkpoint, reading=NO_RIVALS) | {"method": method}))["steps"]
    assert steps["vanilla"] > steps["stage-1"] + steps["stage-2"] == 4


@pytest.mark.parametrize("several", [False, True], ids=["single", "multi"])
def test_a_model_that_is_told_the_tsms_answer_reads_the_same_from_its_folder(
    several: bool, images: Path, checkpoint: Path, tmp_path: Path
) -> None:
    shown = run_files.draw_multi(tmp_path / "spots") if several else images
    method = {"name": "vanilla", "tsm_in_words": "in_sample" if several else "out_of_sample"}
    results = tune(
        make_run(run_files.values(shown, checkpoint, reading=NO_RIVALS | {"other_scores": "all"}) | {"method": method}),
        tmp_path / "run",
    )
    assert list(results["readers"]) == ["tsm", "vlm", "vanilla", "vanilla+tsm"]
    scored = [] if several else ["vlm", "vanilla"]
    assert list(results["other_scores"]) == scored, "of a blank picture a TSM is asked nothing"
    assert results["made_for"] == {"reader": "vanilla+tsm", "baseline": "vanilla"}
    rows = reading.load(Folder(tmp_path / "run").readings("test"))
    stored = {row.case: row.answer for row in rows if row.reader == "vanilla+tsm"}
    assert sum(answer.text is not None for answer in stored.values()) == 2
    pictures = [FilePixels(shown / case).load() for case in stored]
    answers = read_pictures(open_run(tmp_path / "run"), Asked(pictures, free_text=True), ["vanilla+tsm"])
    for answer, kept in zip(answers["vanilla+tsm"], stored.values(), strict=True):
        assert answer.probabilities == pytest.approx(kept.probabilities, abs=1e-4)
        assert answer.text is not None
    with pytest.raises(RunError, match="does not read with the exemplar"):
        plug(tmp_path / "run", "convnet", tmp_path / "plugged")


def test_controls_that_miss_what_they_need_are_refused_in_words(images: Path, checkpoint: Path) -> None:
    values = run_files.values(images, checkpoint)
    for method, message in (
        ({"name": "vitask", "shuffled": True, "exemplar": False}, "each case must have one"),
        ({"name": "vitask", "shuffled": True, "constant_prefix": True}, "each case must have one"),
        ({"name": "vitask", "baseline": False, "baseline_length": "tokens"}, "baseline must be true"),
    ):
        with pytest.raises(SettingsError, match=message):
            make_run(values | {"method": method})
    with pytest.raises(SettingsError, match="tells it what a TSM answers"):
        make_run(values | {"tsm": [], "method": {"name": "vanilla", "tsm_in_words": "in_sample"}})

"""Benchmarks tell both sides and their ratio, under the names that other programs rely on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from accelerate import Accelerator, state

from core.bench import read, step, suspects
from core.bench.state import HELD, OwnState
from core.bench.table import ABLATION, CALIBRATED, FIGURES, markdown, run_all
from core.errors import SettingsError
from tests import run_files


def test_a_table_gives_the_mean_and_the_spread_between_seeds() -> None:
    rows = [
        row("tsm", "", [], seed=seed, accuracy=accuracy, macro_f1=0.5, auroc=None, calibrated_log_loss=accuracy - 0.6)
        for seed, accuracy in ((0, 0.8), (1, 0.9), (2, 1.0))
    ]
    numbers = ["0.900 ± 0.100", "0.500 ± 0.000", "-", "0.500 ± 0.000", "0.500 ± 0.000", "0.300 ± 0.100", "-"]
    assert markdown(rows).splitlines() == [
        "| set | reader | seeds | Accuracy | Macro F1 | AUROC | Log loss | Brier score | "
        "Log loss, calibrated | Brier score, calibrated |",
        "|---|---|---|---|---|---|---|---|---|---|",
        f"| cells | tsm | 3 | {' | '.join(numbers)} |",
    ]


def row(reader: str, part: str, departures: list[str], **more: Any) -> dict[str, Any]:
    figures = dict.fromkeys(FIGURES, 0.5) | dict.fromkeys(CALIBRATED)
    return {"set": "cells", "seed": 0, "reader": reader, "part": part, "departures": departures, **figures, **more}


def test_below_a_table_stands_where_its_runs_differ_from_the_print() -> None:
    rows = [
        row("vitask", "", ["One schedule."]),
        row("vitask without CRT", "without CRT", ["One schedule.", "No CRT."]),
    ]
    assert markdown(rows).splitlines()[4:] == [
        "",
        "Where the runs differ from the print:",
        "",
        "- One schedule.",
        "- No CRT. (cells, without CRT)",
    ]


@pytest.mark.slow
def test_an_ablation_tells_vitask_without_each_of_its_parts(images: Path, checkpoint: Path, tmp_path: Path) -> None:
    training = {"steps": 1, "evaluate_every": 1}
    file = run_files.write_run(tmp_path / "run.yaml", run_files.values(images, checkpoint, training=training))
    rows = run_all([str(images)], [0], file, tmp_path / "out", lambda event: None, is_ablated=True)
    readers = [row["reader"] for row in rows]
    of_the_whole = [
        *("tsm", "knn", "probe-connector", "tsm+probe", "tsm-probe-mean"),
        *("vlm", "vanilla", "vitask", "vitask+tsm"),
    ]
    assert readers[:9] == of_the_whole and len(readers) == len(set(readers)), readers
    assert [reader for reader in readers if reader.startswith("vitask ")] == [
        f"vitask {part}" for part in ABLATION if part
    ]
    assert "vitask+tsm CRT alone" not in readers
    losses = {path.name: set(run_files.steps(path, "stage-2")[1].losses) for path in (tmp_path / "out").iterdir()}
    assert losses["shades-seed-0-without-rda"] == {"van", "ep", "crt"}
    assert losses["shades-seed-0-crt-alone"] == {"van", "crt"}


def test_an_ablation_of_plain_tuning_is_refused(tmp_path: Path) -> None:
    file = run_files.write_run(tmp_path / "run.yaml", {"method": {"name": "vanilla"}})
    with pytest.raises(SettingsError, match="must be vitask"):
        run_all(["images"], [0], file, tmp_path / "out", lambda event: None, is_ablated=True)


def test_as_many_labels_are_planted_as_are_asked_for_none_of_them_right() -> None:
    given = np.repeat([0, 1, 2], 40)
    for name in ("uniform-10", "confused-10"):
        noise = suspects.parse(name)
        taken_for = np.array([1, 2, 1]) if noise.kind == "confused" else None
        planted = suspects.plant(given, 3, noise, 5, taken_for)
        changed = planted != given
        assert changed.sum() == 12
        assert taken_for is None or (planted[changed] == taken_for[given[changed]]).all()
        assert (suspects.plant(given, 3, noise, 5, taken_for) == planted).all()


def test_precision_counts_as_many_first_cases_as_were_planted() -> None:
    is_planted, score = np.array([True, False, True, False, False]), np.array([0.9, 0.8, 0.3, 0.2, 0.1])
    assert suspects.precision_at_planted(is_planted, score) == 0.5
    assert suspects.average_precision(is_planted, score) == pytest.approx((1 + 2 / 3) / 2)


@pytest.mark.parametrize("name", ["uniform", "uniform-0", "shy-10", "uniform-x"])
def test_a_noise_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="uniform-10"):
        suspects.parse(name)


def test_gains_are_paired_by_seed() -> None:
    line = suspects.markdown([trial(1, 0.8, 0.7), trial(2, 0.9, 0.8)]).splitlines()[2]
    assert line.startswith("| cells | uniform-5 | 2 | 0.850 ± 0.071 | 0.200 ± 0.000 | 0.750 ± 0.071 | 0.100 ± 0.000 |")
    assert line.endswith("| 0.100 ± 0.000 |")


def trial(seed: int, ours: float, theirs: float, images: str = "cells", chose_settings: bool = False) -> dict[str, Any]:
    reached = {"ours": ours, "cleanlab": 0.2, "cleanlab_rounds": theirs, "cleanlab_margin": 0.1}
    return {
        "set": images,
        "noise": "uniform-5",
        "seed": seed,
        "chose_settings": chose_settings,
        "average_precision": reached,
        "precision_at_planted": reached,
    }


def test_what_chose_the_settings_is_marked_and_no_part_of_the_headline() -> None:
    rows = [trial(0, 0.9, 0.5, chose_settings=True), trial(1, 0.8, 0.7), trial(2, 0.6, 0.7)]
    lines = suspects.markdown(rows).splitlines()
    assert [line.split(" | ")[:3] for line in lines[2:4]] == [
        ["| cells *", "uniform-5", "1"],
        ["| cells", "uniform-5", "2"],
    ]
    assert lines[-1].startswith(
        "Headline: +0.000 of average precision on the best of cleanlab's (least -0.100, 1 of 2 above"
    )
    assert (
        suspects.markdown(rows[:1]).splitlines()[-1].startswith("No headline: every search here had a part in choosing")
    )


@pytest.mark.slow
def test_planted_errors_are_found_and_putting_them_right_is_measured(
    images: Path, checkpoint: Path, tmp_path: Path
) -> None:
    file = run_files.write_run(
        tmp_path / "run.yaml",
        run_files.values(images, checkpoint, tsm={"least_steps": 30}) | {"suspects": {"folds": 2, "rounds": 1}},
    )
    arguments = ([str(images)], ["confused-10"], [0], file, tmp_path / "out", True)
    row = suspects.run_all(*arguments, lambda event: None)[0]
    assert (row["cases"], row["planted"]) == (42, 4)
    assert 0 <= row["average_precision"]["cleanlab"] <= 1 and row["average_precision"]["ours"] > 0.5
    assert row["average_precision"]["cleanlab_rounds"] == row["average_precision"]["cleanlab"]  # of one round
    assert row["chose_settings"]
    gain = row["gain"]["suspects - random"]
    assert gain["value"] == pytest.approx(row["macro_f1"]["suspects"]["value"] - row["macro_f1"]["random"]["value"])
    again = suspects.run_all(*arguments, lambda event: None)[0]
    assert {**again, "seconds": 0} == {**row, "seconds": 0}


@pytest.mark.slow
def test_a_reading_is_measured_beside_generating_and_single_scores(arithmetic: str) -> None:
    measured = read.measure(1, "tiny", lambda line: None)
    assert measured["arithmetic"] == arithmetic
    assert measured["equal"] and measured["largest_difference_in_probability"] < 1e-3
    seconds = {name: 1 / value for name, value in measured["images_per_second_of"].items()}
    assert measured["speedup_over_generate"] == pytest.approx(seconds["generate"] / seconds["shared"])
    assert measured["speedup_over_single"] == pytest.approx(seconds["single"] / seconds["shared"])
    assert measured["images_per_second"] == measured["images_per_second_of"]["shared"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_step_is_measured_beside_the_usual_trainer_and_plain_passes(arithmetic: str) -> None:
    ours = Accelerator(mixed_precision="no")
    measured = step.measure(1, "tiny", lambda line: None)
    assert measured["arithmetic"] == arithmetic
    assert measured["largest_gradient_difference"] < 1e-3
    assert measured["ratio_to_trl"] == pytest.approx(measured["seconds"] / measured["seconds_of"]["trl"])
    assert measured["ratio_to_plain"] == pytest.approx(measured["seconds"] / measured["seconds_of"]["plain"])
    held = measured["peak_memory_mib_of"]
    assert measured["peak_memory_ratio_to_trl"] == pytest.approx(held["vitask"] / held["trl"])
    assert ours.mixed_precision == Accelerator(mixed_precision="no").mixed_precision == "no"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_usual_trainer_trains_in_the_arithmetic_of_the_machine(arithmetic: str, tmp_path: Path) -> None:
    """Its steps are timed beside ours, so both must take the same numbers, whatever the processor has."""
    with OwnState():
        step.SIDES["trl"]("tiny", tmp_path)
        assert Accelerator().mixed_precision == {"fp32": "no", "bf16": "bf16"}[arithmetic]


@pytest.mark.parametrize("precision", ["bf16", "no"], ids=["first", "second"])
def test_every_test_finds_accelerates_state_empty(precision: str) -> None:
    assert not any(getattr(state, name)._shared_state for name in HELD)
    assert Accelerator(mixed_precision=precision).mixed_precision == precision


def test_each_trainer_has_a_state_of_accelerate_of_its_own() -> None:
    outer, theirs = Accelerator(mixed_precision="no"), OwnState()
    with theirs:
        Accelerator(mixed_precision="bf16")
    with OwnState():
        Accelerator(mixed_precision="fp16", cpu=True)
    assert outer.mixed_precision == "no"
    with theirs:
        assert Accelerator().mixed_precision == "bf16"
    with pytest.raises(RuntimeError, match="in the middle"), theirs:
        raise RuntimeError("in the middle")
    assert outer.mixed_precision == Accelerator(mixed_precision="no").mixed_precision == "no"

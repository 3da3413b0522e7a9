"""Benchmarks tell both sides and their ratio, under the names that other programs rely on."""

from __future__ import annotations

import pytest

from core.bench import read, step
from core.bench.table import markdown


def test_a_table_gives_the_mean_and_the_spread_between_seeds() -> None:
    rows = [
        {"set": "cells", "seed": seed, "reader": "tsm", "accuracy": accuracy, "macro_f1": 0.5, "auroc": None}
        for seed, accuracy in ((0, 0.8), (1, 0.9), (2, 1.0))
    ]
    assert markdown(rows).splitlines()[2] == "| cells | tsm | 3 | 0.900 ± 0.100 | 0.500 ± 0.000 | - |"


@pytest.mark.slow
def test_a_reading_is_measured_beside_generating_and_single_scores() -> None:
    told = read.measure(1, "tiny", lambda line: None)
    assert told["equal"] and told["largest_difference_in_probability"] < 1e-3
    seconds = {name: 1 / value for name, value in told["images_per_second_of"].items()}
    assert told["speedup_over_generate"] == pytest.approx(seconds["generate"] / seconds["shared"])
    assert told["speedup_over_single"] == pytest.approx(seconds["single"] / seconds["shared"])
    assert told["images_per_second"] == told["images_per_second_of"]["shared"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_step_is_measured_beside_the_usual_trainer_and_plain_passes() -> None:
    told = step.measure(1, "tiny", lambda line: None)
    assert told["largest_gradient_difference"] < 1e-3
    assert told["ratio_to_trl"] == pytest.approx(told["seconds"] / told["seconds_of"]["trl"])
    assert told["ratio_to_plain"] == pytest.approx(told["seconds"] / told["seconds_of"]["plain"])
    held = told["peak_memory_mib_of"]
    assert told["peak_memory_ratio_to_trl"] == pytest.approx(held["vitask"] / held["trl"])

"""Several seeds: a run each, found again by what they have in common, told with their spread."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import t

from app.pages.runs import acts, benefit
from core.errors import SettingsError
from core.records.runs import runs
from core.records.runs.seeds import alike, likeness, queue_seeds, spread, spread_words
from core.statistics.over_seeds import ends_over_seeds
from tests.app.furnished import SETTINGS, Furnished, furnish, metrics


@pytest.fixture
def room(tmp_path: Path) -> Furnished:
    return furnish(tmp_path)


def view(room: Furnished, run_id: int) -> runs.RunView:
    return runs.run(room.studio.database, room.who, run_id)


def queued(room: Furnished, name: str, count: int, **changed: Any) -> list[int]:
    studio = room.studio
    made = queue_seeds(studio.database, studio.place, room.who, room.version_id, name, SETTINGS | changed, count)
    return [run.id for run in made]


def finished(room: Furnished, run_id: int, aided: float, plain: float, alone: float = 0.5) -> None:
    readers = {"vanilla": plain, "vitask": alone, "vitask+tsm": aided}
    told = metrics("macro_f1", {name: (value, value, value) for name, value in readers.items()})
    runs.set_metrics(room.studio.database, run_id, told)


def test_each_seed_is_a_run_of_its_own_from_that_of_the_settings_on(room: Furnished) -> None:
    made = [view(room, run_id) for run_id in queued(room, "Mine", 3, seed=5)]
    assert [(run.name, run.settings["seed"]) for run in made] == [
        ("Mine · seed 5", 5),
        ("Mine · seed 6", 6),
        ("Mine · seed 7", 7),
    ]
    (alone,) = queued(room, "Alone", 1, seed=9)
    assert view(room, alone).name == "Alone"
    first, second = (view(room, run_id).name for run_id in queued(room, "", 2, seed=20))
    assert first != second and first.startswith("Panes · VITask")


def test_where_one_seed_can_not_be_queued_none_is(room: Furnished, monkeypatch: pytest.MonkeyPatch) -> None:
    before = len(runs.runs(room.studio.database, room.who, room.who.projects[0]))
    rows = iter([None])

    def noted_once(*_: Any, **__: Any) -> None:
        next(rows)

    monkeypatch.setattr(runs, "note", noted_once)
    with pytest.raises(StopIteration):
        queued(room, "Mine", 3)
    assert len(runs.runs(room.studio.database, room.who, room.who.projects[0])) == before


@pytest.mark.parametrize("count", [0, -1, 11])
def test_no_seed_and_too_many_are_refused_before_any_is_queued(room: Furnished, count: int) -> None:
    before = len(runs.runs(room.studio.database, room.who, room.who.projects[0]))
    with pytest.raises(SettingsError, match="1 to 10 seeds at once"):
        queued(room, "Mine", count)
    assert len(runs.runs(room.studio.database, room.who, room.who.projects[0])) == before


def test_runs_that_differ_in_more_than_the_seed_are_not_told_together(room: Furnished) -> None:
    made = queued(room, "Mine", 2, seed=5)
    other = queued(room, "Other", 1, seed=6, method={"name": "vitask", "align": 0.5})
    found = alike(room.studio.database, room.who, view(room, made[1]))
    assert [run.id for run in found] == [room.run_id, *made]  # the furnished run has seed 0
    assert [run.id for run in alike(room.studio.database, room.who, view(room, other[0]))] == other


def test_what_the_machine_fills_in_tells_no_runs_apart() -> None:
    before = {"seed": 1, "training": {"steps": 2, "precision": "auto"}, "vlm": {"family": "starter", "dtype": "auto"}}
    after = {"seed": 2, "training": {"steps": 2, "precision": "bf16"}, "vlm": {"family": "starter", "dtype": "float32"}}
    assert likeness(before) == likeness(after) != likeness(after | {"training": {"steps": 3}})
    assert after["training"] == {"steps": 2, "precision": "bf16"}, "and nothing is taken from the settings themselves"


def test_the_newest_of_a_seed_counts_and_the_run_itself_above_all(room: Furnished) -> None:
    (first,), (second,) = queued(room, "First", 1, seed=5), queued(room, "Second", 1, seed=5)
    database, who = room.studio.database, room.who
    assert [run.id for run in alike(database, who, view(room, room.run_id))] == [room.run_id, second]
    assert [run.id for run in alike(database, who, view(room, first))] == [room.run_id, first]


def test_a_run_that_has_ended_without_figures_hides_no_finished_one_of_its_seed(room: Furnished) -> None:
    (first,), (second,) = queued(room, "First", 1, seed=5), queued(room, "Second", 1, seed=5)
    finished(room, first, 0.9, 0.6)
    database, who = room.studio.database, room.who
    assert [run.id for run in alike(database, who, view(room, room.run_id))] == [room.run_id, first]
    finished(room, second, 0.9, 0.6)
    assert [run.id for run in alike(database, who, view(room, room.run_id))] == [room.run_id, second]


def test_the_spread_is_the_mean_and_the_standard_deviation_of_finished_runs(room: Furnished) -> None:
    """Differences of .3, .1 and .2: mean .2, standard deviation .1."""
    made = queued(room, "Mine", 4, seed=5)
    for run_id, aided, plain in zip(made, (0.9, 0.7, 0.8), (0.6, 0.6, 0.6), strict=False):
        finished(room, run_id, aided, plain)
    run = view(room, made[0])
    of_seeds = tuple(each for each in alike(room.studio.database, room.who, run) if each.id in made)
    table = spread(run, of_seeds)
    assert table is not None and table.title == "Macro F1 of 3 seeds"
    assert table.heads == (
        "Seed",
        "VITask, reading alone",
        "VITask, with the exemplar",
        "the VLM, plainly tuned",
        "VITask, with the exemplar, less the VLM, plainly tuned",
    )
    assert [row[0] for row in table.rows] == ["5", "6", "7", "mean", "standard deviation", "95 % interval of the mean"]
    assert table.rows[0] == ("5", "0.500", "0.900", "0.600", "0.300")
    assert (table.rows[3][2], table.rows[3][4], table.rows[4][4]) == ("0.800", "0.200", "0.100")
    assert spread_words(run, table) == (
        "Over 3 seeds “VITask, with the exemplar” has +0.200 of Macro F1 against “the VLM, plainly tuned”, with a "
        "standard deviation of 0.100; it is the better one with 3 of 3."
    )


def test_the_interval_of_seeds_holds_their_variance_and_that_of_the_cases() -> None:
    """.2, .3 and .1 have a variance of .01, their mean a third of it; the cases add .05² = .0025."""
    low, high = ends_over_seeds([0.2, 0.3, 0.1], [0.05, 0.05, 0.05], -1.0)
    degrees = (0.01 / 3 + 0.0025) ** 2 / ((0.01 / 3) ** 2 / 2)
    half = t.ppf(0.975, degrees) * math.sqrt(0.01 / 3 + 0.0025)
    assert (low, high) == pytest.approx((0.2 - half, 0.2 + half))
    of_one_run = 1.96 * 0.05
    assert half > of_one_run
    assert ends_over_seeds([0.2, 0.2], [0.05, 0.05], 0.0) == pytest.approx(
        (0.2 - of_one_run, 0.2 + of_one_run), abs=1e-4
    )
    assert ends_over_seeds([0.2, 0.3], [0.05, None], 0.0) == (None, None)
    assert ends_over_seeds([0.7, 0.9], [0.05, 0.05], 0.0)[1] == 1.0, "no figure ends where it can not be"
    assert ends_over_seeds([-0.9, -0.5], [0.05, 0.05], -1.0)[0] == -1.0
    assert ends_over_seeds([0.1, 0.3], [0.05, 0.05], 0.0)[0] == 0.0


def test_the_table_of_seeds_has_the_interval_of_what_runs_have_intervals_of(room: Furnished) -> None:
    made = queued(room, "Mine", 2, seed=5)
    for run_id, value in zip(made, (0.7, 0.8), strict=True):
        figures = metrics("macro_f1", {"vanilla": (0.6, 0.5, 0.7), "vitask+tsm": (value, value - 0.1, value + 0.1)})
        difference = {"value": value - 0.6, "low": None, "high": None, "why": "too few"}
        figures |= {"differences": {"vitask+tsm - vanilla": {"macro_f1": difference}}}
        runs.set_metrics(room.studio.database, run_id, figures)
    table = spread(view(room, made[0]), tuple(view(room, run_id) for run_id in made))
    assert table is not None
    low, high = ends_over_seeds([0.7, 0.8], [0.1 / 1.959964] * 2, 0.0)
    assert table.rows[-1][1] == f"{low:.3f} to {high:.3f}" and table.rows[-1][-1] == "–"
    assert [row[0] for row in table.cells[-2:]] == ["95 % interval, low", "95 % interval, high"]
    assert [row[1] for row in table.cells[-2:]] == pytest.approx([low, high], abs=1e-6)


def test_seeds_that_cancel_out_have_no_minus_before_nothing(room: Furnished) -> None:
    """Differences of .3 and -.3, which numbers in a computer miss by a hair."""
    made = queued(room, "Mine", 2, seed=5)
    finished(room, made[0], 0.6, 0.9)
    finished(room, made[1], 0.7, 0.4)
    run = view(room, made[0])
    table = spread(run, tuple(view(room, run_id) for run_id in made))
    assert table is not None and 0 < abs(float(table.cells[2][-1] or 0)) < 1e-12
    assert table.rows[2][-1] == "0.000" and "has +0.000 of Macro F1" in spread_words(run, table)


def test_a_seed_alone_has_no_spread_and_those_that_wait_are_named(room: Furnished) -> None:
    made = queued(room, "Mine", 2, seed=5)
    finished(room, made[0], 0.9, 0.6)
    run = view(room, made[0])
    of_seeds = tuple(view(room, run_id) for run_id in made)
    assert spread(run, of_seeds) is None
    drawn = benefit._seeds(run, of_seeds)
    assert f'<a href="/runs?run={made[1]}">seed 6</a>' in drawn and "waiting" in drawn and "<table" not in drawn
    finished(room, made[1], 0.4, 0.6)
    table = benefit._seeds(run, tuple(view(room, run_id) for run_id in made))
    assert "better one with 1 of 2" in table and "<td>standard deviation</td>" in table
    assert benefit._seeds(run, of_seeds[:1]) == ""


def test_programs_are_not_advised_to_try_seeds_that_were_tried(room: Furnished) -> None:
    made = queued(room, "Mine", 2, seed=5, method={"name": "vitask", "align": 0.5})
    advised = []
    for run_id in made:
        figures = metrics("macro_f1", {"vanilla": (0.6, 0.5, 0.7), "vitask+tsm": (0.7, 0.6, 0.8)})
        difference = {"macro_f1": {"value": 0.1, "low": -0.1, "high": 0.3}}
        figures |= {"cases": 3, "differences": {"vitask+tsm - vanilla": difference}}
        runs.set_metrics(room.studio.database, run_id, figures)
        (answer,) = acts.run_benefit(room.visit(), run_id)
        advised.append(any("two more seeds" in text for text in answer["meaning"]))
    assert advised == [True, False]

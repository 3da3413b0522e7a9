"""A curve is whole runs on nested training cases and the same test cases; a point that is done is not done again."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO, StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image
from scipy.stats import t

from core.bench.curve import Wanted, plan, run_all
from core.bench.curve_figures import Curve, Finished, Point, curves_of, markdown, mean_of, runs_in_rows
from core.bench.curve_picture import picture
from core.bench.drawing import Line, as_png
from core.bench.smaller import Source, open_source
from core.case import ImageSet, Split
from core.cli.main import main
from core.errors import RunError, SettingsError, StoppedError
from core.events import Event
from core.readings.reader import TSM, readers_to_plain
from core.runs.folder import Folder
from core.sets.version import read_version
from tests import run_files

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def source(images: Path, checkpoint: Path, tmp_path: Path) -> Source:
    return open_source(str(images), run_files.run(images, checkpoint).settings, tmp_path / "shades")


def ids(image_set: ImageSet, split: Split) -> set[str]:
    return {case.id for case in image_set.of(split)}


def test_fewer_training_cases_are_among_more_and_test_cases_stay(source: Source) -> None:
    seeds = {seed: [source.smaller(count, seed) for count in (3, 9, 21, source.whole)] for seed in (0, 1)}
    for sets in seeds.values():
        assert [len(each.of("train")) for each in sets] == [3, 9, 21, 30]
        for smaller, larger in pairwise(sets):
            assert ids(smaller, "train") < ids(larger, "train") and ids(smaller, "val") <= ids(larger, "val")
    assert len({frozenset(ids(each, "test")) for sets in seeds.values() for each in sets}) == 1
    assert ids(seeds[0][1], "train") != ids(seeds[1][1], "train")
    assert ids(seeds[0][3], "train") == ids(seeds[1][3], "train")


def test_validation_cases_are_cut_in_proportion_but_stay_enough_to_choose_by(source: Source) -> None:
    of_split = source.image_set.of("train")
    larger = tuple(replace(case, id=f"{case.id} {copy}", split="val") for case in of_split for copy in range(10))
    many = Source(source.image_set.with_cases([*of_split, *larger]), source.folder)
    assert [many.validated(cases) for cases in (1, 6, 15, 30)] == [20, 60, 150, 300]
    assert source.validated(9) == len(source.image_set.of("val")) == 6, "there are no more"


def test_what_is_kept_is_what_was_cut_out(source: Source) -> None:
    kept, wanted = read_version(source.keep_smaller(9, 1)), source.smaller(9, 1)
    assert [(case.id, case.labels, case.split) for case in kept.cases] == [
        (case.id, case.labels, case.split) for case in wanted.cases
    ]
    assert kept.cases[0].pixels.load().tobytes() == wanted.cases[0].pixels.load().tobytes()
    assert source.keep_smaller(9, 0) != source.keep_smaller(9, 1)
    assert source.keep_smaller(30, 0) == source.keep_smaller(30, 1)


def test_fewer_cases_than_classes_are_refused(source: Source) -> None:
    with pytest.raises(SettingsError, match="3 classes to learn, more than 2 cases"):
        source.smaller(2, 0)


def test_labels_that_changed_since_are_told(images: Path, checkpoint: Path, tmp_path: Path) -> None:
    own = run_files.draw(tmp_path / "own")
    settings = run_files.run(own, checkpoint).settings
    open_source(str(own), settings, tmp_path / "kept")
    next((own / "dark").iterdir()).unlink()
    with pytest.raises(RunError, match="are others than when"):
        open_source(str(own), settings, tmp_path / "kept")


def test_cases_go_with_the_most_steps_and_steps_with_the_most_cases() -> None:
    assert Wanted([0], [50, None, 7000], [20, 80]).pairs(500, 60) == [(50, 80), (500, 80), (500, 20)]
    assert Wanted([0], [50, 200], []).pairs(500, 60) == [(50, 60), (200, 60)]
    assert Wanted([0], [50], []).pairs(40, None) == [(40, None)]


def test_a_point_learns_as_long_as_a_run_of_so_many_cases_unless_steps_are_named(images: Path, tmp_path: Path) -> None:
    short, whole = plan([str(images)], Wanted([0], [10, None], []), None, tmp_path / "usual")
    for point in (short, whole):
        training = point.run().settings.training
        assert (training.steps, training.most_epochs) == (160, 2.5), "as the starter's preset says"
        assert point.point.steps is None and "steps" not in point.point.words()
    written = tmp_path / "run.yaml"
    written.write_text("training: {steps: 7, most_epochs: 2}\n")
    (named,) = plan([str(images)], Wanted([0], [10], [50]), written, tmp_path / "named")
    assert (named.run().settings.training.steps, named.run().settings.training.most_epochs) == (50, None)
    assert named.point.words() == "shades, 10 training cases, 50 steps a stage, seed 0"


def finished(cases: int, seed: int, figures: dict[str, float], gap: float, steps: int = 60) -> Finished:
    """One whose intervals reach .0392 to both sides, so that standard errors are .02."""

    def plain(value: float) -> dict[str, float]:
        return {"value": value, "low": value - 0.0391992796, "high": value + 0.0391992796}

    rows = [replace(TSM, name=name, title=name.upper()) for name in figures]
    results: dict[str, Any] = {
        "cases": 40,
        "readers": {
            name: {"macro_f1": plain(value), "log_loss": plain(1 - value), "auroc": {"value": None}}
            for name, value in figures.items()
        },
        "differences": {"tsm - ours": {"macro_f1": plain(-gap), "log_loss": plain(gap)}},
        "made_for": {"reader": "ours", "baseline": "tsm"},
        "reader_list": readers_to_plain(tuple(rows)),
    }
    return Finished(Point("cells", cases, 20, 40, steps, seed), results)


DONE = [
    finished(50, 0, {"tsm": 0.5, "ours": 0.6}, 0.1),
    finished(200, 0, {"tsm": 0.7, "ours": 0.7}, 0.0),
    finished(50, 1, {"tsm": 0.6, "ours": 0.62}, 0.02),
    finished(200, 1, {"tsm": 0.7, "ours": 0.8}, 0.1),
]


def test_a_mean_and_its_band_worked_out_by_hand() -> None:
    of_seeds = [{"value": value, "low": value - 0.0391992796, "high": value + 0.0391992796} for value in (0.5, 0.6)]
    mean, alone = mean_of(of_seeds, 0, 1), mean_of([{"value": 0.5, "low": 0.41, "high": 0.58}], 0, 1)
    assert mean is not None and (mean.value, mean.lowest, mean.highest) == (0.55, 0.5, 0.6)
    between, of_cases = 0.005 / 2, 0.02**2
    degrees = (between + of_cases) ** 2 / between**2
    half = t.ppf(0.975, degrees) * math.sqrt(between + of_cases)
    assert (mean.low, mean.high) == pytest.approx((0.55 - half, 0.55 + half))
    assert alone is not None and (alone.low, alone.high) == (0.41, 0.58), "a run's own interval"
    assert mean_of([], 0, 1) is None


def test_the_table_tells_all_readers_and_what_the_aim_has_over_others() -> None:
    text = markdown(curves_of(DONE))
    assert text.startswith("**cells over training cases (n = 40 test cases; seeds 0, 1; 60 steps a stage)**\n\n")
    assert "| training cases | validation cases | reader | Macro F1 | Log loss, raw | AUROC |" in text
    assert "| 200 | 20 | tsm | 0.700 [0.661, 0.739] | 0.300 [0.261, 0.339] | – |" in text
    assert "| 50 | tsm | +0.060 [" in text and "| 200 | tsm | +0.050 [" in text
    assert text.endswith("not calibrated.\n"), "of runs as printed there is no more to be told"
    departing = [replace(each, results={**each.results, "departures": ["Contrast was left out."]}) for each in DONE]
    below = "not calibrated.\n\nWhere the runs differ from the print:\n\n- Contrast was left out."
    assert markdown(curves_of(departing)).endswith(f"{below}\n")
    whose = "cells, 50 training cases, 60 steps a stage, seed 0"
    assert markdown(curves_of([departing[0], *DONE[1:]])).endswith(f"{below} ({whose})\n")


def test_a_point_of_fewer_seeds_than_the_others_says_so() -> None:
    text = markdown(curves_of(DONE[:3]))
    assert "| 200 | 20 | tsm | 0.700 [0.661, 0.739] (1 of 2 seeds) | 0.300 [0.261, 0.339] (1 of 2 seeds) | – |" in text
    assert "| 50 | 20 | tsm |" in text and "(2 of 2" not in text


def test_both_axes_are_told_where_there_are_points_of_both() -> None:
    shorter = finished(200, 0, {"tsm": 0.7, "ours": 0.4}, -0.3, steps=10)
    assert [(curve.axis, curve.places) for curve in curves_of([*DONE, shorter])] == [
        ("cases", [50, 200]),
        ("steps", [10, 60]),
    ]
    only = curves_of([shorter, DONE[1]])
    assert [(curve.axis, curve.places) for curve in only] == [("steps", [10, 60])]


def test_the_picture_has_a_panel_a_figure_and_a_band_where_seeds_differ() -> None:
    drawn = picture(curves_of(DONE))
    tree = ElementTree.fromstring(drawn.as_svg())
    words = [each.text for each in tree.iter(f"{SVG}text")]
    assert {"Macro F1", "Log loss, raw", "AUROC", "TSM (tsm)", "OURS (ours)"} <= set(words)
    assert words[0] == "cells over training cases (n = 40 test cases; seeds 0, 1; 60 steps a stage)"
    bands = [each for each in tree.iter(f"{SVG}polygon") if each.get("fill-opacity") == "0.16"]
    assert len(bands) == 4, "two readers in two panels; the third figure is undefined"
    (low, high) = _heights(bands[0])[-1], _heights(bands[0])[0]  # at 50 cases, of the TSM
    lines = [_heights(line) for line in tree.iter(f"{SVG}polyline") if _is_of_reader(line)]
    assert high < low and lines[0][0] == pytest.approx((low + high) / 2, abs=0.1)
    assert _heights(bands[0])[2:6] == [lines[0][1]] * 4, "both seeds of the TSM are alike at 200 cases"


def test_a_band_ends_where_seeds_are_lacking_and_the_axis_says_so() -> None:
    tree = ElementTree.fromstring(picture(curves_of(DONE[:3])).as_svg())
    bands = [each for each in tree.iter(f"{SVG}polygon") if each.get("fill-opacity") == "0.16"]
    at_50 = next(each.get("x") for each in tree.iter(f"{SVG}text") if each.text == "50")
    assert {
        abs(float(point.split(",")[0]) - float(at_50 or 0)) for point in (bands[0].get("points") or "").split()
    } == {3}
    assert "200 (1 seed)" in [each.text for each in tree.iter(f"{SVG}text")]


def test_a_band_ends_where_a_reader_has_no_figure_of_some_seed() -> None:
    fewer = finished(200, 1, {"ours": 0.8}, 0.1)
    tree = ElementTree.fromstring(picture(curves_of([*DONE[:3], fewer])).as_svg())
    bands = [each for each in tree.iter(f"{SVG}polygon") if each.get("fill-opacity") == "0.16"]
    of_tsm, of_ours = ({point.split(",")[0] for point in (band.get("points") or "").split()} for band in bands[:2])
    assert (len(of_tsm), len(of_ours)) == (2, 2) and of_tsm != of_ours, "of the TSM two sides of 50 cases alone"


def test_a_reader_far_below_the_others_is_named_and_leaves_them_the_room() -> None:
    far = [
        finished(50, 0, {"vlm": 0.1, "tsm": 0.8, "ours": 0.9}, 0.1),
        finished(200, 0, {"vlm": 0.12, "tsm": 0.8, "ours": 0.9}, 0.1),
    ]
    tree = ElementTree.fromstring(picture(curves_of(far)).as_svg())
    words = [each.text for each in tree.iter(f"{SVG}text")]
    assert "far below: vlm, 0.100 to 0.120" in words
    lines = [line for line in tree.iter(f"{SVG}polyline") if _is_of_reader(line) and line.get("stroke") == TSM.colour]
    assert len(lines) == 2 + 3 + 3, "two in the first panel, three where log losses stand, three in the legend"
    assert words.count("0.7") == 1 and "0.2" not in words[: words.index("Log loss, raw")]


def test_a_loss_of_nothing_and_one_of_very_much_stay_within_their_panel() -> None:
    done = [
        finished(50, 0, {"tsm": 1.0, "ours": -11.0}, 0.1),
        finished(200, 0, {"tsm": 0.5, "ours": 0.6, "new": 0.4}, 0.1),
    ]
    (curve,) = curves_of(done)
    assert [reader.name for reader in curve.readers] == ["tsm", "ours", "new"]
    tree = ElementTree.fromstring(picture([curve]).as_svg())
    lines = [_heights(line) for line in tree.iter(f"{SVG}polyline") if _is_of_reader(line)]
    top, bottom = 16 + 58, 16 + 58 + 230
    assert all(top <= height <= bottom for line in lines[:-3] for height in line), "the last three are the legend's"
    words = [each.text for each in tree.iter(f"{SVG}text")]
    first = words.index("Log loss, raw") + 1
    assert words[first : first + 6] == ["0.001", "0.01", "0.1", "1", "10", "20"]


def _heights(shape: ElementTree.Element) -> list[float]:
    return [float(point.split(",")[1]) for point in (shape.get("points") or "").split()]


def _is_of_reader(line: ElementTree.Element) -> bool:
    return line.get("stroke-width") == "2"


def test_the_png_is_of_the_same_shapes_and_dashes_leave_gaps() -> None:
    drawn = picture(curves_of(DONE))
    with Image.open(BytesIO(drawn.as_png())) as png:
        assert png.size == (3 * 1080, 3 * drawn.height)
    with Image.open(BytesIO(as_png([Line([(0, 2), (5, 2), (10, 2)], "#000000", 1, (4, 2))], 10, 4))) as png:
        row = [png.getpixel((x, 6)) for x in range(30)]
    assert [pixel == (0, 0, 0) for pixel in row] == [*[True] * 13, *[False] * 5, *[True] * 12]


def values_of(rows: list[dict[str, object]], reader: str, figure: str) -> list[object]:
    return [row["value"] for row in rows if (row["reader"], row["figure"]) == (reader, figure)]


@pytest.mark.parametrize("given", [["--cases", "few"], ["--cases", "0"], ["--steps", "2,-1"], ["--seeds", "x"]])
def test_numbers_that_are_none_are_told(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "curve", "no-set", *given]) == 2
    assert f"{given[0]} must be whole numbers" in capsys.readouterr().err


@pytest.mark.slow
def test_a_curve_of_runs_is_stopped_resumed_and_read(images: Path, checkpoint: Path, tmp_path: Path) -> None:
    file = run_files.write_run(tmp_path / "run.yaml", run_files.values(images, checkpoint) | {"images": "replaced"})
    out, heard = tmp_path / "out", list[Event]()

    def curve(is_stopped: Callable[[], bool] = lambda: False) -> list[Finished]:
        return run_all([str(images)], Wanted([0], [9, None], [1, 2]), file, out, heard.append, is_stopped=is_stopped)

    first = out / "shades/cases-9-steps-2-seed-0"
    with pytest.raises(StoppedError, match="goes on from there"):
        curve(is_stopped=lambda: len(heard) > 3 and Folder(first).metrics.is_file())
    assert (out / "curve.svg").is_file() and [path.name for path in out.glob("shades/cases-*")] == [first.name]
    kept = {path: path.stat().st_mtime_ns for path in first.rglob("*") if path.is_file()}

    done = curve()
    assert {path: path.stat().st_mtime_ns for path in kept} == kept, "the point that was done is left alone"
    assert [(each.point.cases, each.point.steps) for each in done] == [(9, 2), (30, 2), (30, 1)]
    for each in done:
        folder = Folder(out / f"shades/cases-{each.point.cases}-steps-{each.point.steps}-seed-0")
        assert each.results == folder.kept(folder.metrics)
        assert sum(folder.sets()[0]["cases"].values()) == each.point.cases + each.point.validated + each.point.tested
    own = [each.results["readers"]["vitask+tsm"]["log_loss"]["value"] for each in done]
    assert values_of(runs_in_rows(done), "vitask+tsm", "Log loss, raw") == own
    table = list(csv.DictReader(StringIO((out / "curve.csv").read_text())))
    means = [row["mean"] for row in table if (row["over"], row["reader"]) == ("training cases", "vitask+tsm")]
    assert [float(mean) for mean in means[1::3]] == own[:2]
    for each in done[:2]:
        at = [row for row in table if (row["over"], row["training cases"]) == ("training cases", str(each.point.cases))]
        assert {row["reader"] for row in at} == set(each.results["readers"]), "all readers, whichever there are"

    heard.clear()
    assert curve() == done and heard == [], "nothing is tuned again"
    run_files.write_run(file, run_files.values(images, checkpoint, lora={"rank": 4}))
    with pytest.raises(RunError, match=r"measured with other settings \(lora differ\)"):
        curve()


@pytest.mark.slow
def test_a_point_that_was_broken_off_goes_on(images: Path, checkpoint: Path, tmp_path: Path) -> None:
    file = run_files.write_run(tmp_path / "run.yaml", run_files.values(images, checkpoint))
    arguments = ([str(images)], Wanted([0], [9], []), file, tmp_path / "out")
    heard: list[Event] = []
    with pytest.raises(StoppedError, match="stopped in stage-1"):
        run_all(
            *arguments, heard.append, is_stopped=lambda: bool(heard) and getattr(heard[-1], "stage", "") == "stage-1"
        )
    heard.clear()
    (whole,) = run_all(*arguments, heard.append)
    stages = {event.stage for event in heard if event.kind == "step"}
    assert stages == {"stage-1", "stage-2"}, "the TSM and plain tuning were finished before"
    assert isinstance(curves_of([whole])[0], Curve)


@pytest.mark.slow
def test_a_point_that_was_killed_while_its_folder_was_made_begins(
    images: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = run_files.write_run(tmp_path / "run.yaml", run_files.values(images, checkpoint))
    folder = Folder(tmp_path / "out/shades/cases-9-steps-2-seed-0")
    folder.path.mkdir(parents=True)
    folder.set.write_text("{}")
    command = ["bench", "curve", str(images), "--cases", "9", "--run", str(file), "--out", str(tmp_path / "out")]
    assert main(command) == 0
    shown, noted = capsys.readouterr()
    assert shown == (tmp_path / "out/curve.md").read_text() and "| 9 | 6 | vitask+tsm |" in shown
    assert "Point 1 of 1: shades, 9 training cases, 2 steps a stage, seed 0." in noted
    assert "That was the last point." in noted and "curve.svg" in noted

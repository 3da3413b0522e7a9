"""A reader says more than a distribution: the method of docs/adding.md that points, from its file to the screen."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from app.drawings import drawn, overlay
from app.viewer import Shape
from core.case import Box, Case, Task
from core.cli.main import main
from core.errors import ModelError, NumericError, RunError, StoppedError
from core.families.starter import tiny
from core.models.vlm import ImageFeatures
from core.pictures.pixels import FilePixels
from core.readings import reading
from core.readings.answer import Answer, answer_from_plain, answer_to_plain
from core.readings.distribution import Asking, Likelihoods, _statements
from core.readings.head import Head
from core.readings.reader import Reader
from core.readings.reading import Reading
from core.readings.results import evaluate, table
from core.readings.statement import Statement, mean_of, statements_to_plain
from core.runs.estimate import estimate
from core.runs.export import export
from core.runs.folder import Folder
from core.runs.opened import Asked, open_run, read_pictures
from core.runs.runfile import Run, make_run
from core.runs.tune import tune
from core.statistics.ends import FEW
from core.training.method import HeadPlan
from tests import pointing, run_files

READER = Reader("pointing", "tuned to point", "#CC79A7")


@pytest.fixture(scope="module")
def method(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        yield pointing.installed(tmp_path_factory.mktemp("method"), patch)


@pytest.fixture(scope="module")
def spots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pointing.draw(tmp_path_factory.mktemp("spots") / "spots")


def settings(spots: Path, checkpoint: Path, steps: int = 60) -> Run:
    training = {"steps": steps, "batch_size": 8, "evaluate_every": 30, "learning_rate": 0.003}
    values = run_files.values(spots, checkpoint, method={"name": "pointing", "weight": 3}, tsm=[], training=training)
    values["method"] = {"name": "pointing", "weight": 3}
    return make_run(values)


@pytest.fixture(scope="module")
def tuned(method: ModuleType, spots: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "pointed"
    tune(settings(spots, checkpoint), out)
    return out


def where(statements: tuple[Statement, ...]) -> tuple[float, float]:
    (point,) = statements_to_plain(statements).values()
    return point["x"], point["y"]


@pytest.mark.slow
def test_a_head_learns_and_what_it_says_is_measured_with_intervals_and_told(tuned: Path) -> None:
    steps = run_files.steps(tuned, "pointing")
    began, ended = (
        np.mean([steps[number].losses["point"] for number in numbers]) for numbers in ([1, 2, 3], [58, 59, 60])
    )
    assert ended < 0.6 * began
    results = json.loads(Folder(tuned).metrics.read_text())
    stored = [row for row in reading.load(Folder(tuned).readings("test")) if row.reader == "pointing"]
    points = results["statements"]["point"]
    known = [row for row in stored if row.references]
    assert 0 < points["cases"] == len(known) < results["cases"]
    assert list(points["readers"]) == ["pointing"] and points["differences"] == {}
    distances = [math.dist(where(row.answer.said), where(row.references)) for row in known]
    figure = points["readers"]["pointing"]["distance"]
    assert figure["value"] == pytest.approx(np.mean(distances))
    assert figure["low"] < figure["value"] < figure["high"]
    card = Folder(tuned).card.read_text()
    assert (
        f"**Where it is ({len(known)} cases with a reference)**" in card
        and "| reader | Distance | Within a tenth |" in card
    )


@pytest.mark.slow
def test_a_run_that_points_opens_and_says_what_it_said(
    tuned: Path, spots: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = {
        row.case: row.answer.said for row in reading.load(Folder(tuned).readings("test")) if row.reader == "pointing"
    }
    pictures = [FilePixels(spots / name).load() for name in stored]
    export(tuned, tmp_path / "copy", is_merged=False)
    for folder in (tuned, tmp_path / "copy"):
        answers = read_pictures(open_run(folder), Asked(pictures), ["vlm", "pointing"])
        assert all(answer.said == () for answer in answers["vlm"])
        for answer, (said,) in zip(answers["pointing"], stored.values(), strict=True):
            (again,) = answer.said
            assert again.model_dump() == pytest.approx(said.model_dump(), abs=1e-5)
    name = next(iter(stored))
    assert main(["read", str(tuned), str(spots / name), "--json"]) == 0
    (read,) = json.loads(capsys.readouterr().out)["images"]
    assert read["readers"]["pointing"]["said"]["point"] == pytest.approx(stored[name][0].model_dump(), abs=1e-5)
    assert read["readers"]["vlm"]["said"] == {}
    assert main(["read", str(tuned), str(spots / name)]) == 0
    assert f"pointing, where it is: {stored[name][0].words()}" in capsys.readouterr().out


def whole_and_stopped(run: Run, folder: Path) -> list[dict[str, bytes]]:
    """The weights of a run that went through, and of one that was stopped on the way and resumed."""
    tune(run, folder / "whole")
    polls = iter([False, False, False, True])
    with pytest.raises(StoppedError):
        tune(run, folder / "stopped", is_stopped=lambda: next(polls))
    tune(run, folder / "stopped", is_resumed=True)
    return [run_files.weights(folder / name) for name in ("whole", "stopped")]


@pytest.mark.slow
def test_a_run_that_points_and_was_stopped_ends_with_the_same_weights(
    method: ModuleType, spots: Path, checkpoint: Path, tmp_path: Path
) -> None:
    run = settings(spots, checkpoint, steps=6)
    whole, stopped = whole_and_stopped(run, tmp_path)
    assert "heads.safetensors" in whole and whole == stopped


@pytest.mark.slow
def test_a_run_goes_on_with_the_boxes_that_it_began_with_only(
    method: ModuleType, spots: Path, checkpoint: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(spots, tmp_path / "spots")
    run = settings(copy, checkpoint, steps=6)
    polls = iter([False, True])
    with pytest.raises(StoppedError):
        tune(run, tmp_path / "run", is_stopped=lambda: next(polls))
    table = copy / "cases.csv"
    table.write_text(
        table.read_text().replace('""top"": 0.0', '""top"": 0.01', 1).replace('""left"": 0.0', '""left"": 0.01', 1)
    )
    with pytest.raises(RunError, match="images, labels, boxes, masks or texts have changed"):
        tune(run, tmp_path / "run", is_resumed=True)
    folder = Folder(tmp_path / "run")
    older = [{key: value for key, value in each.items() if key != "boxes"} for each in folder.sets()]
    folder.set.write_text(json.dumps({"sets": older}))
    tune(run, tmp_path / "run", is_resumed=True)


@pytest.mark.slow
def test_what_a_head_keeps_beside_its_weights_is_kept_with_them(
    method: ModuleType, spots: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def normed(hidden_size: int) -> Head:
        head = method.pointer(hidden_size)
        return Head(nn.Sequential(nn.BatchNorm1d(hidden_size), head.module), head._say)

    monkeypatch.setattr(method, "POINTER", HeadPlan("pointer", normed))
    monkeypatch.setattr(method, "POINTING", replace(method.POINTING, heads=(method.POINTER,)))
    run = settings(spots, checkpoint, steps=6)
    whole, stopped = whole_and_stopped(run, tmp_path)
    assert whole == stopped and "running_mean" in str(whole["heads.safetensors"][:400])


def test_a_head_that_says_what_cannot_be_ends_in_words(method: ModuleType) -> None:
    head = Head(nn.Identity(), lambda outputs: [method.Point(x=x, y=0) for x in outputs[:, 0].tolist()])

    def spoken(state: float) -> list[tuple[Statement, ...]]:
        question = Asking(Task(answers=("spot", "stripe")), ImageFeatures(torch.zeros(1, 1)))
        return _statements(tiny(), [question], Likelihoods([], torch.tensor([[state]]), [[()]]), [head])

    assert spoken(0.5) == [(method.Point(x=0.5, y=0),)]
    with pytest.raises(NumericError, match="Lower its learning rate"):
        spoken(float("nan"))


@pytest.mark.slow
def test_what_a_run_that_points_will_cost_can_be_told(method: ModuleType, spots: Path, checkpoint: Path) -> None:
    assert estimate(settings(spots, checkpoint))["steps"] == {"pointing": 60}


@pytest.mark.slow
@pytest.mark.parametrize("harm", ["missing", "damaged"])
def test_a_folder_without_its_heads_says_so(tuned: Path, tmp_path: Path, harm: str) -> None:
    copy = tmp_path / "copy"
    export(tuned, copy, is_merged=False)
    Folder(copy).heads.unlink() if harm == "missing" else Folder(copy).heads.write_bytes(b"no weights")
    with pytest.raises(ModelError, match="Copy the whole folder"):
        open_run(copy)


def case(name: str, box: Box | None) -> Case:
    return Case(name, FilePixels(Path(name)), ("a",), "test", patient=name[0], boxes=(box,) if box else ())


def test_figures_are_those_worked_out_by_hand_and_readers_are_compared_on_the_same_cases(
    method: ModuleType, tmp_path: Path
) -> None:
    task = Task(answers=("a", "b"))
    cases = [case("p1", Box("spot", 0.4, 0.4, 0.6, 0.6)), case("q1", Box("spot", 0, 0, 0.2, 0.2)), case("r1", None)]
    said = {"near": [(0.5, 0.5), (0.1, 0.15), (0, 0)], "far": [(0.5, 0.9), (0.4, 0.5), (0, 0)]}
    readings = [
        Reading.of(one, "spots", name, Answer((1.0, 0.0), said=(method.Point(x=x, y=y),)))
        for name, points in said.items()
        for one, (x, y) in zip(cases, points, strict=True)
    ]
    readings += [Reading.of(one, "spots", "mute", Answer((1.0, 0.0))) for one in cases]
    reading.save(readings, tmp_path / "test.parquet")
    assert reading.load(tmp_path / "test.parquet") == readings
    points = evaluate(readings, {"spots": task}, draws=50, seed=0)["statements"]["point"]
    assert points["cases"] == 2 and list(points["readers"]) == ["near", "far"]
    values = {name: {key: each["value"] for key, each in row.items()} for name, row in points["readers"].items()}
    assert values["near"] == pytest.approx({"distance": 0.025, "hits": 1.0})
    assert values["far"] == pytest.approx({"distance": 0.45, "hits": 0.0})
    assert points["differences"]["far - near"]["distance"]["value"] == pytest.approx(0.425)
    assert points["differences"]["far - near"]["hits"]["why"] == FEW
    told = table(evaluate(readings, {"spots": task}, draws=50, seed=0))
    assert "**Where it is (2 cases with a reference)**" in told and "| far | 0.450 (no interval: too few" in told
    unknown = evaluate([replace(row, references=()) for row in readings], {"spots": task}, draws=50, seed=0)
    assert unknown["statements"]["point"]["readers"] == {}


def test_a_mean_leaves_out_cases_without_a_number() -> None:
    figures = mean_of({"all": [1, 2, 6], "some": [1.0, float("nan"), 3.0], "none": [float("nan")] * 3})
    weights = np.array([[1, 0], [1, 2], [1, 1]], dtype=float)
    told = figures(weights)
    assert told["all"] == pytest.approx([3, 10 / 3])
    assert told["some"] == pytest.approx([2, 3])
    assert np.isnan(told["none"]).all()


def test_an_answer_with_a_statement_is_sent_and_received(method: ModuleType) -> None:
    answer = Answer((0.5, 0.5), said=(method.Point(x=0.25, y=0.5),))
    plain = json.loads(json.dumps(answer_to_plain(answer)))
    assert plain["said"] == {"point": {"x": 0.25, "y": 0.5}}
    assert answer_from_plain(plain) == answer and answer.statement(method.Point) == method.Point(x=0.25, y=0.5)
    assert Answer((1.0,)).statement(method.Point) is None
    for said, message in (({"aura": {}}, 'hold a "aura"'), ({"point": {"x": 2, "y": 0}}, "can't be read")):
        with pytest.raises(RunError, match=message):
            answer_from_plain(plain | {"said": said})


def test_a_point_is_drawn_as_a_cross_in_its_readers_colour(method: ModuleType) -> None:
    point = method.Point(x=0.25, y=0.5)
    across, down = overlay({READER: Answer((1.0,), said=(point,))})
    assert (across.tag, across.colour, across.title) == (
        "line",
        "#CC79A7",
        "pointing: 25% from the left, 50% from the top",
    )
    assert (across.numbers["x1"] + across.numbers["x2"]) / 2 == down.numbers["x1"] == 0.25
    assert [shape.colour for shape in overlay({}, (point,))] == ["#FFFFFF"] * 2
    assert all(isinstance(shape, Shape) for shape in overlay({}, (point,)))


def test_what_nobody_draws_is_drawn_as_nothing(method: ModuleType) -> None:
    class Whisper(method.Point):  # type: ignore[name-defined,misc]
        KIND = "whisper"

    assert drawn(Whisper(x=0, y=0), "#000000", "x") == []

"""Runs whose TSM sees through the VLM: it learns from the kept features, and is read, plugged, searched like others."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import StoppedError
from core.events import FeaturesEncoded
from core.pictures.pixels import FilePixels
from core.readings import reading
from core.runs.estimate import estimate
from core.runs.export import export
from core.runs.folder import Folder
from core.runs.opened import Asked, open_run, read_pictures
from core.runs.plug import plug
from core.runs.runfile import Run, make_run
from core.runs.tune import tune
from core.suspects import Settings, search
from tests import run_files

pytestmark = pytest.mark.slow


def seeing(images: Path, checkpoint: Path, name: str, **method: object) -> Run:
    values = run_files.values(images, checkpoint, training={"steps": 2})
    tsm = {"name": name, "batch_size": 10, "least_steps": 60, "learning_rate": 0.02}
    return make_run(values | {"tsm": tsm, "method": {"name": "vitask", "baseline": False, **method}})


@pytest.fixture(scope="module")
def tuned(images: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "seeing"
    tune(seeing(images, checkpoint, "vlm_mlp", exemplars_of_training="out_of_sample"), out)
    return out


def test_it_learns_and_is_read_from_the_folder_and_the_export_as_in_the_run(
    tuned: Path, images: Path, tmp_path: Path
) -> None:
    export(tuned, tmp_path / "copy", is_merged=False)
    for name in ("tsm", "vitask+tsm"):
        rows = reading.load(Folder(tuned).readings("test"))
        stored = {row.case: row.answer.probabilities for row in rows if row.reader == name}
        pictures = [FilePixels(images / case).load() for case in stored]
        for folder in (tuned, tmp_path / "copy"):
            answers = read_pictures(open_run(folder), Asked(pictures), [name])[name]
            for answer, kept in zip(answers, stored.values(), strict=True):
                assert answer.probabilities == pytest.approx(kept, abs=1e-3)
    right = [row.answer.probabilities for row in rows if row.reader == "tsm"]
    assert sum(max(each) > 0.5 for each in right) > len(right) / 2


@pytest.mark.parametrize("connector", ["kept", "trained"])
def test_it_gives_place_to_another_and_takes_one_over(tuned: Path, tmp_path: Path, connector: str) -> None:
    plug(tuned, "vlm_mlp" if connector == "kept" else "vlm_linear", tmp_path / "new")
    assert f'"connector": "{connector}"' in (tmp_path / "new" / "events.jsonl").read_text().replace('":"', '": "')
    assert "tsm" in plug(tuned, str(Folder(tmp_path / "new").tsm(0)), tmp_path / "again")["readers"]


def test_every_picture_is_encoded_once_and_a_stopped_run_goes_on_to_the_same_bytes(
    images: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITASK_CACHE", str(tmp_path / "cache"))
    run = seeing(images, checkpoint, "vlm_linear")
    tune(run, tmp_path / "whole")
    encoded = [event for event in run_files.events(tmp_path / "whole") if isinstance(event, FeaturesEncoded)]
    assert sum(event.done == event.whole for event in encoded) == 1
    polls = iter([False] * 20 + [True])
    with pytest.raises(StoppedError):
        tune(run, tmp_path / "stopped", is_stopped=lambda: next(polls))
    tune(run, tmp_path / "stopped", is_resumed=True)
    whole, stopped = (run_files.weights(tmp_path / name) for name in ("whole", "stopped"))
    assert "tsm/model.safetensors" in whole and whole == stopped


def test_its_cost_is_estimated_and_labels_are_searched_with_it(images: Path, checkpoint: Path, tmp_path: Path) -> None:
    run = seeing(images, checkpoint, "vlm_linear")
    assert estimate(run)["parts"]["tsm"] > 0
    ranked = search(run, Settings(folds=2, rounds=2), tmp_path / "out")
    assert len(ranked.suspects) == 42

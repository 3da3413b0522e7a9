"""A run that makes cases findable: from its file to its index, by words, by an image, by the command."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from core.cli.main import main
from core.errors import CoreError, DataError, RunError, SettingsError, StoppedError
from core.pictures.pixels import FilePixels
from core.readings import reading
from core.readings.nearest import load_index
from core.readings.probe_figures import probes_as_markdown
from core.runs.estimate import estimate
from core.runs.export import export
from core.runs.folder import Folder
from core.runs.index import searchable
from core.runs.opened import Asked, open_run, read_pictures
from core.runs.plug import plug
from core.runs.probes import probe
from core.runs.runfile import Run, make_run
from core.runs.tune import tune
from tests import run_files

pytestmark = pytest.mark.slow


def settings(images: Path, checkpoint: Path, steps: int = 60, **method: object) -> Run:
    training = {"steps": steps, "batch_size": 8, "evaluate_every": 30, "learning_rate": 0.003}
    values = run_files.values(images, checkpoint, tsm=[], training=training)
    return make_run(values | {"method": {"name": "discriminative", **method}})


@pytest.fixture(scope="module")
def tuned(images: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "searchable"
    tune(settings(images, checkpoint), out)
    return out


def test_it_learns_and_its_index_holds_every_case(tuned: Path) -> None:
    steps = run_files.steps(tuned, "pairs")
    began, ended = (np.mean([steps[n].losses["pair"] for n in numbers]) for numbers in ((1, 2, 3), (58, 59, 60)))
    assert ended < 0.7 * began
    index = load_index(Folder(tuned).index)
    assert len(index.indexed) == 42 and {each.split for each in index.indexed} == {"train", "val", "test"}
    assert np.linalg.norm(index.vectors, axis=1) == pytest.approx(np.ones(42), abs=1e-5)


def test_recall_both_ways_is_measured_and_told_in_the_card(tuned: Path) -> None:
    results = json.loads(Folder(tuned).metrics.read_text())
    retrieval = results["statements"]["retrieval"]
    figures = retrieval["readers"]["embedding"]
    assert retrieval["cases"] == results["cases"]
    for name in retrieval["titles"]:
        assert 0 <= figures[name]["low"] <= figures[name]["value"] <= figures[name]["high"] <= 1
    assert figures["picture_to_caption_1"]["value"] > 0.5  # a third by chance
    assert figures["picture_to_caption_1"]["value"] == pytest.approx(
        results["readers"]["embedding"]["accuracy"]["value"]
    )  # captions are the answers' names here, so the nearest caption is the answer
    assert "Finding captions and pictures" in Folder(tuned).card.read_text()


def test_the_reader_answers_by_cosine_and_writes_nothing(tuned: Path, images: Path) -> None:
    stored = [row for row in reading.load(Folder(tuned).readings("test")) if row.reader == "embedding"]
    assert all(row.answer.text is None and row.answer.token_log_likelihoods == () for row in stored)
    opened = open_run(tuned)
    pictures = [FilePixels(images / row.case).load() for row in stored]
    answers = read_pictures(opened, Asked(pictures, free_text=True), ["vlm", "embedding"])
    for row, answer, vlm in zip(stored, answers["embedding"], answers["vlm"], strict=True):
        assert answer.probabilities == pytest.approx(row.answer.probabilities, abs=1e-5)
        assert sum(answer.probabilities) == pytest.approx(1)
        assert answer.text is None and vlm.text is not None


def test_reading_says_by_what_its_probabilities_are_calibrated(
    tuned: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = str(next((images / "light").iterdir()))
    assert main(["read", str(tuned), picture]) == 0
    assert "not calibrated, but those of embedding by its learned temperature." in capsys.readouterr().out
    assert main(["read", str(tuned), picture, "--readers", "vlm"]) == 0
    assert "not calibrated. Research" in capsys.readouterr().out


def test_words_and_pictures_find_what_they_are_like(tuned: Path, images: Path) -> None:
    search = searchable(open_run(tuned))
    for answer in ("dark", "light"):
        near = search.index.nearest(search.of_words(answer), 5)
        assert sum(each.indexed.labels == (answer,) for each in near) >= 4
    own = search.index.indexed[3]
    (first, *_) = search.index.nearest(search.of_picture(FilePixels(images / own.case).load()), 3)
    assert first.indexed == own and first.cosine == pytest.approx(1, abs=1e-4)
    for words in ("", "  "):
        with pytest.raises(SettingsError, match="No words were given"):
            search.of_words(words)
    with pytest.raises(SettingsError, match="sees 512 at once"):
        search.of_words("very dark " * 2000)


def test_a_missing_index_is_made_anew_and_the_same(tuned: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tuned, tmp_path / "copy")
    before = load_index(Folder(copy).index)
    Folder(copy).index.unlink()
    search = searchable(open_run(copy))
    assert search.index.indexed == before.indexed
    np.testing.assert_allclose(search.index.vectors, before.vectors, atol=1e-5)
    assert Folder(copy).index.is_file()


def test_the_command_finds_by_words_and_by_an_image(
    tuned: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["find", str(tuned), "dark", "--most", "4", "--split", "test,val", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["by"] == "words" and len(printed["cases"]) == 4
    assert {case["split"] for case in printed["cases"]} <= {"test", "val"}
    assert [case["cosine"] for case in printed["cases"]] == sorted(
        (c["cosine"] for c in printed["cases"]), reverse=True
    )
    picture = next((images / "light").iterdir())
    assert main(["find", str(tuned), str(picture), "--most", "1"]) == 0
    assert f"light/{picture.name}" in capsys.readouterr().out
    for arguments, message in (
        (["nowhere.png"], "no picture at nowhere.png"),
        (["dark", "--most", "0"], "between 1 and"),
        (["dark", "--split", "all"], 'no split called "all"'),
    ):
        assert main(["find", str(tuned), *arguments]) == 2
        assert message in capsys.readouterr().err


def test_sets_of_a_joint_run_are_measured_apart_and_several_labels_are_answered_one_by_one(
    images: Path, checkpoint: Path, tmp_path: Path
) -> None:
    spots = run_files.draw_multi(tmp_path / "spots")
    training = {"steps": 2, "batch_size": 8}
    values = run_files.values([images, spots], checkpoint, tsm=[], training=training)
    run = make_run(values | {"method": {"name": "discriminative", "captions": "attributes"}})
    results = tune(run, tmp_path / "joint")
    for name in ("shades", "spots"):
        of_set = results["sets"][name]
        assert of_set["statements"]["retrieval"]["cases"] == of_set["cases"] > 0
    rows = [row for row in reading.load(Folder(tmp_path / "joint").readings("test")) if row.set == "spots"]
    likely = [row.answer.probabilities for row in rows if row.reader == "embedding"]
    assert likely and all(0 < p < 1 for row in likely for p in row)
    index = load_index(Folder(tmp_path / "joint").index)
    assert {each.set for each in index.indexed} == {"shades", "spots"}


def test_a_run_of_another_method_says_that_it_cannot_be_searched(finished: Path) -> None:
    with pytest.raises(RunError, match=r"can't be searched: its method \(VITask\) makes no index"):
        searchable(open_run(finished))


def test_it_is_probed_by_cosine_and_asked_no_questions(tuned: Path, tmp_path: Path) -> None:
    probes = probe(open_run(shutil.copytree(tuned, tmp_path / "run")), most=4)
    (of_set,) = probes["sets"].values()
    composition, presence = of_set["composition"], of_set["presence"]
    assert list(composition["readers"]) == list(composition["blind"]) == ["vlm", "embedding"]
    assert composition["pairs"]["negation"] == 8 and list(presence["readers"]) == ["vlm"]
    assert "| embedding |" in probes_as_markdown(probes)


def test_an_exported_run_names_no_case_and_is_searched_where_its_images_are(
    tuned: Path, images: Path, tmp_path: Path
) -> None:
    export(tuned, tmp_path / "copy", is_merged=False)
    assert not Folder(tmp_path / "copy").index.exists(), "it names cases and their patients"
    search = searchable(open_run(tmp_path / "copy"), images=str(images))
    assert search.index.nearest(search.of_words("dark"), 1)[0].indexed.labels == ("dark",)


@pytest.mark.parametrize("micro", [8, 3])
def test_a_run_that_was_stopped_ends_with_the_same_weights(
    micro: int, images: Path, checkpoint: Path, tmp_path: Path
) -> None:
    training = {"steps": 6, "batch_size": 8, "micro_batch_size": micro, "evaluate_every": 3, "checkpoint_every": 2}
    values = run_files.values(images, checkpoint, tsm=[], training=training, lora={"dropout": 0.2})
    run = make_run(values | {"method": {"name": "discriminative"}})
    tune(run, tmp_path / "whole")
    polls = iter([False, False, False, True])
    with pytest.raises(StoppedError):
        tune(run, tmp_path / "stopped", is_stopped=lambda: next(polls))
    tune(run, tmp_path / "stopped", is_resumed=True)
    whole, stopped = (run_files.weights(tmp_path / name) for name in ("whole", "stopped"))
    assert {"heads.safetensors", "index.safetensors"} <= whole.keys() and whole == stopped


def test_its_cost_is_estimated_and_no_tsm_is_plugged_in(
    images: Path, checkpoint: Path, tuned: Path, tmp_path: Path
) -> None:
    cost = estimate(settings(images, checkpoint, steps=10))
    assert cost["steps"] == {"pairs": 10} and cost["parts"]["index"] > 0
    with pytest.raises(CoreError, match="exemplar"):
        plug(tuned, "convnet", tmp_path / "plugged")


def test_captions_that_fit_nowhere_are_refused_before_anything_begins(
    images: Path, checkpoint: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match='have no column "words" for captions'):
        tune(settings(images, checkpoint, captions="column", caption_column="words"), tmp_path / "none")
    with pytest.raises(SettingsError, match="need its name; give caption_column"):
        settings(images, checkpoint, captions="column")
    assert not (tmp_path / "none").exists()


def test_a_run_goes_on_with_the_captions_that_it_began_with_only(checkpoint: Path, tmp_path: Path) -> None:
    table = run_files.draw_multi(tmp_path / "spots") / "cases.csv"
    head, *rows = table.read_text().splitlines()
    table.write_text("\n".join([f"{head},report", *(f"{row},A drawn picture." for row in rows)]) + "\n")
    run = settings(tmp_path / "spots", checkpoint, steps=2, captions="report", next_token=False)
    polls = iter([True])
    with pytest.raises(StoppedError):
        tune(run, tmp_path / "run", is_stopped=lambda: next(polls))
    written = table.read_text()
    table.write_text(written.replace("A drawn picture.", "A picture of something else.", 1))
    with pytest.raises(RunError, match="masks or texts have changed"):
        tune(run, tmp_path / "run", is_resumed=True)
    table.write_text(written)
    tune(run, tmp_path / "run", is_resumed=True)

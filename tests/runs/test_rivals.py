"""Simple rivals of a run: who they are, what they may look at, what is kept of them, and that they answer again."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load_file, save_file

from core.errors import ModelError, RunError
from core.readings import reading, taught
from core.readings.linear import Labelled
from core.readings.linear import choose as choose_head
from core.readings.reader import readers_from_plain
from core.readings.reading import Reading
from core.readings.rivals import MEAN, NAMES, ON_BOTH, ON_CONNECTOR, RUNGS, rival_readers
from core.readings.taught import Seen, Some, Taught, teach
from core.runs.folder import Folder
from core.runs.opened import Asked, open_run, read_cases, read_pictures
from core.runs.prepare import open_images
from core.runs.tune import tune
from core.sources.vlm import NOT_TUNED
from tests import run_files

QUICK = ["knn", "probe-connector", "tsm+probe", "tsm-probe-mean"]


def some(cases: int, seed: int, flip: float = 0.0) -> Some:
    """Cases of two labels; a TSM that is right, but for a share of them."""
    noise = np.random.default_rng(seed)
    labels = noise.integers(2, size=cases)
    features = noise.normal(size=(cases, 6)).astype(np.float32)
    features[:, 0] += 2 * labels
    answers = np.where(noise.random(cases) < flip, 1 - labels, labels)
    likely = np.where(answers == 1, 0.8, 0.2)
    seen: Seen = {"connector": features, "tsm": features[:, :2] + 1}
    return Some(seen, np.eye(2)[labels], np.stack([1 - likely, likely], axis=1))


def test_nothing_but_training_and_validation_cases_is_looked_at() -> None:
    learned, validated = some(60, 0), some(40, 1, flip=0.1)
    of_set = teach(learned, validated, "single", QUICK)
    head = of_set.heads["probe-connector"]
    alone, ridge = choose_head(
        Labelled(learned.seen["connector"], learned.hot),
        Labelled(validated.seen["connector"], validated.hot),
        "single",
        [6],
    )
    assert (head.weights == alone.weights).all() and of_set.ridges["probe-connector"] == ridge
    assert of_set.heads["tsm+probe"].weights.shape == (8, 2)
    tsm = validated.tsm
    assert tsm is not None
    of_head = head.probabilities(validated.seen["connector"], "single")
    losses = {
        step / 20: -np.log((validated.hot * (step / 20 * tsm + (1 - step / 20) * of_head)).sum(1)).mean()
        for step in range(21)
    }
    assert of_set.tsm_weight == min(losses, key=lambda weight: losses[weight])
    assert 0 < of_set.tsm_weight < 1, "or this shows nothing"


def test_the_mean_is_that_of_the_tsm_and_the_head_with_the_kept_weight() -> None:
    of_set = replace(teach(some(60, 0), some(40, 1), "single", QUICK), tsm_weight=0.25)
    shown = some(5, 2)
    answers = of_set.answers(shown.seen, "single", shown.tsm, ["probe-connector", "tsm-probe-mean"])
    assert shown.tsm is not None and list(answers) == ["probe-connector", "tsm-probe-mean"]
    assert answers["tsm-probe-mean"] == pytest.approx(0.25 * shown.tsm + 0.75 * answers["probe-connector"])
    assert list(of_set.answers(shown.seen, "single", shown.tsm, ["tsm-probe-mean"])) == ["tsm-probe-mean"]


@pytest.mark.parametrize("kind", ["single", "multi"])
def test_what_they_learned_is_kept_to_the_bit(kind: object, tmp_path: Path) -> None:
    file, shown = tmp_path / "rivals.safetensors", some(9, 3)
    of_sets = [teach(some(60, 0), some(40, 1), kind, QUICK), teach(some(30, 5), some(20, 6), kind, ["knn"])]  # type: ignore[arg-type]
    taught.save(of_sets, file)
    first, second = taught.load(file, [2, 2])
    assert (first.names, second.names) == (tuple(QUICK), ("knn",))
    for kept, made in zip((first, second), of_sets, strict=True):
        before, after = (each.answers(shown.seen, kind, shown.tsm, NAMES) for each in (made, kept))  # type: ignore[arg-type]
        assert all((before[name] == after[name]).all() for name in before) and before.keys() == after.keys()
    assert first.ridges == of_sets[0].ridges and first.tsm_weight == of_sets[0].tsm_weight
    file.write_bytes(b"no tensors")
    with pytest.raises(ModelError, match="can't be read"):
        taught.load(file, [2, 2])


MISFITS: dict[str, tuple[str, NDArray[np.generic] | None]] = {
    "a set that the run has not": ("1/knn/heard", np.array([1])),
    "a set far beyond": ("1000000000/knn/heard", np.array([1])),
    "a set that is no number": ("x/knn/heard", np.array([1])),
    "no set": ("knn", np.array([1])),
    "a number in no list": ("0/knn/heard", np.array(3)),
    "nobody heard": ("0/knn/heard", np.array([0])),
    "more heard than there are": ("0/knn/heard", np.array([61])),
    "fewer labels than voters": ("0/knn/hot", np.zeros((3, 2), np.uint8)),
    "labels gone": ("0/knn/hot", None),
    "a head of other features": ("0/probe-connector/weights", np.zeros((5, 2))),
    "a head of other answers": ("0/probe-connector/intercept", np.zeros(3)),
    "what is no number": ("0/probe-connector/centre", np.full(6, np.nan)),
    "a weight of no mean": ("0/tsm-probe-mean/weight", np.array([50.0])),
    "a mean of a head that is gone": ("0/probe-connector/ridge", None),
}


@pytest.mark.parametrize(("name", "array"), MISFITS.values(), ids=MISFITS)
def test_what_does_not_fit_together_is_refused_in_our_words(
    name: str, array: NDArray[np.generic] | None, tmp_path: Path
) -> None:
    """The folder of a run may come from elsewhere, or have been copied half."""
    file = tmp_path / "rivals.safetensors"
    taught.save([teach(some(60, 0), some(40, 1), "single", QUICK)], file)
    arrays = load_file(file)
    arrays.pop(name, None)
    save_file(arrays if array is None else arrays | {name: array}, file)
    with pytest.raises(RunError, match=r"rivals\.safetensors (can't be used|lacks) .*Copy the whole folder of the run"):
        taught.load(file, [2])


def test_rivals_of_another_task_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "rivals.safetensors"
    taught.save([teach(some(60, 0), some(40, 1), "single", QUICK)], file)
    with pytest.raises(RunError, match="can't be used"):
        taught.load(file, [3])


def test_without_a_tsm_none_takes_what_one_knows() -> None:
    assert [reader.name for reader in rival_readers("quick", has_tsm=False)] == ["knn", "probe-connector"]
    assert [reader.name for reader in rival_readers("quick", has_tsm=True)] == QUICK
    ladder = [reader.name for reader in rival_readers("ladder", has_tsm=True)]
    assert ladder == list(NAMES) and rival_readers("none", has_tsm=True) == ()
    assert all(reader.about and reader.group == "simple" for reader in rival_readers("ladder", has_tsm=True))
    assert {ON_BOTH.needs_tsm, MEAN.needs_tsm} == {True} and not ON_CONNECTOR.needs_tsm


def test_rivals_are_no_evidence_of_a_tuned_vlm() -> None:
    assert set(NOT_TUNED) >= {*NAMES, "vlm", "fusion"}


def test_readers_of_runs_from_before_groups_stand_in_theirs() -> None:
    rows = [{"name": name, "title": name, "colour": "#000000"} for name in ("tsm", "tsm-2", "vlm", "vanilla", "fusion")]
    groups = [reader.group for reader in readers_from_plain([*rows])]
    assert groups == ["simple", "simple", "untuned", "tuned", "tuned"]


def rows_of(folder: Path, split: str) -> dict[str, list[Reading]]:
    by_reader: dict[str, list[Reading]] = {}
    for each in reading.load(Folder(folder).readings(split)):
        by_reader.setdefault(each.reader, []).append(each)
    return by_reader


def test_every_run_has_them_with_whole_distributions_and_figures(finished: Path) -> None:
    for split, count in (("val", 6), ("test", 6)):
        by_reader = rows_of(finished, split)
        assert list(by_reader)[:5] == ["tsm", *QUICK]
        for name in QUICK:
            assert len(by_reader[name]) == count and [row.case for row in by_reader[name]] == [
                row.case for row in by_reader["tsm"]
            ]
            assert all(sum(row.answer.probabilities) == pytest.approx(1) for row in by_reader[name])
    figures = json.loads((finished / "metrics.json").read_text())
    assert {*QUICK} <= figures["readers"].keys() and "vitask - probe-connector" in figures["differences"]
    assert figures["readers"]["probe-connector"]["macro_f1"]["low"] is not None
    groups = {row["name"]: row["group"] for row in figures["reader_list"]}
    assert groups["knn"] == "simple" and groups["vlm"] == "untuned" and groups["vitask"] == "tuned"
    assert "Simple rivals on shades, chosen on validation cases: ridge" in (finished / "card.md").read_text()


def test_a_finished_run_answers_with_them_again_and_about_other_pictures(finished: Path, images: Path) -> None:
    opened = open_run(finished)
    stored = {name: rows_of(finished, "test")[name][0] for name in QUICK}
    picture = Image.open(images / stored["knn"].case)
    for name, (again,) in read_pictures(opened, Asked([picture]), QUICK).items():
        assert again.probabilities == pytest.approx(stored[name].answer.probabilities, abs=1e-4)
    cases = open_images(opened.run).sets[0].of("train")[:3]
    assert {each.reader for each in read_cases(opened, cases, "shades", Asked(()))} == set(opened.reader_names)


def test_a_run_from_before_them_opens_without_them(finished: Path, images: Path, tmp_path: Path) -> None:
    older = shutil.copytree(finished, tmp_path / "older")
    (older / "rivals.safetensors").unlink()
    settings = yaml.safe_load((older / "settings.yaml").read_text())
    del settings["reading"]["rivals"]
    (older / "settings.yaml").write_text(yaml.safe_dump(settings))
    opened = open_run(older)
    assert list(opened.reader_names) == ["tsm", "vlm", "vanilla", "vitask", "vitask+tsm"]
    picture = Image.open(images / "dark" / "0.png")
    assert set(read_pictures(opened, Asked([picture]), opened.reader_names)) == set(opened.reader_names)


@pytest.mark.slow
def test_labels_of_test_cases_change_nothing_that_was_learned_or_chosen(
    images: Path, checkpoint: Path, finished: Path, tmp_path: Path
) -> None:
    """The same pictures in the same splits, where every test case has another's label."""
    turned = run_files.ANSWERS[1:] + run_files.ANSWERS[:1]
    rows = ["image,label,split"]
    for case in open_images(run_files.run(images, checkpoint)).sets[0].cases:
        label = case.labels[0]
        other = turned[run_files.ANSWERS.index(label)] if case.split == "test" else label
        rows.append(f"images/{case.id},{other},{case.split}")
    for name in ("straight", "turned"):
        folder = tmp_path / name
        shutil.copytree(images, folder / "images")
        lines = rows if name == "turned" else [rows[0], *(_straight(row) for row in rows[1:])]
        (folder / "cases.csv").write_text("\n".join(lines) + "\n")
        task = {"answers": list(run_files.ANSWERS), "modality": "medical"}
        (folder / "task.yaml").write_text(yaml.safe_dump(task))
        settings = run_files.run(folder, checkpoint, method={"name": "vanilla"}, training={"steps": 1})
        tune(settings, tmp_path / f"run-{name}")
    before, after = (load_file(tmp_path / f"run-{name}" / "rivals.safetensors") for name in ("straight", "turned"))
    assert before.keys() == after.keys() and all((before[name] == after[name]).all() for name in before)


def _straight(row: str) -> str:
    image, _, split = row.split(",")
    label = image.split("/")[1].replace("_", " ")
    return f"{image},{label},{split}"


@pytest.mark.slow
def test_several_labels_and_the_whole_ladder(checkpoint: Path, tmp_path: Path) -> None:
    images = run_files.draw_multi(tmp_path / "spots", count=60)
    tune(run_files.run(images, checkpoint, reading={"rivals": "ladder"}, method={"name": "vanilla"}), tmp_path / "run")
    by_reader = rows_of(tmp_path / "run", "test")
    assert set(NAMES) < by_reader.keys()
    opened = open_run(tmp_path / "run")
    kept: Taught = opened.rivals[0]
    assert kept.heads.keys() == RUNGS.keys()
    pictures = [Image.open(images / "images" / Path(row.case).name) for row in by_reader["knn"]]
    answers = read_pictures(opened, Asked(pictures), NAMES)
    for name in NAMES:
        of_reader = [row.answer.probabilities for row in by_reader[name]]
        assert [each.probabilities for each in answers[name]] == [
            pytest.approx(likely, abs=1e-3) for likely in of_reader
        ]
        assert all(0 <= p <= 1 for likely in of_reader for p in likely)


@pytest.mark.slow
def test_a_run_says_why_it_has_none(images: Path, checkpoint: Path, tmp_path: Path) -> None:
    few = run_files.run(images, checkpoint, method={"name": "vanilla"}, limit={"train": 9}, tsm=[])
    figures = tune(few, tmp_path / "few")
    assert "9 training" in figures["left_out"][0] and list(figures["readers"]) == ["vlm", "vanilla"]
    unkept = run_files.run(images, checkpoint, method={"name": "vanilla"}, features={"budget_gib": 0}, tsm=[])
    figures = tune(unkept, tmp_path / "unkept")
    assert "features.budget_gib" in figures["left_out"][0] and list(figures["readers"]) == ["vlm", "vanilla"]
    assert "features.budget_gib" in (tmp_path / "unkept" / "card.md").read_text()
    changing = {"name": "vanilla", "tune_vlm_connector": True}
    figures = tune(run_files.run(images, checkpoint, method=changing, tsm=[]), tmp_path / "changing")
    assert figures["left_out"][0].endswith("They change while it learns: set reading.rivals to ladder.")
    without = run_files.run(images, checkpoint, method={"name": "vanilla"}, tsm=[])
    figures = tune(without, tmp_path / "without")
    assert "no TSM" in figures["left_out"][0] and list(figures["readers"]) == [
        "knn",
        "probe-connector",
        "vlm",
        "vanilla",
    ]

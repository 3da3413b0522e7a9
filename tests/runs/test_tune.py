"""Whole runs on drawn pictures: everything that a run's folder promises, what is refused, and what a resume repeats."""

from __future__ import annotations

import getpass
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from core.cli.main import main
from core.errors import CoreError, DataError, ModelError, RunError, SettingsError, StoppedError
from core.events import Done, Sharing, StageDone, Step
from core.readings import reading
from core.readings.calibration import calibrations_of
from core.runs.folder import Folder, begin
from core.runs.opened import Asked, open_run, read_pictures
from core.runs.prepare import open_images
from core.runs.runfile import make_run, read_run, with_own_precision
from core.runs.tune import tune
from tests import run_files

SIMPLE = ["tsm", "knn", "probe-connector", "tsm+probe", "tsm-probe-mean"]
READERS = [*SIMPLE, "vlm", "vanilla", "vitask", "vitask+tsm"]


@pytest.fixture(scope="module")
def finished(arithmetic: str, images: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One uninterrupted run in either arithmetic."""
    out = tmp_path_factory.mktemp("runs") / arithmetic
    with run_files.calibrated_on_few():
        tune(run_files.run(images, checkpoint), out)
    return out


def test_a_run_is_made_in_the_arithmetic_of_the_machine(arithmetic: str, finished: Path) -> None:
    kept = make_run(yaml.safe_load((finished / "settings.yaml").read_text()))
    assert kept.settings.training.precision == arithmetic
    assert kept.vlm.dtype == {"fp32": "float32", "bf16": "bfloat16"}[arithmetic]
    assert open_run(finished).tuned.vlm.base.dtype == {"fp32": torch.float32, "bf16": torch.bfloat16}[arithmetic]


def test_the_end_of_a_run_tells_its_seconds_and_the_most_memory_it_held(finished: Path) -> None:
    *others, done = run_files.events(finished)
    stages = [event for event in others if isinstance(event, StageDone)]
    assert isinstance(done, Done) and (done.seconds or 0) > sum(event.seconds or 0 for event in stages) > 0
    assert (done.peak_memory_gib or 0) >= max(event.peak_memory_gib or 0 for event in stages) > 0


def test_a_runs_folder_holds_all_that_is_promised(finished: Path) -> None:
    names = {str(path.relative_to(finished)) for path in finished.rglob("*") if path.is_file()}
    assert names >= {
        "settings.yaml",
        "set.json",
        "environment.json",
        "events.jsonl",
        "sharing.json",
        "adapter/adapter_config.json",
        "adapter/adapter_model.safetensors",
        "adapter-vanilla/adapter_model.safetensors",
        "connector.safetensors",
        "tsm/model.safetensors",
        "readings/val.parquet",
        "readings/test.parquet",
        "metrics.json",
        "card.md",
    }
    assert not [name for name in names if name.endswith((".part", ".bin", ".pt", ".pkl", ".pth"))]


def test_the_card_tells_what_splits_have_in_common(finished: Path) -> None:
    sentences = Folder(finished).card.read_text().split("## In several splits or sets\n\n")[1].splitlines()[:3]
    assert sentences[:2] == [
        "- The same picture in more than one split: none found.",
        "- Almost the same picture in more than one split: none found.",
    ]
    assert sentences[2].endswith("not looked for, since no case names its patient.")


def test_every_reader_answers_every_case_with_a_distribution(finished: Path) -> None:
    for split in ("val", "test"):
        read = reading.load(Folder(finished).readings(split))
        assert list(dict.fromkeys(one.reader for one in read)) == READERS
        cases = {name: [one.case for one in read if one.reader == name] for name in READERS}
        assert all(found == cases["tsm"] for found in cases.values())
        for one in read:
            assert sum(one.answer.probabilities) == pytest.approx(1, abs=1e-6)
            assert one.split == split and one.set == "shades" and one.labels[0] in run_files.ANSWERS


def test_the_untuned_model_is_shown_a_blank_picture_too_and_its_answers_are_scored_against_it(finished: Path) -> None:
    read = reading.load(Folder(finished).readings("test"))
    of_reader = {name: {row.answer.blank for row in read if row.reader == name} for name in READERS}
    (blank,) = of_reader.pop("vlm")
    assert len(blank) == len(run_files.ANSWERS) and max(blank) < 0
    assert set.union(*of_reader.values()) == {()}
    scored = json.loads((finished / "metrics.json").read_text())["other_scores"]
    assert list(scored) == ["vlm"] and scored["vlm"].keys() == {"length_normalised", "pmi"}
    assert "| vlm (PMI) |" in Folder(finished).card.read_text()


def test_probabilities_follow_from_the_stored_log_likelihoods_of_tokens(finished: Path) -> None:
    told = [one for one in reading.load(Folder(finished).readings("test")) if one.reader == "vitask+tsm"]
    for one in told:
        scores = np.exp([sum(tokens) for tokens in one.answer.token_log_likelihoods])
        np.testing.assert_allclose(one.answer.probabilities, scores / scores.sum(), rtol=1e-4)


def test_metrics_hold_each_figure_with_its_interval(finished: Path) -> None:
    told = json.loads((finished / "metrics.json").read_text())
    assert list(told["readers"]) == READERS
    assert told["made_for"] == {"reader": "vitask+tsm", "baseline": "vanilla"}
    assert [(one["name"], one["needs_tsm"], one["sees_exemplar"]) for one in told["reader_list"]] == [
        ("tsm", True, False),
        ("knn", False, False),
        ("probe-connector", False, False),
        ("tsm+probe", True, False),
        ("tsm-probe-mean", True, False),
        ("vlm", False, False),
        ("vanilla", False, False),
        ("vitask", False, False),
        ("vitask+tsm", True, True),
    ]
    assert told["cases"] == len(reading.load(Folder(finished).readings("test"))) // len(READERS)
    for figures in told["readers"].values():
        assert figures.keys() >= {"accuracy", "macro_f1", "auroc", "log_loss"}
        assert figures["accuracy"].keys() == {"value", "low", "high"}
    assert told["free_text"]["vitask"]["cases"] == 2
    written = [one.labels for one in reading.load(Folder(finished).readings("test")) if one.answer.text is not None]
    assert set(written) == {("dark",), ("light scar",)}, "the first and the last of a list that is sorted by class"


def test_temperatures_are_those_of_the_validation_cases_and_measured_on_the_test_cases(finished: Path) -> None:
    folder = Folder(finished)
    kept = json.loads(folder.metrics.read_text())["calibration"]
    with run_files.calibrated_on_few():
        (learned,) = calibrations_of(reading.load(folder.readings("val")), folder.tasks()).values()
    assert list(kept) == list(learned) == READERS
    for reader, row in kept.items():
        assert row["temperature"] == pytest.approx(learned[reader].temperature)
        assert row["raw"]["log_loss"]["value"] == pytest.approx(
            json.loads(folder.metrics.read_text())["readers"][reader]["log_loss"]["value"]
        )
        assert (
            sum(each["count"] for each in row["bins"]["calibrated"]) == json.loads(folder.metrics.read_text())["cases"]
        )
    assert "**Raw and calibrated: one temperature a reader" in folder.card.read_text(encoding="utf-8")


def test_the_card_and_the_figures_name_every_difference_from_the_print(finished: Path) -> None:
    departures = json.loads((finished / "metrics.json").read_text())["departures"]
    assert [sentence.partition(";")[0] for sentence in departures] == [
        "One schedule of the learning rate ran over both stages",
        "Of each stage the weights with the best macro F1 on validation cases were kept",
    ]
    card = Folder(finished).card.read_text(encoding="utf-8")
    assert all(f"- {sentence}\n" in card for sentence in departures)


def test_events_tell_every_loss_of_every_stage_and_the_log_of_the_vocabulary(finished: Path, checkpoint: Path) -> None:
    expected = {"vanilla": {"van"}, "stage-1": {"van", "ep", "rda"}, "stage-2": {"van", "ep", "rda", "crt"}}
    for stage, terms in expected.items():
        found = run_files.steps(finished, stage)
        assert sorted(found) == list(range(1, 5 if stage == "vanilla" else 3))
        assert all(step.losses.keys() == terms for step in found.values())
        assert {step.paired_share for step in found.values()} == {1.0 if "crt" in terms else None}
    vocabulary = json.loads((checkpoint / "config.json").read_text())["text_config"]["vocab_size"]
    assert run_files.steps(finished, "stage-2")[1].facts["ln_vocabulary"] == pytest.approx(np.log(vocabulary))
    (sharing,) = [event for event in run_files.events(finished) if isinstance(event, Sharing)]
    assert sharing.is_shared and sharing.largest_relative_difference < 1e-3


def test_the_same_run_again_gives_the_same_bytes(
    finished: Path, images: Path, checkpoint: Path, tmp_path: Path
) -> None:
    tune(run_files.run(images, checkpoint), tmp_path / "again")
    assert run_files.weights(tmp_path / "again") == run_files.weights(finished)


@pytest.mark.parametrize("after", [1, 5, 8, 10, 11, 13])
def test_a_stopped_run_resumes_to_the_same_bytes(
    after: int, finished: Path, images: Path, checkpoint: Path, tmp_path: Path
) -> None:
    """Stopped in the TSM, in plain tuning, in stage 1 and in stage 2."""
    out, run = tmp_path / "parts", run_files.run(images, checkpoint)
    with pytest.raises(StoppedError):
        tune(run, out, is_stopped=stopper(after))
    with run_files.calibrated_on_few():
        tune(run, out, is_resumed=True)
    assert run_files.weights(out) == run_files.weights(finished)
    assert Folder(out).metrics.read_text() == Folder(finished).metrics.read_text()


def test_a_joint_run_stopped_in_its_contrast_resumes_to_the_same_bytes(
    images: Path, checkpoint: Path, tmp_path: Path
) -> None:
    """Twos of a step of four, of two sets: partners stand in the other part, and outside the step."""
    hues = run_files.draw(tmp_path / "hues", ("red", "green"), seed=3)
    training = {"batch_size": 4, "micro_batch_size": 2, "steps": 4}
    run = run_files.run([images, hues], checkpoint, training=training, method={"baseline": False})
    tune(run, tmp_path / "whole")
    with pytest.raises(StoppedError, match="in stage-2 at step 2"):
        tune(run, tmp_path / "parts", is_stopped=stopper(10 + 4 + 2))
    tune(run, tmp_path / "parts", is_resumed=True)
    assert run_files.weights(tmp_path / "parts") == run_files.weights(tmp_path / "whole")
    shares = {step.paired_share for step in run_files.steps(tmp_path / "parts", "stage-2").values()}
    assert shares == {1.0}


def stopper(after: int) -> Callable[[], bool]:
    asked = iter(range(1, 10**6))
    return lambda: next(asked) >= after


def test_a_finished_run_that_is_resumed_tells_its_figures_and_changes_nothing(
    finished: Path, images: Path, checkpoint: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*") if path.name != "events.jsonl"}
    told = tune(run_files.run(images, checkpoint), finished, is_resumed=True)
    assert told == json.loads(Folder(finished).metrics.read_text())
    assert before == {path: path.stat().st_mtime_ns for path in finished.rglob("*") if path.name != "events.jsonl"}


def test_a_run_of_before_near_copies_were_looked_for_goes_on_with_its_split(checkpoint: Path, tmp_path: Path) -> None:
    images, out = run_files.draw(tmp_path / "shades", count=8), tmp_path / "run"
    for file in images.glob("dark/*.png"):
        again = Image.open(file)
        again.save(file.with_name(f"{file.stem} again.jpg"), quality=85)
    run = run_files.run(images, checkpoint)
    with pytest.raises(StoppedError):
        tune(run_files.run(images, checkpoint, split={"near_copies": False}), out, is_stopped=lambda: True)
    frozen = yaml.safe_load(Folder(out).settings.read_text())
    del frozen["split"]["near_copies"]
    Folder(out).settings.write_text(yaml.safe_dump(frozen))
    with pytest.raises(StoppedError):
        tune(run, out, is_resumed=True, is_stopped=lambda: True)
    whole = [open_images(other).fingerprints() for other in (read_run(Folder(out).settings), run)]
    assert whole[0] == Folder(out).fingerprints() != whole[1]


LATER = {
    "training": ("most_epochs", "least_steps", "schedule_over", "weights_kept"),
    "reading": ("rivals", "other_scores"),
    "split": ("near_copies", "altered_copies"),
}


def without_later_settings(folder: Path) -> dict[str, Any]:
    """The settings of a run's folder as they were before some came about, which are written there."""
    frozen: dict[str, Any] = yaml.safe_load(Folder(folder).settings.read_text())
    for block, names in LATER.items():
        for name in names:
            frozen[block].pop(name)
    Folder(folder).settings.write_text(yaml.safe_dump(frozen))
    return frozen


def test_a_run_of_before_some_settings_goes_on_as_it_began(images: Path, checkpoint: Path, tmp_path: Path) -> None:
    """Stopped by one version and resumed by the next, with its own settings or as it was queued."""
    out, training = tmp_path / "run", {"steps": 3, "batch_size": 4}
    early = run_files.run(images, checkpoint, training=training, reading={"rivals": "none", "other_scores": "none"})
    tune(early, tmp_path / "whole")
    with pytest.raises(StoppedError):
        tune(early, out, is_stopped=stopper(13))
    frozen = without_later_settings(out)
    queued = run_files.run(images, checkpoint, training={**training, "most_epochs": 0.1})  # as a preset may say now
    with pytest.raises(StoppedError):
        tune(queued, out, is_resumed=True, is_stopped=lambda: True)
    tune(read_run(Folder(out).settings), out, is_resumed=True)
    assert run_files.weights(out) == run_files.weights(tmp_path / "whole")
    assert yaml.safe_load(Folder(out).settings.read_text()) == frozen
    assert "knn" not in json.loads(Folder(out).metrics.read_text())["readers"]
    with pytest.raises(RunError, match=r"begun with other settings \(training differ\)"):
        tune(run_files.run(images, checkpoint, training={**training, "steps": 4}), out, is_resumed=True)


def test_a_second_run_into_the_same_folder_is_refused(finished: Path, images: Path, checkpoint: Path) -> None:
    with pytest.raises(RunError, match=r"already holds a run\. Resume it with --resume, or choose another folder"):
        tune(run_files.run(images, checkpoint), finished)


def test_a_resume_with_other_settings_is_refused(finished: Path, images: Path, checkpoint: Path) -> None:
    with pytest.raises(RunError, match=r"begun with other settings \(lora, seed differ\)"):
        tune(run_files.run(images, checkpoint, seed=1, lora={"rank": 3}), finished, is_resumed=True)


def test_a_resume_after_a_label_was_changed_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    images, out = run_files.draw(tmp_path / "shades", count=8), tmp_path / "run"
    run = run_files.run(images, checkpoint)
    with pytest.raises(StoppedError):
        tune(run, out, is_stopped=lambda: True)
    (images / "dark" / "0.png").rename(images / "light" / "relabelled.png")
    with pytest.raises(RunError, match="The images, labels, boxes, masks or texts have changed"):
        tune(run, out, is_resumed=True)


def test_a_resume_after_a_mask_was_changed_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    run_files.draw(tmp_path / "shades" / "images", count=8)
    masks = shutil.copytree(tmp_path / "shades" / "images", tmp_path / "shades" / "masks")
    run, out = run_files.run(tmp_path / "shades", checkpoint), tmp_path / "run"
    with pytest.raises(StoppedError):
        tune(run, out, is_stopped=lambda: True)
    shutil.copyfile(masks / "dark" / "1.png", masks / "dark" / "0.png")
    with pytest.raises(RunError, match="masks or texts have changed"):
        tune(run, out, is_resumed=True)


def test_nothing_to_resume_is_said(images: Path, checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no run to resume"):
        tune(run_files.run(images, checkpoint), tmp_path / "nowhere", is_resumed=True)
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_with_other_things_in_it_is_left_alone(images: Path, checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="is not empty and holds no run"):
        tune(run_files.run(images, checkpoint), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_file_in_the_folders_place_is_said(images: Path, checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(RunError, match="is a file"):
        tune(run_files.run(images, checkpoint), tmp_path / "run")


def missing(images: Path) -> None:
    for path in images.rglob("*.png"):
        path.unlink()


def unreadable(images: Path) -> None:
    for path in images.rglob("*.png"):
        path.write_bytes(b"no picture")


def of_one_class(images: Path) -> None:
    for path in [*(images / "dark").iterdir(), *(images / "light_scar").iterdir()]:
        path.unlink()
    (images / "dark").rmdir()
    (images / "light_scar").rmdir()


@pytest.mark.parametrize("spoil", [missing, unreadable, of_one_class])
def test_images_that_cannot_be_learned_from_leave_no_folder_behind(
    spoil: Callable[[Path], None], checkpoint: Path, tmp_path: Path
) -> None:
    images, out = run_files.draw(tmp_path / "shades", count=6), tmp_path / "run"
    spoil(images)
    with pytest.raises(DataError):
        tune(run_files.run(images, checkpoint), out)
    assert not out.exists()


def with_a_test_case_in_training(folder: Path) -> Path:
    """Class folders in splits, with a picture in training and in test."""
    for split, seed in (("train", 0), ("val", 1), ("test", 2)):
        run_files.draw(folder / split, count=6, seed=seed)
    shutil.copy(folder / "test" / "dark" / "1.png", folder / "train" / "dark" / "of_test.png")
    return folder


def test_a_run_measured_on_what_it_learns_from_is_refused_and_leaves_no_folder_behind(
    checkpoint: Path, tmp_path: Path
) -> None:
    images, out = with_a_test_case_in_training(tmp_path / "shades"), tmp_path / "run"
    with pytest.raises(DataError, match=r"1 of 18 test cases \(more than 5%\) show .* --accept-leakage"):
        tune(run_files.run(images, checkpoint), out)
    assert not out.exists()


@pytest.mark.slow
def test_a_run_whose_leakage_was_accepted_tells_who_and_why(checkpoint: Path, tmp_path: Path) -> None:
    images, out = with_a_test_case_in_training(tmp_path / "shades"), tmp_path / "run"
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(run_files.values(images, checkpoint)))
    assert main(["tune", str(tmp_path / "run.yaml"), "--out", str(out), "--accept-leakage", "the official split"]) == 0
    kept = json.loads((out / "metrics.json").read_text())["leakage"]
    assert kept["splits"]["test"] == {"cases": 18, "pictures": 1, "patients": 0}
    assert (kept["accepted_by"], kept["why"]) == (getpass.getuser(), "the official split")
    assert (
        f"Leakage was accepted by {getpass.getuser()}: “the official split”. 1 of 18" in (out / "card.md").read_text()
    )


@pytest.mark.parametrize("content", ["no weights", "pickled"])
def test_a_checkpoint_that_is_none_leaves_no_folder_behind(
    content: str, images: Path, checkpoint: Path, tmp_path: Path
) -> None:
    bad, out = tmp_path / "bad", tmp_path / "run"
    bad.mkdir()
    (bad / "config.json").write_text((checkpoint / "config.json").read_text())
    if content == "pickled":
        (bad / "pytorch_model.bin").write_bytes(b"cos\nsystem\n")
    with pytest.raises(ModelError, match=r"pickled file" if content == "pickled" else r"holds no weights"):
        tune(run_files.run(images, bad), out)
    assert not out.exists()


def missing_template(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()


def missing_tokenizer(folder: Path) -> None:
    for file in folder.glob("tokenizer*"):
        file.unlink()


def broken_template(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("{% for message in messages %}{{")


def prying_template(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("{{ ''.__class__.__mro__ }}")


def blind_template(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("{% for one in messages %}{{ one['content'][1]['text'] }}{% endfor %}")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (missing_template, "brings no chat template"),
        (missing_tokenizer, "has no token .* which stands for an image"),
        (broken_template, "chat template of .* can't be filled in"),
        (prying_template, "chat template of .* can't be filled in"),
        (blind_template, "holds 0 image tokens"),
    ],
)
def test_a_checkpoint_that_can_not_be_asked_leaves_no_folder_behind(
    spoil: Callable[[Path], None], message: str, images: Path, checkpoint: Path, tmp_path: Path
) -> None:
    bad, out = tmp_path / "bad", tmp_path / "run"
    shutil.copytree(checkpoint, bad)
    spoil(bad)
    with pytest.raises(ModelError, match=message):
        tune(run_files.run(images, bad), out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"tsm": [{"name": "backbone", "checkpoint": "nothing/here"}]}, ModelError),
        ({"lora": {"layers": "attention"}}, ModelError),
        ({"method": {"tune_vlm_connector": True}}, ModelError),
    ],
    ids=str,
)
def test_what_can_not_be_tuned_leaves_no_folder_behind(
    more: dict[str, Any],
    error: type[Exception],
    images: Path,
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("core.models.lora.ATTENTION", re.compile("no such layer"))
    monkeypatch.setattr("core.models.lora.CONNECTORS", ("no such part",))
    with pytest.raises(error):
        tune(run_files.run(images, checkpoint, **more), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_training_split_of_one_label_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    rows = ["image,label,split"]
    for number, split in enumerate(["train"] * 8 + ["val", "test"] * 2):
        Image.new("L", (8, 8), number).save(tmp_path / f"{number}.png")
        rows.append(f"{number}.png,{'dark' if split == 'train' else 'light'},{split}")
    (tmp_path / "cases.csv").write_text("\n".join(rows) + "\n")
    with pytest.raises(DataError, match='labelled "dark", and nothing can be learned from one answer'):
        tune(run_files.run(tmp_path, checkpoint), tmp_path / "run")


def test_a_resume_on_another_number_of_processes_is_refused(finished: Path, images: Path, checkpoint: Path) -> None:
    run = with_own_precision(run_files.run(images, checkpoint))
    with pytest.raises(RunError, match=r"begun on 1 processes, and now there are 2"):
        begin(finished, run, open_images(run), is_resumed=True, processes=2)


def test_two_sets_of_one_name_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    sets = [run_files.draw(tmp_path / part / "shades", count=6) for part in ("a", "b")]
    with pytest.raises(DataError, match='Two sets are called "shades"'):
        tune(run_files.run(sets, checkpoint), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("second", ["single", "multi"])
def test_a_joint_run_reads_each_set_under_its_own_question(second: str, checkpoint: Path, tmp_path: Path) -> None:
    shades = run_files.draw(tmp_path / "shades")
    other = run_files.draw_multi(tmp_path / "spots", count=60, seed=1)
    if second == "single":
        other = run_files.draw(tmp_path / "spots-2", ("left", "right"), count=20, seed=1)
    told = tune(run_files.run([shades, other], checkpoint), tmp_path / "run")
    assert set(told["sets"]) == {"shades", other.name} and told["readers"] == {}
    assert told["cases"] == sum(one["cases"] for one in told["sets"].values())
    for name, task in Folder(tmp_path / "run").tasks().items():
        read = [one for one in reading.load(Folder(tmp_path / "run").readings("test")) if one.set == name]
        assert {one.reader for one in read} == set(READERS)
        assert {len(one.answer.probabilities) for one in read} == {len(task.answers)}
        if task.kind == "single":
            assert all(sum(one.answer.probabilities) == pytest.approx(1, abs=1e-6) for one in read)
    assert f"**{other.name}** (" in (tmp_path / "run" / "card.md").read_text()


@pytest.mark.slow
def test_an_ordinal_run_tells_distances(images: Path, checkpoint: Path, tmp_path: Path) -> None:
    told = tune(run_files.run(images, checkpoint, task={"kind": "ordinal"}), tmp_path / "run")
    assert told["readers"]["vitask"].keys() >= {"quadratic_kappa", "mean_absolute_error"}


@pytest.mark.slow
def test_late_fusion_is_never_worse_than_both_its_readers_where_its_weight_was_chosen(
    images: Path, checkpoint: Path, tmp_path: Path
) -> None:
    tune(run_files.run(images, checkpoint, reading={"late_fusion": True}), tmp_path / "run")
    read = reading.load(Folder(tmp_path / "run").readings("val"))
    lost = {}
    for name in ("tsm", "vanilla", "fusion"):
        rows = [one for one in read if one.reader == name]
        lost[name] = -np.mean(
            [np.log(one.answer.probabilities[run_files.ANSWERS.index(one.labels[0])]) for one in rows]
        )
    assert lost["fusion"] <= min(lost["tsm"], lost["vanilla"]) + 1e-9
    opened = open_run(tmp_path / "run")
    assert "fusion" in opened.reader_names and "Late fusion on shades" in (tmp_path / "run/card.md").read_text()
    told = next(one for one in read if one.reader == "fusion")
    (again,) = read_pictures(opened, Asked([Image.open(images / told.case)]), ["fusion"])["fusion"]
    assert again.probabilities == pytest.approx(told.answer.probabilities, abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [
        {"method": {"exemplar": False}},
        {"method": {"align": 0, "contrast": 0}},
        {"method": {"contrast_on": "first_distinguishing", "direction": "teacher_first"}},
        {"method": {"baseline": False, "label_smoothing": 0.1, "align": 0}},
        {"method": {"freeze_connector": "never", "stage_1_epochs": 0}},
        {"method": {"constant_prefix": True}, "tsm": []},
        {"method": {"tune_vlm_connector": True}},
        {"method": {"tune_vlm_connector": True}, "vlm": {"dtype": "bfloat16"}, "training": {"precision": "bf16"}},
        {"method": {"name": "vanilla"}, "tsm": []},
        {"tsm": [{"name": "convnet", "width": 8, "epochs": 1}, {"name": "convnet", "width": 12, "epochs": 1}]},
        {"training": {"precision": "bf16", "gradient_checkpointing": True}},
        {"training": {"micro_batch_size": 3}, "features": {"budget_gib": 0}},
    ],
    ids=str,
)
def test_every_switch_gives_a_whole_run(more: dict[str, Any], images: Path, checkpoint: Path, tmp_path: Path) -> None:
    run = run_files.run(images, checkpoint, **more)
    told = tune(run, tmp_path / "run")
    assert set(told["readers"]) >= {reader.name for reader in run.plan.readers}
    steps = [event for event in run_files.events(tmp_path / "run") if isinstance(event, Step)]
    assert steps and all(np.isfinite(value) for step in steps for value in step.losses.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": {"name": "vitask"}, "tsm": []}, "names no TSM for that"),
        ({"method": {"exemplar": False, "align": 1}}, "alignment needs the exemplar"),
        ({"method": {"exemplar": False, "constant_prefix": True}}, "exemplar must be true"),
        ({"method": {"stage_1_epochs": 0, "stage_2_epochs": 0}}, "both stages are left out"),
        ({"method": {"name": "vitusk"}}, 'no method called "vitusk"'),
        ({"method": {"name": ["vitask"]}}, "method must name one of"),
        ({"method": {"margin": 1}}, "method.margin is not a setting here"),
        ({"reading": {"late_fusion": True}, "method": {"baseline": False}}, "lacks one of them"),
        ({"optimizer": "adam"}, "optimizer is not a setting here"),
        ({"training": {"batch_size": "many"}}, "training.batch_size"),
        ({"preset": ["quick"]}, "preset"),
        ({"tsm": "convnet"}, "tsm"),
        ({"tsm": 3}, "tsm"),
        ({"vlm": {"family": "clip"}}, 'no vlm called "clip"'),
        ({"vlm": None}, "vlm must name one of"),
    ],
    ids=str,
)
def test_settings_that_do_not_fit_are_told_with_what_to_do(change: dict[str, Any], message: str) -> None:
    settings = run_files.values(Path("nowhere"), Path("nowhere"))
    for name, block in change.items():
        settings[name] = {**settings[name], **block} if isinstance(block, dict) else block
    with pytest.raises(SettingsError, match=message) as caught:
        make_run(settings)
    assert isinstance(caught.value, CoreError) and len(str(caught.value)) < 400

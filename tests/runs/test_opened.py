"""A finished run in other hands: what is exported says the same, and another TSM leaves the VLM as it is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file

from core.case import Case, ImageSet
from core.catalog import FORMATS, every
from core.errors import CoreError, DataError, ModelError, RunError, SettingsError, StoppedError
from core.events import Plugged, Sharing, Step
from core.machine import hold
from core.models.lora import load_adapter
from core.readings import reading
from core.readings.distribution import Asking, distributions
from core.runs.export import export
from core.runs.external import own
from core.runs.folder import Folder
from core.runs.learned import SPLITS_LEARNED_FROM, learned
from core.runs.opened import Asked, Opened, open_run, read_cases, read_pictures
from core.runs.plug import plug
from core.runs.prepare import open_images
from core.runs.reliance import reliance
from core.runs.runfile import make_run, read_run
from core.runs.tune import tune
from core.sets.learned_from import FILE, learned_from, read_learned, silent, write_learned
from core.sets.open import open_set
from tests import run_files
from tests.contract.test_families import hybrid

VITASK = ["vitask", "vitask+tsm"]


def pictures() -> list[Image.Image]:
    return [Image.new("RGB", (28, 28), (shade, shade, 90)) for shade in (40, 130, 220)]


def answers(opened: Opened, readers: list[str]) -> dict[str, list[tuple[float, ...]]]:
    told = read_pictures(opened, Asked(pictures()), readers)
    return {name: [one.probabilities for one in rows] for name, rows in told.items()}


def images_of(path: Path) -> ImageSet:
    return open_set(path, {}, every(FORMATS))


def test_an_opened_run_reads_its_cases_as_the_run_did(finished: Path, images: Path) -> None:
    opened = open_run(finished)
    stored = reading.load(Folder(finished).readings("test"))
    known = {case.id: case for case in images_of(images).cases}
    cases = [known[one.case] for one in stored if one.reader == "tsm"]
    again = {(one.reader, one.case): one for one in read_cases(opened, cases, "shades", Asked(()))}
    assert len(again) == len(stored)
    for one in stored:
        assert again[one.reader, one.case].answer.probabilities == pytest.approx(one.answer.probabilities, abs=2e-5)


def test_a_run_that_is_not_finished_is_told(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "adapter")
    with pytest.raises(RunError, match=r"is not finished\. Go on with it"):
        open_run(tmp_path / "run")


@pytest.mark.parametrize(
    "name", ["adapter/adapter_model.safetensors", "connector.safetensors", "tsm/model.safetensors", "tsm/tsm.json"]
)
def test_a_damaged_part_is_told(name: str, finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "run")
    (tmp_path / "run" / name).write_bytes(b"damaged")
    with pytest.raises(ModelError):
        open_run(tmp_path / "run")


def test_a_question_of_an_unknown_set_is_refused(finished: Path) -> None:
    with pytest.raises(SettingsError, match=r'not tuned on a set called "bones"\. Known: shades'):
        open_run(finished).set_number("bones")


def test_an_export_holds_what_other_programs_need(finished: Path, tmp_path: Path) -> None:
    assert export(finished, tmp_path / "out", is_merged=False) == {"folder": str(tmp_path / "out")}
    names = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert names >= {
        "adapter/adapter_config.json",
        "adapter/adapter_model.safetensors",
        "connector.safetensors",
        "tsm/model.safetensors",
        "tsm/tsm.json",
        "tsm/learned.parquet",
        "labels.json",
        "preprocessing/preprocessor_config.json",
        "card.md",
        "readings-test.csv",
        "readings-val.csv",
        "methods.txt",
        "citations.bib",
    }
    assert "p(light scar)" in (tmp_path / "out" / "readings-test.csv").read_text().splitlines()[0]
    labels = json.loads((tmp_path / "out" / "labels.json").read_text())["shades"]
    assert labels["answers"] == ["dark", "light", "light scar"] and labels["instruction"].startswith("Analyze the")
    with pytest.raises(RunError, match="is not empty"):
        export(finished, tmp_path / "out", is_merged=False)
    assert not list(tmp_path.glob("*.part"))


def test_an_exported_folder_is_read_like_the_run(finished: Path, tmp_path: Path) -> None:
    """With the verdict on sharing, without which another architecture would be read otherwise."""
    export(finished, tmp_path / "out", is_merged=False)
    shutil.make_archive(str(tmp_path / "zipped"), "zip", tmp_path / "out")
    shutil.unpack_archive(tmp_path / "zipped.zip", tmp_path / "elsewhere")
    own, copied = open_run(finished), open_run(tmp_path / "elsewhere")
    names = [reader.name for reader in own.readers]
    assert answers(copied, names) == answers(own, names)
    tops = {file.name for file in finished.iterdir() if file.is_file()} - {hold.FILE}
    assert tops == {file.name for file in Folder(finished).files if file.is_file()}
    assert tops <= {file.name for file in (tmp_path / "elsewhere").iterdir()}


def test_an_exported_adapter_in_a_fresh_base_says_the_same(finished: Path, checkpoint: Path, tmp_path: Path) -> None:
    export(finished, tmp_path / "out", is_merged=False)
    opened = open_run(finished)
    expected = answers(opened, ["vitask"])["vitask"]
    internvl = run_files.family("internvl")
    vlm = internvl.load(internvl.Settings(checkpoint=str(checkpoint), dtype="float32"))
    load_adapter(vlm, tmp_path / "out" / "adapter", "vitask")
    task = opened.tasks["shades"]
    with torch.no_grad():
        (found,) = distributions(vlm, [Asking(task, one) for one in vlm.encode(pictures())], None, [False])
    for one, values in zip(found, expected, strict=True):
        assert one.probabilities == pytest.approx(values, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("more", [{}, {"method": {"tune_vlm_connector": True}}], ids=["plain", "connector"])
def test_a_merged_model_by_itself_says_the_same(
    more: dict[str, Any], images: Path, checkpoint: Path, tmp_path: Path
) -> None:
    tune(run_files.run(images, checkpoint, **more, training={"steps": 1}, reading={"free_text": 0}), tmp_path / "run")
    told = export(tmp_path / "run", tmp_path / "out", is_merged=True)
    assert told["merged"] == "merged" and told["largest_difference_in_probability"] < 1e-4
    opened = open_run(tmp_path / "run")
    expected = answers(opened, ["vitask"])["vitask"]
    internvl = run_files.family("internvl")
    vlm = internvl.load(internvl.Settings(checkpoint=str(tmp_path / "out" / "merged"), dtype="float32"))
    task = opened.tasks["shades"]
    with torch.no_grad():
        (found,) = distributions(vlm, [Asking(task, one) for one in vlm.encode(pictures())], None, [False])
    for one, values in zip(found, expected, strict=True):
        assert one.probabilities == pytest.approx(values, abs=1e-4)
    assert not any("lora" in name for name in load_file(tmp_path / "out" / "merged" / "model.safetensors"))


@pytest.mark.slow
def test_a_tuned_connector_of_the_vlm_is_kept_and_read_with(images: Path, checkpoint: Path, tmp_path: Path) -> None:
    run = run_files.run(images, checkpoint, method={"tune_vlm_connector": True}, reading={"free_text": 0})
    tune(run, tmp_path / "run")
    stored = reading.load(Folder(tmp_path / "run").readings("test"))
    known = {case.id: case for case in images_of(images).cases}
    cases = [known[one.case] for one in stored if one.reader == "tsm"][:3]
    again = {(one.reader, one.case): one for one in read_cases(open_run(tmp_path / "run"), cases, "x", Asked(()))}
    for one in stored:
        if (one.reader, one.case) in again:
            assert again[one.reader, one.case].answer.probabilities == pytest.approx(one.answer.probabilities, abs=1e-4)


def plugged(path: Path) -> str:
    return next(event.connector for event in run_files.events(path) if isinstance(event, Plugged))


def test_a_retrained_tsm_plugs_straight_in_and_is_measured_by_itself(finished: Path, tmp_path: Path) -> None:
    elsewhere = run_files.draw(tmp_path / "elsewhere", ("dark", "light"), seed=5)
    told = plug(finished, "convnet", tmp_path / "new", images=str(elsewhere))
    assert plugged(tmp_path / "new") == "kept"
    assert list(told["readers"]) == ["tsm", "vlm", "vanilla", "vitask", "vitask+tsm"]
    for name in ("adapter/adapter_model.safetensors", "adapter-vanilla/adapter_model.safetensors"):
        assert (tmp_path / "new" / name).read_bytes() == (finished / name).read_bytes()
    assert (tmp_path / "new" / "connector.safetensors").read_bytes() == (
        finished / "connector.safetensors"
    ).read_bytes()
    assert (tmp_path / "new/tsm/model.safetensors").read_bytes() != (finished / "tsm/model.safetensors").read_bytes()
    # Asked as it was tuned: the class that the other hospital has no case of is still a candidate.
    assert Folder(tmp_path / "new").tasks()["elsewhere"] == Folder(finished).tasks()["shades"]
    assert set(answers(open_run(tmp_path / "new"), VITASK)) == set(VITASK)


def changed(finished: Path, folder: Path, **blocks: Any) -> Path:
    """A copy of a finished run with other settings."""
    shutil.copytree(finished, folder)
    run_files.write_run(folder / "settings.yaml", yaml.safe_load((finished / "settings.yaml").read_text()) | blocks)
    return folder


def test_new_images_keep_the_old_question_and_not_the_old_columns_or_limits(finished: Path, tmp_path: Path) -> None:
    task = {"label": "dx", "separators": "/", "modality": "written over"}
    old = changed(finished, tmp_path / "old", task=task, limit={"train": 6, "val": 3, "test": 3})
    elsewhere = run_files.draw(tmp_path / "elsewhere", ("dark", "light"), seed=5)
    with pytest.raises(StoppedError):
        plug(old, "convnet", tmp_path / "new", images=str(elsewhere), is_stopped=lambda: True)
    settings = read_run(tmp_path / "new" / "settings.yaml").settings
    asked = Folder(finished).tasks()["shades"]
    assert (settings.task, settings.limit) == (asked.model_dump(mode="json"), {})
    assert Folder(tmp_path / "new").tasks()["elsewhere"] == asked


def test_pictures_that_the_model_learned_from_before_are_not_measured_after_plugging(
    finished: Path, images: Path, tmp_path: Path
) -> None:
    elsewhere = run_files.draw(tmp_path / "elsewhere", seed=5)
    values = yaml.safe_load((finished / "settings.yaml").read_text()) | {"images": str(elsewhere)}
    tests = [item.case.id for item in open_images(make_run(values)).items("test")]
    source = next(item.case for item in open_images(open_run(finished).run).items("train"))
    source.pixels.load().save(elsewhere / tests[0])
    figures = plug(finished, "convnet", tmp_path / "new", images=str(elsewhere))
    assert figures["cases"] == len(tests) - 1
    measured = {each.case for each in reading.load(Folder(tmp_path / "new").readings("test"))}
    assert measured == set(tests[1:])
    note = f"Left out of {len(tests)} test cases: 1 whose pictures the VLM or a TSM that it reads with learned from"
    assert note in (tmp_path / "new" / "card.md").read_text()
    again = own(open_run(tmp_path / "new"), 0, "test", lambda done, whole: None)
    assert {case.id for case in again.cases} == measured


def test_a_plugged_run_is_measured_anew_on_the_cases_that_it_was_measured_on(
    images: Path, checkpoint: Path, tmp_path: Path
) -> None:
    """Also where patients stand in several splits of its own images, as in any run that is tuned on them."""
    shutil.copytree(images, tmp_path / "set" / "images")
    cases = open_images(run_files.run(images, checkpoint)).sets[0].cases
    rows = [f"images/{case.id},{case.labels[0]},{case.split},{number % 8}" for number, case in enumerate(cases)]
    (tmp_path / "set" / "cases.csv").write_text("\n".join(["image,label,split,patient", *rows]) + "\n")
    accepted = {"accepted_by": "these tests", "why": "patients stand in several splits"}
    tune(run_files.run(tmp_path / "set", checkpoint, leakage=accepted), tmp_path / "run")
    assert plug(tmp_path / "run", "convnet", tmp_path / "new")["cases"] == 6
    again = own(open_run(tmp_path / "new"), 0, "test", silent)
    assert len(again.cases) == 6 and not again.told


def given_tsm(finished: Path, folder: Path, taught: Sequence[Case] | None) -> Path:
    """A TSM from elsewhere that learned from these cases; from what is not known where there are none."""
    shutil.copytree(finished / "tsm", folder)
    (folder / FILE).unlink()
    if taught is not None:
        write_learned(folder, learned_from(taught))
    return folder


def test_test_cases_that_a_given_tsm_learned_from_are_not_measured(finished: Path, tmp_path: Path) -> None:
    tests = [item.case for item in open_images(open_run(finished).run).items("test")]
    tsm = given_tsm(finished, tmp_path / "tsm", tests[:2])
    figures = plug(finished, str(tsm), tmp_path / "new", connector="keep")
    assert figures["cases"] == len(tests) - 2
    note = f"Left out of {len(tests)} test cases: 2 whose pictures the VLM or a TSM that it reads with learned from"
    written = Folder(tmp_path / "new").card.read_text()
    assert note in written and "The TSM (tsm) came trained, and is right about" in written
    assert "all of which it learned" not in written and "all of which it learned" in Folder(finished).card.read_text()
    assert read_learned(tmp_path / "new" / "tsm") == learned_from(tests[:2])
    again = own(open_run(tmp_path / "new"), 0, "test", silent)
    assert [case.id for case in again.cases] == [case.id for case in tests[2:]]


def test_validation_cases_that_a_given_tsm_learned_from_choose_nothing_where_others_are_left(
    finished: Path, tmp_path: Path
) -> None:
    validated = [item.case for item in open_images(open_run(finished).run).items("val")]
    assert len(validated) == 6
    for taught, left in ((validated[:1], validated[1:]), (validated[:2], validated)):
        place = tmp_path / f"{len(taught)}"
        plug(finished, str(given_tsm(finished, tmp_path / f"tsm-{len(taught)}", taught)), place, connector="keep")
        read = {each.case for each in reading.load(Folder(place).readings("val"))}
        assert read == {case.id for case in left}
        if left is validated:
            words = (
                "2 of 6 validation cases show what the VLM or a TSM that it reads with learned from, or its patients"
            )
        else:
            words = "Left out of 6 validation cases, by which is chosen: 1 whose pictures the VLM or a TSM"
        assert words in Folder(place).card.read_text()


def test_a_joint_run_is_plugged_where_of_one_set_no_test_case_is_left(
    images: Path, checkpoint: Path, tmp_path: Path
) -> None:
    other = run_files.draw(tmp_path / "other", seed=7)
    both = make_run(run_files.values(images, checkpoint) | {"images": [str(images), str(other)]})
    tune(both, tmp_path / "run")
    tests = [item.case for item in open_images(both).items("test") if item.set == 0]
    tsm = given_tsm(tmp_path / "run", tmp_path / "tsm", tests)
    figures = plug(tmp_path / "run", str(tsm), tmp_path / "new", connector="keep")
    assert figures["cases"] == 6 and list(figures["best"]) == ["other"]
    assert {each.set for each in reading.load(Folder(tmp_path / "new").readings("test"))} == {"other"}


def test_what_a_tsm_from_elsewhere_learned_from_may_be_not_known_and_that_is_told(
    finished: Path, tmp_path: Path
) -> None:
    tsm = given_tsm(finished, tmp_path / "tsm", None)
    figures = plug(finished, str(tsm), tmp_path / "new", connector="keep")
    assert figures["cases"] == len(open_images(open_run(finished).run).items("test"))
    assert "What the TSM learned from is not known" in Folder(tmp_path / "new").card.read_text()
    assert not (tmp_path / "new" / "tsm" / FILE).exists()
    notes = own(open_run(tmp_path / "new"), 0, "test", silent).told["notes"]
    assert any("What the TSM learned from is not known" in note for note in notes)


def test_a_tsm_is_kept_with_what_it_learned_from_and_before(finished: Path, tmp_path: Path) -> None:
    joint_set = open_images(open_run(finished).run)
    taught = [item.case for split in SPLITS_LEARNED_FROM for item in joint_set.items(split)]
    assert read_learned(finished / "tsm") == learned_from(taught)
    elsewhere = run_files.draw(tmp_path / "elsewhere", seed=5)
    plug(finished, "convnet", tmp_path / "new", images=str(elsewhere))
    assert "None of 6 test cases shows what the VLM or a TSM" in Folder(tmp_path / "new").card.read_text()
    kept = read_learned(tmp_path / "new" / "tsm")
    assert kept is not None
    assert len(kept.pictures) == 2 * len(taught) and kept.pictures.items() > learned_from(taught).pictures.items()


def test_what_a_plugged_models_vlm_learned_from_goes_with_it(finished: Path, tmp_path: Path) -> None:
    tests = [item.case for item in open_images(open_run(finished).run).items("test")]
    plug(finished, str(given_tsm(finished, tmp_path / "tsm", tests[:2])), tmp_path / "new", connector="keep")
    export(tmp_path / "new", tmp_path / "out", is_merged=False)
    learned_by_all = learned(Folder(tmp_path / "out"))
    assert learned_by_all.pictures == {**learned(Folder(finished)).pictures, **learned_from(tests[:2]).pictures}
    assert not (tmp_path / "out" / "plugged.json").exists() and not learned_by_all.doubts
    measured = own(open_run(tmp_path / "out"), 0, "test", silent)
    assert [case.id for case in measured.cases] == [case.id for case in tests[2:]]


def test_plugging_is_refused_where_the_model_learned_from_every_picture_that_would_be_measured(
    finished: Path, tmp_path: Path
) -> None:
    elsewhere = run_files.draw(tmp_path / "elsewhere", seed=5)
    values = yaml.safe_load((finished / "settings.yaml").read_text()) | {"images": str(elsewhere)}
    tests = open_images(make_run(values)).items("test")
    for ours, item in zip(open_images(open_run(finished).run).items("train"), tests, strict=False):
        ours.case.pixels.load().save(elsewhere / item.case.id)
    with pytest.raises(DataError, match="learned from every test case"):
        plug(finished, "convnet", tmp_path / "new", images=str(elsewhere))
    assert not (tmp_path / "new").exists()


def test_one_of_several_tsms_is_not_replaced(finished: Path, tmp_path: Path) -> None:
    (tsm,) = yaml.safe_load((finished / "settings.yaml").read_text())["tsm"]
    old = changed(finished, tmp_path / "old", tsm=[tsm, tsm])
    shutil.copytree(finished / "tsm", old / "tsm-2")
    with pytest.raises(RunError, match=r"with the exemplars of 2 TSMs, and only a single one can be replaced\. Tune"):
        plug(old, "convnet", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_run_without_exemplars_has_no_tsm_to_replace(finished: Path, tmp_path: Path) -> None:
    old = changed(finished, tmp_path / "old", method={"name": "vanilla"})
    with pytest.raises(RunError, match=r"does not read with the exemplar of a TSM, so there is none to replace\."):
        plug(old, "convnet", tmp_path / "new")


def test_a_tsm_of_another_width_gets_a_connector_trained_alone(finished: Path, images: Path, tmp_path: Path) -> None:
    trained, tsm = tmp_path / "trained", {"name": "convnet", "width": 12, "epochs": 1}
    source = open_run(finished).run.settings.model_dump(mode="json") | {
        "tsm": tsm,
        "method": {"name": "vanilla"},
    }
    tune(make_run(source), trained)
    with pytest.raises(SettingsError, match="The new TSM's feature is 12 wide, the old one's 8"):
        plug(finished, str(trained / "tsm"), tmp_path / "refused", connector="keep")
    assert not (tmp_path / "refused").exists()
    told = plug(finished, str(trained / "tsm"), tmp_path / "new")
    assert plugged(tmp_path / "new") == "trained"
    stored = load_file(tmp_path / "new" / "connector.safetensors")
    assert stored["connectors.0.rise.weight"].shape[1] == 12
    assert (tmp_path / "new/adapter/adapter_model.safetensors").read_bytes() == (
        finished / "adapter/adapter_model.safetensors"
    ).read_bytes()
    assert {event.stage for event in run_files.events(tmp_path / "new") if isinstance(event, Step)} == {"connector"}
    assert "tsm" in told["readers"]
    opened = open_run(tmp_path / "new")
    known = {case.id: case for case in images_of(images).cases}
    kept = reading.load(Folder(tmp_path / "new").readings("test"))
    again = read_cases(opened, [known[kept[0].case]], "shades", Asked(()))
    same = {one.reader: one.answer.probabilities for one in kept if one.case == kept[0].case}
    for one in again:
        assert one.answer.probabilities == pytest.approx(same[one.reader], abs=1e-5)


def test_a_stopped_plugging_goes_on_and_is_not_taken_for_a_tuning(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        plug(finished, "convnet", tmp_path / "new", connector="train", is_stopped=lambda: True)
    with pytest.raises(RunError, match="made by “vitask plug”"):
        tune(read_run(tmp_path / "new" / "settings.yaml"), tmp_path / "new", is_resumed=True)
    told = plug(finished, "convnet", tmp_path / "new", connector="train", is_resumed=True)
    straight = plug(finished, "convnet", tmp_path / "straight", connector="train")
    assert told == straight
    weights = [(tmp_path / name / "connector.safetensors").read_bytes() for name in ("new", "straight")]
    assert weights[0] == weights[1]


@pytest.mark.parametrize(("tsm", "message"), [("resnet", "neither the folder of a trained TSM nor one of")])
def test_a_tsm_that_is_none_is_refused(tsm: str, message: str, finished: Path, tmp_path: Path) -> None:
    with pytest.raises(CoreError, match=message):
        plug(finished, tsm, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_reliance_is_worked_out_from_own_and_other_images(finished: Path, images: Path) -> None:
    opened = open_run(finished)
    cases = images_of(images).cases[::5]
    told = reliance(opened, cases, 0)
    stored = {one.case: one for one in read_cases(opened, cases, "shades", Asked(())) if one.reader == "vitask"}
    answers = opened.tasks["shades"].answers
    own = [np.exp(stored[case.id].answer.token_log_likelihoods[answers.index(case.labels[0])]).mean() for case in cases]
    assert told["vitask"]["own"] == pytest.approx(np.mean(own), abs=1e-5)
    assert told["vitask"]["own"] != pytest.approx(told["vitask"]["other"], abs=1e-7)


@pytest.mark.slow
def test_an_architecture_that_cannot_share_is_tuned_and_read_in_plain_passes(images: Path, tmp_path: Path) -> None:
    vlm = hybrid()
    for part in (vlm.base, vlm.tokenizer, vlm.image_processor):
        part.save_pretrained(tmp_path / "hybrid")
    run = run_files.run(images, tmp_path / "hybrid", vlm={"family": "auto"}, reading={"free_text": 0})
    tune(run, tmp_path / "run")
    (sharing,) = [event for event in run_files.events(tmp_path / "run") if isinstance(event, Sharing)]
    assert not sharing.is_shared
    opened = open_run(tmp_path / "run")
    assert not opened.tuned.vlm.shares_prefix
    stored = reading.load(Folder(tmp_path / "run").readings("test"))
    known = {case.id: case for case in images_of(images).cases}
    again = read_cases(opened, [known[stored[0].case]], "shades", Asked(()))
    same = {one.reader: one.answer.probabilities for one in stored if one.case == stored[0].case}
    for one in again:
        assert one.answer.probabilities == pytest.approx(same[one.reader], abs=1e-4)

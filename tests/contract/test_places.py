"""Where things are, from a set with boxes and masks to what is measured: the method `tpo` in whole runs."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from core.case import Marks
from core.catalog import METHODS, chosen
from core.errors import DataError, ModelError, StoppedError
from core.models.features import FeatureStore
from core.models.lora import LoraSettings, attach
from core.models.segmenter import Segmenter
from core.pictures.pixels import FilePixels
from core.readings import reading
from core.readings.head import own_encoders
from core.readings.mask import Mask
from core.readings.regions import Regions
from core.runs.estimate import estimate
from core.runs.export import export
from core.runs.folder import Folder
from core.runs.opened import Asked, open_run, read_pictures
from core.runs.plug import plug
from core.runs.runfile import FeatureSettings, Run, make_run
from core.runs.tune import refuse_without_places, tune
from core.training.heads import new_heads
from core.training.method import MarksWanted, Plan
from core.training.response import Tuned
from core.training.vlm_stage import RunCases, first_batch, sharing_gap
from tests import pointing, run_files, segmenters
from tests.contract.official import NAMES, build
from tests.contract.test_methods import changed, everything, joint_set, prepared, stage_of, stepped

SPOT = 8
LEFT_OUT = ("llava_onevision",)
"""Its image tokens make no square: rows end with a token of their own."""


@pytest.fixture(scope="module")
def spots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The spots of the pointing test; each is also the mask of its picture."""
    folder = pointing.draw(tmp_path_factory.mktemp("spots") / "spots", count=48)
    (folder / "masks").mkdir()
    with (folder / "cases.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        pixels = np.zeros((pointing.SIDE, pointing.SIDE), dtype=np.uint8)
        for box in json.loads(row["boxes"] or "[]"):
            left, top = (round(box[edge] * pointing.SIDE) for edge in ("left", "top"))
            pixels[top : top + SPOT, left : left + SPOT] = 255
        Image.fromarray(pixels).save(folder / "masks" / row["image"])
        row["mask"] = f"masks/{row['image']}"
    with (folder / "cases.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["image", "label", "boxes", "mask"])
        writer.writeheader()
        writer.writerows(rows)
    return folder


def settings(spots: Path, checkpoint: Path, steps: int, **method: object) -> Run:
    training = {"steps": steps, "batch_size": 8, "evaluate_every": 1000, "learning_rate": 0.003}
    values = run_files.values(spots, checkpoint, tsm=[], training=training)
    values["method"] = {"name": "tpo", "objects": 2, "baseline": False, **method}
    return make_run(values)


@pytest.fixture(scope="module")
def tuned(spots: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "placed"
    tune(settings(spots, checkpoint, 30), out)
    return out


@pytest.mark.slow
def test_boxes_scores_and_masks_are_learned_and_measured_beside_boxes_as_text(tuned: Path) -> None:
    for stage, losses in (("routing", ["route"]), ("together", ["route", "box", "score", "mask", "van"])):
        steps = run_files.steps(tuned, stage)
        assert set(losses) == set(steps[1].losses)
    began, ended = (
        np.mean([run_files.steps(tuned, stage)[number].losses["box"] for number in numbers])
        for stage, numbers in (("heads", [1, 2, 3]), ("together", [58, 59, 60]))
    )
    assert ended < 0.7 * began
    statements = json.loads(Folder(tuned).metrics.read_text())["statements"]
    assert list(statements["regions"]["readers"]) == ["tpo-text", "tpo"]
    assert list(statements["mask"]["readers"]) == ["tpo"]
    assert statements["regions"]["readers"]["tpo"]["unparsed"]["value"] == 0
    assert set(statements["regions"]["differences"]) == {"tpo - tpo-text"}
    assert Folder(tuned).marks() == {"spots": Marks(("spot",), True)}
    assert "mAP .5:.95" in Folder(tuned).card.read_text()


@pytest.mark.slow
def test_a_run_opened_again_says_the_same_of_places(tuned: Path, spots: Path, tmp_path: Path) -> None:
    stored = {row.case: row.answer for row in reading.load(Folder(tuned).readings("test")) if row.reader == "tpo"}
    export(tuned, tmp_path / "copy", is_merged=False)
    pictures = [FilePixels(spots / name).load() for name in stored]
    for folder in (tuned, tmp_path / "copy"):
        answers = read_pictures(open_run(folder), Asked(pictures), ["tpo"])["tpo"]
        for answer, kept in zip(answers, stored.values(), strict=True):
            regions, before = answer.statement(Regions), kept.statement(Regions)
            assert regions is not None and before is not None and len(regions.regions) == 2
            for now, then in zip(regions.regions, before.regions, strict=True):
                assert now.model_dump(exclude={"label"}) == pytest.approx(then.model_dump(exclude={"label"}), abs=1e-4)
            assert answer.statement(Mask) is not None


@pytest.mark.slow
@pytest.mark.parametrize("polls", [2, 9, 11, 14], ids=["text", "routing", "heads", "together"])
def test_a_run_that_was_stopped_in_any_stage_ends_with_the_same_weights(
    polls: int, spots: Path, checkpoint: Path, tmp_path: Path
) -> None:
    run = settings(spots, checkpoint, 2, rival=polls == 2, control=polls != 2)
    tune(run, tmp_path / "whole")
    left = iter([False] * (polls - 1) + [True])
    with pytest.raises(StoppedError):
        tune(run, tmp_path / "stopped", is_stopped=lambda: next(left))
    tune(run, tmp_path / "stopped", is_resumed=True)
    assert run_files.weights(tmp_path / "whole") == run_files.weights(tmp_path / "stopped")


@pytest.mark.parametrize("name", NAMES)
def test_a_shared_prefix_changes_no_loss_of_places(name: str) -> None:
    plan, vlm = Plan(*chosen(METHODS, {"name": "tpo"}, "name", "method")), build(name)
    attach(vlm, LoraSettings(rank=2, dropout=0.0), "tpo")
    shown = joint_set()
    store = FeatureStore(vlm, shown.items("train"), True, None)
    tuned = Tuned(vlm, None, new_heads(plan.heads, vlm, ()))
    cases = RunCases(shown, shown.items("train"), store, [])
    last = plan.stages[-1]
    batch = first_batch(cases, last, 0)
    if name in LEFT_OUT:
        with pytest.raises(ModelError, match="make no square"):
            sharing_gap(tuned, batch, last)
        last = Plan(*chosen(METHODS, {"name": "tpo", "masks": False}, "name", "method")).stages[-1]
    assert sharing_gap(tuned, batch, last) < 1e-3


def test_a_set_without_places_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    run = settings(run_files.draw(tmp_path / "drawn"), checkpoint, 2)
    with pytest.raises(DataError, match="no training case has a box or a mask"):
        tune(run, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_label_that_no_box_has_is_refused_by_name(spots: Path, checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'No training case has a box of "spit".*Labels with boxes: spot'):
        tune(settings(spots, checkpoint, 2, labels=["spit"]), tmp_path / "run")


def test_masks_alone_are_refused_where_they_are_switched_off() -> None:
    refuse_without_places(MarksWanted(masks=True), [Marks((), True)])
    with pytest.raises(DataError, match="no training case has a box or a mask"):
        refuse_without_places(MarksWanted(masks=False), [Marks((), True)])


@pytest.fixture(scope="module", params=["sam", "sam2"])
def segmenter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return segmenters.save(request.param, tmp_path_factory.mktemp("segmenters") / request.param)


def test_a_mask_drawn_by_a_sam_trains_its_prompts_and_tokens_in_the_stages_of_places_alone(segmenter: Path) -> None:
    plan, tuned, cases = prepared({"name": "tpo", "mask_checkpoint": str(segmenter), "rival": False, "baseline": False})
    (encoder,) = own_encoders(tuned.heads)
    assert isinstance(encoder, Segmenter)
    kept = {name: weights.clone() for name, weights in encoder.model.state_dict().items()}
    for stage_plan in plan.stages:
        before = everything(tuned)
        (*_, losses) = stepped(stage_of(stage_plan, tuned, cases), tuned, 3)
        of_masks = {name for name in changed(before, tuned) if name.startswith("heads.tpo.mask.")}
        prompts = {f"heads.tpo.mask.prompts.{layer}.{kind}" for layer in (0, 2) for kind in ("weight", "bias")}
        assert of_masks == (prompts if "mask" in losses else set())
        assert ("heads.tpo.asking.tokens" in changed(before, tuned)) == ("mask" in losses)
    assert all(torch.equal(weights, kept[name]) for name, weights in encoder.model.state_dict().items())


def test_a_shared_prefix_changes_no_loss_of_a_mask_drawn_by_a_sam(segmenter: Path) -> None:
    plan, tuned, cases = prepared({"name": "tpo", "mask_checkpoint": str(segmenter)})
    batch = first_batch(cases, plan.stages[-1], 0)
    assert any(case.mask for case in batch.cases)
    assert sharing_gap(tuned, batch, plan.stages[-1]) < 1e-3


@pytest.mark.slow
def test_a_run_with_a_sam_ends_with_the_same_weights_stopped_or_not_and_kept_or_not(
    spots: Path, checkpoint: Path, segmenter: Path, tmp_path: Path
) -> None:
    run = settings(spots, checkpoint, 2, rival=False, control=True, mask_checkpoint=str(segmenter))
    tune(run, tmp_path / "whole")
    for polls in (9, 11, 14):
        left = iter([False] * (polls - 1) + [True])
        with pytest.raises(StoppedError):
            tune(run, tmp_path / f"stopped {polls}", is_stopped=partial(next, left))
        tune(run, tmp_path / f"stopped {polls}", is_resumed=True)
        assert run_files.weights(tmp_path / "whole") == run_files.weights(tmp_path / f"stopped {polls}")
    anew = replace(run, settings=run.settings.model_copy(update={"features": FeatureSettings(budget_gib=0)}))
    tune(anew, tmp_path / "anew")
    tuned = run_files.weights(tmp_path / "whole")
    assert tuned.pop("rivals.safetensors"), "simple rivals learn from features that are kept"
    assert tuned == run_files.weights(tmp_path / "anew")


@pytest.mark.slow
def test_what_a_run_with_a_sam_exports_reads_as_the_run_does_and_tells_what_it_needs(
    spots: Path, checkpoint: Path, segmenter: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    tune(settings(spots, checkpoint, 3, rival=False, mask_checkpoint=str(segmenter)), out)
    assert f"sees the images with {segmenter}" in Folder(out).card.read_text()
    assert not any("mask." in name and "prompts" not in name for name in load_file(Folder(out).heads))
    stored = {row.case: row.answer for row in reading.load(Folder(out).readings("test")) if row.reader == "tpo"}
    export(out, tmp_path / "copy", is_merged=False)
    pictures = [FilePixels(spots / name).load() for name in stored]
    for answer, kept in zip(
        read_pictures(open_run(tmp_path / "copy"), Asked(pictures), ["tpo"])["tpo"], stored.values(), strict=True
    ):
        mask = answer.statement(Mask)
        assert mask is not None and mask == kept.statement(Mask) and min(mask.width, mask.height) >= 16
    run = settings(spots, checkpoint, 3, rival=False, mask_checkpoint=str(segmenter))
    for budget_gib, notes in ((8, 0), (0, 1)):
        features = {"features": FeatureSettings(budget_gib=budget_gib)}
        reckoned = estimate(replace(run, settings=run.settings.model_copy(update=features)))
        assert min(reckoned["seconds"], reckoned["memory_gib"]) > 0
        assert (reckoned["parts"]["features"] > 0) == (budget_gib > 0)
        assert sum("computed in every step" in text for text in reckoned["assumptions"]) == notes


@pytest.mark.slow
def test_another_tsm_is_plugged_into_a_run_with_a_sam(spots: Path, checkpoint: Path, tmp_path: Path) -> None:
    sam = segmenters.save("sam", tmp_path / "sam")
    training = {"steps": 2, "batch_size": 8, "evaluate_every": 1000}
    values = run_files.values(spots, checkpoint, training=training)
    values["method"] = {"name": "tpo", "objects": 2, "baseline": False, "rival": False, "exemplar": True}
    values["method"]["mask_checkpoint"] = str(sam)
    tune(make_run(values), tmp_path / "run")
    plug(tmp_path / "run", "convnet", tmp_path / "plugged", connector="train")
    readings = [row for row in reading.load(Folder(tmp_path / "plugged").readings("test")) if row.reader == "tpo+tsm"]
    assert readings and all(row.answer.statement(Mask) is not None for row in readings)


def test_a_checkpoint_that_draws_no_masks_is_refused_before_anything_is_made(
    spots: Path, checkpoint: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="of the kind internvl, which draws no masks"):
        tune(settings(spots, checkpoint, 2, mask_checkpoint=str(checkpoint)), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert settings(spots, checkpoint, 2, mask_checkpoint=str(checkpoint), masks=False).plan.stages


def test_a_checkpoint_that_draws_masks_is_fetched_before_anything_else_as_others_are(
    spots: Path, checkpoint: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="hf download somebody/a-sam --local-dir a-sam"):
        tune(settings(spots, checkpoint, 2, mask_checkpoint="somebody/a-sam"), tmp_path / "run")
    assert settings(spots, checkpoint, 2, mask_checkpoint="somebody/a-sam", masks=False).plan.needs.checkpoints == ()
    assert not (tmp_path / "run").exists()

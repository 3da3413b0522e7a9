"""What every method of the catalog promises: it learns, it trains what it says and nothing else, and it can be kept."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image
from torch import Tensor

from core.case import TEMPLATE, Box, Case, ImageSet, Task
from core.catalog import METHODS, chosen
from core.errors import SettingsError
from core.models.exemplar import Exemplars, load_exemplars
from core.models.features import EncodedPictures, FeatureStore
from core.models.lora import LoraSettings, attach, load_adapter, save_adapter
from core.readings.distribution import distributions
from core.readings.head import own_encoders
from core.sets.joint import Item, JointSet
from core.training.heads import load_heads, new_heads, save_heads
from core.training.loop import Stage, make_step, new_optimiser
from core.training.method import Frame, Plan, StagePlan
from core.training.response import Tuned
from core.training.settings import TrainingSettings
from core.training.vlm_stage import RunCases, first_batch, read_places, sharing_gap, vlm_stage
from tests.contract.official import build

WIDTHS = (6, 4)
SWITCHES: dict[str, list[dict[str, Any]]] = {
    "vanilla": [{}, {"label_smoothing": 0.1}, {"tune_vlm_connector": True}, {"tsm_in_words": "in_sample"}],
    "tpo": [
        {},
        {"control": True, "baseline": False, "rival": False, "masks": False, "asked": 1, "objects": 1},
        {"exemplar": True, "contrast": 1, "labels": ["spot"]},
    ],
    "vitask": [
        {},
        {"exemplar": False},
        {"align": 0},
        {"contrast": 0},
        {"contrast_on": "first_distinguishing"},
        {"constant_prefix": True},
        {"label_smoothing": 0.1, "align": 0},
        {"baseline": False},
        {"tune_vlm_connector": True},
        {"freeze_connector": "never"},
        {"shuffled": True, "baseline_length": "tokens"},
    ],
    "discriminative": [
        {},
        {"soft_prompt": False},
        {"lora": False},
        {"next_token": False},
        {"soft_prompt": False, "lora": False, "next_token": False},
        {"captions": "attributes"},
    ],
    "head": [{}, {"baseline": False}],
}
BOXES = {
    "scar": (Box("scar", 0.1, 0.2, 0.4, 0.6),),
    "spot": (Box("spot", 0.5, 0.5, 0.8, 0.7), Box("spot", 0.1, 0.1, 0.2, 0.2)),
    "no": (),
}
PACES: dict[str, tuple[dict[str, Any], int]] = {"discriminative": ({"learning_rate": 0.005}, 60)}
"""Of methods that don't learn in ten large steps: all vectors of pictures become one."""
TEMPERATURE_ALONE = {"name": "discriminative", "soft_prompt": False, "lora": False, "next_token": False}
EVERY = [{"name": name, **more} for name in METHODS for more in SWITCHES.get(name, [{}])]
KEPT_APART = {"exemplar", "constant_prefix", "tune_vlm_connector", "shuffled", "tsm_in_words"}
every_method = pytest.mark.parametrize("settings", EVERY, ids=str)


class Drawn:
    """A picture of noise, told apart by its number; of a mask, a share of it is inside."""

    def __init__(self, number: int, share: float | None = None) -> None:
        self.number = number
        self.share = share

    def load(self) -> Image.Image:
        noise = np.random.default_rng(self.number)
        if self.share is not None:
            return Image.fromarray((noise.random((28, 28)) < self.share).astype(np.uint8) * 255)
        return Image.fromarray(noise.integers(0, 256, (28, 28, 3), dtype=np.uint8))

    def digest(self) -> str:
        return f"drawn {self.number}"


def joint_set() -> JointSet:
    task = Task(answers=("scar", "spot", "no"), template="{label set}?")
    labels = ("scar", "spot", "no", "scar", "spot", "no", "scar", "no")
    cases = tuple(
        Case(f"case {n}", Drawn(n), (label,), "train", boxes=BOXES[label], mask=Drawn(n, 0.5) if n % 2 else None)
        for n, label in enumerate(labels)
    )
    return JointSet((ImageSet("drawn", task, cases),))


def prepared(settings: dict[str, Any], tsms: int = 1) -> tuple[Plan, Tuned, RunCases]:
    plan, vlm = Plan(*chosen(METHODS, settings, "name", "method")), build("internvl")
    torch.manual_seed(0)
    for name in dict.fromkeys(stage.adapter for stage in plan.stages):
        attach(vlm, LoraSettings(rank=4, dropout=0.0), name, plan.needs.tunes_vlm_connector)
    widths = WIDTHS[:tsms] if plan.needs.tsm else ()
    exemplars = Exemplars(widths, vlm.hidden_size, plan.needs.is_constant) if plan.needs.exemplars else None
    shown = joint_set()
    items = [Item(0, case) for case in shown.sets[0].cases]
    store = FeatureStore(vlm, items, not plan.needs.tunes_vlm_connector, None)
    features = [torch.randn(8, width) for width in widths]
    heads = new_heads(plan.heads, vlm, shown.tasks)
    own = {encoder.name: EncodedPictures(encoder, items, ()) for encoder in own_encoders(heads)}
    words = [f"A classifier says: {item.case.labels[0]} (0.90)." for item in items]
    cases = RunCases(shown, items, store, features, plan.needs.captions, own, tsm_words=words)
    return plan, Tuned(vlm, exemplars, heads), cases


def stage_of(plan: StagePlan, tuned: Tuned, cases: RunCases, **training: Any) -> Stage:
    usual = {"batch_size": 8, "precision": "fp32", "learning_rate": 0.02, "connector_learning_rate": 0.02}
    chosen_ones = TrainingSettings.parse(usual | {"schedule": "constant", "warm_up": 0.0} | training, "training")
    return vlm_stage(plan, tuned, cases, [], chosen_ones, 0, 8, accelerator())


@pytest.mark.parametrize(
    ("training", "lengths"),
    [
        ({"batch_size": 2}, {"vanilla": 10, "stage-1": 4, "stage-2": 6}),  # four steps an epoch
        ({"batch_size": 3}, {"vanilla": 5, "stage-1": 2, "stage-2": 3}),  # two, and two cases wait
        ({"steps": 7}, {"vanilla": 14, "stage-1": 7, "stage-2": 7}),
    ],
    ids=str,
)
def test_stages_of_one_adapter_share_one_schedule(training: dict[str, Any], lengths: dict[str, int]) -> None:
    plan, tuned, cases = prepared({"name": "vitask", "stage_1_epochs": 1, "stage_2_epochs": 1.5})
    chosen_ones = TrainingSettings.parse({"schedule": "linear", "warm_up": 0.0} | training, "training")
    stages = {
        one.name: vlm_stage(one, tuned, cases, [], chosen_ones, 0, 8, accelerator(), beside=plan.stages)
        for one in plan.stages
    }
    assert {name: stage.steps for name, stage in stages.items()} == lengths
    first, whole = lengths["stage-1"], lengths["stage-1"] + lengths["stage-2"]
    assert stages["stage-2"].learning_share(0) == pytest.approx(1 - first / whole)
    assert stages["stage-1"].learning_share(0) == stages["vanilla"].learning_share(0) == 1.0
    assert [stages[name].steps_after for name in lengths] == [whole, lengths["stage-2"], 0]


def test_stages_may_have_a_schedule_each() -> None:
    plan, tuned, cases = prepared({"name": "vitask"})
    training = TrainingSettings.parse({"steps": 4, "schedule_over": "stage", "warm_up": 0.0}, "training")
    for stage in plan.stages:
        own = vlm_stage(stage, tuned, cases, [], training, 0, 8, accelerator(), beside=plan.stages)
        shares = [own.learning_share(step) for step in range(own.steps)]
        assert shares == pytest.approx([(1 + math.cos(math.pi * step / own.steps)) / 2 for step in range(own.steps)])


def test_the_last_weights_are_kept_where_no_figure_is_to_choose() -> None:
    plan, tuned, cases = prepared({"name": "vitask"})
    assert stage_of(plan.stages[-1], tuned, cases).is_chosen_by_figure
    assert not stage_of(plan.stages[-1], tuned, cases, weights_kept="last").is_chosen_by_figure
    with pytest.raises(SettingsError, match="patience waits for better weights"):
        TrainingSettings.parse({"weights_kept": "last", "patience": 3}, "training")


def accelerator() -> Any:
    return Accelerator(mixed_precision="no")


def stepped(stage: Stage, tuned: Tuned, steps: int) -> Iterator[dict[str, float]]:
    optimiser = new_optimiser(stage)
    tuned.train()
    for step in range(steps):
        yield make_step(stage, step, tuned, optimiser, accelerator())[0]
    tuned.eval()


def everything(tuned: Tuned) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in tuned.named_parameters()}


def changed(before: dict[str, Tensor], tuned: Tuned) -> set[str]:
    return {name for name, value in everything(tuned).items() if not torch.equal(value, before[name])}


@pytest.mark.parametrize(
    "settings",
    [pytest.param(one, marks=pytest.mark.slow if one["name"] in PACES else ()) for one in EVERY],
    ids=str,
)
def test_every_loss_is_finite_and_their_sum_falls_on_eight_cases(settings: dict[str, Any]) -> None:
    plan, tuned, cases = prepared(settings)
    last = plan.stages[-1]
    pace, steps = PACES.get(settings["name"], ({}, 10))
    stage = stage_of(last, tuned, cases, **pace)
    told = list(stepped(stage, tuned, steps))
    assert all(one.keys() == last.wanted.weights.keys() for one in told)
    assert all(math.isfinite(value) for one in told for value in one.values())
    sums = [sum(last.wanted.weights[name] * value for name, value in one.items()) for one in told]
    assert sums[-1] < (0.97 if settings == TEMPERATURE_ALONE else 0.7) * sums[0]


@every_method
def test_a_stage_trains_what_it_claims_and_nothing_else(settings: dict[str, Any]) -> None:
    plan, tuned, cases = prepared(settings)
    carried = {name for name, _ in tuned.named_parameters() if name.startswith("exemplars.")}
    for stage_plan in plan.stages:
        before = everything(tuned)
        stage = stage_of(stage_plan, tuned, cases)
        list(stepped(stage, tuned, 3))
        moved = changed(before, tuned)
        adapter = {
            name
            for name in before
            if f".{stage_plan.adapter}." in name and ("lora_" in name or "modules_to_save" in name)
        }
        learning = [f"heads.{head.name}.{part}" for head in stage_plan.heads for part in stage_plan.head_parts]
        heads = {name for name in before if name.startswith(tuple(learning))}
        expected = (
            (adapter if stage_plan.trains_adapter else set())
            | heads
            | (carried if stage_plan.trains_exemplars else set())
        )
        assert moved == expected
        assert any("lora_A" in name for name in moved) == stage_plan.trains_adapter
        assert any("multi_modal_projector" in name for name in moved) == plan.needs.tunes_vlm_connector
        assert len(stage.tensors) == len(adapter | heads | carried)


def test_a_class_head_sees_the_cases_in_the_order_of_plain_tuning() -> None:
    plan, tuned, cases = prepared({"name": "head"})
    plain, classes = (stage_of(stage_plan, tuned, cases, batch_size=3) for stage_plan in plan.stages)
    assert plain.steps == classes.steps
    orders = [
        [[micro.names() for micro in stage.micro_batches(step)] for step in range(4)] for stage in (plain, classes)
    ]
    assert orders[0] == orders[1] and orders[0][0] != orders[0][1]


def test_the_exemplars_connector_is_trained_in_stage_1_and_frozen_in_stage_2() -> None:
    plan = Plan(*chosen(METHODS, {"name": "vitask"}, "name", "method"))
    assert {one.name: one.trains_exemplars for one in plan.stages} == {
        "vanilla": False,
        "stage-1": True,
        "stage-2": False,
    }


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ({"van": 1, "ep": 1, "rda": 1}, {"van": 1, "ep": 1, "rda": 1, "crt": 1})),
        ({"align": 0.5, "contrast": 2}, ({"van": 1, "ep": 1, "rda": 0.5}, {"van": 1, "ep": 1, "rda": 0.5, "crt": 2})),
        ({"align": 0}, ({"van": 1, "ep": 1}, {"van": 1, "ep": 1, "crt": 1})),
        ({"contrast": 0}, ({"van": 1, "ep": 1, "rda": 1}, {"van": 1, "ep": 1, "rda": 1})),
        ({"exemplar": False}, ({"van": 1}, {"van": 1, "crt": 1})),
    ],
)
def test_switches_take_losses_away(settings: dict[str, Any], expected: tuple[dict[str, float], ...]) -> None:
    plan = Plan(*chosen(METHODS, {"name": "vitask", "baseline": False} | settings, "name", "method"))
    assert tuple(dict(stage.wanted.weights) for stage in plan.stages) == expected


@every_method
def test_a_run_is_made_for_one_of_its_readers_and_measured_against_another(settings: dict[str, Any]) -> None:
    plan = Plan(*chosen(METHODS, settings, "name", "method"))
    tuned = {reader.name for reader in plan.readers if reader.adapter is not None}
    assert plan.aim.reader in tuned
    assert plan.aim.baseline in {reader.name for reader in plan.readers} - {plan.aim.reader}


@pytest.mark.parametrize(
    ("settings", "reader", "baseline"),
    [
        ({"name": "vanilla"}, "vanilla", "vlm"),
        ({"name": "vitask"}, "vitask+tsm", "vanilla"),
        ({"name": "vitask", "exemplar": False}, "vitask", "vanilla"),
        ({"name": "vitask", "baseline": False}, "vitask+tsm", "vlm"),
    ],
    ids=str,
)
def test_no_classifier_stands_for_a_tuned_model(settings: dict[str, Any], reader: str, baseline: str) -> None:
    aim = Plan(*chosen(METHODS, settings, "name", "method")).aim
    assert (aim.reader, aim.baseline) == (reader, baseline)


def test_plain_tuning_beside_it_has_as_many_epochs_as_both_stages() -> None:
    settings = {"name": "vitask", "stage_1_epochs": 2, "stage_2_epochs": 1.5}
    plan = Plan(*chosen(METHODS, settings, "name", "method"))
    assert [(one.name, one.epochs, one.length) for one in plan.stages] == [
        ("vanilla", 3.5, 2),
        ("stage-1", 2, 1),
        ("stage-2", 1.5, 1),
    ]
    assert [one.name for one in plan.readers] == ["vlm", "vanilla", "vitask", "vitask+tsm"]


@pytest.mark.parametrize(
    "settings",
    [
        *EVERY[:1],
        *(one for one in EVERY if one.keys() & KEPT_APART or one["name"] == "tpo"),
        *(one for one in EVERY if one["name"] == "discriminative" and one.keys() & {"soft_prompt", "next_token"}),
        {"name": "head"},
    ],
    ids=str,
)
def test_what_was_tuned_reads_the_same_after_saving_and_loading(settings: dict[str, Any], tmp_path: Path) -> None:
    plan, tuned, cases = prepared(settings)
    for stage_plan in plan.stages:
        list(stepped(stage_of(stage_plan, tuned, cases), tuned, 2))
    for name in dict.fromkeys(stage.adapter for stage in plan.stages):
        save_adapter(tuned.vlm, tmp_path / name, name)
    if tuned.exemplars is not None:
        tuned.exemplars.save(tmp_path / "connector.safetensors")
    fresh = build("internvl")
    for name in dict.fromkeys(stage.adapter for stage in plan.stages):
        load_adapter(fresh, tmp_path / name, name)
    exemplars = load_exemplars(tmp_path / "connector.safetensors", fresh.hidden_size) if tuned.exemplars else None
    save_heads(tuned.heads, tmp_path / "heads.safetensors")
    heads = load_heads(plan.heads, fresh.hidden_size, cases.joint_set.tasks, tmp_path / "heads.safetensors")
    again = Tuned(fresh, exemplars, heads).eval()
    store = FeatureStore(fresh, cases.items, cases.features.is_frozen, None)
    for reader in plan.readers:
        told = [
            read_places(model, known, range(8), [reader], 8)[reader.name]
            for model, known in ((tuned, cases), (again, replace(cases, features=store)))
        ]
        for one, other in zip(*told, strict=True):
            assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)
            assert one.said == other.said
    fixed = dict(build("internvl").base.named_parameters())
    for key, value in fresh.base.named_parameters():
        plain = key.replace(".base_layer", "").replace(".original_module", "")
        assert plain not in fixed or torch.equal(value, fixed[plain])


def test_reading_gives_memory_that_lies_in_pieces_back_from_time_to_time(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, tuned, cases = prepared({"name": "vanilla"})
    cases_read: list[int] = [0]
    given_back_after: list[int] = []
    monkeypatch.setattr("core.training.vlm_stage.give_back", lambda: given_back_after.append(cases_read[-1]))
    read_places(tuned.eval(), cases, range(8), plan.readers[:1], 1, cases_read.append)
    assert (given_back_after, cases_read[-1]) == ([0, 5], 8)


@pytest.mark.parametrize(
    "settings",
    [
        {"name": "vitask"},
        {"name": "vitask", "contrast_on": "first_distinguishing"},
        {"name": "vitask", "constant_prefix": True},
        {"name": "tpo"},
        {"name": "tpo", "exemplar": True, "contrast": 1},
        {"name": "discriminative"},
        {"name": "discriminative", "next_token": False},
        {"name": "head"},
    ],
    ids=str,
)
def test_the_step_is_the_same_however_it_is_cut_into_micro_batches(settings: dict[str, Any]) -> None:
    losses: dict[int, dict[str, float]] = {}
    weights: dict[int, dict[str, Tensor]] = {}
    for micro in (8, 4, 3, 2):
        plan, tuned, cases = prepared(settings)
        stage = stage_of(plan.stages[-1], tuned, cases, micro_batch_size=micro, clip=1000)
        (losses[micro],) = stepped(stage, tuned, 1)
        weights[micro] = {name: value for name, value in everything(tuned).items() if "lora_B" in name}
    for micro in (4, 3, 2):
        assert losses[micro] == pytest.approx(losses[8], rel=1e-5)
        for name, value in weights[micro].items():
            torch.testing.assert_close(value, weights[8][name], atol=2e-4, rtol=0)


@pytest.mark.parametrize("micro", [4, 2])
@pytest.mark.parametrize("settings", [{"name": "vitask"}, {"name": "discriminative"}], ids=str)
def test_accumulated_gradients_are_those_of_the_whole_batch(settings: dict[str, Any], micro: int) -> None:
    found = []
    for size in (8, micro):
        plan, tuned, cases = prepared(settings)
        stage = stage_of(plan.stages[-1], tuned, cases, micro_batch_size=size, clip=1000)
        for name, value in tuned.named_parameters():
            if "lora_B" in name:  # at its start, half of an adapter has no gradient
                torch.nn.init.normal_(value, std=0.05, generator=torch.Generator().manual_seed(len(name)))
        kept: dict[str, Tensor] = {}
        optimiser = new_optimiser(stage)
        optimiser.register_step_pre_hook(
            lambda *_, kept=kept, stage=stage: kept.update(
                {name: value.grad.clone() for name, value in stage.trained().items() if value.grad is not None}
            )
        )
        make_step(stage, 0, tuned, optimiser, accelerator())
        found.append(kept)
    assert found[0].keys() == found[1].keys() and len(found[0]) > 20
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("size", [8, 3, 2])
def test_every_case_is_contrasted_with_a_case_that_says_something_else_however_a_step_is_cut(size: int) -> None:
    plan, tuned, cases = prepared({"name": "vitask"})
    stage = stage_of(plan.stages[-1], tuned, cases, micro_batch_size=size)
    for step in range(4):
        batches = [micro.load()[0] for micro in stage.micro_batches(step)]
        assert [len(batch) for batch in batches] == {8: [8], 3: [3, 3, 2], 2: [2] * 4}[size]
        for batch in batches:
            for case, response in enumerate(batch.responses):
                assert batch.other_response(case) not in (None, response)
        assert stage.paired_share is not None and stage.paired_share(step) == 1.0


def test_a_step_of_one_answer_is_contrasted_with_training_cases_beside_it() -> None:
    """The two cases of a step say the same; without partners it would have no contrast."""
    plan, tuned, cases = prepared({"name": "vitask"})
    most_alike = [Item(0, replace(item.case, labels=("scar",))) for item in cases.items[:7]]
    rare = replace(cases, items=[*most_alike, cases.items[7]])
    stage = stage_of(plan.stages[-1], tuned, rare, batch_size=2)
    assert all("crt" in losses for losses in stepped(stage, tuned, 4))


def test_a_stage_without_contrast_has_no_partners() -> None:
    plan, tuned, cases = prepared({"name": "vitask"})
    stage = stage_of(plan.stages[1], tuned, cases)
    assert plan.stages[1].name == "stage-1" and stage.paired_share is None
    assert all(micro.load()[0].others == [None] * 8 for micro in stage.micro_batches(0))


def test_several_tsms_give_a_token_each() -> None:
    plan, tuned, cases = prepared({"name": "vitask", "baseline": False}, tsms=2)
    told = list(stepped(stage_of(plan.stages[0], tuned, cases), tuned, 2))
    assert all(math.isfinite(value) for one in told for value in one.values())
    questions = cases.questions([0, 1])
    with torch.no_grad():
        before = distributions(tuned.vlm, questions, tuned.exemplars, [True])[0]
        swapped = [replace(one, exemplars=[one.exemplars[0], -one.exemplars[1]]) for one in questions]
        after = distributions(tuned.vlm, swapped, tuned.exemplars, [True])[0]
    assert all(one.probabilities != other.probabilities for one, other in zip(before, after, strict=True))


def test_sharing_is_checked_on_cases_that_contradict_each_other_though_most_say_the_same() -> None:
    plan, tuned, cases = prepared({"name": "vitask"})
    alike = [Item(0, replace(item.case, labels=("scar",))) for item in cases.items[:7]]
    rare = replace(cases, items=[*alike, cases.items[7]])
    for seed in range(5):
        batch = first_batch(rare, plan.stages[-1], seed)
        assert len(batch) == 4 and any(other is not None for other in batch.others)
    assert sharing_gap(tuned, batch, plan.stages[-1]) < 1e-3


def test_of_a_loss_that_a_step_has_no_number_of_nothing_is_losses() -> None:
    plan, tuned, cases = prepared({"name": "vitask"})
    alike = replace(cases, items=[Item(0, replace(item.case, labels=("no",))) for item in cases.items])
    (losses,) = stepped(stage_of(plan.stages[-1], tuned, alike), tuned, 1)
    assert set(losses) == {"van", "ep", "rda"} == set(plan.stages[-1].wanted.weights) - {"crt"}


def test_sharing_can_be_checked_where_all_cases_say_the_same() -> None:
    plan, tuned, cases = prepared({"name": "vitask"})
    alike = replace(cases, items=[Item(0, replace(item.case, labels=("no",))) for item in cases.items])
    assert sharing_gap(tuned, first_batch(alike, plan.stages[-1], 0), plan.stages[-1]) < 1e-3


DEPARTING: dict[str, dict[str, Any]] = {
    "tpo": {},
    "vanilla": {"label_smoothing": 0.1, "tune_vlm_connector": True},
    "vitask": {
        "exemplar": False,
        "exemplars_of_training": "out_of_sample",
        "align": 0.5,
        "contrast": 2,
        "contrast_on": "first_distinguishing",
        "direction": "teacher_first",
        "stage_1_epochs": 0,
        "stage_2_epochs": 0,
        "freeze_connector": "never",
        "constant_prefix": True,
        "label_smoothing": 0.1,
        "tune_vlm_connector": True,
    },
    "discriminative": {"soft_prompt": False, "lora": False, "next_token": False},
    "head": {},
}
"""A value of each setting that leaves the printed recipe."""
PRINTED: dict[str, dict[str, Any]] = {
    "tpo": {
        "objects": 3,
        "labels": ["spot"],
        "masks": False,
        "mask_checkpoint": "a/sam2",
        "asked": 1,
        "routing_epochs": 2,
        "head_epochs": 2,
        "joint_epochs": 2,
        "exemplar": True,
        "align": 0.5,
        "contrast": 1,
        "rival": False,
        "control": True,
        "baseline": False,
    },
    "vanilla": {"epochs": 5, "tsm_in_words": "in_sample"},
    "vitask": {
        "stage_1_epochs": 3,
        "stage_2_epochs": 0.5,
        "baseline": False,
        "baseline_length": "tokens",
        "shuffled": True,
    },
    "discriminative": {"epochs": 5, "captions": "report", "caption_column": "words"},
    "head": {"epochs": 5, "baseline": False},
}
"""Values of which the paper is silent, or that change nothing about the method itself."""


def departures(name: str, **changed: Any) -> tuple[str, ...]:
    return Plan(*chosen(METHODS, {"name": name, **changed}, "name", "method")).departures


@every_method
def test_departures_are_told_in_sentences(settings: dict[str, Any]) -> None:
    told = Plan(*chosen(METHODS, settings, "name", "method")).departures
    assert isinstance(told, tuple) and len(set(told)) == len(told)
    for sentence in told:
        assert sentence[0].isupper() and sentence.endswith(".") and "as printed" in sentence


@pytest.mark.parametrize("name", METHODS)
def test_a_method_as_it_comes_departs_from_nothing(name: str) -> None:
    assert departures(name) == ()


@pytest.mark.parametrize(("name", "field"), [(name, field) for name in DEPARTING for field in DEPARTING[name]])
def test_a_setting_that_leaves_the_printed_recipe_is_told_of_in_one_sentence(name: str, field: str) -> None:
    assert len(departures(name, **{field: DEPARTING[name][field]})) == 1


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"align": 0}, "Alignment was left out"),
        ({"contrast": 0}, "Contrast was left out"),
        ({"align": 0.5}, "Alignment had weight 0.5"),
        ({"contrast": 2}, "Contrast had weight 2"),
        ({"stage_2_epochs": 0}, "Stage 2 was left out, and contrast with it"),
        ({"exemplar": False}, "Exemplar prompting was left out"),
    ],
    ids=str,
)
def test_what_was_left_out_or_weighed_is_named(changed: dict[str, Any], words: str) -> None:
    (sentence,) = departures("vitask", **changed)
    assert sentence.startswith(words)


PRINTED_FRAME: dict[str, Any] = {"schedule_over": "stage", "weights_kept": "last"}


def departures_in(training: dict[str, Any], tsms: int = 1, template: str = TEMPLATE, **changed: Any) -> tuple[str, ...]:
    plan = Plan(*chosen(METHODS, {"name": "vitask", **changed}, "name", "method"))
    task = Task(answers=("scar", "spot"), template=template)
    return plan.departures_in(Frame({"drawn": task}, TrainingSettings.parse(training, "training"), tsms))


def test_a_run_can_be_exactly_as_printed() -> None:
    assert departures_in(PRINTED_FRAME) == ()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"training": {"weights_kept": "last"}}, "One schedule of the learning rate ran over both stages"),
        ({"training": {"schedule_over": "stage"}}, "weights with the best macro F1 on validation cases"),
        ({"training": PRINTED_FRAME | {"schedule": "linear"}}, "schedule was linear"),
        ({"template": "What is it?\n{label set}"}, 'The question about drawn was not worded as printed: "What is it?'),
        ({"tsms": 2}, "2 TSMs gave an exemplar each"),
        ({"constant_prefix": True}, "One learned token"),
        ({"label_smoothing": 0.1}, "smoothed by 0.1"),
        ({"tune_vlm_connector": True}, "own connector was tuned"),
    ],
    ids=str,
)
def test_what_a_run_gives_to_its_method_is_held_against_the_print(changed: dict[str, Any], words: str) -> None:
    (sentence,) = departures_in(**{"training": PRINTED_FRAME} | changed)
    assert words in sentence and "\n" not in sentence and sentence.endswith(".") and "as printed" in sentence


def test_one_stage_has_one_schedule_whatever_it_is_over() -> None:
    (sentence,) = departures_in({"weights_kept": "last"}, stage_1_epochs=0)
    assert sentence.startswith("Stage 1 was left out")


@pytest.mark.parametrize(("name", "field"), [(name, field) for name in PRINTED for field in PRINTED[name]])
def test_a_setting_that_the_paper_leaves_open_is_no_departure(name: str, field: str) -> None:
    assert departures(name, **{field: PRINTED[name][field]}) == ()


@pytest.mark.parametrize("name", DEPARTING)
def test_it_is_decided_of_every_setting_whether_it_departs(name: str) -> None:
    module, _ = chosen(METHODS, {"name": name}, "name", "method")
    assert DEPARTING[name].keys() | PRINTED[name].keys() | {"name"} == module.Settings.model_fields.keys()

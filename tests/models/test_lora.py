"""Adapters by name on one loaded model: who is read with, what is trained, what a copy of the connector changes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from core.errors import ModelError
from core.models.lora import (
    LoraSettings,
    adapter_parameters,
    attach,
    connector_names,
    load_adapter,
    save_adapter,
    using,
)
from core.models.vlm import Vlm
from tests.contract.official import NAMES, ask, build, tiny


def adapted(*names: str, with_connector: bool = False) -> Vlm:
    vlm = build("internvl")
    for seed, name in enumerate(names):
        attach(vlm, LoraSettings(rank=2, dropout=0.0), name, with_connector)
        torch.manual_seed(seed)
        for parameter in adapter_parameters(vlm, name).values():
            with torch.no_grad():
                parameter.add_(torch.randn_like(parameter) * 0.05)
    return vlm


def answers(vlm: Vlm) -> Tensor:
    with torch.no_grad():
        return torch.cat(ask(vlm, [(image, "a scar", False) for image in range(3)]))


def trained(vlm: Vlm) -> set[str]:
    return {name for name, value in vlm.base.named_parameters() if value.requires_grad}


@pytest.mark.parametrize("with_connector", [False, True])
def test_each_adapter_answers_its_own_way_and_none_as_the_base(with_connector: bool) -> None:
    vlm, logits_of = adapted("one", "other", with_connector=with_connector), {}
    for name in ("one", "other", None):
        with using(vlm, name):
            logits_of[name] = answers(vlm)
    assert torch.equal(logits_of[None], answers(tiny("internvl")))
    assert float((logits_of["one"] - logits_of["other"]).abs().max()) > 1e-3
    assert float((logits_of["one"] - logits_of[None]).abs().max()) > 1e-3


@pytest.mark.parametrize("read", ["one", "other", None])
def test_after_reading_the_same_adapter_is_trained_as_before(read: str | None) -> None:
    vlm = adapted("one", "other", with_connector=True)
    vlm.peft.set_adapter("one")
    before = trained(vlm)
    assert before == set(adapter_parameters(vlm, "one"))
    with using(vlm, read):
        answers(vlm)
    assert vlm.peft.active_adapter == "one" and trained(vlm) == before


def test_reading_does_not_thaw_a_frozen_adapter() -> None:
    vlm = adapted("one")
    for value in adapter_parameters(vlm, "one").values():
        value.requires_grad_(False)
    with using(vlm, "one"):
        answers(vlm)
    assert trained(vlm) == set()


def test_the_parameters_of_an_adapter_are_its_own() -> None:
    vlm = adapted("one", "other", with_connector=True)
    own, other = adapter_parameters(vlm, "one"), adapter_parameters(vlm, "other")
    assert not own.keys() & other.keys() and len(own) == len(other)
    assert all("lora_" in name or "multi_modal_projector" in name for name in own)
    assert {"lora_A" in name for name in own} == {True, False}


@pytest.mark.parametrize("name", [name for name in NAMES if name != "starter"])
def test_every_family_has_a_connector_to_be_found(name: str) -> None:
    vlm = tiny(name)
    modules = dict(vlm.base.named_modules())
    decoder = {id(module) for module in vlm.base.get_decoder().modules()}
    (connector,) = connector_names(vlm)
    assert sum(value.numel() for value in modules[connector].parameters()) > 0
    assert not {id(module) for module in modules[connector].modules()} & decoder


def test_a_model_without_a_connector_is_told_which_setting_to_change() -> None:
    vlm = build("internvl")
    del vlm.base.model.multi_modal_projector
    with pytest.raises(ModelError, match=r"Set method\.tune_vlm_connector to false"):
        connector_names(vlm)


def test_a_tuned_connector_of_a_bfloat16_model_is_kept_to_the_last_bit(tmp_path: Path) -> None:
    vlm = build("internvl")
    vlm.base.bfloat16()
    attach(vlm, LoraSettings(rank=2), "tuned", with_connector=True)
    parameters = adapter_parameters(vlm, "tuned")
    assert {value.dtype for value in parameters.values()} == {torch.float32}
    with torch.no_grad():
        for value in parameters.values():
            value.add_(torch.randn_like(value) * 1e-4)  # less than bfloat16 can tell
    save_adapter(vlm, tmp_path, "tuned")
    fresh = build("internvl")
    fresh.base.bfloat16()
    load_adapter(fresh, tmp_path, "again")
    again = adapter_parameters(fresh, "again")
    for name, value in parameters.items():
        assert torch.equal(again[name.replace(".tuned", ".again")], value), name


def test_equal_adapters_are_equal_files(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        save_adapter(adapted("one", with_connector=True), tmp_path / folder, "one")
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_config.json"])
def test_a_damaged_adapter_is_told(name: str, tmp_path: Path) -> None:
    save_adapter(adapted("one"), tmp_path, "one")
    (tmp_path / name).write_bytes(b"damaged")
    with pytest.raises(ModelError):
        load_adapter(build("internvl"), tmp_path, "one")


def test_attention_only_leaves_the_other_layers_alone() -> None:
    vlm = build("internvl")
    attach(vlm, LoraSettings(rank=2, layers="attention"), "tuned")
    parts = {name.split(".")[-4] for name in adapter_parameters(vlm, "tuned")}
    assert parts == {"q_proj", "k_proj", "v_proj", "o_proj"}

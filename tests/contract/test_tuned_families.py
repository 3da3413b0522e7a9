"""Every family learns the same with and without a shared prefix, and what it learned survives saving and merging."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from core.catalog import FAMILIES, find
from core.errors import ModelError
from core.models.exemplar import Exemplars
from core.models.lora import (
    LoraSettings,
    adapter_parameters,
    attach,
    load_adapter,
    lora_targets,
    merged,
    save_adapter,
    using,
)
from core.models.vlm import Vlm
from core.training.response import Tuned, response_terms
from core.training.terms import ResponseBatch, aided_response, alignment, contrast, own_response
from core.training.wanted import Wanted
from tests.contract.official import NAMES, OLDER_QWEN, QUESTION, ask, build, pictures, tiny

# peft 0.21 asks transformers 5.23 by a name that it is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
every_family = pytest.mark.parametrize("name", NAMES)
WIDTH = 6


def adapted(name: str) -> Vlm:
    """With an adapter that is no longer at its start, where half of it would have no gradient."""
    vlm = build(name)
    attach(vlm, LoraSettings(rank=2, dropout=0.0), "tuned")
    for parameter in adapter_parameters(vlm, "tuned").values():
        nn.init.normal_(parameter, std=0.1)
    return vlm


def answers(vlm: Vlm) -> Tensor:
    with torch.no_grad():
        return torch.cat(ask(vlm, [(image, "a scar", False) for image in range(3)]))


def gradients(vlm: Vlm, exemplars: Exemplars, is_shared: bool) -> dict[str, Tensor]:
    """Of all of VITask's loss: three pictures of different sizes, two responses, each under another image too."""
    features = vlm.encode(pictures())
    prompts = [vlm.prompt(QUESTION, len(one.tokens)) for one in features]
    responses = [vlm.response(text) for text in ("a scar", "no", "a scar")]
    shown = torch.linspace(-1, 1, 3 * WIDTH).reshape(3, WIDTH).sin()
    batch = ResponseBatch(features, prompts, responses, [shown], [1, 2, 1])
    terms = {"van": own_response(), "ep": aided_response(), "rda": alignment(), "crt": contrast()}
    wanted = Wanted(dict.fromkeys(terms, 1.0), lambda: terms, is_shared)
    losses = response_terms(Tuned(vlm, exemplars), batch, wanted)
    parameters = dict(exemplars.named_parameters()) | adapter_parameters(vlm, "tuned")
    found = torch.autograd.grad(torch.stack([one.mean() for one in losses.values()]).sum(), list(parameters.values()))
    return dict(zip(parameters, found, strict=True))


@every_family
def test_a_shared_prefix_gives_the_same_gradients(name: str) -> None:
    vlm = adapted(name)
    exemplars = Exemplars([WIDTH], vlm.hidden_size)
    shared, plain = gradients(vlm, exemplars, True), gradients(vlm, exemplars, False)
    assert len(shared) > 4
    for key, gradient in plain.items():
        assert float(gradient.abs().max()) > 0, key
        assert float((shared[key] - gradient).abs().max() / gradient.abs().max()) < 1e-3, key


@every_family
def test_lora_takes_every_linear_layer_of_the_language_model_and_nothing_else(name: str) -> None:
    vlm = build(name)
    decoder = vlm.base.get_decoder()
    expected = {id(module) for module in decoder.modules() if isinstance(module, nn.Linear)}
    attach(vlm, LoraSettings(rank=2), "tuned")
    found = {id(module.base_layer) for module in vlm.base.modules() if hasattr(module, "base_layer")}
    assert found == expected
    assert len(found) == 7 * vlm.text_config.num_hidden_layers


def test_a_language_model_without_linear_layers_cannot_be_tuned() -> None:
    vlm = build("internvl")
    for layer in vlm.base.get_decoder().layers:
        layer.self_attn, layer.mlp = nn.Identity(), nn.Identity()
    with pytest.raises(ModelError, match="No linear layer of tiny internvl"):
        lora_targets(vlm)


@every_family
def test_an_adapter_says_the_same_after_saving_and_loading(name: str, tmp_path: Path) -> None:
    vlm = adapted(name)
    before = answers(vlm)
    save_adapter(vlm, tmp_path, "tuned")
    fresh = build(name)
    assert float((answers(fresh) - before).abs().max()) > 1e-2
    load_adapter(fresh, tmp_path, "again")
    with using(fresh, "again"):
        torch.testing.assert_close(answers(fresh), before, atol=1e-5, rtol=0)
    with using(fresh, None):
        torch.testing.assert_close(answers(fresh), answers(tiny(name)), atol=0, rtol=0)


@every_family
def test_a_merged_model_says_the_same(name: str) -> None:
    vlm = adapted(name)
    before = answers(vlm)
    vlm.base = merged(vlm, "tuned")
    assert not any("lora" in key for key, _ in vlm.base.named_parameters())
    torch.testing.assert_close(answers(vlm), before, atol=1e-4, rtol=0)


def saved(vlm: Vlm, folder: Path) -> Path:
    for part in (vlm.base, vlm.tokenizer, vlm.image_processor):
        part.save_pretrained(folder)
    return folder


def opened(family: str, folder: Path, **more: Any) -> Vlm:
    module = find(FAMILIES, family, "family")
    settings = module.Settings(**{"checkpoint": str(folder), "dtype": "float32", "attention": "eager"} | more)
    vlm: Vlm = module.load(settings)
    return vlm


@every_family
def test_a_saved_folder_opens_with_equal_answers(name: str, tmp_path: Path) -> None:
    vlm = tiny(name)
    more = {"image_tokens": 6} if name.startswith("qwen") else {}
    again = opened("qwen_vl" if name == OLDER_QWEN else name, saved(vlm, tmp_path), **more)
    torch.testing.assert_close(answers(again), answers(vlm), atol=1e-6, rtol=0)
    assert not any(parameter.requires_grad for parameter in again.base.parameters())


@every_family
def test_reading_fuses_attention_and_says_what_eager_attention_says(name: str) -> None:
    vlm = build(name)
    before = answers(vlm)
    with vlm.reading():
        fused = "eager" if name == "paligemma" else "sdpa"  # its language model caps scores, which only eager does
        assert vlm.text_config._attn_implementation == fused
        torch.testing.assert_close(answers(vlm), before, atol=1e-4, rtol=0)
    assert vlm.text_config._attn_implementation == "eager"


def test_a_reading_that_breaks_off_leaves_training_its_attention() -> None:
    vlm = build("internvl")
    with pytest.raises(KeyboardInterrupt), vlm.reading():
        raise KeyboardInterrupt
    assert vlm.text_config._attn_implementation == "eager"


@pytest.mark.parametrize(("asked", "used"), [("eager", "eager"), ("auto", "sdpa"), ("sdpa", "sdpa")])
def test_eager_attention_asked_for_by_name_serves_reading_too(asked: str, used: str, tmp_path: Path) -> None:
    vlm = opened("internvl", saved(tiny("internvl"), tmp_path), attention=asked)
    with vlm.reading():
        assert vlm.text_config._attn_implementation == used


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "starter"])
def test_auto_opens_a_checkpoint_by_the_family_that_knows_it(name: str, tmp_path: Path) -> None:
    vlm = opened("auto", saved(tiny(name), tmp_path))
    assert vlm.anatomy is find(FAMILIES, name, "family").ANATOMY

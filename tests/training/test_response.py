"""Batches of responses: which tokens count, and what a step adds up to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from core.models.exemplar import Exemplars
from core.models.vlm import Vlm
from core.training.losses import alignment_losses, contrast_losses, response_losses
from core.training.response import Tuned, counts, response_terms
from core.training.settings import ContrastOn
from core.training.terms import Guests, ResponseBatch, aided_response, alignment, contrast, contrasted, own_response
from core.training.wanted import Wanted
from tests.contract.official import ask, build, pictures, tiny

ALL = {"van": 1.0, "ep": 1.0, "rda": 1.0, "crt": 1.0}


def of_vitask(
    weights: dict[str, float] = ALL, contrast_on: ContrastOn = "all", smoothing: float = 0.0, is_shared: bool = True
) -> Wanted:
    terms = {
        "van": own_response(smoothing),
        "ep": aided_response(),
        "rda": alignment(),
        "crt": contrast(contrast_on),
    }
    return Wanted(weights, lambda: terms, is_shared)


ANSWERS = ("a scar", "no", "a scan")


def light(responses: Sequence[tuple[int, ...]], others: Sequence[int | None]) -> ResponseBatch:
    return ResponseBatch([], [], responses, [], others)


def batch(vlm: Vlm, others: Sequence[int | None] = (1, 2, 0), answers: Sequence[str] = ANSWERS) -> ResponseBatch:
    features = vlm.encode(pictures())
    prompts = [vlm.prompt("What is this?", len(one.tokens)) for one in features]
    exemplars = [torch.linspace(-1, 1, 12).reshape(3, 4).sin()]
    return ResponseBatch(features, prompts, [vlm.response(one) for one in answers], exemplars, others)


def tuned(vlm: Vlm) -> Tuned:
    return Tuned(vlm, Exemplars([4], vlm.hidden_size))


def test_contrast_takes_all_tokens_or_the_first_that_tells_apart() -> None:
    said = light([(4, 5, 6, 9), (4, 7, 9), (4, 5, 9), (8, 9)], [2, 0, 0, None])
    assert contrasted(said, "all") == [range(4), range(3), range(3), range(0)]
    assert contrasted(said, "first_distinguishing") == [range(2, 3), range(1, 2), range(2, 3), range(0)]
    beside = replace(light([(4, 5, 9)], [1]), guests=Guests(responses=[(4, 5, 6, 9)]))
    assert (contrasted(beside, "all"), contrasted(beside, "first_distinguishing")) == ([range(3)], [range(2, 3)])


@pytest.mark.parametrize("name", ["internvl", "qwen_vl", "paligemma"])
@pytest.mark.parametrize("is_shared", [True, False], ids=["shared", "plain"])
def test_a_guest_contradicts_as_it_would_as_a_case(name: str, is_shared: bool) -> None:
    """Two cases whose others stand outside the batch, against the same two in a batch of three."""
    vlm, model = tiny(name), tuned(tiny(name))
    whole = batch(vlm, others=(2, 2, None))
    parted = ResponseBatch(
        whole.features[:2],
        whole.prompts[:2],
        whole.responses[:2],
        [whole.exemplars[0][:2]],
        others=(2, 2),
        guests=Guests(whole.features[2:], whole.prompts[2:], whole.responses[2:]),
    )
    wanted = of_vitask({"crt": 1.0, "ep": 1.0}, is_shared=is_shared)
    with torch.no_grad():
        expected, losses = response_terms(model, whole, wanted), response_terms(model, parted, wanted)
    assert len(losses["crt"]) == counts(parted, wanted)["crt"] == len(expected["crt"])
    torch.testing.assert_close(losses["crt"], expected["crt"], atol=1e-4, rtol=0)
    torch.testing.assert_close(losses["ep"], expected["ep"][: len(losses["ep"])], atol=1e-4, rtol=0)


@pytest.mark.parametrize("contrast_on", ["all", "first_distinguishing"])
@pytest.mark.parametrize("others", [(1, 2, 0), (1, None, 0), (None, None, None)])
def test_counts_are_the_lengths_of_what_is_returned(contrast_on: Any, others: tuple[int | None, ...]) -> None:
    made = batch(tiny("internvl"), others)
    wanted = of_vitask(contrast_on=contrast_on)
    losses = response_terms(tuned(tiny("internvl")), made, wanted)
    assert {name: len(values) for name, values in losses.items()} == counts(made, wanted)
    assert all(torch.isfinite(values).all() for values in losses.values())


@pytest.mark.parametrize("name", ["internvl", "qwen_vl", "paligemma"])
@pytest.mark.parametrize("is_shared", [True, False], ids=["shared", "plain"])
def test_terms_are_the_losses_of_separate_passes(name: str, is_shared: bool) -> None:
    """Pictures of three shapes: with Qwen-VL another case's image is of another number of tokens."""
    vlm, others = tiny(name), (1, 2, 0)
    made = batch(vlm, others)
    model = tuned(vlm)
    with torch.no_grad():
        found = response_terms(model, made, of_vitask(is_shared=is_shared))
        embedded = Exemplars.forward(model.exemplars, made.exemplars, 3)  # type: ignore[arg-type]
        z_o = one_by_one(vlm, [(case, text, False) for case, text in enumerate(ANSWERS)])
        z_e = one_by_one(vlm, [(case, text, True) for case, text in enumerate(ANSWERS)], embedded)
        z_n = one_by_one(vlm, [(others[case], text, False) for case, text in enumerate(ANSWERS)])
    targets = torch.tensor([token for one in made.responses for token in one])
    expected = {
        "van": response_losses(z_o, targets),
        "ep": response_losses(z_e, targets),
        "rda": alignment_losses(z_o, z_e),
        "crt": contrast_losses(z_o, z_n, targets),
    }
    for term, values in expected.items():
        torch.testing.assert_close(found[term], values, atol=1e-3, rtol=0)


def one_by_one(vlm: Vlm, asked: list[tuple[int, str, bool]], exemplars: Tensor | None = None) -> Tensor:
    return torch.cat([ask(vlm, [one], exemplars, is_shared=False)[0] for one in asked])


def test_only_what_is_wanted_is_returned() -> None:
    made = batch(tiny("internvl"))
    for weights in ({"van": 1.0}, {"van": 1.0, "ep": 1.0}, {"rda": 1.0}, {"ep": 2.0}, {"van": 1.0, "crt": 1.0}):
        assert response_terms(tuned(tiny("internvl")), made, of_vitask(weights)).keys() == weights.keys()


def test_alignment_gives_the_exemplars_connector_no_gradient() -> None:
    model = tuned(build("internvl"))
    assert model.exemplars is not None
    connector = list(model.exemplars.parameters())
    model.base.get_output_embeddings().weight.requires_grad_(True)
    losses = response_terms(model, batch(model.vlm), of_vitask({"rda": 1.0, "ep": 1.0}))
    losses["rda"].sum().backward(retain_graph=True)
    assert not any(value.grad is not None and bool(value.grad.any()) for value in connector)
    losses["ep"].sum().backward()
    assert all(value.grad is not None and bool(value.grad.any()) for value in connector)


def test_smoothing_softens_the_response_without_exemplar_only() -> None:
    model, made = tuned(tiny("internvl")), batch(tiny("internvl"))
    plain = response_terms(model, made, of_vitask())
    smooth = response_terms(model, made, of_vitask(smoothing=0.2))
    assert not torch.allclose(plain["van"], smooth["van"])
    assert torch.equal(plain["ep"], smooth["ep"])

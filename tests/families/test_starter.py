"""The model that ships with the project opens, and is one that the project's way of asking is exact on."""

from __future__ import annotations

import torch

from core.families import auto, starter
from tests.contract.official import ask, official_logits, pictures


def test_the_bundled_starter_answers_alike_with_and_without_a_shared_prefix() -> None:
    vlm = starter.load(starter.Settings(dtype="float32", attention="eager"))
    assert vlm.name == "starter"
    questions = [(image, answer, False) for image in range(3) for answer in ("a scar", "no")]
    with torch.no_grad():
        shared, plain = torch.cat(ask(vlm, questions)), torch.cat(ask(vlm, questions, is_shared=False))
    torch.testing.assert_close(shared, plain, atol=1e-3, rtol=0)
    torch.testing.assert_close(
        plain[:3], official_logits("starter", vlm, pictures()[0], "a scar")[:3], atol=1e-3, rtol=0
    )


def test_auto_lays_out_the_starters_prompts_as_the_starter_does() -> None:
    """Its template writes the markers that other InternVL templates leave to a processor: they must not be doubled."""
    folder = str(starter.WEIGHTS)
    by_auto = auto.load(auto.Settings(checkpoint=folder, dtype="float32"))
    own = starter.load(starter.Settings(checkpoint=folder, dtype="float32"))
    assert by_auto.prompt("What is this?", 16) == own.prompt("What is this?", 16)

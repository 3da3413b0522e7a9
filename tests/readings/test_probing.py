"""Probes over one prefix give what each of them gives alone."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from core.case import Case, Task
from core.catalog import FAMILIES
from core.models.vlm import Vlm
from core.readings.distribution import Asking, log_likelihoods
from core.readings.embedder import Embedder
from core.readings.probing import DESCRIBE, likeness, replies
from core.sets.sentences import CaptionPair, CaseProbes, PresenceQuestion
from tests.contract.official import tiny
from tests.sets.test_facts import Nothing

TASK = Task(answers=("cat", "owl"))
QUESTION = PresenceQuestion("cat", True, "Is there a cat?", "Is there no cat?")
PROBED = [
    CaseProbes(
        Case("a", Nothing(), ()),
        (CaptionPair("size", "The eye is large.", "The eye is small."), CaptionPair("side", "Left.", "Right.")),
        (QUESTION,),
    ),
    CaseProbes(Case("b", Nothing(), ()), (), (QUESTION, PresenceQuestion("owl", False, "Is there an owl?", "No owl?"))),
]


def alone(vlm: Vlm, question: Asking, instruction: str, answer: str) -> float:
    """How likely the answer is in a plain pass of its own."""
    asking = Asking(question.task, question.features, question.exemplars, instruction)
    was_shared, vlm.shares_prefix = vlm.shares_prefix, False
    try:
        (way,) = log_likelihoods(vlm, [asking], None, [False], [[answer]])
    finally:
        vlm.shares_prefix = was_shared
    return sum(way.of_tokens[0][0])


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "auto"])
def test_replies_over_one_prefix_are_those_of_plain_passes(name: str) -> None:
    vlm = tiny(name)
    with torch.no_grad():
        features = vlm.encode([Image.new("RGB", (28, 28), "red"), Image.radial_gradient("L").resize((28, 28))])
        (heard,) = replies(vlm, features, None, [False], PROBED)
        for image, probes, of_case in zip(features, PROBED, heard, strict=True):
            question = Asking(TASK, image)
            for pair, scores in zip(probes.pairs, of_case.scores, strict=True):
                expected = [alone(vlm, question, DESCRIBE, text) for text in (pair.true, pair.false)]
                assert scores == pytest.approx(expected, abs=1e-3)
            for about, leanings in zip(probes.questions, of_case.leanings, strict=True):
                expected = [
                    alone(vlm, question, way, "yes") - alone(vlm, question, way, "no")
                    for way in (about.question, about.opposite)
                ]
                assert leanings == pytest.approx(expected, abs=1e-3)
    assert [len(of_case.scores) for of_case in heard] == [2, 0]
    assert [len(of_case.leanings) for of_case in heard] == [1, 2]


def test_a_reader_that_embeds_scores_a_caption_by_its_cosine_to_the_picture() -> None:
    vlm = tiny("internvl")
    torch.manual_seed(0)
    embedder = Embedder(vlm.hidden_size, has_soft_prompts=True)
    embedder.begin(vlm)
    with torch.no_grad():
        features = vlm.encode([Image.new("RGB", (28, 28), "red"), Image.radial_gradient("L").resize((28, 28))])
        heard = likeness(vlm, embedder, features, PROBED)
        (picture,) = embedder.pictures(vlm, features[:1])
        for pair, scores in zip(PROBED[0].pairs, heard[0].scores, strict=True):
            expected = [float(embedder.texts(vlm, [text])[0] @ picture) for text in (pair.true, pair.false)]
            assert scores == pytest.approx(expected, abs=1e-4) and abs(scores[0] - scores[1]) > 1e-3
    assert [(len(of_case.scores), len(of_case.leanings)) for of_case in heard] == [(2, 0), (0, 0)]
    assert likeness(vlm, embedder, features[1:], PROBED[1:]) == heard[1:]

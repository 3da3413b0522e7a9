"""What a reader says to probes: which of two captions it finds likelier, and whether it says yes to a question and
to its opposite. All that is asked about a picture is asked over one prefix.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from core.models.shared_prefix import Branches
from core.models.vlm import ImageFeatures, Vlm
from core.readings.distribution import token_log_likelihoods
from core.readings.embedder import Embedder
from core.sets.sentences import CaptionPair, CaseProbes, PresenceQuestion

DESCRIBE = "Describe this picture in one sentence."
YES, NO = "yes", "no"
Exchange = tuple[str, str]
"""An instruction, and an answer to it."""


@dataclass(frozen=True)
class ProbeReplies:
    """Of one reader to one case: scores of the true and the false caption of every pair, of which the higher one wins;
    how much likelier yes is than no (a difference of log-likelihoods) to every question and to its opposite."""

    scores: tuple[tuple[float, float], ...]
    leanings: tuple[tuple[float, float], ...] = ()
    """Of a reader that can't be asked anything, none."""


def replies(
    vlm: Vlm,
    images: Sequence[ImageFeatures],
    embedded: Tensor | None,
    with_exemplar: Sequence[bool],
    probed: Sequence[CaseProbes],
) -> list[list[ProbeReplies]]:
    """For every way of reading, the replies to all probes of every case.

    A caption's score is the log-likelihood of its tokens as an answer to DESCRIBE. Nothing is divided by length: the
    captions of a pair differ in one word, which a tokenizer may still cut into more pieces than the other one's.
    """
    branches = Branches(vlm, images, embedded, vlm.shares_prefix)
    slots, tokens, lengths = list[int](), list[int](), list[int]()
    for way in with_exemplar:
        for number, (image, probes) in enumerate(zip(images, probed, strict=True)):
            for instruction, answer in _exchanges(probes):
                response = vlm.response(answer)
                slots += branches.add(number, vlm.prompt(instruction, image.tokens.shape[0]), response, way)
                tokens += response
                lengths.append(len(response))
    if not tokens:  # of none of these cases anything is certain
        return [[ProbeReplies(()) for _ in probed] for _ in with_exemplar]
    with torch.no_grad():
        likely = iter(token_log_likelihoods(vlm, branches.hidden(), slots, tokens))
    scores = iter([sum(islice(likely, length)) for length in lengths])
    return [
        [_of_case(probes, list(islice(scores, len(_exchanges(probes))))) for probes in probed] for _ in with_exemplar
    ]


def likeness(
    vlm: Vlm, embedder: Embedder, images: Sequence[ImageFeatures], probed: Sequence[CaseProbes]
) -> list[ProbeReplies]:
    """The replies of a reader that lays pictures and words into one space: a caption's score is its cosine to the
    picture. It can't be asked questions."""
    captions = [[caption for pair in probes.pairs for caption in _captions(pair)] for probes in probed]
    texts = list(dict.fromkeys(caption for of_case in captions for caption in of_case))
    if not texts:
        return [ProbeReplies(()) for _ in probed]
    with torch.no_grad():
        pictures = embedder.pictures(vlm, images)
        words = dict(zip(texts, embedder.texts(vlm, texts), strict=True))
        return [
            ProbeReplies(tuple(_in_twos([float(words[caption] @ picture) for caption in of_case])))
            for picture, of_case in zip(pictures, captions, strict=True)
        ]


def _exchanges(probes: CaseProbes) -> list[Exchange]:
    captions = [(DESCRIBE, caption) for pair in probes.pairs for caption in _captions(pair)]
    answers = [(question, answer) for about in probes.questions for question in _ways(about) for answer in (YES, NO)]
    return captions + answers


def _captions(pair: CaptionPair) -> tuple[str, str]:
    return pair.true, pair.false


def _ways(about: PresenceQuestion) -> tuple[str, str]:
    return about.question, about.opposite


def _of_case(probes: CaseProbes, scores: Sequence[float]) -> ProbeReplies:
    """The scores of its exchanges, in their order."""
    captions = 2 * len(probes.pairs)
    leanings = [yes - no for yes, no in _in_twos(scores[captions:])]
    return ProbeReplies(tuple(_in_twos(scores[:captions])), tuple(_in_twos(leanings)))


def _in_twos(numbers: Sequence[float]) -> Iterator[tuple[float, float]]:
    return zip(numbers[::2], numbers[1::2], strict=True)

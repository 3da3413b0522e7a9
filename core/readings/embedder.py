"""Pictures and words in one space (arXiv 2412.04378): the last-layer state in which each ends, of unit length.

A picture is [image + image prompt], a text [text + text prompt] through the language model alone. With soft prompts the
embeddings of both prompts' tokens are learned, from those of the words below (ours, as are they: the paper is silent).

Axes: B pictures or texts, K learned tokens, H hidden size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from core.case import NO_FINDING
from core.models.shared_prefix import Branches, learned_token
from core.models.vlm import ImageFeatures, Prompt, Vlm
from core.readings.answer import Answer
from core.readings.distribution import Asking
from core.readings.head import Head
from core.sets.captions import called

OF_IMAGE = "Summarize the provided image in one word."
OF_TEXT = "Summarize the provided text in one word."
FIRST_SCALE, LARGEST_SCALE = 1 / 0.07, 100.0
"""One over the temperature: where it begins (ours), and where it is held, as CLIP's."""


class Embedder(Head):
    """The learned parts: the soft prompts, those of images first, and the logarithm of the scale of cosines."""

    def __init__(self, hidden_size: int, has_soft_prompts: bool) -> None:
        super().__init__(nn.Identity())
        self.has_soft_prompts = has_soft_prompts
        self.log_scale = nn.Parameter(torch.tensor(math.log(FIRST_SCALE)))
        self.prompts = nn.Parameter(torch.empty(0, hidden_size)) if has_soft_prompts else None

    def begin(self, vlm: Vlm) -> None:
        """Soft prompts start as the words that they stand for."""
        if self.has_soft_prompts:
            spelled = torch.tensor([*_tail(vlm, OF_IMAGE), *_tail(vlm, OF_TEXT)], device=vlm.device)
            self.prompts = nn.Parameter(vlm.embed(spelled).detach().float().clone())

    def _load_from_state_dict(self, state_dict: Mapping[str, Tensor], prefix: str, *rest: object) -> None:
        """How many tokens the prompts have depends on the model that they were learned with."""
        kept = state_dict.get(f"{prefix}prompts")
        if self.has_soft_prompts and kept is not None:
            self.prompts = nn.Parameter(torch.empty_like(kept))
        super()._load_from_state_dict(state_dict, prefix, *rest)

    @property
    def tokens(self) -> Tensor | None:
        """The soft prompts are the learned tokens of this head."""
        return self.prompts

    @property
    def scale(self) -> Tensor:
        return self.log_scale.exp().clamp(max=LARGEST_SCALE)

    def pictures(self, vlm: Vlm, features: Sequence[ImageFeatures]) -> Tensor:
        """[B, H]"""
        branches = Branches(vlm, features, None, vlm.shares_prefix, self.tokens)
        slots = []
        for number, image in enumerate(features):
            prompt = picture_prompt(vlm.prompt(OF_IMAGE, image.tokens.shape[0]), self.has_soft_prompts)
            slots += branches.add(number, prompt, (vlm.end_token,))
        return of_unit_length(branches.hidden()[slots])

    def texts(self, vlm: Vlm, texts: Sequence[str]) -> Tensor:
        """[B, H]"""
        branches = Branches(vlm, (), None, vlm.shares_prefix, self.tokens)
        slots = [branches.add_text(text_tokens(vlm, text, self.has_soft_prompts))[0] for text in texts]
        return of_unit_length(branches.hidden()[slots])


def picture_prompt(prompt: Prompt, is_soft: bool) -> Prompt:
    """The image prompt itself, or learned tokens in the place of each of its own."""
    return Prompt(prompt.head, tuple(map(learned_token, range(len(prompt.tail))))) if is_soft else prompt


def text_tokens(vlm: Vlm, text: str, is_soft: bool) -> tuple[int, ...]:
    """A text with the text prompt after it."""
    tail = _tail(vlm, OF_TEXT)
    before = len(_tail(vlm, OF_IMAGE))
    return (*vlm.text(text), *(map(learned_token, range(before, before + len(tail))) if is_soft else tail))


def of_unit_length(states: Tensor) -> Tensor:
    """In float32, whatever the model calculates in."""
    with torch.autocast(states.device.type, enabled=False):
        return normalize(states.float(), dim=-1)


def by_cosine(vlm: Vlm, embedder: Embedder, questions: Sequence[Asking]) -> list[Answer]:
    """A softmax over the cosines of each picture with what every answer is called, by the learned scale.

    Of several labels each is held against that there is no finding, two by two.
    """
    phrases = list(dict.fromkeys(phrase for question in questions for phrase in _phrases(question)))
    with torch.no_grad():
        pictures = embedder.pictures(vlm, [question.features for question in questions])
        words = dict(zip(phrases, embedder.texts(vlm, phrases), strict=True))
        scale = float(embedder.scale)
        answers = []
        for picture, question in zip(pictures, questions, strict=True):
            scores = scale * torch.stack([words[phrase] for phrase in _phrases(question)]) @ picture
            if question.task.kind == "multi":
                likely = torch.sigmoid(scores[:-1] - scores[-1])
                if NO_FINDING in question.task.answers:  # held against itself it would be one half, always
                    place = question.task.answers.index(NO_FINDING)
                    likely[place] = 1 - torch.cat([likely[:place], likely[place + 1 :]]).max()
            else:
                likely = scores.double().softmax(0)
            answers.append(Answer(tuple(likely.tolist())))
    return answers


def _phrases(question: Asking) -> list[str]:
    """What the candidate answers are called; where there may be several, that there is none goes last."""
    alone = [called(question.task, (answer,)) for answer in question.task.answers]
    return [*alone, called(question.task, ())] if question.task.kind == "multi" else alone


def _tail(vlm: Vlm, instruction: str) -> tuple[int, ...]:
    """What stands after the image: the same for every image."""
    return vlm.prompt(instruction, 1).tail

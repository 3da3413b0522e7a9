"""The index of a run: made when it ends, made anew where it is missing, and asked by words, by a picture, by a case."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from PIL import Image

from core.case import SPLITS
from core.errors import RunError, SettingsError
from core.models.features import FeatureStore
from core.models.lora import using
from core.models.vlm import ImageFeatures
from core.readings.embedder import Embedder, text_tokens
from core.readings.nearest import Floats, Index, Indexed, from_parts, load_index
from core.readings.retrieval import KIND, retrieval_figures
from core.runs.opened import Opened
from core.runs.prepare import open_images
from core.runs.runfile import Run
from core.training.method import ReaderPlan
from core.training.response import Tuned
from core.training.vlm_stage import RunCases

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Space:
    """A tuned model as the one that lays pictures and words into one space."""

    tuned: Tuned
    plan: ReaderPlan

    @property
    def embedder(self) -> Embedder:
        assert self.plan.embedder is not None
        return cast(Embedder, self.tuned.heads[self.plan.embedder.name])

    def pictures(self, features: Sequence[ImageFeatures]) -> Floats:
        with using(self.tuned.vlm, self.plan.adapter), torch.no_grad(), self.tuned.vlm.reading():
            return _floats(self.embedder.pictures(self.tuned.vlm, features))

    def words(self, texts: Sequence[str]) -> Floats:
        vlm = self.tuned.vlm
        for text in texts:
            length = len(text_tokens(vlm, text, self.embedder.has_soft_prompts))
            if vlm.window is not None and length > vlm.window:
                raise SettingsError(
                    f"The words that are searched for make {length:,} tokens, but {vlm.name} sees {vlm.window:,} at "
                    "once. Use fewer words."
                )
        with using(vlm, self.plan.adapter), torch.no_grad(), vlm.reading():
            return _floats(self.embedder.texts(vlm, texts))


def searching_plan(run: Run) -> ReaderPlan | None:
    """The reader of a run that lays pictures and words into one space, where it has one."""
    return next((plan for plan in run.plan.readers if plan.embedder is not None), None)


def index_cases(space: Space, cases: RunCases, batch_size: int, progress: Progress = lambda done: None) -> Index:
    """Where all cases of a run lie, whatever their split."""

    def parts() -> Any:
        for start in range(0, len(cases.items), batch_size):
            items = cases.items[start : start + batch_size]
            places = range(start, start + len(items))
            rows = [Indexed.of(item.case, cases.joint_set.sets[item.set].name) for item in items]
            yield space.pictures(cases.features.of(places)), rows
            progress(start + len(items))

    return from_parts(parts())


def add_recall(results: dict[str, Any], space: Space, cases: RunCases, index: Index, draws: int, seed: int) -> None:
    """Puts into a run's figures how well test pictures find their captions and captions their pictures."""
    for number, image_set in enumerate(cases.joint_set.sets):
        places = [place for place in cases.places("test") if cases.items[place].set == number]
        tested = [cases.items[place].case for place in places]
        captions = [spelled.short for spelled in cases.captions(places)]
        distinct = list(dict.fromkeys(captions))
        vector_of = dict(zip(distinct, _in_parts(space.words, distinct), strict=True))
        words = np.stack([vector_of[caption] for caption in captions])
        patients = [case.patient for case in tested]
        figures = retrieval_figures(space.plan.name, index.vectors[places], words, captions, patients, draws, seed)
        of_set = results["sets"][image_set.name] if results.get("sets") else results
        of_set["statements"] = {**(of_set.get("statements") or {}), KIND: figures}


@dataclass(frozen=True)
class Searchable:
    """An opened run with its index."""

    space: Space
    index: Index

    def of_words(self, text: str) -> Floats:
        """The vector of some words."""
        if not text.strip():
            raise SettingsError("No words were given to search for. Describe what the pictures should show.")
        vector: Floats = self.space.words([text])[0]
        return vector

    def of_picture(self, picture: Image.Image) -> Floats:
        vector: Floats = self.space.pictures(self.space.tuned.vlm.encode([picture]))[0]
        return vector

    def case(self, name: str) -> int:
        """The row of the case of this name, in whichever set of the run."""
        rows = (row for row, each in enumerate(self.index.indexed) if each.case == name)
        row = next(rows, None)
        if row is None:
            raise RunError(f'The index of the run has no case "{name}". Choose one of its images.')
        return row


def searchable(opened: Opened, progress: Progress = lambda done: None, images: str | None = None) -> Searchable:
    """The index as the run kept it, or made anew from its images and kept; `images` says where these lie now."""
    plan = searching_plan(opened.run)
    if plan is None:
        raise RunError(
            f"The run in {opened.folder.path} can't be searched: its method ({opened.run.plan.method.TITLE}) makes no "
            "index. Tune one by the method discriminative."
        )
    space, kept = Space(opened.tuned, plan), opened.folder.index
    if kept.is_file():
        return Searchable(space, load_index(kept))
    settings = opened.run.settings
    moved = settings if images is None else settings.model_copy(update={"images": images})
    joint_set = open_images(replace(opened.run, settings=moved))
    items = [item for split in SPLITS for item in joint_set.items(split)]
    cases = RunCases(joint_set, items, FeatureStore(opened.tuned.vlm, items, True, None), ())
    index = index_cases(space, cases, settings.reading.batch_size, progress)
    with suppress(OSError):  # somebody else's folder: it is made again the next time
        index.save(kept)
    return Searchable(space, index)


def _in_parts(embed: Callable[[Sequence[str]], Floats], texts: Sequence[str], size: int = 256) -> Floats:
    return np.concatenate([embed(texts[start : start + size]) for start in range(0, len(texts), size)])


def _floats(vectors: torch.Tensor) -> Floats:
    floats: Floats = vectors.float().cpu().numpy()
    return floats

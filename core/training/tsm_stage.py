"""A TSM in the training loop, and what it says of the cases of a run once it is trained."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from core.case import Task
from core.machine.precision import Precision
from core.models.features import FeatureStore
from core.models.seeing_tsm import SeeingTsm
from core.models.tsm import Tsm, TsmTraining, tsm_losses, tsm_probabilities
from core.models.vlm import Vlm
from core.readings.results import quick_figures
from core.sets.joint import Item, JointSet, pictures, shared_answers
from core.training.batches import Batches
from core.training.loop import Stage
from core.training.settings import Monitor, TrainingSettings

CHUNK = 256


class Pictures:
    """The cases of a run as a TSM takes them, prepared once: a few kilobytes each.

    `seen` is what the VLM's frozen encoder sees in these cases: a TSM that looks through it reads it there.
    """

    def __init__(self, tsm: Tsm, items: Sequence[Item], seen: FeatureStore | None = None) -> None:
        self.items = items
        places = range(len(items))
        parts = [self._prepared(tsm, places[start : start + CHUNK], seen) for start in range(0, len(items), CHUNK)]
        self.pixels = torch.cat(parts)

    def _prepared(self, tsm: Tsm, places: range, seen: FeatureStore | None) -> Tensor:
        if isinstance(tsm, SeeingTsm) and seen is not None and seen.is_frozen:
            return tsm.summed_up(seen.dealt(self.items).of(places))
        return tsm.prepare(pictures(self.items[places.start : places.stop]))

    def dealt(self, items: Sequence[Item]) -> Pictures:
        """The same pictures under other labels or splits."""
        other = copy(self)
        other.items = items
        return other


class _Trainee(nn.Module):
    def __init__(self, tsm: Tsm, joint_set: JointSet) -> None:
        super().__init__()
        self.tsm = tsm
        self.kinds = [task.kind for task in joint_set.tasks]

    def forward(self, pixels: Tensor, sets: Tensor, targets: Tensor, allowed: Tensor) -> dict[str, Tensor]:
        logits = self.tsm.scores(pixels)
        smoothing = self.tsm.settings.label_smoothing
        losses = torch.zeros(len(logits), device=logits.device)
        for kind in set(self.kinds):
            rows = torch.tensor([self.kinds[number] == kind for number in sets.tolist()], device=logits.device)
            if bool(rows.any()):
                wanted = targets[rows] if kind == "multi" else targets[rows].argmax(-1)
                losses = losses.masked_scatter(
                    rows, tsm_losses(logits[rows], wanted, kind, allowed[rows], smoothing).float()
                )
        return {"tsm": losses}


@dataclass(frozen=True)
class _Micro:
    tsm: Tsm
    tasks: Sequence[Task]
    shown: Pictures
    places: list[int]
    key: int

    def counts(self) -> dict[str, int]:
        return {"tsm": len(self.places)}

    def names(self) -> list[str]:
        return [self.shown.items[place].case.id for place in self.places]

    def load(self) -> tuple[Tensor, ...]:
        items = [self.shown.items[place] for place in self.places]
        device = next(self.tsm.parameters()).device
        random = torch.Generator().manual_seed(self.key)
        mirrored = [self.tasks[item.set].mirrored for item in items]
        pixels = self.tsm.augment(self.shown.pixels[self.places].to(device), random, mirrored)
        sets = torch.tensor([item.set for item in items])
        targets = torch.from_numpy(hot_targets(items, self.tasks)).to(device)
        return pixels, sets, targets, allowed_answers(sets.tolist(), self.tasks).to(device)


def hot_targets(items: Sequence[Item], tasks: Sequence[Task]) -> NDArray[np.int64]:
    """0/1 over the answers of all sets, [N, C]."""
    own = shared_answers(tasks)
    hot = np.zeros((len(items), own[-1].stop), dtype=np.int64)
    for row, item in enumerate(items):
        for label in item.case.labels:
            hot[row, own[item.set].start + tasks[item.set].answers.index(label)] = 1
    return hot


def allowed_answers(sets: Sequence[int], tasks: Sequence[Task]) -> Tensor:
    """The answers of each case's own set, [N, C]."""
    own = shared_answers(tasks)
    allowed = torch.zeros(len(sets), own[-1].stop, dtype=torch.bool)
    for row, number in enumerate(sets):
        allowed[row, own[number].start : own[number].stop] = True
    return allowed


def new_tsm(
    module: ModuleType, settings: Any, joint_set: JointSet, start: Tsm | None = None, vlm: Vlm | None = None
) -> Tsm:
    """A TSM for the answers of all sets, as large as their pictures where it leaves that open; or upon the VLM, where
    it looks through that."""
    answers = shared_answers(joint_set.tasks)[-1].stop
    if looks_through_vlm(module):
        assert vlm is not None
        upon: Tsm = module.build_upon(vlm, settings, answers, start)
        return upon
    native = max(item.case.pixels.load().height for item in joint_set.items("train")[:8])
    tsm: Tsm = module.build(settings, answers, start, native)
    return tsm


def looks_through_vlm(module: ModuleType) -> bool:
    """Whether a TSM of the catalog is built upon the run's VLM."""
    return hasattr(module, "build_upon")


def tsm_stage(
    name: str,
    tsm: Tsm,
    joint_set: JointSet,
    shown: Pictures,
    monitor: Monitor,
    precision: Precision,
    seed: int,
    share: float = 1.0,
) -> Stage:
    """The stage that trains a TSM; the best weights are chosen on all validation cases.

    share: of the training cases, where only some are learned from; it is then that much shorter too.
    """
    settings: TsmTraining = tsm.settings
    train = [place for place, item in enumerate(shown.items) if item.case.split == "train"]
    batches = Batches(len(train), min(settings.batch_size, len(train)), seed, name)

    def micro_batches(step: int) -> list[_Micro]:
        places = [train[place] for place in batches.batch(step)]
        return [_Micro(tsm, joint_set.tasks, shown, places, hash_key(seed, step))]

    steps = steps_of(settings, batches.steps_per_epoch / share, share)
    learnt = {key: value for key, value in tsm.named_parameters() if value.requires_grad}
    tensors = learnt | dict(tsm.named_buffers())
    return Stage(
        name=name,
        module=_Trainee(tsm, joint_set),
        tensors=tensors,
        learning_rates=dict.fromkeys(learnt, settings.learning_rate),
        weights={"tsm": 1.0},
        steps=steps,
        micro_batches=micro_batches,
        settings=TrainingSettings(
            weight_decay=settings.weight_decay,
            monitor=monitor,
            precision=precision,
            warm_up=0.1,
            evaluate_every=-(-steps // settings.evaluations),
            patience=settings.patience,
        ),
        evaluate=lambda: _validation(tsm, joint_set, shown),
        is_spread=False,
    )


def steps_of(settings: TsmTraining, steps_per_epoch: float, share: float = 1.0) -> int:
    """How long a TSM is trained: its epochs, within the least and the most steps; on a part of the cases, that part."""
    wanted = settings.epochs * steps_per_epoch
    most = wanted if settings.most_steps is None else min(wanted, settings.most_steps)
    return max(1, round(share * max(settings.least_steps, most)))


def hash_key(seed: int, step: int) -> int:
    return int(np.random.SeedSequence([seed, step]).generate_state(1)[0])


def describe(tsm: Tsm, shown: Pictures, places: Sequence[int]) -> Tensor:
    """Features [N, D] of some cases, in float32 on the CPU."""
    device = next(tsm.parameters()).device
    tsm.eval()
    with torch.no_grad():
        parts = [
            tsm.features(shown.pixels[list(places[start : start + CHUNK])].to(device)).float().cpu()
            for start in range(0, len(places), CHUNK)
        ]
    return torch.cat(parts)


def describe_images(tsm: Tsm, images: Sequence[Image.Image]) -> Tensor:
    """Features [N, D] of pictures that are no case of a run."""
    with torch.no_grad():
        return tsm.features(tsm.prepare(images).to(next(tsm.parameters()).device)).float().cpu()


def tsm_answers(tsm: Tsm, features: Tensor, sets: Sequence[int], tasks: Sequence[Task]) -> list[tuple[float, ...]]:
    """Each case's probabilities over the answers of its own set."""
    device = next(tsm.parameters()).device
    with torch.no_grad():
        logits = tsm.classify(features.to(device)).float().cpu()
    allowed, own = allowed_answers(sets, tasks), shared_answers(tasks)
    answers: list[tuple[float, ...]] = []
    for row, number in enumerate(sets):
        likely = tsm_probabilities(logits[row : row + 1], tasks[number].kind, allowed[row : row + 1])[0]
        answers.append(tuple(likely[own[number].start : own[number].stop].tolist()))
    return answers


def _validation(tsm: Tsm, joint_set: JointSet, shown: Pictures) -> dict[str, float]:
    places = [place for place, item in enumerate(shown.items) if item.case.split == "val"]
    items = [shown.items[place] for place in places]
    likely = tsm_answers(tsm, describe(tsm, shown, places), [item.set for item in items], joint_set.tasks)
    return quick_figures(items, likely, joint_set)

"""What the TSM says out of fold: of every case, by a model that saw neither it nor others of its patient or picture.

Axes: N cases, C answers of all sets, K nearest cases of the training folds, most alike first.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import NumericError
from core.events import FoldDone, ModelBegun, Report
from core.machine import hold
from core.models.features import FeatureStore
from core.models.tsm import Tsm
from core.sets.joint import Item, JointSet
from core.training.loop import train
from core.training.tsm_stage import Pictures, describe, new_tsm, tsm_stage

NEAREST = 50
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Outside:
    """One round: logits [N, C], and of the fold's own features the nearest training cases [N, K], with cosines."""

    logits: NDArray[np.float32]
    nearest: Places
    cosines: NDArray[np.float32]


@dataclass(frozen=True)
class Trainer:
    """All that folds share."""

    module: Any
    settings: Any
    joint_set: JointSet
    items: Sequence[Item]
    precision: Any
    seed: int
    folder: Path
    accelerator: Any
    report: Report
    is_stopped: Callable[[], bool]
    rounds: int
    seconds_of_models: list[float] = field(default_factory=list)
    """Of those that were trained here, not found finished."""

    seen: FeatureStore | None = None
    """What the VLM sees in the cases, for a TSM that looks through it."""

    @cached_property
    def shown(self) -> Pictures:
        return Pictures(self._new_tsm(), self.items, self.seen)

    def _new_tsm(self) -> Tsm:
        vlm = self.seen.vlm if self.seen else None
        return new_tsm(self.module, self.settings, self.joint_set, vlm=vlm).to(self.accelerator.device)

    def learn(self, number: int, fold_of: Places, is_learned: NDArray[np.bool_]) -> Outside:
        """A round: every fold is read by a TSM trained on what is learned of the others."""
        folds = range(int(fold_of.max()) + 1)
        for fold in folds:
            file = self._file(number, fold)
            if not file.is_file():
                began = time.perf_counter()
                working = file.with_suffix("")
                self.report(ModelBegun(model=number * len(folds) + fold + 1, models=len(folds) * self.rounds))
                tsm = self._taught(
                    f"round {number + 1}, fold {fold + 1}", number, is_learned & (fold_of != fold), working
                )
                self._read(tsm, fold_of == fold, file)
                shutil.rmtree(working, ignore_errors=True)
                self.seconds_of_models.append(time.perf_counter() - began)
            self._report_progress(number * len(folds) + fold + 1, len(folds) * self.rounds)
        return self._gathered(number, fold_of)

    def _file(self, number: int, fold: int) -> Path:
        return self.folder / f"round-{number + 1}" / f"fold-{fold + 1}.npz"

    def _taught(self, name: str, number: int, is_learned: NDArray[np.bool_], working: Path) -> Tsm:
        seed = self.seed + 1000 * number
        items = [
            replace(item, case=replace(item.case, split="train" if learned else "test"))
            for item, learned in zip(self.items, is_learned.tolist(), strict=True)
        ]
        torch.manual_seed(seed)
        tsm = self._new_tsm()
        stage = tsm_stage(name, tsm, self.joint_set, self.shown.dealt(items), "log_loss", self.precision, seed)
        # There is no validation part to choose the best weights on: it would be made of labels that are in doubt.
        train(replace(stage, evaluate=None), working, self.accelerator, self.report, self.is_stopped)
        return tsm

    def _read(self, tsm: Tsm, is_held: NDArray[np.bool_], file: Path) -> None:
        """Writes down what a fold's TSM says of the cases that were held back, and which others are most alike."""
        features = describe(tsm, self.shown, range(len(self.items)))
        with torch.no_grad():
            logits = tsm.classify(features.to(self.accelerator.device)).float().cpu().numpy()
        if not np.isfinite(logits).all():
            raise NumericError("A fold's TSM answers with what is no number. Lower its learning rate and begin anew.")
        near, cosines = nearest(features.numpy(), np.flatnonzero(is_held), np.flatnonzero(~is_held), NEAREST)
        draft = file.with_suffix(".part.npz")
        hold.check(file)
        np.savez(draft, logits=logits[is_held], nearest=near, cosines=cosines)
        draft.replace(file)

    def _report_progress(self, done: int, whole: int) -> None:
        spent = self.seconds_of_models
        left = sum(spent) / len(spent) * (whole - done) if spent else None
        self.report(FoldDone(fold=done, folds=whole, done=done, whole=whole, seconds_left=left))

    def _gathered(self, number: int, fold_of: Places) -> Outside:
        """The folds of a round as one table. Where a fold had fewer other cases than are kept, -1 stands for none."""
        answers = sum(len(task.answers) for task in self.joint_set.tasks)
        logits = np.empty((len(fold_of), answers), dtype=np.float32)
        near = np.full((len(fold_of), NEAREST), -1, dtype=np.int64)
        cosines = np.zeros((len(fold_of), NEAREST), dtype=np.float32)
        for fold in range(int(fold_of.max()) + 1):
            is_held = fold_of == fold
            with np.load(self._file(number, fold), allow_pickle=False) as stored:
                count = stored["nearest"].shape[1]
                logits[is_held] = stored["logits"]
                near[is_held, :count], cosines[is_held, :count] = stored["nearest"], stored["cosines"]
        return Outside(logits, near, cosines)


def nearest(
    features: NDArray[np.float32], wanted: Places, among: Places, most: int
) -> tuple[Places, NDArray[np.float32]]:
    """For each asked case the places of the most alike cases among some, and the cosines."""
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    count = min(most, len(among))
    near, cosines = np.empty((len(wanted), count), dtype=np.int64), np.empty((len(wanted), count), dtype=np.float32)
    for start in range(0, len(wanted), 512):
        alike = unit[wanted[start : start + 512]] @ unit[among].T
        chosen = np.argpartition(-alike, count - 1, axis=1)[:, :count]
        order = np.argsort(-np.take_along_axis(alike, chosen, 1), axis=1, kind="stable")
        chosen = np.take_along_axis(chosen, order, 1)
        near[start : start + 512] = among[chosen]
        cosines[start : start + 512] = np.take_along_axis(alike, chosen, 1)
    return near, cosines

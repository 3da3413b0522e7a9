"""What the TSM says out of fold: of every case, by a model that saw neither it nor others of its patient or picture.

Axes: N cases, C answers of all sets, K nearest cases of the training folds, most alike first.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.classifying import Pictures, describe, new_tsm, tsm_stage
from core.errors import NumericError
from core.material import Item, Material
from core.train import Report, train

NEAREST = 50
Floats = NDArray[np.float64]
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
    material: Material
    items: Sequence[Item]
    precision: Any
    seed: int
    folder: Path
    accelerator: Any
    report: Report
    is_stopped: Callable[[], bool]
    rounds: int
    began: float = field(default_factory=time.perf_counter)

    def learn(self, number: int, fold_of: Places, is_learned: NDArray[np.bool_]) -> Outside:
        """A round: every fold is read by a TSM trained on what is learned of the others."""
        folds = range(int(fold_of.max()) + 1)
        shown: Pictures | None = None
        for fold in folds:
            file = self.folder / f"round-{number}" / f"fold-{fold}.npz"
            if not file.is_file():
                shown = shown or self._prepared()
                self._fold(file, shown, fold_of != fold, is_learned, number)
            self._tell(number * len(folds) + fold + 1, len(folds) * self.rounds)
        return self._gathered(number, fold_of)

    def _prepared(self) -> Pictures:
        return Pictures(new_tsm(self.module, self.settings, self.material), self.items)

    def _fold(
        self, file: Path, shown: Pictures, is_other: NDArray[np.bool_], is_learned: NDArray[np.bool_], number: int
    ) -> None:
        splits = np.where(is_other & is_learned, "train", "test")
        items = [
            replace(item, case=replace(item.case, split=split)) for item, split in zip(self.items, splits, strict=True)
        ]
        name = f"round {number + 1}, {file.stem.replace('-', ' ')}"
        torch.manual_seed(self.seed + 1000 * number)
        tsm = new_tsm(self.module, self.settings, self.material).to(self.accelerator.device)
        stage = tsm_stage(
            name, tsm, self.material, shown.dealt(items), "log_loss", self.precision, self.seed + 1000 * number
        )
        # There is no validation part to choose the best weights on: it would be made of labels that are in doubt.
        stage = replace(stage, evaluate=None, settings=stage.settings.model_copy(update={"keep_checkpoints": 1}))
        working = file.with_suffix("")
        train(stage, working, self.accelerator, self.report, self.is_stopped)
        features = describe(tsm, shown, range(len(items)))
        with torch.no_grad():
            logits = tsm.classify(features.to(self.accelerator.device)).float().cpu()
        if not bool(torch.isfinite(logits).all()):
            raise NumericError("A fold's TSM answers with what is no number. Lower its learning rate and begin anew.")
        held, others = np.flatnonzero(~is_other), np.flatnonzero(is_other)
        near, cosines = nearest(features.numpy(), held, others, NEAREST)
        draft = file.with_suffix(".part.npz")
        np.savez(draft, logits=logits.numpy()[held], nearest=near, cosines=cosines)
        draft.replace(file)
        shutil.rmtree(working, ignore_errors=True)

    def _tell(self, done: int, whole: int) -> None:
        spent = time.perf_counter() - self.began
        self.report(
            {
                "kind": "fold",
                "fold": done,
                "folds": whole,
                "done": done,
                "whole": whole,
                "seconds_left": spent / done * (whole - done),
            }
        )

    def _gathered(self, number: int, fold_of: Places) -> Outside:
        kept: dict[str, NDArray[Any]] = {}
        for fold in range(int(fold_of.max()) + 1):
            with np.load(self.folder / f"round-{number}" / f"fold-{fold}.npz", allow_pickle=False) as stored:
                for name in ("logits", "nearest", "cosines"):
                    rows = stored[name]
                    if name not in kept:
                        fill = -1 if name == "nearest" else 0
                        kept[name] = np.full(
                            (len(fold_of), NEAREST if name != "logits" else rows.shape[1]), fill, rows.dtype
                        )
                    kept[name][fold_of == fold, : rows.shape[1]] = rows
        return Outside(**kept)


def nearest(
    features: NDArray[np.float32], asked: Places, among: Places, most: int
) -> tuple[Places, NDArray[np.float32]]:
    """For each asked case the places of the most alike cases among some, and the cosines."""
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    count = min(most, len(among))
    near, cosines = np.empty((len(asked), count), dtype=np.int64), np.empty((len(asked), count), dtype=np.float32)
    for start in range(0, len(asked), 512):
        alike = unit[asked[start : start + 512]] @ unit[among].T
        chosen = np.argpartition(-alike, count - 1, axis=1)[:, :count]
        order = np.argsort(-np.take_along_axis(alike, chosen, 1), axis=1, kind="stable")
        chosen = np.take_along_axis(chosen, order, 1)
        near[start : start + 512] = among[chosen]
        cosines[start : start + 512] = np.take_along_axis(alike, chosen, 1)
    return near, cosines

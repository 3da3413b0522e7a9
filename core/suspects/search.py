"""The whole search: looks at every picture, folds, rounds of TSMs, sources, one ranking.

Everything that is finished is found in the folder and skipped, so the same call begins a search and resumes one.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core.case import SPLITS
from core.errors import SettingsError
from core.events import Done, FeaturesEncoded, Report
from core.machine import hold
from core.machine.footprint import GIB
from core.models.features import FeatureStore, open_features
from core.models.tsm import tsm_probabilities
from core.readings.reading import Reading, hot_labels
from core.runs.folder import as_begun, begin, refuse_unfit, writer
from core.runs.prepare import feature_folder, load_vlm
from core.runs.runfile import Run
from core.runs.runfile import with_own_precision as settle_arithmetic
from core.sets.alike import Alike
from core.sets.split import Group, divide
from core.suspects.cases import Gathered, copies, gather, with_train
from core.suspects.evidence import Floats, Near, Places, ReviewedSet
from core.suspects.folder import SuspectList, save, write_settings
from core.suspects.folds import numbered, together
from core.suspects.out_of_fold import Outside, Trainer
from core.suspects.ranking import described, rank
from core.suspects.settings import Settings
from core.training.tsm_stage import looks_through_vlm

TAKEN = 64


@dataclass(frozen=True)
class Observed:
    """What the machines saw of all cases: rounds of TSMs with the folds of each, image features of the VLM."""

    rounds: Sequence[Outside]
    fold_of: Places
    vision: NDArray[np.float32]
    alike: Alike
    apart: Places


def search(
    run: Run,
    settings: Settings,
    out: Path,
    is_resumed: bool = False,
    readings: Sequence[Reading] = (),
    watch: Report = lambda event: None,
    is_stopped: Callable[[], bool] = lambda: False,
    gathered: Gathered | None = None,
) -> SuspectList:
    """Carries a search through to its ranking, which it leaves in the folder too.

    gathered: the cases, where they are not those that the run names as they are.
    """
    began = time.perf_counter()
    if not run.tsms:
        raise SettingsError("The run names no TSM to be trained out of fold. Add “tsm: {name: convnet}”.")
    refuse_unfit(out, is_resumed)
    run = settle_arithmetic(as_begun(run, out))
    gathered = gathered or gather(run)
    with hold.released(out):
        report = writer(begin(out, run, gathered.joint_set, is_resumed, 1).path, watch)
        write_settings(out, settings, is_resumed)
        observed = _observe(run, settings, gathered, _trainer(run, settings, gathered, out, report, is_stopped))
        ranked = _ranked(gathered, observed, readings, settings, run.settings.seed)
        ranked.about["seconds"] = time.perf_counter() - began
        hold.check(out)
        save(out, ranked)
        report(Done())
    return ranked


def plain_rounds(run: Run, settings: Settings, out: Path, gathered: Gathered, watch: Report) -> list[Floats]:
    """As many rounds as a search makes, each of them taught every label as it stands, as a comparison: what their TSMs
    say of the first set's cases, [N, C] a round."""
    trainer = _trainer(settle_arithmetic(run), settings, gathered, out, watch, lambda: False)
    groups = together([item.case for item in gathered.items], copies(gathered, watch))
    is_learned, divisions = np.ones(len(gathered.items), dtype=np.bool_), _divisions(run, settings, groups)
    outside = [trainer.learn(number, fold_of, is_learned) for number, fold_of in enumerate(divisions)]
    return [_likely(each, gathered, 0) for each in outside]


def _trainer(
    run: Run, settings: Settings, gathered: Gathered, out: Path, report: Report, is_stopped: Callable[[], bool]
) -> Trainer:
    from accelerate import Accelerator

    module, tsm = run.tsms[0]
    return Trainer(
        module=module,
        settings=tsm.model_copy(update={"epochs": min(tsm.epochs, settings.epochs), "patience": None}),
        joint_set=with_train(gathered.joint_set),
        items=gathered.items,
        precision=run.settings.training.precision,
        seed=run.settings.seed,
        folder=out / "folds",
        accelerator=Accelerator(mixed_precision="no"),
        report=report,
        is_stopped=is_stopped,
        rounds=settings.rounds,
    )


def _observe(run: Run, settings: Settings, gathered: Gathered, trainer: Trainer) -> Observed:
    """All that takes time. From the second round on, what looked suspect is not learned from."""
    alike = copies(gathered, trainer.report)
    groups = together([item.case for item in gathered.items], alike)
    divisions = _divisions(run, settings, groups)
    store = _seen(run, gathered, trainer)
    vision = _vision(store, gathered)
    if looks_through_vlm(trainer.module):
        trainer = replace(trainer, seen=store)
    del store  # and with it the VLM, where no TSM looks through it
    rounds: list[Outside] = []
    is_learned = np.ones(len(gathered.items), dtype=np.bool_)
    for number, fold_of in enumerate(divisions):
        rounds.append(trainer.learn(number, fold_of, is_learned))
        is_learned = ~_doubted(gathered, rounds)
    return Observed(rounds, divisions[0], vision, alike, numbered(groups))


def _divisions(run: Run, settings: Settings, groups: Sequence[Group]) -> list[Places]:
    """The fold of each case, round by round."""
    return [divide(groups, settings.folds, run.settings.seed + number) for number in range(settings.rounds)]


def _doubted(gathered: Gathered, rounds: Sequence[Outside]) -> NDArray[np.bool_]:
    """Labels that the rounds so far speak against: the next one does not learn from them."""
    from cleanlab.filter import find_label_issues as among_one
    from cleanlab.multilabel_classification.filter import find_label_issues as among_several

    doubted = np.zeros(len(gathered.items), dtype=np.bool_)
    for number, task in enumerate(gathered.joint_set.tasks):
        rows = gathered.rows(number)
        likely = np.mean([_likely(outside, gathered, number) for outside in rounds], axis=0)
        hot = hot_labels([gathered.items[row].case for row in rows], task)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a class of one case nothing is left out, which is right
            if task.kind == "multi":
                doubted[rows] = among_several([np.flatnonzero(row).tolist() for row in hot], likely, n_jobs=1)
            else:
                doubted[rows] = among_one(hot.argmax(1), likely, n_jobs=1)
    return doubted


def _likely(outside: Outside, gathered: Gathered, number: int) -> Floats:
    """A round's probabilities over the answers of one set, for its own cases."""
    own = gathered.answers(number)
    logits = torch.from_numpy(outside.logits[gathered.rows(number), own.start : own.stop])
    likely: Floats = tsm_probabilities(logits, gathered.joint_set.tasks[number].kind).double().numpy()
    return likely


def _seen(run: Run, gathered: Gathered, trainer: Trainer) -> FeatureStore:
    """What the frozen VLM sees in all cases, in the order of tuning, so that what a run kept is found again."""
    vlm = load_vlm(run, trainer.accelerator.device)

    def progress(done: int, whole: int) -> None:
        trainer.report(FeaturesEncoded(done=done, whole=whole))

    order = np.argsort([SPLITS.index(item.case.split or "train") for item in gathered.items], kind="stable")
    budget = int(run.settings.features.budget_gib * GIB)
    items = [gathered.items[row] for row in order]
    return open_features(vlm, items, feature_folder(), budget, True, progress)


def _vision(store: FeatureStore, gathered: Gathered) -> NDArray[np.float32]:
    """The frozen VLM's image features, [N, D]: the mean over an image's tokens, and how they spread."""
    described = np.empty((len(gathered.items), 2 * store.vlm.hidden_size), dtype=np.float32)
    seen = store.dealt(gathered.items)
    for start in range(0, len(described), TAKEN):
        rows = range(start, min(start + TAKEN, len(described)))
        for row, image in zip(rows, seen.of(rows), strict=True):
            described[row] = image.mean_and_spread().cpu().numpy()
    return described


def _ranked(
    gathered: Gathered, observed: Observed, readings: Sequence[Reading], settings: Settings, seed: int
) -> SuspectList:
    rankings = [
        rank(
            _reviewed(gathered, observed, readings, settings, seed, number),
            image_set.name,
            gathered.numbers[gathered.rows(number)],
        )
        for number, image_set in enumerate(gathered.joint_set.sets)
    ]
    suspects = sorted(
        (suspect for ranking in rankings for suspect in ranking.suspects), key=lambda suspect: -suspect.score
    )
    about = {
        "cases": len(suspects),
        "estimated_errors": sum(ranking.index for ranking in rankings),
        "answers": [answer for task in gathered.joint_set.tasks for answer in task.answers],
        "sources": described(),
    }
    return SuspectList(tuple(suspects), about)


def _reviewed(
    gathered: Gathered, observed: Observed, readings: Sequence[Reading], settings: Settings, seed: int, number: int
) -> ReviewedSet:
    """One set's part of what was seen, its cases numbered from 0."""
    rows = gathered.rows(number)
    local = np.full(len(gathered.items) + 1, -1)  # the last one stands for "none"
    local[rows] = np.arange(len(rows))
    image_set = gathered.joint_set.sets[number]
    of_reader: dict[str, list[Reading]] = {}
    for reading in readings:
        if reading.set == image_set.name:
            of_reader.setdefault(reading.reader, []).append(reading)
    return ReviewedSet(
        task=image_set.task,
        cases=image_set.cases,
        rounds=[_likely(outside, gathered, number) for outside in observed.rounds],
        near=[_missing_last(local[outside.nearest[rows]], outside.cosines[rows]) for outside in observed.rounds],
        copies=Alike(tuple(own for group in observed.alike.groups if len(own := _local_places(local, group)) > 1)),
        fold_of=observed.fold_of[rows],
        apart=observed.apart[rows],
        vision=observed.vision[rows],
        readings=of_reader,
        settings=settings,
        seed=seed,
    )


def _missing_last(places: Places, cosines: NDArray[np.float32]) -> Near:
    """What is missing goes behind what is there."""
    order = np.argsort(places < 0, axis=1, kind="stable")
    return Near(np.take_along_axis(places, order, 1), np.take_along_axis(cosines, order, 1).astype(np.float64))


def _local_places(local: Places, group: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(local[place]) for place in group if local[place] >= 0)

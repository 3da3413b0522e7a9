"""Labels changed on purpose, and how well they are found: our ranking beside cleanlab's scores, on the first round's
TSM answers and on those of as many rounds as ours, each taught every label as it stands.

Uniform noise gives any other label; confused noise the one that a TSM, out of fold on the labels as they came, takes
the class for most. Errors are planted among all cases; what retraining gains is measured on test cases whose labels
are as they came.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.bench.table import mean_and_spread
from core.catalog import USUAL
from core.draw import generator
from core.errors import SettingsError
from core.events import Report
from core.readings.reading import targets
from core.runs.prepare import load_vlm
from core.runs.runfile import Run, make_run, read_values, with_own_precision
from core.sets.joint import Item, JointSet
from core.sets.split import assign
from core.statistics import metrics
from core.suspects import Settings, search
from core.suspects.cases import Gathered, gather
from core.suspects.folder import SuspectList
from core.suspects.search import plain_rounds
from core.training.loop import train
from core.training.tsm_stage import Pictures, describe, looks_through_vlm, new_tsm, tsm_answers, tsm_stage

KINDS = ("uniform", "confused")
RANKINGS = {
    "ours": "ours",
    "cleanlab": "cleanlab, one round",
    "cleanlab_rounds": "cleanlab, as many rounds",
    "cleanlab_margin": "the same, normalised margin",
}
"""By the key in a row, with the head of its column."""
CHOSE_SETS, CHOSE_SEED = ("blood_28", "pneumonia_28"), 0
"""On which the settings of a search were chosen (docs/log.md, 2026-11-21): they are no part of the headline."""
Row = dict[str, Any]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Noise:
    """How labels are changed: uniform-10 changes a tenth of them to any other."""

    name: str
    kind: str
    share: float


@dataclass(frozen=True)
class Trial:
    """One set, one kind of noise, one seed: the cases as they came and as they were changed."""

    run: Run
    settings: Settings
    folder: Path
    clean: Gathered
    planted: Gathered
    changed: NDArray[np.bool_]
    watch: Report


def run_all(
    sets: Sequence[str],
    noises: Sequence[str],
    seeds: Sequence[int],
    run_file: Path | None,
    out: Path,
    is_retrained: bool,
    watch: Report,
) -> list[Row]:
    """A row for every set, noise and seed; what was begun in the folder is gone on with."""
    usual = {**USUAL, **(read_values(run_file) if run_file else {})}
    rows: list[Row] = []
    for images in sets:
        for name in noises:
            for seed in seeds:
                trial = _trial(usual, images, parse(name), seed, out / Path(images).stem, watch)
                stem = Path(images).stem
                about = {"chose_settings": stem in CHOSE_SETS or seed == CHOSE_SEED}
                rows.append({"set": stem, "noise": name, "seed": seed} | about | _measured(trial, is_retrained))
    return rows


def parse(name: str) -> Noise:
    """uniform-5, uniform-10, confused-10: a kind, and the percentage of labels that are changed."""
    kind, _, share = name.partition("-")
    if kind not in KINDS or not share.isdecimal() or not 0 < int(share) < 100:
        raise SettingsError(f'There is no noise called "{name}". Write uniform-10 or confused-10, with any percentage.')
    return Noise(name, kind, int(share) / 100)


def _trial(usual: dict[str, Any], images: str, noise: Noise, seed: int, out: Path, watch: Report) -> Trial:
    values = {**usual, "images": images, "seed": seed}
    settings = Settings.parse(values.pop("suspects", {}), "suspects")
    run = with_own_precision(make_run(values))
    clean = _with_splits(gather(run), run)
    task = clean.joint_set.tasks[0]
    if task.kind == "multi":
        raise SettingsError(f"{images} gives a case several labels; errors are planted where each has one.")
    given = targets([item.case for item in clean.items], task)
    taken_for = _taken_for(run, settings, clean, out, watch) if noise.kind == "confused" else None
    planted = plant(given, len(task.answers), noise, seed, taken_for)
    labels = [(task.answers[label],) for label in planted.tolist()]
    return Trial(run, settings, out / f"{noise.name}-{seed}", clean, clean.relabelled(labels), planted != given, watch)


def _with_splits(gathered: Gathered, run: Run) -> Gathered:
    """Retraining needs a split of each kind."""
    image_set = gathered.joint_set.sets[0]
    cases = assign(image_set.cases, run.settings.split, run.settings.seed)
    items = tuple(Item(0, case) for case in cases)
    return Gathered(JointSet((image_set.with_cases(cases),)), items, gathered.numbers)


def plant(given: Places, answers: int, noise: Noise, seed: int, taken_for: Places | None) -> Places:
    """The labels [N], a share of them changed; taken_for names the answer that each class is changed to."""
    drawn = generator(seed, "planted", noise.kind)
    chosen = drawn.choice(len(given), round(noise.share * len(given)), replace=False)
    planted = given.copy()
    others = (given[chosen] + drawn.integers(1, answers, len(chosen))) % answers
    planted[chosen] = others if taken_for is None else taken_for[given[chosen]]
    return planted


def _taken_for(run: Run, settings: Settings, clean: Gathered, out: Path, watch: Report) -> Places:
    """For each class the other one that a TSM gives most to, out of fold, on the labels as they came."""
    answers = clean.joint_set.tasks[0].answers
    if len(answers) == 2:
        return np.array([1, 0])
    folder = out / f"clean-{run.settings.seed}"
    once = settings.model_copy(update={"rounds": 1})
    searched = search(run, once, folder, (folder / "settings.yaml").is_file(), watch=watch, gathered=clean)
    given = np.array([answers.index(suspect.given[0]) for suspect in searched.suspects])
    likely = np.array([suspect.probabilities for suspect in searched.suspects])
    mean = np.stack([likely[given == place].mean(0) for place in range(len(answers))])
    np.fill_diagonal(mean, -1.0)
    taken: Places = mean.argmax(1)
    return taken


def _measured(trial: Trial, is_retrained: bool) -> Row:
    is_begun = (trial.folder / "settings.yaml").is_file()
    ranked = search(trial.run, trial.settings, trial.folder, is_begun, watch=trial.watch, gathered=trial.planted)
    place = {item.case.id: row for row, item in enumerate(trial.clean.items)}
    is_planted = np.array([trial.changed[place[suspect.case]] for suspect in ranked.suspects])
    scores = {
        "ours": np.array([suspect.score for suspect in ranked.suspects]),
        "cleanlab": np.array([suspect.evidence["cleanlab"] for suspect in ranked.suspects]),
    }
    order = [place[suspect.case] for suspect in ranked.suspects]
    scores |= {name: score[order] for name, score in _cleanlab_of_rounds(trial).items()}
    row: Row = {"cases": len(is_planted), "planted": int(is_planted.sum())}
    row["average_precision"] = {name: average_precision(is_planted, s) for name, s in scores.items()}
    row["precision_at_planted"] = {name: precision_at_planted(is_planted, s) for name, s in scores.items()}
    row |= {"index": ranked.about["estimated_errors"], "seconds": ranked.about["seconds"]}
    return row | (_retrained(trial, ranked) if is_retrained else {})


def _cleanlab_of_rounds(trial: Trial) -> dict[str, NDArray[np.float64]]:
    """What cleanlab's two scores say against each label, by the mean of as many rounds as a search makes."""
    from cleanlab.rank import get_label_quality_scores

    folder, first = trial.folder / "plain", trial.folder / "folds" / "round-1"
    if not folder.exists():  # the first round of a search is taught every label too
        shutil.copytree(first, folder / "folds" / "round-1")
    rounds = plain_rounds(trial.run, trial.settings, folder, trial.planted, trial.watch)
    labels = targets([item.case for item in trial.planted.items], trial.planted.joint_set.tasks[0])
    methods = {"cleanlab_rounds": "self_confidence", "cleanlab_margin": "normalized_margin"}
    return {
        name: 1 - get_label_quality_scores(labels, np.mean(rounds, axis=0), method=method)
        for name, method in methods.items()
    }


def average_precision(is_planted: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """The mean, over the planted ones, of the share of planted ones among all down to it."""
    is_hit = is_planted[np.argsort(-score, kind="stable")]
    return float((is_hit.cumsum() / np.arange(1, len(is_hit) + 1))[is_hit].mean())


def precision_at_planted(is_planted: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """Of as many first cases as there are planted ones, the share that was planted."""
    first = np.argsort(-score, kind="stable")[: int(is_planted.sum())]
    return float(is_planted[first].mean())


def _retrained(trial: Trial, ranked: SuspectList) -> Row:
    """Macro F1 on clean test cases of TSMs taught by the changed labels, by those with the first suspects put right,
    and by those with as many cases drawn at random put right."""
    place = {item.case.id: row for row, item in enumerate(trial.clean.items)}
    budget = int(trial.changed.sum())
    seed = trial.run.settings.seed
    first = [place[suspect.case] for suspect in ranked.suspects[:budget]]
    drawn = generator(seed, "at random").choice(len(place), budget, replace=False).tolist()
    probabilities_of = {
        name: _taught(trial, rows, trial.folder / f"taught-{name}")
        for name, rows in (("planted", []), ("suspects", first), ("random", drawn))
    }
    tests = [item.case for item in trial.clean.items if item.case.split == "test"]
    task = trial.clean.joint_set.tasks[0]
    truth = targets(tests, task)
    patients = [case.patient for case in tests]
    figures = {
        name: metrics.figures(probabilities, truth, task.kind, task.answers, patients, seed=seed)["macro_f1"].plain()
        for name, probabilities in probabilities_of.items()
    }
    gains = {
        f"suspects - {other}": metrics.paired(
            probabilities_of["suspects"], probabilities_of[other], truth, task.kind, task.answers, patients, seed=seed
        )["macro_f1"].plain()
        for other in ("planted", "random")
    }
    return {"macro_f1": figures, "gain": gains}


def _taught(trial: Trial, put_right: Sequence[int], folder: Path) -> NDArray[np.float64]:
    """What the TSM, trained as the run says with some labels put right, answers on the test cases."""
    from accelerate import Accelerator

    file = folder.with_suffix(".json")
    if file.is_file():
        return np.array(json.loads(file.read_text()))
    right = set(put_right)
    items = [
        clean if row in right else planted
        for row, (clean, planted) in enumerate(zip(trial.clean.items, trial.planted.items, strict=True))
    ]
    image_set = trial.clean.joint_set.sets[0]
    joint_set = JointSet((image_set.with_cases(item.case for item in items),))
    module, settings = trial.run.tsms[0]
    accelerator = Accelerator(mixed_precision="no")
    torch.manual_seed(trial.run.settings.seed)
    vlm = load_vlm(trial.run, accelerator.device) if looks_through_vlm(module) else None
    tsm = new_tsm(module, settings, joint_set, vlm=vlm).to(accelerator.device)
    shown = Pictures(tsm, items)
    training = trial.run.settings.training
    stage = tsm_stage(folder.name, tsm, joint_set, shown, training.monitor, training.precision, trial.run.settings.seed)
    train(stage, folder, accelerator, trial.watch)
    tests = [row for row, item in enumerate(items) if item.case.split == "test"]
    probabilities = np.array(tsm_answers(tsm, describe(tsm, shown, tests), [0] * len(tests), joint_set.tasks))
    file.write_text(json.dumps(probabilities.tolist()))
    return probabilities


def markdown(rows: Sequence[Row]) -> str:
    """Sets and noises by figures: the mean over seeds and, behind ±, the standard deviation between them. What chose
    the settings has a star, and no part in the headline below."""
    heads = [f"{what}: {title}" for what in ("AP", "P@k") for title in RANKINGS.values()]
    cells_of = ["set", "noise", "seeds", *heads, "AP gained on the best of cleanlab's"]
    lines = [f"| {' | '.join(cells_of)} |", "|---" * len(cells_of) + "|"]
    for images, noise, is_marked in dict.fromkeys(map(_group, rows)):
        chosen = [row for row in rows if _group(row) == (images, noise, is_marked)]
        cells = [
            mean_and_spread([row[what][name] for row in chosen])
            for what in ("average_precision", "precision_at_planted")
            for name in RANKINGS
        ]
        gained = mean_and_spread([_gained(row) for row in chosen])
        star = " *" if is_marked else ""
        lines.append(f"| {images}{star} | {noise} | {len(chosen)} | " + " | ".join([*cells, gained]) + " |")
    return "\n".join(lines) + f"\n\n{_headline(rows)}\n"


def _group(row: Row) -> tuple[str, str, bool]:
    return row["set"], row["noise"], row["chose_settings"]


def _gained(row: Row) -> float:
    """Average precision on top of the best of cleanlab's rankings in this very trial."""
    reached: dict[str, float] = row["average_precision"]
    return reached["ours"] - max(precision for name, precision in reached.items() if name != "ours")


def _headline(rows: Sequence[Row]) -> str:
    """Of searches that chose nothing."""
    gains = [_gained(row) for row in rows if not row["chose_settings"]]
    star = "* had a part in choosing the settings (seed 0; blood_28, pneumonia_28), and is no part of the headline."
    if not gains:
        return f"No headline: every search here had a part in choosing the settings. {star}"
    worst = f"least {min(gains):+.3f}, {sum(gain > 0 for gain in gains)} of {len(gains)} above it"
    return f"Headline: {np.mean(gains):+.3f} of average precision on the best of cleanlab's ({worst}). {star}"

"""From readings to figures: what each reader of a run is worth, and how readers differ on the same cases."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from core.case import Task
from core.readings import metrics
from core.readings.reading import Reading, targets
from core.sets.joint import Item, JointSet

Plain = dict[str, Any]


def quick_figures(
    items: Sequence[Item], probabilities: Sequence[tuple[float, ...]], joint_set: JointSet
) -> dict[str, float]:
    """Point figures over some cases, the mean over sets: what a stage's best weights are chosen by."""
    found: dict[str, list[float]] = {}
    for number, task in enumerate(joint_set.tasks):
        rows = [row for row, item in enumerate(items) if item.set == number]
        if not rows:
            continue
        cases = [items[row].case for row in rows]
        values = np.array([probabilities[row] for row in rows])
        for name, figure in metrics.figures(values, targets(cases, task), task.kind, task.answers, draws=0).items():
            found.setdefault(name, []).append(figure.value)
    return {name: math.nan if np.isnan(values).any() else float(np.mean(values)) for name, values in found.items()}


def evaluate(readings: Sequence[Reading], tasks: Mapping[str, Task], draws: int, seed: int) -> Plain:
    """All figures with intervals. One set gives {cases, readers, …}; several give that for each, under `sets`."""
    by_set = {
        name: list(group) for name, group in groupby(sorted(readings, key=lambda one: one.set), key=lambda one: one.set)
    }
    sets = {name: _of_set(by_set[name], tasks[name], draws, seed) for name in by_set}
    if len(sets) == 1:
        return next(iter(sets.values()))
    return {"cases": sum(one["cases"] for one in sets.values()), "readers": {}, "sets": sets}


def _of_set(readings: Sequence[Reading], task: Task, draws: int, seed: int) -> Plain:
    readers: dict[str, list[Reading]] = {}
    for reading in readings:
        readers.setdefault(reading.reader, []).append(reading)
    order = {reading.case: place for place, reading in enumerate(next(iter(readers.values())))}
    for answered in readers.values():
        answered.sort(key=lambda one: order[one.case])
    rows = next(iter(readers.values()))
    truth = targets(rows, task)
    groups = [one.patient for one in rows]
    patients = {one for one in groups if one}
    said = {name: np.array([one.answer.probabilities for one in rows]) for name, rows in readers.items()}
    figures = {
        name: {
            key: one.plain()
            for key, one in metrics.figures(p, truth, task.kind, task.answers, groups, draws, seed).items()
        }
        for name, p in said.items()
    }
    return {
        "cases": len(order),
        "patients": len(patients) or None,
        "cases_without_patient": sum(not one for one in groups),
        "readers": figures,
        "per_class": {
            name: {
                answer: {key: one.plain() for key, one in row.items()}
                for answer, row in metrics.per_class(p, truth, task.kind, task.answers, groups, draws, seed).items()
            }
            for name, p in said.items()
        },
        "confusion": {name: metrics.confusion(p, truth, task.kind, task.answers).tolist() for name, p in said.items()},
        "differences": _differences(said, truth, task, groups, draws, seed),
        "free_text": {
            name: _free_text(rows) for name, rows in readers.items() if any(one.answer.text is not None for one in rows)
        },
    }


def _differences(
    said: Mapping[str, Any], truth: Any, task: Task, groups: Sequence[str | None], draws: int, seed: int
) -> Plain:
    """Every reader minus every one before it, on the same cases and draws."""
    names = list(said)
    return {
        f"{later} - {earlier}": {
            key: one.plain()
            for key, one in metrics.paired(
                said[later], said[earlier], truth, task.kind, task.answers, groups, draws, seed
            ).items()
        }
        for place, later in enumerate(names)
        for earlier in names[:place]
    }


def _free_text(rows: Sequence[Reading]) -> Plain:
    """How often a freely written answer could be understood, and how often it then named the reference label."""
    written = [one for one in rows if one.answer.text is not None]
    understood = [one for one in written if one.answer.parsed is not None]
    right = [one for one in understood if set(one.answer.parsed or ()) == set(one.labels)]
    return {"cases": len(written), "understood": len(understood), "right": len(right)}


def table(
    results: Plain, names: Sequence[str] = ("accuracy", "balanced_accuracy", "macro_f1", "auroc", "auprc")
) -> str:
    """Readers by figures as Markdown, each with its 95 % interval."""
    sets = results.get("sets") or {"": results}
    lines = []
    for title, one in sets.items():
        lines += [f"**{title}** ({one['cases']} cases)", ""] if title else []
        lines += [
            "| reader | " + " | ".join(metrics.TITLES[name] for name in names) + " |",
            "|---" * (len(names) + 1) + "|",
        ]
        for reader, figures in one["readers"].items():
            lines.append(f"| {reader} | " + " | ".join(_cell(figures.get(name)) for name in names) + " |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _cell(figure: Mapping[str, float | None] | None) -> str:
    if figure is None or figure["value"] is None:
        return "–"
    low, high = figure["low"], figure["high"]
    spread = f" [{low:.3f}, {high:.3f}]" if low is not None and high is not None else ""
    return f"{figure['value']:.3f}{spread}"

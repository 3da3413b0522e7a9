"""From readings to figures: what each reader of a run is worth, and how readers differ on the same cases."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Any

import numpy as np

from core.case import Task
from core.readings import other_scores, sureness
from core.readings.calibration import Calibration, Calibrations, for_set
from core.readings.other_scores import figures_of_scores
from core.readings.reading import Reading, targets
from core.readings.statement_figures import statement_figures, tables
from core.sets.joint import Item, JointSet
from core.statistics import metrics
from core.statistics.ends import INTERVALS
from core.statistics.intervals import compared_pairs, in_brackets
from core.statistics.rounding import rounded

Plain = dict[str, Any]


def quick_figures(
    items: Sequence[Item], probabilities: Sequence[tuple[float, ...]], joint_set: JointSet
) -> dict[str, float]:
    """Point figures over some cases, the mean over sets: what a stage's best weights are chosen by."""
    by_name: dict[str, list[float]] = {}
    for number, task in enumerate(joint_set.tasks):
        rows = [row for row, item in enumerate(items) if item.set == number]
        if not rows:
            continue
        cases = [items[row].case for row in rows]
        values = np.array([probabilities[row] for row in rows])
        for name, figure in metrics.figures(values, targets(cases, task), task.kind, task.answers, draws=0).items():
            by_name.setdefault(name, []).append(figure.value)
    return {name: math.nan if np.isnan(values).any() else float(np.mean(values)) for name, values in by_name.items()}


def evaluate(
    readings: Sequence[Reading],
    tasks: Mapping[str, Task],
    draws: int,
    seed: int,
    calibrations: Calibrations = MappingProxyType({}),
) -> Plain:
    """All figures with intervals. One set gives {cases, readers, …}; several give that for each, under `sets`.

    `calibrations` were learned on other cases than these."""
    by_set = {
        name: list(group) for name, group in groupby(sorted(readings, key=lambda row: row.set), key=lambda row: row.set)
    }
    sets = {name: _of_set(by_set[name], tasks[name], draws, seed, for_set(calibrations, name)) for name in by_set}
    if len(sets) == 1:
        return {"intervals": INTERVALS, **next(iter(sets.values()))}
    cases = sum(row["cases"] for row in sets.values())
    return {"intervals": INTERVALS, "cases": cases, "readers": {}, "sets": sets}


def _of_set(
    readings: Sequence[Reading], task: Task, draws: int, seed: int, calibrations: Mapping[str, Calibration]
) -> Plain:
    readers: dict[str, list[Reading]] = {}
    for reading in readings:
        readers.setdefault(reading.reader, []).append(reading)
    order = {reading.case: place for place, reading in enumerate(next(iter(readers.values())))}
    for answered in readers.values():
        answered.sort(key=lambda each: order[each.case])
    rows = next(iter(readers.values()))
    truth = targets(rows, task)
    groups = [each.patient for each in rows]
    patients = {patient for patient in groups if patient}
    likely = {name: np.array([each.answer.probabilities for each in rows]) for name, rows in readers.items()}
    figures = {
        name: {
            key: each.plain()
            for key, each in metrics.figures(p, truth, task.kind, task.answers, groups, draws, seed).items()
        }
        for name, p in likely.items()
    }
    return {
        "cases": len(order),
        "patients": len(patients) or None,
        "cases_without_patient": sum(not patient for patient in groups),
        "readers": figures,
        "per_class": {
            name: {
                answer: {key: each.plain() for key, each in row.items()}
                for answer, row in metrics.per_class(p, truth, task.kind, task.answers, groups, draws, seed).items()
            }
            for name, p in likely.items()
        },
        "confusion": {
            name: metrics.confusion(p, truth, task.kind, task.answers).tolist() for name, p in likely.items()
        },
        "differences": _differences(likely, truth, task, groups, draws, seed),
        "free_text": {
            name: _free_text(rows)
            for name, rows in readers.items()
            if any(each.answer.text is not None for each in rows)
        },
        "explored": {
            name: {"mean": float(np.mean(shares)), "least": min(shares)}
            for name, rows in readers.items()
            if (shares := [row.answer.explored for row in rows if row.answer.explored is not None])
        },
        "other_scores": {
            name: scores
            for name, rows in readers.items()
            if (scores := figures_of_scores([row.answer for row in rows], truth, task, groups, draws, seed))
        },
        "calibration": {
            name: sureness.of_reader(p, truth, task, calibrations[name], groups, draws, seed)
            for name, p in likely.items()
            if name in calibrations
        },
        "statements": statement_figures(readers, draws, seed),
    }


def _differences(
    likely: Mapping[str, Any], truth: Any, task: Task, groups: Sequence[str | None], draws: int, seed: int
) -> Plain:
    """Every reader minus every one before it, on the same cases and draws."""
    sheets = {name: metrics.Sheet(p, truth, task.kind, task.answers) for name, p in likely.items()}
    weighted = {name: sheet.weighted() for name, sheet in sheets.items()}
    pairs = compared_pairs(weighted, len(groups), groups, draws, seed)
    return {
        f"{later} - {earlier}": {key: figure.plain() for key, figure in differences.items()}
        for (later, earlier), differences in pairs.items()
    }


def _free_text(rows: Sequence[Reading]) -> Plain:
    """How often a freely written answer could be understood, and how often it then named the reference label."""
    written = [reading for reading in rows if reading.answer.text is not None]
    understood = [reading for reading in written if reading.answer.parsed is not None]
    right = [reading for reading in understood if set(reading.answer.parsed or ()) == set(reading.labels)]
    return {"cases": len(written), "understood": len(understood), "right": len(right)}


def table(
    results: Plain, names: Sequence[str] = ("accuracy", "balanced_accuracy", "macro_f1", "auroc", "auprc")
) -> str:
    """Readers by figures as Markdown, each with its group, where that is told, and its 95 % intervals; below it, what
    they said beside their answers."""
    group_of = {row["name"]: [row["group"]] for row in results.get("reader_list", ()) if "group" in row}
    heads, no_group = (["group"], [""]) if group_of else ([], [])
    parts = []
    for set_name, of_set in (results.get("sets") or {"": results}).items():
        rows = [
            [reader, *group_of.get(reader, no_group), *(in_brackets(figures.get(name)) for name in names)]
            for reader, figures in of_set["readers"].items()
        ]
        title = [f"**{set_name}** ({of_set['cases']} cases)"] if set_name else []
        parts += [*title, as_markdown(["reader", *heads, *(metrics.TITLES[name] for name in names)], rows)]
        parts += explored_in_words(of_set)
    for made, about in ((sureness.tables, sureness.ABOUT), (other_scores.tables, other_scores.ABOUT), (tables, "")):
        beside = list(made(results))
        parts += [f"**{title}**\n\n{as_markdown(head, rows)}" for title, head, rows in beside]
        parts += [about] if beside and about else []
    return "\n\n".join(parts) + "\n"


def explored_in_words(of_set: Mapping[str, Any]) -> list[str]:
    """Of several labels, how much of the probability of all lists was read; nothing of one label, and of runs of
    before."""
    shares = [
        f"`{reader}` {rounded(share['mean'])} ({rounded(share['least'])})"
        for reader, share in (of_set.get("explored") or {}).items()
    ]
    if not shares:
        return []
    return [
        f"What the lists of labels that were read hold of the probability of all, mean (least): {', '.join(shares)}."
    ]


def as_markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])

"""`vitask evaluate`: the figures of a finished run, of either split, in other words, or on another set."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.case import READ_SPLITS, Task
from core.cli import output
from core.cli.commands import Commands
from core.statistics.rounding import rounded

if TYPE_CHECKING:
    from core.readings.calibration import Calibrations
    from core.readings.reader import Reader
    from core.runs.folder import Folder


def add(commands: Commands) -> None:
    evaluate = commands.add_parser(
        "evaluate", help="figures of a finished run, with intervals", example="vitask evaluate runs/blood --split val"
    )
    evaluate.add_argument("run", type=Path, metavar="DIR")
    evaluate.add_argument("--split", choices=READ_SPLITS, help="which cases; test, unless you say otherwise")
    evaluate.add_argument(
        "--images",
        metavar="PATH",
        help="another set, read under the run's question: its test cases, or all where it has no test split. Pictures "
        "that the run learned from (its training and validation cases), near copies, others of their patients and "
        "unlabelled ones are left out and counted",
    )
    evaluate.add_argument("--question", metavar="SET", help="which set's question a joint run is asked")
    evaluate.add_argument(
        "--template", metavar="TEXT", help='another instruction, like "Analyze the given {modality} image."'
    )
    evaluate.add_argument("--cases", type=output.count, metavar="N", help="at most so many cases, drawn by class")
    evaluate.add_argument("--reliance", action="store_true", help="the right response under its own and another image")
    evaluate.add_argument("--json", action="store_true")
    evaluate.set_defaults(do=do)


def do(arguments: argparse.Namespace) -> None:
    from core.errors import SettingsError
    from core.readings.reader import readers_to_plain
    from core.readings.reading import load
    from core.readings.results import evaluate, table
    from core.runs.folder import Folder
    from core.runs.helped import helped, worth
    from core.runs.runfile import read_run

    if arguments.reliance:
        _reliance(arguments)
        return
    folder, choice_facts = Folder(arguments.run), dict[str, Any]()
    tasks = folder.tasks()
    run = read_run(folder.settings)
    departures = run.departures(tasks)
    if arguments.images or arguments.template or arguments.cases:
        readings, tasks, choice_facts = _read_anew(arguments)
    else:
        if arguments.question not in (None, *tasks):
            raise SettingsError(
                f'The run was not tuned on a set called "{arguments.question}". Known: {", ".join(tasks)}.'
            )
        stored = load(folder.readings(arguments.split or "test"))
        readings = [reading for reading in stored if arguments.question in (None, reading.set)]
    measured = folder.kept(folder.metrics) if folder.metrics.is_file() else {}
    calibrations = _calibrations(arguments, folder, tasks, measured)
    results = evaluate(readings, tasks, run.settings.reading.draws, run.settings.seed, calibrations)
    answered = {reading.reader for reading in readings}
    readers = [reader for reader in run.readers if reader.name in answered]
    results |= {"made_for": asdict(run.plan.aim), "reader_list": readers_to_plain(tuple(readers))}
    if arguments.split != "val":  # there the best were chosen
        every = folder.tasks()
        own = {name: every[name] for name in every if arguments.question in (None, name)}
        results["best"] = _best(folder, own, readers)
    results["left_out"] = measured.get("left_out", [])
    if "leakage" in measured and not arguments.images:
        results["leakage"] = measured["leakage"]
    results["departures"] = list(departures)
    if arguments.json:
        output.plain(results | choice_facts)
        return
    notes = "".join(f"\n{note}" for note in choice_facts.get("notes", ()))
    sentences = "".join(f"\n{text}" for text in (*worth(run, results), *helped(run, results)))
    output.out(
        f"{table(results)}{sentences}{notes}\n95 % intervals over patients where they are known, else over cases. "
        "Research use only."
    )


def _calibrations(
    arguments: argparse.Namespace, folder: Folder, tasks: Mapping[str, Task], measured: Mapping[str, Any]
) -> Calibrations:
    """As the run learned them: of other cases than those it learned them on, and of the question in its own words."""
    from core.readings.calibration import for_set, kept_calibrations

    if arguments.template or (arguments.split == "val" and not arguments.images):
        return {}
    kept = kept_calibrations(measured)
    own = list(folder.tasks())
    question = arguments.question or own[0]
    return {name: for_set(kept, name if name in own and not arguments.images else question) for name in tasks}


def _best(folder: Folder, tasks: Mapping[str, Task], readers: Sequence[Reader]) -> Mapping[str, Any]:
    """The best readers on validation cases; of what was exported, which has these readings for people alone, those that
    the run itself chose."""
    from core.readings.reading import load
    from core.readings.worth import best_of_groups

    answered = {reader.name for reader in readers}
    if (validated := folder.readings("val")).is_file():
        return best_of_groups([reading for reading in load(validated) if reading.reader in answered], tasks, readers)
    chosen = folder.kept(folder.metrics).get("best", {}) if folder.metrics.is_file() else {}
    return {name: chosen[name] for name in tasks if name in chosen and answered.issuperset(chosen[name].values())}


def _read_anew(arguments: argparse.Namespace) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
    """Live readings: of another set's cases, or in other words."""
    from core.runs.opened import Asked, open_run, read_cases

    opened = open_run(arguments.run)
    number = opened.set_number(arguments.question)
    chosen = _chosen(arguments, opened, number)
    task = list(opened.tasks.values())[number]
    instruction = task.model_copy(update={"template": arguments.template}).instruction() if arguments.template else None
    readings = read_cases(opened, chosen.cases, chosen.name, Asked((), number, instruction))
    return readings, {chosen.name: task}, chosen.told


def _chosen(arguments: argparse.Namespace, opened: Any, number: int) -> Any:
    from core.runs.external import external, own

    if arguments.images:
        task = list(opened.tasks.values())[number]
        with output.counting("pictures") as on_picture:
            chosen = external(arguments.images, task, opened.folder, arguments.split, on_picture)
    else:
        with output.counting("pictures") as on_picture:
            chosen = own(opened, number, arguments.split or "test", on_picture)
    return chosen.drawn(arguments.cases, opened.run.settings.seed) if arguments.cases else chosen


def _reliance(arguments: argparse.Namespace) -> None:
    """The paper's distribution figure in numbers: does the right response depend on the image at all?"""
    from core.errors import DataError
    from core.runs.opened import open_run
    from core.runs.reliance import reliance

    opened = open_run(arguments.run)
    number = opened.set_number(arguments.question)
    chosen = _chosen(arguments, opened, number)
    if len({case.labels for case in chosen.cases}) < 2:
        raise DataError(
            f"All cases of {chosen.name} have the same label, and --reliance shows each the image of a case with "
            "another one. Give a set with two labels."
        )
    if arguments.template:
        name, task = list(opened.tasks.items())[number]
        tasks = opened.tasks | {name: task.model_copy(update={"template": arguments.template})}
        opened = replace(opened, tasks=tasks)
    figures_of = reliance(opened, chosen.cases, number)
    if arguments.json:
        output.plain({"set": chosen.name, "cases": len(chosen.cases), "readers": figures_of} | chosen.told)
        return
    output.out("| reader | right response, own image | another case's image | overlap | AUROC |\n|---|---|---|---|---|")
    for reader, figures in figures_of.items():
        cells = " | ".join(rounded(figures[name]) for name in ("own", "other", "overlap", "auroc"))
        output.out(f"| {reader} | {cells} |")
    for note in chosen.told.get("notes", ()):
        output.out(note)

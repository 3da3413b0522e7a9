"""`vitask evaluate`: the figures of a finished run, of either split, in other words, or on another set."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands import say


def add(commands: Any) -> None:
    evaluate = commands.add_parser("evaluate", help="figures of a finished run, with intervals")
    evaluate.add_argument("run", type=Path, metavar="DIR")
    evaluate.add_argument("--split", choices=("val", "test"), default="test")
    evaluate.add_argument("--images", metavar="PATH", help="an external set that the run never saw")
    evaluate.add_argument("--question", metavar="SET", help="which set's question a joint run is asked")
    evaluate.add_argument(
        "--template", metavar="TEXT", help='another instruction, like "Analyze the given {modality} image."'
    )
    evaluate.add_argument("--cases", type=int, metavar="N", help="at most so many cases, drawn by class")
    evaluate.add_argument("--reliance", action="store_true", help="the right response under its own and another image")
    evaluate.add_argument("--json", action="store_true")
    evaluate.set_defaults(do=do)


def do(asked: argparse.Namespace) -> None:
    from core import reading
    from core.folder import Folder
    from core.results import evaluate, table
    from core.runfile import read_run

    folder = Folder(asked.run)
    tasks = folder.tasks()
    settings = read_run(folder.settings).settings
    if asked.reliance:
        _reliance(asked)
        return
    if asked.images or asked.template or asked.cases:
        readings, tasks = _read_anew(asked)
    else:
        readings = reading.load(folder.readings(asked.split))
    results = evaluate(readings, tasks, settings.reading.draws, settings.seed)
    if asked.json:
        say.plain(results)
    else:
        say.out(table(results) + "\n95 % intervals by bootstrap over patients where they are known. Research use only.")


def _read_anew(asked: argparse.Namespace) -> tuple[list[Any], dict[str, Any]]:
    """Live readings: of another set's cases (all of them where it has no test split), or in other words."""
    from core.opened import Asked, open_run, read_cases

    opened = open_run(asked.run)
    name, cases = _cases(asked, opened)
    number = opened.set_number(asked.question)
    task = list(opened.tasks.values())[number]
    instruction = task.model_copy(update={"template": asked.template}).instruction() if asked.template else None
    return read_cases(opened, cases, name, Asked((), number, instruction)), {name: task}


def _cases(asked: argparse.Namespace, opened: Any) -> tuple[str, list[Any]]:
    from core.catalog import FORMATS, find
    from core.errors import DataError
    from core.opening import open_set
    from core.run import gather_for
    from core.split import limit

    number = opened.set_number(asked.question)
    task = list(opened.tasks.values())[number]
    if asked.images:
        found = open_set(asked.images, {}, [find(FORMATS, name, "format") for name in FORMATS]).stop_on_errors()
        cases = list(found.of("test") or found.cases)
        foreign = sorted({label for case in cases for label in case.labels} - set(task.answers))
        if foreign:
            raise DataError(
                f'{found.name} has the label "{foreign[0]}", which the run does not know. '
                f"Its answers are {', '.join(task.answers)}: rename the labels of the set."
            )
        name = found.name
    else:
        one = gather_for(opened.run).sets[number]
        cases, name = list(one.of(asked.split)), one.name
    if asked.cases:
        every = [case.split or "test" for case in cases]
        cases = list(limit(cases, {split: asked.cases for split in set(every) if split}, opened.run.settings.seed))
    return name, cases


def _reliance(asked: argparse.Namespace) -> None:
    """The paper's distribution figure in numbers: does the right response depend on the image at all?"""
    from core.opened import open_run
    from core.reliance import reliance

    opened = open_run(asked.run)
    name, cases = _cases(asked, opened)
    told = reliance(opened, cases, opened.set_number(asked.question))
    if asked.json:
        say.plain({"set": name, "cases": len(cases), "readers": told})
        return
    say.out("| reader | right response, own image | another case's image | overlap | AUROC |\n|---|---|---|---|---|")
    for reader, one in told.items():
        say.out(f"| {reader} | {one['own']:.3f} | {one['other']:.3f} | {one['overlap']:.3f} | {one['auroc']:.3f} |")

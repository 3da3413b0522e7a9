"""`vitask evaluate`: the figures of a finished run, of either split, in other words, or on another set.

Of another set, pictures that the run learned from are left out: figures over them would not be external.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.commands import say

BETWEEN_LABELS = ";|"


@dataclass(frozen=True)
class Chosen:
    """The cases to be measured, and what goes beside the figures: how many were left out, and notes."""

    name: str
    cases: list[Any]
    told: dict[str, Any] = field(default_factory=dict)


def add(commands: Any) -> None:
    evaluate = commands.add_parser("evaluate", help="figures of a finished run, with intervals")
    evaluate.add_argument("run", type=Path, metavar="DIR")
    evaluate.add_argument("--split", choices=("val", "test"), help="which cases; test, unless you say otherwise")
    evaluate.add_argument(
        "--images",
        metavar="PATH",
        help="another set, read under the run's question: its test cases, or all where it has no test split. Pictures "
        "that the run learned from (its training and validation cases) and unlabelled ones are left out and counted",
    )
    evaluate.add_argument("--question", metavar="SET", help="which set's question a joint run is asked")
    evaluate.add_argument(
        "--template", metavar="TEXT", help='another instruction, like "Analyze the given {modality} image."'
    )
    evaluate.add_argument("--cases", type=_count, metavar="N", help="at most so many cases, drawn by class")
    evaluate.add_argument("--reliance", action="store_true", help="the right response under its own and another image")
    evaluate.add_argument("--json", action="store_true")
    evaluate.set_defaults(do=do)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1 on was expected, not {text!r}")
    return int(text)


def do(asked: argparse.Namespace) -> None:
    from core import reading
    from core.errors import SettingsError
    from core.folder import Folder
    from core.results import evaluate, table
    from core.runfile import read_run

    if asked.reliance:
        _reliance(asked)
        return
    folder, told = Folder(asked.run), dict[str, Any]()
    tasks = folder.tasks()
    settings = read_run(folder.settings).settings
    if asked.images or asked.template or asked.cases:
        readings, tasks, told = _read_anew(asked)
    else:
        if asked.question not in (None, *tasks):
            raise SettingsError(f'The run was not tuned on a set called "{asked.question}". Known: {", ".join(tasks)}.')
        stored = reading.load(folder.readings(asked.split or "test"))
        readings = [one for one in stored if asked.question in (None, one.set)]
    results = evaluate(readings, tasks, settings.reading.draws, settings.seed)
    if asked.json:
        say.plain(results | told)
        return
    notes = "".join(f"\n{note}" for note in told.get("notes", ()))
    say.out(
        f"{table(results)}{notes}\n95 % intervals by bootstrap over patients where they are known. Research use only."
    )


def _read_anew(asked: argparse.Namespace) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
    """Live readings: of another set's cases, or in other words."""
    from core.opened import Asked, open_run, read_cases

    opened = open_run(asked.run)
    number = opened.set_number(asked.question)
    chosen = _chosen(asked, opened, number)
    task = list(opened.tasks.values())[number]
    instruction = task.model_copy(update={"template": asked.template}).instruction() if asked.template else None
    readings = read_cases(opened, chosen.cases, chosen.name, Asked((), number, instruction))
    return readings, {chosen.name: task}, chosen.told


def _chosen(asked: argparse.Namespace, opened: Any, number: int) -> Chosen:
    task = list(opened.tasks.values())[number]
    chosen = _external(asked, task, opened.folder) if asked.images else _own(asked, opened, number)
    if not asked.cases:
        return chosen
    return replace(chosen, cases=_drawn(chosen, asked.cases, opened.run.settings.seed))


def _own(asked: argparse.Namespace, opened: Any, number: int) -> Chosen:
    from core.run import gather_for

    material = gather_for(opened.run)
    one, doubt = material.sets[number], _changed(material, opened.folder)
    return Chosen(one.name, list(one.of(asked.split or "test")), {"notes": [doubt]} if doubt else {})


def _external(asked: argparse.Namespace, task: Any, folder: Any) -> Chosen:
    """The labelled cases of another set whose pictures the run has not learned from."""
    from core.errors import DataError

    found, notes = _read_set(asked.images, task)
    cases = _of_split(found, asked.split)
    _refuse_foreign(found.name, cases, task)
    learned, doubts = _learned(folder)
    kept = [case for case, shown in zip(cases, _shown(cases), strict=True) if shown not in learned]
    known = len(cases) - len(kept)
    if not kept:
        raise DataError(
            f"The run learned from every picture of {found.name} that would be measured, as training or validation "
            "cases, so figures over them are not external. Give a set that it never saw, or leave --images out for "
            "its own test cases."
        )
    if known:
        notes.append(f"Left out: {known} of {len(cases)} cases of {found.name}, whose pictures the run learned from.")
    labels = {label for case in kept for label in case.labels}
    if len(labels) == 1 and task.kind != "multi":
        notes.append(f'Every case is labelled "{labels.pop()}". Figures that need other cases too (AUROC) are missing.')
    unlabelled = sum(one.count for one in found.findings if (one.kind, one.severity) == ("unlabelled", "warning"))
    left_out = {"learned": known if learned else None, "unlabelled": unlabelled}
    return Chosen(found.name, kept, {"left_out": left_out, "notes": [*notes, *doubts]})


def _of_split(found: Any, split: Any) -> list[Any]:
    """The wanted split; the test split, or everything where there is none, if nobody asks for one."""
    from core.errors import DataError

    if not found.cases:
        raise DataError(f"{found.name} has no labelled case to measure a reader on. Give its cases their labels.")
    cases = list(found.of(split) if split else found.of("test") or found.cases)
    if not cases:
        raise DataError(f"{found.name} has no {split} cases. Leave --split out, or put some of its cases there.")
    return cases


def _read_set(path: str, task: Any) -> tuple[Any, list[str]]:
    """Another set under the run's question, and what was noticed.

    Its own names of labels come first, so that it is seen where they are not the run's. The run's answers are taken
    where the set makes no question by itself: it has one class only, or numbers without names.
    """
    from core.catalog import FORMATS, find
    from core.errors import DataError
    from core.images import ArrayPixels
    from core.opening import open_set

    formats, options = [find(FORMATS, name, "format") for name in FORMATS], {"kind": task.kind}
    try:
        found = open_set(path, options, formats)
        is_question = all(one.kind != "unnamed_classes" for one in found.findings)
    except DataError:
        is_question = False
    if not is_question:
        found = open_set(path, options | {"answers": task.answers}, formats)
    found.stop_on_errors()
    notes = [one.message for one in found.findings if one.severity == "warning" or one.kind == "unlabelled"]
    if not is_question and any(isinstance(case.pixels, ArrayPixels) for case in found.cases):
        order = ", ".join(f"{number} {answer}" for number, answer in enumerate(task.answers))
        notes.append(
            f"{found.name} names no classes. Its numbers are taken in the order of the run's answers: {order}."
        )
    return found, notes


def _refuse_foreign(name: str, cases: Sequence[Any], task: Any) -> None:
    from core.entries import listed_labels
    from core.errors import DataError

    foreign = ((case.id, label) for case in cases for label in case.labels if label not in task.answers)
    for first, label in foreign:
        several = listed_labels(label, BETWEEN_LABELS)
        if task.kind != "multi" and len(several) > 1 and set(several) <= set(task.answers):
            raise DataError(
                f'"{first}" of {name} has {len(several)} labels ({", ".join(several)}), and the run asks for exactly '
                "one. Give it one label, or remove it."
            )
        raise DataError(
            f'{name} has the label "{label}", which the run does not know; "{first}" is the first with it. '
            f"Its answers are {', '.join(task.answers)}: rename the labels of the set."
        )


def _learned(folder: Any) -> tuple[set[str], list[str]]:
    """What a run's training and validation pictures show, and why they may not be all.

    A plugged run's VLM learned in the run that it was taken from, so that one's pictures count as well.
    """
    from core.errors import CoreError
    from core.folder import Folder
    from core.run import gather_for
    from core.runfile import read_run

    shown, doubts = set[str](), list[str]()
    unknown = f"It can't be told whether the run in {folder.path} learned from any of these pictures."
    try:
        material = gather_for(read_run(folder.settings))
        doubt = _changed(material, folder)
        shown.update(_shown([item.case for split in ("train", "val") for item in material.items(split)]))
    except CoreError as error:
        doubt = f"{unknown} {error}"
    if "" in shown and not doubt:
        doubt = f"{unknown} Some of its own can't be read any more."
    shown.discard("")
    if folder.plugged.is_file():
        before, doubts = _learned(Folder(Path(json.loads(folder.plugged.read_text())["run"])))
        shown |= before
    return shown, [doubt, *doubts] if doubt else doubts


def _shown(cases: Sequence[Any]) -> list[str]:
    """For each case its picture's digest once decoded, which a copy in another file format shares; "" if unreadable."""
    from core.looks import look_at_all

    with say.counting("pictures") as on_case:
        return [one.shown for one in look_at_all([case.pixels for case in cases], on_case)]


def _changed(material: Any, folder: Any) -> str:
    """Says where a run's sets are not what they were; splits are dealt anew from what is there now."""
    if {one.name: one.hash() for one in material.sets} == folder.hashes():
        return ""
    return (
        f"The images or labels of the run in {folder.path} have changed since it was tuned, "
        "so pictures that it learned from may be among these."
    )


def _drawn(chosen: Chosen, count: int, seed: int) -> list[Any]:
    """At most so many of the cases, whatever their splits."""
    from core.errors import SettingsError
    from core.split import limit

    try:
        drawn = limit([replace(case, split="test") for case in chosen.cases], {"test": count}, seed)
    except SettingsError:
        raise SettingsError(
            f"--cases {count} is fewer than the classes of {chosen.name}, and at least one case of each is drawn. "
            "Raise it."
        ) from None
    kept = {case.id for case in drawn}
    return [case for case in chosen.cases if case.id in kept]


def _reliance(asked: argparse.Namespace) -> None:
    """The paper's distribution figure in numbers: does the right response depend on the image at all?"""
    from core.errors import DataError
    from core.opened import open_run
    from core.reliance import reliance

    opened = open_run(asked.run)
    number = opened.set_number(asked.question)
    chosen = _chosen(asked, opened, number)
    if len({case.labels for case in chosen.cases}) < 2:
        raise DataError(
            f"All cases of {chosen.name} have the same label, and --reliance shows each the image of a case with "
            "another one. Give a set with two labels."
        )
    if asked.template:
        name, task = list(opened.tasks.items())[number]
        tasks = opened.tasks | {name: task.model_copy(update={"template": asked.template})}
        opened = replace(opened, tasks=tasks)
    told = reliance(opened, chosen.cases, number)
    if asked.json:
        say.plain({"set": chosen.name, "cases": len(chosen.cases), "readers": told} | chosen.told)
        return
    say.out("| reader | right response, own image | another case's image | overlap | AUROC |\n|---|---|---|---|---|")
    for reader, one in told.items():
        say.out(f"| {reader} | {one['own']:.3f} | {one['other']:.3f} | {one['overlap']:.3f} | {one['auroc']:.3f} |")
    for note in chosen.told.get("notes", ()):
        say.out(note)

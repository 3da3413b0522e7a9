"""What a finished run is measured on anew: its own cases, or those of another set, read under the run's question.

Of another set, pictures that the run learned from, near copies of them and their patients are left out: figures over
them would not be external.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from core.case import Case, ImageSet, Split, Task
from core.catalog import FORMATS, KEPT, every
from core.errors import DataError, SettingsError
from core.layouts.manifest_cells import SEPARATORS, listed_labels
from core.pictures.pixels import ArrayPixels
from core.readings.reading import load
from core.runs.folder import Folder
from core.runs.learned import changed, learned, learned_before, learned_elsewhere
from core.runs.opened import Opened
from core.runs.prepare import open_images
from core.sets.learned_from import OnPicture, unlearned
from core.sets.open import open_set
from core.sets.split import limit


@dataclass(frozen=True)
class Chosen:
    """The cases to be measured, and what goes beside the figures: how many were left out, and notes."""

    name: str
    cases: list[Case]
    told: dict[str, Any] = field(default_factory=dict)

    def drawn(self, count: int, seed: int) -> Chosen:
        """At most so many of the cases, whatever their splits."""
        try:
            drawn = limit([replace(case, split="test") for case in self.cases], {"test": count}, seed)
        except SettingsError:
            raise SettingsError(
                f"--cases {count} is fewer than the classes of {self.name}, and at least one case of each is drawn. "
                "Raise it."
            ) from None
        kept = {case.id for case in drawn}
        return replace(self, cases=[case for case in self.cases if case.id in kept])


def own(opened: Opened, number: int, split: Split, on_picture: OnPicture) -> Chosen:
    """The run's own cases, with a note where they are not what they were; of a plugged run's test cases those that
    it was measured on, which neither its VLM had learned from before, nor its TSM elsewhere."""
    joint_set = open_images(opened.run)
    image_set, doubt = joint_set.sets[number], changed(joint_set, opened.folder)
    cases, notes = list(image_set.of(split)), [doubt] if doubt else []
    if split == "test" and opened.folder.is_plugged:
        before = learned_before(opened.folder, on_picture) | learned_elsewhere(opened.folder)
        if (measured := _measured_when_plugged(opened.folder, image_set.name)) is None:
            kept = unlearned(cases, before, on_picture)
            cases, words = kept.cases, kept.words("test cases", "the VLM or its TSM")
        else:
            whole, cases = len(cases), [case for case in cases if case.id in measured]
            left_out = f"{whole - len(cases):,} that the run was not measured on either, for what its card says"
            words = f"Left out of {whole:,} test cases: {left_out}."
        notes += [words] * (len(cases) < len(image_set.of(split)))
        notes += before.doubts
    return Chosen(image_set.name, cases, {"notes": notes} if notes else {})


def _measured_when_plugged(folder: Folder, set_name: str) -> set[str] | None:
    """The cases of a set that a plugged run was measured on; None of what was exported, which keeps no readings, and of
    runs of before these left anything out."""
    stored = folder.readings("test")
    if not (folder.before.is_file() and stored.is_file()):
        return None
    return {each.case for each in load(stored) if each.set == set_name}


def external(path: str, task: Task, folder: Folder, split: Split | None, on_picture: OnPicture) -> Chosen:
    """The labelled cases of another set that show nothing, and nobody, that the run has learned from."""
    image_set, notes = _read_set(path, task)
    cases = _of_split(image_set, split)
    _refuse_foreign(image_set.name, cases, task)
    known = learned(folder, on_picture)
    kept = unlearned(cases, known, on_picture)
    if not kept.cases:
        whose = "picture or patient" if kept.of_patients else "picture"
        raise DataError(
            f"The run learned from every {whose} of {image_set.name} that would be measured, as training or validation "
            "cases, so figures over them are not external. Give a set that it never saw, or leave --images out for "
            "its own test cases."
        )
    if kept.left_out:
        notes.append(kept.words(f"cases of {image_set.name}", "the run"))
    labels = {label for case in kept.cases for label in case.labels}
    if len(labels) == 1 and task.kind != "multi":
        notes.append(f'Every case is labelled "{labels.pop()}". Figures that need other cases too (AUROC) are missing.')
    unlabelled = sum(
        finding.count for finding in image_set.findings if (finding.kind, finding.severity) == ("unlabelled", "warning")
    )
    left_out = {
        "learned": kept.of_pictures if known.pictures else None,
        "near_learned": kept.of_copies if known.pictures else None,
        "of_learned_patients": kept.of_patients if known.pictures else None,
        "unlabelled": unlabelled,
    }
    return Chosen(image_set.name, kept.cases, {"left_out": left_out, "notes": [*notes, *known.doubts]})


def _of_split(image_set: ImageSet, split: Split | None) -> list[Case]:
    """The wanted split; the test split, or everything where there is none, if nobody asks for one."""
    if not image_set.cases:
        raise DataError(f"{image_set.name} has no labelled case to measure a reader on. Give its cases their labels.")
    cases = list(image_set.of(split) if split else image_set.of("test") or image_set.cases)
    if not cases:
        raise DataError(f"{image_set.name} has no {split} cases. Leave --split out, or put some of its cases there.")
    return cases


def _read_set(path: str, task: Task) -> tuple[ImageSet, list[str]]:
    """Another set under the run's question, and what was noticed.

    Its own names of labels come first, so that it is seen where they are not the run's. The run's answers are taken
    where the set makes no question by itself: it has one class only, or numbers without names.
    """
    formats, options = every(FORMATS, KEPT), {"kind": task.kind}
    try:
        image_set = open_set(path, options, formats)
        is_question = all(finding.kind != "unnamed_classes" for finding in image_set.findings)
    except DataError:
        is_question = False
    if not is_question:
        image_set = open_set(path, options | {"answers": task.answers}, formats)
    image_set.stop_on_errors()
    notes = [
        finding.message
        for finding in image_set.findings
        if finding.severity == "warning" or finding.kind == "unlabelled"
    ]
    if not is_question and any(isinstance(case.pixels, ArrayPixels) for case in image_set.cases):
        order = ", ".join(f"{number} {answer}" for number, answer in enumerate(task.answers))
        notes.append(
            f"{image_set.name} names no classes. Its numbers are taken in the order of the run's answers: {order}."
        )
    return image_set, notes


def _refuse_foreign(name: str, cases: Sequence[Case], task: Task) -> None:

    foreign = ((case.id, label) for case in cases for label in case.labels if label not in task.answers)
    for first, label in foreign:
        several = listed_labels(label, SEPARATORS)
        if task.kind != "multi" and len(several) > 1 and set(several) <= set(task.answers):
            raise DataError(
                f'"{first}" of {name} has {len(several)} labels ({", ".join(several)}), and the run asks for exactly '
                "one. Give it one label, or remove it."
            )
        raise DataError(
            f'{name} has the label "{label}", which the run does not know; "{first}" is the first with it. '
            f"Its answers are {', '.join(task.answers)}: rename the labels of the set."
        )

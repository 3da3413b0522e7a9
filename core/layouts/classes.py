"""Classes that are folders of pictures."""

from __future__ import annotations

from collections.abc import Iterable

from core.case import Case, Task
from core.layouts.findings import Findings


def class_named(folder: str) -> str:
    """The class that a folder is called after."""
    return " ".join(folder.replace("_", " ").split())


def of_listed_classes(cases: Iterable[Case], task: Task, findings: Findings) -> tuple[Case, ...]:
    """Those whose class the task lists; each other one is told."""
    kept = []
    for case in cases:
        if set(case.labels) <= set(task.answers):
            kept.append(case)
        else:
            message = f'"{case.id}" is in a class that the task does not list ({", ".join(task.answers)}). Correct one.'
            findings.add("unknown_label", "error", case.id, message)
    return tuple(kept)

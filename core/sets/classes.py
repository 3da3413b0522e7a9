"""Classes that are folders of pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from core.case import Case, Split, Task
from core.sets.findings import Findings
from core.sets.split import split_named


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


def split_folders(names: Sequence[str], folders: Sequence[str], findings: Findings) -> Mapping[str, Split | None]:
    """Where the class folders of some files begin ("train/"), and the split that each beginning stands for."""
    tops = [folder for folder in folders if folder.count("/") == 1]
    splits = {top: split for top in tops if (split := split_named(top.rstrip("/")))}
    inside = [name for name in names if name.startswith(tuple(splits))]
    outside = [name for name in names if not name.startswith(tuple(splits))]
    is_divided = any(name.count("/") > 1 for name in inside) and ("train" in splits.values() or not outside)
    for name in outside if is_divided else ():
        message = f'"{name}" lies beside the folders of the splits and was left out. Move it into one of them.'
        findings.add("outside_splits", "warning", name, message)
    return splits if is_divided else {"": None}

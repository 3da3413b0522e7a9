"""Pictures whose class is the folder that they lie in, under folders of splits if the set is divided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.case import Case, ImageSet, Split
from core.errors import DataError
from core.layouts.classes import class_named, of_listed_classes
from core.layouts.files import Tree, natural, outer
from core.layouts.findings import Findings
from core.layouts.question import Question
from core.layouts.splits import split_named
from core.pictures.foreign import foreign_by_name

OTHER_TABLES = (".xls", ".ods", ".numbers", ".json", ".jsonl", ".parquet")


def read_class_folders(files: Tree, settings: Question) -> ImageSet:
    """The set that the class folders of these files make."""
    tree = _within(files)
    findings = Findings()
    parts = split_folders(tree.pictures(), tree.folders, findings)
    cases = [case for prefix, split in parts.items() for case in _cases(tree, prefix, split, findings)]
    if not cases:
        suffixes = ", ".join(sorted(tree.suffixes))
        raise DataError(f"{tree.name} has no pictures in class folders. Pictures are files that end in {suffixes}.")
    folders = _class_folders(tree, parts)
    if not settings.answers:
        _refuse_other_tables(tree, folders)
    _tell_empty(cases, folders, findings)
    task = settings.task(tree.name, sorted(folders, key=natural))
    return ImageSet(tree.name, task, of_listed_classes(cases, task, findings), findings.listed())


def _within(tree: Tree) -> Tree:
    """The tree without the folders around it that name neither a class nor a split."""
    while True:
        pictures = tree.pictures()
        around = outer(pictures)
        inner = {name.removeprefix(around).count("/") for name in pictures}
        if not around or 0 in inner or split_named(around.rstrip("/")):
            return tree
        tree = tree.below(around)


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


def _class_folders(tree: Tree, parts: Mapping[str, Split | None]) -> dict[str, str]:
    """Each class's name and its (first) folder."""
    folder_of: dict[str, str] = {}
    for prefix in parts:
        for folder in tree.folders:
            inside = folder.removeprefix(prefix)
            if folder.startswith(prefix) and inside.count("/") == 1:
                folder_of.setdefault(class_named(inside.rstrip("/")), folder)
    return folder_of


def _refuse_other_tables(tree: Tree, folders: Mapping[str, str]) -> None:
    """One folder of pictures beside a table of a kind that is not read: its labels stand in there."""
    tables = [name for name in tree.files if name.lower().endswith(OTHER_TABLES)]
    if len(folders) == 1 and tables:
        raise DataError(
            f'{tree.name} has one folder of pictures, and "{tables[0]}" is a kind of table that is not read. '
            "Save it as CSV or XLSX, with a column that names the image and one for its label."
        )


def _tell_empty(cases: Sequence[Case], folders: Mapping[str, str], findings: Findings) -> None:
    filled = {label for case in cases for label in case.labels}
    for label, folder in folders.items():
        if label not in filled:
            message = f'The folder "{folder}" has no pictures. Add some or remove it.'
            findings.add("empty_class", "error", label, message)


def _cases(tree: Tree, prefix: str, split: Split | None, findings: Findings) -> list[Case]:
    cases = []
    for name in tree.files:
        if not name.startswith(prefix):
            continue
        folder, slash, _ = name.removeprefix(prefix).partition("/")
        if not tree.is_picture(name):
            kind = foreign_by_name(name)
            message = f'"{name}" is {kind.name if kind else "not a picture"} and was left out. '
            message += kind.advice if kind else "Nothing to do if that is as it should be."
            findings.add("other_files", "note", name, message)
        elif not slash:
            message = f'"{name}" lies in no class folder and was left out. Move it into the folder of its class.'
            findings.add("outside_classes", "warning", name, message)
        else:
            cases.append(Case(name, tree.pixels(name), (class_named(folder),), split))
    return cases

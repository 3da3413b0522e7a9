"""The words by which folders and cells name a split."""

from __future__ import annotations

from core.case import Split

NAMES: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


def split_named(name: str) -> Split | None:
    """The split that a folder or a cell names, in any of the usual words."""
    return NAMES.get(name.strip().casefold())


def split_of_folder(path: str) -> Split | None:
    """The split that one of the folders above a file is called after."""
    return next((split for part in path.split("/")[:-1] if (split := split_named(part))), None)

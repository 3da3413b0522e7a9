"""Erasing from a shell: what goes and what stays is told first, and the name is typed once more."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from core.cli import output
from core.errors import SettingsError

if TYPE_CHECKING:
    from core.records.access import Who
    from core.records.database import Database
    from core.records.place import Place


def add_yes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="without having the name typed once more")


def erase(database: Database, place: Place, who: Who, kind: str, which: str, is_sure: bool) -> None:
    """`kind` and `which` as `core.records.erasing.erasable` has them."""
    from core.records.erasing.erasable import erasable_kind

    erasable = erasable_kind(kind)
    erasure = erasable.plan(database, place, who, which)
    sys.stderr.write("\n  ".join(["Goes for good:", *erasure.goes]) + "\n")
    sys.stderr.write("\n  ".join(["Stays:", *erasure.stays]) + "\n")
    if not is_sure:
        sys.stderr.write(f"Type the name to erase it ({erasure.name}): ")
        sys.stderr.flush()
        if sys.stdin.readline().strip() != erasure.name.strip():
            raise SettingsError("The name that was typed is another, so nothing was erased.")
    renamed = erasable.erase(database, place, who, which)
    output.out(f"{erasure.name} is {renamed} now." if renamed else f"{erasure.name} is erased.")

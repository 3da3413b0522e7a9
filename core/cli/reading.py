"""How a shell says how the files of a set are read, as a page does: what columns mean, planes, slices, frames."""

from __future__ import annotations

import argparse
import json
from typing import Any

from core.errors import SettingsError


def add_reading(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--read",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="how the files are read: a setting of their format, like slice=COLUMN, plane=coronal or "
        '\'answers=["a", "b"]\'; may be given again',
    )


def reading_from(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings by name; a list is written as JSON."""
    values: dict[str, Any] = {}
    for setting in arguments.read:
        name, sign, text = setting.partition("=")
        if not sign:
            raise SettingsError(f'--read takes NAME=VALUE, like plane=coronal, not "{setting}".')
        values[name.strip()] = _list(name, text) if text.lstrip().startswith("[") else text
    return values


def _list(name: str, text: str) -> list[Any]:
    try:
        return list(json.loads(text))
    except ValueError:
        raise SettingsError(f'--read {name} takes a list like ["a", "b"], not {text}.') from None

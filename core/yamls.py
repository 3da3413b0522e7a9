"""YAML that people write: read as plain values, with what it would grow to counted first.

A few lines whose aliases stand for lists of aliases are billions of values to whoever goes through them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from core.errors import SettingsError
from core.limits import limits, raised

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(text: str | bytes, name: str) -> Any:
    """The plain values of a text; a SettingsError calls it by this name."""
    try:
        _refuse_large(len(text), name)
        _count(text, name)
        return yaml.load(text, LOADER)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        where = " ".join(str(error).split())
        if "maximum nesting depth" in where:  # the parser looks ahead, and gives up before the levels are counted here
            raise _too_deep(name) from None
        raise SettingsError(f"{name} is not valid YAML ({where}). Correct the line that it names.") from None


def read_yaml_file(path: Path, name: str) -> Any:
    """The same of a file, which is not read where it is too large."""
    try:
        _refuse_large(path.stat().st_size, name)
        return read_yaml(path.read_bytes(), name)
    except OSError as error:
        raise SettingsError(f"{name} can't be read ({error.strerror}). Check its path.") from None


def _refuse_large(size: int, name: str) -> None:
    if size > limits().yaml_bytes:
        raise SettingsError(
            f"{name} has {size:,} bytes, more than {limits().yaml_bytes:,}. Shorten it. {raised('yaml_bytes')}"
        )


def _count(text: str | bytes, name: str) -> None:
    """Refuses more values, or deeper ones, than are allowed; an alias weighs what it stands for."""
    most, deepest = limits().yaml_values, limits().yaml_depth
    weights: dict[str, int] = {}
    around: list[tuple[str | None, int]] = []
    total = 0
    for event in yaml.parse(text, LOADER):
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in weights:
                raise SettingsError(f'In {name} "*{event.anchor}" stands within itself or for nothing. Write it out.')
            total += weights[event.anchor]
        elif isinstance(event, yaml.CollectionStartEvent):
            around.append((event.anchor, total))
            total += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = around.pop()
            if anchor:
                weights[anchor] = total - before
        elif isinstance(event, yaml.ScalarEvent):
            total += 1
            if event.anchor:
                weights[event.anchor] = 1
        if total > most:
            raise SettingsError(f"{name} holds more than {most:,} values. Shorten it. {raised('yaml_values')}")
        if len(around) > deepest:
            raise _too_deep(name)


def _too_deep(name: str) -> SettingsError:
    return SettingsError(f"{name} is more than {limits().yaml_depth} levels deep. Flatten it. {raised('yaml_depth')}")

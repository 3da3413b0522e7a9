"""Values that JSON can say, of dataclasses that name what is worked on: for a process of ours that is to go on with
them. Nothing else can be said in this way, so nothing else can be made of what comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

Plain = Any
"""What JSON can say."""


def in_plain(value: object) -> Plain:
    """Of texts, numbers, paths, tuples, and dataclasses of these."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Path):
        return {"path": str(value)}
    if isinstance(value, tuple):
        return {"tuple": [in_plain(each) for each in value]}
    if is_dataclass(value):
        return {"of": name_of(type(value)), "is": [in_plain(getattr(value, field.name)) for field in fields(value)]}
    raise TypeError(f"{value!r} can't be said to another process")


def from_plain(plain: Plain) -> Any:
    if not isinstance(plain, dict):
        return plain
    if "path" in plain:
        return Path(plain["path"])
    if "tuple" in plain:
        return tuple(map(from_plain, plain["tuple"]))
    made_of = named(plain["of"])
    if not is_dataclass(made_of):
        raise TypeError(f"{plain['of']} is no dataclass")
    return made_of(*map(from_plain, plain["is"]))


def name_of(made: Callable[..., Any]) -> str:
    """By which another process finds a function or class of a module."""
    return f"{made.__module__}:{made.__qualname__}"


def named(name: str) -> Callable[..., Any]:
    module, _, within = name.partition(":")
    function: Callable[..., Any] = getattr(import_module(module), within)
    return function

"""Values that JSON can say, of dataclasses that name what is worked on: for a process of ours that is to go on with
them. Nothing else can be said in this way, so nothing else can be made of what comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import cache
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
    kind = name_of(type(value))
    return {"of": kind, "is": [in_plain(getattr(value, name)) for name in _fields(kind)]}


@cache
def _fields(kind: str) -> tuple[str, ...]:
    made_of = named(kind)
    if not is_dataclass(made_of):
        raise TypeError(f"{kind} is no dataclass, and can't be said to another process")
    return tuple(field.name for field in fields(made_of))


def from_plain(plain: Plain) -> Any:
    if not isinstance(plain, dict):
        return plain
    if "path" in plain:
        return Path(plain["path"])
    if "tuple" in plain:
        return tuple(map(from_plain, plain["tuple"]))
    names, values = _fields(plain["of"]), map(from_plain, plain["is"])
    return named(plain["of"])(**dict(zip(names, values, strict=True)))


def name_of(made: Callable[..., Any]) -> str:
    """By which another process finds a function or class of a module."""
    return f"{made.__module__}:{made.__qualname__}"


@cache
def named(name: str) -> Callable[..., Any]:
    module, _, within = name.partition(":")
    function: Callable[..., Any] = getattr(import_module(module), within)
    return function

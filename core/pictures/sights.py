"""What an intake sees of pictures: a look at each, and of some the trace as well, for which each is opened once. Where
there are many, by several processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from core.case import Pixels
from core.errors import DataError
from core.machine.plain import Plain
from core.machine.spread import Work, spread
from core.pictures.looks import Look, look_of
from core.pictures.pixels import broken_off, is_apart, name_of
from core.pictures.traces import Trace, opened, trace_in, trace_of


@dataclass(frozen=True)
class Sight:
    """What was seen of a picture; no trace where none was wanted, or it can't be opened."""

    look: Look
    trace: Trace | None = None


@dataclass(frozen=True)
class Wanted:
    """What is to be seen of a picture."""

    pixels: Pixels
    with_trace: bool = False


def sight_of(wanted: Wanted) -> Sight:
    """Opens a picture; whatever is wrong with it becomes its look's problem."""
    try:
        if not wanted.with_trace:
            return Sight(look_of(wanted.pixels.load()))
        picture, file = opened(wanted.pixels)
        return Sight(look_of(picture), trace_in(picture, file))
    except DataError as error:
        return Sight(Look(problem=str(error)))


def sights_of(wanted: Sequence[Wanted]) -> Iterator[Sight]:
    """One after the other, as they are done."""
    return spread(Work(sight_of, _plain, _read, _lost, lambda each: is_apart(each.pixels)), wanted)


def traces_of(pixels: Sequence[Pixels]) -> Iterator[Trace | None]:
    """The traces alone; none of what can't be opened, or costs a process its life."""
    return spread(Work(trace_of, _trace_in_plain, _trace_read, lambda each, words: None, is_apart), pixels)


def _lost(wanted: Wanted, words: str) -> Sight:
    return Sight(Look(problem=broken_off(name_of(wanted.pixels), words)))


def _plain(sight: Sight) -> Plain:
    look = {name: value.hex() if isinstance(value, bytes) else value for name, value in vars(sight.look).items()}
    return [look, _trace_in_plain(sight.trace)]


def _read(plain: Plain) -> Sight:
    look, traced = plain
    bytes_of = {name: bytes.fromhex(look[name]) for name in ("thumbnail", "coarse")}
    return Sight(Look(**{**look, **bytes_of, "size": tuple(look["size"])}), _trace_read(traced))


def _trace_in_plain(trace: Trace | None) -> Plain:
    return trace and [trace.measures.tobytes().hex(), trace.thumbnail.hex(), trace.kind]


def _trace_read(plain: Plain) -> Trace | None:
    if plain is None:
        return None
    measures, thumbnail, kind = plain
    return Trace(np.frombuffer(bytes.fromhex(measures), np.float32), bytes.fromhex(thumbnail), kind)

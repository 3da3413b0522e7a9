"""Pictures on their way into a store, by several processes where there are many; and what of them is there already, in
files beside an upload, so that adding that was broken off reads and hashes none of these again."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from core.case import Pixels
from core.errors import DataError
from core.machine.spread import Work, spread
from core.pictures.kept_looks import place_of
from core.pictures.kept_rows import next_part, parts_of, read_rows, write_rows
from core.pictures.pixels import broken_off, is_apart, name_of
from core.pictures.store import Store, encoded, key_of, open_store

COLUMNS = ("place", "sha256", "size")
KEEP_SECONDS = 5.0
AT_ONCE, AT_ONCE_REMOTELY = 2048, 16


@dataclass(frozen=True)
class Stored:
    """Under which SHA-256 a picture is in the store, and how many bytes it has there."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Arriving:
    """A picture, the store where it goes, and what it was kept as by somebody who was broken off."""

    pixels: Pixels
    store: str
    before: Stored | None = None


def keep(arriving: Arriving) -> Stored:
    """What is there in full is not read again: what came from a place once is what lies there still."""
    store, before = open_store(arriving.store), arriving.before
    if before and store.size(key_of(before.sha256)) == before.size:
        return before
    content = encoded(arriving.pixels)
    return Stored(store.put(content), len(content))


def keep_all(pixels: Sequence[Pixels], store: Store, beside: Path | None = None) -> Generator[str]:
    """The SHA-256 of each, once it is in the store. Every few seconds what was kept is noted in parts `beside`."""
    before = _read(beside) if beside else {}
    places = [place_of(each) for each in pixels] if beside else [""] * len(pixels)
    arriving = [Arriving(each, store.url, before.get(place)) for each, place in zip(pixels, places, strict=True)]
    fresh: dict[str, Stored] = {}
    since = monotonic()
    try:
        for place, stored in zip(places, _kept(arriving, store), strict=True):
            if place not in before:
                fresh[place] = stored
            if beside and monotonic() - since > KEEP_SECONDS:
                _write_part(beside, fresh)
                fresh, since = {}, monotonic()
            yield stored.sha256
    finally:
        if beside and fresh and parts_of(beside):  # what is quickly done is quickly done again
            _write_part(beside, fresh)


def _kept(arriving: Sequence[Arriving], store: Store) -> Iterator[Stored]:
    if store.is_local:
        yield from spread(Work(keep, _plain, _from_plain, _lost, lambda each: is_apart(each.pixels)), arriving)
        return
    with ThreadPoolExecutor(AT_ONCE_REMOTELY) as threads:  # which wait for a network
        for start in range(0, len(arriving), AT_ONCE):
            yield from threads.map(keep, arriving[start : start + AT_ONCE])


def _lost(arriving: Arriving, words: str) -> Stored:
    raise DataError(broken_off(name_of(arriving.pixels), words))


def _plain(stored: Stored) -> list[str | int]:
    return [stored.sha256, stored.size]


def _from_plain(plain: tuple[str, int]) -> Stored:
    return Stored(*plain)


def _write_part(file: Path, fresh: dict[str, Stored]) -> None:
    write_rows(next_part(file), COLUMNS, [(place, each.sha256, each.size) for place, each in fresh.items()])


def _read(file: Path) -> dict[str, Stored]:
    return {place: Stored(sha256, size) for part in parts_of(file) for place, sha256, size in read_rows(part, COLUMNS)}

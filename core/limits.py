"""How much is taken from what people bring, counted before it is unpacked, decoded or kept. An admin may set each.

`vitask doctor` tells them. Every process of a studio reads them here, from variables like VITASK_LIMIT_PIXELS.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from pydantic import Field

from core.settings import Settings

PREFIX = "VITASK_LIMIT_"
PREFIX_BYTES = PREFIX.encode()
PILLOWS_BOUND = 89_478_485
"""Of pixels, above which Pillow itself takes a picture for an attack."""


class Limits(Settings):
    """Every limit, with what is usual where nobody sets another."""

    pixels: int = Field(
        40_000_000,
        ge=10_000,
        le=PILLOWS_BOUND,
        title="Pixels of a picture",
        description="Width times height. A picture takes up to eight bytes of memory a pixel while it is decoded.",
    )
    picture_bytes: int = Field(
        256_000_000, ge=100_000, le=2 * 10**9, title="Bytes of a picture", description="Of its file, unpacked."
    )
    volume_bytes: int = Field(
        2 * 10**9,
        ge=10**6,
        le=10**12,
        title="Bytes of a volume",
        description="Of one point in time, unpacked; they are kept on the disk while its slices are read.",
    )
    rows: int = Field(
        1_000_000,
        ge=100,
        le=100_000_000,
        title="Rows",
        description="Of a table, or cases of an array. A row takes about a kilobyte of memory.",
    )
    columns: int = Field(4096, ge=10, le=100_000, title="Columns of a table", description="In its header.")
    table_bytes: int = Field(
        128_000_000,
        ge=100_000,
        le=10**10,
        title="Bytes of a table",
        description="Of a CSV, TSV or Excel file, unpacked; also of an array's labels.",
    )
    yaml_bytes: int = Field(
        256_000, ge=1000, le=10**8, title="Bytes of a YAML file", description="Of a run file or a task.yaml."
    )
    yaml_values: int = Field(
        10_000,
        ge=100,
        le=10**7,
        title="Values of a YAML file",
        description="What an alias stands for counts as often as it is used.",
    )
    yaml_depth: int = Field(
        30, ge=5, le=100, title="Depth of a YAML file", description="How far lists and blocks lie in one another."
    )
    zip_files: int = Field(
        1_000_000,
        ge=100,
        le=100_000_000,
        title="Files in a zip",
        description="Those of zips within it, which are opened for DICOM alone, count together.",
    )
    zip_bytes: int = Field(
        100 * 10**9, ge=10**6, le=10**14, title="Bytes of a zip", description="Of all its files, unpacked."
    )
    zip_ratio: int = Field(
        200,
        ge=2,
        le=100_000,
        title="Compression of a zip",
        description="How many times its own size a zip of more than 100 MB may unpack to.",
    )
    upload_bytes: int = Field(
        200 * 10**9, ge=10**6, le=10**15, title="Bytes of an upload", description="Of all files that are sent together."
    )
    asked_bytes: int = Field(
        50_000_000,
        ge=100_000,
        le=2 * 10**9,
        title="Bytes of an upload by readers",
        description="Of people who may ask a run about a picture and bring no sets.",
    )
    spare_bytes: int = Field(
        2 * 10**9,
        ge=0,
        le=10**15,
        title="Bytes kept free",
        description="On the disk of the data folder: an upload that would leave less is refused.",
    )
    unused_hours: int = Field(
        24,
        ge=1,
        le=10_000,
        title="Hours until files of uploads are removed",
        description="Of uploads that were broken off, that were added to a set, or that nobody took over.",
    )
    refused_days: int = Field(
        30,
        ge=1,
        le=10_000,
        title="Days until an unused upload is removed",
        description="One that was refused, or checked and never added to a set.",
    )
    shown_side: int = Field(
        1024, ge=64, le=8192, title="Side of a resized picture", description="That /images/…?size= may ask for."
    )
    shown_seconds: int = Field(
        20,
        ge=1,
        le=600,
        title="Seconds for a look at a file",
        description="That the page may take to decode a picture or read a table's header.",
    )
    memory_percent: int = Field(
        75,
        ge=5,
        le=1000,
        title="Memory of a process",
        description="That a check of an upload or a run may take, in percent of the machine's.",
    )


_HELD: list[Limits] = []


@contextmanager
def held() -> Iterator[None]:
    """Has this process read its limits once, for as long as it goes through many pictures."""
    _HELD.append(limits())
    try:
        yield
    finally:
        _HELD.pop()


def limits() -> Limits:
    """As the environment says now; a SettingsError where it says something else than a limit."""
    if newest := _HELD[-1:]:  # in one step: another thread may let go of it meanwhile
        return newest[0]
    # Asked for every picture, so names are gone through as bytes: `os.environ` makes text of each, ten times as slowly.
    names = sorted(os.fsdecode(name) for name in os.environb if name.startswith(PREFIX_BYTES))
    return _parsed(tuple((name, value) for name in names if (value := os.environ.get(name))))


@lru_cache(maxsize=4)
def _parsed(given: tuple[tuple[str, str], ...]) -> Limits:
    return Limits.parse({name.removeprefix(PREFIX).lower(): value for name, value in given}, PREFIX.rstrip("_"))


def variable(name: str) -> str:
    """What to set for another limit."""
    return PREFIX + name.upper()


def raised(name: str) -> str:
    """The end of a message: who may allow more, and how."""
    return f"An admin may set {variable(name)}."

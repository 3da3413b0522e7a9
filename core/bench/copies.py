"""What it costs to find near copies among very many pictures: drawn thumbnails, in which some copies are planted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from core.bench.intake import peak_mib, processor_seconds
from core.pictures.coarse import SIDE as COARSE_SIDE
from core.pictures.looks import Look
from core.pictures.working import SIDE
from core.sets.alike import alterations

PLANTED = 1000
GRAIN = 9
"""As many shades in a row make a drawn picture."""
CROWD, CLUSTERED, IN_CLUSTER = 0.1, 0.4, 333
"""Shares of pictures that are all much alike, and that are so within clusters of so many; the others are like none."""

Levels = NDArray[np.float32]


@dataclass(frozen=True)
class Figures:
    """Of so many pictures: seconds on the clock, of all cores together, the memory at its most with the looks, and how
    many of so many planted copies were told."""

    pictures: int
    seconds: float
    processor_seconds: float
    peak_mib: float
    planted: int
    told: int

    def as_row(self) -> dict[str, float]:
        return asdict(self)


def measure(counts: Sequence[int], note: Callable[[str], None]) -> list[Figures]:
    """Each in a process of its own, so that memory is its alone."""
    rows = []
    for count in counts:
        note(f"{count:,} pictures")
        command = [sys.executable, "-m", "core.bench.copies", str(count)]
        rows.append(Figures(**json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)))
    return rows


def drawn_looks(count: int) -> list[Look]:
    """Looks at drawn pictures, the last `planted_in(count)` of which are altered copies of the first."""
    draws = np.random.default_rng(0)
    crowd, clustered, planted = int(CROWD * count), int(CLUSTERED * count), planted_in(count)
    kinds = np.concatenate(
        [
            np.arange(count - crowd - clustered - planted),  # each of its own kind
            -1 - np.arange(clustered) // IN_CLUSTER,
            np.full(crowd, -1 - clustered),
        ]
    )
    looks: list[Look] = []
    for start in range(0, len(kinds), 10_000):
        looks += _looks(_of_kinds(kinds[start : start + 10_000], draws), start)
    copied = np.stack([_levels(each) for each in looks[:planted]])
    return looks + _looks(_altered(copied), len(kinds))


def planted_in(count: int) -> int:
    return min(PLANTED, count // 10)


def markdown(rows: Sequence[Figures]) -> str:
    lines = ["| pictures | seconds | processor seconds | MiB | planted copies told |", "|---|---|---|---|---|"]
    for row in rows:
        costs = f"{row.seconds:,.0f} | {row.processor_seconds:,.0f} | {row.peak_mib:,.0f}"
        lines.append(f"| {row.pictures:,} | {costs} | {row.told:,} of {row.planted:,} |")
    return "\n".join(lines)


def _of_kinds(kinds: NDArray[np.int64], draws: np.random.Generator) -> Levels:
    """A picture of each kind; several of one differ in a third of their contrast."""
    shades = draws.normal(0, 35, (len(kinds), GRAIN, GRAIN))
    for kind in np.unique(kinds[kinds < 0]):
        shared = np.random.default_rng(-kind).normal(0, 35, (GRAIN, GRAIN))
        shades[kinds == kind] = 0.94 * shared + 0.33 * shades[kinds == kind]
    between = _between(GRAIN)
    levels: Levels = (128 + between @ shades @ between.T).astype(np.float32)
    return levels


def _altered(levels: Levels) -> Levels:
    """In turn brighter, of less contrast, mirrored, and without four hundredths of its width and height."""
    made = levels.copy()
    made[0::4] *= 1.1
    made[1::4] = 128 + 0.9 * (levels[1::4] - 128)
    made[2::4] = levels[2::4, :, ::-1]
    inner = _between(SIDE, 0.04)
    made[3::4] = inner @ levels[3::4] @ inner.T
    return made


def _between(side: int, cut: float = 0) -> Levels:
    """The matrix that takes a row of so many shades to SIDE of them, without a share at its end."""
    places = np.linspace(0, (side - 1) * (1 - cut), SIDE)
    between: Levels = np.maximum(0, 1 - np.abs(places[:, None] - np.arange(side))).astype(np.float32)
    return between


def _looks(levels: Levels, start: int) -> list[Look]:
    thumbnails = levels.clip(0, 255).round().astype(np.uint8)
    step = SIDE // COARSE_SIDE
    coarse = levels.reshape(-1, COARSE_SIDE, step, COARSE_SIDE, step).mean(axis=(2, 4)).clip(0, 255).astype(np.uint8)
    return [
        Look((SIDE, SIDE), "L", shown=str(start + row), thumbnail=thumbnail.tobytes(), coarse=small.tobytes())
        for row, (thumbnail, small) in enumerate(zip(thumbnails, coarse, strict=True))
    ]


def _levels(look: Look) -> Levels:
    return np.frombuffer(look.thumbnail, np.uint8).reshape(SIDE, SIDE).astype(np.float32)


def figures_of(count: int) -> Figures:
    """Of a search in this process."""
    looks, planted = drawn_looks(count), planted_in(count)
    began, since = perf_counter(), processor_seconds()
    copies = alterations(looks)
    seconds, spent = perf_counter() - began, processor_seconds() - since
    seen = sum((place, count - planted + place) in copies for place in range(planted))
    return Figures(count, seconds, spent, peak_mib(), planted, seen)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(figures_of(int(sys.argv[1])).as_row()))

"""Masks: pictures of what is inside and what is outside, as such and as run lengths.

Run lengths tell how many pixels are outside, then inside, then outside again, down one column after another. COCO has
them so where they are not compressed: the first run is always of what is outside, and may be 0.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.pictures.pixels import decode

SHADES_IN_WORDS = 5
RUN = "<u4"
MOST_BITS = 60
"""Of a run length in letters."""
Inside = NDArray[np.bool_]
"""[height, width]: what belongs to it."""
Down = NDArray[np.bool_]
"""[width x height]: the same, one column after another."""


@dataclass(frozen=True)
class RunPixels:
    """A mask as its run lengths, which have to fill its size."""

    runs: tuple[int, ...]
    width: int
    height: int

    def load(self) -> Image.Image:
        return Image.fromarray(inside_of(self.runs, self.width, self.height).astype(np.uint8) * 255)

    def digest(self) -> str:
        return hashlib.sha256(repr((self.runs, self.width, self.height)).encode()).hexdigest()


def packed_runs(stored: bytes, name: str) -> tuple[list[int], bytes]:
    """Width and height of a mask's file, and its run lengths, 4 bytes each: so that it can be decoded aside."""
    inside = marked(decode(stored, name))
    return list(inside.shape[::-1]), np.array(runs_of(inside), dtype=RUN).tobytes()


def unpacked_runs(size: Sequence[int], packed: bytes) -> RunPixels:
    return RunPixels(tuple(np.frombuffer(packed, dtype=RUN).tolist()), *size)


def marked(mask: Image.Image) -> Inside:
    """What a picture of a mask has inside: all that is not black."""
    return np.asarray(mask.convert("L")) > 0


def runs_of(inside: Inside) -> tuple[int, ...]:
    down = inside.ravel(order="F")
    turns = np.flatnonzero(down[1:] != down[:-1]) + 1
    runs = [end - begin for begin, end in pairwise([0, *turns.tolist(), len(down)])]
    return (0, *runs) if len(down) and down[0] else tuple(runs)


def inside_of(runs: Sequence[int], width: int, height: int) -> Inside:
    """The runs have to add up to width times height."""
    return down_of(runs).reshape((height, width), order="F")


def down_of(runs: Sequence[int]) -> Down:
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs)


def runs_of_text(text: str) -> tuple[int, ...] | None:
    """Run lengths as COCO packs them into letters; None where the text is nothing of that kind.

    A letter carries five bits of a number, lowest first, and whether more follow; the last one's highest bit is the
    sign. From the fourth number on it is the difference to the number before the last.
    """
    runs: list[int] = []
    number = bits = 0
    for letter in text:
        code = ord(letter) - ord("0")
        if not 0 <= code < 64 or bits > MOST_BITS:
            return None
        number |= (code & 31) << bits
        bits += 5
        if code & 32:
            continue
        number -= (code & 16) << (bits - 4)
        runs.append(number + (runs[-2] if len(runs) > 2 else 0))
        number = bits = 0
    return tuple(runs) if bits == 0 and all(run >= 0 for run in runs) else None


def misfit(mask: Image.Image, size: tuple[int, int]) -> str | None:
    """What keeps a picture from being the mask of another one of this width and height, to be put after its name."""
    if mask.size != size:
        own, other = (f"{width} x {height}" for width, height in (mask.size, size))
        return f"is {own} pixels large, and the picture {other}. Draw it at the picture's size."
    shades = [shade for shade, count in enumerate(mask.convert("L").histogram()) if count]
    if len(shades) > 2 or (len(shades) == 2 and shades[0]):
        more = f" and {len(shades) - SHADES_IN_WORDS} more" if len(shades) > SHADES_IN_WORDS else ""
        listed = ", ".join(map(str, shades[:SHADES_IN_WORDS])) + more
        return f"has the shades {listed}, where a mask has two: 0 outside, another one inside. Draw it in two."
    return None

"""One look at each picture of a set: whether it opens, its size, and what it has in common with others."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from PIL import Image

from core.case import Pixels
from core.errors import DataError
from core.pictures.coarse import SIDE as COARSE_SIDE
from core.pictures.pixels import IS_FIRST
from core.pictures.sharpness import sharpness
from core.pictures.working import SIDE

AT_ONCE = 1024  # handing all pictures of a large set to the threads together would cost memory


@dataclass(frozen=True)
class Look:
    """What a picture looks like. Where it can't be opened `problem` says why, and the rest is empty."""

    size: tuple[int, int] = (0, 0)
    mode: str = ""
    is_blank: bool = False
    shown: str = ""
    thumbnail: bytes = b""
    coarse: bytes = b""
    """As thumbnails were before crops and mirrored pictures were looked for."""
    sharpness: float = 0.0
    """Beside other pictures of its kind: core/pictures/sharpness.py."""
    is_first: bool = False
    """Whether its file holds further pictures, which are not read."""
    problem: str = ""


def look_at(pixels: Pixels) -> Look:
    """Opens a picture; whatever is wrong with it becomes its problem."""
    try:
        return look_of(pixels.load())
    except DataError as error:
        return Look(problem=str(error))


def look_of(picture: Image.Image) -> Look:
    grey = picture.convert("L")
    thumbnail = grey.resize((SIDE, SIDE), Image.Resampling.BILINEAR).tobytes()
    coarse = grey.resize((COARSE_SIDE, COARSE_SIDE), Image.Resampling.BICUBIC).tobytes()
    # What is small and of several shades is so as a whole: the extremes of all pixels are looked for where it isn't.
    is_blank = len(set(coarse)) == 1 and all(low == high for low, high in _extremes(picture))
    is_first = bool(picture.info.get(IS_FIRST))
    return Look(picture.size, picture.mode, is_blank, _shown(picture), thumbnail, coarse, sharpness(grey), is_first)


def _shown(picture: Image.Image) -> str:
    # Of the decoded picture, so that a copy saved in another way or with other remarks in its file is found too.
    whole = hashlib.sha256(f"{picture.mode} {picture.size} ".encode())
    whole.update(picture.tobytes())
    return whole.hexdigest()


def look_at_all(pixels: Sequence[Pixels], on_case: Callable[[int, int], None] | None = None) -> list[Look]:
    """A look at each, by several threads; `on_case` is told how many are done, and of how many."""
    return list(looks_at(pixels, on_case))


def looks_at(pixels: Sequence[Pixels], on_case: Callable[[int, int], None] | None = None) -> Iterator[Look]:
    """The same one after the other, as they are done."""
    done = 0
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        for start in range(0, len(pixels), AT_ONCE):
            for picture_look in threads.map(look_at, pixels[start : start + AT_ONCE]):
                done += 1
                yield picture_look
                if on_case:
                    on_case(done, len(pixels))


def refuse_problems(looks: Sequence[Look]) -> None:
    """A DataError for the first picture that can't be opened."""
    for picture_look in looks:
        if picture_look.problem:
            raise DataError(picture_look.problem)


def _extremes(picture: Image.Image) -> tuple[tuple[float, float], ...]:
    extremes = picture.getextrema()
    return extremes if isinstance(extremes[0], tuple) else (extremes,)

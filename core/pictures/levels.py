"""The levels of a deep picture as the viewer draws them: all 16 bits, what they measure, the windows to choose from.

What is sent is gzipped: four bytes that tell the length of a JSON text, the text, then the levels row by row, two bytes
each, the lower one first. Of a DICOM header nothing is in it but what the kept picture says of its windows.
"""

from __future__ import annotations

import gzip
import json
from functools import lru_cache

from core.errors import DataError
from core.pictures.deep import KEY, Deep, View, Window, facts_of, whole_span
from core.pictures.pixels import deep_in
from core.pictures.store import key_of, open_store

MEDIA = "application/octet-stream"
CT_UNIT = "HU"
CT_WINDOWS = (
    Window("soft tissue", 40, 400),
    Window("lung", -600, 1500),
    Window("bone", 400, 1800),
    Window("brain", 40, 80),
    Window("liver", 60, 160),
)
PNG, DEPTH = b"\x89PNG\r\n\x1a\n", slice(24, 26)
GREY_OF_16_BITS = b"\x10\x00"
HEAD_BYTES = 128
"""Of a kept file: its size, its depth, and the name of the text that tells its windows."""


def packed(stored: bytes, name: str) -> tuple[str, bytes]:
    """The media type and what is sent; nothing at all where the picture has but 8 bits."""
    deep = deep_in(stored, name)
    if deep is None:
        return "", b""
    height, width = deep.levels.shape
    own = {"width": width, "height": height, "most": int(deep.levels.max()), "own": len(deep.views)}
    shown = Deep(deep.levels, views_to_choose(deep), deep.slope, deep.intercept, deep.unit, deep.is_inverted)
    text = json.dumps(facts_of(shown) | own).encode()
    text += b" " * (len(text) % 2)  # so that the levels begin at an even place
    levels = deep.levels.astype("<u2", copy=False)
    return MEDIA, gzip.compress(b"".join((len(text).to_bytes(4, "little"), text, levels.tobytes())), 1, mtime=0)


def views_to_choose(deep: Deep) -> tuple[View, ...]:
    """A picture's own views, the first of which models see; of CT the usual ones that are not among them; all of it."""
    usual = CT_WINDOWS if deep.unit == CT_UNIT else ()
    names = {view.name.casefold() for view in deep.views}
    spans = {_span(view) for view in deep.views}
    further = (*usual, whole_span(deep.levels, deep.slope, deep.intercept))
    return (*deep.views, *(view for view in further if view.name not in names and _span(view) not in spans))


def _span(view: View) -> tuple[float, float] | None:
    return (view.center, view.width) if isinstance(view, Window) else None


def begins_deep(head: bytes) -> bool:
    """Whether a kept file is a deep picture, by its first bytes; `packed` has the last word."""
    return head.startswith(PNG) and head[DEPTH] == GREY_OF_16_BITS and KEY.encode() in head


def has_levels(store: str, sha256: str) -> bool:
    """The same of a picture in a store; False where it is gone, which its own address tells."""
    try:
        return _begins_deep(store, sha256)
    except DataError:
        return False


@lru_cache(maxsize=4096)
def _begins_deep(store: str, sha256: str) -> bool:
    """A content never changes, so its file is asked once."""
    return begins_deep(open_store(store).read(key_of(sha256), HEAD_BYTES))

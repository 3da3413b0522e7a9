"""Captions in a model's tokens: short ones are held against pictures, long ones are written (arXiv 2412.04378)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.errors import DataError
from core.models.vlm import Vlm
from core.sets.captions import Caption, within

MOST_SHORT, FEWEST_LONG, MOST_LONG = 29, 30, 500
"""Tokens, as printed: under 30, and from 30 to 500."""


@dataclass(frozen=True)
class SpelledCaption:
    """A short caption of whole words, and the tokens of a long one; none where there are fewer than 30."""

    short: str
    long: tuple[int, ...]


def spelled(vlm: Vlm, caption: Caption) -> SpelledCaption:
    """Both as they are learned: what is too long is cut off."""
    written = vlm.response(caption.long)[:-1]
    long = written[:MOST_LONG] if len(written) >= FEWEST_LONG else ()
    return SpelledCaption(within(caption.short, MOST_SHORT, lambda text: len(vlm.text(text))), long)


def refuse_unfit(vlm: Vlm, captions: Iterable[SpelledCaption], before: int, needs_long: bool) -> None:
    """Raises a DataError where long captions, with so many tokens before them, don't fit into what the model sees at
    once, or where none is long enough."""
    longest = max((len(caption.long) for caption in captions), default=0)
    if needs_long and not longest:
        raise DataError(
            f"No caption has {FEWEST_LONG} tokens of {vlm.name}, so there is none to be learned word by word. "
            "Take captions from longer texts, or set method.next_token to false."
        )
    window = vlm.window
    if needs_long and window is not None and before + longest > window:
        raise DataError(
            f"The longest caption has {longest} tokens and {before} stand before it, but {vlm.name} sees {window} at "
            "once. Shorten it, take captions from a shorter text, or set method.next_token to false."
        )

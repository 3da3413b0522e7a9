"""Dates and times of DICOM, moved by whole days: order and gaps stay, times of the day too."""

from __future__ import annotations

import re
from datetime import date, timedelta

_DATE = re.compile(r"(\d{4})([.-]?)(\d{2})\2(\d{2})")
_MOMENT = re.compile(r"(\d{4})(\d{2})?(\d{2})?(\d{2,6}(?:\.\d{1,6})?)?([+-]\d{4})?")


def day_of(text: str) -> date | None:
    """The day that a DA or a DT names; a month or a year is its first day. Nothing where it names none."""
    plain = text.strip("\0 ")
    match = _DATE.match(plain) or _MOMENT.fullmatch(plain)
    if match is None:
        return None
    numbers = [match[1], match[3], match[4]] if match.re is _DATE else [match[1], match[2], match[3]]
    try:
        return date(*(int(number or 1) for number in numbers))
    except ValueError:
        return None


def moved_date(text: str, days: int) -> str | None:
    """A DA that lies so many days later, in the same writing; nothing where it is no date."""
    plain = text.strip("\0 ")
    match, day = _DATE.fullmatch(plain), day_of(plain)
    if match is None or day is None:
        return None
    moved = _moved(day, days)
    return f"{moved:%Y}{match[2]}{moved:%m}{match[2]}{moved:%d}".zfill(len(plain)) if moved else None


def moved_moment(text: str, days: int) -> str | None:
    """A DT that lies so many days later, as exact as it was; nothing where it is none."""
    plain = text.strip("\0 ")
    match, day = _MOMENT.fullmatch(plain), day_of(plain)
    if match is None or day is None or (moved := _moved(day, days)) is None:
        return None
    digits = f"{moved.year:04}" + (f"{moved:%m}" if match[2] else "") + (f"{moved:%d}" if match[3] else "")
    return digits + (match[4] or "") + (match[5] or "")


def _moved(day: date, days: int) -> date | None:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return None

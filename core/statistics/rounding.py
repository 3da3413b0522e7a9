"""Figures as they are printed everywhere: rounded, but never to a certainty that they are not; and durations."""

from __future__ import annotations


def rounded(value: float, digits: int = 3) -> str:
    """`0.912`; of what is not quite 1 `>.999`, of what is not quite 0 `<.001`, below 0 the other way round."""
    text = f"{value:z.{digits}f}"
    size, sign = abs(value), "-" if value < 0 else ""
    if size < 1 and float(text) in (-1, 1):
        return f"{'<' if sign else '>'}{sign}.{'9' * digits}"
    if size > 0 and float(text) == 0:
        return f"{'>' if sign else '<'}{sign}.{'0' * (digits - 1)}1"
    return text


def duration(seconds: float) -> str:
    """`2 h 05 min`, `4 min 26 s` or `9 s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"

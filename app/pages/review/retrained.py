"""Whether a correction helped, as a table: paired differences under the old test labels, and under the corrected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from app.html import figure_cell
from core.records.review.corrections import Gain, Retrained
from core.statistics.effect import INTERVAL, effect_of, signed
from core.statistics.rounding import rounded

SHOWN = ("macro_f1", "accuracy", "auroc")
"""The figures that say most; the API gives all."""


def comparison(retrained: Retrained) -> str:
    """Both yardsticks beside each other, each with its own before, after and difference."""
    summary = (
        f"“{escape(retrained.new_run)}” against “{escape(retrained.old_run)}” on the same {retrained.cases:,} test "
        f"cases, of which {retrained.relabelled:,} have another label now. {retrained.excluded:,} more have left "
        "the set."
    )
    colours = {reader.name: reader.colour for reader in retrained.readers}
    halves = "".join(
        f"<section><h2>{title}</h2>{_table(gains, colours)}</section>"
        for title, gains in (
            ("Under the old test labels", retrained.under_old),
            ("Under the corrected test labels", retrained.under_new),
        )
    )
    return (
        f'<div class="vt"><p>{summary}</p><div class="halves">{halves}</div><p class="small quiet">Difference: after '
        f"less before, {INTERVAL}</p></div>"
    )


def _table(gains: Sequence[Gain], colours: Mapping[str, str]) -> str:
    head = "<th>Reader</th><th>Figure</th><th class=n>Before</th><th class=n>After</th><th class=n>Difference</th>"
    rows = "".join(_row(gain, colours.get(gain.reader, "")) for gain in gains if gain.figure in SHOWN)
    return f"<table><tr>{head}</tr>{rows}</table>"


def _row(gain: Gain, colour: str) -> str:
    dot = f'<i class="dot-of" style="background:{colour}" aria-hidden="true"></i>'
    return (
        f"<tr><td>{dot}{escape(gain.reader)}</td><td>{escape(gain.title)}</td><td class=n>{_number(gain.before)}</td>"
        f"<td class=n>{_number(gain.after)}</td><td class=n>{_difference(gain)}</td></tr>"
    )


def _difference(gain: Gain) -> str:
    cell = figure_cell(signed(gain.difference, gain.low, gain.high, gain.why))
    return f"<b>{cell}</b>" if effect_of(gain.low, gain.high) in ("helped", "harmed") else cell


def _number(value: float | None) -> str:
    return "–" if value is None else escape(rounded(value))

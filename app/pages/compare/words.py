"""Readings in words: what the page Compare writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Protocol

from app.charts import reader_colour
from core.records.comparison import CaseView

MEANINGS = {
    "vlm": "untuned",
    "vanilla": "plain tuning",
    "tsm": "the TSM alone",
    "vitask": "without the exemplar",
    "vitask+tsm": "with the exemplar",
}


class Shown(Protocol):
    """What a line of the table needs of a reading."""

    @property
    def probabilities(self) -> Sequence[float]: ...
    @property
    def answer(self) -> Sequence[str]: ...
    @property
    def entropy(self) -> float: ...
    @property
    def text(self) -> str | None: ...


def answers_table(readings: Mapping[str, Shown], reference: Sequence[str] | None) -> str:
    """Every reader's answer, entropy and free text; right or not only where the reference label is shown."""
    head = "<th>Reader</th><th>Model answer</th><th>Raw probability</th><th>Entropy, bits</th><th>Said freely</th>"
    head += "<th>Beside the reference label</th>" if reference is not None else ""
    lines = [_line(name, one, reference) for name, one in readings.items()]
    return f'<div class="vt"><table><tr>{head}</tr>{"".join(lines)}</table></div>'


def case_title(case: CaseView, counted: str, is_shown: bool) -> str:
    """The case's name, and its reference label where it is asked for."""
    label = ", ".join(case.labels) or "no finding"
    told = f"reference label: <b>{escape(label)}</b>" if is_shown else "reference label hidden"
    patient = f" · patient {escape(case.patient)}" if case.patient else ""
    return f"<p>{counted} · <b>{escape(case.name)}</b>{patient}<br>{told}</p>"


def tokens_table(case: CaseView, answers: Sequence[str]) -> list[list[Any]]:
    """Each candidate's log-likelihood, token by token."""
    return [
        [reader, answer, round(sum(values), 3), "  ".join(f"{value:.2f}" for value in values)]
        for reader, one in case.readings.items()
        for answer, values in zip(answers, one.tokens, strict=False)
    ]


def _line(name: str, one: Shown, reference: Sequence[str] | None) -> str:
    square = "display:inline-block;width:10px;height:10px;border-radius:2px"
    dot = f'<span style="{square};background:{reader_colour(name)}"></span>'
    meaning = MEANINGS.get(name, "another reader")
    cells = [
        f"{dot} <b>{escape(name)}</b> <small>{meaning}</small>",
        escape(", ".join(one.answer) or "no finding"),
        f"{max(one.probabilities, default=0.0):.3f}",
        f"{one.entropy:.2f}",
        escape(one.text) if one.text is not None else "–",
    ]
    if reference is not None:
        cells.append("agrees" if set(one.answer) == set(reference) else "differs")
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"

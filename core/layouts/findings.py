"""Collects what is wrong with a set while it is read: many problems of one kind become one finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from core.case import Finding, Severity

MAX_CASES = 100
ORDER: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass
class Findings:
    """One finding of each kind, with the message of its first problem."""

    _kept: dict[str, Finding] = field(default_factory=dict)
    _troubles: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def add(self, kind: str, severity: Severity, case: str, message: str) -> None:
        """One more problem of this kind, at this case."""
        before = self._kept.get(kind, Finding(kind, severity, 0, message))
        cases = (*before.cases, case) if before.count < MAX_CASES else before.cases
        self._kept[kind] = replace(before, count=before.count + 1, cases=cases)
        if severity == "error":
            self._troubles.setdefault(kind, []).append((case, message))

    def listed(self) -> tuple[Finding, ...]:
        """All findings, errors first; a message that stands for several says for how many."""
        ordered = sorted(self._kept.values(), key=lambda finding: ORDER.index(finding.severity))
        return tuple(
            replace(
                finding,
                message=finding.message + _more(finding.count - 1),
                troubles=tuple(self._troubles.get(finding.kind, ())),
            )
            for finding in ordered
        )


def about(kind: str, severity: Severity, cases: Sequence[str], message: str) -> Finding:
    """A finding whose message is about all of its cases."""
    every = tuple((case, message) for case in cases)
    return Finding(kind, severity, len(cases), message, tuple(cases[:MAX_CASES]), every)


def error_of_each(kind: str, troubles: Sequence[tuple[str, str]], message: str = "") -> Finding:
    """An error of which every case has its own message; the first speaks for all unless another is given."""
    whole = message or troubles[0][1] + _more(len(troubles) - 1)
    cases = tuple(case for case, _ in troubles[:MAX_CASES])
    return Finding(kind, "error", len(troubles), whole, cases, tuple(troubles))


def pictures_are(ids: Sequence[str]) -> str:
    return "1 picture is" if len(ids) == 1 else f"{len(ids):,} pictures are"


def _more(count: int) -> str:
    return f" ({count:,} more like this.)" if count else ""

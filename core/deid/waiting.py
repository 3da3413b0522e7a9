"""How many pictures of an upload wait for a person, and why, as its report tells it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from core.case import Finding
from core.deid.burned_text import INSTALL, can_read
from core.deid.tray import WORDS, Held

WAITING = "waiting"
"""Under which a report says how many pictures wait."""


def report_of_waiting(waiting: Sequence[Held]) -> dict[str, Any]:
    """The report of an upload of which nothing else can be said before somebody has looked at these."""
    count = len(waiting)
    pictures = "One picture waits" if count == 1 else f"{count:,} pictures wait"
    why = Counter(reason for held in waiting for reason in held.reasons)
    listed = "; ".join(f"{why[reason]:,} because {words}" for reason, words in WORDS.items() if why[reason])
    message = f"{pictures} for a look: {listed}. Release, mask or reject every one; then the check goes on."
    findings = [Finding(WAITING, "warning", count, message)]
    if not can_read():
        findings.append(unread())
    rows = [
        {"kind": each.kind, "severity": each.severity, "count": each.count, "message": each.message, "cases": []}
        for each in findings
    ]
    return {"cases": 0, "classes": {}, "splits": {}, "findings": rows, WAITING: count}


def unread() -> Finding:
    """Where nothing reads what is written in pictures."""
    message = (
        "Nothing is installed that reads what is written in pictures, so only ultrasound, secondary captures and what "
        f"says itself that text is burned in waits for a look. {INSTALL}"
    )
    return Finding("unread", "warning", 0, message)

"""How many pictures of an upload wait for a person, and why, as its report tells it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from core.case import Finding
from core.deid.acts import ACTS, DONE
from core.deid.burned_text import INSTALL, can_read
from core.deid.tray import WORDS, Held, Tray

WAITING = "waiting"
"""Under which a report says how many pictures wait."""


def in_words(waiting: Sequence[Held]) -> str:
    """How many and why, in a sentence."""
    pictures = "One picture waits" if len(waiting) == 1 else f"{len(waiting):,} pictures wait"
    why = Counter(reason for held in waiting for reason in held.reasons)
    if len(why) == 1:
        return f"{pictures} for a look{', each' if len(waiting) > 1 else ''} because {WORDS[next(iter(why))]}."
    listed = "; ".join(f"{why[reason]:,} because {words}" for reason, words in WORDS.items() if why[reason])
    return f"{pictures} for a look: {listed}."


def report_of_waiting(waiting: Sequence[Held]) -> dict[str, Any]:
    """The report of an upload of which nothing else can be said before somebody has looked at these."""
    count = len(waiting)
    message = f"{in_words(waiting)} Release, mask or reject every one; then the check goes on."
    findings = [Finding(WAITING, "warning", count, message)]
    if not can_read():
        findings.append(unread())
    rows = [
        {"kind": each.kind, "severity": each.severity, "count": each.count, "message": each.message, "cases": []}
        for each in findings
    ]
    return {"cases": 0, "classes": {}, "splits": {}, "findings": rows, WAITING: count}


def settled_words(tray: Tray) -> str:
    """What became of those that waited."""
    acts = Counter(decision.act for decision in tray.done.values())
    listed = ", ".join(f"{acts[act]:,} {DONE[act]}" for act in ACTS if acts[act])
    return f"pictures looked at for what is written in them: {listed}"


def looked_at(tray: Tray) -> Finding:
    words = settled_words(tray)
    return Finding("looked_at", "note", len(tray.done), f"{words[0].upper()}{words[1:]}. The audit log says by whom.")


def unread() -> Finding:
    """Where nothing reads what is written in pictures."""
    message = (
        "Nothing is installed that reads what is written in pictures, so only ultrasound, secondary captures and what "
        f"says itself that text is burned in waits for a look. {INSTALL}"
    )
    return Finding("unread", "warning", 0, message)

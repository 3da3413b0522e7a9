"""Follows a file of events while somebody else writes it: whole lines only, none of them twice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

LINES_AT_ONCE = 1000


class Lines:
    """What comes to a file. `number` is the place of the line that is next, counted from 0."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.number = 0
        self._at = 0

    def next(self) -> list[str]:
        """At most a thousand, the same ones until `pass_by`; none where there is no whole line more, or no file yet."""
        if not self.file.is_file():
            return []
        lines: list[str] = []
        with self.file.open("rb") as opened:
            opened.seek(self._at)
            for line in opened:
                if not line.endswith(b"\n") or len(lines) == LINES_AT_ONCE:
                    break
                lines.append(line.decode())
        return lines

    def pass_by(self, lines: Sequence[str]) -> None:
        """These are dealt with."""
        self.number += len(lines)
        self._at += sum(len(line.encode()) for line in lines)

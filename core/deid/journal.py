"""What of an upload is done: a line a file, so that a second start goes on where the first was stopped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from core.deid.record import Action, Actions

NAME = "journal.jsonl"
Counts = list[tuple[str, str, str, str, int]]


@dataclass(frozen=True)
class Done:
    """A file that was written under a name, or the reason why it was left out."""

    name: str = ""
    pseudonym: str = ""
    actions: Actions = field(default_factory=Actions)
    reason: str = ""


class Journal:
    """Many headers are alike, so what was done to one is written once and told by its number afterwards."""

    def __init__(self, file: IO[str], lines: Sequence[str]) -> None:
        self._file = file
        self._done: dict[str, Done] = {}
        self._numbers: dict[str, int] = {}
        self._kinds: list[Actions] = []
        for line in lines:
            self._read(line)

    @classmethod
    def at(cls, folder: Path) -> Journal:
        path = folder / NAME
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]  # the last line may have been cut off
        if whole != text:
            path.write_text(whole, encoding="utf-8")
        return cls(path.open("a", encoding="utf-8"), whole.splitlines())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def done(self, mark: str) -> Done | None:
        return self._done.get(mark)

    def names(self) -> frozenset[str]:
        """Those under which files were written."""
        return frozenset(done.name for done in self._done.values() if done.name)

    def add(self, mark: str, done: Done) -> None:
        counts = json.dumps([[*action, count] for action, count in sorted(done.actions.items())])
        if counts not in self._numbers:
            self._write({"actions": json.loads(counts)})
        fact = {"file": mark, "name": done.name, "pseudonym": done.pseudonym, "reason": done.reason}
        self._write({**fact, "kind": self._numbers[counts]})
        self._file.flush()

    def _write(self, line: dict[str, object]) -> None:
        text = json.dumps(line)
        self._file.write(text + "\n")
        self._read(text)

    def _read(self, line: str) -> None:
        fact = json.loads(line)
        if "actions" in fact:
            rows: Counts = fact["actions"]
            self._numbers[json.dumps(rows)] = len(self._kinds)
            self._kinds.append(Actions({Action(*row[:4]): row[4] for row in rows}))
        else:
            actions = self._kinds[fact["kind"]]
            self._done[fact["file"]] = Done(fact["name"], fact["pseudonym"], actions, fact["reason"])

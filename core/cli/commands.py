"""Where commands are told of: in groups, each with what it does and an example that can be typed as it stands."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

EXAMPLE = "Example:"
GROUPS: Mapping[str, Sequence[str]] = {
    "to begin with": ("up", "demo", "sample", "doctor"),
    "image sets": ("set", "suspects", "review"),
    "runs": ("estimate", "tune", "evaluate", "plug", "export", "run"),
    "what a run says": ("read", "find", "probe"),
    "a studio and who may use it": ("open", "person", "project", "audit", "backup", "restore"),
    "for those who work on the project": ("bench", "starter"),
}


class Lines(argparse.HelpFormatter):
    """Wraps what is told, and leaves an example in its line."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return indent + text if text.startswith(EXAMPLE) else super()._fill_text(text, width, indent)


class Commands:
    """What modules add their commands to."""

    def __init__(self, whole: argparse.ArgumentParser) -> None:
        self._parsers = whole.add_subparsers(prog=whole.prog, metavar="COMMAND", required=True, help=argparse.SUPPRESS)
        self.helps: dict[str, str] = {}
        self.examples: dict[str, str] = {}

    def add_parser(self, name: str, help: str, example: str, **more: Any) -> argparse.ArgumentParser:
        """`help` says in a line what it does; `description`, where it is given, says it at length."""
        self.helps[name] = help
        self.examples[name] = example
        texts = {"description": f"{help[0].upper()}{help[1:]}."} | more
        parser: argparse.ArgumentParser = self._parsers.add_parser(
            name, epilog=f"{EXAMPLE} {example}", formatter_class=Lines, **texts
        )
        return parser

    def listing(self) -> str:
        """All of them, group by group."""
        width = max(map(len, self.helps))
        groups = [
            "\n".join([f"{title}:", *(f"  {name:{width}}  {self.helps[name]}" for name in names)])
            for title, names in GROUPS.items()
        ]
        return "\n\n".join(groups)

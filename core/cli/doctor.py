"""`vitask doctor`: what this machine can do, and what is missing."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from core.cli import output
from core.cli.commands import Commands

MARKS = {True: "ok", False: "missing", None: "note"}


def add(commands: Commands) -> None:
    doctor = commands.add_parser(
        "doctor", help="what this machine can do and what is missing", example="vitask doctor --data studio"
    )
    doctor.add_argument("--data", type=Path, default=Path(), metavar="DIR", help="where runs shall be kept")
    doctor.add_argument("--json", action="store_true")
    doctor.set_defaults(do=do)


def do(arguments: argparse.Namespace) -> None:
    from core.machine.doctor import examine

    lines = examine(arguments.data)
    if arguments.json:
        output.plain({"lines": [asdict(line) for line in lines]})
        return
    for line in lines:
        advice = f"  {line.advice}" if line.advice else ""
        output.out(f"{MARKS[line.ok]:8}{line.name}: {line.found}.{advice}")

"""`vitask estimate`: how long a run would take here and how much memory, from real steps on the largest cases."""

from __future__ import annotations

import argparse
from pathlib import Path

from core.cli import output
from core.cli.commands import Commands
from core.statistics.rounding import duration


def add(commands: Commands) -> None:
    estimate = commands.add_parser(
        "estimate", help="how long a run would take here, and how much memory", example="vitask estimate run.yaml"
    )
    estimate.add_argument("run", type=Path, metavar="RUN.yaml")
    estimate.add_argument("--json", action="store_true")
    estimate.set_defaults(do=do)


def do(arguments: argparse.Namespace) -> None:
    from core.runs.estimate import estimate
    from core.runs.runfile import read_run

    estimated = estimate(read_run(arguments.run), output.note)
    if arguments.json:
        output.plain(estimated)
        return
    output.out(f"The whole run takes about {duration(estimated['seconds'])} here ({estimated['device']}):")
    for name, seconds in estimated["parts"].items():
        steps = f", {estimated['steps'][name]} steps" if name in estimated["steps"] else ""
        output.out(f"  {name:12} {duration(seconds)}{steps}")
    have = f" of {estimated['available_gib']:.1f} GiB" if estimated["available_gib"] else ""
    verdict = "" if estimated["fits"] else " It does not fit: lower training.micro_batch_size."
    output.out(f"Memory: {estimated['memory_gib']:.1f} GiB at its highest{have}.{verdict}")
    output.out("Assumed: " + " ".join(estimated["assumptions"]))

"""`vitask starter build`: makes the small VLM that ships with the project, from drawn pictures alone."""

from __future__ import annotations

import argparse
from pathlib import Path

from core.cli import output
from core.cli.commands import Commands


def add(commands: Commands) -> None:
    actions = commands.add_parser(
        "starter", help="the small model that ships with the project", example="vitask starter build --out starter"
    ).add_subparsers(metavar="ACTION", required=True)
    build = actions.add_parser("build", help="draw its pictures and train it anew")
    build.add_argument("--out", type=Path, default=Path("starter"), metavar="DIR")
    build.add_argument("--seed", type=int, default=0)
    build.add_argument("--steps", type=int, help="fewer make a worse one sooner")
    build.set_defaults(do=do)


def do(arguments: argparse.Namespace) -> None:
    from core.errors import SettingsError
    from core.starter.build import build

    if arguments.steps is not None and arguments.steps < 1:
        raise SettingsError(f"--steps must be at least 1, not {arguments.steps}.")
    build(arguments.out, arguments.seed, arguments.steps, output.note)
    output.out(
        f"The starter is in {arguments.out}. Use it with “vlm: {{family: starter, checkpoint: {arguments.out}}}”."
    )

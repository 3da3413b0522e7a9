"""`vitask plug`: another TSM for a VLM that is tuned already, and what both are worth with it."""

from __future__ import annotations

import argparse
from pathlib import Path

from core.cli import output
from core.cli.commands import Commands


def add(commands: Commands) -> None:
    plug = commands.add_parser(
        "plug",
        help="give a tuned model another TSM",
        example="vitask plug runs/blood --tsm runs/other/tsm --out runs/plugged",
    )
    plug.add_argument("run", type=Path, metavar="DIR", help="a finished run")
    plug.add_argument("--tsm", required=True, metavar="DIR|NAME", help="a trained TSM's folder, or a model to train")
    plug.add_argument("--images", metavar="PATH", help="images to train it on, as of another hospital; else the run's")
    plug.add_argument(
        "--connector", choices=("keep", "train"), help="else: kept where the width fits and it started from the old TSM"
    )
    plug.add_argument("--out", type=Path, required=True, metavar="DIR", help="the new run's folder")
    plug.add_argument("--resume", action="store_true", help="go on with the plugging in that folder")
    plug.add_argument("--json", action="store_true")
    plug.set_defaults(do=do)


def do(arguments: argparse.Namespace) -> None:
    from core.cli.tune import stopping
    from core.readings.results import table
    from core.runs.plug import plug

    with output.watching() as watch, stopping() as is_stopped:
        results = plug(
            arguments.run,
            arguments.tsm,
            arguments.out,
            arguments.images,
            arguments.connector,
            watch,
            is_stopped,
            arguments.resume,
        )
    if arguments.json:
        output.plain(results)
    else:
        output.out(f"\n{table(results)}\nThe VLM is the old one; tsm is the new TSM by itself. Research use only.")

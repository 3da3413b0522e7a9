"""`vitask export`: the parts of a finished run in a folder for other programs."""

from __future__ import annotations

import argparse
from pathlib import Path

from core.cli import output
from core.cli.commands import Commands


def add(commands: Commands) -> None:
    export = commands.add_parser(
        "export",
        help="adapter, connector, TSM, label map and preprocessing in one folder",
        example="vitask export runs/blood --to blood-model",
    )
    export.add_argument("run", type=Path, metavar="DIR")
    export.add_argument("--to", type=Path, required=True, metavar="FOLDER")
    export.add_argument("--merge", action="store_true", help="also the whole model with the adapter added in")
    export.add_argument("--json", action="store_true")
    export.set_defaults(do=do)


def do(arguments: argparse.Namespace) -> None:
    from core.runs.export import export

    exported = export(arguments.run, arguments.to, arguments.merge)
    if arguments.json:
        output.plain(exported)
        return
    output.out(f"Exported to {exported['folder']}.")
    if arguments.merge:
        gap = exported["largest_difference_in_probability"]
        output.out(f"The merged model was loaded again; its answers differ by at most {gap:.1e} in probability.")

"""`vitask suspects`: the labels of a set that need a second look, ranked, with the evidence for each."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from core.cli import output
from core.cli.commands import Commands
from core.cli.tune import stopping

SHOWN = 20


def add(commands: Commands) -> None:
    suspects = commands.add_parser(
        "suspects",
        help="labels that need a second look, the most suspect first",
        example="vitask suspects run.yaml --out suspects/blood",
    )
    suspects.add_argument("run", type=Path, metavar="RUN.yaml|DIR", help="a run file, or the folder of a finished run")
    suspects.add_argument("--out", type=Path, metavar="FOLDER", help="keep the search in this folder")
    suspects.add_argument("--resume", action="store_true", help="go on with the search in that folder")
    suspects.add_argument("--json", action="store_true", help="print every case, ranked, as one JSON object")
    suspects.set_defaults(do=do)


def do(arguments: argparse.Namespace) -> None:
    from core.catalog import USUAL
    from core.errors import SettingsError
    from core.runs.runfile import make_run, read_values
    from core.suspects import Settings, search

    if arguments.resume and not arguments.out:
        raise SettingsError("--resume goes on with the search in a folder. Name it with --out.")
    is_folder = arguments.run.is_dir()
    values = read_values(arguments.run / "settings.yaml" if is_folder else arguments.run)
    settings = Settings.parse(values.pop("suspects", {}), "suspects")
    run = make_run({**USUAL, **values})
    readings = _readings(arguments.run) if is_folder else []
    with tempfile.TemporaryDirectory(prefix="vitask-suspects-") as temporary, output.watching() as watch:
        out = arguments.out or Path(temporary) / "search"
        with stopping() as is_stopped:
            ranked = search(run, settings, out, arguments.resume, readings, watch, is_stopped)
    if arguments.json:
        output.plain(ranked.plain())
        return
    output.out(_as_text(ranked))
    output.out(
        f"The search is in {arguments.out}."
        if arguments.out
        else "Keep a search, its folds and all evidence with --out."
    )


def _readings(folder: Path) -> list[Any]:
    from core.case import READ_SPLITS
    from core.readings.reading import load
    from core.runs.folder import Folder

    return [reading for split in READ_SPLITS for reading in load(Folder(folder).readings(split))]


def _as_text(ranked: Any) -> str:
    lines = [f"{suspect.score:.3f}  {suspect.case}  {suspect.why}" for suspect in ranked.suspects[:SHOWN]]
    about = ranked.about
    lines.append(
        f"\nIndex of labels in doubt: {round(about['estimated_errors'])} of {about['cases']}. It counts hard cases "
        "with a right label too; how many labels are wrong, an audit tells (page Review, or “vitask review audit”). A "
        "suspect is no verdict: look at the picture. Research use only."
    )
    return "\n".join(lines)

"""`vitask suspects`: the labels of a set that need a second look, ranked, with the evidence for each."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from core.cli import output
from core.cli.tune import stopping

SHOWN = 20


def add(commands: Any) -> None:
    suspects = commands.add_parser("suspects", help="labels that need a second look, the most suspect first")
    suspects.add_argument("run", type=Path, metavar="RUN.yaml|DIR", help="a run file, or the folder of a finished run")
    suspects.add_argument("--out", type=Path, metavar="FOLDER", help="keep the search in this folder")
    suspects.add_argument("--resume", action="store_true", help="go on with the search in that folder")
    suspects.add_argument("--json", action="store_true", help="print every case, ranked, as one JSON object")
    suspects.set_defaults(do=do)


def do(asked: argparse.Namespace) -> None:
    from core.catalog import USUAL
    from core.errors import SettingsError
    from core.runs.runfile import make_run, read_values
    from core.suspects import Settings, search

    if asked.resume and not asked.out:
        raise SettingsError("--resume goes on with the search in a folder. Name it with --out.")
    is_folder = asked.run.is_dir()
    values = read_values(asked.run / "settings.yaml" if is_folder else asked.run)
    settings = Settings.parse(values.pop("suspects", {}), "suspects")
    run = make_run({**USUAL, **values})
    readings = _readings(asked.run) if is_folder else []
    with tempfile.TemporaryDirectory(prefix="vitask-suspects-") as temporary, output.watching() as watch:
        out = asked.out or Path(temporary) / "search"
        with stopping() as is_stopped:
            found = search(run, settings, out, asked.resume, readings, watch, is_stopped)
    if asked.json:
        output.plain(found.plain())
        return
    output.out(_told(found))
    output.out(
        f"The search is in {asked.out}." if asked.out else "Keep a search, its folds and all evidence with --out."
    )


def _readings(folder: Path) -> list[Any]:
    from core.case import READ_SPLITS
    from core.readings import reading
    from core.runs.folder import Folder

    return [one for split in READ_SPLITS for one in reading.load(Folder(folder).readings(split))]


def _told(found: Any) -> str:
    lines = [f"{one.score:.3f}  {one.case}  {one.why}" for one in found.suspects[:SHOWN]]
    about = found.about
    few, many = round(about["estimated_low"]), round(about["estimated_high"])
    lines.append(
        f"\nAbout {round(about['estimated_errors'])} of {about['cases']} labels are expected to need a second look "
        f"(95 % interval {few} to {many}). A suspect is no verdict: look at the picture. Research use only."
    )
    return "\n".join(lines)

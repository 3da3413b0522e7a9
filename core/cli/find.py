"""`vitask find`: the cases of a run that are nearest to some words or to a picture."""

from __future__ import annotations

import argparse
from pathlib import Path

from core.cli import output
from core.cli.commands import Commands

MOST = 1_000


def add(commands: Commands) -> None:
    find = commands.add_parser(
        "find",
        help="the cases of a run that are like some words or a picture",
        example='vitask find runs/blood "a small dark cell"',
    )
    find.add_argument("run", type=Path, metavar="DIR")
    find.add_argument("query", metavar="WORDS|IMAGE", help="words in quotes, or a picture's file")
    find.add_argument("--most", type=int, default=10, metavar="N", help="how many cases (10)")
    find.add_argument("--split", metavar="A,B", help="only cases of these splits, like train,val")
    find.add_argument("--json", action="store_true")
    find.set_defaults(do=do)


def do(arguments: argparse.Namespace) -> None:
    from core.case import SPLITS
    from core.errors import SettingsError
    from core.pictures.pixels import FilePixels
    from core.runs.index import searchable
    from core.runs.opened import open_run

    splits = arguments.split.split(",") if arguments.split else list(SPLITS)
    if not 1 <= arguments.most <= MOST:
        raise SettingsError(f"--most must lie between 1 and {MOST:,}, not {arguments.most}.")
    if strange := [split for split in splits if split not in SPLITS]:
        raise SettingsError(f'There is no split called "{strange[0]}". Known: {", ".join(SPLITS)}.')
    path = Path(arguments.query)
    picture = FilePixels(path).load() if is_picture(arguments.query) else None
    search = searchable(open_run(arguments.run))
    query = search.of_words(arguments.query) if picture is None else search.of_picture(picture)
    near = search.index.nearest(query, arguments.most, search.index.wanted(splits))
    rows = [vars(each.indexed) | {"labels": list(each.indexed.labels), "cosine": each.cosine} for each in near]
    if arguments.json:
        output.plain({"query": arguments.query, "by": "words" if picture is None else "image", "cases": rows})
        return
    lines = ["| cosine | case | labels | set | split | patient |", "|---" * 6 + "|"]
    for row in rows:
        labels = ", ".join(row["labels"])
        cells = (f"{row['cosine']:.3f}", row["case"], labels, row["set"], row["split"], row["patient"] or "")
        lines.append("| " + " | ".join(cells) + " |")
    output.out("\n".join(lines))
    output.out("\nNearest by the run's own measure of likeness. Research use only.")


def is_picture(query: str) -> bool:
    """A file that is there, or a name that can only be meant as one."""
    from core.errors import DataError
    from core.pictures.pixels import SUFFIXES

    try:
        is_file = Path(query).is_file()
    except OSError:  # words too long for a name
        return False
    if not is_file and Path(query).suffix.lower() in SUFFIXES and " " not in query:
        raise DataError(f"There is no picture at {query}. Correct its name, or search by words.")
    return is_file

"""`vitask backup` and `vitask restore`: a whole studio in a folder, and back, also into the other kind of database."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from core.cli import output, studio
from core.cli.commands import Commands

if TYPE_CHECKING:
    from core.records.backup import About
    from core.records.place import Place


def add(commands: Commands) -> None:
    kept = commands.add_parser(
        "backup",
        help="save a whole studio in a folder, also while it is open",
        example="vitask backup /mnt/backup/studio-monday",
    )
    kept.add_argument("to", type=Path, metavar="TO", help="a folder that is new or empty")
    kept.set_defaults(do=do_backup)
    back = commands.add_parser(
        "restore",
        help="bring a backup back; its studio must be closed",
        example="vitask restore /mnt/backup/studio-monday",
    )
    back.add_argument("source", type=Path, metavar="FROM")
    back.add_argument("--replace", action="store_true", help="what is there now is lost")
    back.set_defaults(do=do_restore)
    for command in (kept, back):
        command.add_argument("--json", action="store_true")
        studio.add_data(command)


def do_backup(arguments: argparse.Namespace) -> None:
    from core.records.backup import backup
    from core.records.database import open_database

    place = _place(arguments)
    database = open_database(place)
    database.wait(10)
    with output.counting("files") as on_file:
        about = backup(database, place, arguments.to.expanduser().absolute(), on_file)
    _tell(arguments, about, f"is in {arguments.to}. Whoever has it can read everything: keep it as safe as the studio")


def do_restore(arguments: argparse.Namespace) -> None:
    from core.records.database import open_database
    from core.records.restore import restore

    place = _place(arguments)
    about = restore(arguments.source.expanduser().absolute(), open_database(place), place, arguments.replace)
    _tell(arguments, about, f"of {about.made[:19]} (UTC) is back in {place.data}")


def _tell(arguments: argparse.Namespace, about: About, what: str) -> None:
    facts = {
        "rows": sum(about.rows.values()),
        "files": len(about.files),
        "bytes": sum(file.size for file in about.files),
    }
    if arguments.json:
        output.plain(facts)
    else:
        output.out(
            f"The studio {what}. {facts['rows']:,} rows, {facts['files']:,} files, {facts['bytes'] / 1e6:,.1f} MB."
        )


def _place(arguments: argparse.Namespace) -> Place:
    from core.records.place import Place, keep_private

    studio.use_data(arguments)
    keep_private()
    return Place.from_environment()

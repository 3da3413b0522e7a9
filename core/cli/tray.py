"""`vitask set tray list|release|mask|reject`: pictures of uploads that wait for a look. Acts as `local`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from core.cli import output
from core.cli.studio import add_data, open_records, project_named
from core.errors import SettingsError

if TYPE_CHECKING:
    from core.records.access import Who
    from core.records.database import Database
    from core.records.place import Place

ABOUT = {
    "release": "keep pictures that wait as they are",
    "mask": "make what is written in them black",
    "reject": "remove them from the upload",
}


def add_to_sets(actions: Any) -> None:
    tray = actions.add_parser("tray", help="pictures of uploads that wait for a look: list, release, mask, reject")
    acts = tray.add_subparsers(metavar="ACTION", required=True)
    listed = acts.add_parser("list", help="which pictures wait, and why")
    listed.add_argument("--project", metavar="NAME", help="else the first one")
    listed.add_argument("--json", action="store_true", help="one JSON object on standard output")
    add_data(listed)
    listed.set_defaults(do=do_tray_list)
    for act, about in ABOUT.items():
        parser = acts.add_parser(act, help=about)
        parser.add_argument("upload", type=int, metavar="UPLOAD", help="as `vitask set tray list` tells it")
        parser.add_argument("picture", type=int, metavar="PICTURE", help="its number there")
        parser.add_argument(
            "--alike", action="store_true", help="with all of the same device and text in the same places"
        )
        if act == "mask":
            parser.add_argument(
                "--rectangle",
                action="append",
                default=[],
                metavar="L,T,R,B",
                help="left, top, right, bottom in pixels, instead of what was found; may be given again",
            )
        add_data(parser)
        parser.set_defaults(do=do_tray_act, act=act)


def do_tray_list(arguments: argparse.Namespace) -> None:
    from core.records.accounts import people
    from core.records.sets import sets, tray

    database, place, who = _acting(arguments)
    project = project_named(people.projects_of(database, who), arguments.project)
    waiting = {
        (upload.id, upload.name): tray.waiting(database, place, who, upload.id)
        for upload in sets.uploads(database, who, project)
    }
    if arguments.json:
        rows = [
            {"upload": number, "name": name, **held.plain()}
            for (number, name), pictures in waiting.items()
            for held in pictures
        ]
        output.plain({"waiting": rows})
        return
    for (number, name), pictures in waiting.items():
        for held in pictures:
            output.out("  ".join((str(number), str(held.number), name, held.place, held.why())))
    if not any(waiting.values()):
        output.out("No picture waits for a look.")


def do_tray_act(arguments: argparse.Namespace) -> None:
    from core.records.sets import tray

    database, place, who = _acting(arguments)
    spots = [_corners(text) for text in getattr(arguments, "rectangle", ())]
    numbers = tray.settle(
        database, place, who, arguments.upload, arguments.picture, arguments.act, spots, arguments.alike
    )
    left = len(tray.waiting(database, place, who, arguments.upload))
    rest = f"{left:,} wait still" if left else "None waits any more: the upload is checked once the studio is open"
    output.out(f"Decided about {len(numbers):,}. {rest}.")


def _corners(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise SettingsError(f'--rectangle takes four numbers of pixels, L,T,R,B, not "{text}".') from None


def _acting(arguments: argparse.Namespace) -> tuple[Database, Place, Who]:
    from core.records.accounts import people

    database, place = open_records(arguments)
    return database, place, people.local(database)

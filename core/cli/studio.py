"""The studio from a shell: `vitask up`, `open`, `audit`, `set add`. Whoever has the shell acts as `local`."""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cli import deid, mending, output, reading
from core.cli.commands import Commands
from core.errors import SettingsError

if TYPE_CHECKING:
    from core.records.database import Database
    from core.records.place import Place

PORT = 7860
END_WAS_UNKNOWN = " Where it ended before was not kept in this data folder; from now on it is."


def add(commands: Commands) -> None:
    up = commands.add_parser(
        "up", help="open the studio: queue, workers and app on this machine", example="vitask up --data studio"
    )
    add_up(up)
    up.set_defaults(do=do_up)
    door = commands.add_parser(
        "open", help="let a browser or a program into the studio that is open", example="vitask open"
    )
    add_data(door)
    door.add_argument("--no-browser", action="store_true", help="only print the address, which is good once")
    door.add_argument("--token", action="store_true", help="print a token for a program instead, good for a week")
    door.set_defaults(do=do_open)
    add_audit(commands)


def add_up(up: argparse.ArgumentParser) -> None:
    """What `vitask up` understands, also where it is started as `python -m worker.up`."""
    up.add_argument("--host", default="127.0.0.1", help="another than 127.0.0.1 only once there are accounts")
    up.add_argument("--port", type=int, default=PORT)
    add_data(up)
    up.add_argument("--no-browser", action="store_true", help="don't open a browser")
    up.add_argument("--no-sample", action="store_true", help="don't make the sample run at the first start")
    up.add_argument("--migrate", action="store_true", help="only bring the database up to date, and leave")


def add_audit(commands: Any) -> None:
    log = commands.add_parser(
        "audit",
        help="who did what in the studio, and whether that log is whole",
        example="vitask audit --most 50",
        description="Prints the newest entries of the audit log, oldest first; `vitask audit verify` checks it.",
    )
    log.add_argument(
        "--since", metavar="WHEN", help="a date or time in UTC (2026-11-24T09:00), or so long ago: 36h, 7d"
    )
    log.add_argument("--who", metavar="NAME", help="only what this person did")
    log.add_argument("--action", metavar="TEXT", help='only actions with these words, like "sign-in" or download')
    log.add_argument("--most", type=int, default=1000, metavar="N", help="no more entries than this (1000)")
    log.add_argument("--json", action="store_true", help="one JSON object on standard output")
    add_data(log)
    log.set_defaults(do=do_audit)
    verify = log.add_subparsers(metavar="[verify]").add_parser(
        "verify",
        help="whether every entry is as it was written, and none is missing",
        description="Walks the chain of hashes through the audit log. Exit code 2 where an entry was changed or "
        "removed, or the end was cut off; each fault is told with its row. The file audit.end in the data folder "
        "knows the end.",
    )
    verify.add_argument("--json", action="store_true", help="one JSON object on standard output")
    add_data(verify)
    verify.set_defaults(do=do_audit_verify)


def add_to_sets(actions: Any) -> None:
    """`vitask set add`, among the other things to do with sets."""
    kept = actions.add_parser("add", help="keep a set in the studio, as a new version where its name is known")
    kept.add_argument("path", metavar="PATH")
    kept.add_argument("--name", required=True, metavar="NAME")
    kept.add_argument("--project", metavar="NAME", help="else the first one")
    kept.add_argument("--note", default="", metavar="TEXT")
    kept.add_argument("--json", action="store_true")
    kept.add_argument("--no-deid", action="store_true", help="keep DICOM as it is: only where it names nobody any more")
    deid.add_choices(kept)
    reading.add_reading(kept)
    mending.add_mending(kept)
    add_data(kept)
    kept.set_defaults(do=do_set_add)


def add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, metavar="DIR", help="where everything is kept; else VITASK_DATA")


def use_data(arguments: argparse.Namespace) -> None:
    """Everything that looks for the studio looks there."""
    if arguments.data is not None:
        os.environ["VITASK_DATA"] = str(arguments.data.expanduser().absolute())


def do_up(arguments: argparse.Namespace) -> None:
    given = sys.argv[sys.argv.index("up") + 1 :]
    os.execv(sys.executable, [sys.executable, "-m", "worker.up", *given])


def do_open(arguments: argparse.Namespace) -> None:
    from core.records.accounts import people, sessions

    database, place = open_records(arguments)
    if arguments.token:
        output.out(people.admit(database))
        return
    door = sessions.way_in(database, open_address(place))
    output.out(door)
    if sys.stdout.isatty() and not arguments.no_browser:
        webbrowser.open(door)


def do_audit(arguments: argparse.Namespace) -> None:
    from core.records import audit
    from core.records.audit_search import moment

    database, _ = open_records(arguments)
    rows = audit.everything(database, moment(arguments.since), arguments.who, arguments.action, arguments.most)
    if arguments.json:
        names = ("id", "who", "action", "project_id", "subject", "details", "hash")
        entries = [{"at": row.at.isoformat(), **{name: getattr(row, name) for name in names}} for row in rows]
        output.plain({"entries": entries})
        return
    for row in rows:
        details = " ".join(f"{name}={value}" for name, value in row.details.items())
        output.out("  ".join(filter(None, (f"{row.at:%Y-%m-%d %H:%M:%S}", row.who, row.action, row.subject, details))))


def do_audit_verify(arguments: argparse.Namespace) -> None:
    from core.records import audit

    database, place = open_records(arguments)
    verified = audit.verify(database, place)
    if arguments.json:
        output.plain({"rows": verified.rows, "faults": verified.faults, "end_was_known": verified.has_end})
    if verified.faults:
        more = len(verified.faults) - audit.MOST_FAULTS
        shown = verified.faults[: audit.MOST_FAULTS] + ([f"And {more} more."] if more > 0 else [])
        raise audit.AuditError("The audit log is not as it was written.\n" + "\n".join(shown))
    if not arguments.json:
        output.out(f"The audit log is whole: {verified.rows} entries." + ("" if verified.has_end else END_WAS_UNKNOWN))


def do_set_add(arguments: argparse.Namespace) -> None:
    from core.catalog import FORMATS, every
    from core.checks.mending import Mending
    from core.records.accounts import people
    from core.records.sets import sets
    from core.records.sets.mended import keep_left_out
    from core.sets.open import open_set

    database, place = open_records(arguments)
    who = people.local(database)
    project = project_named(people.projects_of(database, who), arguments.project)
    decided = mending.mending_from(arguments)
    with deid.at_the_door(Path(arguments.path).expanduser(), arguments, place.data) as (path, words):
        image_set = open_set(path, reading.reading_from(arguments), every(FORMATS))
        if not words:  # else the door has taken it out
            mending.warn_of_persons(image_set, decided)
        with output.counting("pictures") as on_case:
            mended = None if decided == Mending() else mending.mend_as_decided(image_set, decided, on_case)
            version = sets.write_version(
                database,
                place,
                (mended.looked.image_set if mended else image_set).stop_on_errors(),
                who=who,
                project_id=project,
                name=arguments.name,
                note="; ".join(
                    filter(None, (arguments.note, words, mending.words_of(mended, decided) if mended else ""))
                ),
                on_case=on_case,
            )
    if mended:
        keep_left_out(place, version, mended.left_out)
    if arguments.json:
        output.plain({"set": version.set_id, "version": version.id, "hash": version.hash, "cases": version.cases})
    else:
        if mended:
            mending.tell_left_out(mended)
        output.out(f"{arguments.name} is kept: version {version.number}, {version.cases} cases.")


def open_records(arguments: argparse.Namespace) -> tuple[Database, Place]:
    from core.records.place import Place, keep_private
    from core.records.startup import open_sound

    use_data(arguments)
    keep_private()
    place = Place.from_environment()
    return open_sound(place, 10), place


def open_address(place: Place) -> str:
    """Of the studio that is open on this place: `vitask up` holds the file in which it stands."""
    file = place.data / "up.lock"
    if file.is_file():
        with file.open() as opened:
            try:
                fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return opened.read().split()[0]
    raise SettingsError(f"No studio is open in {place.data}. “vitask up” opens one; --data names another folder.")


def project_named(projects: list[tuple[int, str]], name: str | None) -> int:
    for number, title in projects:
        if name is None or title == name:
            return number
    raise SettingsError(f'There is no project "{name}". Known: {", ".join(title for _, title in projects)}.')

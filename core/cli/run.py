"""`vitask run …`: runs that are in the studio: listed, renamed, tagged, noted, archived, erased."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from core.cli import output
from core.cli.commands import Commands
from core.cli.erase import add_yes, erase
from core.cli.studio import add_data, open_records, project_named

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.records.accounts.people import Who
    from core.records.database import Database
    from core.records.runs.runs import RunView

SHOWN = 100


def add(commands: Commands) -> None:
    run = commands.add_parser(
        "run",
        help="runs that are in the studio: list, rename, tag, note, archive, erase",
        example='vitask run rename 12 "Blood, longer"',
    )
    actions = run.add_subparsers(metavar="ACTION", required=True)
    add_listing(actions)
    rename = _action(actions, "rename", "another name", do_rename)
    rename.add_argument("name", metavar="NAME")
    noted = _action(actions, "note", "write what is to be known about it, in Markdown; none takes it away", do_note)
    noted.add_argument("text", metavar="TEXT", help="- reads it from standard input")
    tag = _action(actions, "tag", "put short words on it, by which it is looked for", do_tag)
    tag.add_argument("tags", metavar="WORD", nargs="+")
    tag.add_argument("--remove", action="store_true", help="take these words off it instead")
    _action(actions, "archive", "take it out of the lists; nothing is lost", do_archive)
    _action(actions, "bring-back", "into the lists again", do_bring_back)
    erase_for_good = _action(
        actions, "erase", "take it away for good, with its files and all that was asked of it", do_erase
    )
    add_yes(erase_for_good)


def add_listing(actions: Any) -> None:
    listed = actions.add_parser("list", help=f"the newest {SHOWN} with numbers, tags and states")
    listed.add_argument("--project", metavar="NAME", help="else the first one")
    listed.add_argument("--search", default="", metavar="TEXT", help="in name, set, method and tags; or a number")
    listed.add_argument("--tag", default="", metavar="WORD", help="only those with this tag")
    listed.add_argument("--archived", action="store_true", help="archived ones too")
    listed.add_argument("--json", action="store_true", help="one JSON object on standard output")
    add_data(listed)
    listed.set_defaults(do=do_list)


def _action(actions: Any, name: str, about: str, do: Callable[[argparse.Namespace], None]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=about)
    parser.add_argument("run", type=output.count, metavar="NUMBER", help="as the page Runs and `vitask run list` say")
    add_data(parser)
    parser.set_defaults(do=do)
    return parser


def do_list(arguments: argparse.Namespace) -> None:
    from core.records.accounts import people
    from core.records.runs import runs
    from core.records.runs.run_search import Sought

    database, who = _acting(arguments)
    project = project_named(people.projects_of(database, who), arguments.project)
    sought = Sought(text=arguments.search, tag=arguments.tag.casefold(), with_archived=arguments.archived)
    views = runs.runs(database, who, project, sought, size=SHOWN)
    if arguments.json:
        output.plain({"runs": [_plain(view) for view in views]})
        return
    for view in views:
        words = (f"{view.set} v{view.version}", view.method, view.state, *(f"#{tag}" for tag in view.tags))
        output.out(f"{view.id}  {view.name}  ({', '.join(words)}{', archived' if view.archived else ''})")


def do_rename(arguments: argparse.Namespace) -> None:
    from core.records.runs import run_upkeep, runs

    database, who = _acting(arguments)
    before = runs.run(database, who, arguments.run).name
    run_upkeep.rename(database, who, arguments.run, arguments.name)
    output.out(f"{before} is called {runs.run(database, who, arguments.run).name} now.")


def do_note(arguments: argparse.Namespace) -> None:
    from core.records.runs import run_upkeep

    text = sys.stdin.read() if arguments.text == "-" else arguments.text
    database, who = _acting(arguments)
    run_upkeep.write_note(database, who, arguments.run, text)
    output.out(f"Run {arguments.run} has {'this note' if text.strip() else 'no note'} now.")


def do_tag(arguments: argparse.Namespace) -> None:
    from core.records.runs import run_upkeep, runs

    database, who = _acting(arguments)
    words, tags = run_upkeep.written_tags(arguments.tags), runs.run(database, who, arguments.run).tags
    wanted = [tag for tag in tags if tag not in words] if arguments.remove else [*tags, *words]
    kept = run_upkeep.set_tags(database, who, arguments.run, wanted)
    words_kept = f"the tags {', '.join(kept)}" if kept else "no tag"
    output.out(f"Run {arguments.run} has {words_kept} now.")


def do_archive(arguments: argparse.Namespace) -> None:
    from core.records.runs import run_upkeep

    database, who = _acting(arguments)
    run_upkeep.archive(database, who, arguments.run)
    output.out(f"Run {arguments.run} is archived. “vitask run bring-back {arguments.run}” brings it back.")


def do_bring_back(arguments: argparse.Namespace) -> None:
    from core.records.runs import run_upkeep

    database, who = _acting(arguments)
    run_upkeep.bring_back(database, who, arguments.run)
    output.out(f"Run {arguments.run} is in the lists again.")


def do_erase(arguments: argparse.Namespace) -> None:
    from core.records.accounts import people

    database, place = open_records(arguments)
    erase(database, place, people.local(database), "run", str(arguments.run), arguments.yes)


def _acting(arguments: argparse.Namespace) -> tuple[Database, Who]:
    """Whoever has the shell acts as `local`, who is in every project."""
    from core.records.accounts import people

    database, _ = open_records(arguments)
    return database, people.local(database)


def _plain(view: RunView) -> dict[str, Any]:
    return {
        "id": view.id,
        "name": view.name,
        "set": view.set,
        "version": view.version,
        "method": view.method,
        "state": view.state,
        "tags": list(view.tags),
        "note": view.note,
        "archived": None if view.archived is None else view.archived.isoformat(),
    }

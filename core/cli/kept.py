"""`vitask set list|rename|archive|bring-back|erase`, the same of `vitask review` and its `audit`: what a studio keeps.
Acts as `local`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from core.cli import output
from core.cli.commands import Commands
from core.cli.erase import add_yes, erase
from core.cli.studio import add_data, open_records, project_named
from core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.records.access import Who
    from core.records.database import Database
    from core.records.place import Place
    from core.records.sets.sets import SetView


def add(commands: Commands) -> None:
    actions = commands.add_parser(
        "review",
        help="searches through labels that a studio keeps: list, audit, rename, archive or erase one",
        example="vitask review archive 3",
    ).add_subparsers(metavar="ACTION", required=True)
    _add_list(actions, "the reviews of a project, the newest first", do_review_list)
    rename = _action(actions, "rename", "another name for a review", do_review_rename)
    put_away = _action(actions, "archive", "out of the lists; nothing of it is lost", do_review_archive)
    back = _action(actions, "bring-back", "into the lists again", do_review_bring_back)
    gone = _action(actions, "erase", "for good, with all verdicts", do_review_erase)
    audited = _action(actions, "audit", "how many labels are wrong, by people's verdicts on a draw", do_review_audit)
    _add_audit(audited)
    for action in (rename, put_away, back, gone, audited):
        action.add_argument("review", type=int, metavar="NUMBER", help="as `vitask review list` tells it")
    rename.add_argument("new", metavar="NEW_NAME")
    add_yes(gone)


def add_to_sets(actions: Any) -> None:
    _add_list(actions, "the image sets of a project, by name", do_set_list)
    differ = _action(actions, "diff", "what differs between two versions of a set", do_set_diff)
    differ.add_argument("--json", action="store_true", help="one JSON object on standard output")
    to_return = _action(actions, "return", "the next version, as an earlier one was", do_set_return)
    settle = _action(
        actions, "settle", "the next version, whose splits share neither pictures nor patients", do_set_settle
    )
    settle.add_argument(
        "--way",
        choices=("regroup", "withdraw"),
        required=True,
        help="draw the split anew; or leave out of training what validation and test show",
    )
    rename = _action(actions, "rename", "another name for a set of the studio", do_set_rename)
    put_away = _action(actions, "archive", "out of the lists; nothing of it is lost", do_set_archive)
    back = _action(actions, "bring-back", "into the lists again", do_set_bring_back)
    gone = _action(actions, "erase", "for good, with all its pictures; runs that used it stay", do_set_erase)
    settle.add_argument("--version", type=int, metavar="N", help="made from this one, else from the newest")
    for action in (rename, put_away, back, gone, settle, differ, to_return):
        action.add_argument("name", metavar="NAME")
        action.add_argument("--project", metavar="NAME", help="else the first one")
    rename.add_argument("new", metavar="NEW_NAME")
    differ.add_argument("before", type=int, metavar="A", help="the number of a version")
    differ.add_argument("after", type=int, metavar="B")
    to_return.add_argument("version", type=int, metavar="N", help="the number of the version to return to")
    part = gone.add_mutually_exclusive_group()
    part.add_argument("--version", type=int, metavar="N", help="only this version of it")
    part.add_argument("--patient", metavar="ID", help="only this patient, from all its versions")
    part.add_argument("--case", metavar="CASE", help="only this case, from all its versions")
    gone.add_argument("--and-runs", action="store_true", help="with a patient or a case: the runs tuned on them too")
    uploads = gone.add_mutually_exclusive_group()
    uploads.add_argument(
        "--but-uploads", action="store_true", help="with a patient or a case: leave other uploads that hold it"
    )
    uploads.add_argument(
        "--and-uploads",
        action="store_true",
        help="with a patient or a case: uploads that hold it, of all your projects",
    )
    add_yes(gone)


def do_set_list(arguments: argparse.Namespace) -> None:
    from core.records.sets import sets

    database, _, who, project = _opened(arguments)
    views = sets.sets(database, who, project, with_archived=arguments.archived)
    if arguments.json:
        rows = [
            {
                "id": view.id,
                "name": view.name,
                "versions": view.versions,
                "cases": view.latest.cases,
                "archived": view.is_archived,
            }
            for view in views
        ]
        output.plain({"sets": rows})
        return
    for view in views:
        about = f"version {view.latest.number}, {view.latest.cases} cases"
        output.out("  ".join((view.name, about, *(["archived"] if view.is_archived else []))))


def do_set_rename(arguments: argparse.Namespace) -> None:
    from core.records import archiving

    database, _, who, view = _opened_set(arguments)
    archiving.rename_set(database, who, view.id, arguments.new)
    output.out(f"{arguments.name} is called {arguments.new.strip()} now.")


def do_set_archive(arguments: argparse.Namespace) -> None:
    from core.records import archiving

    database, _, who, view = _opened_set(arguments)
    archiving.archive_set(database, who, view.id)
    output.out(f"{view.name} is archived. “vitask set bring-back” lists it again.")


def do_set_bring_back(arguments: argparse.Namespace) -> None:
    from core.records import archiving

    database, _, who, view = _opened_set(arguments)
    archiving.bring_back_set(database, who, view.id)
    output.out(f"{view.name} is in the lists again.")


def do_set_erase(arguments: argparse.Namespace) -> None:
    from core.records.erasing.erasable import AND_RUNS

    database, place, who, view = _opened_set(arguments)
    more = AND_RUNS * arguments.and_runs
    more += "-but-uploads" * arguments.but_uploads + "-and-uploads" * arguments.and_uploads
    for kind in ("patient", "case"):
        if (name := getattr(arguments, kind)) is not None:
            erase(database, place, who, f"{kind}{more}", f"{view.id}/{name}", arguments.yes)
            return
    if more:
        raise SettingsError(
            "Each of --and-runs, --but-uploads and --and-uploads goes with --patient or --case. A set is erased alone; "
            "its runs by themselves."
        )
    if arguments.version is None:
        erase(database, place, who, "set", str(view.id), arguments.yes)
        return
    version_id = _version_numbered(database, who, view, arguments.version)
    erase(database, place, who, "version", str(version_id), arguments.yes)


def do_set_diff(arguments: argparse.Namespace) -> None:
    from core.records.sets.version_changes import in_words, version_changes

    database, _, who, view = _opened_set(arguments)
    before, after = (_version_numbered(database, who, view, number) for number in (arguments.before, arguments.after))
    changes = version_changes(database, who, before, after)
    if arguments.json:
        output.plain(changes.as_json())
        return
    for line in in_words(changes):
        output.out(line)


def do_set_return(arguments: argparse.Namespace) -> None:
    from core.records.sets.version_changes import bring_back_version

    database, place, who, view = _opened_set(arguments)
    version_id = _version_numbered(database, who, view, arguments.version)
    made = bring_back_version(database, place, who, version_id)
    output.out(f"{view.name} has version {made.number}, {made.note}.")


def do_set_settle(arguments: argparse.Namespace) -> None:
    from core.records.sets.leaking import settle

    database, place, who, view = _opened_set(arguments)
    number = view.latest.number if arguments.version is None else arguments.version
    version_id = _version_numbered(database, who, view, number)
    with output.counting("pictures") as on_case:
        made, left_out = settle(database, place, who, version_id, arguments.way, on_case)
    if made.id == version_id:
        output.out(f"The splits of version {number} of {view.name} share nothing. It stays as it is.")
    else:
        without = f" without {left_out:,} of the cases before" if left_out else ""
        output.out(f"{view.name} has version {made.number}{without}: {made.note}.")


def _version_numbered(database: Database, who: Who, view: SetView, number: int) -> int:
    from core.records.sets import sets

    versions = {version.number: version.id for version in sets.versions(database, who, view.id)}
    if number not in versions:
        numbers = ", ".join(map(str, sorted(versions)))
        raise SettingsError(f"{view.name} has no version {number}. There are: {numbers}.")
    return versions[number]


def do_review_list(arguments: argparse.Namespace) -> None:
    from core.records.review import reviews

    database, _, who, project = _opened(arguments)
    views = reviews.reviews(database, who, project, with_archived=arguments.archived)
    if arguments.json:
        rows = [
            {
                "id": view.id,
                "name": view.name,
                "set": view.set,
                "version": view.version,
                "state": view.state,
                "archived": view.is_archived,
            }
            for view in views
        ]
        output.plain({"reviews": rows})
        return
    for view in views:
        of_set = f"{view.set}, version {view.version}"
        output.out(
            "  ".join((str(view.id), view.name, of_set, view.state, *(["archived"] if view.is_archived else [])))
        )


def do_review_rename(arguments: argparse.Namespace) -> None:
    from core.records import archiving

    database, _, who = _acting(arguments)
    archiving.rename_review(database, who, arguments.review, arguments.new)
    output.out(f"Review {arguments.review} is called {arguments.new.strip()} now.")


def do_review_archive(arguments: argparse.Namespace) -> None:
    from core.records import archiving

    database, _, who = _acting(arguments)
    archiving.archive_review(database, who, arguments.review)
    output.out(f"Review {arguments.review} is archived. “vitask review bring-back” lists it again.")


def do_review_bring_back(arguments: argparse.Namespace) -> None:
    from core.records import archiving

    database, _, who = _acting(arguments)
    archiving.bring_back_review(database, who, arguments.review)
    output.out(f"Review {arguments.review} is in the lists again.")


def _add_audit(audited: argparse.ArgumentParser) -> None:
    audited.add_argument("--draw", action="store_true", help="draw it now, once and for all; people decide on Review")
    audited.add_argument("--first", type=int, metavar="N", help="with --draw: so many of the first suspects (50)")
    audited.add_argument("--others", type=int, metavar="N", help="with --draw: so many of all others, at random (100)")
    audited.add_argument("--json", action="store_true", help="one JSON object on standard output")


def do_review_audit(arguments: argparse.Namespace) -> None:
    from core.records.review import audits

    if not arguments.draw and (arguments.first, arguments.others) != (None, None):
        raise SettingsError("--first and --others say what is drawn. Add --draw, which is done once and for all.")
    database, _, who = _acting(arguments)
    if arguments.draw:
        first = audits.FIRST if arguments.first is None else arguments.first
        others = audits.OTHERS if arguments.others is None else arguments.others
        view = audits.draw(database, who, arguments.review, first, others)
    elif (drawn := audits.label_audit(database, who, arguments.review)) is not None:
        view = drawn
    else:
        raise SettingsError(f"Review {arguments.review} has no audit yet. Draw one with --draw.")
    if arguments.json:
        output.plain(audits.plain(view))
        return
    for sentence in audits.in_words(view):
        output.out(sentence)


def do_review_erase(arguments: argparse.Namespace) -> None:
    erase(*_acting(arguments), "review", str(arguments.review), arguments.yes)


def _add_list(actions: Any, about: str, do: Callable[[argparse.Namespace], None]) -> None:
    listed = _action(actions, "list", about, do)
    listed.add_argument("--project", metavar="NAME", help="else the first one")
    listed.add_argument("--archived", action="store_true", help="also those that were archived")
    listed.add_argument("--json", action="store_true", help="one JSON object on standard output")


def _action(actions: Any, name: str, about: str, do: Callable[[argparse.Namespace], None]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=about)
    add_data(parser)
    parser.set_defaults(do=do)
    return parser


def _acting(arguments: argparse.Namespace) -> tuple[Database, Place, Who]:
    from core.records.accounts import people

    database, place = open_records(arguments)
    return database, place, people.local(database)


def _opened(arguments: argparse.Namespace) -> tuple[Database, Place, Who, int]:
    """With the project that was named."""
    from core.records.accounts import people

    database, place, who = _acting(arguments)
    return database, place, who, project_named(people.projects_of(database, who), arguments.project)


def _opened_set(arguments: argparse.Namespace) -> tuple[Database, Place, Who, SetView]:
    from core.records.sets import sets

    database, place, who, project = _opened(arguments)
    views = sets.sets(database, who, project, with_archived=True)
    for view in views:
        if view.name == arguments.name:
            return database, place, who, view
    there = ", ".join(view.name for view in views) or "none"
    raise SettingsError(f'There is no image set "{arguments.name}" in this project. There are: {there}.')

"""`vitask person …` and `vitask project …`: who may sign in, as what, and in which projects."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from typing import TYPE_CHECKING, Any

from core.cli import output
from core.cli.commands import Commands
from core.cli.erase import add_yes, erase
from core.cli.studio import add_data, open_address, open_records, project_named, use_data
from core.errors import SettingsError
from core.records.roles import ROLES

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from core.records.accounts.people import Who
    from core.records.database import Database


def add(commands: Commands) -> None:
    person = commands.add_parser(
        "person", help="who may sign in", example="vitask person invite reader-1 --role reviewer --project blood"
    )
    add_person_actions(person.add_subparsers(**ACTION))
    project = commands.add_parser(
        "project", help="projects and their members", example="vitask project add-member blood reader-1"
    )
    add_project_actions(project.add_subparsers(**ACTION))


ACTION: dict[str, Any] = {"metavar": "ACTION", "required": True}


def add_person_actions(actions: Any) -> None:
    person = _action(actions, "add", "a new account; asks for the password", do_add)
    invite = _action(
        actions, "invite", "a new account; prints a link with which the person chooses the password", do_invite
    )
    for newcomer in (person, invite):
        newcomer.add_argument("name", metavar="NAME")
        newcomer.add_argument("--role", choices=ROLES, default="researcher")
        newcomer.add_argument("--project", action="append", default=[], metavar="NAME", help="made where there is none")
    link = _action(actions, "link", "another link: for who has not come yet, or who forgot the password", do_link)
    for linked in (invite, link):
        linked.add_argument("--address", metavar="URL", help="where the studio is opened; else that of `vitask up`")
    role = _action(actions, "role", "change what a person may do", do_role)
    listed = _action(actions, "list", "everybody, with role, projects and when they were last seen", do_list)
    listed.add_argument("--json", action="store_true", help="one JSON object on standard output")
    sessions = _action(actions, "sessions", "where a person is signed in", do_sessions)
    others = (
        link,
        role,
        sessions,
        _action(actions, "sign-out", "end all sessions of a person", do_sign_out),
        _action(actions, "password", "a new password; ends the person's sessions", do_password),
        _action(actions, "deactivate", "no more signing in; what the person did stays", do_deactivate),
        _action(actions, "reactivate", "may sign in again, with the password from before", do_reactivate),
    )
    gone = _action(
        actions, "erase", "take the account away for good; what the person did stays without a name", do_erase
    )
    add_yes(gone)
    for action in (*others, gone):
        action.add_argument("name", metavar="NAME")
    role.add_argument("role", choices=ROLES)


def add_project_actions(actions: Any) -> None:
    new = _action(actions, "add", "a new project", do_project_add)
    listed = _action(actions, "list", "projects with their members", do_project_list)
    listed.add_argument("--json", action="store_true", help="one JSON object on standard output")
    rename = _action(actions, "rename", "another name for a project", do_project_rename)
    come = _action(actions, "add-member", "let a person see a project", do_add_member)
    leave = _action(actions, "remove-member", "let a person see no more of a project", do_remove_member)
    gone = _action(
        actions, "erase", "a whole project for good: its sets, runs and reviews, with all files", do_project_erase
    )
    add_yes(gone)
    for action in (new, rename, come, leave, gone):
        action.add_argument("project", metavar="PROJECT")
    rename.add_argument("new", metavar="NEW_NAME")
    for action in (come, leave):
        action.add_argument("name", metavar="PERSON")


def _action(actions: Any, name: str, about: str, do: Callable[[argparse.Namespace], None]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=about)
    add_data(parser)
    parser.set_defaults(do=do)
    return parser


def do_add(arguments: argparse.Namespace) -> None:
    from core.records.accounts import people

    database, who = _acting(arguments)
    there, new = _projects(database, who, arguments.project)
    people.add_person(database, arguments.name, _password(), arguments.role, there, who, new)
    output.out(f"{arguments.name} may sign in now, as {arguments.role}.")


def do_invite(arguments: argparse.Namespace) -> None:
    from core.records.accounts import invitations

    where = _where(arguments)
    database, who = _acting(arguments)
    there, new = _projects(database, who, arguments.project)
    token = invitations.invite(database, who, arguments.name, arguments.role, there, new)
    _print_link(where, token, f"{arguments.name} is invited as {arguments.role}.")


def do_link(arguments: argparse.Namespace) -> None:
    from core.records.accounts import invitations

    where = _where(arguments)
    database, who = _acting(arguments)
    _print_link(where, invitations.renew(database, who, arguments.name), "")


def do_role(arguments: argparse.Namespace) -> None:
    from core.records.accounts import roster

    database, who = _acting(arguments)
    roster.set_role(database, who, arguments.name, arguments.role)
    output.out(f"{arguments.name} is {arguments.role} now.")


def do_list(arguments: argparse.Namespace) -> None:
    from core.records.accounts import roster

    database, who = _acting(arguments)
    everybody = roster.roster(database, who)
    if arguments.json:
        people = [
            {
                "name": person.name,
                "role": person.role,
                "state": person.state,
                "projects": [name for _, name in person.projects],
                "seen": person.seen and person.seen.isoformat(),
                "sessions": person.sessions,
            }
            for person in everybody
        ]
        output.plain({"people": people})
        return
    for person in everybody:
        projects = ", ".join(name for _, name in person.projects) or "no project"
        output.out("  ".join((person.name, person.role, person.state, projects, f"last seen: {_day(person.seen)}")))


def do_sessions(arguments: argparse.Namespace) -> None:
    from core.records.accounts import roster

    database, who = _acting(arguments)
    for session in roster.sessions_of(database, who, arguments.name):
        seen, begun = _day(session.seen), _day(session.created)
        output.out(f"begun {begun}  last seen: {seen}  {session.address}  {session.browser}".rstrip())


def do_sign_out(arguments: argparse.Namespace) -> None:
    from core.records.accounts import roster

    database, who = _acting(arguments)
    roster.sign_out_everywhere(database, who, arguments.name)
    output.out(f"{arguments.name} is signed out everywhere.")


def do_password(arguments: argparse.Namespace) -> None:
    from core.records.accounts import people

    database, who = _acting(arguments)
    people.set_password(database, arguments.name, _password(), who)
    output.out(f"{arguments.name} has a new password and is signed out everywhere.")


def do_deactivate(arguments: argparse.Namespace) -> None:
    from core.records.accounts import people

    database, who = _acting(arguments)
    people.deactivate(database, arguments.name, who)
    output.out(f"{arguments.name} can't sign in any more.")


def do_reactivate(arguments: argparse.Namespace) -> None:
    from core.records.accounts import roster

    database, who = _acting(arguments)
    roster.reactivate(database, who, arguments.name)
    output.out(f"{arguments.name} may sign in again.")


def do_erase(arguments: argparse.Namespace) -> None:
    from core.records.accounts import people

    database, place = open_records(arguments)
    erase(database, place, people.local(database), "person", arguments.name, arguments.yes)


def do_project_erase(arguments: argparse.Namespace) -> None:
    from core.records.accounts import people

    database, place = open_records(arguments)
    who = people.local(database)
    erase(database, place, who, "project", str(_project(database, who, arguments.project)), arguments.yes)


def do_project_add(arguments: argparse.Namespace) -> None:
    from core.records.accounts import people

    database, who = _acting(arguments)
    people.add_project(database, who, arguments.project)
    output.out(f"{arguments.project} is there. “vitask project add-member” lets people see it.")


def do_project_list(arguments: argparse.Namespace) -> None:
    from core.records.accounts import roster

    database, who = _acting(arguments)
    projects = roster.project_list(database, who)
    if arguments.json:
        listed = [{"id": each.id, "name": each.name, "members": list(each.members)} for each in projects]
        output.plain({"projects": listed})
        return
    for project in projects:
        output.out(f"{project.name}: {', '.join(project.members) or 'nobody'}")


def do_project_rename(arguments: argparse.Namespace) -> None:
    from core.records.accounts import roster

    database, who = _acting(arguments)
    roster.rename_project(database, who, _project(database, who, arguments.project), arguments.new)
    output.out(f"{arguments.project} is called {arguments.new} now.")


def do_add_member(arguments: argparse.Namespace) -> None:
    from core.records.accounts import people

    database, who = _acting(arguments)
    people.add_member(database, who, _project(database, who, arguments.project), arguments.name)
    output.out(f"{arguments.name} sees {arguments.project} now.")


def do_remove_member(arguments: argparse.Namespace) -> None:
    from core.records.accounts import roster

    database, who = _acting(arguments)
    roster.remove_member(database, who, _project(database, who, arguments.project), arguments.name)
    output.out(f"{arguments.name} sees nothing of {arguments.project} any more.")


def _acting(arguments: argparse.Namespace) -> tuple[Database, Who]:
    """Whoever has the shell acts as `local`, who is in every project."""
    from core.records.accounts import people

    database, _ = open_records(arguments)
    return database, people.local(database)


def _projects(database: Database, who: Who, names: list[str]) -> tuple[list[int], list[str]]:
    """The numbers of those that are there, and the names of those to be made."""
    from core.records.accounts import people

    numbers = {name: number for number, name in people.projects_of(database, who)}
    wanted = list(dict.fromkeys(name.strip() for name in names))
    return [numbers[name] for name in wanted if name in numbers], [name for name in wanted if name not in numbers]


def _project(database: Database, who: Who, name: str) -> int:
    from core.records.accounts import people

    return project_named(people.projects_of(database, who), name)


def _where(arguments: argparse.Namespace) -> str:
    """Where people open the studio. Asked before anything is changed: where nobody knows it, nothing is."""
    from core.records.place import Place

    use_data(arguments)
    where: str = arguments.address or os.environ.get("VITASK_ADDRESS") or open_address(Place.from_environment())
    return where.rstrip("/")


def _print_link(where: str, token: str, about: str) -> None:
    """The link alone on standard output, so that it can be piped; what it is on standard error."""
    from core.records.accounts.invitations import LASTS, PATH

    sys.stderr.write(f"{about} This link is good once, for {LASTS.days} days:\n".lstrip())
    output.out(f"{where}{PATH}#{token}")


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "never"


def _password() -> str:
    """Typed twice at a terminal, else the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != first:
        raise SettingsError("The two passwords differ. Try again.")
    return first

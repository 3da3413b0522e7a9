"""People and projects as the page People shows them. What people named is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from app.html import empty
from app.words import ago, browser_words
from core.records.accounts.roster import PersonView, ProjectView, SessionView

STATES = {
    "active": "active",
    "invited": "invited, has not come yet",
    "deactivated": "deactivated",
}
NOBODY = empty(
    "No accounts yet",
    "This studio answers on this computer only. Invite an admin first: with the first password that is chosen every "
    "page asks for a sign-in.",
)


def draw_people(everybody: Sequence[PersonView]) -> str:
    if not everybody:
        return NOBODY
    rows = "".join(
        f"<tr><td><b>{escape(person.name)}</b></td><td>{person.role}</td><td>{_state(person)}</td>"
        f"<td>{_projects(person)}</td><td>{ago(person.seen)}</td><td class=n>{person.sessions or ''}</td></tr>"
        for person in everybody
    )
    head = (
        "<tr><th>Name</th><th>Role</th><th>State</th><th>Projects</th><th>Last seen</th><th class=n>Sessions</th></tr>"
    )
    return f'<div class="vt"><table>{head}{rows}</table></div>'


def draw_chosen(person: PersonView, sessions: Sequence[SessionView]) -> str:
    """Where somebody is signed in."""
    rows = "".join(
        f"<tr><td>{escape(browser_words(session.browser))}</td><td>{escape(session.address)}</td>"
        f"<td>{ago(session.seen)}</td></tr>"
        for session in sessions
    )
    if not rows:
        return f'<div class="vt"><p class="quiet">{escape(person.name)} is signed in nowhere.</p></div>'
    head = "<tr><th>Signed in with</th><th>From</th><th>Last seen</th></tr>"
    return f'<div class="vt"><table>{head}{rows}</table></div>'


def draw_projects(projects: Sequence[ProjectView]) -> str:
    if not projects:
        return empty("You are in no project", "Make one here. You are its first member.")
    rows = "".join(
        f"<tr><td><b>{escape(project.name)}</b></td><td>{escape(', '.join(project.members)) or 'nobody'}</td></tr>"
        for project in projects
    )
    return f'<div class="vt"><table><tr><th>Project</th><th>Members</th></tr>{rows}</table></div>'


def _state(person: PersonView) -> str:
    if person.state == "invited" and person.link_until is None:
        return "invited, the link is too old"
    return STATES[person.state]


def _projects(person: PersonView) -> str:
    named = [escape(name) for _, name in person.projects]
    if person.elsewhere:
        named.append(f'<span class="quiet">{person.elsewhere} that you are not in</span>')
    return ", ".join(named) or '<span class="quiet">none</span>'

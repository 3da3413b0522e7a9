"""Account: who one is here, one's own password and sessions; and for whoever is in no project what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import gradio as gr

from app.context import PRIVATE, Studio, on_load
from app.html import script_beside
from app.visit import Updates, Visit, guarded, live
from app.words import ago, browser_words
from core.errors import SettingsError
from core.records.accounts import people, roster
from core.records.accounts.roster import SessionView

TITLE = "Account"
PATH = "/account"
OUTSIDE_PROJECTS = True
IN_HEADER = False
SECONDS = 10
MAY = {
    "admin": "Admins see and do everything in their projects, and manage people and projects.",
    "researcher": "Researchers bring images, tune models and review labels.",
    "reviewer": "Reviewers look at everything in their projects and decide on labels.",
    "reader": "Readers look at everything in their projects and ask runs about images.",
}
NO_PROJECT = (
    '<div class="empty"><b>You are in no project yet</b>Ask an admin to add you to a project. This page shows it as '
    "soon as that is done; nothing has to be typed again.</div>"
)
MAKE_ONE = (
    '<div class="empty"><b>You are in no project yet</b>Make one on the page '
    '<a href="/people?tab=projects">People</a>, or ask another admin to add you to theirs.</div>'
)


@dataclass(frozen=True)
class PasswordParts:
    group: gr.Group
    old: gr.Textbox
    new: gr.Textbox
    again: gr.Textbox
    change: gr.Button


@dataclass(frozen=True)
class Parts:
    about: gr.HTML
    password: PasswordParts
    sessions: gr.HTML
    end_others: gr.Button
    timer: gr.Timer


@dataclass(frozen=True)
class AccountPage:
    parts: Parts

    def show(self, visit: Visit) -> Updates:
        return self.moving(visit) | {self.parts.password.group: gr.update(visible=people.has_accounts(visit.database))}

    def moving(self, visit: Visit) -> Updates:
        token = visit.studio.token(visit.request)
        sessions = roster.own_sessions(visit.database, visit.who, token)
        return {
            self.parts.about: draw_person(visit),
            self.parts.sessions: draw_sessions(sessions),
            self.parts.end_others: gr.update(interactive=len(sessions) > 1),
        }

    def change_password(self, visit: Visit, old: str | None, new: str | None, again: str | None) -> Updates:
        """Keeps this session and ends the others."""
        if (new or "") != (again or ""):
            raise SettingsError("The two new passwords differ. Type them again.")
        token, address = visit.studio.token(visit.request), visit.request.client.host if visit.request.client else ""
        roster.change_password(visit.database, visit.who, old or "", new or "", address, token)
        gr.Info("Your password is changed, and all your other sessions have ended.", title="Done")
        parts = self.parts.password
        return {parts.old: "", parts.new: "", parts.again: ""} | self.moving(visit)

    def end_session(self, visit: Visit, event: gr.EventData) -> Updates:
        roster.end_session(visit.database, visit.who, str(event.session))
        return self.moving(visit)

    def end_others(self, visit: Visit) -> Updates:
        roster.end_other_sessions(visit.database, visit.who, visit.studio.token(visit.request))
        return self.moving(visit)


def draw_person(visit: Visit) -> str:
    """Who one is, what that role is for, and in which projects; without any, what to do."""
    who = visit.who
    projects = people.projects_of(visit.database, who)
    if projects:
        named = "".join(f'<li><a href="/?project={number}">{escape(name)}</a></li>' for number, name in projects)
        listed = f'<h2>Your projects</h2><ul class="plain">{named}</ul>'
    else:
        listed = MAKE_ONE if who.may("manage") else NO_PROJECT
    name = "this computer's person" if who.name == people.LOCAL else who.name
    about = f'<p><b>{escape(name)}</b> <span class="chip">{who.role}</span></p><p class="quiet">{MAY[who.role]}</p>'
    return f'<div class="vt"><h1>Account</h1>{about}{listed}</div>'


def draw_sessions(sessions: Sequence[SessionView]) -> str:
    rows = "".join(
        f"<tr><td>{escape(browser_words(session.browser))}</td><td>{escape(session.address)}</td>"
        f"<td>{ago(session.created)}</td><td>{ago(session.seen)}</td><td>{_way_out(session)}</td></tr>"
        for session in sessions
    )
    head = "<tr><th>With</th><th>From</th><th>Begun</th><th>Last seen</th><th></th></tr>"
    return f'<div class="vt"><h2>Where you are signed in</h2><table>{head}{rows}</table></div>'


def _way_out(session: SessionView) -> str:
    if session.is_this:
        return '<span class="chip">this one</span>'
    return f'<button type="button" data-session="{escape(session.id)}">End</button>'


def lay_out() -> Parts:
    about = gr.HTML('<div class="vt"><h1>Account</h1></div>')
    with gr.Group(visible=False) as group:
        with gr.Row():
            old, new, again = (
                gr.Textbox(label=label, type="password", max_length=1000, elem_id=f"account-{name}")
                for name, label in (("old", "Password so far"), ("new", "New password"), ("again", "Once more"))
            )
        change = gr.Button("Change my password", elem_id="account-change")
    sessions = gr.HTML(js_on_load=script_beside(__file__), elem_id="account-sessions")
    with gr.Row():
        end_others = gr.Button("End all my other sessions", size="sm", scale=0, min_width=240, interactive=False)
    return Parts(about, PasswordParts(group, old, new, again, change), sessions, end_others, gr.Timer(SECONDS))


def build(studio: Studio) -> None:
    parts = lay_out()
    page, password = AccountPage(parts), parts.password
    moving = [parts.about, parts.sessions, parts.end_others]
    on_load(guarded(studio, page.show), None, [*moving, password.group])
    parts.timer.tick(live(studio, page.moving), None, moving, queue=False, **PRIVATE)
    typed = [password.old, password.new, password.again]
    for event in (password.change.click, password.again.submit):
        event(guarded(studio, page.change_password), typed, [*typed, *moving], **PRIVATE)
    parts.sessions.click(guarded(studio, page.end_session), None, moving, **PRIVATE)
    parts.end_others.click(guarded(studio, page.end_others), None, moving, **PRIVATE)

"""People: everybody with role, projects and when they were last there; invited, moved, deactivated. For admins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import gradio as gr

from app.context import LATEST, PRIVATE, Studio, on_load
from app.pages.people import acts, erase, log
from app.pages.people.parts import LINK_LABEL, Parts, lay_out
from app.pages.people.words import draw_chosen, draw_people, draw_projects
from app.visit import Updates, Visit, guarded, live, of_shown, offer
from core.errors import SettingsError
from core.records.accounts import invitations, people, roster
from core.records.accounts.roster import PersonView
from core.records.erasing import erasing_projects
from core.records.erasing.erasable import erase_named

TITLE = "People"
PATH = "/people"
NEEDS = "manage"
OUTSIDE_PROJECTS = True


@dataclass(frozen=True)
class PeoplePage:
    """What the page's events do. Each act is checked again by the records, whoever sent it."""

    parts: Parts

    def open(self, visit: Visit) -> Updates:
        """?tab=projects leads to the projects."""
        wanted = visit.query("tab")
        tab: Updates = {self.parts.tabs: gr.Tabs(selected=wanted)} if wanted in ("people", "projects") else {}
        return self.show(visit, None) | tab

    def show(self, visit: Visit, name: str | None) -> Updates:
        """Everything, with this person chosen where there is one."""
        parts, everybody = self.parts, roster.roster(visit.database, visit.who)
        projects = roster.project_list(visit.database, visit.who)
        offered = [(project.name, project.id) for project in projects]
        person = next((person for person in everybody if person.name == name), None)
        return {
            parts.everybody: draw_people(everybody),
            parts.projects.all: draw_projects(projects),
            parts.invite.role: "researcher" if everybody else "admin",
            parts.invite.projects: gr.update(choices=offered, value=[]),
            parts.projects.chosen: gr.update(choices=offered, value=None),
            parts.change.person: gr.update(
                choices=[person.name for person in everybody], value=person.name if person else None
            ),
            parts.change.projects: gr.update(choices=offered, value=[number for number, _ in _projects(person)]),
        } | self.chosen(visit, person)

    def chosen(self, visit: Visit, person: PersonView | None) -> Updates:
        """What can be done with whom is chosen."""
        change = self.parts.change
        sessions = roster.sessions_of(visit.database, visit.who, person.name) if person else []
        is_active = person is not None and person.state != "deactivated"
        return {
            change.of: person.name if person else None,
            change.about: draw_chosen(person, sessions) if person else "",
            change.role: gr.update(value=person.role if person else None, interactive=person is not None),
            change.save: gr.update(interactive=person is not None),
            change.renew: gr.update(interactive=is_active),
            change.sign_out: gr.update(interactive=bool(sessions)),
            change.deactivate: gr.update(visible=person is None or is_active, interactive=is_active),
            change.reactivate: gr.update(visible=person is not None and not is_active),
        }

    def choose(self, visit: Visit, name: str | None) -> Updates:
        """Another person. A link that was made for somebody else goes out of sight."""
        return self.show(visit, name) | {self.parts.link: gr.update(value="", visible=False)}

    def tick(self, visit: Visit) -> Updates:
        return {self.parts.everybody: draw_people(roster.roster(visit.database, visit.who))}

    def invite(self, visit: Visit, name: str | None, role: str, projects: Sequence[int]) -> Updates:
        token = invitations.invite(visit.database, visit.who, name or "", role, projects)
        emptied: Updates = {self.parts.invite.name: ""}
        name = (name or "").strip()
        return self.show(visit, name) | emptied | self.linked(visit, name, token)

    def renew(self, visit: Visit, name: str | None) -> Updates:
        token = invitations.renew(visit.database, visit.who, name := chosen(name))
        return self.show(visit, name) | self.linked(visit, name, token)

    def linked(self, visit: Visit, name: str, token: str) -> Updates:
        """Says for whom it is: until it comes, the one that was made before stands there."""
        label = LINK_LABEL.format(name=name)
        return {self.parts.link: gr.update(value=acts.link(visit, token), label=label, visible=True)}

    def save(self, visit: Visit, name: str | None, role: str | None, projects: Sequence[int]) -> Updates:
        roster.change(visit.database, visit.who, chosen(name), role or "", projects)
        return self.show(visit, name)

    def sign_out(self, visit: Visit, name: str | None) -> Updates:
        roster.sign_out_everywhere(visit.database, visit.who, chosen(name))
        return self.show(visit, name)

    def deactivate(self, visit: Visit, name: str | None) -> Updates:
        people.deactivate(visit.database, chosen(name), visit.who)
        return self.choose(visit, name)

    def reactivate(self, visit: Visit, name: str | None) -> Updates:
        roster.reactivate(visit.database, visit.who, chosen(name))
        return self.show(visit, name)

    def add_project(self, visit: Visit, title: str | None) -> Updates:
        """Read anew, since the admin sees the new project only from now on."""
        people.add_project(visit.database, visit.who, title or "")
        return self.show(acts.anew(visit), None) | {self.parts.projects.name: ""}

    def rename_project(self, visit: Visit, project_id: int | None, title: str | None) -> Updates:
        if project_id is None:
            raise SettingsError("No project is chosen. Choose the one that gets another name.")
        roster.rename_project(visit.database, visit.who, project_id, title or "")
        return self.show(visit, None) | {self.parts.projects.new_name: ""}

    def look_at_project(self, visit: Visit, project_id: int | None) -> Updates:
        """What erasing it would do."""
        if project_id is None:
            raise SettingsError("No project is chosen. Choose the one that is to be erased.")
        return self.parts.projects.confirmation.of(
            erasing_projects.project_erasure(visit.database, visit.who, project_id)
        )

    def erase_project(self, visit: Visit, project_id: int | None, name: str | None) -> Updates:
        """Read anew, since the admin is in one less."""
        if project_id is None:
            raise SettingsError("No project is chosen. Choose the one that is to be erased.")
        erase_named(visit.database, visit.place, visit.who, "project", str(project_id), name or "")
        gr.Info("It is erased.", title="Done")
        return self.show(acts.anew(visit), None) | self.parts.projects.confirmation.closed()

    def other_project(self, visit: Visit) -> Updates:
        return self.parts.projects.confirmation.closed()


def chosen(name: str | None) -> str:
    if not name:
        raise SettingsError("Nobody is chosen. Choose a person first.")
    return name


def _projects(person: PersonView | None) -> tuple[tuple[int, str], ...]:
    return person.projects if person else ()


def build(studio: Studio) -> None:
    """Programs erase by it; for all else they use `vitask person` and `vitask project`."""
    parts = lay_out()
    offer(studio, acts.what_erasing_does, acts.erase_for_good)
    page, change, projects = PeoplePage(parts), parts.change, parts.projects
    shown = parts.shown
    on_load(guarded(studio, page.open), None, [*shown, parts.tabs])
    parts.timer.tick(live(studio, page.tick), None, [parts.everybody], queue=False, **PRIVATE)
    invited = [parts.invite.name, parts.invite.role, parts.invite.projects]
    for event in (parts.invite.make.click, parts.invite.name.submit):
        event(guarded(studio, page.invite), invited, [*shown, parts.invite.name, parts.link], **PRIVATE)
    change.person.input(guarded(studio, page.choose), [change.person], [*shown, parts.link], **LATEST)
    saved = [change.person, change.of, change.role, change.projects]
    change.save.click(guarded(studio, of_shown(page.save, "person")), saved, shown, **PRIVATE)
    for button, act in (
        (change.renew, page.renew),
        (change.sign_out, page.sign_out),
        (change.deactivate, page.deactivate),
        (change.reactivate, page.reactivate),
    ):
        button.click(guarded(studio, act), [change.person], [*shown, parts.link], **PRIVATE)
    for event in (projects.add.click, projects.name.submit):
        event(guarded(studio, page.add_project), [projects.name], [*shown, projects.name], **PRIVATE)
    renamed = [projects.chosen, projects.new_name]
    projects.rename.click(guarded(studio, page.rename_project), renamed, [*shown, projects.new_name], **PRIVATE)
    confirmation = projects.confirmation
    projects.chosen.input(guarded(studio, page.other_project), None, confirmation.shown, **LATEST)
    projects.erase.click(guarded(studio, page.look_at_project), [projects.chosen], confirmation.shown, **PRIVATE)
    confirmation.erase.click(
        guarded(studio, page.erase_project),
        [projects.chosen, confirmation.name],
        [*shown, *confirmation.shown],
        **{**PRIVATE, "show_progress": "full"},
    )
    log.wire(studio, parts.log)
    erase.wire(studio, parts.erase)

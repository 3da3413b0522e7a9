"""What the page People is laid out of: everybody, an invitation, changes to a person, projects, log, erasing."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from app.erasing import Confirmation, lay_out_confirmation
from app.pages.people.erase import EraseParts
from app.pages.people.erase import lay_out as lay_out_erase
from app.pages.people.log import LogParts
from app.pages.people.log import lay_out as lay_out_log
from app.row_choice import RowChoice
from core.records.roles import ROLES

SECONDS = 10
LINK_LABEL = (
    "Link for {name}, good once and for three days. Send it by a way that only this person reads; it is shown only now."
)


@dataclass(frozen=True)
class InviteParts:
    name: gr.Textbox
    role: gr.Dropdown
    projects: gr.CheckboxGroup
    make: gr.Button


@dataclass(frozen=True)
class ChangeParts:
    person: RowChoice
    of: gr.Textbox
    """Whose role and projects they are."""
    role: gr.Dropdown
    projects: gr.CheckboxGroup
    save: gr.Button
    renew: gr.Button
    sign_out: gr.Button
    deactivate: gr.Button
    reactivate: gr.Button
    about: gr.HTML

    @property
    def shown(self) -> list[Component]:
        """What is shown anew when another person is chosen."""
        buttons = [self.save, self.renew, self.sign_out, self.deactivate, self.reactivate]
        return [self.person, self.of, self.role, self.projects, *buttons, self.about]


@dataclass(frozen=True)
class ProjectParts:
    all: gr.HTML
    name: gr.Textbox
    add: gr.Button
    chosen: RowChoice
    new_name: gr.Textbox
    rename: gr.Button
    erase: gr.Button
    confirmation: Confirmation


@dataclass(frozen=True)
class Parts:
    tabs: gr.Tabs
    everybody: gr.HTML
    link: gr.Textbox
    invite: InviteParts
    change: ChangeParts
    projects: ProjectParts
    log: LogParts
    erase: EraseParts
    timer: gr.Timer

    @property
    def shown(self) -> list[Component]:
        """What is shown anew when anything changed."""
        lists = [self.everybody, self.projects.all, self.invite.role, self.invite.projects, self.projects.chosen]
        return [*lists, *self.change.shown]


def lay_out() -> Parts:
    gr.HTML(
        '<div class="vt"><h1>People</h1><p class="quiet">Who may sign in, as what, and which projects they see. '
        "Everything here is noted in the audit log.</p></div>"
    )
    with gr.Tabs() as tabs:
        with gr.Tab("People", id="people"):
            everybody = gr.HTML(elem_id="people-all")
            link = gr.Textbox(label="Link", interactive=False, visible=False, buttons=["copy"], elem_id="people-link")
            with gr.Row(equal_height=False):
                with gr.Column(min_width=380):
                    invite = _lay_out_invite()
                with gr.Column(min_width=380):
                    change = _lay_out_change()
            erase = lay_out_erase()
        with gr.Tab("Projects", id="projects"):
            projects = _lay_out_projects()
        log = lay_out_log()
    return Parts(tabs, everybody, link, invite, change, projects, log, erase, gr.Timer(SECONDS))


def _lay_out_invite() -> InviteParts:
    gr.HTML('<div class="vt"><h2>Invite somebody</h2></div>')
    return InviteParts(
        gr.Textbox(label="Name to sign in with", max_length=100, elem_id="people-name"),
        gr.Dropdown(list(ROLES), value="researcher", label="Role", elem_id="people-role"),
        gr.CheckboxGroup([], label="Projects", elem_id="people-projects"),
        gr.Button("Make a link", variant="primary", elem_id="people-invite"),
    )


def _lay_out_change() -> ChangeParts:
    gr.HTML('<div class="vt"><h2>Change somebody</h2></div>')
    person = RowChoice([], label="Person", elem_id="people-person")
    role = gr.Dropdown(list(ROLES), label="Role", interactive=False, elem_id="people-new-role")
    projects = gr.CheckboxGroup([], label="Projects", elem_id="people-new-projects")
    save = gr.Button("Save role and projects", interactive=False, elem_id="people-save")
    with gr.Row():
        renew = gr.Button("Link for a new password", size="sm", interactive=False, elem_id="people-renew")
        sign_out = gr.Button("End all sessions", size="sm", interactive=False, elem_id="people-sign-out")
        deactivate = gr.Button("Deactivate", size="sm", interactive=False, elem_id="people-deactivate")
        reactivate = gr.Button("Reactivate", size="sm", visible=False, elem_id="people-reactivate")
    about = gr.HTML(elem_id="people-about")
    return ChangeParts(
        person, gr.Textbox(visible=False), role, projects, save, renew, sign_out, deactivate, reactivate, about
    )


def _lay_out_projects() -> ProjectParts:
    listed = gr.HTML(elem_id="people-project-list")
    with gr.Row(equal_height=False):
        with gr.Column(min_width=380):
            name = gr.Textbox(label="Name of a new project", max_length=255, elem_id="people-project")
            add = gr.Button("Make a project", elem_id="people-project-add")
        with gr.Column(min_width=380):
            chosen = RowChoice([], label="Project", elem_id="people-project-chosen")
            new_name = gr.Textbox(label="Its new name", max_length=255, elem_id="people-project-name")
            with gr.Row():
                rename = gr.Button("Rename", elem_id="people-project-rename")
                erase = gr.Button("See what erasing it does", elem_id="people-project-erase")
            confirmation = lay_out_confirmation("people-project-erased")
    return ProjectParts(listed, name, add, chosen, new_name, rename, erase, confirmation)

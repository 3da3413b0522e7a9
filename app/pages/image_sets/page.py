"""Image sets: bring images, have them checked, look at them, say what is asked of them, and follow their versions."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app.context import PRIVATE, Studio, asked_number, guarded, on_load
from app.pages.image_sets import adding, versions
from app.pages.image_sets.api import add_names
from app.pages.image_sets.gallery import Gallery
from app.pages.image_sets.task import TaskTab
from core.records import sets
from core.records.access import NotAllowed, Who

TITLE = "Image sets"
PATH = "/image-sets"


def build(studio: Studio) -> None:
    with gr.Row(equal_height=True):
        gr.HTML('<div class="vt"><h1>Image sets</h1></div>', min_width=160)
        image_set = gr.Dropdown([], label="Image set", visible=False, scale=2)
        version = gr.Dropdown([], label="Version", visible=False, scale=1)
    with gr.Tabs(selected="cases") as tabs:
        with gr.Tab("Add images", id="add"):
            adding.build(studio)
        with gr.Tab("Cases", id="cases"):
            gallery = Gallery(studio, version)
        with gr.Tab("Task", id="task"):
            task = TaskTab(studio, version)
        with gr.Tab("Versions", id="versions"):
            listed = gr.HTML(versions.draw([], None))
    filled = [*gallery.opened, *task.opened, listed]
    chosen = [image_set, version, tabs]

    def choose(who: Who, project_id: int, set_id: int | None, version_id: int | None) -> list[Any]:
        """The two choosers, and the tab to turn to where there is nothing to look at yet."""
        known = sets.sets(studio.database, who, project_id)
        if version_id is not None:
            set_id = sets.version(studio.database, who, version_id).set_id
        if set_id is not None and set_id not in {one.id for one in known}:
            raise NotAllowed("There is no such image set in this project. Choose one of those listed.")
        one = next((one for one in known if one.id == set_id), known[0] if known else None)
        if one is None:
            return [
                gr.update(visible=False, value=None),
                gr.update(visible=False, value=None),
                gr.update(selected="add"),
            ]
        return [
            gr.update(choices=[(each.name, each.id) for each in known], value=one.id, visible=True),
            _versions(studio, who, one.id, version_id),
            gr.skip(),
        ]

    @guarded
    def open_page(request: gr.Request) -> list[Any]:
        who, project_id = studio.who(request), studio.project(request)
        found = choose(who, project_id, asked_number(request, "set"), asked_number(request, "version"))
        is_adding = dict(request.query_params).get("tab") == "add"
        return [*found[:2], gr.update(selected="add")] if is_adding else found

    @guarded
    def other_set(set_id: int, request: gr.Request) -> Any:
        return _versions(studio, studio.who(request), int(set_id), None)

    @guarded
    def fill(set_id: int | None, version_id: int | None, side: int, request: gr.Request) -> list[Any]:
        who = studio.who(request)
        known = [] if set_id is None else sets.versions(studio.database, who, int(set_id))
        return [
            *gallery.open(version_id, request),
            *task.open(version_id, side, request),
            versions.draw(known, version_id),
        ]

    @guarded
    def save_task(request: gr.Request, version_id: int, *given: str) -> list[Any]:
        made = task.saved(version_id, given[:4], given[4], request)  # type: ignore[arg-type]
        gr.Info("The new version is kept. Runs that saw the earlier one still name it.")
        who = studio.who(request)
        return [*choose(who, studio.project(request), None, made)[:2], gr.skip(), ""]

    on_load(open_page, None, chosen)
    image_set.input(other_set, [image_set], [version], **PRIVATE)
    # Whoever changes the version, what is shown follows; where it stays, what somebody is typing is left alone.
    version.change(fill, [image_set, version, task.side], filled, **PRIVATE)
    task.save.click(save_task, [version, *task.fields, task.note], [*chosen, task.note], **PRIVATE)

    @guarded
    def refresh(set_id: int | None, version_id: int | None, request: gr.Request) -> list[Any]:
        """After something was added: it is in the choosers when the tab is opened."""
        if version_id is None:  # the page has only just been opened
            set_id, version_id = asked_number(request, "set"), asked_number(request, "version")
        who, project_id = studio.who(request), studio.project(request)
        return choose(who, project_id, set_id, version_id)[:2]

    tabs.select(refresh, [image_set, version], [image_set, version], **PRIVATE)
    add_names(studio)


def _versions(studio: Studio, who: Who, set_id: int, version_id: int | None) -> Any:
    known = sets.versions(studio.database, who, set_id)
    choices = [(f"v{one.number}: {one.cases:,} cases", one.id) for one in known]
    return gr.update(choices=choices, value=version_id or known[0].id, visible=True)

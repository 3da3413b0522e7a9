"""What stands around every page: the header with its ways, the project, the person, and the pages put together."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from html import escape
from typing import Protocol, cast

import gradio as gr
from gradio.components.navbar import Navbar

from app.context import Studio, on_load
from app.entrance.arrivals import StudioBlocks
from app.entrance.door import Rule
from app.html import script_beside
from app.pages import PAGES
from app.visit import Visit, live
from core.records.access import NotAllowed
from core.records.accounts import people

ACCOUNT = "/account"
MARK = (
    '<svg viewBox="0 0 24 24" aria-hidden="true"><rect x="2" y="2" width="20" height="20" rx="5" fill="#0072b2"/>'
    '<path d="M7 8l5 9 5-9" fill="none" stroke="#fff" stroke-width="2.4" stroke-linecap="round"/>'
    '<circle cx="12" cy="7" r="2" fill="#e69f00"/></svg>'
)
FOOT = (
    '<div class="vt-foot">Research use only: answers are those of models, to be compared with reference labels. '
    "Never a basis for the care of a person.</div>"
)
LOOK = '<button type="button" name="look" title="Light or dark" aria-label="Switch between light and dark">◐</button>'


class Page(Protocol):
    """What `app/pages/NAME/page.py` offers."""

    TITLE: str
    PATH: str

    def build(self, studio: Studio) -> None: ...


def needs(page: Page) -> str:
    """What a role must allow to whoever opens the page."""
    return str(getattr(page, "NEEDS", "look"))


def is_outside_projects(page: Page) -> bool:
    """Whether somebody who is in no project has any use of the page."""
    return bool(getattr(page, "OUTSIDE_PROJECTS", False))


def rules() -> dict[str, Rule]:
    """Who may open which path."""
    return {page.PATH.strip("/"): Rule(needs(page), not is_outside_projects(page)) for page in pages()}


def offered(studio_pages: Sequence[Page], visit: Visit) -> list[Page]:
    """Those in the header that lead this person anywhere."""
    return [
        page
        for page in studio_pages
        if visit.who.may(needs(page)) and (visit.who.projects or is_outside_projects(page))
    ]


def pages() -> list[Page]:
    """In the order of the header; the first one is at `/`."""
    return [cast(Page, importlib.import_module(f"app.pages.{name}.page")) for name in PAGES]


def assemble(studio: Studio) -> StudioBlocks:
    """Every page under its path, sharing one queue."""
    studio_pages = pages()
    with StudioBlocks(title="VITask Studio", analytics_enabled=False, delete_cache=(3600, 86400)) as demo:
        _page(studio, studio_pages[0], studio_pages)
    for page in studio_pages[1:]:
        with demo.route(page.TITLE, f"/{page.PATH.strip('/')}"):
            _page(studio, page, studio_pages)
    return cast(StudioBlocks, demo)


def _page(studio: Studio, page: Page, studio_pages: Sequence[Page]) -> None:
    Navbar(visible=False)
    top = gr.HTML(
        header(page, [other for other in studio_pages if other is page or needs(other) == "look"]),
        js_on_load=script_beside(__file__),
        padding=False,
    )

    def fill(visit: Visit) -> str:
        return header(page, offered(studio_pages, visit), tools(visit, page))

    page.build(studio)
    gr.HTML(FOOT, padding=False)
    on_load(live(studio, fill), outputs=top)


def header(page: Page, studio_pages: Sequence[Page], more: str = "") -> str:
    ways = "".join(
        f'<a href="/{other.PATH.strip("/")}"{" aria-current=page" if other is page else ""}>{escape(other.TITLE)}</a>'
        for other in studio_pages
        if other is page or getattr(other, "IN_HEADER", True)
    )
    return (
        f'<header class="vt-head"><a class="brand" href="/">{MARK}VITask Studio</a>'
        f'<nav aria-label="Pages">{ways}</nav><div class="tools"><span class="use">Research use only</span>'
        f"{more}{LOOK}</div></header>"
    )


def tools(visit: Visit, page: Page) -> str:
    """Which project, and who is signed in. Without accounts nobody needs to read about that."""
    listed = people.projects_of(visit.database, visit.who)
    try:
        chosen = visit.project
    except NotAllowed:
        chosen = None
    options = "".join(
        f'<option value="{number}"{" selected" if number == chosen else ""}>{escape(name)}</option>'
        for number, name in listed
    )
    projects = f'<select name="project" aria-label="Project">{options}</select>' if len(listed) > 1 else ""
    if not people.has_accounts(visit.database):
        return projects
    leave = f'<form method="post" action="/sign-out"><button>Sign out {escape(visit.who.name)}</button></form>'
    mine = "" if page.PATH == ACCOUNT else f'<a class="mine" href="{ACCOUNT}">Account</a>'
    return projects + mine + leave

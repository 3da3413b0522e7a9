"""What every page and route shares: the place and the records, who is asking, and how errors are told."""

from __future__ import annotations

import logging
import os
import re
import secrets
import time
from collections.abc import Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any, cast

import gradio as gr
from fastapi import Request
from gradio.context import Context

from app.html import as_text
from core.errors import IS_FULL, CoreError, is_full
from core.machine.loopback import is_loopback
from core.records.access import NotAllowed, Who, allow
from core.records.accounts import people
from core.records.database import Database, DatabaseError, DatabaseFull, has_broken_off
from core.records.place import Place, without_paths
from core.records.runs.sightings import Sightings

Asking = gr.Request | Request
"""What there is of a request: Gradio's, or that of a route."""
COOKIE, PROJECT_COOKIE, HEARD_COOKIE = "vitask", "vitask_project", "vitask_heard"
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
"""Of events that only pages set off."""
LATEST = PRIVATE | {"trigger_mode": "always_last"}
"""Of those that show what is chosen, or what an act made of it. Gradio leaves out what is set off while its like is
under way; of these the last is done after it, so that the page never stays behind what somebody chose."""
HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")
"""A name or an address with or without a port, and nothing else: what is read in part may be read in two ways."""
SECONDS_TRUE = 1.0
"""How long what was looked up of a person is taken for true."""
MENDABLE = "Please look at this"
"""Above each notice of what a person can mend."""
ONE_MOMENT = "One moment"
"""Above each notice of what may be gone when it is tried again."""
NO_ROOM = "No room left"
AWAY = "The database does not answer right now. Nothing is lost: try again in a moment."
log = logging.getLogger("vitask.app")


class NotSignedIn(NotAllowed):
    """Nobody is signed in with this browser."""


class Studio:
    """One studio's place and records."""

    def __init__(self, place: Place, database: Database) -> None:
        self.place = place
        self.database = database
        self.sightings = Sightings(database)

    def who(self, request: Asking) -> Who:
        """The person who asks, by the session's cookie or token. Without accounts that is `local`, on this machine.

        The gate has looked that up already of a request that came through it. An event that waited for its turn since
        is asked again: its person may have been deactivated meanwhile, or moved.
        """
        scope = getattr(getattr(request, "request", request), "scope", None) or {}
        person = scope.get("who")
        if isinstance(person, Who) and time.monotonic() - scope.get("looked_up", 0.0) < SECONDS_TRUE:
            return person
        return self.who_has(_headers(request), request.client.host if request.client else "")

    def token(self, request: Asking) -> str:
        """That of the session in which is asked."""
        return token_in(_headers(request))

    def address(self, request: Asking) -> str:
        """Where people open the studio: as whoever runs it says, else where this person has opened it."""
        headers = _headers(request)
        given = os.environ.get("VITASK_ADDRESS") or headers.get("origin") or f"http://{headers.get('host', '')}"
        return given.rstrip("/")

    def who_has(self, headers: dict[str, str], client: str) -> Who:
        token = token_in(headers)
        is_here = is_local(headers, client)
        holder = people.who(self.database, token) if token else None
        if holder is not None and (is_here or holder.name != people.LOCAL):
            self.sightings.add(holder, token)
            return holder
        if people.has_accounts(self.database):
            if holder is not None:
                return holder
            raise NotSignedIn("You are not signed in, or your session has ended. Sign in again.")
        if not is_here:
            raise NotSignedIn(
                "This studio has no accounts yet, so only its own machine may use it. Add a person first."
            )
        raise NotSignedIn("This browser is not let in yet. “vitask open” gives an address that lets it in.")

    def project(self, request: Asking) -> int:
        """The project that is looked at: `?project=` in the address, else the one chosen last, else the first."""
        who = self.who(request)
        wanted = dict(request.query_params).get("project")
        if wanted is not None:
            project_id = int(wanted) if str(wanted).isdigit() else None
            allow(who, project_id)
            return cast(int, project_id)
        if not who.projects:
            raise NotAllowed("You are in no project yet. Ask an admin to add you to one, then open this page again.")
        kept = cookies_in(_headers(request)).get(PROJECT_COOKIE, "")
        return int(kept) if kept.isdigit() and int(kept) in who.projects else who.projects[0]


def cookies_in(headers: dict[str, str]) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


def token_in(headers: dict[str, str]) -> str:
    """From the browser's cookie, or a program's `Authorization: Bearer`."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else cookies_in(headers).get(cookie_name(headers), "")


def cookie_name(headers: Mapping[str, str]) -> str:
    """A browser tells cookies of a machine's ports not apart: two studios would sign each other's people out."""
    port = headers.get("host", "").rpartition(":")[2]
    return f"{COOKIE}_{port}" if port.isascii() and port.isdigit() else COOKIE


def is_local(headers: dict[str, str], client: str) -> bool:
    """Asked from this machine and by one of its own names: a page elsewhere can't borrow the browser for it."""
    host = HOST.fullmatch(headers.get("host", ""))
    name = host[1].lower().strip("[]") if host else ""
    return is_loopback(client) and is_loopback(name)


def notice(error: Exception) -> gr.Error:
    """What a page shows of an error."""
    if isinstance(error, gr.Error):
        return error
    if isinstance(error, CoreError):
        title = _title(error)
        data = os.environ.get("VITASK_DATA")  # as `vitask up` and the containers hand it to the app
        message = without_paths(str(error), *([Path(data)] if data else []))
        return gr.Error(as_text(message), title=title, duration=12, print_exception=False)
    if is_full(error):
        return gr.Error(IS_FULL, title=NO_ROOM, duration=None, print_exception=False)
    if has_broken_off(error):
        return gr.Error(AWAY, title=ONE_MOMENT, print_exception=False)
    fault = secrets.token_hex(4)
    log.error("Fault %s", fault, exc_info=error)
    message = f"This is our fault, not yours: id {fault}. The studio's log says more under this id."
    return gr.Error(message, title="Something went wrong", duration=None, print_exception=False)


def _title(error: CoreError) -> str:
    if isinstance(error, DatabaseFull):
        return NO_ROOM
    return ONE_MOMENT if isinstance(error, DatabaseError) else MENDABLE


def on_load(fn: Callable[..., Any], inputs: Any = None, outputs: Any = None, **more: Any) -> Any:
    """Has the page that is being built call this when a browser opens it."""
    page = Context.root_block
    assert page is not None
    return page.load(fn, inputs, outputs, **{**PRIVATE, "queue": False, **more})


def _headers(request: Asking) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in dict(request.headers).items()}

"""Where the link of an invitation leads: plain HTML, on which a person chooses a password and is let in."""

from __future__ import annotations

from html import escape
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from app.context import Studio
from app.entrance.signin import Entry, client_of, entry_in, let_in, page, wrong
from app.html import script_beside
from core.errors import CoreError
from core.records.accounts import invitations
from core.records.accounts.invitations import PATH, Invited
from core.records.accounts.people import PeopleError
from core.records.accounts.throttle import TooManyTries

SCRIPT = "/look/invited.js"
LINK = """{message}<form method="post" action="/invited" data-for-link>
<label>The end of your link, behind the #<input name="token" required autofocus maxlength="100"
autocomplete="off"></label>
<button type="submit">Go on</button>
</form>
<p class="quiet">The link is good once. An admin of this studio makes another one.</p>
<script src="/look/invited.js" defer></script>"""
CHOOSE = """{message}<p>{greeting}</p><form method="post" action="/invited">
<input type="hidden" name="token" value="{token}">
<label>Name<input name="name" autocomplete="username" readonly value="{name}"></label>
<label>New password<input name="password" type="password" autocomplete="new-password" required autofocus
minlength="10" maxlength="1000"></label>
<label>Once more<input name="again" type="password" autocomplete="new-password" required maxlength="1000"></label>
<button type="submit">Sign in with it</button>
</form>
<p class="quiet">At least ten characters. Several words that do not belong together are good ones.</p>"""
NEW = "You are invited to this studio, as {role}. Choose a password."
RESET = "Choose a new password. It ends the sessions that were begun with the old one."


def router(studio: Studio) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get(SCRIPT)
    def script() -> Response:
        return Response(script_beside(__file__), media_type="text/javascript")

    @routes.get(PATH)
    def arrive() -> Response:
        return page(LINK.format(message=""))

    @routes.post(PATH)
    def choose(request: Request, entry: Annotated[Entry, Depends(entry_in)]) -> Response:
        """First whom the link is for, then the password. The token comes in a form: it stands in no server's log."""
        try:
            return _chosen(studio, request, entry)
        except TooManyTries as error:
            refused = page(LINK.format(message=wrong(str(error))), 429)
            refused.headers["Retry-After"] = str(error.seconds)
            return refused
        except CoreError as error:
            return page(LINK.format(message=wrong(str(error))), 401)

    return routes


def _chosen(studio: Studio, request: Request, entry: Entry) -> Response:
    """Lets in whoever chose a password that is taken; else shows the form, with what is wrong with it."""
    token, address = entry.token.strip(), client_of(request)
    invited = invitations.invited(studio.database, token, address)
    if not entry.password:
        return _form(invited, token)
    if entry.password != entry.again:
        return _form(invited, token, "The two passwords differ. Type them again.", 422)
    try:
        browser = request.headers.get("user-agent", "")
        session = invitations.accept(studio.database, token, entry.password, address, browser)
    except PeopleError as error:
        return _form(invited, token, str(error), 422)
    return let_in(request, session, "/")


def _form(invited: Invited, token: str, message: str = "", status: int = 200) -> HTMLResponse:
    greeting = NEW.format(role=invited.role) if invited.is_new else RESET
    filled = CHOOSE.format(
        message=wrong(message) if message else "", greeting=greeting, token=escape(token), name=escape(invited.name)
    )
    return page(filled, status)

"""The sign-in page: plain HTML without a script, so that it works before anything else does."""

from __future__ import annotations

from html import escape
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, Field, ValidationError
from starlette.types import Message

from app.context import HEARD_COOKIE, PROJECT_COOKIE, NotSignedIn, Studio, cookie_name, is_local, token_in
from app.entrance.peer import is_another_user
from app.theme import SIGN_IN_CSS
from core.records.accounts import people
from core.records.accounts.sessions import SESSION

PAGE = """<!doctype html>
<html lang="en" class="{look}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · VITask Studio</title><link rel="stylesheet" href="/look/sign-in.css"></head>
<body><main>
<h1>VITask Studio</h1>
<p class="quiet">Research use only. Not a medical device.</p>
{inside}
</main></body></html>"""
FORM = """{message}<form method="post" action="/sign-in">
<input type="hidden" name="next" value="{next}">
<label>Name<input name="name" autocomplete="username" required autofocus maxlength="100" value="{name}"></label>
<label>Password<input name="password" type="password" autocomplete="current-password" required maxlength="1000"></label>
<button type="submit">Sign in</button>
</form>
<p class="quiet">No account yet, or password forgotten? Ask the person who runs this studio.</p>"""
CLOSED = """<p class="wrong" role="alert">This studio has no accounts yet, so it can only be used on the computer
that it runs on.</p><p>Whoever runs it adds the first person there with <code>vitask person add NAME --role
admin</code>. Then sign in here.</p>"""
TICKET = """{message}<p>This studio has no accounts. It lets in the browsers of the person who runs it, each with an
address that is good once: the one that <code>vitask up</code> printed, or another from <code>vitask open</code>.</p>
<form method="post" action="/sign-in">
<input type="hidden" name="next" value="{next}">
<label>Or paste the token that stands at the end of it<input name="token" required maxlength="100"></label>
<button type="submit">Open the studio</button>
</form>"""
MOST_SENT = 16_000
"""Bytes of a sign-in: nobody is known yet who might send more."""
NO_STORE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


class Entry(BaseModel):
    """What somebody brings who wants to come in."""

    name: str = Field("", max_length=1000)
    password: str = Field("", max_length=10_000)
    again: str = Field("", max_length=10_000)
    """The password once more, where it is new."""
    token: str = Field("", max_length=1000)
    next: str = "/"


def router(studio: Studio) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/look/sign-in.css")
    def css() -> Response:
        return Response(SIGN_IN_CSS.read_text(encoding="utf-8"), media_type="text/css")

    add_sign_in(routes, studio)
    add_sign_out(routes, studio)
    return routes


def add_sign_in(routes: APIRouter, studio: Studio) -> None:
    @routes.get("/sign-in")
    def open_door(request: Request, next: str = "/", token: str = "") -> Response:
        """Whoever comes with a ticket is let in, and led to an address without it."""
        if people.has_accounts(studio.database):
            return _form(next)
        if not is_local(dict(request.headers), client_of(request)):
            return page(CLOSED)
        if is_let_in(studio, request):
            return RedirectResponse(own_path(next), 303, NO_STORE)
        return enter(studio, request, token, next) if token else _ticket(next)

    @routes.post("/sign-in")
    def sign_in(request: Request, entry: Annotated[Entry, Depends(entry_in)]) -> Response:
        """A browser gets a cookie and its page; a program that sends or accepts JSON gets the token."""
        if not people.has_accounts(studio.database):
            return enter(studio, request, entry.token, entry.next)
        try:
            browser = request.headers.get("user-agent", "")
            session = people.sign_in(studio.database, entry.name.strip(), entry.password, client_of(request), browser)
        except people.SignInError as error:
            answer = _refused(request, error) or _form(entry.next, entry.name, str(error), 401)
            if isinstance(error, people.TooManyTries):
                answer.status_code = 429
                answer.headers["Retry-After"] = str(error.seconds)
            return answer
        return let_in(request, session, entry.next)


async def entry_in(request: Request) -> Entry:
    """Out of a form or of JSON, of which no more is read than it may have."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_SENT:
            raise HTTPException(413, "That is more than a name and a password. Send these alone.")

    async def again() -> Message:
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    try:
        if _sends_json(request):
            return Entry.model_validate_json(bytes(body))
        fields = await Request(request.scope, again).form()
        return Entry.model_validate(dict(fields))
    except ValidationError:
        raise HTTPException(
            422, 'A form or a JSON object with texts was expected, like {"name": "…", "password": "…"}. Send that.'
        ) from None


def add_sign_out(routes: APIRouter, studio: Studio) -> None:
    @routes.post("/sign-out")
    def sign_out(request: Request) -> Response:
        """Ends the session, and leaves nothing of it in the browser."""
        people.sign_out(studio.database, token_in(dict(request.headers)))
        answer = RedirectResponse("/sign-in", 303)
        answer.delete_cookie(cookie_name(request.headers), path="/")
        for kept in (PROJECT_COOKIE, HEARD_COOKIE):
            answer.delete_cookie(kept, path="/")
        answer.headers["Clear-Site-Data"] = '"cache", "storage"'
        return answer


def enter(studio: Studio, request: Request, ticket: str, next: str) -> Response:
    """Lets in whoever has a ticket of a studio without accounts, on its own machine."""
    if not is_local(dict(request.headers), client_of(request)):
        return page(CLOSED, 401)
    ends = request.scope["client"], request.scope["server"]
    try:
        session = people.enter(studio.database, ticket.strip(), is_own=not is_another_user(*ends))
    except people.SignInError as error:
        return _refused(request, error) or _ticket(next, str(error), 401)
    return let_in(request, session, next)


def is_let_in(studio: Studio, request: Request) -> bool:
    try:
        return bool(studio.who(request))
    except NotSignedIn:
        return False


def own_path(wanted: str) -> str:
    """A path of this studio, whatever was asked: a sign-in never leads to another site."""
    is_own = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if is_own else "/"


def client_of(request: Request) -> str:
    return request.client.host if request.client else ""


def let_in(request: Request, session: str, next: str) -> Response:
    is_program = _is_program(request)
    answer: Response = (
        JSONResponse({"token": session}, headers=NO_STORE)
        if is_program
        else RedirectResponse(own_path(next), 303, NO_STORE)
    )
    seconds, is_safe = int(SESSION.total_seconds()), request.url.scheme == "https"
    name = cookie_name(request.headers)
    answer.set_cookie(name, session, seconds, path="/", httponly=True, samesite="lax", secure=is_safe)
    return answer


def _refused(request: Request, error: people.SignInError) -> Response | None:
    """What a program is told; a person gets the page again."""
    return JSONResponse({"detail": str(error)}, 401) if _is_program(request) else None


def _is_program(request: Request) -> bool:
    return _sends_json(request) or "application/json" in request.headers.get("accept", "")


def _sends_json(request: Request) -> bool:
    return request.headers.get("content-type", "").split(";")[0].strip().lower() == "application/json"


def _form(next: str, name: str = "", message: str = "", status: int = 200) -> HTMLResponse:
    return page(FORM.format(message=wrong(message), next=escape(own_path(next)), name=escape(name)), status)


def _ticket(next: str, message: str = "", status: int = 200) -> HTMLResponse:
    return page(TICKET.format(message=wrong(message), next=escape(own_path(next))), status)


def wrong(message: str) -> str:
    return f'<p class="wrong" role="alert">{escape(message)}</p>' if message else ""


def page(inside: str, status: int = 200, title: str = "Sign in", look: str = "") -> HTMLResponse:
    # A form of a page that sends no referrer comes from the origin `null`, which the gate takes for another site.
    filled = PAGE.format(inside=inside, title=escape(title), look=look)
    return HTMLResponse(filled, status, headers={"Cache-Control": "no-store"})

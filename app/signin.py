"""The sign-in page: plain HTML without a script, so that it works before anything else does."""

from __future__ import annotations

from html import escape
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from app.context import COOKIE, PROJECT_COOKIE, Studio, is_local, token_in
from app.theme import SIGN_IN_CSS
from core.records import people

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in · VITask Studio</title><link rel="stylesheet" href="/look/sign-in.css"></head>
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
LOCAL = """<p>This studio has no accounts: on this computer nobody needs to sign in.</p><p><a href="/">Open the
studio</a></p>"""


def router(studio: Studio) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/look/sign-in.css")
    def css() -> Response:
        return Response(SIGN_IN_CSS.read_text(encoding="utf-8"), media_type="text/css")

    @routes.get("/sign-in")
    def page(request: Request, next: str = "/") -> HTMLResponse:
        if people.has_accounts(studio.database):
            return _form(next)
        client = request.client.host if request.client else ""
        return _page(LOCAL if is_local(dict(request.headers), client) else CLOSED)

    @routes.post("/sign-in")
    def sign_in(
        request: Request,
        name: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
        next: Annotated[str, Form()] = "/",
    ) -> Response:
        """A browser gets a cookie and its page; a program that accepts JSON gets the token."""
        is_program = "application/json" in request.headers.get("accept", "")
        address = request.client.host if request.client else ""
        try:
            token = people.sign_in(studio.database, name.strip(), password, address)
        except people.SignInError as error:
            return JSONResponse({"detail": str(error)}, 401) if is_program else _form(next, name, str(error), 401)
        answer: Response = JSONResponse({"token": token}) if is_program else RedirectResponse(own_path(next), 303)
        seconds = int(people.SESSION.total_seconds())
        is_safe = request.url.scheme == "https"
        answer.set_cookie(COOKIE, token, seconds, path="/", httponly=True, samesite="lax", secure=is_safe)
        return answer

    @routes.post("/sign-out")
    def sign_out(request: Request) -> Response:
        people.sign_out(studio.database, token_in(dict(request.headers)))
        answer = RedirectResponse("/sign-in", 303)
        answer.delete_cookie(COOKIE, path="/")
        answer.delete_cookie(PROJECT_COOKIE, path="/")
        answer.headers["Clear-Site-Data"] = '"cache", "storage"'
        return answer

    return routes


def own_path(asked: str) -> str:
    """A path of this studio, whatever was asked: a sign-in never leads to another site."""
    is_own = asked.startswith("/") and not asked.startswith(("//", "/\\")) and asked.isprintable()
    return asked if is_own else "/"


def _form(next: str, name: str = "", message: str = "", status: int = 200) -> HTMLResponse:
    told = f'<p class="wrong" role="alert">{escape(message)}</p>' if message else ""
    return _page(FORM.format(message=told, next=escape(own_path(next)), name=escape(name)), status)


def _page(inside: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(PAGE.format(inside=inside), status, headers={"Cache-Control": "no-store"})

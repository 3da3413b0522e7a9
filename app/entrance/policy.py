"""What a browser may do with an answer of the studio: the Content-Security-Policy, and the headers that go with it."""

from __future__ import annotations

import secrets
from typing import Any

from jinja2.ext import Extension
from starlette.types import Scope

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
NEVER_A_PAGE = ("/gradio_api/", "/images/", "/downloads/")
"""Data, pictures and files: where one is opened as a page of its own, nothing in it runs or loads."""
INERT = "default-src 'none'; sandbox; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
PAGE = "; ".join(
    (
        "default-src 'self'",
        # 'unsafe-eval': Gradio makes functions of text for gr.HTML (its template and `js_on_load`) and for every `js=`
        # of an event. No 'unsafe-inline': what stands in the page itself has the nonce, so no attribute like `onerror`
        # and no `javascript:` address ever runs, whatever slips into a page as markup.
        "script-src 'self' 'nonce-{nonce}' 'unsafe-eval'",
        # 'unsafe-inline': Gradio and Plotly write styles into elements, and a <style> for each gr.HTML.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "frame-src 'none'",
        "object-src 'none'",
        "base-uri 'self'",  # Gradio's page has a <base href="./">
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)


class Nonces(Extension):
    """Marks the scripts that stand in Gradio's own template as the studio's, before anything is filled into it."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return source.replace("<script", '<script nonce="{{ request.scope.nonce }}"')


def mark_own_scripts() -> None:
    """Has Gradio's pages carry the nonce of their answer."""
    from gradio import routes

    routes.templates.env.add_extension(Nonces)


def headers_of(scope: Scope) -> dict[str, str]:
    """The headers of one answer; a page finds its nonce in the scope."""
    nonce: Any = scope.setdefault("nonce", secrets.token_urlsafe(16))
    policy = INERT if scope["path"].startswith(NEVER_A_PAGE) else PAGE.format(nonce=nonce)
    return {**ALWAYS, "Content-Security-Policy": policy}

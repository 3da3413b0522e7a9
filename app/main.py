"""The screen's process: `python -m app.main`. Pages, sign-in, pictures, health; never torch."""

from __future__ import annotations

import argparse
import ipaddress
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from core.errors import CoreError
from core.limits import limits
from core.machine.loopback import is_loopback, refuse_taken
from core.records.accounts.people import has_accounts
from core.records.place import Place, keep_private

if TYPE_CHECKING:  # Gradio reads the environment when it is imported
    from fastapi import FastAPI

    from app.context import Studio
    from app.entrance.arrivals import StudioBlocks

SECONDS_FOR_THE_DATABASE = 60.0
SHOWN_AT_ONCE = 40
"""Callbacks that may run side by side: all are short, none holds a job."""
SECONDS_BETWEEN_LOOKS = 0.02
"""How long Gradio's queue rests when it is empty. Its own millisecond costs a tenth of a core all day."""


def create_app(place: Place) -> object:
    """The FastAPI app of one studio, with every page mounted."""
    keep_uploads_in(place)
    from fastapi import FastAPI

    from app.context import Studio
    from app.entrance import invited, signin
    from app.entrance.trouble import add_answers
    from app.routes import boxes, downloads, ended, health, images, reviewing, taking, uploads
    from app.shell import assemble
    from core.records.database import open_database

    studio = Studio(place, open_database(place))
    app = FastAPI(title="VITask Studio", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.studio = studio
    add_answers(app)
    for routes in (health, signin, invited, images, uploads, downloads, taking, reviewing, boxes, ended):
        app.include_router(routes.router(studio))
    pages = assemble(studio)
    mount(app, pages, studio)
    guard(app, pages, studio)
    return app


def keep_uploads_in(place: Place) -> None:
    """Read when Gradio is imported: uploads arrive on the disk that keeps them, so taking one over is a rename."""
    arriving = place.data / "arriving"
    arriving.mkdir(parents=True, exist_ok=True)
    os.environ.update(GRADIO_TEMP_DIR=str(arriving), GRADIO_ANALYTICS_ENABLED="False", GRADIO_RUN_HISTORY="False")


def mount(app: FastAPI, pages: StudioBlocks, studio: Studio) -> None:
    """Puts Gradio with all pages under every path that nothing else has."""
    import gradio as gr
    from gradio.routes import App
    from starlette.routing import Mount

    from app.entrance.sessions import keep_few
    from app.theme import CSS, START, theme

    place = studio.place
    pages.queue(default_concurrency_limit=SHOWN_AT_ONCE, api_open=True)
    pages._queue.sleep_when_free = SECONDS_BETWEEN_LOOKS
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "SSR mode")  # said of several pages even where it is off
        gr.mount_gradio_app(
            app,
            pages,
            path="/",
            auth_dependency=lambda request: studio.who(request).name,
            show_error=True,
            max_file_size=limits().upload_bytes,
            run_history=False,
            footer_links=["api"],
            ssr_mode=False,
            enable_monitoring=False,
            mcp_server=False,
            pwa=False,
            blocked_paths=[str(folder) for folder in (place.uploads, place.runs, place.logs, place.versions)],
            theme=theme(),
            css=CSS.read_text(encoding="utf-8"),
            js=START.read_text(encoding="utf-8"),
        )
    keep_few(cast(App, cast(Mount, app.routes[-1]).app), pages)
    pages.has_launched = True  # which mounting forgets: Gradio's own check of paths waits for it


def guard(app: FastAPI, pages: StudioBlocks, studio: Studio) -> None:
    """Everything that a request goes through before it comes to a page or a route; what is added last comes first."""
    from starlette.middleware.cors import CORSMiddleware
    from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

    from app.entrance.door import Door
    from app.entrance.error_pages import ErrorPages
    from app.entrance.gate import Gate
    from app.entrance.policy import mark_own_scripts
    from app.entrance.room import Room
    from app.shell import rules

    app.add_middleware(Door, blocks=pages, arrivals=pages.arrivals, rules=rules())
    app.add_middleware(CORSMiddleware)  # that allows nobody: without it Gradio lets in every port of this machine
    app.add_middleware(Room, studio=studio)
    mark_own_scripts()
    app.add_middleware(Gate, studio=studio)
    app.add_middleware(ErrorPages, studio=studio)
    if proxies := trusted_proxies():
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=proxies)


def serve(host: str, port: int) -> None:
    import uvicorn

    from core.records.database import open_database
    from core.records.erasing.leftovers import sweep_for_ever

    place = Place.from_environment()
    database = open_database(place)
    database.wait(SECONDS_FOR_THE_DATABASE)
    if not database.is_current():
        raise CoreError("The database is not what this version needs. “vitask up” brings it there.")
    if not is_loopback(host) and not has_accounts(database):
        raise CoreError(
            f"The studio has no accounts, so it does not listen on {host}, where others could reach it. "
            "Add a person first with “vitask person add NAME --role admin”, or listen on 127.0.0.1."
        )
    refuse_taken(host, port)
    sweep_for_ever(database, place)
    app = create_app(place)
    uvicorn.run(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=3, proxy_headers=False)  # type: ignore[arg-type]


def trusted_proxies() -> list[str]:
    """Whose word is taken for where a request came from: addresses and networks, and of nobody else."""
    given = [item.strip() for item in os.environ.get("VITASK_TRUSTED_PROXIES", "").split(",") if item.strip()]
    for item in given:
        try:
            network = ipaddress.ip_network(item)
        except ValueError as error:
            raise CoreError(
                f"VITASK_TRUSTED_PROXIES takes addresses and networks with commas between them, like "
                f"10.0.0.5,172.18.0.0/16; {error}."
            ) from None
        if network.prefixlen == 0:
            raise CoreError(f"VITASK_TRUSTED_PROXIES must not be {item}: everybody could say where they come from.")
    return given


def main(arguments: Sequence[str] | None = None) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    keep_private()
    for talkative in ("httpx", "alembic"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    parser = argparse.ArgumentParser(prog="python -m app.main", description=__doc__)
    parser.add_argument("--host", default=os.environ.get("VITASK_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=int(os.environ.get("VITASK_PORT", "7860")))
    given = parser.parse_args(arguments)
    try:
        serve(given.host, given.port)
    except CoreError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

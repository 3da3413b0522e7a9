"""Tells another system that a run has ended, where whoever runs the studio named its address in VITASK_WEBHOOK.

It hears the run's name, how it ended and a link: no labels, figures, messages or people. What goes wrong is logged, and
keeps no job.
"""

from __future__ import annotations

import json
import logging
import os
import urllib.error
import urllib.request
from html import escape
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from core.records.jobs import Claimed
from core.records.runs.ended_runs import EndedRun, ended_by
from worker.context import AWAY, Hands

SECONDS = 10.0
log = logging.getLogger("vitask.webhook")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The address that was named hears of it, and no other."""

    def redirect_request(self, *parts: Any, **more: Any) -> None:
        return None


def announce(hands: Hands, claimed: Claimed) -> None:
    """Where the job was a run's and has ended."""
    address = os.environ.get("VITASK_WEBHOOK", "")
    if not address:
        return
    try:
        run = ended_by(hands.database, claimed)
    except AWAY as error:
        log.warning("Nobody was told how job %d ended: %s", claimed.id, type(error).__name__)
        return
    if run is not None:
        send(address, run)


def send(address: str, run: EndedRun) -> None:
    """Posts it once. An address may hold a secret: the log names its host alone."""
    host = host_of(address)
    if not host:
        log.warning("VITASK_WEBHOOK is no address that begins with https:// or http://, so nobody is told.")
        return
    body = json.dumps(message(run)).encode()
    post = urllib.request.Request(address, body, {"Content-Type": "application/json"}, method="POST")
    try:
        opener = urllib.request.build_opener(_NoRedirects, urllib.request.ProxyHandler({}))
        with opener.open(post, timeout=SECONDS) as answer:
            answer.read(1)
    except (OSError, ValueError, HTTPException) as error:  # urllib's own errors are OSErrors, what it calls has others
        why = f"answered {error.code}" if isinstance(error, urllib.error.HTTPError) else type(error).__name__
        log.warning("%s was not told that run %d has ended: %s", host, run.id, why)
    else:
        log.info("%s was told that run %d has ended.", host, run.id)


def host_of(address: str) -> str:
    """Empty where it is no address that can be posted to."""
    try:
        where = urlsplit(address)
    except ValueError:
        return ""
    return where.hostname or "" if where.scheme in ("http", "https") else ""


def message(run: EndedRun) -> dict[str, str]:
    """`text` is what chats show; a name that somebody gave is no markup there."""
    studio = os.environ.get("VITASK_ADDRESS", "").rstrip("/")
    link = f"{studio}/runs?run={run.id}" if studio else ""
    text = f"{escape(run.words, quote=False)} {link}".rstrip()
    return {"run": run.name, "state": run.state, "link": link, "text": text}

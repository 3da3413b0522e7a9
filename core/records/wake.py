"""The sending side of the queue: a message says "look at job 7" and nothing more.

A message that can't be sent is no error: the row waits, and the sweep of any worker sends another.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

from core.records.place import Place

LOOK = "vitask.look"
VISIBILITY_SECONDS = 3600
"""Everybody on one Redis must say the same, since the shortest value wins. Messages are acknowledged at once."""
PATIENCE_SECONDS = 2.0
TRANSPORT: dict[str, Any] = {
    "visibility_timeout": VISIBILITY_SECONDS,
    "socket_connect_timeout": PATIENCE_SECONDS,
    "socket_timeout": PATIENCE_SECONDS,
}


def send(place: Place, queue: str, job_id: int) -> bool:
    """Whether the message is on its way; never waits for long."""
    if place.redis is None:
        return False
    from kombu.exceptions import OperationalError

    try:
        _sender(place.redis, os.getpid()).send_task(
            LOOK,
            args=[job_id],
            queue=queue,
            ignore_result=True,
            retry=True,
            retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0},
        )
    except (OperationalError, OSError):
        return False
    return True


@lru_cache(maxsize=4)
def _sender(redis: str, process: int) -> Any:
    # Keyed by process: connections are not to be shared over a fork.
    from celery import Celery

    app = Celery("vitask-sender", broker=redis, set_as_current=False)
    app.conf.update(
        task_serializer="json",
        broker_transport_options=TRANSPORT,
        broker_connection_timeout=PATIENCE_SECONDS,
        broker_connection_retry=False,
        broker_connection_max_retries=1,
        task_create_missing_queues=True,
        task_ignore_result=True,
    )
    return app

"""The Celery app: messages that say "look at job 7", acknowledged at once. What a job is and was stands in its row."""

from __future__ import annotations

from collections.abc import Callable

from celery import Celery

from core.errors import CoreError
from core.records.place import Place
from core.records.tables import QUEUES
from core.records.wake import LOOK, TRANSPORT

SHARED = {"visibility_timeout": TRANSPORT["visibility_timeout"]}


def make_app(place: Place, look: Callable[[int], None]) -> Celery:
    """The worker's side. It tries to reach Redis for ever: jobs that run go on meanwhile."""
    if place.redis is None:
        raise CoreError("A worker needs the address of a Redis server in VITASK_REDIS. “vitask up” starts one for you.")
    app = Celery("vitask", broker=place.redis, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_acks_late=False,
        task_create_missing_queues=True,
        worker_disable_prefetch=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={**SHARED, "socket_keepalive": True, "health_check_interval": 10},
        visibility_timeout=SHARED["visibility_timeout"],
        result_backend_transport_options=SHARED,
    )
    app.task(name=LOOK, ignore_result=True)(look)
    return app


def arguments(queue: str, name: str) -> list[str]:
    """One job at a time, in a thread: a fork and a graphics card don't go together, and the job is a process anyway."""
    if queue not in QUEUES:
        raise CoreError(f'There is no queue "{queue}". Choose one of {", ".join(QUEUES)}.')
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING")
    return ["worker", "-Q", queue, "-n", name, "--pool", "threads", "--concurrency", "1", *quiet]

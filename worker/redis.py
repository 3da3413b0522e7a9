"""The queue's server from its wheel, for studios that configure none: loopback, with a password, nothing forgotten.

Whoever has the password may use queues and nothing else: no command that writes files, loads modules or changes the
server's settings. Kombu's messages want scripts (a lock is released by one), so those stay.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import socket
import sys
import time
from pathlib import Path

from core.errors import CoreError
from core.machine.queue_server import program
from core.records.place import Place
from worker.process_tree import Branch, Tree

SECONDS_UNTIL_READY = 60.0
"""A machine that is busy with everything else that begins just now may take as long to start a small server."""
KEPT = ("appendonly.aof", "appendonlydir", "dump.rdb")
RIGHTS = "~* &* +@all -@admin -@dangerous -function -fcall -fcall_ro"
CONFIG = """\
bind 127.0.0.1
port {port}
user default on #{digest} {rights}
enable-debug-command no
enable-module-command no
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
        branch = tree.start("redis", str(program()), [str(file)], {})
        if _dies(branch, str(place.redis)) and (aside := set_aside(folder)):
            sys.stderr.write(
                f"The queue's file was damaged and is set aside as {aside}; the queue is made anew from the database, "
                "and nothing is lost.\n"
            )
            branch.start()
    wait(str(place.redis))
    return place


def set_aside(folder: Path) -> Path | None:
    """Moves away what the server kept of its queue, which is only a copy of what stands in the database."""
    kept = [path for name in KEPT if (path := folder / name).exists()]
    if not kept:
        return None
    aside = folder / "damaged"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(mode=0o700)
    for path in kept:
        path.rename(aside / path.name)
    return aside


def _dies(branch: Branch, address: str) -> bool:
    """Whether the server ends before it answers: it does so where it can't read its file."""
    from redis import Redis
    from redis.exceptions import RedisError

    assert branch.process is not None
    end = time.monotonic() + SECONDS_UNTIL_READY
    with Redis.from_url(address, socket_timeout=2, socket_connect_timeout=2) as client:
        while time.monotonic() < end:
            if branch.process.poll() is not None:
                return True
            try:
                client.ping()
                return False
            except RedisError:
                time.sleep(0.1)
    return False


def configure(folder: Path, port: int, password: str) -> Path:
    """The server's configuration, which only its owner may read; of the password it holds a digest."""
    file = folder / "redis.conf"
    digest = hashlib.sha256(password.encode()).hexdigest()
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write(CONFIG.format(port=port, digest=digest, rights=RIGHTS, folder=folder))
    return file


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

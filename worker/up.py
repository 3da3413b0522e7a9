"""`vitask up`: everything on this machine as one supervised tree, and one Ctrl-C that ends all of it.

Redis where none is configured, the database's migrations, a worker for each queue, the app. What dies is started
again, after a pause that grows; what is stopped is stopped in order, the app first and Redis last.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
import webbrowser
from contextlib import ExitStack
from urllib.request import urlopen

from core.cli.studio import add_up
from core.errors import CoreError
from core.limits import limits
from core.machine.lock import locked
from core.machine.loopback import is_loopback, refuse_taken
from core.records import jobs
from core.records.accounts import people
from core.records.accounts.sessions import way_in
from core.records.database import Database
from core.records.place import Place, keep_private
from core.records.runs.samples import request_sample
from core.records.startup import open_sound, refuse_unwritable
from core.records.tables import QUEUES
from worker.process_tree import Tree
from worker.redis import start_redis
from worker.weak_secrets import refuse_guessable

log = logging.getLogger("vitask.up")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="vitask up", description="Opens the studio on this machine.")
    add_up(parser)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    keep_private()
    if options.data is not None:
        os.environ["VITASK_DATA"] = str(options.data.expanduser().absolute())
    try:
        up(options)
    except CoreError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def up(options: argparse.Namespace) -> None:
    place = Place.from_environment()
    limits()  # said wrongly, they are told before anything begins
    address = f"http://{options.host if options.host != '0.0.0.0' else '127.0.0.1'}:{options.port}"
    if options.migrate:
        refuse_guessable(place)
        make_bucket(place.store)
        prepare(place).dispose()
        return
    refuse_unwritable(place.data)
    tell_tightened(place)
    with ExitStack() as end, locked(place.data / "up.lock", address):
        refuse_taken(options.host, options.port)  # whoever answers there would be shown as this studio, with its way in
        leaving = _leaving()
        tree = end.enter_context(Tree(place.logs, leaving))
        database = prepare(place)
        place = start_redis(place, tree)
        jobs.send_again(database)
        refuse_strangers(database, options.host)
        _say("Starting the workers and the app …")
        for queue in QUEUES:
            tree.start(f"worker-{queue}", "worker.main", [queue], place.environment())
        tree.start("app", "app.main", ["--host", options.host, "--port", str(options.port)], place.environment())
        if not options.no_sample and not people.has_accounts(database):
            request_sample(database, place, people.local(database))
        tree.watch(lambda: is_ready(address))
        if not leaving.is_set():
            door = way_in(database, address)
            database.dispose()
            _say(f"VITask Studio is ready: {door}  (Ctrl-C ends it; data in {place.data}). Research use only.")
            if door != address:
                _say("That address lets one browser in, once. “vitask open” gives another.")
            if sys.stdout.isatty() and not options.no_browser:
                webbrowser.open(door)
        tree.watch()
        _say("Stopping: runs save what they have.")


def prepare(place: Place) -> Database:
    """The database, answering and up to date."""
    return open_sound(place)


def tell_tightened(place: Place) -> None:
    if tightened := place.tighten():
        names = ", ".join(path.name for path in tightened)
        _say(f"Other users of this machine could get at {names} in {place.data.parent}; only you can now.")


def make_bucket(store: str) -> None:
    """Where pictures are kept in object storage that is new, it has no bucket yet."""
    scheme, _, rest = store.partition("://")
    if rest and scheme != "file":
        from fsspec import filesystem

        filesystem(scheme).makedirs(rest.partition("/")[0], exist_ok=True)


def refuse_strangers(database: Database, host: str) -> None:
    """Without accounts anybody who reaches the address would be let in, so nobody else must reach it."""
    if not is_loopback(host) and not people.has_accounts(database):
        raise CoreError(
            f"The studio listens on {host} only once there are accounts. Make one with "
            "“vitask person add NAME --role admin”, or leave --host out."
        )


def _leaving() -> threading.Event:
    """Set by Ctrl-C or SIGTERM; a second one changes nothing, since everybody is leaving already."""
    leaving = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: leaving.set())
    return leaving


def is_ready(address: str) -> bool:
    """Whether the app answers there, and its database and queue do."""
    try:
        with urlopen(f"{address}/ready", timeout=10):
            return True
    except OSError:  # refused, or answered that it is not
        return False


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

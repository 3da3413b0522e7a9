"""One worker: `python -m worker.main tune` (or read, intake). It lives until it is told to leave, and saves first."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading

import psutil

from core.errors import CoreError
from core.records import audit, jobs, wake
from core.records.erasing.stale_copies import drop_for_ever
from core.records.place import Place, keep_private
from worker.celery import arguments, make_app
from worker.context import AWAY, Hands, log, why_away
from worker.tasks import look

SECONDS_BETWEEN_SWEEPS = 5.0
SECONDS_TO_WAIT = 120.0


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    keep_private()
    log.setLevel(logging.INFO)  # Celery sets the root's own
    try:
        serve(sys.argv[1] if len(sys.argv) > 1 else "")
    except CoreError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def serve(queue: str) -> None:
    from celery import signals

    leaving = threading.Event()
    hands = Hands.of(Place.from_environment(), queue, leaving.is_set)

    def look_at(job_id: int) -> None:
        look(hands, job_id)

    app = make_app(hands.place, look_at)
    started = arguments(queue, hands.name)
    hands.database.wait(SECONDS_TO_WAIT)
    if not hands.database.is_current():
        raise CoreError("The database is not what this version needs. Run “python -m worker.up --migrate” first.")

    def leave(**signal_fields: object) -> None:
        leaving.set()

    signals.worker_shutting_down.connect(leave, weak=False)
    release(hands)
    threading.Thread(target=_sweep_for_ever, args=(hands, leaving), daemon=True).start()
    drop_for_ever(hands.database, hands.place)
    app.worker_main(started)


def release(hands: Hands) -> None:
    """Lets go of what workers held that died on this machine, so that nobody waits for their leases to end."""
    jobs.end_leases(hands.database, socket.gethostname(), _has_died)


def _has_died(worker: str) -> bool:
    """Or had the number that this process has now."""
    process = int(worker.rpartition(":")[2])
    return process == os.getpid() or not psutil.pid_exists(process)


def _sweep_for_ever(hands: Hands, leaving: threading.Event) -> None:
    """Any worker does it, so there is nobody without whom nothing would go on."""
    while True:
        try:
            for queue, job_id in jobs.sweep(hands.database):
                wake.send(hands.place, queue, job_id)
            audit.keep_end(hands.database, hands.place)
        except AWAY as error:
            log.warning("%s Sweeping later.", why_away(error))
        except Exception:
            log.exception("A sweep failed.")
        if leaving.wait(SECONDS_BETWEEN_SWEEPS):
            return


if __name__ == "__main__":
    sys.exit(main())

"""Watches over a job's child: holds the lease, hands on what is told, obeys wishes, and never leaves two at work.

A wish, a worker that is sent away, and a database that stays away all mean: save and leave (SIGTERM), and after a
grace SIGKILL. A lease that another worker took means SIGKILL at once.
"""

from __future__ import annotations

import secrets
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from core.machine import hold
from core.records import jobs
from core.records.jobs import Claimed
from core.records.progress import Progress
from worker.context import AWAY, LEASE_SECONDS, Hands, log
from worker.process import Process, taken

SECONDS_BETWEEN_BEATS = 1.0
GRACE_SECONDS = {"stop": 120.0, "leave": 90.0, "away": 20.0, "cancel": 10.0}
"""How long a child may take to save, by why it was asked to. `compose.yaml` waits longer than the longest."""
LINES_AT_ONCE = 1000
MENDABLE = 2


class Follow(Protocol):
    """What a kind of job does with what its child tells while it runs; called once a beat and at the end."""

    def __call__(self, printed: Sequence[str]) -> Progress:
        """Takes lines of standard output; returns what is new for the job's progress."""
        ...


@dataclass
class Ended:
    """How a child ended: its exit code, why it was asked to leave, and its last words."""

    code: int
    wish: str
    last: str


@dataclass
class _Watch:
    hands: Hands
    claimed: Claimed
    process: Process
    follow: Follow
    renewed: float
    wish: str = ""
    wished_at: float = 0.0
    last: str = ""
    pending: list[str] = field(default_factory=list)

    def beat(self) -> None:
        """One round of telling and listening. What can't be written now is written at the next."""
        if self.is_late():  # woken after a long halt: before anything else, since another may have the job by now
            self.wish = self.wish or "away"
            self.process.kill()
        self.pending += (lines := taken(self.process.errors))
        self.last = lines[-1] if lines else self.last
        try:
            wished = self.hold()
            self.tell()
        except AWAY:
            wished = ""
        self.ask(wished or ("leave" if self.hands.is_leaving() else "away" if self.is_cut_off() else ""))

    def hold(self) -> str:
        wished = jobs.renew(self.hands.database, self.claimed, LEASE_SECONDS)
        self.renewed = time.monotonic()
        return wished

    def tell(self) -> None:
        database, job_id = self.hands.database, self.claimed.id
        if self.pending:
            jobs.log(database, job_id, list(map(self.hands.place.without_paths, self.pending[:LINES_AT_ONCE])))
            del self.pending[:LINES_AT_ONCE]
        if (news := self.follow(taken(self.process.said))).model_fields_set:
            jobs.progress(database, self.claimed, news)

    def is_cut_off(self) -> bool:
        """Without a word to the records for so long that another worker may soon have the job."""
        return time.monotonic() - self.renewed > 0.6 * LEASE_SECONDS

    def is_late(self) -> bool:
        return time.monotonic() - self.renewed > LEASE_SECONDS

    def ask(self, why: str) -> None:
        if why and (not self.wish or (why == "cancel" and self.wish == "stop")):
            self.wish, self.wished_at = why, time.monotonic()
            self.process.stop()
        if self.wish and time.monotonic() - self.wished_at > GRACE_SECONDS[self.wish]:
            self.process.kill()

    def end(self, code: int) -> Ended:
        with suppress(*AWAY):  # what is told below waits for the database, and is refused where the job is lost
            self.hold()
        self.pending += (lines := taken(self.process.errors))
        self.last = lines[-1] if lines else self.last
        self.hands.insist(self.tell)
        while self.pending:
            self.hands.insist(self.tell)
        return Ended(code, self.wish, self.last)


def supervise(
    hands: Hands,
    claimed: Claimed,
    target: str,
    arguments: Sequence[str],
    follow: Follow,
    begun: Callable[[Process], None] = lambda process: None,
) -> Ended:
    """Runs a module as the job's child until it has ended. Whatever happens here, the child is gone afterwards."""
    process = Process(target, arguments, hands.place.environment() | {hold.LEASE: str(claimed.claims)})
    watch = _Watch(hands, claimed, process, follow, renewed=time.monotonic())
    try:
        begun(process)
        while (code := process.wait(SECONDS_BETWEEN_BEATS)) is None:
            watch.beat()
        return watch.end(code)
    finally:
        process.kill()


def settle(hands: Hands, claimed: Claimed, ended: Ended, finish: Callable[[], Mapping[str, Any] | None]) -> None:
    """Writes down how a job ended. `finish` gives its result, or None where the child left before it was done."""
    db = hands.database
    result = finish() if ended.code == 0 else None
    if result is not None:
        hands.insist(lambda: jobs.finish(db, claimed, dict(result)))
    elif ended.wish == "cancel":
        hands.insist(lambda: jobs.cancelled(db, claimed))
    elif ended.wish == "stop":
        hands.insist(lambda: jobs.stopped(db, claimed))
    elif ended.wish:
        hands.insist(lambda: jobs.hand_back(db, claimed))
    elif ended.code == MENDABLE:
        refuse(hands, claimed, ended.last)
    elif ended.code <= 0:
        hands.insist(lambda: _put_back(hands, claimed, -ended.code))
    else:
        our_fault(hands, claimed, f"its process ended with code {ended.code}: {ended.last}")


def our_fault(hands: Hands, claimed: Claimed, what: str) -> None:
    """Fails a job with an id that stands in its log and in the worker's, beside what happened."""
    fault = secrets.token_hex(4)
    log.error("Fault %s in job %d: %s", fault, claimed.id, what)
    message = (
        f"This is our fault, not yours: id {fault}. Look for it in the job's log, and report it with the lines there."
    )
    line = hands.place.without_paths(f"Fault {fault}: {what}")
    hands.insist(lambda: jobs.log(hands.database, claimed.id, [line]))
    hands.insist(lambda: jobs.fail(hands.database, claimed, message, fault))


def _put_back(hands: Hands, claimed: Claimed, number: int) -> None:
    why = f"the system ended its process with signal {number}" if number else "its process left before it was done"
    more = ", as it does where memory runs out" if number in (signal.SIGKILL, signal.SIGABRT) else ""
    jobs.put_back(hands.database, claimed, why + more)


def refuse(hands: Hands, claimed: Claimed, message: str) -> None:
    """Fails a job with what its person can mend."""
    reason = hands.place.without_paths(message)
    hands.insist(lambda: jobs.fail(hands.database, claimed, reason))

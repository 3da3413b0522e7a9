"""What a message leads to: the worker takes what is next, until nothing waits."""

from __future__ import annotations

import traceback
from collections.abc import Callable

from core.errors import IS_FULL, CoreError, is_full
from core.records import jobs, payloads
from core.records.database import DatabaseFailure
from core.records.jobs import Claimed, LeaseLost
from worker import intake_child, webhook
from worker.child_protocol import LastObject, Listener
from worker.context import AWAY, LEASE_SECONDS, Hands, log, why_away
from worker.engine import ENGINE
from worker.kinds import export, probe, suspects, tune
from worker.kinds.ask import answer
from worker.kinds.find import find
from worker.supervise import our_fault, refuse, settle, supervise

Kind = Callable[[Hands, Claimed], None]


def look(hands: Hands, job_id: int) -> None:
    """Works on this job, and then on whatever else waits in the queue."""
    try:
        claimed = jobs.claim(hands.database, job_id, hands.name, LEASE_SECONDS) or _next(hands)
        while claimed is not None:
            carry_out(hands, claimed)
            webhook.announce(hands, claimed)
            claimed = None if hands.is_leaving() else _next(hands)
    except AWAY as error:
        log.warning("%s Job %d waits for the sweep.", why_away(error), job_id)


def carry_out(hands: Hands, claimed: Claimed) -> None:
    """One job to its end, whatever that is; only a database that stays away comes out of here."""
    log.info("Job %d (%s), attempt %d", claimed.id, claimed.kind, claimed.attempts)
    try:
        kind = KINDS.get(claimed.kind)
        if kind is None:
            raise CoreError(f'This worker does not know jobs of the kind "{claimed.kind}". Update it.')
        kind(hands, claimed)
    except LeaseLost as lost:
        log.warning("%s", lost)
    except AWAY as error:
        if isinstance(error, DatabaseFailure | CoreError) or not is_full(error):
            raise
        _or_lost(lambda: refuse(hands, claimed, IS_FULL))
    except CoreError as error:
        reason = str(error)
        _or_lost(lambda: refuse(hands, claimed, reason))
    except Exception as error:
        reason = "".join(traceback.format_exception(error))
        _or_lost(lambda: our_fault(hands, claimed, reason))


def _or_lost(write: Callable[[], None]) -> None:
    try:
        write()
    except LeaseLost as lost:
        log.warning("%s", lost)


def _next(hands: Hands) -> Claimed | None:
    return jobs.take_next(hands.database, hands.queue, hands.name, LEASE_SECONDS)


def _intake(hands: Hands, claimed: Claimed) -> None:
    listener = Listener()
    ended = supervise(hands, claimed, intake_child.__name__, [str(claimed.id)], listener)
    settle(hands, claimed, ended, lambda: listener.result)


def _estimate(hands: Hands, claimed: Claimed) -> None:
    listener = LastObject()
    with export.run_file(hands, claimed) as file:
        ended = supervise(hands, claimed, ENGINE, ["estimate", str(file), "--json"], listener)
    settle(hands, claimed, ended, lambda: listener.result)


KINDS: dict[str, Kind] = {
    payloads.Tune.kind: tune.tune,
    payloads.Plug.kind: tune.plug,
    payloads.Suspects.kind: suspects.suspects,
    payloads.Probe.kind: probe.probe,
    **dict.fromkeys(intake_child.KINDS, _intake),
    payloads.Estimate.kind: _estimate,
    payloads.Export.kind: export.export,
    payloads.Ask.kind: answer,
    payloads.Find.kind: find,
}

"""Slows down guessing: every failure from one address at one name makes the next try there wait longer.

Nobody is locked out from everywhere: an account is tried at leisure only from addresses that did not fail at it. An
address that fails at many names is slowed down as a whole, less. Rows hold the state, so it outlives every process.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from math import ceil

from sqlalchemy import ColumnElement, and_, delete, or_, select

from core.records.accounts.sessions import SignInError
from core.records.database import Database
from core.records.tables import Attempt, now

WINDOW = timedelta(hours=1)
FREE_AT_NAME, LONGEST_AT_NAME = 5, 300.0
FREE_AT_ADDRESS, LONGEST_AT_ADDRESS, FAILURES_TO_DOUBLE = 20, 60.0, 5


class TooManyTries(SignInError):
    """Tell them to come back in so many seconds."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many tries. Try again in {seconds} second{'' if seconds == 1 else 's'}.")
        self.seconds = seconds


def count(db: Database, name: str, address: str) -> int:
    """Notes a try before it is judged, so that many at once count too; refuses it where it comes too soon."""
    name, network = name[:255], _network(address)[:255]
    with db.session() as session:
        session.execute(delete(Attempt).where(Attempt.at < now() - WINDOW))
        attempt = Attempt(name=name, address=network, at=now())
        session.add(attempt)
        session.flush()
    with db.session() as session:
        others = and_(Attempt.address == network, Attempt.id != attempt.id)

        def tries(which: ColumnElement[bool]) -> list[datetime]:
            return list(session.scalars(select(Attempt.at).where(which).order_by(Attempt.at)))

        seconds = max(_left(tries(and_(others, Attempt.name == name)), at_name), _left(tries(others), at_address))
        if seconds <= 0:
            return attempt.id
        session.execute(delete(Attempt).where(Attempt.id == attempt.id))  # being refused is no try
    raise TooManyTries(ceil(seconds))


def forget(attempt: int, name: str, address: str) -> ColumnElement[bool]:
    """Which tries a success clears: those of this name from this address, so that nobody clears another's."""
    return or_(Attempt.id == attempt, and_(Attempt.name == name[:255], Attempt.address == _network(address)[:255]))


def at_name(failures: int) -> float:
    """Seconds to wait after the last of so many failures from one address at one name: 2, 4, 8, … after the fifth."""
    late = failures - FREE_AT_NAME
    return 0.0 if late < 0 else min(2.0 ** min(late + 1, 30), LONGEST_AT_NAME)


def at_address(failures: int) -> float:
    """The same for an address at whatever names, behind which there may be a whole clinic."""
    late = failures - FREE_AT_ADDRESS
    return 0.0 if late < 0 else min(2.0 ** min(late // FAILURES_TO_DOUBLE, 30), LONGEST_AT_ADDRESS)


def _left(tries: list[datetime], delay: Callable[[int], float]) -> float:
    wait = delay(len(tries))
    return wait - (now() - tries[-1]).total_seconds() if tries and wait else 0.0


def _network(address: str) -> str:
    """Whoever has an IPv6 address has a whole network of them."""
    try:
        host = ip_address(address)
    except ValueError:
        return address
    if isinstance(host, IPv6Address):
        return str(host.ipv4_mapped or IPv6Address(int(host) >> 64 << 64))
    return str(host)

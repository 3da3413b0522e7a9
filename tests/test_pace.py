"""A limit of time tells slow code from a slow machine: under a clock of the tests, which moves as work is done."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests import pace

USUAL, SLOW = 1, 10


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Callable[[float, float], Callable[[], None]]:
    """Makes work that takes so many seconds on a machine of the usual pace, on one that takes so many times longer."""
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])

    def taking(times_longer: float, seconds: float) -> Callable[[], None]:
        def do() -> None:
            now[0] += times_longer * seconds

        monkeypatch.setattr(pace, "yardstick", lambda: taking(times_longer, pace.USUAL_SECONDS)())
        return do

    return taking


@pytest.mark.parametrize("machine", [USUAL, SLOW])
@pytest.mark.parametrize(("seconds", "is_quick"), [(0.04, True), (0.06, False)])
def test_slow_code_is_told_from_a_slow_machine(
    work: Callable[[float, float], Callable[[], None]], machine: int, seconds: float, is_quick: bool
) -> None:
    assert pace.is_within(0.05, work(machine, seconds)) == is_quick


def test_a_fast_machine_is_given_no_less_time(work: Callable[[float, float], Callable[[], None]]) -> None:
    assert pace.is_within(0.05, work(0.5, 0.08))
    assert pace.slowness() == 1.0

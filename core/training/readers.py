"""The readers that a method may put beside its own, and all readers of a run in the order in which they are shown."""

from __future__ import annotations

from core.readings.colours import GREY, ORANGE
from core.readings.reader import FUSION, Reader, tsm_readers
from core.training.method import Plan, ReaderPlan

PLAIN_ADAPTER = "vanilla"
UNTUNED = ReaderPlan(Reader("vlm", "untuned", GREY), None)
PLAIN = ReaderPlan(Reader("vanilla", "plain tuning", ORANGE), PLAIN_ADAPTER)


def readers_of_run(plan: Plan, tsms: int, is_fused: bool) -> tuple[Reader, ...]:
    """What others are compared with goes first: the untuned model, plain tuning, the TSMs."""
    own = [one.reader for one in plan.readers if one not in (UNTUNED, PLAIN)]
    beside = [one.reader for one in plan.readers if one in (UNTUNED, PLAIN)]
    return (*beside, *tsm_readers(tsms), *own, *((FUSION,) if is_fused else ()))

"""What a method may put beside its own: the untuned model and plain tuning. And all readers of a run, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.readings.colours import GREY, ORANGE
from core.readings.reader import FUSION, UNTUNED_NAME, Reader, tsm_readers
from core.readings.rivals import Rivals, rival_readers
from core.training.method import Plan, ReaderPlan

if TYPE_CHECKING:
    from core.training.terms import Term

PLAIN_ADAPTER = "vanilla"
UNTUNED = ReaderPlan(
    Reader(
        UNTUNED_NAME,
        "the VLM, untuned",
        GREY,
        about="The vision-language model as it came, asked the same question.",
        group="untuned",
    ),
    None,
)
PLAIN = ReaderPlan(
    Reader(
        "vanilla",
        "the VLM, plainly tuned",
        ORANGE,
        about="Tuned by LoRA on the labels' names and nothing else: what a method has to be better than.",
    ),
    PLAIN_ADAPTER,
)


def plain_terms(label_smoothing: float = 0.0) -> dict[str, Term]:
    """The one loss of plain tuning."""
    from core.training.terms import own_response

    return {"van": own_response(label_smoothing)}


def readers_of_run(plan: Plan, tsms: int, is_fused: bool, rivals: Rivals) -> tuple[Reader, ...]:
    """What others are compared with goes first: simple readers, the untuned model, plain tuning."""
    own = [reader_plan.reader for reader_plan in plan.readers if reader_plan not in (UNTUNED, PLAIN)]
    beside = [reader_plan.reader for reader_plan in plan.readers if reader_plan in (UNTUNED, PLAIN)]
    simple = (*tsm_readers(tsms), *rival_readers(rivals, bool(tsms)))
    return (*simple, *beside, *own, *((FUSION,) if is_fused else ()))

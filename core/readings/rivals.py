"""Simple rivals: readers that need no tuned VLM, and what each of them looks at.

They learn from the run's training cases, and all that is chosen (ridge, voters, weight) is chosen on its validation
cases. Each rung of the ladder is a place where features are taken on the way through the untuned VLM.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from core.readings.colours import OLIVE, PURPLE, ROSE, SAND, SLATE, TEAL
from core.readings.reader import Reader

Rivals = Literal["none", "quick", "ladder"]
Rung = Literal["tsm", "encoder", "connector", "last"]

KNN = Reader(
    "knn",
    "the nearest training pictures",
    OLIVE,
    about="Nothing is trained: the labels of the training pictures whose image features are most alike vote.",
    group="simple",
)
ON_ENCODER = Reader(
    "probe-encoder",
    "a linear head on the image encoder",
    SAND,
    about="Logistic regression on what the VLM's image encoder sees, before its connector; no language model.",
    group="simple",
)
ON_CONNECTOR = Reader(
    "probe-connector",
    "a linear head on the image features",
    TEAL,
    about="Logistic regression on the image features that the language model is given; no language model takes part.",
    group="simple",
)
ON_LAST = Reader(
    "probe-last",
    "a linear head on the VLM's last layer",
    ROSE,
    about="Logistic regression on the untuned VLM's last state after the question: what it knows and can't say.",
    group="simple",
)
ON_BOTH = Reader(
    "tsm+probe",
    "a linear head on TSM and image features",
    PURPLE,
    needs_tsm=True,
    about="Logistic regression on the TSM's features and the VLM's image features side by side; no language model.",
    group="simple",
)
MEAN = Reader(
    "tsm-probe-mean",
    "the TSM and the linear head, averaged",
    SLATE,
    needs_tsm=True,
    about="Late fusion: the probabilities of the TSM and of the linear head on the image features, averaged with a "
    "weight that was chosen on validation cases.",
    group="simple",
)
RUNGS: Mapping[str, tuple[Rung, ...]] = {
    ON_ENCODER.name: ("encoder",),
    ON_CONNECTOR.name: ("connector",),
    ON_LAST.name: ("last",),
    ON_BOTH.name: ("tsm", "connector"),
}
"""What each linear head sees, block by block."""
NAMES = (KNN.name, *RUNGS, MEAN.name)


def rival_readers(rivals: Rivals, has_tsm: bool) -> tuple[Reader, ...]:
    """Those that a run plans for."""
    if rivals == "none":
        return ()
    heads = (ON_ENCODER, ON_CONNECTOR, ON_LAST) if rivals == "ladder" else (ON_CONNECTOR,)
    return (KNN, *heads, *((ON_BOTH, MEAN) if has_tsm else ()))

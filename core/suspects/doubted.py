"""An index of how many labels are in doubt: what lies off the diagonal of the confident joint (Northcutt and others
2021). It counts hard cases with a right label too, so it is no estimate of wrong labels: an audit gives that."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.suspects.evidence import Floats
from core.suspects.pool import confident_joint, yes_or_no


def doubted(likely: Floats, given: Floats, kind: str) -> float:
    """How many labels another answer would fit better; for several answers a case, of whatever answer has most."""
    if kind == "multi":
        labels = given.T.astype(np.int64)
        return max(_off_diagonal(side, label) for side, label in zip(yes_or_no(likely), labels, strict=True))
    return _off_diagonal(likely, given.argmax(1))


def _off_diagonal(likely: Floats, label: NDArray[np.int64]) -> float:
    joint = confident_joint(likely, label)
    return float(joint.sum() - np.trace(joint))

"""Confident learning's plainest score: one minus the TSM's probability of the given label, first round out of fold.

Northcutt and others 2021; for several answers a case, Thyagarajan and others 2022.
"""

from __future__ import annotations

import numpy as np

from core.suspects.evidence import Evidence, ReviewedSet

TITLE = "Confident learning"
ABOUT = "One minus cleanlab's self-confidence of the given label, by the first models that never saw the case."


def gather_evidence(reviewed: ReviewedSet) -> Evidence:
    from cleanlab.multilabel_classification import get_label_quality_scores as of_several
    from cleanlab.rank import get_label_quality_scores as of_one

    likely = reviewed.rounds[0]
    if reviewed.task.kind == "multi":
        labels = [np.flatnonzero(row).tolist() for row in reviewed.given]
        return Evidence(1 - of_several(labels, likely, method="self_confidence"))
    return Evidence(1 - of_one(reviewed.given.argmax(1), likely, method="self_confidence"))

"""Confident learning's plainest score: one minus the TSM's probability of the given label, first round out of fold.

Northcutt and others 2021; for several answers a case, Thyagarajan and others 2022.
"""

from __future__ import annotations

import numpy as np

from core.suspects.evidence import Known, Said

TITLE = "Confident learning"
ABOUT = "One minus cleanlab's self-confidence of the given label, by the first models that never saw the case."


def look(known: Known) -> Said:
    from cleanlab.multilabel_classification import get_label_quality_scores as of_several
    from cleanlab.rank import get_label_quality_scores as of_one

    said = known.rounds[0]
    if known.task.kind == "multi":
        labels = [np.flatnonzero(row).tolist() for row in known.given]
        return Said(1 - of_several(labels, said, method="self_confidence"))
    return Said(1 - of_one(known.given.argmax(1), said, method="self_confidence"))

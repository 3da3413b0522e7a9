"""The VLM: what a probe on its frozen image features says out of fold, or the tuned model where a run has one.

The features know no label, so what they say is independent of what the TSM may have learned by heart.
"""

from __future__ import annotations

import numpy as np

from core.readings.reader import FUSION, UNTUNED_NAME
from core.readings.rivals import NAMES
from core.suspects.evidence import Evidence, Floats, ReviewedSet
from core.suspects.probe import probed

TITLE = "VLM's image features"
ABOUT = "What a probe on the frozen VLM's image features says of cases that it never saw; or tuned readers, if any."
NOT_TUNED = (UNTUNED_NAME, FUSION.name, *NAMES)


def gather_evidence(reviewed: ReviewedSet) -> Evidence | None:
    tuned = _tuned(reviewed)
    if reviewed.vision is None and tuned is None:
        return None
    likely = np.full_like(reviewed.given, np.nan) if reviewed.vision is None else _probed(reviewed)
    if tuned is not None:
        likely = np.where(np.isnan(tuned), likely, tuned)
    return reviewed.evidence_from(likely)


def _probed(reviewed: ReviewedSet) -> Floats:
    assert reviewed.vision is not None
    return probed(reviewed.vision, reviewed.given, reviewed.fold_of, reviewed.task.kind, reviewed.seed)


def _tuned(reviewed: ReviewedSet) -> Floats | None:
    """The mean of the tuned VLM readers' answers; NaN for cases that tuning saw."""
    names = [name for name in reviewed.readings if name not in NOT_TUNED and not name.startswith("tsm")]
    if not names:
        return None
    place = {case.id: number for number, case in enumerate(reviewed.cases)}
    total, times = np.zeros_like(reviewed.given), np.zeros(len(reviewed.cases))
    for name in names:
        for reading in reviewed.readings[name]:
            if reading.case in place:
                total[place[reading.case]] += reading.answer.probabilities
                times[place[reading.case]] += 1
    return np.divide(total, times[:, None], out=np.full_like(total, np.nan), where=times[:, None] > 0)

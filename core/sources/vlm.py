"""The VLM: what a probe on its frozen image features says out of fold, or the tuned model where a run has one.

The features know no label, so what they say is independent of what the TSM may have learned by heart.
"""

from __future__ import annotations

import numpy as np

from core.suspects.evidence import Floats, Known, Said
from core.suspects.probe import probed

TITLE = "VLM's image features"
ABOUT = "What a probe on the frozen VLM's image features says of cases that it never saw; or tuned readers, if any."
NOT_VLM = ("vlm", "fusion")


def look(known: Known) -> Said | None:
    tuned = _tuned(known)
    if known.vision is None and tuned is None:
        return None
    likely = np.full_like(known.given, np.nan) if known.vision is None else _probed(known)
    if tuned is not None:
        likely = np.where(np.isnan(tuned), likely, tuned)
    return known.say(likely)


def _probed(known: Known) -> Floats:
    assert known.vision is not None
    return probed(known.vision, known.given, known.fold_of, known.task.kind, known.seed)


def _tuned(known: Known) -> Floats | None:
    """The mean of the tuned VLM readers' answers; NaN for cases that tuning saw."""
    names = [name for name in known.readings if name not in NOT_VLM and not name.startswith("tsm")]
    if not names:
        return None
    place = {case.id: number for number, case in enumerate(known.cases)}
    total, times = np.zeros_like(known.given), np.zeros(len(known.cases))
    for name in names:
        for reading in known.readings[name]:
            if reading.case in place:
                total[place[reading.case]] += reading.answer.probabilities
                times[place[reading.case]] += 1
    return np.divide(total, times[:, None], out=np.full_like(total, np.nan), where=times[:, None] > 0)

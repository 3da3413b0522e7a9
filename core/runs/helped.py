"""Whether a run helped, in a sentence for each of its sets: for its card and for the command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.readings.benefit import benefits, sentence
from core.runs.runfile import Run


def helped(run: Run, results: Mapping[str, Any]) -> list[str]:
    """From what metrics.json holds, of whichever cases it was measured on."""
    titles, aim = {reader.name: reader.title for reader in run.readers}, run.plan.aim
    return [sentence(benefit, titles) for benefit in benefits(results, aim.reader, aim.baseline, run.plan.aimed)]

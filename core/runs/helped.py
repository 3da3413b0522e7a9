"""Whether a run helped, and whether the VLM was worth it: a sentence for each set, for its card and the command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.readings.benefit import benefits, sentence
from core.readings.worth import worth_words, worths
from core.runs.runfile import Run


def helped(run: Run, results: Mapping[str, Any]) -> list[str]:
    """From what metrics.json holds, of whichever cases it was measured on."""
    titles, aim = _titles(run), run.plan.aim
    return [sentence(benefit, titles) for benefit in benefits(results, aim.reader, aim.baseline, run.plan.aimed)]


def worth(run: Run, results: Mapping[str, Any]) -> list[str]:
    """The best tuned reader against the best simple one."""
    return [worth_words(each, _titles(run)) for each in worths(results)]


def _titles(run: Run) -> dict[str, str]:
    return {reader.name: reader.title for reader in run.readers}

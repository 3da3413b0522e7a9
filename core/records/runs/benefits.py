"""Did a finished run help? What its stored figures say of that, what it means, and what to try next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.readings.benefit import Benefit, benefits, sentence
from core.readings.meaning import Training, meaning
from core.readings.worth import Worth, worth_words, worths
from core.records.runs.readers import aimed_readers
from core.records.runs.runs import RunView


@dataclass(frozen=True)
class Judged:
    """The answer for one set of a run: `sentence` alone says it, `benefit` has the figures."""

    sentence: str
    benefit: Benefit
    meaning: tuple[str, ...]


def judged(run: RunView, seed_count: int = 1) -> tuple[Judged, ...]:
    """One a set; nothing where the run has no figures, or none of its readers was compared with another one.

    `seed_count` says with how many seeds it has been tuned, itself counted."""
    if run.metrics is None or run.aim is None:
        return ()
    titles = titles_of(run)
    parts = run.metrics.get("sets") or {"": run.metrics}
    by_set = benefits(run.metrics, run.aim.reader, run.aim.baseline, aimed_readers(run.settings, run.aim))
    training = training_of(run, seed_count)
    wordless = {reader.name for reader in run.readers if not reader.has_words}
    return tuple(
        Judged(sentence(each, titles), each, tuple(meaning(each, parts[each.set], training, titles, wordless)))
        for each in by_set
    )


@dataclass(frozen=True)
class WorthJudged:
    """Whether the VLM was worth it, for one set of a run: `sentence` alone says it."""

    sentence: str
    worth: Worth


def worth_judged(run: RunView) -> tuple[WorthJudged, ...]:
    """One a set; nothing of runs of before simple rivals."""
    titles = titles_of(run)
    return tuple(WorthJudged(worth_words(each, titles), each) for each in worths(run.metrics or {}))


def left_out(run: RunView) -> tuple[str, ...]:
    """Which simple readers a run has not, and why."""
    return tuple((run.metrics or {}).get("left_out", ()))


def titles_of(run: RunView) -> Mapping[str, str]:
    """What readers are called in sentences."""
    return {reader.name: reader.title for reader in run.readers}


def training_of(run: RunView, seed_count: int = 1) -> Training:
    """Its last stage: of a run that tunes something beside its own method, that comes before."""
    preset = str(run.settings.get("preset") or "")
    if not run.stages:
        return Training(preset, seed_count=seed_count)
    last = run.stages[-1]
    return Training(preset, last.name, last.steps, last.best_step, seed_count)

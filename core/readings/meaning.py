"""What the differences between a run's readers mean, and what to try next: sentences, each decided by the figures."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.readings.answer import LOW_EXPLORED, little_explored
from core.readings.benefit import Benefit, Duel, is_tsm, quoted
from core.statistics.rounding import rounded

FEW_CASES = 10
"""Of a label: with fewer, a single case moves its sensitivity by more than a tenth."""
MORE = "Tuning brings what it can't do: questions in words, free text, what the method says beside the label."
MOST_TIMES = 10
"""As many times the test cases as somebody may still hope to gather."""
Plain = Mapping[str, Any]


@dataclass(frozen=True)
class Training:
    """How a run was tuned, as far as it says why a reader is where it is; best steps are those on validation cases."""

    preset: str = ""
    stage: str = ""
    steps: int = 0
    best_step: int | None = None
    """None where no figure chose the weights."""
    seed_count: int = 1

    @property
    def was_learning(self) -> bool:
        """Whether the newest weights were the best ones."""
        return self.best_step is not None and self.best_step >= self.steps

    @property
    def was_past_its_best(self) -> bool:
        return self.best_step is not None and self.best_step <= self.steps / 2


def meaning(
    benefit: Benefit, part: Plain, training: Training, titles: Mapping[str, str], wordless: Collection[str] = ()
) -> list[str]:
    """Of one set. `part` are its figures; the first sentences say what is seen, the last ones what to try. `wordless`
    are the readers that say numbers alone."""
    first = benefit.duels[0]
    baseline = [duel for duel in benefit.duels if duel.rival == first.rival]
    seen = [
        *_by_chance(first.reader, part, titles),
        *(text for duel in baseline for text in _undecided(duel, titles)),
        *(text for duel in baseline for text in _worse(duel, titles)),
        *_with_help(baseline, part, titles),
        *_beside_tsm(benefit, first.reader, titles, first.reader not in wordless),
        *_few_cases(part),
        *_little_read(benefit, part, titles),
    ]
    return [*seen, *_to_try(baseline, training)]


def cases_to_tell(duel: Duel) -> int | None:
    """How many test cases would tell a difference of this size from none: an interval narrows with their root.

    None where the difference is 0, or has no interval."""
    gap = duel.deciding
    if not gap.difference or gap.low is None or gap.high is None:
        return None
    reach = (gap.high - gap.low) / 2
    return math.ceil(duel.cases * max(1.0, reach / abs(gap.difference)) ** 2)


def has_several_labels(tables: Sequence[Any]) -> bool:
    """Whether what is kept of a reader's confusion is a table of 2 x 2 for each label."""
    return isinstance(tables[0][0], Sequence)


def _by_chance(reader: str, part: Plain, titles: Mapping[str, str]) -> Iterator[str]:
    figure, tables = (
        part.get("readers", {}).get(reader, {}).get("balanced_accuracy"),
        part.get("confusion", {}).get(reader) or (),
    )
    if figure is None or figure["low"] is None or len(tables) < 2:
        return
    with_cases = 2 if has_several_labels(tables) else sum(any(row) for row in tables)
    if with_cases < 2:
        return
    chance = 1 / with_cases  # a label without a case is left out of the mean
    if figure["low"] <= chance:
        yield (
            f"{_begin(quoted(reader, titles))} can't be told from guessing: its balanced accuracy is "
            f"{rounded(figure['value'])} ({rounded(figure['low'])} to {rounded(figure['high'])}), "
            f"and guessing gives {chance:.3f}."
        )


def _undecided(duel: Duel, titles: Mapping[str, str]) -> Iterator[str]:
    """Too few cases to tell, or nothing to be told."""
    if duel.effect != "open":
        return
    gap, needed = duel.deciding, cases_to_tell(duel)
    whose = f"{quoted(duel.reader, titles)} and {quoted(duel.rival, titles)}"
    if needed is None or gap.difference is None:
        yield f"{whose} are equal in {gap.title} on these {duel.cases:,} cases."
        return
    way = "above" if gap.difference > 0 else "below"
    seen = f"{quoted(duel.reader, titles)} stands {abs(gap.difference):.3f} {way} {quoted(duel.rival, titles)}"
    if needed > MOST_TIMES * duel.cases:
        yield f"{seen}, so little that even {MOST_TIMES * duel.cases:,} test cases would hardly tell it from none."
    else:
        yield (
            f"{seen}, and {duel.cases:,} test cases are too few to tell that from chance: if the difference is as "
            f"large as it looks, about {math.ceil(max(needed, duel.cases + 1) / 10) * 10:,} would."
        )


def _worse(duel: Duel, titles: Mapping[str, str]) -> Iterator[str]:
    gap = duel.deciding
    if duel.effect == "harmed" and gap.difference is not None:
        yield (
            f"{quoted(duel.reader, titles)} did worse than {quoted(duel.rival, titles)}: {gap.words()}, and the whole "
            "interval lies below 0: other cases of the same kind would most likely show it too."
        )


def _with_help(baseline: Sequence[Duel], part: Plain, titles: Mapping[str, str]) -> Iterator[str]:
    """Where the model is good with the TSM at its side, and no better than its rival without."""
    helped = [duel.reader for duel in baseline if duel.effect == "helped"]
    others = [duel.reader for duel in baseline if duel.effect in ("open", "harmed")]
    for aided in helped:
        for alone in others:
            gap = (part.get("differences") or {}).get(f"{aided} - {alone}", {}).get("macro_f1")
            ends = ("low", "high") if gap is None or gap.get("band_low") is None else ("band_low", "band_high")
            if gap is not None and gap[ends[0]] is not None and gap[ends[0]] > 0:
                yield (
                    f"{quoted(aided, titles)} is better than {quoted(alone, titles)} by {gap['value']:.3f} "
                    f"({gap[ends[0]]:.3f} to {gap[ends[1]]:.3f}): what the TSM knows helps where it is shown, and has "
                    "not passed into the model itself. Use it with the TSM beside it."
                )


def _beside_tsm(benefit: Benefit, reader: str, titles: Mapping[str, str], has_words: bool) -> Iterator[str]:
    for duel in benefit.duels:
        if duel.reader == reader and is_tsm(duel.rival) and duel.effect == "harmed":
            text = f"For the label alone {quoted(duel.rival, titles)} is the better reader here."
            yield f"{text} {MORE}" if has_words else text


def _few_cases(part: Plain) -> Iterator[str]:
    counts: Plain = next(iter(part.get("per_class", {}).values()), {})
    few = {answer: round(row["support"]["value"]) for answer, row in counts.items()}
    few = {answer: count for answer, count in few.items() if count < FEW_CASES}
    if few:
        named = ", ".join(f"{answer} ({count})" for answer, count in sorted(few.items(), key=lambda row: row[1])[:4])
        more = f" and {len(few) - 4} more" if len(few) > 4 else ""
        yield f"Labels with fewer than {FEW_CASES} test cases: {named}{more}. One case moves their figures a lot."


def _little_read(benefit: Benefit, part: Plain, titles: Mapping[str, str]) -> Iterator[str]:
    """Of several labels, whose lists were left half read."""
    for reader in dict.fromkeys(name for duel in benefit.duels for name in (duel.reader, duel.rival)):
        share = (part.get("explored") or {}).get(reader)
        if share is not None and share["mean"] < LOW_EXPLORED:
            yield (
                f"Of {quoted(reader, titles)}, {little_explored(share['mean'])} in the mean "
                f"({math.floor(100 * share['least'])} % in the least sure case): its figures are of these lists alone."
            )


def _to_try(baseline: Sequence[Duel], training: Training) -> Iterator[str]:
    """Nothing where every reader of the tuned model is better than its rival."""
    behind = [duel for duel in baseline if duel.effect in ("open", "harmed")]
    if not behind:
        return
    at = f"step {training.best_step or 0:,} of {training.steps:,} of {training.stage}"
    if training.was_learning:
        longer = "the preset balanced" if training.preset == "quick" else "more steps or epochs"
        yield (
            f"To try: tune longer ({longer}). On validation cases it was best at {at}, the last: it was still learning."
        )
    elif training.was_past_its_best:
        yield (
            f"To try: a lower learning rate, or more cases. On validation cases it was best at {at}, and no better "
            "after: more steps alone won't help."
        )
    elif training.preset == "quick":
        yield "To try: the preset balanced. The preset quick stops early, so that there is something to look at soon."
    if training.seed_count < 2 and any(duel.effect == "open" for duel in behind):
        yield "To try: the same with two more seeds. One run can't say how much of a difference its seed makes."


def _begin(text: str) -> str:
    return text[:1].upper() + text[1:]

"""Whether a run helped is decided by its figures, in the words that a difference has everywhere, whatever they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.case import Task
from core.readings.answer import Answer
from core.readings.benefit import Benefit, Duel, about_bands, benefits, duel_words, sentence
from core.readings.meaning import Training, cases_to_tell, meaning
from core.readings.reading import Reading
from core.readings.results import evaluate
from core.readings.worth import worths
from core.statistics.effect import effect_of, signed

TITLES = {"vitask": "alone", "vitask+tsm": "aided", "vanilla": "plainly tuned", "tsm": "the TSM"}
OWN = ("vitask", "vitask+tsm")


def figure(value: float, low: float | None = None, high: float | None = None) -> dict[str, float | None]:
    return {"value": value, "low": low, "high": high}


def results(differences: dict[str, tuple[float, float, float]], values: dict[str, float], cases: int = 100) -> Any:
    """What metrics.json holds of macro F1 alone, of two labels with half of the cases each."""
    support = {answer: {"support": figure(cases / 2)} for answer in ("clear", "hazy")}
    return {
        "cases": cases,
        "readers": {
            name: {"macro_f1": figure(value), "balanced_accuracy": figure(value, value - 0.01, value + 0.01)}
            for name, value in values.items()
        },
        "per_class": dict.fromkeys(values, support),
        "confusion": {name: [[25, 25], [25, 25]] for name in values},
        "differences": {pair: {"macro_f1": figure(*ends)} for pair, ends in differences.items()},
    }


VALUES = {"vanilla": 0.6, "tsm": 0.9, "vitask": 0.55, "vitask+tsm": 0.91}
SAMPLE = results(
    {
        "tsm - vanilla": (0.3, 0.2, 0.4),
        "vitask - vanilla": (-0.05, -0.15, 0.05),
        "vitask - tsm": (-0.35, -0.4, -0.3),
        "vitask+tsm - vanilla": (0.31, 0.2, 0.4),
        "vitask+tsm - tsm": (0.01, -0.02, 0.04),
        "vitask+tsm - vitask": (0.36, 0.3, 0.4),
    },
    VALUES,
)


def judged(given: Any, reader: str = "vitask+tsm", baseline: str = "vanilla", own: tuple[str, ...] = OWN) -> Benefit:
    (benefit,) = benefits(given, reader, baseline, own)
    return benefit


def told(given: Any, training: Training = Training()) -> str:  # noqa: B008  frozen
    return "\n".join(meaning(judged(given), given, training, TITLES))


@pytest.mark.parametrize(
    ("low", "high", "effect"),
    [(0.01, 0.2, "helped"), (-0.2, -0.01, "harmed"), (-0.1, 0.1, "open"), (-0.1, 0.0, "open"), (None, 0.1, None)],
)
def test_an_interval_that_holds_zero_tells_nothing(low: float | None, high: float, effect: str | None) -> None:
    assert effect_of(low, high) == effect


def test_a_difference_without_an_interval_is_a_dash() -> None:
    assert (signed(0.06, 0.01, 0.1), signed(0.06, None, None)) == ("+0.060 (+0.010 to +0.100)", "–")


def test_what_rounds_to_nothing_has_no_minus() -> None:
    assert signed(-1e-17, -0.0004, 0.0) == "+0.000 (+0.000 to +0.000)"


def test_a_figure_that_is_undefined_is_not_told_as_a_number() -> None:
    undefined = results({"vitask+tsm - vanilla": (0.1, 0.0, 0.2)}, VALUES)
    undefined["readers"]["vitask+tsm"]["macro_f1"] = dict.fromkeys(("value", "low", "high"))
    undefined["differences"]["vitask+tsm - vanilla"]["macro_f1"] = dict.fromkeys(("value", "low", "high"))
    assert sentence(judged(undefined), TITLES) == (
        "It was not measured whether it helped: on 100 test cases, “aided” has no macro F1, and no interval of its "
        "difference to “plainly tuned”."
    )


def test_the_reader_that_a_run_was_made_for_comes_first_and_meets_plain_tuning_and_the_tsm() -> None:
    benefit = judged(SAMPLE)
    assert [(duel.reader, duel.rival, duel_words(duel)) for duel in benefit.duels] == [
        ("vitask+tsm", "vanilla", "better"),
        ("vitask+tsm", "tsm", "the cases can't tell"),
        ("vitask", "vanilla", "the cases can't tell"),
        ("vitask", "tsm", "worse"),
    ]
    assert sentence(benefit, TITLES) == (
        "It helped: on 100 test cases, “aided” has a macro F1 of 0.910, +0.310 (+0.200 to +0.400) against “plainly "
        "tuned”; against “the TSM”, the cases can't tell: +0.010 (-0.020 to +0.040)."
    )


@pytest.mark.parametrize(
    ("ends", "opening"),
    [((-0.1, -0.2, -0.05), "It did not help:"), ((-0.1, -0.2, 0.05), "The cases can't tell whether it helped:")],
)
def test_the_sentence_says_what_the_interval_says(ends: tuple[float, float, float], opening: str) -> None:
    given = results({"vitask+tsm - vanilla": ends}, VALUES)
    assert sentence(judged(given), TITLES).startswith(opening)


def test_a_difference_that_is_kept_the_other_way_round_is_turned() -> None:
    duel = judged(results({"vanilla - vitask+tsm": (0.1, -0.02, 0.3)}, VALUES)).duels[0]
    assert (duel.deciding.difference, duel.deciding.low, duel.deciding.high) == (-0.1, -0.3, 0.02)


def with_bands(given: Any, wider: float) -> Any:
    """The same with bands that are wider than the intervals by so much on each side."""
    differences = {
        pair: {
            name: ends | {"band_low": ends["low"] - wider, "band_high": ends["high"] + wider}
            for name, ends in figures.items()
        }
        for pair, figures in given["differences"].items()
    }
    return given | {"differences": differences}


def test_the_comparison_that_was_asked_for_stands_by_itself_and_all_others_have_to_hold_at_once() -> None:
    """The aided reader beats plain tuning by .31 (.2 to .4), and the TSM alone beats the unaided one by .35."""
    banded = judged(with_bands(SAMPLE, 0.32))
    first = banded.duel("vitask+tsm", "vanilla")
    assert first is not None and first.effect == "helped" and (first.deciding.low, first.deciding.high) == (0.2, 0.4)
    beside = banded.duel("vitask", "tsm")
    assert beside is not None and judged(SAMPLE).duel("vitask", "tsm").effect == "harmed"  # type: ignore[union-attr]
    assert beside.effect == "open" and beside.deciding.words() == "-0.350 (-0.720 to +0.020)"
    assert about_bands([banded]).startswith(" What was asked for before any figure was seen")
    assert about_bands([judged(SAMPLE)]) == ""
    assert "the cases can't tell: +0.010 (-0.340 to +0.360) (corrected for all pairs" in sentence(banded, TITLES)
    assert "corrected" not in sentence(judged(SAMPLE), TITLES)


def test_the_pair_of_the_best_readers_has_one_interval_wherever_it_stands() -> None:
    """“Is the VLM worth it?” and “Did it help?” stand below each other: one pair, no two intervals, no two answers."""
    sure = results({"vitask+tsm - tsm": (0.05, 0.02, 0.08), "vitask+tsm - vanilla": (0.31, 0.2, 0.4)}, VALUES)
    given = with_bands(sure, 0.05) | {"best": {"cells": {"tuned": "vitask+tsm", "simple": "tsm"}}}
    (worth,) = worths(given)
    duel = judged(given).duel("vitask+tsm", "tsm")
    assert duel == worth.duel and duel.effect == "helped"
    assert "better: +0.050 (+0.020 to +0.080)." in sentence(judged(given), TITLES)
    other = given | {"best": {"cells": {"tuned": "vitask", "simple": "tsm"}}}
    assert judged(other).duel("vitask+tsm", "tsm").effect == "open"  # type: ignore[union-attr]


def test_a_band_that_is_kept_the_other_way_round_is_turned() -> None:
    given = with_bands(results({"tsm - vitask": (0.1, 0.05, 0.15)}, VALUES), 0.25)
    duel = judged(given).duel("vitask", "tsm")
    assert duel is not None
    assert [duel.deciding.low, duel.deciding.high] == pytest.approx([-0.4, 0.2])


def test_help_of_the_tsm_is_told_by_bands_where_there_are_any() -> None:
    assert "Use it with the TSM beside it" in told(with_bands(SAMPLE, 0.1))
    assert "Use it with the TSM beside it" not in told(with_bands(SAMPLE, 0.31))


def test_plain_tuning_itself_is_held_against_the_untuned_model_and_the_tsm() -> None:
    given = results({"vanilla - vlm": (0.5, 0.4, 0.6), "tsm - vanilla": (0.3, 0.2, 0.4)}, VALUES | {"vlm": 0.1})
    duels = judged(given, "vanilla", "vlm", ("vanilla",)).duels
    assert [(duel.rival, duel.effect) for duel in duels] == [("vlm", "helped"), ("tsm", "harmed")]


def test_figures_of_an_old_run_without_differences_are_no_answer() -> None:
    assert benefits({"readers": {"vanilla": {}, "vitask": {}}}, "vitask", "vanilla", OWN) == ()
    assert benefits({}, "vitask", "vanilla", OWN) == ()


def test_every_set_of_a_joint_run_has_its_own_answer() -> None:
    other = results({"vitask+tsm - vanilla": (-0.1, -0.2, -0.05)}, VALUES, cases=30)
    joint = {"cases": 130, "readers": {}, "sets": {"cells": SAMPLE, "scans": other}}
    answers = [sentence(benefit, TITLES) for benefit in benefits(joint, "vitask+tsm", "vanilla", OWN)]
    assert ["helped: on 100 test cases of cells" in answers[0], "30 test cases of scans" in answers[1]] == [True, True]


def test_boxes_are_held_against_whoever_else_said_where_things_are() -> None:
    kind = {
        "title": "Boxes",
        "titles": {"acc": "Acc@IoU .5", "map": "mAP"},
        "cases": 40,
        "readers": {"tpo-text": {"acc": figure(0.4)}, "tpo": {"acc": figure(0.7)}},
        "differences": {"tpo - tpo-text": {"acc": figure(0.3, 0.1, 0.5)}},
    }
    given = results({"tpo - vlm": (0.2, 0.1, 0.3)}, {"vlm": 0.4, "tpo": 0.6}) | {"statements": {"boxes": kind}}
    (duel,) = judged(given, "tpo", "vlm", ("tpo",)).beside
    assert (duel.rival, duel.cases, duel.effect, duel.deciding.title) == ("tpo-text", 40, "helped", "Boxes: Acc@IoU .5")
    assert (duel.deciding.value, duel.deciding.of_rival) == (0.7, 0.4)


def test_it_takes_four_times_the_cases_to_tell_half_the_difference() -> None:
    """Half the width of the interval is .1; a difference of .05 needs four times as many cases, one of .1 as many."""
    duel = judged(SAMPLE).duel("vitask", "vanilla")
    assert duel is not None and cases_to_tell(duel) == 400
    assert "stands 0.050 below “plainly tuned”, and 100 test cases are too few" in told(SAMPLE)
    assert "about 400 would" in told(SAMPLE)


def test_a_difference_next_to_nothing_is_not_blamed_on_the_number_of_cases() -> None:
    tiny = results({"vitask+tsm - vanilla": (0.001, -0.1, 0.1)}, VALUES)
    assert "so little that even 1,000 test cases would hardly tell" in told(tiny)
    none = results({"vitask+tsm - vanilla": (0.0, 0.0, 0.0)}, VALUES)
    assert "are equal in Macro F1 on these 100 cases" in told(none)
    assert cases_to_tell(Duel("a", "b", 10, judged(none).duels[0].gaps)) is None


def test_a_model_that_is_good_with_the_tsm_alone_is_told_from_one_that_learned() -> None:
    text = told(SAMPLE)
    assert "“aided” is better than “alone” by 0.360 (0.300 to 0.400)" in text and "with the TSM beside it" in text
    learned = results({"vitask+tsm - vanilla": (0.3, 0.2, 0.4), "vitask - vanilla": (0.3, 0.2, 0.4)}, VALUES)
    assert told(learned, Training("quick", "stage-2", 60, 60)) == ""


def test_no_words_are_promised_of_a_reader_that_has_none() -> None:
    given = results({"head - vlm": (0.4, 0.3, 0.5), "head - tsm": (-0.4, -0.5, -0.3)}, VALUES | {"head": 0.5})
    benefit = judged(given, "head", "vlm", ("head",))
    sentences = ["\n".join(meaning(benefit, given, Training(), TITLES, wordless)) for wordless in ((), ("head",))]
    assert all("For the label alone “the TSM” is the better reader here." in text for text in sentences)
    assert ["questions in words" in text for text in sentences] == [True, False]


def test_what_to_try_depends_on_when_it_was_best() -> None:
    learning = Training("quick", "stage-2", steps=60, best_step=60)
    assert "tune longer (the preset balanced)" in told(SAMPLE, learning)
    assert "step 60 of 60 of stage-2, the last" in told(SAMPLE, learning)
    assert "tune longer (more steps or epochs)" in told(SAMPLE, replace(learning, preset="thorough"))
    assert "a lower learning rate, or more cases" in told(SAMPLE, replace(learning, best_step=15))
    assert "The preset quick stops early" in told(SAMPLE, replace(learning, best_step=45))
    assert "tune longer" not in told(SAMPLE, Training("balanced", "stage-2", 60, 45))
    assert "two more seeds" in told(SAMPLE) and "two more seeds" not in told(SAMPLE, replace(learning, seed_count=3))


def test_a_reader_that_guesses_is_told_and_so_are_labels_with_few_cases() -> None:
    guessing = results({"vitask+tsm - vanilla": (-0.1, -0.2, -0.05)}, VALUES | {"vitask+tsm": 0.5}, cases=12)
    text = told(guessing)
    assert (
        "can't be told from guessing: its balanced accuracy is 0.500 (0.490 to 0.510), and guessing gives 0.500" in text
    )
    assert "clear (6), hazy (6)" in text and "most likely show it too" in text


def test_a_reader_whose_lists_were_half_read_is_told() -> None:
    shares = {"vitask+tsm": {"mean": 0.9501, "least": 0.2}, "vanilla": {"mean": 0.8375, "least": 0.409}}
    text = told(SAMPLE | {"explored": shares})
    assert (
        "Of “plainly tuned”, the lists that were read hold 83 % of the probability in the mean (40 % in the least sure "
        "case): its figures are of these lists alone." in text
    )
    assert text.count("lists that were read") == 1 and "lists that were read" not in told(SAMPLE)


def test_guessing_gives_more_where_some_label_has_no_test_case() -> None:
    """Of four labels two have cases: who always says the same gets one of these two right."""
    guessing = results({"vitask+tsm - vanilla": (-0.1, -0.2, -0.05)}, VALUES | {"vitask+tsm": 0.5})
    guessing["confusion"]["vitask+tsm"] = [[50, 0, 0, 0], [50, 0, 0, 0], [0] * 4, [0] * 4]
    assert "and guessing gives 0.500" in told(guessing)
    guessing["confusion"]["vitask+tsm"] = [[50, 50], [0, 0]]
    assert "guessing" not in told(guessing)


@pytest.mark.parametrize("kind", ["single", "multi"])
def test_what_a_run_measures_is_enough_for_an_answer(kind: Any) -> None:
    """From readings to the sentence: 20 cases of each label; plain tuning is always wrong, the other never."""
    task = Task(kind=kind, modality="drawn", answers=("clear", "hazy"))
    readings = [
        Reading("panes", f"{number}", "test", reader, (label,), None, Answer(likely if right else likely[::-1]))
        for reader, right in (("vanilla", False), ("vitask", True))
        for number in range(40)
        for label, likely in [(("clear", (0.9, 0.1)), ("hazy", (0.1, 0.9)))[number % 2]]
    ]
    measured = evaluate(readings, {"panes": task}, 50, 0)
    benefit = judged(measured, "vitask", own=("vitask",))
    assert sentence(benefit, TITLES).startswith("It helped: on 40 test cases, “alone” has a macro F1 of 1.000, +1.000")
    assert meaning(benefit, measured, Training(), TITLES) == []

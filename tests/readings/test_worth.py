"""Whether the VLM is worth it: both readers chosen on validation cases, compared on test cases, in words."""

from __future__ import annotations

from typing import Any

import pytest

from core.case import Task
from core.readings.answer import Answer
from core.readings.reader import Reader
from core.readings.reading import Reading
from core.readings.results import evaluate
from core.readings.worth import best_of_groups, worth_words, worths

TASK = Task(answers=("clear", "hazy"))
READERS = (
    Reader("tsm", "the TSM", "#000000", group="simple"),
    Reader("knn", "the nearest", "#000000", group="simple"),
    Reader("vlm", "untuned", "#000000", group="untuned"),
    Reader("vanilla", "plainly tuned", "#000000"),
    Reader("vitask", "alone", "#000000"),
    Reader("vitask+shuffled", "with another case's exemplar", "#000000", answers_anew=False),
)
TITLES = {reader.name: reader.title for reader in READERS}


def readings(right: dict[str, int], cases: int = 20, sure: float = 0.9, name: str = "cells") -> list[Reading]:
    """Of each reader, so many right answers to cases whose labels take turns."""
    rows = []
    for reader, count in right.items():
        for number in range(cases):
            place = number % 2 if number < count else 1 - number % 2
            likely = (sure, 1 - sure) if place == 0 else (1 - sure, sure)
            label = TASK.answers[number % 2]
            rows.append(Reading(name, f"{number}", "val", reader, (label,), None, Answer(likely)))
    return rows


def best(right: dict[str, int], **more: Any) -> Any:
    return best_of_groups(readings(right, **more), {"cells": TASK}, READERS)


def test_the_best_of_each_group_is_the_one_with_most_macro_f1_on_validation_cases() -> None:
    right = {"tsm": 14, "knn": 16, "vlm": 20, "vanilla": 12, "vitask": 10}
    assert best(right) == {"cells": {"tuned": "vanilla", "simple": "knn"}}


def test_of_equally_good_readers_the_one_with_less_log_loss_is_the_best() -> None:
    rows = [*readings({"tsm": 16, "vanilla": 12}, sure=0.99), *readings({"knn": 16, "vitask": 12}, sure=0.8)]
    assert best_of_groups(rows, {"cells": TASK}, READERS)["cells"] == {"tuned": "vitask", "simple": "knn"}


def test_a_control_that_reads_the_runs_own_cases_alone_is_not_the_best() -> None:
    chosen = best({"tsm": 12, "vanilla": 11, "vitask+shuffled": 19})
    assert chosen["cells"]["tuned"] == "vanilla"


def test_without_a_reader_of_either_group_there_is_nothing_to_be_told() -> None:
    assert best({"vlm": 20, "vanilla": 12}) == {} and best({"tsm": 20}) == {}
    assert worths({"readers": {}, "cases": 3}) == ()


def results(tested: dict[str, int], chosen: Any) -> Any:
    return evaluate(readings(tested, cases=40), {"cells": TASK}, 200, 0) | {"best": chosen}


def test_test_cases_choose_neither_reader() -> None:
    """On test cases the other two are far better."""
    measured = results(
        {"tsm": 40, "knn": 22, "vanilla": 26, "vitask": 40}, best({"tsm": 14, "knn": 16, "vanilla": 12, "vitask": 10})
    )
    (worth,) = worths(measured)
    assert (worth.duel.reader, worth.duel.rival) == ("vanilla", "knn")


@pytest.mark.parametrize(
    ("vanilla", "opening"), [(40, "Yes, by these cases"), (24, "The cases can't tell"), (2, "Not for the label")]
)
def test_the_answer_is_decided_by_the_interval_of_the_paired_difference(vanilla: int, opening: str) -> None:
    measured = results({"knn": 22, "vanilla": vanilla}, {"cells": {"tuned": "vanilla", "simple": "knn"}})
    (worth,) = worths(measured)
    difference = measured["differences"]["vanilla - knn"]["macro_f1"]
    gap = worth.duel.deciding
    assert (gap.difference, gap.low, gap.high) == tuple(difference[end] for end in ("value", "low", "high"))
    words = worth_words(worth, TITLES)
    assert words.startswith(f"Is the VLM worth it? {opening}: on 40 test cases, the best tuned reader, “plainly tuned”")
    assert f"{gap.words()} against the best simple one, “the nearest”." in words
    assert words.endswith("was chosen by macro F1 on validation cases.")


def test_sets_of_a_joint_run_have_an_answer_each() -> None:
    rows = [*readings({"knn": 22, "vanilla": 40}, cases=40), *readings({"knn": 40, "vanilla": 22}, 40, name="smears")]
    tasks = {"cells": TASK, "smears": TASK}
    measured = evaluate(rows, tasks, 200, 0) | {"best": best_of_groups(rows, tasks, READERS)}
    assert [(worth.set, worth.duel.effect) for worth in worths(measured)] == [("cells", "helped"), ("smears", "harmed")]
    assert "on 40 test cases of smears," in worth_words(worths(measured)[1], TITLES)

"""What a TSM answers, in words, to the letter."""

from __future__ import annotations

from core.case import Task
from core.readings.tsm_words import ending_in, in_words


def test_the_likeliest_answer_and_its_probability_are_told() -> None:
    task = Task(answers=("scar", "spot", "no"))
    assert in_words(task, (0.125, 0.8, 0.075)) == "A classifier says: spot (0.80)."
    assert ending_in("What is it?", in_words(task, (0.5, 0.3, 0.2))) == "What is it? A classifier says: scar (0.50)."


def test_of_several_labels_all_that_are_likelier_than_not_are_told_or_that_there_is_none() -> None:
    task = Task(answers=("mass", "node", "cyst"), kind="multi", separator="; ")
    assert in_words(task, (0.9, 0.5, 0.51)) == "A classifier says: mass (0.90); cyst (0.51)."
    assert in_words(task, (0.1, 0.3, 0.2)) == "A classifier says: no finding (node 0.30)."

"""What a set asks: labels are joined by a sign that is in none of them, and old tasks stay what they are."""

from __future__ import annotations

import pytest

from core.case import ImageSet, Task
from core.checks.check import check
from core.errors import SettingsError
from core.layouts.question import Question


def test_a_task_joined_by_commas_is_written_as_before_one_could_choose() -> None:
    """Its JSON is part of the hash of every version, and of the fingerprint of every run."""
    task = Task(answers=("clear", "hazy"), modality="X-ray")
    assert task.model_dump_json() == (
        '{"modality":"X-ray","answers":["clear","hazy"],"kind":"single","template":"Analyze the given '
        '{modality} image. The possible diagnoses are:{label set}."}'
    )
    assert ImageSet("set", task, ()).fingerprint() == "6f72fe28182b5700b2a34091549c9e15db0f5b9ba24e70c1510ca03fae7d2d8c"
    assert Task.parse(task.model_dump(mode="json"), "task") == task
    assert task.instruction() == "Analyze the given X-ray image. The possible diagnoses are: clear, hazy."


def test_another_sign_stands_in_question_and_answer_and_is_kept() -> None:
    task = Task(answers=("clear", "fracture, old"), kind="multi", separator="; ")
    assert task.instruction().endswith("The possible diagnoses are: clear; fracture, old.")
    assert task.response(task.answers) == "clear; fracture, old"
    assert Task.parse(task.model_dump(mode="json"), "task").separator == "; "


def test_what_mirror_images_mean_is_written_where_it_is_told_and_is_part_of_the_fingerprint() -> None:
    task = Question.parse({"mirrored": "sideways"}, "images").task("a table", ("x", "y"))
    assert task.model_dump(mode="json")["mirrored"] == "sideways"
    assert Task.parse(task.model_dump(mode="json"), "task") == task
    assert Question.model_validate(task.model_dump()).task("again", ("x", "y")) == task
    silent = task.model_copy(update={"mirrored": None})
    assert "mirrored" not in silent.model_dump(mode="json") and Task.parse(silent.model_dump(), "task").mirrored is None
    assert ImageSet("set", task, ()).fingerprint() != ImageSet("set", silent, ()).fingerprint()
    with pytest.raises(SettingsError, match="mirrored"):
        Question.parse({"mirrored": "upside down"}, "images")


def test_a_label_that_holds_the_sign_is_told() -> None:
    findings = {finding.kind: finding for finding in check(ImageSet("set", Task(answers=("a", "b, c")), ())).findings}
    assert '"b, c" holds what stands between labels in the question (",")' in findings["ambiguous_label"].message
    quiet = check(ImageSet("set", Task(answers=("a", "b, c"), separator=" | "), ())).findings
    assert "ambiguous_label" not in {finding.kind for finding in quiet}


def test_a_set_may_be_opened_with_it_and_with_no_other_sign() -> None:
    assert Question.parse({"separator": "; "}, "images").task("a table", ("x", "y")).separator == "; "
    with pytest.raises(SettingsError, match="separator"):
        Question.parse({"separator": "and"}, "images")

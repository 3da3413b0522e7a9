"""From readings to figures, checked on a handful of readings whose figures can be counted."""

from __future__ import annotations

from dataclasses import replace
from math import isnan
from typing import Any

import pytest

from core.case import Case, ImageSet, Task
from core.readings.answer import Answer
from core.readings.reading import Reading
from core.readings.results import evaluate, quick_figures, table
from core.sets.joint import Item, JointSet
from tests.contract.test_methods import Drawn

TASK = Task(answers=("a", "b"))


def read(reader: str, case: str, label: str, of_a: float, set: str = "one", **more: object) -> Reading:
    return Reading(set, case, "test", reader, (label,), None, Answer((of_a, 1 - of_a), **more))  # type: ignore[arg-type]


READINGS = [
    read("tsm", "1", "a", 0.9),
    read("tsm", "2", "a", 0.2),
    read("tsm", "3", "b", 0.4),
    read("tsm", "4", "b", 0.1),
    read("vitask", "4", "b", 0.3, text="b", parsed=("b",)),
    read("vitask", "3", "b", 0.2, text="an a", parsed=("a",)),
    read("vitask", "2", "a", 0.8, text="?"),
    read("vitask", "1", "a", 0.7),
]


def test_readers_are_compared_on_the_same_cases_in_whatever_order_they_came() -> None:
    told = evaluate(READINGS, {"one": TASK}, draws=20, seed=0)
    assert told["cases"] == 4
    assert told["readers"]["tsm"]["accuracy"]["value"] == 0.75
    assert told["readers"]["vitask"]["accuracy"]["value"] == 1
    assert told["differences"]["vitask - tsm"]["accuracy"]["value"] == 0.25
    assert told["confusion"]["tsm"] == [[1, 1], [0, 2]]
    assert told["per_class"]["tsm"]["a"]["sensitivity"]["value"] == 0.5


def test_only_known_patients_are_counted_and_other_cases_are_resampled_one_by_one() -> None:
    def evaluated(*patients: str | None) -> dict[str, Any]:
        """Four times four readings, each four of other patients."""
        rows = [
            replace(reading, case=f"{reading.case} {copy}", patient=patient and f"{patient} {copy}")
            for copy in range(4)
            for reading, patient in zip(READINGS[:4], patients, strict=True)
        ]
        return evaluate(rows, {"one": TASK}, draws=50, seed=0)

    told = evaluated("ann", None, "ann", "")
    assert (told["patients"], told["cases_without_patient"]) == (4, 8)
    assert told["readers"] == evaluated("ann", "bob", "ann", "cy")["readers"]
    assert told["readers"] != evaluated("ann", "bob", "ann", "bob")["readers"]
    none, every = evaluated(None, None, None, None), evaluated("ann", "bob", "ann", "cy")
    assert (none["patients"], none["cases_without_patient"]) == (None, 16)
    assert (every["patients"], every["cases_without_patient"]) == (12, 0)


def test_free_text_is_counted_where_it_was_asked_for() -> None:
    told = evaluate(READINGS, {"one": TASK}, draws=20, seed=0)["free_text"]
    assert told == {"vitask": {"cases": 3, "understood": 2, "right": 1}}


def test_how_much_of_all_lists_was_read_is_a_figure_of_several_labels() -> None:
    shares = {"vlm": (1.0, 0.75, 0.5, 0.75), "vitask": (1.0, 1.0, 0.99, 1.0)}
    rows = [
        read(name, str(number), "a", 0.4 + number / 10, explored=share)
        for name, of_cases in shares.items()
        for number, share in enumerate(of_cases)
    ]
    several = TASK.model_copy(update={"kind": "multi"})
    figures = evaluate(rows, {"one": several}, draws=20, seed=0)
    assert figures["explored"]["vlm"] == {"mean": 0.75, "least": 0.5}
    assert figures["explored"]["vitask"] == pytest.approx({"mean": 0.9975, "least": 0.99})
    assert "hold of the probability of all, mean (least): `vlm` 0.750 (0.500), `vitask` 0.998 (0.990)." in table(
        figures
    )
    assert evaluate(READINGS, {"one": TASK}, draws=20, seed=0)["explored"] == {}
    assert "probability of all" not in table(evaluate(READINGS, {"one": TASK}, draws=20, seed=0))


def test_several_sets_are_told_apart() -> None:
    more = [read("tsm", "1", "b", 0.6, set="two"), read("tsm", "2", "a", 0.7, set="two")]
    told = evaluate(READINGS + more, {"one": TASK, "two": TASK}, draws=20, seed=0)
    assert told["cases"] == 6 and set(told["sets"]) == {"one", "two"}
    assert told["sets"]["two"]["readers"]["tsm"]["accuracy"]["value"] == 0.5
    assert "**two** (2 cases)" in table(told) and "**one** (4 cases)" in table(told)


def test_the_table_has_a_dash_where_a_figure_is_undefined() -> None:
    alike = [read("tsm", "1", "a", 0.9), read("tsm", "2", "a", 0.2)]
    lines = table(evaluate(alike, {"one": TASK}, draws=20, seed=0), ["accuracy", "auroc"]).splitlines()
    assert lines[0] == "| reader | Accuracy | AUROC |"
    assert lines[2].startswith("| tsm | 0.500 [") and lines[2].endswith("| – |")


def test_a_stage_is_judged_by_the_mean_over_sets() -> None:
    sets = tuple(
        ImageSet(name, TASK, tuple(Case(str(n), Drawn(n), (label,), "val") for n, label in enumerate(labels)))
        for name, labels in (("one", "ab"), ("two", "aabb"))
    )
    joint_set = JointSet(sets)
    probabilities = [(0.9, 0.1), (0.8, 0.2), (0.9, 0.1), (0.9, 0.1), (0.1, 0.9), (0.1, 0.9)]
    assert quick_figures(joint_set.items("val"), probabilities, joint_set)["accuracy"] == pytest.approx((0.5 + 1) / 2)
    only = [item for item in joint_set.items("val") if item.set == 1]
    assert quick_figures(only, probabilities[2:], joint_set)["accuracy"] == 1


def test_a_reader_that_answers_with_no_numbers_has_no_figure_to_be_chosen_by() -> None:
    one = ImageSet("one", TASK, (Case("1", Drawn(1), ("a",), "val"),))
    told = quick_figures([Item(0, one.cases[0])], [(0.5, 0.5)], JointSet((one,)))
    assert isnan(told["auroc"]) and told["accuracy"] == 1

"""Figures of probes, worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from core.case import Case
from core.readings.probe_figures import NOTES, probe_figures, probe_notes, probes_as_markdown, tables
from core.sets.facts import FactKind
from core.sets.sentences import CaptionPair, CaseProbes, PresenceQuestion
from core.statistics.ends import FEW
from tests.sets.test_facts import Nothing


def probed(case: str, patient: str | None, kinds: tuple[FactKind, ...], truth: dict[str, bool]) -> CaseProbes:
    pairs = tuple(CaptionPair(kind, "true", "false") for kind in kinds)
    questions = tuple(PresenceQuestion(label, is_there, "?", "not?") for label, is_there in truth.items())
    return CaseProbes(Case(case, Nothing(), (), patient=patient), pairs, questions)


PROBED = [
    probed("a", "P1", ("place", "size"), {"cat": True, "owl": False}),
    probed("b", "P1", ("place",), {"cat": False}),
    probed("c", None, ("place",), {"cat": True}),
]
SCORES = {
    "vlm": [[(-1.0, -2.0), (-2.0, -1.0)], [(-3.0, -3.0)], [(-5.0, -1.0)]],
    "vitask": [[(-1.0, -2.0), (-1.0, -2.0)], [(-1.0, -2.0)], [(-1.0, -2.0)]],
}
BLIND = {reader: [[(-1.0, -2.0)] * len(of_case) for of_case in rows] for reader, rows in SCORES.items()}
BLIND["vitask"] = [[(-2.0, -1.0), (-1.0, -2.0)], [(-2.0, -1.0)], [(-1.0, -2.0)]]
LEANINGS = {
    "vlm": [[(1.0, 1.0), (2.0, 3.0)], [(-1.0, -1.0)], [(1.0, -1.0)]],
    "vitask": [[(1.0, -1.0), (-1.0, 1.0)], [(-1.0, 1.0)], [(1.0, -1.0)]],
}


def figures(draws: int = 50) -> Any:
    return probe_figures(PROBED, SCORES, BLIND, LEANINGS, draws, 0)


def test_the_first_pair_of_each_kind_is_the_example() -> None:
    first, second = (CaptionPair("size", f"{name} large", f"{name} small") for name in ("first", "second"))
    cases = [CaseProbes(Case(name, Nothing(), ()), pairs, ()) for name, pairs in (("a", (first,)), ("b", (second,)))]
    none = {"vlm": [[(0.0, 0.0)], [(0.0, 0.0)]]}
    examples = probe_figures(cases, none, none, {}, 20, 0)["composition"]["examples"]
    assert examples == {"size": ["first large", "first small"]}


def test_the_true_caption_wins_where_it_is_likelier_and_a_tie_counts_half() -> None:
    composition = figures()["composition"]
    assert composition["pairs"] == {"all": 4, "place": 3, "size": 1}
    assert composition["titles"] == {"all": "All", "place": "Upper or lower", "size": "Size"}
    values = {name: figure["value"] for name, figure in composition["readers"]["vlm"].items()}
    assert values == {"all": pytest.approx((1 + 0 + 0.5 + 0) / 4), "place": pytest.approx((1 + 0.5 + 0) / 3), "size": 0}
    assert {figure["value"] for figure in composition["readers"]["vitask"].values()} == {1.0}
    blind = {name: figure["value"] for name, figure in composition["blind"]["vitask"].items()}
    assert blind == {"all": 0.5, "place": pytest.approx(1 / 3), "size": 1}
    difference = composition["differences"]["vitask - vlm"]["all"]
    assert difference["value"] == pytest.approx(1 - 1.5 / 4)


def test_a_contradiction_is_the_same_answer_to_a_question_and_its_opposite() -> None:
    presence = figures()["presence"]
    assert presence["questions"] == 4
    values = {name: figure["value"] for name, figure in presence["readers"]["vlm"].items()}
    # a/cat yes, yes; a/owl yes, yes; b/cat no, no; c/cat yes, no
    assert values == {"contradictions": 3 / 4, "accuracy": (0.5 + 0.5 + 0.5 + 1) / 4, "yes": (1 + 1 + 0 + 0.5) / 4}
    perfect = {name: figure["value"] for name, figure in presence["readers"]["vitask"].items()}
    assert perfect == {"contradictions": 0, "accuracy": 1, "yes": 0.5}
    of_cat = presence["labels"]["cat"]
    assert of_cat["questions"] == 3 and of_cat["readers"]["vlm"]["contradictions"]["value"] == pytest.approx(2 / 3)
    assert presence["labels"]["owl"]["readers"]["vlm"]["contradictions"]["value"] == 1


def test_all_that_was_asked_of_a_patient_counts_together() -> None:
    """Sixteen cases, every fourth patient's replies alike: of four patients they tell less than of sixteen."""
    of_two = figures()["presence"]["readers"]["vlm"]["contradictions"]
    assert of_two["low"] is None and of_two["why"] == FEW  # two groups, P1 and case c

    def contradictions(patients: Sequence[str | None]) -> Any:
        cases = [probed(str(number), patient, (), {"cat": True}) for number, patient in enumerate(patients)]
        leanings = {"vlm": [[(1.0, 1.0 if number < 12 else -1.0)] for number in range(16)]}
        none: Any = {"vlm": [[]] * 16}
        return probe_figures(cases, none, none, leanings, 400, 0)["presence"]["readers"]["vlm"]["contradictions"]

    alone, alike = contradictions([None] * 16), contradictions([f"P{number // 4}" for number in range(16)])
    assert 0 < alone["low"] < alone["value"] == 0.75 < alone["high"] < 1
    assert alike["low"] < alone["low"] and alone["high"] < alike["high"]


def test_a_set_without_boxes_has_no_composition_and_a_reader_that_is_not_asked_no_presence() -> None:
    questions = [probed("a", None, (), {"cat": True})]
    boxless = probe_figures(questions, {"vlm": [[]]}, {"vlm": [[]]}, {"vlm": [[(1.0, 1.0)]]}, 20, 0)
    assert boxless["composition"]["pairs"] == {"all": 0} and boxless["composition"]["readers"] == {}
    assert not math.isnan(boxless["presence"]["readers"]["vlm"]["contradictions"]["value"])
    shown = probe_figures(PROBED, SCORES, BLIND, {}, 20, 0)
    assert shown["presence"]["readers"] == {} and set(shown["composition"]["readers"]) == {"vlm", "vitask"}


def test_people_are_told_each_figure_with_its_interval_and_what_it_means() -> None:
    probes = {"sets": {"pets": figures()}, "notes": ["Mind the gap."]}
    titles = [title for title, _, _ in tables(probes)]
    assert titles[0] == "Composition: which of two captions is likelier (3 cases)"
    assert titles[1] == "The same pairs, with another case's picture"
    assert titles[2] == "Presence questions asked both ways (3 cases, 4 pairs)"
    text = probes_as_markdown(probes)
    assert "| reader | All (4 pairs) | Upper or lower (3) | Size (1) |" in text
    assert f"| vitask | 0.000 (no interval: {FEW}) | 1.000 (no interval: {FEW}) | 0.500 (no interval: {FEW}) |" in text
    examples = [f"{title}, for example: “true” is true, “false” is not." for title in ("Upper or lower", "Size")]
    assert probe_notes(probes) == ["Mind the gap.", *NOTES, *examples] and "arXiv 2605.05810" in NOTES[1]
    several = {"sets": {"pets": figures(), "birds": figures()}, "notes": []}
    assert "likelier (3 cases of birds)" in probes_as_markdown(several)

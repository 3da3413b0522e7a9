"""The drawings: the same under a seed, and truthful about themselves."""

from __future__ import annotations

import numpy as np
import pytest

from core.starter import cells, colours, questions, shapes
from core.starter.canvas import Canvas
from core.starter.drawing import Draw, place
from core.starter.looks import LOOKS, draw

EVERY_LOOK = [look for look, _ in LOOKS]


def look_id(look: Draw) -> str:
    return str(getattr(look, "__name__", look))


@pytest.mark.parametrize("look", EVERY_LOOK, ids=look_id)
def test_a_look_is_the_same_under_the_same_seed(look: Draw) -> None:
    first, again, other = (look(np.random.default_rng(seed), 48) for seed in (5, 5, 6))
    assert np.array_equal(first.pixels, again.pixels)
    assert (first.caption, first.facts, first.measures) == (again.caption, again.facts, again.measures)
    assert not np.array_equal(first.pixels, other.pixels)


@pytest.mark.parametrize("look", EVERY_LOOK, ids=look_id)
def test_a_look_fills_the_size_that_is_asked_for_and_measures_in_range(look: Draw) -> None:
    rng = np.random.default_rng(0)
    for side in (28, 64):
        drawing = look(rng, side)
        assert drawing.pixels.shape == (side, side, 3)
        assert drawing.pixels.dtype == np.uint8
        assert all(-0.5 <= value <= 1.5 for value in drawing.measures.values()), drawing.measures


def test_every_answer_agrees_with_what_was_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "PICTURES", 200)
    values = questions.survey(0).values
    rng = np.random.default_rng(1)
    told_yes = told_no = 0
    for _ in range(300):
        drawing = draw(rng, 16)
        question, answer = questions.fact_question(rng, drawing, values)
        if answer in ("yes", "no") and question.startswith("Is the "):
            claim = question.removeprefix("Is the ").removesuffix("?")
            true = any(claim == f"{noun} {value}" for noun, value in drawing.facts.items())
            assert true == (answer == "yes"), (question, drawing.facts)
            told_yes, told_no = told_yes + true, told_no + (not true)
        else:
            nouns = [noun for noun in drawing.facts if noun in question]
            assert answer in {drawing.facts[noun] for noun in nouns}, (question, answer)
    assert told_yes > 5
    assert told_no > 5


def test_the_painted_background_has_the_colour_that_is_named() -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        drawing = shapes.scene(rng, 32)
        if drawing.facts["background texture"] == "plain" and drawing.measures["covered"] < 0.2:
            pixels, times = np.unique(drawing.pixels.reshape(-1, 3), axis=0, return_counts=True)
            red, green, blue = pixels[times.argmax()] / 255
            assert colours.name((red, green, blue)) == drawing.facts["background colour"]


@pytest.mark.parametrize(
    ("colour", "words"),
    [
        ((1.0, 0.0, 0.0), "red"),
        ((0.0, 0.0, 0.5), "dark blue"),
        ((0.8, 1.0, 0.8), "pale green"),
        ((0.5, 0.5, 0.5), "grey"),
        ((0.02, 0.02, 0.02), "black"),
        ((1.0, 1.0, 1.0), "white"),
        ((0.35, 0.25, 0.25), "dark dull red"),
    ],
)
def test_colours_have_the_names_that_people_would_give(colour: colours.Colour, words: str) -> None:
    assert colours.name(colour) == words


def test_places_are_named_from_the_upper_left() -> None:
    assert place(0.1, 0.1) == "upper left"
    assert place(0.5, 0.5) == "centre"
    assert place(0.9, 0.5) == "right edge"
    assert place(0.5, 0.9) == "lower edge"


def test_a_disc_covers_its_area() -> None:
    canvas = Canvas(np.random.default_rng(0), 100, (0.0, 0.0, 0.0))
    canvas.paint(canvas.ellipse(0.5, 0.5, 0.3, 0.3), (1.0, 1.0, 1.0))
    assert canvas.pixels[..., 0].mean() == pytest.approx(np.pi * 0.09, rel=0.01)


def test_a_dot_is_what_an_ellipse_would_be() -> None:
    dotted, painted = (Canvas(np.random.default_rng(0), 64, (0.0, 0.0, 0.0)) for _ in range(2))
    dotted.dot((0.03, 0.6), (0.08, 0.04), (1.0, 0.5, 0.0), angle=0.7)
    painted.paint(painted.ellipse(0.03, 0.6, 0.08, 0.04, 0.7), (1.0, 0.5, 0.0))
    assert np.allclose(dotted.pixels, painted.pixels, atol=1e-5)


def test_a_lobed_nucleus_holds_together_and_a_missing_one_is_nowhere() -> None:
    rng = np.random.default_rng(3)
    canvas = Canvas(rng, 64, (1.0, 1.0, 1.0))
    cell = cells.random_cell(rng)
    for form in cells.FORMS:
        inside = (
            cells.nucleus(canvas, cells.Cell(**{**vars(cell), "form": form, "radius": 0.4, "x": 0.5, "y": 0.5})) < 0
        )
        assert inside.any() == (form != "no"), form

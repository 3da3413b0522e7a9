"""Captions from labels, attributes, reports and columns; what is missing is told by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.case import Box, Case, ImageSet, Task
from core.errors import DataError
from core.pictures.pixels import FilePixels
from core.sets.box_words import Margins, usual_lengths
from core.sets.captions import Caption, CaptionSettings, attributes, caption, refuse_untold, within
from core.sets.facts import Yardsticks, facts_of

TASK = Task(modality="drawn cell", answers=("round nucleus", "bean nucleus"))
PIXELS = FilePixels(Path("nowhere.png"))
USUAL = {"cell": 0.5, "nucleus": 0.4, "spot": 0.35}
CELL, NUCLEUS = Box("cell", 0.1, 0.1, 0.8, 0.8), Box("nucleus", 0.1, 0.2, 0.3, 0.4)


def case(**more: object) -> Case:
    return Case("cell 1", PIXELS, ("bean nucleus",), **more)  # type: ignore[arg-type]


def test_a_label_alone_is_the_short_caption_and_a_description_the_long_one() -> None:
    called = caption(case(more={"stain": "rose"}, boxes=(NUCLEUS,)), TASK, CaptionSettings(), USUAL)
    assert called == Caption(
        "bean nucleus",
        "This is a drawn cell image. What it shows is called bean nucleus. Its stain is rose. "
        "There is a small nucleus in the upper left. "
        "It is not called round nucleus, which other images of this kind may be.",
    )


def test_what_is_usual_is_learned_from_training_cases_alone_where_they_have_such_boxes() -> None:
    small, large, spot = Box("cell", 0, 0, 0.2, 0.2), Box("cell", 0, 0, 0.8, 0.8), Box("spot", 0, 0, 0.1, 0.1)
    cases = [case(boxes=(small,), split="train"), case(boxes=(large, spot), split="test")]
    assert usual_lengths(cases) == pytest.approx({"cell": 0.2, "spot": 0.1})
    assert usual_lengths([case(boxes=(small,)), case(boxes=(large,))]) == pytest.approx({"cell": 0.5})


def test_attributes_stand_in_the_short_caption_where_they_are_asked_for() -> None:
    called = caption(
        case(more={"stain": "rose", "note": " "}, boxes=(CELL,)), TASK, CaptionSettings(captions="attributes"), USUAL
    )
    assert called.short == "bean nucleus, rose stain, a large cell in the middle"


def test_the_largest_of_several_boxes_is_placed_and_all_are_counted() -> None:
    boxes = (Box("spot", 0.7, 0.7, 0.8, 0.8), Box("spot", 0.6, 0.1, 0.95, 0.5), Box("spot", 0, 0, 0.1, 0.1), CELL)
    assert attributes(case(boxes=boxes), USUAL) == [
        "a spot in the upper right, 3 of them",
        "a large cell in the middle",
    ]


@given(st.lists(st.integers(0, 20), min_size=4, max_size=4))
def test_captions_and_probes_say_the_same_of_a_box(numbers: list[int]) -> None:
    """Both are held to limits on whole pixels, as people draw: there each would decide in its own way."""
    left, top, wide, high = numbers
    box = Box("cell", left / 40, top / 40, (left + wide + 1) / 40, (top + high + 1) / 40)
    boxed = case(boxes=(box,))
    yardsticks = Yardsticks(TASK, USUAL, {}, {})
    word_of = {fact.kind: fact.word for fact in facts_of(boxed, yardsticks, Margins())}
    size = f"{word_of['size']} " if "size" in word_of else ""
    place = [word_of[kind] for kind in ("place", "side") if kind in word_of]
    assert attributes(boxed, USUAL) == [f"a {size}cell in the {' '.join(place) or 'middle'}"]


def test_a_report_gives_its_first_sentence_and_the_whole() -> None:
    text = "A bean, 2.5 mm wide. Pale plasm. No granules!"
    assert caption(case(report=text), TASK, CaptionSettings(captions="report"), USUAL) == Caption(
        "A bean, 2.5 mm wide.", text
    )


def test_a_column_gives_captions_by_its_name() -> None:
    settings = CaptionSettings(captions="column", caption_column="words")
    assert caption(case(more={"words": " curved and dark "}), TASK, settings, USUAL) == Caption(
        "curved and dark", "curved and dark"
    )


@pytest.mark.parametrize(
    ("settings", "cases", "message"),
    [
        (
            {"captions": "column", "caption_column": "words"},
            [case(more={"stain": "rose"})],
            r'have no column "words" for captions. It has: stain. Name one',
        ),
        (
            {"captions": "column", "caption_column": "words"},
            [case(more={"words": "curved"}), case(more={"words": " "})],
            r'column "words" of cells.* is empty for 1 of 2 cases, "cell 1" the first',
        ),
        ({"captions": "report"}, [case(), case()], r"The report of cells.* is empty for 2 of 2 cases"),
    ],
)
def test_captions_that_are_not_there_are_told_by_name(
    settings: dict[str, str], cases: list[Case], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        refuse_untold(ImageSet("cells", TASK, tuple(cases)), CaptionSettings(**settings))  # type: ignore[arg-type]


def test_labels_and_attributes_are_never_missing() -> None:
    for source in ("labels", "attributes"):
        refuse_untold(ImageSet("cells", TASK, (case(),)), CaptionSettings(captions=source))


def test_a_text_is_cut_between_words() -> None:
    assert within("a very  long caption", 11, len) == "a very long"
    assert within("a", 0, len) == "a"

"""Facts and probes: true by boxes, labels and columns alone, silent near every limit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image

from core.case import Box, Case, ImageSet, Kind, Task
from core.errors import SettingsError
from core.sets.box_words import Margins
from core.sets.facts import Fact, Yardsticks, facts_of, presences
from core.sets.sentences import caption_pairs, presence_questions

MARGINS = Margins()


class Nothing:
    """Pixels that nobody may look at."""

    def load(self) -> Image.Image:
        raise AssertionError("facts are not looked up in pictures")

    def digest(self) -> str:
        return ""


def square(label: str, across: float, down: float, length: float = 0.2) -> Box:
    half = length / 2
    return Box(label, across - half, down - half, across + half, down + half)


def case_of(*boxes: Box, labels: tuple[str, ...] = ("cat",), name: str = "a", **more: str) -> Case:
    return Case(name, Nothing(), labels, split="test", boxes=boxes or None, more=more)


def yardsticks(*cases: Case, answers: tuple[str, ...] = ("cat", "owl"), kind: Kind = "single") -> Yardsticks:
    return Yardsticks.of(ImageSet("set", Task(modality="drawn", answers=answers, kind=kind), cases))


def sentences(case: Case, measure: Yardsticks, kind: str) -> list[str]:
    return [fact.sentence for fact in facts_of(case, measure, MARGINS) if fact.kind == kind]


@pytest.mark.parametrize(
    ("across", "down", "side", "place"),
    [
        (0.2, 0.3, ["The eye is in the left half of the picture."], ["The eye is in the upper half of the picture."]),
        (0.8, 0.9, ["The eye is in the right half of the picture."], ["The eye is in the lower half of the picture."]),
        (0.46, 0.54, [], []),
        (0.44, 0.56, ["The eye is in the left half of the picture."], ["The eye is in the lower half of the picture."]),
    ],
)
def test_a_lone_box_is_on_a_side_unless_it_is_near_the_middle(
    across: float, down: float, side: list[str], place: list[str]
) -> None:
    case = case_of(square("eye", across, down))
    assert sentences(case, yardsticks(case), "side") == side
    assert sentences(case, yardsticks(case), "place") == place


def test_of_several_boxes_of_a_kind_only_their_number_is_certain() -> None:
    case = case_of(square("eye", 0.2, 0.2), square("eye", 0.3, 0.2))
    kinds = [fact.kind for fact in facts_of(case, yardsticks(case), MARGINS)]
    assert kinds == ["count", "negation", "negation", "negation"]
    assert sentences(case, yardsticks(case), "count") == ["The picture shows two of the kind eye."]


def test_a_number_is_held_against_those_of_other_pictures_and_none_is_counted_past_nine() -> None:
    cases = [case_of(*[square("eye", 0.2, 0.2)] * number, square("ear", 0.2, 0.2)) for number in (1, 2, 9, 10)]
    measure = yardsticks(*cases)
    others = [[fact.others for fact in facts_of(case, measure, MARGINS) if fact.kind == "count"] for case in cases]
    of_ear = ()  # every picture has one of it
    assert others == [[("two", "nine"), of_ear], [("one", "nine"), of_ear], [("one", "two"), of_ear], [of_ear]]


def test_a_box_is_large_or_small_beside_the_median_of_its_kind() -> None:
    cases = [case_of(square("eye", 0.5, 0.5, length)) for length in (0.1, 0.19, 0.2, 0.21, 0.4)]
    measure = yardsticks(*cases, case_of(square("ear", 0.5, 0.5, 0.9)))
    assert measure.lengths == {"ear": pytest.approx(0.9), "eye": pytest.approx(0.2)}
    sizes = [sentences(case, measure, "size") for case in cases]
    assert sizes == [["The eye is small."], [], [], [], ["The eye is large."]]


def test_wider_margins_leave_less_that_is_certain() -> None:
    case, other = case_of(square("eye", 0.4, 0.4, 0.3)), case_of(square("eye", 0.4, 0.4))
    measure = yardsticks(other, other, case)
    assert {"place", "side", "size"} <= {fact.kind for fact in facts_of(case, measure, MARGINS)}
    wide = Margins(middle=0.2, size=1)
    assert not {"place", "side", "size"} & {fact.kind for fact in facts_of(case, measure, wide)}
    with pytest.raises(SettingsError, match="middle"):
        Margins.parse({"middle": 0.5}, "")


def test_what_is_there_is_said_and_what_is_not_is_denied() -> None:
    case = case_of(square("iris", 0.5, 0.5), square("cells", 0.5, 0.5), labels=("owl",))
    boxless = case_of(labels=("owl",))
    measure = yardsticks(case, case_of(square("pupil", 0.5, 0.5)), answers=("cat", "owl"))
    assert sentences(case, measure, "negation") == [
        "There is no cat.",
        "There is an owl.",
        "There are some cells.",
        "There is an iris.",
        "There is no pupil.",
    ]
    assert sentences(boxless, measure, "negation") == ["There is no cat.", "There is an owl."], "nobody drew boxes"
    looked_at = sentences(replace(boxless, boxes=()), measure, "negation")
    assert looked_at[2:] == ["There are no cells.", "There is no iris.", "There is no pupil."]


@pytest.mark.parametrize(
    ("label", "sentence"),
    [
        ("RBC", "There is an RBC."),
        ("WBC count", "There is a WBC count."),
        ("X", "There is an X."),
        ("Owl", "There is an Owl."),
        ("mass", "There is a mass."),
        ("pancreas", "There is a pancreas."),
        ("femur-left", "There is a femur-left."),
        ("platelets", "There are some platelets."),
    ],
)
def test_a_label_has_its_article(label: str, sentence: str) -> None:
    case = case_of(labels=(label,))
    assert sentences(case, yardsticks(case, answers=(label, "cat")), "negation") == [sentence, "There is no cat."]


def test_a_case_of_several_labels_or_of_none_has_what_it_is_labelled_with() -> None:
    both, neither = case_of(labels=("cat", "owl")), case_of(labels=())
    measure = yardsticks(both, kind="multi")
    assert sentences(both, measure, "negation") == ["There is a cat.", "There is an owl."]
    assert sentences(neither, measure, "negation") == ["There is no cat.", "There is no owl."]


@pytest.mark.parametrize(
    ("answers", "sentence", "others"),
    [
        (("no finding", "mild", "severe"), "The severity is mild.", ("severe",)),
        (("mild", "grade 1 of 3", "grade 2 of 3"), "The severity is mild.", None),
    ],
)
def test_a_grade_is_held_against_those_that_differ_in_one_word(
    answers: tuple[str, ...], sentence: str, others: tuple[str, ...] | None
) -> None:
    case = case_of(labels=("mild",))
    facts = facts_of(case, yardsticks(case, answers=answers, kind="ordinal"), MARGINS)
    expected = [] if others is None else [Fact("severity", "The severity is ", "mild", ".", others)]
    assert list(facts) == expected
    assert all(fact.sentence == sentence for fact in facts)


def test_the_word_of_a_grade_may_stand_anywhere_in_it() -> None:
    case = case_of(labels=("grade 1 of 3",))
    measure = yardsticks(case, answers=("mild", "grade 1 of 3", "grade 2 of 3", "grade 3 of 3"), kind="ordinal")
    (fact,) = facts_of(case, measure, MARGINS)
    assert (fact.sentence, fact.others) == ("The severity is grade 1 of 3.", ("2", "3"))
    assert fact.with_word("2") == "The severity is grade 2 of 3."


def test_columns_of_a_few_words_are_attributes_and_others_are_not() -> None:
    cases = [
        case_of(stain=stain, side_of_body=side, age=age, note=note, same="x")
        for stain, side, age, note in (("blue", "left", "61", "two words"), ("rose", "", "35", "word"))
    ]
    measure = yardsticks(*cases, case_of(side_of_body="right"))
    assert measure.attributes == {"stain": ("blue", "rose"), "side_of_body": ("left", "right")}
    assert sentences(cases[0], measure, "attribute") == ["The stain is blue.", "The side of body is left."]
    assert sentences(cases[1], measure, "attribute") == ["The stain is rose."]


def test_a_pair_differs_in_one_word_and_is_the_same_for_the_same_seed() -> None:
    box = square("iris", 0.2, 0.3)
    lashes = [[square("lash", 0.5, 0.5)] * (2 + number % 2) for number in range(30)]
    cases = [
        case_of(box, *lashes[number], name=str(number), stain=("blue", "rose")[number % 2]) for number in range(30)
    ]
    measure = yardsticks(*cases, case_of(square("iris", 0.5, 0.5, 0.6)), case_of(square("iris", 0.5, 0.5, 0.6)))
    drawn = [caption_pairs(case, measure, MARGINS, 3) for case in cases]
    assert drawn == [caption_pairs(case, measure, MARGINS, 3) for case in cases]
    assert drawn != [caption_pairs(case, measure, MARGINS, 4) for case in cases]
    kinds = ["place", "side", "count", "negation", "negation", "attribute"]
    for case, pairs in zip(cases, drawn, strict=True):
        facts = {fact.sentence: fact for fact in facts_of(case, measure, MARGINS)}
        assert [pair.kind for pair in pairs] == kinds
        assert sum(" no " in pair.true for pair in pairs) == sum(" no " in pair.false for pair in pairs) == 1
        for pair in pairs:
            words = zip(pair.true.split(), pair.false.split(), strict=True)
            assert sum(true != false for true, false in words) == 1
            assert pair.true in facts and pair.false not in facts


def test_every_label_is_asked_for_both_ways() -> None:
    case = case_of(square("cells", 0.5, 0.5), labels=("owl",))
    both_ways = [(each.question, each.opposite, each.is_there) for each in presence_questions(case, yardsticks(case))]
    assert both_ways == [
        ("Is there a cat?", "Is there no cat?", False),
        ("Is there an owl?", "Is there no owl?", True),
        ("Are there any cells?", "Are there no cells?", True),
    ]
    graded = yardsticks(case, answers=("mild", "owl"), kind="ordinal")
    first = presence_questions(replace(case, boxes=None), graded)[0]
    assert (first.question, first.opposite, first.is_there) == (
        "Is the severity mild?",
        "Is the severity not mild?",
        False,
    )


def test_that_nothing_is_found_is_no_thing_to_have_and_a_label_that_disagrees_with_its_boxes_is_not_known() -> None:
    measure = yardsticks(case_of(square("cat", 0.5, 0.5)), answers=("cat", "no finding"))
    assert presences(case_of(square("cat", 0.5, 0.5)), measure) == [("cat", True)]
    assert presences(replace(case_of(labels=("no finding",)), boxes=()), measure) == [("cat", False)]
    assert presences(case_of(square("cat", 0.5, 0.5), labels=("no finding",)), measure) == []

"""Boxes with scores: COCO's rule worked by hand, in plain loops, and by COCO's own evaluation where installed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from core.case import Box, Case
from core.pictures.pixels import FilePixels
from core.readings.regions import Region, Regions
from core.statistics.detection import THRESHOLDS, matched, overlaps
from core.statistics.ends import Floats
from core.statistics.intervals import measured

Corners = tuple[float, float, float, float]
WHOLE: Corners = (0, 0, 1, 1)
LEFT: Corners = (0, 0, 0.5, 1)
RIGHT: Corners = (0.5, 0, 1, 1)
AT_62: Corners = (0, 0, 0.31, 1)
"""Of LEFT, 62 hundredths."""


def region(label: str, corners: Corners, score: float = 1) -> Region:
    left, top, right, bottom = corners
    return Region(label=label, left=left, top=top, right=right, bottom=bottom, score=score)


def drawn(*boxes: tuple[str, Corners, float], labels: Sequence[str] = ("cell",), unread: Sequence[str] = ()) -> Regions:
    return Regions(regions=tuple(region(*box) for box in boxes), labels=tuple(labels), unread=tuple(unread))


def true(*boxes: tuple[str, Corners], also: Sequence[str] = ()) -> Regions:
    """What a set says; labels in `also` are on the picture, and nobody drew around them."""
    labels = dict.fromkeys([*(label for label, _ in boxes), *also])
    return Regions(regions=tuple(region(*box) for box in boxes), labels=tuple(labels))


def figures(statements: Sequence[Regions], references: Sequence[Regions]) -> dict[str, float]:
    values = Regions.measured(statements, references)(np.ones((len(statements), 1)))
    return {name: float(value[0]) for name, value in values.items()}


def case(boxes: tuple[Box, ...] | None, *labels: str) -> Case:
    return Case("1.png", FilePixels(Path("1.png")), labels, boxes=boxes)


@pytest.mark.parametrize(
    "change", [{"left": 0.6}, {"top": 0.9}, {"right": 1.1}, {"left": -0.1}, {"score": 1.5}, {"bottom": float("nan")}]
)
def test_what_is_no_box_of_the_picture_is_refused(change: dict[str, float]) -> None:
    values = {"label": "cell", "left": 0.1, "top": 0.2, "right": 0.5, "bottom": 0.6, "score": 0.5}
    assert Region.model_validate(values).score == 0.5
    with pytest.raises(ValidationError):
        Region.model_validate(values | change)


def test_a_region_is_of_a_label_that_was_asked_about() -> None:
    with pytest.raises(ValidationError, match="a region is of blot, which was not asked about"):
        drawn(("blot", LEFT, 0.9))
    with pytest.raises(ValidationError, match="an answer is unreadable that nobody asked for"):
        drawn(unread=("dot",))


def test_the_reference_is_what_the_set_has_drawn_and_nothing_is_not_the_same_as_not_known() -> None:
    boxes = (Box("cell", 0, 0, 0.5, 1), Box("cell", 0.5, 0, 1, 1))
    assert Regions.reference(case(boxes, "cell", "blot")) == true(("cell", LEFT), ("cell", RIGHT), also=["blot"])
    assert Regions.reference(case(())) == Regions(regions=(), labels=())
    assert Regions.reference(case(None, "cell")) is None


def test_words_tell_the_surest_first_and_where_they_are() -> None:
    statement = drawn(("cell", (0.1, 0.2, 0.5, 0.6), 0.7), ("cell", LEFT, 0.9), ("cell", RIGHT, 0.4))
    assert (
        statement.words()
        == "cell 90% (0% to 50% across, 0% to 100% down); cell 70% (10% to 50% across, 20% to 60% down)"
    )
    assert drawn(("cell", LEFT, 0.4)).words() == "nothing"
    assert drawn(*[("cell", LEFT, 0.9)] * 7).words().endswith("; 2 more")
    assert drawn(labels=["a", "b"], unread=["a"]).words() == "nothing; 1 of 2 answers unreadable"


def test_precision_is_read_at_a_hundred_and_one_recalls() -> None:
    """A hit, a miss, a hit: precision 1 up to half of the true boxes (51 recalls), 2/3 for the rest (50 of them)."""
    statements = [drawn(("cell", LEFT, 0.9)), drawn(("cell", LEFT, 0.8), ("cell", RIGHT, 0.7))]
    worth = figures(statements, [true(("cell", LEFT)), true(("cell", RIGHT))])
    assert worth["map_50"] == pytest.approx((51 + 50 * 2 / 3) / 101) and worth["map"] == pytest.approx(worth["map_50"])
    assert worth["acc_50"] == 0.5


def test_a_box_counts_up_to_the_overlap_that_it_has() -> None:
    worth = figures([drawn(("cell", AT_62, 0.9))], [true(("cell", LEFT))])
    assert (worth["map_50"], worth["acc_50"]) == (1, 1)
    assert worth["map"] == pytest.approx(0.3), "at .5, .55 and .6 of ten"


def test_a_true_box_is_taken_once_and_by_the_surest_that_overlaps_it() -> None:
    overlapping = overlaps(np.array([AT_62, LEFT]), np.array([LEFT]))
    hits = matched(overlapping)
    assert hits[0].tolist() == [True, False], "at .5 the surer one has it, though the other fits better"
    assert hits[-1].tolist() == [False, True]


def test_of_true_boxes_that_overlap_alike_the_last_is_taken() -> None:
    hits = matched(overlaps(np.array([WHOLE, RIGHT]), np.array([LEFT, RIGHT])))
    assert hits[0].tolist() == [True, False] and hits[1].tolist() == [False, True]


def test_boxes_of_the_same_score_keep_their_order() -> None:
    first_right = figures([drawn(("cell", LEFT, 0.5), ("cell", RIGHT, 0.5))], [true(("cell", LEFT))])
    first_wrong = figures([drawn(("cell", RIGHT, 0.5), ("cell", LEFT, 0.5))], [true(("cell", LEFT))])
    assert (first_right["map_50"], first_wrong["map_50"]) == (1, 0.5)
    assert (first_right["acc_50"], first_wrong["acc_50"]) == (1, 0)


def test_a_label_of_which_nothing_was_drawn_counts_and_one_that_is_nowhere_does_not() -> None:
    labels = ("cell", "blot", "dirt")
    statements = [drawn(("cell", LEFT, 0.9), ("dirt", LEFT, 0.9), labels=labels), drawn(labels=labels)]
    worth = figures(statements, [true(("cell", LEFT), ("blot", RIGHT)), true()])
    assert (worth["map_50"], worth["acc_50"]) == (0.5, 0.5)
    assert worth["nothing"] == 0.75, "of dirt in both, cell and blot in the second, dirt was said once"


def test_what_is_there_and_was_not_drawn_around_is_not_measured() -> None:
    """As COCO leaves out what lies on a crowd."""
    statements = [drawn(("cell", LEFT, 0.9)), drawn(("cell", RIGHT, 0.95))]
    worth = figures(statements, [true(("cell", LEFT)), true(also=["cell"])])
    assert worth["map_50"] == 1 and np.isnan(worth["nothing"])
    assert figures(statements, [true(("cell", LEFT)), true()])["map_50"] == 0.5


def test_labels_that_were_not_asked_about_are_no_part_of_the_reference() -> None:
    worth = figures([drawn(("cell", LEFT, 0.9))], [true(("cell", LEFT), ("blot", RIGHT))])
    assert (worth["map"], worth["acc_50"]) == (1, 1)


def test_the_hundred_surest_boxes_of_a_picture_count() -> None:
    wrong = [("cell", RIGHT, 0.9 - number / 1000) for number in range(100)]
    assert figures([drawn(*wrong[:99], ("cell", LEFT, 0.5))], [true(("cell", LEFT))])["map_50"] == pytest.approx(0.01)
    assert figures([drawn(*wrong, ("cell", LEFT, 0.5))], [true(("cell", LEFT))])["map_50"] == 0


def test_weak_boxes_say_nothing_and_what_is_unreadable_says_neither_that_nor_where() -> None:
    labels = ("cell", "blot")
    statements = [
        drawn(("cell", LEFT, 0.49), labels=labels, unread=("blot",)),
        drawn(("cell", LEFT, 0.5), labels=labels),
    ]
    worth = figures(statements, [true(), true()])
    assert (worth["nothing"], worth["unparsed"]) == (0.5, 0.25)
    assert np.isnan([worth["acc_50"], worth["map_50"], worth["map"]]).all()


def test_figures_come_with_intervals_over_patients() -> None:
    statements = [drawn(("cell", LEFT if number % 3 else RIGHT, 0.9)) for number in range(30)]
    references = [true(("cell", LEFT))] * 30
    worth = measured(Regions.measured(statements, references), 30, [f"P{number // 2}" for number in range(30)], 200, 0)
    assert worth["acc_50"].value == pytest.approx(2 / 3)
    for name in ("acc_50", "map_50", "map"):
        assert worth[name].low < worth[name].value < worth[name].high
    assert list(worth) == list(Regions.FIGURES)


def by_loops(statements: Sequence[Regions], references: Sequence[Regions], label: str) -> list[float]:
    """Average precision at each threshold, as COCO's evaluation goes about it: picture by picture, box by box."""
    averages = []
    for threshold in THRESHOLDS:
        outcomes, positives = [], 0
        for statement, reference in zip(statements, references, strict=True):
            truths = [other for other in reference.regions if other.label == label]
            positives += len(truths)
            taken: set[int] = set()
            boxes = [other for other in statement.regions if other.label == label]
            for box in sorted(boxes, key=lambda other: -other.score)[:100]:
                best, match = min(threshold, 1 - 1e-10), -1
                for number, truth in enumerate(truths):
                    overlap = float(overlaps(corners(box), corners(truth))[0, 0])
                    if number not in taken and overlap >= best:
                        best, match = overlap, number
                taken |= {match} - {-1}
                outcomes.append((box.score, match >= 0))
        outcomes.sort(key=lambda outcome: -outcome[0])
        hits = np.cumsum([is_hit for _, is_hit in outcomes])
        precision = hits / np.arange(1, len(hits) + 1)
        recalls = hits / positives
        at = [precision[recalls >= recall].max(initial=0) for recall in np.linspace(0, 1, 101)]
        averages.append(float(np.mean(at)))
    return averages


def corners(box: Region) -> Floats:
    return np.array([[box.left, box.top, box.right, box.bottom]])


def some(seed: int, cases: int, boxes: int = 6) -> tuple[list[Regions], list[Regions]]:
    """Boxes near true ones and elsewhere, in two labels; no two of a picture have the same score."""
    random = np.random.default_rng(seed)
    statements, references = [], []
    for _ in range(cases):
        truths = [(str(random.choice(["a", "b"])), box(random)) for _ in range(random.integers(0, 4))]
        scores = random.permutation(20)[:boxes] / 20
        near = [(label, shaken(random, corners)) for label, corners in truths]
        wrong = [(str(random.choice(["a", "b"])), box(random)) for _ in range(boxes)]
        chosen = random.permutation(len(near + wrong))[:boxes]
        drawn_boxes = [(*(near + wrong)[place], float(score)) for place, score in zip(chosen, scores, strict=False)]
        statements.append(drawn(*drawn_boxes, labels=("a", "b")))
        references.append(true(*truths))
    return statements, references


def box(random: np.random.Generator) -> Corners:
    left, top, width, height = random.uniform(0.05, 0.45, 4)
    return left, top, left + width, top + height


def shaken(random: np.random.Generator, corners: Corners) -> Corners:
    left, top, right, bottom = np.clip(np.array(corners) + random.normal(0, 0.02, 4), 0, 1)
    return float(left), float(top), float(max(left, right)), float(max(top, bottom))


@pytest.mark.parametrize("seed", range(5))
def test_it_is_what_plain_loops_come_to(seed: int) -> None:
    statements, references = some(seed, cases=12)
    by_label = np.array([by_loops(statements, references, label) for label in ("a", "b")])
    worth = figures(statements, references)
    assert worth["map_50"] == pytest.approx(by_label[:, 0].mean()) and 0.1 < worth["map_50"] < 0.95
    assert worth["map"] == pytest.approx(by_label.mean())


@given(st.integers(0, 10_000), st.lists(st.integers(0, 3), min_size=4, max_size=4))
@settings(max_examples=60, deadline=None)
def test_a_case_that_counts_several_times_is_as_good_as_several_cases(seed: int, times: list[int]) -> None:
    statements, references = some(seed, cases=4, boxes=4)
    weighted = Regions.measured(statements, references)(np.array(times, dtype=float)[:, None])
    copies = [number for number, count in enumerate(times) for _ in range(count)]
    repeated = Regions.measured([statements[n] for n in copies], [references[n] for n in copies])
    for name, value in repeated(np.ones((len(copies), 1))).items():
        assert weighted[name] == pytest.approx(value, nan_ok=True), name


def as_coco(
    statements: Sequence[Regions], references: Sequence[Regions]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Truth and results on pictures of 1000 x 1000."""
    content: dict[str, Any] = {"images": [], "annotations": [], "info": {}, "licenses": []}
    content["categories"] = [{"id": number, "name": name} for number, name in enumerate(("a", "b"), start=1)]
    results = []
    for image, (statement, reference) in enumerate(zip(statements, references, strict=True), start=1):
        content["images"].append({"id": image, "width": 1000, "height": 1000, "file_name": f"{image}.png"})
        for truth in reference.regions:
            row = in_pixels(truth, image) | {"id": len(content["annotations"]) + 1, "iscrowd": 0}
            content["annotations"].append(row | {"area": row["bbox"][2] * row["bbox"][3]})
        results += [in_pixels(other, image) | {"score": other.score} for other in statement.regions]
    return content, results


def in_pixels(box: Region, image: int) -> dict[str, Any]:
    sides = [box.left, box.top, box.right - box.left, box.bottom - box.top]
    return {"image_id": image, "category_id": "ab".index(box.label) + 1, "bbox": [1000 * side for side in sides]}


@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_cocos_own_evaluation_says(seed: int) -> None:
    theirs = pytest.importorskip("faster_coco_eval", reason="faster-coco-eval is not installed: COCO's own evaluation")
    statements, references = some(seed, cases=12)
    content, results = as_coco(statements, references)
    truth = theirs.COCO(content)
    evaluation = theirs.COCOeval_faster(truth, truth.loadRes(results), iouType="bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    worth = figures(statements, references)
    assert [worth["map"], worth["map_50"]] == pytest.approx(list(evaluation.stats[:2]), abs=1e-9)

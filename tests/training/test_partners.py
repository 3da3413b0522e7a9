"""Partners: who contradicts whom in a step, however it is cut, and that nobody is without one who could have one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from core.sets.joint import gather
from core.sets.split import SplitSettings
from core.training.batches import Batches, in_parts
from core.training.partners import Answer, Pair, Pool, paired_share

A, B, C = (1, 9), (2, 9), (2, 3, 9)
SETS = ("blood_28.npz", "pneumonia_28.npz", "retinamnist.npz")


def pool(*sets: Sequence[Answer]) -> Pool:
    """The cases of some sets by their answers, numbered through."""
    answered = [(number, answer) for number, answers in enumerate(sets) for answer in answers]
    return Pool(dict(enumerate(answered)))


def drawn(of: Pool, step: list[int], draws: int = 60) -> dict[int, Counter[int | None]]:
    """Who was whose partner, how often."""
    partners: dict[int, Counter[int | None]] = {place: Counter() for place in step}
    for seed in range(draws):
        for place, partner in of.pairs(step, seed, "stage-2", 0):
            partners[place][partner] += 1
    return partners


def guests(parts: list[list[Pair]]) -> int:
    """Images that are looked at beyond those of a part's own cases."""
    return sum(len({partner for _, partner in part} - {place for place, _ in part} - {None}) for part in parts)


def test_a_partner_is_of_the_same_set_and_has_another_answer() -> None:
    of = pool([A, B, A, C], [A, B])
    for place, partners in drawn(of, list(range(6))).items():
        for partner in partners:
            assert partner is not None
            number, answer = of.answered[place]
            assert of.answered[partner][0] == number and of.answered[partner][1] != answer


def test_every_case_has_a_partner_in_the_step_where_its_set_has_two_answers_there() -> None:
    of = pool([A] * 7 + [B], [A, B, C])
    assert set(drawn(of, list(range(11)))[0]) == {7}  # the only one there who says something else
    assert all(partner is not None for _, partner in of.pairs(list(range(11)), 0, "stage-2", 3))


def test_a_case_that_nobody_of_the_step_contradicts_is_contradicted_by_a_training_case_of_its_set() -> None:
    of = pool([A] * 5 + [B] * 3, [C] * 4 + [A])
    partners = drawn(of, [0, 1, 8])
    assert set(partners[0]) == {5, 6, 7} and partners[0] == partners[1]  # one image for both
    assert set(partners[8]) == {12}


def test_only_a_set_of_one_answer_leaves_cases_without_a_partner() -> None:
    of = pool([A, A, A], [A, B])
    pairs = of.pairs([0, 1, 3, 4], 0, "stage-2", 0)
    assert sorted(pairs) == [(0, None), (1, None), (3, 4), (4, 3)]
    assert paired_share(pairs) == 0.5


def test_partners_depend_on_seed_stage_and_step_and_on_nothing_else() -> None:
    of, step = pool([A, B, C] * 9), list(range(27))
    first = of.pairs(step, 5, "stage-2", 0)
    assert first == pool([A, B, C] * 9).pairs(step, 5, "stage-2", 0)
    others = [of.pairs(step, *key) for key in ((6, "stage-2", 0), (5, "stage-1", 0), (5, "stage-2", 1))]
    assert any(other != first for other in others)


def test_every_case_stands_in_a_step_once() -> None:
    of = pool([A, B, C, A, A], [B] * 3 + [A] * 2)
    for seed in range(20):
        assert sorted(place for place, _ in of.pairs(list(range(10)), seed, "stage-2", 0)) == list(range(10))


@pytest.mark.parametrize(
    ("answers", "size", "further"),
    [
        ([A, B, C, A, B, C, A, C], 2, 0),
        ([A] * 4 + [B] * 4, 2, 0),
        ([A] * 6 + [B] * 2, 2, 2),  # four of A are left over: two parts, each with one image more
        ([A] * 6 + [B] * 2, 4, 0),  # three of A around each B
        ([A] * 3 + [B] * 2 + [C] * 2, 2, 1),  # the seventh
    ],
    ids=str,
)
def test_partners_stand_side_by_side_so_that_small_parts_look_at_few_further_images(
    answers: Sequence[Answer], size: int, further: int
) -> None:
    for seed in range(30):
        assert guests(in_parts(pool(answers).pairs(list(range(len(answers))), seed, "stage-2", 0), size)) == further


def test_no_answer_is_preferred_as_a_partner() -> None:
    """Of four answers with two cases each, every other one is a case's partner in a third of the steps."""
    answers = [(number,) for number in range(4) for _ in range(2)]
    of = pool(answers)
    counts = Counter(
        (answers[place], answers[partner])
        for place, partners in drawn(of, list(range(8)), draws=900).items()
        for partner, times in partners.items()
        for _ in range(times)
        if partner is not None
    )
    assert len(counts) == 12
    assert all(times == pytest.approx(600, rel=0.2) for times in counts.values())


@pytest.mark.parametrize("names", [*((name,) for name in SETS), SETS], ids=str)
def test_of_real_sets_no_case_is_without_a_partner_at_two_cases_at_a_time(
    names: tuple[str, ...], shared_data: Path
) -> None:
    """Drawn within two cases, .14 to .61 were, and of a joint run's small set .97."""
    joint_set = gather([str(shared_data / name) for name in names], {}, SplitSettings(), {}, 0)
    items = joint_set.items("train")
    number_of: dict[tuple[str, ...], int] = {}
    of = Pool(
        {
            place: (item.set, (number_of.setdefault(item.case.labels, len(number_of)),))
            for place, item in enumerate(items)
        }
    )
    batches = Batches(len(items), 16, 0, "stage-2")
    for step in range(60):
        pairs = of.pairs(batches.batch(step), 0, "stage-2", step)
        assert paired_share(pairs) == 1.0 and len(pairs) == 16

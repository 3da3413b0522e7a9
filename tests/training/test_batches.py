"""Which cases make which step depends on seed, stage and epoch, and on nothing that happened before."""

from __future__ import annotations

from core.draw import evenly, generator
from core.training.batches import Batches, in_parts


def test_an_epoch_shows_no_case_twice_and_leaves_out_less_than_a_batch() -> None:
    batches = Batches(cases=11, batch_size=3, seed=0, stage="stage-1")
    assert batches.steps_per_epoch == 3
    seen = [case for step in range(3) for case in batches.batch(step)]
    assert len(seen) == len(set(seen)) == 9
    assert set(seen) <= set(range(11))


def test_a_step_is_the_same_however_often_it_is_asked_for() -> None:
    batches = Batches(11, 3, 0, "stage-1")
    later = batches.batch(7)
    assert [batches.batch(step) for step in range(8)][7] == later == Batches(11, 3, 0, "stage-1").batch(7)


def test_another_epoch_stage_or_seed_gives_another_order() -> None:
    first = Batches(100, 100, 0, "stage-1")
    others = [first.batch(1), Batches(100, 100, 0, "stage-2").batch(0), Batches(100, 100, 1, "stage-1").batch(0)]
    for other in others:
        assert sorted(other) == sorted(first.batch(0)) == list(range(100))
        assert other != first.batch(0)


def test_micro_batches_are_the_batch_in_pieces() -> None:
    batches = Batches(20, 10, 3, "stage-2")
    pieces = in_parts(batches.batch(1), 4)
    assert [len(piece) for piece in pieces] == [4, 4, 2]
    assert [case for piece in pieces for case in piece] == batches.batch(1)


def test_fewer_cases_than_a_batch_still_make_a_step() -> None:
    assert sorted(Batches(3, 16, 0, "tsm").batch(5)) == [0, 1, 2]


def test_random_numbers_depend_on_the_whole_key() -> None:
    assert generator(1, "others", 2).integers(10**9) == generator(1, "others", 2).integers(10**9)
    keys: list[tuple[int | str, ...]] = [(1, "others", 2), (1, "others", 3), (1, "check", 2), (2, "others", 2)]
    assert len({int(generator(*key).integers(10**9)) for key in keys}) == 4


def test_places_are_drawn_evenly_and_none_twice() -> None:
    assert evenly(range(100), 5) == [0, 24, 49, 74, 99]
    assert evenly([3, 1, 4], 3) == [3, 1, 4]
    assert evenly([3, 1, 4], 0) == []
    assert all(len(set(evenly(range(20), most))) == most for most in range(1, 21))

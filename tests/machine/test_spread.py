"""Work that is spread over processes ends as it would in one, but for what costs a process its life."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from core.machine import spread as spreading
from core.machine.aside import most_bytes
from core.machine.spread import Work, spread

GREEDY = -1
DEADLY = -2
WRONG = -3
THINGS = 200
CLOCK = [0.0]
"""Of a process; only work moves it."""


def make(number: int) -> list[int]:
    if number == GREEDY:
        return [len(bytearray(most_bytes() + 1)), os.getpid()]
    if number == DEADLY:
        os.abort()
    if number == WRONG:
        raise ValueError(f"{number} is wrong")
    os.write(1, b"not an answer\n")
    return [number * number, os.getpid()]


def one_second_in_all(number: int) -> list[int]:
    CLOCK[0] += 1 / THINGS
    return make(number)


def ten_seconds(number: int) -> list[int]:
    CLOCK[0] += 10 / THINGS
    return make(number)


def plain(made: list[int]) -> list[int]:
    return made


def lost(number: int, words: str) -> list[int]:
    return [-len(words), 0]


WORK = Work(make, plain, plain, lost, lambda number: number % 10 != 7)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two children from the first thing on."""
    monkeypatch.setattr(spreading, "_is_worth_it", lambda seconds, done, whole: True)
    monkeypatch.setattr(spreading, "processes", lambda: 2)


@pytest.mark.slow
@pytest.mark.usefixtures("at_once")
def test_what_is_made_elsewhere_comes_in_order_and_what_is_not_apart_is_made_here() -> None:
    made = list(spread(WORK, range(300)))
    assert [square for square, _ in made] == [number * number for number in range(300)]
    here = {number for number, (_, process) in enumerate(made) if process == os.getpid()}
    assert here == {number for number in range(300) if number % 10 == 7}
    assert len({process for _, process in made}) == 3


@pytest.mark.slow
@pytest.mark.usefixtures("at_once")
def test_what_kills_a_process_is_named_and_nothing_else_is_lost() -> None:
    numbers = [1, 2, 3, DEADLY, *range(4, 40), DEADLY, 41]
    made = list(spread(WORK, numbers))
    assert [square for square, _ in made] == [
        -len("SIGABRT") if number == DEADLY else number * number for number in numbers
    ]


def killed_once(mark: str) -> list[int]:
    """Ends its process the first time, as somebody outside may."""
    if not (file := Path(mark)).exists():
        file.touch()
        os.kill(os.getpid(), 9)
    return [1, os.getpid()]


@pytest.mark.slow
@pytest.mark.usefixtures("at_once")
def test_what_was_done_when_somebody_ended_a_process_is_done_again(tmp_path: Path) -> None:
    work: Work[str, list[int]] = Work(killed_once, plain, plain, lambda mark, words: [0, 0], lambda mark: True)
    assert [made for made, _ in spread(work, [str(tmp_path / "1"), str(tmp_path / "2")])] == [1, 1]


@pytest.mark.slow
@pytest.mark.usefixtures("at_once")
def test_what_goes_wrong_there_is_told_as_it_is_here() -> None:
    made = spread(WORK, [1, 2, WRONG, 3, DEADLY])
    assert [next(made)[0], next(made)[0]] == [1, 4]
    with pytest.raises(ValueError, match="-3 is wrong"):
        next(made)


@pytest.mark.slow
@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("is_over", [False, True])
def test_what_cost_a_process_its_life_is_never_made_here(monkeypatch: pytest.MonkeyPatch, is_over: bool) -> None:
    """Not even where no other process can be started to try it alone, nor where everything is just being ended."""
    crew = spreading._Crew(WORK, 1)
    one_by_one = crew._one_by_one

    def without_others(things: Sequence[int], words: str) -> list[list[int]]:
        if is_over:
            crew.end()
        monkeypatch.setattr(sys, "executable", "/bin/false")
        return one_by_one(things, words)

    monkeypatch.setattr(crew, "_one_by_one", without_others)
    if is_over:
        with pytest.raises(RuntimeError, match="nobody waits"):
            crew.done([DEADLY])
    else:
        assert crew.done([DEADLY]) == [[-len("SIGABRT"), 0]]
    crew.end()


@pytest.mark.slow
@pytest.mark.usefixtures("at_once")
def test_what_is_too_much_for_a_child_is_tried_here() -> None:
    assert list(spread(WORK, [GREEDY])) == [[most_bytes() + 1, os.getpid()]]


@pytest.mark.slow
@pytest.mark.usefixtures("at_once")
def test_where_no_child_can_start_all_is_made_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert list(spread(WORK, [1, 2])) == [[1, os.getpid()], [4, os.getpid()]]


@pytest.mark.slow
@pytest.mark.usefixtures("at_once")
def test_whoever_stops_in_the_middle_leaves_no_process_behind() -> None:
    with closing(spread(WORK, range(1, 10_000_000))) as made:
        _, child = next(made)
        assert Path(f"/proc/{child}").exists()
    assert not Path(f"/proc/{child}").exists()


@pytest.mark.slow
def test_a_little_work_starts_no_process_and_much_work_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreading, "processes", lambda: 2)
    monkeypatch.setattr(spreading, "monotonic", lambda: CLOCK[0])
    quick, slow = (Work(make, plain, plain, lost, lambda number: True) for make in (one_second_in_all, ten_seconds))
    assert {process for _, process in spread(quick, range(THINGS))} == {os.getpid()}
    made = list(spread(slow, range(THINGS)))
    assert [square for square, _ in made] == [number * number for number in range(THINGS)]
    assert len({process for _, process in made}) == 3
    monkeypatch.setattr(spreading, "processes", lambda: 1)
    assert {process for _, process in spread(slow, range(THINGS))} == {os.getpid()}


def test_there_are_as_many_as_cores_and_memory_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(64)), raising=False)
    monkeypatch.setattr(spreading, "allowed_bytes", lambda: 3 * most_bytes() + 1)
    assert spreading.processes() == 3
    monkeypatch.setattr(spreading, "allowed_bytes", lambda: 100 * most_bytes())
    assert spreading.processes() == spreading.MOST_PROCESSES
    monkeypatch.setattr(spreading, "allowed_bytes", lambda: 1)
    assert spreading.processes() == 1

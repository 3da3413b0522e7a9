"""What a child that works aside can't do costs it its life at most, and its asker a sentence."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from core.errors import DataError
from core.machine.aside import Answer, Aside, BusyError
from core.pictures import shown
from core.pictures.store import as_png
from tests import bombs

PICTURE = as_png(Image.new("RGB", (300, 200), "red"))


@pytest.fixture
def aside() -> Iterator[Aside]:
    aside = Aside(1)
    yield aside
    aside.close()


def greedy(content: bytes, most: int) -> Answer:
    return len(bytearray(most)), b""


def endless(content: bytes, seconds: int, begun: str = os.devnull) -> Answer:
    Path(begun).touch()
    time.sleep(seconds)
    return None, b""


def dying(content: bytes) -> Answer:
    os.abort()


def talkative(content: bytes) -> Answer:
    os.write(1, b"something else\n")
    return os.getpid(), content[::-1]


def test_it_gives_what_the_function_makes(aside: Aside) -> None:
    media, made = aside.run(shown.thumbnail, PICTURE, "x")
    assert media == "image/png" and made == shown.thumbnail(PICTURE, "x")[1]
    assert aside.run(talkative, b"abc")[1] == b"cba"


def test_what_is_wrong_with_a_picture_is_told_in_its_words(aside: Aside) -> None:
    with pytest.raises(DataError, match="larger than 40 million pixels"):
        aside.run(shown.thumbnail, bombs.png(9459, 9459), "bomb")
    with pytest.raises(DataError, match="not a picture of a known kind"):
        aside.run(shown.refuse_undecodable, b"no picture", "x")


def test_memory_is_bounded_and_the_child_goes_on(aside: Aside) -> None:
    child, _ = aside.run(talkative)
    with pytest.raises(DataError, match=r"needs more memory than this machine lets it have \(.* GiB\)"):
        aside.run(greedy, b"", 20 * 2**30)
    assert aside.run(talkative)[0] == child


def test_time_is_bounded_and_the_next_is_answered(aside: Aside, monkeypatch: pytest.MonkeyPatch) -> None:
    child, _ = aside.run(talkative)
    monkeypatch.setenv("VITASK_LIMIT_SHOWN_SECONDS", "1")
    with pytest.raises(DataError, match="takes more time or memory than a look at it may"):
        aside.run(endless, b"", 600)
    monkeypatch.setenv("VITASK_LIMIT_SHOWN_SECONDS", "300")
    assert aside.run(talkative)[0] != child


def test_a_child_that_dies_is_told_and_replaced(aside: Aside) -> None:
    with pytest.raises(DataError, match="takes more time or memory"):
        aside.run(dying)
    assert aside.run(talkative, b"ab")[1] == b"ba"


def test_who_waits_too_long_is_told_to_come_again(
    aside: Aside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child, _ = aside.run(talkative)
    with ThreadPoolExecutor(1) as other:
        busy = other.submit(aside.run, endless, b"", 600, str(begun := tmp_path / "begun"))
        while not begun.exists() and not busy.done():
            time.sleep(0.01)
        monkeypatch.setenv("VITASK_LIMIT_SHOWN_SECONDS", "1")
        with pytest.raises(BusyError, match="Try again"):
            aside.run(talkative)
        os.kill(child, signal.SIGKILL)
        with pytest.raises(DataError):
            busy.result()

"""Damaged files of every kind: read, or refused with their name; `python -m tests.fuzz` tries thousands."""

from __future__ import annotations

import random

import pytest

from tests import fuzz


@pytest.mark.slow
def test_no_damaged_file_breaks_an_intake() -> None:
    outcome = fuzz.run(each=4)
    assert outcome.troubles == []
    assert outcome.counts.total() == 4 * len(fuzz.KINDS)
    assert outcome.counts["out of memory"] == 0
    assert outcome.peak_bytes < fuzz.MEMORY_BYTES
    # Neither are all refused outright, nor is the damage so slight that all are read.
    assert min(outcome.counts["read"], outcome.counts["refused"], outcome.counts["read with errors that name it"]) > 10


def test_files_are_damaged_in_the_same_way_by_the_same_seed() -> None:
    whole = fuzz.picture("PNG")
    made = [fuzz.damaged(whole, random.Random(seed), False, [b""]) for seed in range(50)]
    assert made == [fuzz.damaged(whole, random.Random(seed), False, [b""]) for seed in range(50)]
    assert sum(content != whole for content in made) > 45

"""What a process holds, and that pieces which nothing uses are given back."""

from __future__ import annotations

import sys

import pytest
import torch

from core.machine.footprint import give_back, held_gib, peak_gib

PIECE_FLOATS, PIECES = 25_000, 6_000
"""100 KB each: too small for the C library to map by themselves."""


@pytest.mark.skipif(sys.platform != "linux" or torch.cuda.is_available(), reason="of glibc and main memory")
def test_pieces_that_nothing_uses_are_given_back() -> None:
    give_back()
    before = held_gib()
    pieces = [torch.ones(PIECE_FLOATS) for _ in range(PIECES)]
    kept = pieces[::50]
    whole = held_gib()
    assert whole > before + 0.4
    del pieces
    in_pieces = held_gib()
    assert in_pieces > before + 0.3
    give_back()
    assert held_gib() < before + 0.1
    assert len(kept) == PIECES / 50


def test_the_peak_stays_what_it_was() -> None:
    before = peak_gib()
    block = torch.ones(50_000_000)
    del block
    assert peak_gib() >= before and peak_gib() >= held_gib()

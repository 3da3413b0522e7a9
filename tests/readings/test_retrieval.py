"""Recall both ways, counted by hand on five cases with three captions."""

from __future__ import annotations

import numpy as np
import pytest

from core.readings import retrieval
from core.readings.retrieval import recalls, retrieval_figures

CAPTIONS = ["bean", "bean", "round", "round", "lobed"]
WORDS = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float32)
PICTURES = np.array([[0.8, 0.6, 0], [0.6, 0.8, 0], [0, 1, 0], [0, 0.6, 0.8], [0.9, 0.1, 0]], dtype=np.float32)
"""Nearest captions: bean, round (wrong), round, lobed (wrong), bean (wrong). The nearest picture of "bean" is the
fifth, a lobed one; of "round" the third; of "lobed" the fourth, a round one."""


def test_recall_at_1_is_counted_both_ways() -> None:
    hits = recalls(PICTURES, WORDS, CAPTIONS)
    assert hits["picture_to_caption_1"] == [1, 0, 1, 0, 0]
    assert hits["caption_to_picture_1"] == [0, 0, 1, 1, 0]
    assert hits["picture_to_caption_5"] == hits["caption_to_picture_5"] == [1] * 5


def test_it_is_the_same_however_captions_are_cut_into_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = recalls(PICTURES, WORDS, CAPTIONS)
    monkeypatch.setattr(retrieval, "AT_ONCE", 2)
    assert recalls(PICTURES, WORDS, CAPTIONS) == whole


def test_where_all_is_one_nothing_is_found() -> None:
    ones = np.ones((7, 1), dtype=np.float32)
    hits = recalls(ones, ones, [str(number) for number in range(7)])
    assert not any(sum(of_cases) for of_cases in hits.values())


def test_figures_have_intervals_and_titles_as_statements_have() -> None:
    figures = retrieval_figures("embedding", PICTURES, WORDS, CAPTIONS, ["p", "p", "q", "r", "s"], 50, 0)
    row = figures["readers"]["embedding"]
    assert row.keys() == figures["titles"].keys() and figures["cases"] == 5
    assert row["picture_to_caption_1"]["value"] == pytest.approx(0.4)
    assert row["picture_to_caption_1"]["low"] < 0.4 < row["picture_to_caption_1"]["high"]
    assert figures["differences"] == {}

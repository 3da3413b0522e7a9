"""Captions in tokens: short ones below 30, long ones from 30 to 500, and what fits into no window."""

from __future__ import annotations

import pytest

from core.errors import DataError
from core.families import internvl
from core.models.spelled import MOST_LONG, MOST_SHORT, refuse_unfit, spelled
from core.sets.captions import Caption


def test_short_captions_are_cut_between_words_and_long_ones_after_500_tokens() -> None:
    vlm = internvl.tiny()
    caption = spelled(vlm, Caption("scar " * 100, "scar " * 600))
    assert caption.short.split() == ["scar"] * len(caption.short.split())
    assert len(vlm.text(caption.short)) <= MOST_SHORT < len(vlm.text(f"{caption.short} scar"))
    assert len(caption.long) == MOST_LONG and vlm.end_token not in caption.long


def test_what_has_fewer_than_30_tokens_is_no_long_caption() -> None:
    vlm = internvl.tiny()
    assert spelled(vlm, Caption("no", "no")).long == ()


def test_captions_that_no_model_can_learn_are_refused_in_words() -> None:
    vlm = internvl.tiny()
    short, long = spelled(vlm, Caption("no", "no")), spelled(vlm, Caption("no", "scar " * 600))
    with pytest.raises(DataError, match="No caption has 30 tokens of tiny internvl"):
        refuse_unfit(vlm, [short, short], 40, needs_long=True)
    with pytest.raises(DataError, match=r"longest caption has 500 tokens and 40 stand before it, but .* sees 512"):
        refuse_unfit(vlm, [short, long], 40, needs_long=True)
    refuse_unfit(vlm, [short, long], 12, needs_long=True)
    refuse_unfit(vlm, [short, long], 40, needs_long=False)

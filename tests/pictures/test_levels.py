"""What the viewer is sent of a deep picture, and that a kept file says by its first bytes whether it is one."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.pictures.deep import Deep, Levels, Table, Window, as_deep_png
from core.pictures.levels import HEAD_BYTES, begins_deep, has_levels, packed, views_to_choose
from core.pictures.store import Store
from tests.pictures.deep_drawn import ct

SIX = np.array([[0, 1000, 1024], [1064, 2000, 65_535]], np.uint16)


def unpacked(sent: bytes) -> tuple[dict[str, Any], Levels]:
    whole = gzip.decompress(sent)
    begin = 4 + int.from_bytes(whole[:4], "little")
    facts = json.loads(whole[4:begin])
    assert begin % 2 == 0
    return facts, np.frombuffer(whole, "<u2", offset=begin).reshape(facts["height"], facts["width"])


@pytest.mark.parametrize("name", ["bone", "ein Fenster für Knochen", "窗"])
def test_all_levels_and_what_they_measure_are_sent(name: str) -> None:
    deep = Deep(SIX, (Window(name, 1.5, 0.25, "SIGMOID"),), -0.5, 3.0, "SUV", is_inverted=True)
    media, sent = packed(as_deep_png(deep), "scan")
    facts, levels = unpacked(sent)
    np.testing.assert_array_equal(levels, SIX)
    assert media == "application/octet-stream"
    assert facts == {
        "width": 3,
        "height": 2,
        "most": 65_535,
        "own": 1,
        "slope": -0.5,
        "intercept": 3.0,
        "unit": "SUV",
        "inverted": True,
        "views": [
            {"name": name, "center": 1.5, "width": 0.25, "curve": "SIGMOID"},
            {"name": "all of it", "center": -16_380.75, "width": 32_767.5, "curve": "LINEAR_EXACT"},
        ],
    }


def test_of_ct_the_usual_windows_come_after_its_own_and_none_twice() -> None:
    own = (Window("BONE", 300, 1500), Window("abdomen", 40, 400), Table("t", 0, bytes(3)))
    names = [view.name for view in views_to_choose(replace(ct(), views=own))]
    assert names == ["BONE", "abdomen", "t", "lung", "brain", "liver", "all of it"]
    assert [view.name for view in views_to_choose(Deep(SIX, own[:1]))] == ["BONE", "all of it"]


def test_a_kept_file_says_by_its_first_bytes_whether_it_has_levels(tmp_path: Path) -> None:
    def png(picture: Image.Image) -> bytes:
        file = BytesIO()
        picture.save(file, "PNG")
        return file.getvalue()

    store, deep = Store(str(tmp_path)), as_deep_png(ct())
    flat = [png(Image.new(mode, (4, 4))) for mode in ("L", "RGB")]
    assert begins_deep(deep[:HEAD_BYTES]) and not any(
        map(begins_deep, (*flat, png(Image.fromarray(SIX)), b"", b"GIF8"))
    )
    assert has_levels(store.url, store.put(deep)) and not has_levels(store.url, store.put(flat[0]))
    gone = store.put(as_deep_png(Deep(SIX, (Window("w", 1, 2),))))
    (tmp_path / gone[:2] / gone[2:]).unlink()
    assert not has_levels(store.url, gone)
    assert [packed(stored, "scan") for stored in (*flat, png(Image.fromarray(SIX)))] == [("", b"")] * 3

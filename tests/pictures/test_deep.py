"""Deep pictures: kept as they are, seen through their windows."""

from __future__ import annotations

import json
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from core.errors import DataError
from core.pictures.deep import KEY, Deep, Table, View, Window, as_deep_png, whole_span
from core.pictures.pixels import decode, deep_in

LEVELS = np.array([[0, 1000, 1024], [1064, 2000, 4095]], np.uint16)
SOFT = Window("soft tissue", 40, 400)
LUNG = Window("lung", -600, 1500)
CT = Deep(LEVELS, (SOFT, LUNG), 1.0, -1024.0, "HU")


def test_what_is_kept_is_what_was_given() -> None:
    shades = Table("as the table has it", -3, bytes(range(7)))
    whole = Deep(LEVELS, (Window("S", 1.5, 0.25, "SIGMOID"), shades), 0.5, -3.0, "SUV", is_inverted=True)
    for deep in (CT, whole):
        back = deep_in(as_deep_png(deep), "scan")
        assert back is not None
        np.testing.assert_array_equal(back.levels, deep.levels)
        assert (back.views, back.slope, back.intercept, back.unit, back.is_inverted) == (
            deep.views,
            deep.slope,
            deep.intercept,
            deep.unit,
            deep.is_inverted,
        )


def test_every_program_opens_the_file() -> None:
    with Image.open(BytesIO(as_deep_png(CT))) as opened:
        np.testing.assert_array_equal(np.asarray(opened), LEVELS)


def test_models_see_the_first_window() -> None:
    """Worked by hand from PS3.3 C.11.2.1.2: y = ((x - (c - .5)) / (w - 1) + .5) * 255."""
    seen = np.asarray(decode(as_deep_png(CT), "scan"))
    # Measured: -1024, -24, 0; 40, 976, 3071. Of 0: ((0 - 39.5) / 399 + .5) * 255 = 102.26.
    np.testing.assert_array_equal(seen, [[0, 87, 102], [128, 255, 255]])
    assert seen.dtype == np.uint8


@pytest.mark.parametrize(
    ("view", "shares"),
    [
        (Window("linear", 2, 3), [0.0, 0.25, 0.75, 1.0]),
        (Window("of width 1", 2, 1), [0.0, 0.0, 1.0, 1.0]),
        (Window("exact", 2, 4, "LINEAR_EXACT"), [0.0, 0.25, 0.5, 0.75]),
        (Window("sigmoid", 2, 4, "SIGMOID"), [1 / (1 + np.e**2), 1 / (1 + np.e), 0.5, 1 / (1 + 1 / np.e)]),
        (Table("table", 1, bytes([51, 102])), [0.2, 0.2, 0.4, 0.4]),
    ],
)
def test_each_curve_by_hand(view: View, shares: list[float]) -> None:
    np.testing.assert_allclose(view.shares(np.array([0.0, 1.0, 2.0, 3.0])), shares)


def test_inverted_is_white_where_least_is_measured() -> None:
    plain = Deep(LEVELS, (SOFT,), 1.0, -1024.0)
    inverted = Deep(LEVELS, (SOFT,), 1.0, -1024.0, is_inverted=True)
    np.testing.assert_array_equal(inverted.shades(), 255 - plain.shades())


def test_the_whole_span_goes_from_black_to_white() -> None:
    for slope in (1.0, -0.5):
        shades = Deep(LEVELS, (whole_span(LEVELS, slope, 7.0),), slope, 7.0).shades()
        assert {int(shades.min()), int(shades.max())} == {0, 255}
    assert Deep(np.full((2, 2), 5, np.uint16), (whole_span(np.full((2, 2), 5, np.uint16)),)).shades().shape == (2, 2)


WHOLE: dict[str, object] = {"slope": 1, "intercept": 0, "unit": "", "inverted": False}
GOOD = {"name": "", "center": 1, "width": 2, "curve": "LINEAR"}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "[" * 5000,
        json.dumps(WHOLE | {"views": []}),
        json.dumps(WHOLE | {"views": [GOOD], "slope": 0}),
        json.dumps(WHOLE | {"views": [GOOD], "intercept": float("nan")}),
        json.dumps(WHOLE | {"views": [GOOD | {"curve": "ROUND"}]}),
        json.dumps(WHOLE | {"views": [GOOD | {"width": 0.5}]}),
        json.dumps(WHOLE | {"views": [{"name": "", "first": 0, "shades": "?"}]}),
    ],
)
def test_a_damaged_text_is_refused_with_the_files_name(text: str) -> None:
    info = PngInfo()
    info.add_itxt(KEY, text)
    file = BytesIO()
    Image.fromarray(LEVELS).save(file, "PNG", pnginfo=info)
    with pytest.raises(DataError, match=r"window|windows|measure|shades"):
        decode(file.getvalue(), "scan.png")


def test_a_16_bit_picture_without_windows_is_stretched_as_before() -> None:
    file = BytesIO()
    Image.fromarray(LEVELS).save(file, "PNG")
    assert deep_in(file.getvalue(), "scan.png") is None
    assert np.asarray(decode(file.getvalue(), "scan.png")).max() == 255


def test_the_text_is_plain_json() -> None:
    with Image.open(BytesIO(as_deep_png(CT))) as opened:
        facts = json.loads(opened.info[KEY])
    assert facts["views"][0] == {"name": "soft tissue", "center": 40, "width": 400, "curve": "LINEAR"}

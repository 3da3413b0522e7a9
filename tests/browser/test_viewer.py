"""The picture viewer's own script on a bare page: every button does something, and its key the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

import app.viewer
from app.html import component_beside

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
PICTURE = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
WIDE = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='4' height='2'/%3E"
BUTTONS = {"Zoom in": "+", "Zoom out": "-", "Invert": "i", "Reset": "0"}
"""Every button by its name, with its key."""
STATE = """() => {
  const image = document.querySelector(".frame img");
  return [image.style.transform, image.style.filter, document.querySelector("#viewer").dataset.scale];
}"""


@pytest.fixture
def bare(chromium: Any) -> Iterator[Any]:
    """The viewer as Gradio runs it, and nothing else."""
    page = chromium.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    viewer = component_beside(app.viewer.__file__, "viewer")
    style = f"<style>{viewer['css_template']}</style>"
    page.set_content(f'{style}<div id="viewer">{viewer["html_template"]}</div>')
    panes = {"panes": [{"src": PICTURE, "title": "Case a", "shapes": []}]}
    page.evaluate(
        """([script, value]) => new Function("element", "props", "watch", script)(
          document.querySelector("#viewer"), { value, height: 300 }, () => {})""",
        [viewer["js_on_load"], panes],
    )
    yield page
    page.close()
    assert wrong == []


def drawn(page: Any, shapes: list[dict[str, Any]]) -> Any:
    """The overlay of a picture twice as wide as high, once that is there."""
    page.evaluate(
        """([src, shapes]) => document.querySelector("#viewer").dispatchEvent(
          new CustomEvent("show", { detail: { panes: [{ src, title: "Case b", shapes }] } }))""",
        [WIDE, shapes],
    )
    page.wait_for_selector(".overlay > *", state="attached")
    return page.locator(".overlay")


def test_a_mask_is_filled_thinly_and_words_stand_where_they_should_as_text(bare: Any) -> None:
    path: dict[str, Any] = {"tag": "path", "numbers": {}, "colour": "#CC79A7", "title": "tpo: nucleus", "words": ""}
    path["rings"] = [[[0, 0], [0.5, 0], [0.5, 1]], [[0, 0.5], [0.25, 0.5], [0.25, 1]]]
    words = {"tag": "text", "numbers": {"x": 0.5, "y": 0.5}, "colour": "#FFFFFF", "title": "", "rings": []}
    overlay = drawn(bare, [path, words | {"words": "<b>cell</b> 88%"}])
    mask, text = overlay.locator("path"), overlay.locator("text")
    assert mask.get_attribute("d") == "M0 0L2 0L2 2ZM0 1L1 1L1 2Z"
    assert mask.locator("title").text_content() == "tpo: nucleus"
    style = mask.evaluate(
        "(shape) => { const of = getComputedStyle(shape); return [of.fill, of.fillOpacity, of.fillRule]; }"
    )
    assert style == ["rgb(204, 121, 167)", "0.2", "evenodd"]
    assert (text.text_content(), text.get_attribute("x"), text.get_attribute("y")) == ("<b>cell</b> 88%", "2", "1")
    assert text.evaluate("(shape) => getComputedStyle(shape).fill") == "rgb(255, 255, 255)"


def changed(page: Any) -> Any:
    """Neither the size, nor the place, nor the colours as they were."""
    page.locator(".panes").focus()
    for key in ("0", "+", "+", "ArrowLeft", "]", "i"):
        page.keyboard.press(key)
    return page.evaluate(STATE)


def test_every_button_changes_the_picture_and_its_key_does_the_same(bare: Any) -> None:
    names = [button.get_attribute("aria-label") or button.inner_text() for button in bare.get_by_role("button").all()]
    assert names == [*BUTTONS, "Full screen"]
    for name, key in BUTTONS.items():
        before = changed(bare)
        bare.get_by_role("button", name=name).click()
        after = bare.evaluate(STATE)
        assert after != before, name
        changed(bare)
        bare.keyboard.press(key)
        assert bare.evaluate(STATE) == after, name


def test_the_picture_takes_the_full_screen_and_comes_back_by_the_button_and_by_the_key(bare: Any) -> None:
    frame, button = bare.locator(".frame"), bare.get_by_role("button", name="Full screen")
    height = frame.bounding_box()["height"]

    def is_large(expected: bool) -> bool:
        bare.wait_for_function("(expected) => Boolean(document.fullscreenElement) === expected", arg=expected)
        return bool(frame.bounding_box()["height"] > 1.5 * height)

    assert height == 300
    for switch in (button.click, lambda: bare.keyboard.press("f")):
        bare.locator(".panes").focus()
        switch()
        assert is_large(True)
        assert frame.bounding_box()["width"] > 0.95 * bare.evaluate("innerWidth")
        bare.locator(".panes").focus()
        switch()
        assert not is_large(False)


def test_the_title_of_a_button_tells_its_key(bare: Any) -> None:
    for name, key in (BUTTONS | {"Full screen": "f"}).items():
        assert re.fullmatch(rf".+ \({re.escape(key)}\)", bare.get_by_role("button", name=name).get_attribute("title"))

"""The picture viewer's own script on a bare page: every button does something, and its key the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from app.viewer import HERE

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
PICTURE = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
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
    page.set_content(f'<div id="viewer">{(HERE / "viewer.html").read_text()}</div>')
    panes = {"panes": [{"src": PICTURE, "title": "Case a", "shapes": []}]}
    page.evaluate(
        """([script, value]) => new Function("element", "props", "watch", script)(
          document.querySelector("#viewer"), { value, height: 300 }, () => {})""",
        [(HERE / "viewer.js").read_text(), panes],
    )
    yield page
    page.close()
    assert wrong == []


def changed(page: Any) -> Any:
    """Neither the size, nor the place, nor the colours as they were."""
    page.locator(".panes").focus()
    for key in ("0", "+", "+", "ArrowLeft", "]", "i"):
        page.keyboard.press(key)
    return page.evaluate(STATE)


def test_every_button_changes_the_picture_and_its_key_does_the_same(bare: Any) -> None:
    names = [button.get_attribute("aria-label") or button.inner_text() for button in bare.get_by_role("button").all()]
    assert names == list(BUTTONS)
    for name, key in BUTTONS.items():
        before = changed(bare)
        bare.get_by_role("button", name=name).click()
        after = bare.evaluate(STATE)
        assert after != before, name
        changed(bare)
        bare.keyboard.press(key)
        assert bare.evaluate(STATE) == after, name


def test_the_title_of_a_button_tells_its_key(bare: Any) -> None:
    for name, key in BUTTONS.items():
        assert re.fullmatch(rf".+ \({re.escape(key)}\)", bare.get_by_role("button", name=name).get_attribute("title"))

"""The viewer on a deep picture: what its canvas holds is what numpy makes of the levels, whatever the window."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from sqlalchemy import update

import app.viewer
from app.html import component_beside
from core.pictures.deep import Deep, Shades, Table, View, Window, as_deep_png
from core.pictures.levels import packed, views_to_choose
from core.pictures.shown import whole
from core.pictures.store import open_store
from core.records.tables import Case
from tests.browser.conftest import Shown
from tests.browser.test_screens import LOOKS, SCREENS, barriers, lies_wrong, wear
from tests.browser.tour import QUIET, sign_in
from tests.pictures.deep_drawn import ct

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
HOME = "http://viewer.test/"
SIDE, PATIENCE_MS = 96, 15_000
HOSTILE = "<img src=x onerror=hit()>${hit()}`${hit()}`{{hit}}\\"
READ = """async (number) => {
  await new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)));
  const canvas = document.querySelectorAll(".frame canvas")[number];
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let text = "";
  for (let place = 0; place < data.length; place += 4) {
    const [red, green, blue, opaque] = data.subarray(place, place + 4);
    if (red !== green || red !== blue || opaque !== 255) return [0, "not grey"];
    text += String.fromCharCode(red);
  }
  return [canvas.width, btoa(text)];
}"""


def drawn_on(page: Any, number: int = 0) -> Shades:
    """What a canvas of the page holds."""
    side, shades = page.evaluate(READ, number)  # at once: it may be drawn anew in between
    return np.frombuffer(base64.b64decode(shades, validate=True), np.uint8).reshape(-1, side)


@dataclass
class Bare:
    """The viewer as Gradio runs it, and nothing else, at an address that answers with drawn pictures."""

    page: Any
    pictures: dict[str, Deep] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)

    def answer(self, route: Any) -> None:
        path = route.request.url.removeprefix(HOME)
        self.asked.append(path)
        name, _, kind = path.partition("/")
        if path in self.refused:
            route.fulfill(status=self.refused[path], body="This picture was erased.", content_type="text/plain")
        elif name not in self.pictures:
            route.fulfill(body="<!doctype html><body></body>", content_type="text/html")
        else:
            stored = as_deep_png(self.pictures[name])
            media, content = (packed if kind == "levels" else whole)(stored, name)
            plain = gzip.decompress(content) if kind == "levels" else content  # which the browser does of a real answer
            route.fulfill(body=plain, content_type=media)

    def start(self, *names: str, surroundings: str = "") -> None:
        viewer = component_beside(app.viewer.__file__, "viewer")
        self.page.route(f"{HOME}**", self.answer)
        self.page.goto(HOME)
        self.page.set_content(
            f"<style>{viewer['css_template']}</style>"
            f'<div class="{surroundings}"><div id="viewer">{viewer["html_template"]}</div></div>'
        )
        self.page.evaluate(
            """([script, value]) => new Function("element", "props", "watch", script)(
              document.querySelector("#viewer"), { value, height: 300 }, () => {})""",
            [viewer["js_on_load"], {"panes": panes(names)}],
        )
        if names:
            self.wait(len(names))

    def wait(self, canvases: int) -> None:
        self.page.wait_for_function(
            "(many) => document.querySelectorAll('.frame canvas').length === many", arg=canvases
        )

    def show(self, *names: str) -> None:
        self.page.evaluate(
            "(detail) => document.querySelector('#viewer').dispatchEvent(new CustomEvent('show', { detail }))",
            {"panes": panes(names)},
        )

    def drawn(self, number: int = 0) -> Shades:
        return drawn_on(self.page, number)

    def press(self, *keys: str) -> None:
        self.page.locator(".panes").focus()
        for key in keys:
            self.page.keyboard.press(key)

    def fields(self) -> tuple[str, str]:
        level, width = (self.page.locator(f"[data-window={name}]").input_value() for name in ("center", "width"))
        return level, width


def panes(names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{"src": f"/{name}/picture", "title": name, "shapes": [], "levels": f"/{name}/levels"} for name in names]


@pytest.fixture
def bare(chromium: Any) -> Iterator[Bare]:
    page = chromium.new_page()
    page.set_default_timeout(PATIENCE_MS)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield Bare(page, {"ct": ct(SIDE)})
    page.close()
    assert wrong == []


def test_drawn_pixels_are_those_of_numpy_at_every_window_and_inverted(bare: Bare) -> None:
    bare.start("ct")
    deep = bare.pictures["ct"]
    choices = views_to_choose(deep)
    assert [view.name for view in choices[2:]] == ["bone", "brain", "liver", "all of it"]
    np.testing.assert_array_equal(bare.drawn(), deep.shades())
    for number, view in enumerate(choices, 1):
        bare.press(str(number))
        np.testing.assert_array_equal(bare.drawn(), deep.shades(view), err_msg=view.name)
        assert isinstance(view, Window) and tuple(map(float, bare.fields())) == (view.center, view.width)
    bare.press("i")
    np.testing.assert_array_equal(bare.drawn(), replace(deep, is_inverted=True).shades(choices[-1]))
    bare.press("0")
    np.testing.assert_array_equal(bare.drawn(), deep.shades())


@pytest.mark.parametrize(
    ("slope", "intercept", "is_inverted"), [(1.0, -1024.0, True), (-0.25, 100.0, False), (0.001, 0.0, False)]
)
def test_every_curve_and_a_table_are_drawn_as_numpy_draws_them(
    bare: Bare, slope: float, intercept: float, is_inverted: bool
) -> None:
    levels = np.arange(1 << 16, dtype=np.uint16).reshape(256, 256)
    ends = sorted((intercept, intercept + slope * 65_535))
    middle, span = sum(ends) / 2, ends[1] - ends[0]
    views: tuple[View, ...] = (
        Table("as the table has it", -3, bytes(np.random.default_rng(1).integers(0, 256, 4099, np.uint8))),
        Window("sigmoid", middle, span / 5, "SIGMOID"),
        Window("exact", middle, span / 3, "LINEAR_EXACT"),
        Window("linear", middle, max(1.5, span / 7), "LINEAR"),
        Window("of width 1", middle, 1, "LINEAR"),
    )
    bare.pictures["all"] = deep = Deep(levels, views, slope, intercept, "", is_inverted)
    bare.start("all")
    for number, view in enumerate(views, 1):
        bare.press(str(number))
        np.testing.assert_array_equal(bare.drawn(), deep.shades(view), err_msg=view.name)


def test_a_window_is_drawn_and_told_by_drag_by_keys_and_by_numbers(bare: Bare) -> None:
    bare.start("ct")
    page, deep = bare.page, bare.pictures["ct"]
    box = page.locator(".frame").bounding_box()
    x, y = box["x"] + 150, box["y"] + 150

    def drag(button: str, *held: str) -> None:
        page.mouse.move(x, y)
        for key in held:
            page.keyboard.down(key)
        page.mouse.down(button=button)
        page.mouse.move(x + 20, y + 10, steps=4)
        page.mouse.up(button=button)
        for key in held:
            page.keyboard.up(key)

    # By 20 to the right a window grows by e^(20 / 200), and 10 down is 10 / 200 of its width higher.
    for button, held, is_chosen in (("right", [], False), ("left", ["Shift"], False), ("left", [], True)):
        bare.press("0")
        if is_chosen:
            page.get_by_role("button", name="Drag window").click()
        drag(button, *held)
        assert bare.fields() == ("60", "442")
        np.testing.assert_array_equal(bare.drawn(), deep.shades(Window("", 60, 442)))
    bare.press("0", "[", ".")
    assert bare.fields() == ("62", "440")
    page.locator("[data-window=center]").fill("-500.5")
    page.locator("[data-window=width]").fill("800")
    np.testing.assert_array_equal(bare.drawn(), deep.shades(Window("", -500.5, 800)))
    page.locator("[data-window=width]").fill("-3")
    page.locator(".panes").focus()
    page.wait_for_function("document.querySelector('[data-window=width]').value === '800'")
    page.locator("[data-view]").select_option(label="2 lung of the file")
    np.testing.assert_array_equal(bare.drawn(), deep.shades(deep.views[1]))
    page.wait_for_function("document.querySelector('.said').textContent.includes('lung of the file')")
    said = page.locator(".seen-by-models").inner_text()
    assert said.startswith("Models saw: “soft tissue” (level 40, width 400 HU).") and "never what a reader" in said


def test_while_a_window_is_pulled_linked_panes_draw_what_the_screen_shows_once_a_frame(bare: Bare) -> None:
    side, step = 1200, 4  # in a frame of 300 pixels
    bare.pictures["large"] = deep = ct(side)
    bare.start("large", "large")
    pulled = bare.page.evaluate(
        """async () => {
          let drawn = 0;
          const put = CanvasRenderingContext2D.prototype.putImageData;
          CanvasRenderingContext2D.prototype.putImageData = function (...given) {
            drawn += given[2] === 0;  // the strip at the top
            return put.apply(this, given);
          };
          const frame = document.querySelector(".frame"), at = { button: 2, pointerId: 1, bubbles: true };
          frame.dispatchEvent(new PointerEvent("pointerdown", { ...at, clientX: 50, clientY: 60 }));
          for (let moves = 1; moves <= 20; moves += 1)
            frame.dispatchEvent(new PointerEvent("pointermove", {
              ...at, clientX: 50 + moves, clientY: 60 + moves / 2,
            }));
          const before = drawn;
          await new Promise(shown => requestAnimationFrame(() => requestAnimationFrame(shown)));
          return [before, drawn];
        }"""
    )
    assert pulled == [0, 2]
    window = Window("", 60, 442)
    for number in (0, 1):
        np.testing.assert_array_equal(bare.drawn(number), deep.shades(window)[::step, ::step])
    assert bare.fields() == ("60", "442"), "told while it is pulled"
    bare.page.evaluate("window.dispatchEvent(new PointerEvent('pointerup', { pointerId: 1 }))")
    whole = f"[...document.querySelectorAll('.frame canvas')].every(canvas => canvas.width === {side})"
    bare.page.wait_for_function(whole)
    for number in (0, 1):
        np.testing.assert_array_equal(bare.drawn(number), deep.shades(window))
    # Where a pixel of the picture is one of the screen or more, none is left out.
    bare.press(*"++++++++")
    bare.page.evaluate(
        """() => ["pointerdown", "pointermove"].forEach((type, place) => document.querySelector(".frame").dispatchEvent(
          new PointerEvent(type, { button: 2, pointerId: 1, bubbles: true, clientX: 50 + 20 * place, clientY: 60 })))"""
    )
    assert bare.drawn().shape == (side, side)


def test_what_is_measured_under_the_mouse_and_in_the_middle_is_told(bare: Bare) -> None:
    bare.start("ct")
    deep, box = bare.pictures["ct"], bare.page.locator(".frame").bounding_box()
    scale = box["height"] / SIDE
    left = box["x"] + (box["width"] - SIDE * scale) / 2
    for x, y in ((0, 0), (30, 41), (SIDE - 1, SIDE - 1)):
        bare.page.mouse.move(left + (x + 0.5) * scale, box["y"] + (y + 0.5) * scale)
        told = f"{x}, {y}: {int(deep.levels[y, x]) - 1024} HU"
        assert bare.page.locator(".pointed").inner_text() == told
    bare.page.mouse.move(left - 5, box["y"] + 5)
    assert bare.page.locator(".pointed").text_content() == ""
    bare.press("v")
    middle = f"In the middle 48, 48: {int(deep.levels[48, 48]) - 1024} HU"
    bare.page.wait_for_function("(words) => document.querySelector('.said').textContent === words", arg=middle)


def test_panes_move_together_until_they_are_unlinked_and_one_picture_is_fetched_once(bare: Bare) -> None:
    bare.pictures["mr"] = replace(ct(SIDE), unit="", views=(Window("whole", 2000, 4000),))
    bare.start("ct", "ct", "mr")
    assert sorted(path for path in bare.asked if path.endswith("levels")) == ["ct/levels", "mr/levels"]
    deep, other = bare.pictures["ct"], bare.pictures["mr"]
    transforms = "[...document.querySelectorAll('.frame canvas')].map((canvas) => canvas.style.transform)"
    bare.press("2", "+")
    assert len(set(bare.page.evaluate(transforms))) == 1
    for number in (0, 1):
        np.testing.assert_array_equal(bare.drawn(number), deep.shades(deep.views[1]))
    np.testing.assert_array_equal(bare.drawn(2), other.shades())  # measures something else
    bare.press("l")
    bare.page.locator(".frame").nth(1).focus()
    for key in ("-", "1", "ArrowLeft"):
        bare.page.keyboard.press(key)
    first, second, _ = bare.page.evaluate(transforms)
    assert first != second
    np.testing.assert_array_equal(bare.drawn(0), deep.shades(deep.views[1]))
    np.testing.assert_array_equal(bare.drawn(1), deep.shades())
    bare.page.get_by_role("button", name="Linked").click()
    assert len(set(bare.page.evaluate(transforms))) == 1
    np.testing.assert_array_equal(bare.drawn(0), deep.shades())
    bare.press("l")
    bare.show("ct")  # alone it has nothing to be linked with, and no place of its own for the Tab key
    assert bare.page.locator(".frame").get_attribute("tabindex") is None
    assert not bare.page.get_by_role("button", name="Linked").is_visible()


def test_the_canvas_takes_the_pictures_place_and_gives_its_memory_back(bare: Bare) -> None:
    bare.pictures["next"] = ct(SIDE // 2)
    bare.start("ct")
    places = bare.page.evaluate(
        """() => [...document.querySelectorAll(".frame img, .frame canvas")].map((layer) =>
          [layer.getBoundingClientRect().toJSON(), getComputedStyle(layer).objectFit, layer.style.transform])"""
    )
    assert places[0] == places[1]
    bare.page.evaluate("window.held = document.querySelector('.frame canvas')")
    bare.press("2")
    bare.page.locator("[data-window=center]").focus()
    bare.show("next")
    assert bare.page.locator("[data-window=center]").evaluate("(field) => field === document.activeElement")
    bare.page.wait_for_function(f"document.querySelector('.frame canvas')?.width === {SIDE // 2}")
    assert bare.page.evaluate("[held.width, held.height]") == [0, 0]
    # A window in a unit holds for the next picture.
    np.testing.assert_array_equal(bare.drawn(), bare.pictures["next"].shades(ct().views[1]))


def test_names_of_windows_from_a_file_stay_words(bare: Bare) -> None:
    bare.page.expose_function("hit", lambda: bare.asked.append("hit"))
    bare.pictures["bad"] = replace(ct(SIDE, HOSTILE), unit=HOSTILE)
    bare.start("bad")
    bare.press("1", "v")
    assert bare.page.locator("[data-view] option").nth(1).text_content() == f"1 {HOSTILE}"
    assert HOSTILE in bare.page.locator(".seen-by-models").inner_text()
    bare.page.wait_for_function("(words) => document.querySelector('.said').textContent.includes(words)", arg=HOSTILE)
    assert "hit" not in bare.asked and bare.page.locator("#viewer img").count() == 1


def test_where_levels_are_refused_the_8_bits_stay_and_it_is_said_why(bare: Bare) -> None:
    bare.refused["ct/levels"] = 404
    bare.start()
    bare.show("ct")
    bare.page.get_by_text("Only the 8 bits that models see could be loaded. This picture was erased.").wait_for()
    assert bare.page.locator("canvas").count() == 0
    assert bare.page.locator("[data-set=brightness]").is_visible() and not bare.page.locator("[data-view]").is_visible()


def test_keys_go_on_after_one_of_its_buttons_was_pressed_and_arrows_stay_with_the_page(bare: Bare) -> None:
    bare.start("ct")
    deep, canvas = bare.pictures["ct"], bare.page.locator(".frame canvas")
    bare.page.get_by_role("button", name="Zoom in").click()
    looked_at = canvas.get_attribute("style")
    bare.page.keyboard.press("2")
    np.testing.assert_array_equal(bare.drawn(), deep.shades(deep.views[1]))
    bare.page.keyboard.press("ArrowLeft")
    assert canvas.get_attribute("style") == looked_at
    level = bare.page.locator("[data-window=center]")
    level.focus()
    level.press("1")
    assert level.input_value().endswith("1")


def test_where_digits_answer_only_digits_with_shift_choose_a_window(bare: Bare) -> None:
    bare.start("ct", surroundings="answers-by-digits")
    deep = bare.pictures["ct"]
    bare.page.evaluate(
        "window.typed = []; document.addEventListener('keydown', (event) => { "
        "if (!event.defaultPrevented && event.key.length === 1) typed.push(event.key); })"
    )
    bare.press("2")
    np.testing.assert_array_equal(bare.drawn(), deep.shades())
    bare.press("Shift+Digit2")
    np.testing.assert_array_equal(bare.drawn(), deep.shades(deep.views[1]))
    assert json.dumps(bare.page.evaluate("typed")) == '["2"]'


def test_two_fingers_zoom_and_one_moves(bare: Bare) -> None:
    bare.start("ct")
    fingers = """(events) => events.forEach(([type, pointerId, clientX, clientY]) => {
      const box = document.querySelector(".frame").getBoundingClientRect();
      const at = { clientX: box.x + clientX, clientY: box.y + clientY, pointerType: "touch", bubbles: true, button: 0 };
      document.querySelector(".frame canvas").dispatchEvent(new PointerEvent(type, { pointerId, ...at }));
    })"""
    state = "document.querySelector('.frame canvas').style.transform"
    bare.page.evaluate(fingers, [["pointerdown", 1, 50, 50], ["pointermove", 1, 60, 45], ["pointerup", 1, 60, 45]])
    assert bare.page.evaluate(state) == "translate(10px, -5px) scale(1)"
    bare.press("0")
    spread = [["pointerdown", 1, 100, 150], ["pointerdown", 2, 200, 150], ["pointermove", 2, 300, 150]]
    bare.page.evaluate(fingers, spread)
    bare.page.locator("#viewer[data-scale='2.00']").wait_for()
    bare.page.evaluate(fingers, [["pointerup", 1, 100, 150], ["pointerup", 2, 300, 150]])
    before = bare.page.evaluate(state)
    bare.page.evaluate(fingers, [["pointermove", 2, 10, 10]])
    assert bare.page.evaluate(state) == before


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/image-sets?version={version}&case=30", ""),
        ("/image-sets?version={version}&case=30&edit=boxes", "#box-picture"),
        ("/compare?run={run}&case=case-030", "#compare-picture"),
        ("/review?review={review}&tab=decide&rank=31", "#review-picture"),
    ],
)
def test_each_page_shows_a_deep_picture_through_its_windows(chromium: Any, shown: Shown, path: str, place: str) -> None:
    """On every screen, light and dark, with nothing over something else and no barrier that axe knows of."""
    room, deep = shown.room.nine, ct(SIDE)
    with shown.room.studio.database.session() as session:
        digest = open_store(shown.room.studio.place.store).put(as_deep_png(deep))
        session.execute(update(Case).where(Case.version_id == room.version_id, Case.number == 30).values(digest=digest))
    page = chromium.new_page(viewport={"width": 1366, "height": 768}, reduced_motion="reduce")
    page.set_default_timeout(4 * PATIENCE_MS)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    sign_in(page, shown.address)
    page.goto(shown.address + path.format(version=room.version_id, run=room.run_id, review=room.review_id))
    page.locator(f"{place} .frame canvas").wait_for()
    np.testing.assert_array_equal(drawn_on(page), deep.shades())
    page.locator(f"{place} .panes").first.focus()
    page.keyboard.press("Shift+Digit3" if "review" in path else "3")
    np.testing.assert_array_equal(drawn_on(page), deep.shades(Window("bone", 400, 1800)))
    page.evaluate(QUIET)  # else a figure that is not there yet is found to have no role
    for look in LOOKS:
        wear(page, look)
        wrong.extend(barriers(page))
        for width, height in SCREENS:
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(150)
            wrong.extend(f"{look}, {width}: {line}" for line in lies_wrong(page))
    page.close()
    assert wrong == []

"""The editor of boxes in a real browser: by mouse, by key and by finger, two people at once, the whole way round."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.case import Box
from core.formats import voc
from core.records.review import boxes
from core.records.sets import sets
from tests.app.furnished import Furnished, furnish
from tests.browser.conftest import Running, is_within
from tests.browser.test_image_sets import added
from tests.browser.test_review import serving_records
from tests.let_in import open_door

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
PATIENCE_MS = 60_000
WIDTH, HEIGHT = 20, 40
"""Of the example's pictures: a pixel is some ten of the screen."""
DARK, LIGHT = Box("dark cell", 0.1, 0.2, 0.5, 0.6), Box("light cell", 0.5, 0.5, 1.0, 0.9)
PLACE = """([x, y]) => {
  const image = document.querySelector("#box-editor .frame img"), seen = image.getBoundingClientRect();
  const scale = Math.min(seen.width / image.naturalWidth, seen.height / image.naturalHeight);
  return [seen.left + (seen.width - scale * image.naturalWidth) / 2 + x * scale,
          seen.top + (seen.height - scale * image.naturalHeight) / 2 + y * scale];
}"""
"""Where a point of the picture, in its pixels, is on the screen."""
LEFT, LOST = "Leave without saving", "are not saved"


@dataclass
class Editor:
    """One person's editor of a case, by the address that Compare links to."""

    page: Any
    address: str
    room: Furnished
    version_id: int
    number: int

    def open(self) -> None:
        self.page.goto(f"{self.address}/image-sets?version={self.version_id}&case={self.number}&edit=boxes")
        self.page.locator("#box-editor .name", has_text=f"{self.number}.png").wait_for()
        self.page.wait_for_function("document.querySelectorAll('#box-editor .drawn > rect[data-box]').length > 0")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def pull(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """The mouse from one point of the picture to another."""
        pull(self.page, start, end)

    def choose(self, row: int) -> None:
        self.page.locator("#box-editor .boxes button").nth(row).click()

    def seen(self) -> list[tuple[str, list[float]]]:
        """Label and corners of each box, in pixels of the picture, in the order of the list."""
        script = """() => [...document.querySelectorAll("#box-editor .drawn > rect[data-box]")]
          .toSorted((one, other) => one.dataset.box - other.dataset.box).map((node) => [
            node.querySelector("title").textContent,
            ["x", "y", "width", "height"].map((name) => Math.round(1000 * node.getAttribute(name)) / 1000)])"""
        return [(label, [x, y, x + wide, y + high]) for label, (x, y, wide, high) in self.page.evaluate(script)]

    def save(self) -> None:
        self.page.get_by_role("button", name="Save the boxes").click()
        self.page.locator("#box-editor .state", has_text="All kept.").wait_for()

    def kept(self) -> list[tuple[str, list[float]]]:
        """As they stand in the records."""
        stands = boxes.standing_boxes(self.room.studio.database, self.room.who, self.version_id, self.number)
        return [(box.label, [round(side, 3) for side in self._sides(box)]) for box in stands.boxes]

    def _sides(self, box: Box) -> tuple[float, float, float, float]:
        return box.left * WIDTH, box.top * HEIGHT, box.right * WIDTH, box.bottom * HEIGHT


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Furnished]]:
    room = furnish(tmp_path_factory.mktemp("studio"))
    with serving_records(room.studio) as address:
        yield address, room


@pytest.fixture
def editor(
    furnished: tuple[str, Furnished], chromium: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Editor]:
    """Of the case with a dark cell and a light one, in a set of the test's own."""
    address, room = furnished
    options = getattr(request, "param", {})
    context = chromium.new_context(**{"viewport": {"width": 1366, "height": 768}, **options})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    open_door(page, address, room.studio.database)
    version = sets.write_version(
        room.studio.database,
        room.studio.place,
        voc.write_example(tmp_path / "cells"),
        who=room.who,
        project_id=room.who.projects[0],
        name=request.node.name,
    )
    opened = Editor(page, address, room, version.id, 2)
    opened.open()
    yield opened
    context.close()
    assert wrong == []


def test_boxes_are_moved_stretched_drawn_renamed_and_deleted_by_mouse(editor: Editor) -> None:
    dark, light = [2.0, 8.0, 10.0, 24.0], [10.0, 20.0, 20.0, 36.0]
    assert editor.seen() == [("dark cell", dark), ("light cell", light)]
    editor.pull((5, 12), (7, 9))
    assert editor.seen()[0] == ("dark cell", [4, 5, 12, 21])
    assert editor.page.locator("#box-editor .state").inner_text() == "Not saved yet."
    editor.pull((12, 21), (9, 15))
    assert editor.seen()[0] == ("dark cell", [4, 5, 9, 15])
    editor.page.get_by_role("button", name="Draw a box").click()
    editor.pull((15, 4), (11, 12))
    assert editor.seen()[2] == ("dark cell", [11, 4, 15, 12]), "pulled from its right to its left"
    editor.page.locator("#box-editor [data-edit=label]").select_option("light cell")
    assert editor.seen()[2] == ("light cell", [11, 4, 15, 12])
    editor.choose(1)
    editor.page.get_by_role("button", name="Delete", exact=True).click()
    assert editor.seen() == [("dark cell", [4, 5, 9, 15]), ("light cell", [11, 4, 15, 12])]
    editor.save()
    assert editor.kept() == editor.seen()
    for expected in (3, 3, 2, 2, 2):
        editor.page.get_by_role("button", name="Undo").click()
        assert len(editor.seen()) == expected
    assert editor.seen() == [("dark cell", dark), ("light cell", light)]
    assert editor.page.get_by_role("button", name="Undo").is_disabled()


def test_a_box_stays_in_the_picture_is_never_turned_and_has_two_pixels(editor: Editor) -> None:
    editor.pull((5, 12), (-30, -30))
    assert editor.seen()[0][1] == [0, 0, 8, 16]
    editor.pull((4, 8), (40, 60))
    assert editor.seen()[0][1] == [12, 24, 20, 40]
    editor.pull((12, 24), (30, 60))
    assert editor.seen()[0][1] == [18, 38, 20, 40], "its upper left corner, pulled past the other one"
    editor.press("d")
    editor.pull((19.9, 39.9), (19.9, 39.9))
    assert editor.seen()[2][1] == [18, 38, 20, 40], "a press without a pull"
    editor.press("d")
    editor.pull((3, 3), (-50, 100))
    assert editor.seen()[3][1] == [0, 3, 3, 40]
    editor.save()
    assert editor.kept() == editor.seen()


def test_every_key_that_is_listed_does_what_it_says(editor: Editor) -> None:
    editor.choose(0)
    editor.press("ArrowRight", "ArrowDown", "Shift+ArrowDown", "ArrowLeft")
    assert editor.seen()[0][1] == [2, 19, 10, 35]
    editor.press("Shift+ArrowDown", "Shift+ArrowLeft")
    assert editor.seen()[0][1] == [0, 24, 8, 40], "and no further than the picture"
    editor.press("Alt+ArrowLeft", "Alt+Shift+ArrowUp")
    assert editor.seen()[0][1] == [0, 24, 7, 30]
    editor.press("Control+z", "Control+z")
    assert editor.seen()[0][1] == [0, 24, 8, 40]
    chosen = "document.querySelector('#box-editor .drawn > rect.chosen')?.dataset.box ?? ''"
    # The light cell is the larger one, so Tab comes to it first, and from it to the dark one.
    editor.page.locator("#box-editor .panes").focus()
    editor.press("Tab")
    first = editor.page.evaluate(chosen)
    # An outline would be as much larger as the picture is shown: what has the focus is dashed.
    style = "(({ outlineStyle, strokeDasharray }) => [outlineStyle, strokeDasharray])"
    assert editor.page.evaluate(f"{style}(getComputedStyle(document.activeElement))") == ["none", "7px, 3px"]
    editor.press("Tab")
    assert {first, editor.page.evaluate(chosen)} == {"0", "1"}
    editor.press("Delete")
    assert len(editor.seen()) == 1
    editor.press("Escape", "n")
    assert editor.seen()[1][1] == [8, 15, 13, 25]
    editor.press("Escape")
    assert editor.page.evaluate(chosen) == ""
    editor.press("Control+s")
    editor.page.locator("#box-editor .state", has_text="All kept.").wait_for()
    assert editor.kept() == editor.seen()


@pytest.mark.parametrize("editor", [{}, {"viewport": {"width": 1024, "height": 700}}], indirect=True)
def test_a_corner_is_pulled_just_as_well_zoomed_in_and_moved(editor: Editor) -> None:
    assert is_within(editor.page)
    editor.page.locator("#box-editor .panes").focus()
    editor.press("+", "+", "+", "ArrowLeft", "ArrowUp")
    editor.pull((5, 20), (6, 20))
    assert editor.seen()[0][1] == [3, 8, 11, 24]
    corner = "#box-editor .drawn .corner.se"
    before = editor.page.locator(corner).bounding_box()
    editor.pull((11, 24), (9, 22))
    assert editor.seen()[0][1] == [3, 8, 9, 22]
    editor.press("-", "-")
    after = editor.page.locator(corner).bounding_box()
    assert after["width"] == pytest.approx(before["width"], abs=1), "a corner is as large on the screen as before"
    editor.save()


@pytest.mark.parametrize("editor", [{"has_touch": True, "viewport": {"width": 1024, "height": 700}}], indirect=True)
def test_a_finger_moves_and_draws(editor: Editor) -> None:
    session = editor.page.context.new_cdp_session(editor.page)

    def swipe(start: tuple[float, float], end: tuple[float, float]) -> None:
        for kind, point in (("touchStart", start), ("touchMove", end), ("touchMove", end), ("touchEnd", None)):
            x, y = editor.page.evaluate(PLACE, list(point)) if point else (0, 0)
            points = [{"x": x, "y": y}] if point else []
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    swipe((5, 12), (7, 14))
    assert editor.seen()[0][1] == [4, 10, 12, 26]
    editor.page.wait_for_timeout(600)  # else the browser takes the next touch for the second of two
    is_pressed = editor.page.locator("#box-editor [data-edit=draw][aria-pressed=true]")
    for _ in range(5):  # a browser that is busy takes a touch for part of the one before it: people touch again
        editor.page.get_by_role("button", name="Draw a box").tap()
        editor.page.wait_for_timeout(600)
        if is_pressed.count():
            break
    is_pressed.wait_for()
    swipe((1, 1), (6, 5))
    assert editor.seen()[2][1] == [1, 1, 6, 5]
    editor.save()
    assert editor.kept() == editor.seen()


def test_who_leaves_without_saving_is_asked(editor: Editor) -> None:
    page = editor.page
    editor.choose(0)
    editor.press("ArrowRight")
    page.get_by_role("button", name="← Back to the cases").click()
    page.locator("#box-editor .asked").get_by_text(LOST).wait_for()
    page.get_by_role("button", name="Stay here").click()
    assert editor.seen()[0][1][0] == 3
    dialogs: list[str] = []

    def stay(dialog: Any) -> None:
        dialogs.append(dialog.type)
        dialog.dismiss()

    page.once("dialog", stay)
    page.evaluate("setTimeout(() => { location.href = '/'; })")
    page.wait_for_timeout(1000)
    assert dialogs == ["beforeunload"] and page.url.endswith("edit=boxes")
    page.get_by_role("button", name="← Back to the cases").click()
    page.get_by_role("button", name=LEFT).click()
    page.wait_for_url(f"**/image-sets?version={editor.version_id}&case={editor.number}")  # Gradio ended its session
    page.locator(".gallery").wait_for()
    assert editor.kept()[0][1][0] == 2
    page.goto(editor.address)  # with nothing left to lose, nothing is asked
    assert dialogs == ["beforeunload"]


def test_the_later_of_two_sees_what_the_other_did_and_chooses(editor: Editor) -> None:
    def other(drawn: Box) -> None:
        version = (editor.version_id, editor.number)
        db, who = editor.room.studio.database, editor.room.who
        after = boxes.standing_boxes(db, who, *version).correction
        boxes.correct_boxes(db, editor.room.studio.place, who, *version, [vars(drawn)], after)

    page = editor.page
    other(LIGHT)
    editor.choose(0)
    editor.press("ArrowRight")
    mine = editor.seen()
    page.get_by_role("button", name="Save the boxes").click()
    page.locator("#box-editor .asked").get_by_text("corrected the boxes of").wait_for()
    page.get_by_role("button", name="Look at theirs").click()
    assert [label for label, _ in editor.seen()] == ["light cell"]
    page.get_by_role("button", name="Undo").click()
    assert editor.seen() == mine
    other(DARK)
    page.get_by_role("button", name="Save the boxes").click()
    page.get_by_role("button", name="Put mine in their place").click()
    page.locator("#box-editor .state", has_text="All kept.").wait_for()
    assert editor.kept() == mine
    history = boxes.corrections_of_boxes(editor.room.studio.database, editor.room.who, editor.version_id, editor.number)
    assert [len(row.boxes) for row in history] == [1, 1, 2]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda route: route.abort(), "Nothing is lost: save again"),
        (lambda route: route.fulfill(status=401, json={"detail": "x"}), "Sign in again"),
        (lambda route: route.fulfill(status=400, json={"detail": "<b>refused</b>"}), "<b>refused</b>"),
    ],
)
def test_what_could_not_be_saved_stays_and_is_saved_later(
    editor: Editor, answer: Callable[[Any], None], words: str
) -> None:
    editor.choose(0)
    editor.press("ArrowRight")
    editor.page.route("**/boxes/*/*", answer)
    editor.page.get_by_role("button", name="Save the boxes").click()
    editor.page.locator("#box-editor .state.bad").get_by_text(words).wait_for()
    editor.page.unroute("**/boxes/*/*")
    assert editor.kept()[0][1][0] == 2
    editor.save()
    assert editor.kept()[0][1][0] == 3


def test_boxes_of_an_upload_are_corrected_and_are_in_the_next_version_and_its_list(
    running: Running, page: Any, tmp_path: Path
) -> None:
    voc.write_example(tmp_path / "cells")
    added(page, running, shutil.make_archive(str(tmp_path / "cells"), "zip", tmp_path / "cells"), "Boxed cells")
    page.get_by_role("link", name="Look at its cases").click()
    page.locator(".gallery button").first.click()
    page.get_by_role("button", name="Correct its boxes").click()
    page.locator("#box-editor .name", has_text="0.png").wait_for()
    page.wait_for_function("document.querySelectorAll('#box-editor .drawn > rect[data-box]').length === 1")
    assert is_within(page)
    page.locator("#box-editor .boxes button").click()
    pull(page, (10, 24), (14, 30))
    page.get_by_role("button", name="Draw a box").click()
    pull(page, (2, 32), (9, 38))
    page.locator("#box-editor [data-edit=label]").select_option("light cell")
    page.get_by_role("button", name="Save the boxes").click()
    page.locator("#box-editor .says", has_text="Its labels then: dark cell, light cell (now: dark cell).").wait_for()
    page.get_by_role("button", name="← Back to the cases").click()
    page.get_by_text("Boxes corrected: 1 case").wait_for()
    page.get_by_text("corrected, in no version yet").wait_for()
    page.get_by_label("Note on the new version").filter(visible=True).fill("by hand")
    page.get_by_role("button", name="Make the next version").click()
    page.get_by_text("Version 2 of Boxed cells is kept.").wait_for()
    page.get_by_text("Boxes corrected: 1 case").wait_for(state="hidden")
    page.locator(".gallery button", has_text="dark cell, light cell").first.click()
    page.locator(".viewer:visible .overlay rect").nth(1).wait_for()
    shapes = page.locator(".viewer:visible .overlay rect").evaluate_all(
        "nodes => nodes.map(node => ['x', 'y', 'width', 'height'].map(name => Math.round(node.getAttribute(name))))"
    )
    assert shapes == [[2, 8, 12, 22], [2, 32, 7, 6]]
    page.get_by_role("tab", name="Versions").click()
    page.get_by_text("by hand. boxes corrected: 1 case").wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="List of cases (CSV)").first.click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
    assert re.findall(r'"label": "(\w+)', rows[0]["boxes"]) == ["dark", "light"]
    assert '"right": 0.7, "bottom": 0.75' in rows[0]["boxes"]
    with page.expect_download() as download:
        page.get_by_role("link", name="Boxes and masks (COCO)").first.click()
    drawn = json.loads(Path(download.value.path()).read_text())["annotations"]
    assert [each["bbox"] for each in drawn][:2] == [[2, 8, 12, 22], [2, 32, 7, 6]]


def pull(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """The mouse from one point of the picture to another."""
    page.mouse.move(*page.evaluate(PLACE, list(start)))
    page.mouse.down()
    page.mouse.move(*page.evaluate(PLACE, [(start[0] + end[0]) / 2, (start[1] + end[1]) / 2]))
    page.mouse.move(*page.evaluate(PLACE, list(end)))
    page.mouse.up()

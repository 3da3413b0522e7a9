"""Every page on four screens, light and dark, with four labels and with nine long ones: nothing cut off, nothing over
something else, and no barrier that axe knows of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import Shown
from tests.browser.tour import Stop, halls, outside, sign_in, tour, walk_to

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
SCREENS = ((3840, 2160), (390, 844), (1024, 700), (1366, 768))
LOOKS = ("light", "dark")
LAYOUT = Path(__file__).with_name("layout.js").read_text(encoding="utf-8")
DRAWN_MS, SETTLED_MS = 150, 1200
"""How long a page has to follow another width, and how long where something seems wrong."""
GRAVE = ("serious", "critical")
PATIENCE_MS = 60_000
AXED = ("four labels", "no labels", "outside")
"""All pages; axe finds nothing else where labels are longer."""
PARTS = (*AXED, "nine long labels")


@dataclass(frozen=True)
class Walk:
    """What was found wrong on a part's pages, in words."""

    lying: list[str] = field(default_factory=list)
    barriers: list[str] = field(default_factory=list)


def stops_of(part: str, shown: Shown) -> list[Stop]:
    room = shown.room
    sets = {"four labels": room.four, "nine long labels": room.nine}
    return tour(room, sets[part]) if part in sets else halls() if part == "no labels" else outside()


@pytest.fixture(scope="module", params=PARTS)
def walk(request: pytest.FixtureRequest, chromium: Any, shown: Shown) -> Iterator[Walk]:
    context = chromium.new_context(viewport={"width": 1366, "height": 768}, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    if request.param != "outside":
        sign_in(page, shown.address)
    walked = Walk()
    for stop in stops_of(request.param, shown):
        walk_to(page, shown.address, stop)
        for look in LOOKS if request.param in AXED else ():
            wear(page, look)
            walked.barriers.extend(f"{stop.name}, {look}: {barrier}" for barrier in barriers(page))
        for width, height in SCREENS:
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(DRAWN_MS)
            for look in LOOKS:
                wear(page, look)
                walked.lying.extend(f"{stop.name}, {width}, {look}: {line}" for line in lies_wrong(page))
    yield walked
    context.close()


def wear(page: Any, look: str) -> None:
    page.emulate_media(color_scheme=look)
    page.evaluate("isDark => document.body.classList.toggle('dark', isDark)", look == "dark")


def lies_wrong(page: Any) -> list[str]:
    """A figure that is still being drawn anew is given time."""
    if page.evaluate(LAYOUT):
        page.wait_for_timeout(SETTLED_MS)
    return list(page.evaluate(LAYOUT))


def barriers(page: Any) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]


def test_nothing_is_cut_off_and_nothing_lies_over_something_else(walk: Walk) -> None:
    assert walk.lying == []


@pytest.mark.parametrize("walk", AXED, indirect=True, scope="module")
def test_axe_knows_of_no_grave_barrier(walk: Walk) -> None:
    assert walk.barriers == []


def test_pictures_take_the_width_of_a_large_screen(chromium: Any, shown: Shown) -> None:
    page = chromium.new_page(viewport={"width": 3840, "height": 2160})
    page.set_default_timeout(PATIENCE_MS)
    sign_in(page, shown.address)
    of, widths = shown.room.nine, {}
    for path, place in (
        (f"/review?review={of.review_id}&tab=decide", "#review-picture .frame"),
        (f"/image-sets?version={of.version_id}&case=1&edit=boxes", "#box-picture .frame"),
        (f"/image-sets?version={of.version_id}", ".gallery"),
        (f"/compare?run={of.run_id}", "#compare-picture .frame"),
    ):
        page.goto(f"{shown.address}{path}")
        page.locator(place).first.wait_for()
        page.wait_for_timeout(500)
        widths[place] = page.locator(place).first.bounding_box()["width"]
    page.close()
    assert min(widths.values()) > 3840 / 3, widths

"""The page Review in a real browser: fifty cases by keyboard, undo of each kind, two people at once, a crash."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from string import ascii_lowercase, digits, punctuation
from typing import Any

import pytest

from app.context import Studio
from app.pages.review.words import KEYS
from core.records.accounts import people
from core.records.labels import Names
from tests.app.reviewed import ALIKE, Reviewed, furnish_review
from tests.browser.conftest import is_within, wait_for
from tests.let_in import open_door
from worker.redis import free_port

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
PATIENCE_MS = 60_000
PASSWORD = "a long password"
CASES = 64


@dataclass(frozen=True)
class Served:
    """A studio at an address, and the review that a test looks at."""

    address: str
    room: Reviewed

    @property
    def queue(self) -> str:
        return f"{self.address}/review?tab=decide&review={self.room.review_id}"


def start(studio: Studio, port: int) -> subprocess.Popen[bytes]:
    known = os.environ | studio.place.environment() | {"PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"}
    child = subprocess.Popen([sys.executable, "-m", "app.main", "--port", str(port)], env=known)
    wait_for(f"http://127.0.0.1:{port}/health", child)
    return child


@contextmanager
def serving_records(studio: Studio) -> Iterator[str]:
    """The pages of a studio without workers, at an address."""
    child = start(studio, port := free_port())
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        child.terminate()
        child.wait()


@contextmanager
def serving(room: Reviewed) -> Iterator[Served]:
    with serving_records(room.studio) as address:
        yield Served(address, room)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(furnish_review(tmp_path_factory.mktemp("studio"), CASES)) as made:
        yield made


@pytest.fixture
def served(studio: Served) -> Served:
    """The same studio, with a search that nobody has decided on yet."""
    return replace(studio, room=studio.room.another())


@pytest.fixture
def tab(chromium: Any) -> Iterator[Callable[[], Any]]:
    """Opens pages, each in a browser of its own."""
    contexts: list[Any] = []

    def opened() -> Any:
        contexts.append(chromium.new_context(viewport={"width": 1366, "height": 768}))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE_MS)
        return page

    yield opened
    for context in contexts:
        for page in context.pages:
            page.unroute_all(behavior="ignoreErrors")
        context.close()


def at(page: Any, rank: int) -> None:
    page.locator(f"#review-queue [data-rank='{rank}']:not(.is-blank)").wait_for()  # not the one before


def all_kept(page: Any) -> None:
    page.locator("#review-queue .sent[data-unsent='0']", has_text="all kept").wait_for()


def open_queue(page: Any, served: Served) -> None:
    open_door(page, served.address, served.room.studio.database)
    page.goto(served.queue)
    at(page, 1)


def test_fifty_cases_are_reviewed_by_keyboard(served: Served, tab: Callable[[], Any]) -> None:
    page = tab()
    open_queue(page, served)
    keys = ["k", "2", "1", "u", "x"] * 10
    for number, key in enumerate(keys, 1):
        at(page, number)
        page.keyboard.press(key)
    at(page, 51)
    all_kept(page)
    page.get_by_text(f"50 of {CASES} decided by you").wait_for()
    expected = [served.room.meant(rank, key) for rank, key in enumerate(keys, 1)]
    assert served.room.standing() == dict(enumerate(expected, 1))
    assert all(one.seconds is not None and 0 <= one.seconds < 60 for one in served.room.kept())
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_an_audit_is_drawn_decided_on_by_keys_and_told(served: Served, tab: Callable[[], Any]) -> None:
    page = tab()
    open_door(page, served.address, served.room.studio.database)
    review = served.room.review_id
    page.goto(f"{served.address}/review?tab=find&review={review}")
    audit, before = page.locator("#review-audit-told"), page.locator("#review-audit-before")
    audit.get_by_text("How many labels are wrong?").wait_for()
    before.get_by_text(f"All {CASES} labels are looked at").wait_for()
    page.locator("#audit-first input").fill("3")
    page.locator("#audit-others input").fill("5")
    before.get_by_text("8 cases to decide on. If no label is wrong among the 5").wait_for()
    page.locator("#review-audit-draw").click()
    audit.get_by_text("0 of 8 decided: the first 3 suspects").wait_for()
    assert not page.locator("#review-audit-draw").is_visible()
    audit.get_by_role("link", name="Decide on the audit").click()
    at(page, 1)
    assert page.locator("[data-where=state]").input_value() == "audit"
    for key in "2kkkkkkk":
        rank = page.locator(RANKED).get_attribute("data-rank")
        page.keyboard.press(key)
        page.wait_for_function(TURNED, arg=rank)
    page.get_by_text("Nothing of an audit is left for you to decide").wait_for()
    all_kept(page)
    page.get_by_role("tab", name="1 Find").click()
    audit.get_by_text(f"About 1 of {CASES} labels is wrong, 95 % interval 1 to").wait_for()
    assert [action for action, _ in served.room.standing().values()].count("change") == 1


RANKED = "#review-queue [data-rank]"
TURNED = """rank => {
  const shown = document.querySelector("#review-queue [data-rank]");
  return !shown || shown.dataset.rank !== rank;
}"""
NAMED = {"→": "ArrowRight", "←": "ArrowLeft"}
PRESS = """key => {
  document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true, cancelable: true }));
  const pressed = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
  document.dispatchEvent(pressed);
  return pressed.defaultPrevented;
}"""
"""Whether the page takes a key for itself, with no words begun: one that means nothing there is left to the browser."""


def listed_keys() -> list[str]:
    """As a browser calls them; the one that opens the list is the last, since with it open no other counts."""
    names = [name for row, _ in KEYS for name in row.replace(" … ", " or ").split(" or ")]
    assert names[-1] == "?"
    return [NAMED.get(name, name.lower()) for name in names]


def test_the_page_takes_the_keys_that_it_lists_and_no_other(served: Served, tab: Callable[[], Any]) -> None:
    page = tab()
    open_queue(page, served)
    listed = listed_keys()
    assert [key for key in listed if not page.evaluate(PRESS, key)] == []
    page.locator("#review-queue dialog").get_by_text("Keep the given label").wait_for()
    assert page.evaluate(PRESS, "?"), "and closes it"
    page.locator("#review-queue dialog").wait_for(state="hidden")
    others = set(ascii_lowercase + digits + punctuation) - set(listed) - set("23456789")
    assert [key for key in sorted(others) if page.evaluate(PRESS, key)] == []


def test_every_button_of_the_queue_does_something_and_names_a_key_that_is_listed(
    served: Served, tab: Callable[[], Any]
) -> None:
    page = tab()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    open_queue(page, served)
    named = page.locator("#review-queue button[data-do] kbd").all_inner_texts()
    assert len(named) >= 4 and {name.lower() for name in named} <= {*listed_keys(), "enter"}
    buttons = "[...document.querySelectorAll('#review-queue button[data-do]')].filter(each => !each.closest('dialog'))"
    assert page.evaluate(f"{buttons}.length") > 8
    page.evaluate(f"{buttons}.forEach(button => setTimeout(() => button.click()))")  # the last opens the list of keys
    page.locator("#review-queue dialog").get_by_role("button", name="Close").click()
    page.locator("#review-queue dialog").wait_for(state="hidden")
    assert errors == []


def slowly(page: Any, milliseconds: int = 150) -> None:
    """A studio at the end of a long line: every answer of the queue takes so much longer."""
    page.route("**/reviews/**", lambda route: (page.wait_for_timeout(milliseconds), route.continue_()))


def note_presses(page: Any) -> None:
    """Has the page remember each key with the case that it showed at that moment, before the queue hears of it."""
    page.add_init_script(
        """window.pressed = [];
        window.addEventListener("keydown", ({ key }) => {
          const shown = document.querySelector("#review-queue [data-rank]");
          window.pressed.push([shown ? Number(shown.dataset.rank) : null, key]);
        }, true);"""
    )


def meant(served: Served, page: Any) -> list[tuple[int, str, Names | None]]:
    """The verdicts that the noted presses are, in their order; an undo is about no case of its own."""
    pressed = page.evaluate("window.pressed")
    assert all(rank for rank, _ in pressed), "a key met an empty screen"
    return [(0, "undo", None) if key == "z" else (rank, *served.room.meant(rank, key)) for rank, key in pressed]


def kept(served: Served) -> list[tuple[int, str, Names | None]]:
    rows = served.room.kept()
    return [(0, "undo", None) if row.action == "undo" else (row.rank, row.action, row.labels) for row in rows]


@pytest.mark.parametrize("milliseconds", [50, 30, 10])
def test_a_key_belongs_to_the_case_that_was_shown_however_fast_it_came(
    served: Served, tab: Callable[[], Any], milliseconds: int
) -> None:
    page = tab()
    note_presses(page)
    slowly(page)
    open_queue(page, served)
    page.keyboard.type("k21ux" * 10, delay=milliseconds)
    all_kept(page)
    assert len(kept(served)) == 50
    assert kept(served) == meant(served, page)


def test_an_undo_among_quick_keys_takes_back_the_press_before_it(served: Served, tab: Callable[[], Any]) -> None:
    page = tab()
    note_presses(page)
    slowly(page)
    open_queue(page, served)
    page.keyboard.type("k2zuxkz21kzz", delay=40)
    all_kept(page)
    assert kept(served) == meant(served, page)
    standing = 0
    for key in "k2zuxkz21kzz":
        standing += -1 if key == "z" else 1
    rows = served.room.kept()
    taken = {row.takes_back for row in rows if row.action == "undo"}
    assert len([row for row in rows if row.action != "undo" and row.id not in taken]) == standing


def test_keys_within_one_frame_are_all_about_the_case_on_the_screen(served: Served, tab: Callable[[], Any]) -> None:
    page = tab()
    open_queue(page, served)
    page.evaluate(
        "for (const key of ['k', '2']) document.dispatchEvent(new KeyboardEvent('keydown', { key, cancelable: true }))"
    )
    at(page, 2)
    all_kept(page)
    assert [row.rank for row in served.room.kept()] == [1, 1]
    assert served.room.kept()[-1].labels == ("hazy",)


def test_a_key_that_meets_no_case_is_said_to_count_for_nothing(served: Served, tab: Callable[[], Any]) -> None:
    page = tab()
    open_queue(page, served)
    page.locator("#review-queue [data-where=text]").fill("zzz")
    page.keyboard.press("Enter")
    page.locator("#review-queue [data-where=text]").blur()
    page.get_by_text("No more cases fit this filter").wait_for()
    page.keyboard.press("k")
    page.get_by_text("that key was not counted").wait_for()
    assert served.room.kept() == []


@pytest.mark.parametrize("key", ["k", "2", "1", "u", "x"])
def test_every_kind_of_verdict_can_be_undone(served: Served, tab: Callable[[], Any], key: str) -> None:
    page = tab()
    open_queue(page, served)
    page.keyboard.press(key)
    at(page, 2)
    page.keyboard.press("z")
    at(page, 1)
    all_kept(page)
    page.get_by_text("No verdict by you yet.").wait_for()
    assert served.room.standing() == {}
    assert len(served.room.kept()) == 2  # the press, and what took it back
    page.keyboard.press("k")
    at(page, 2)
    all_kept(page)
    assert served.room.standing() == {1: ("keep", None)}


def test_a_batch_is_one_press_and_one_undo(served: Served, tab: Callable[[], Any]) -> None:
    page = tab()
    open_queue(page, served)
    page.keyboard.press("b")
    page.get_by_text("near-identical pictures.").wait_for()
    assert page.locator("#review-queue .batch input:checked").count() == len(ALIKE)
    page.keyboard.press("x")
    at(page, 2)
    all_kept(page)
    assert served.room.standing() == dict.fromkeys(ALIKE, ("exclude", None))
    for rank in (3, 6):
        page.keyboard.press("n")
        at(page, rank)
    page.keyboard.press("z")
    at(page, 1)
    all_kept(page)
    assert served.room.standing() == {}


def test_a_case_asked_for_before_its_verdict_does_not_come_back(served: Served, tab: Callable[[], Any]) -> None:
    page = tab()

    def late(route: Any) -> None:
        few = re.sub("many=[0-9]+", "many=4", route.request.url)
        answer = route.fetch(url=few)  # made before the verdict, and on its way until after it
        page.wait_for_timeout(2500 if "after=4" in route.request.url else 0)
        route.fulfill(response=answer)

    page.route("**/cases?*", late)
    page.route("**/verdicts", lambda route: (page.wait_for_timeout(4000), route.continue_()))
    open_queue(page, served)
    page.keyboard.press("b")
    page.get_by_text("near-identical pictures.").wait_for()
    page.keyboard.press("x")
    for rank in (2, 3, 6):
        at(page, rank)
        page.keyboard.press("n")
    all_kept(page)


def test_nothing_is_decided_while_somebody_types(served: Served, tab: Callable[[], Any]) -> None:
    page = tab()
    open_queue(page, served)
    page.keyboard.press("w")
    page.keyboard.type("k 2 u x: blurred")
    page.keyboard.press("Enter")
    page.keyboard.press("Control+k")
    page.keyboard.press("Alt+u")
    at(page, 1)
    page.keyboard.press("c")
    page.keyboard.press("u")
    at(page, 2)
    all_kept(page)
    (one,) = served.room.kept()
    assert (one.action, one.why, one.confidence) == ("unsure", "k 2 u x: blurred", "fairly")
    page.locator("#review-queue [data-where=text]").fill("zzz")
    page.keyboard.press("Enter")
    page.get_by_text("No more cases fit this filter").wait_for()
    assert len(served.room.kept()) == 1


def test_words_go_on_where_their_field_loses_the_focus_by_itself(served: Served, tab: Callable[[], Any]) -> None:
    page = tab()
    open_queue(page, served)
    page.keyboard.press("w")
    page.keyboard.type("k")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.type("u x")
    assert page.locator(".why-said").input_value() == "ku x"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    at(page, 2)
    assert served.room.kept() == []
    page.keyboard.press("k")
    at(page, 3)
    all_kept(page)
    assert [verdict.why for verdict in served.room.kept()] == ["ku x"]


def test_the_queue_fits_a_small_laptop(served: Served, tab: Callable[[], Any]) -> None:
    page = tab()
    open_queue(page, served)
    for name in (".head", "#review-picture", ".evidence", ".near", ".deck", ".more"):
        box = page.locator(f"#review-queue {name}").first.bounding_box() or page.locator(name).first.bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= 768, name
    clipped = "all => all.filter(each => each.scrollWidth > each.clientWidth).map(each => each.textContent)"
    assert page.locator("#review-picture .tools button").evaluate_all(clipped) == []
    assert is_within(page)


def test_back_and_next_decide_nothing(served: Served, tab: Callable[[], Any]) -> None:
    page = tab()
    open_queue(page, served)
    for key, rank in (("n", 2), ("ArrowRight", 3), ("p", 2), ("ArrowLeft", 1), ("n", 2)):
        page.keyboard.press(key)
        at(page, rank)
    assert served.room.kept() == []
    page.wait_for_url("**/review?*rank=2*")
    page.reload()
    at(page, 2)


def test_where_a_case_may_have_several_labels_digits_mark_and_enter_changes(
    tmp_path: Path, tab: Callable[[], Any]
) -> None:
    room, page = furnish_review(tmp_path, CASES, kind="multi"), tab()
    with serving(room) as served:
        open_queue(page, served)
        page.keyboard.press("2")
        page.locator("#review-queue [data-answer='1'][aria-pressed=true]").wait_for()
        page.locator("#review-queue [data-answer='0'][aria-pressed=true]").wait_for()
        page.keyboard.press("Enter")
        at(page, 2)
        page.keyboard.press("2")  # takes away the only one
        page.locator("#review-queue [data-do=marked]").click()
        at(page, 3)
        page.keyboard.press("Enter")  # as given
        at(page, 4)
        all_kept(page)
    assert room.standing() == {1: ("change", ("clear", "hazy")), 2: ("change", ()), 3: ("keep", None)}


def test_two_people_at_once_lose_nothing(tmp_path: Path, tab: Callable[[], Any]) -> None:
    room = furnish_review(tmp_path, CASES, readers=2)
    for name in ("anna", "bea"):
        people.add_person(room.studio.database, name, PASSWORD, "researcher", room.who.projects)
    with serving(room) as served:
        pages = {}
        for name in ("anna", "bea"):
            page = pages[name] = tab()
            page.goto(f"{served.address}/sign-in?next=/review")
            page.get_by_label("Name").fill(name)
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            page.get_by_role("tab", name="Decide").click()
            at(page, 1)
        for rank in range(1, 21):
            for name, key in (("anna", "k"), ("bea", "2" if rank % 4 else "u")):
                at(pages[name], rank)
                pages[name].keyboard.press(key)
        for page in pages.values():
            at(page, 21)
            all_kept(page)
            assert page.locator("#review-queue .verdicts").inner_text().count("hidden") == 1
    by_person = {name: [one for one in served.room.kept() if one.person == name] for name in pages}
    assert {name: len(kept) for name, kept in by_person.items()} == {"anna": 20, "bea": 20}
    assert {one.rank for one in by_person["anna"]} == {one.rank for one in by_person["bea"]} == set(range(1, 21))


def test_a_verdict_survives_the_studio_being_killed_right_after_the_key(tmp_path: Path, tab: Callable[[], Any]) -> None:
    room, port, page = furnish_review(tmp_path, CASES), free_port(), tab()
    child = start(room.studio, port)
    open_queue(page, Served(f"http://127.0.0.1:{port}", room))
    page.keyboard.press("k")
    at(page, 2)  # a key that comes before the page has turned is one more on the case that is still seen
    page.keyboard.press("2")
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    at(page, 3)
    page.keyboard.press("x")
    page.get_by_text("The studio does not answer.").wait_for()
    stored = page.evaluate("sessionStorage.getItem('vitask-unsent')")
    assert '"action":"exclude"' in stored
    again = start(room.studio, port)
    try:
        page.locator("#review-queue .sent[data-unsent='0']").wait_for()
        page.wait_for_function("!sessionStorage.getItem('vitask-unsent')")
        expected = [room.meant(rank, key) for rank, key in enumerate("k2x", 1)]
        assert room.standing() == dict(enumerate(expected, 1))
        assert len(room.kept()) == 3  # each counts once, however often it was sent
    finally:
        again.terminate()
        again.wait()


def test_what_was_not_sent_survives_a_reload(served: Served, tab: Callable[[], Any]) -> None:
    page = tab()
    open_queue(page, served)
    page.route("**/verdicts", lambda route: route.abort())
    page.keyboard.press("x")
    page.get_by_text("1 verdict not sent yet").wait_for()
    page.on("dialog", lambda dialog: dialog.accept())
    page.unroute("**/verdicts")
    page.reload()
    page.wait_for_function("!sessionStorage.getItem('vitask-unsent')")
    assert served.room.standing() == {1: ("exclude", None)}


def test_a_first_look_comes_before_the_label_and_may_be_thought_over(served: Served, tab: Callable[[], Any]) -> None:
    """Keys alone: an answer shows what was hidden, another one changes the mind, an arrow goes on."""
    blind = replace(served, room=served.room.another(has_first_look=True))
    page = tab()
    open_queue(page, blind)
    queue = page.locator("#review-queue")
    assert "What do you see?" in queue.inner_text() and "Given label" not in queue.locator(".head").inner_text()
    assert "case-001" not in queue.inner_text() and not queue.locator("[data-do=keep]").is_visible()
    page.keyboard.press("k")
    queue.get_by_text("The label is hidden until you have said which one you see.").wait_for()
    page.keyboard.press("2")
    queue.locator(".head", has_text="Given label").wait_for()
    at(page, 1)
    page.keyboard.press("k")
    at(page, 2)
    queue.locator(".head", has_text="What do you see?").wait_for()
    page.keyboard.press("u")
    queue.locator(".head", has_text="Given label").wait_for()
    page.keyboard.press("ArrowRight")
    at(page, 3)
    page.keyboard.press("z")
    at(page, 2)
    queue.locator(".head", has_text="Given label").wait_for()
    all_kept(page)
    kept = [(row.rank, row.action) for row in blind.room.kept()]
    assert kept == [(1, "change"), (1, "keep"), (2, "unsure"), (2, "undo")]


def test_a_pair_of_labels_is_looked_through_from_where_one_is_and_survives_a_reload(
    served: Served, tab: Callable[[], Any]
) -> None:
    """Given "hazy" are ranks 2, 5, 8 …; of these the models suggest "<b>torn</b>" everywhere, and "clear" nowhere."""
    page = tab()
    open_queue(page, served)
    queue = page.locator("#review-queue")
    for rank in range(2, 7):
        page.keyboard.press("ArrowRight")
        at(page, rank)
    queue.locator("[data-where=label]").select_option("hazy")
    at(page, 8)
    with page.expect_response("**/cases?**"):  # rank 8 stands there before and after
        queue.locator("[data-where=suggested]").select_option("<b>torn</b>")
    at(page, 8)
    page.keyboard.press("ArrowRight")
    at(page, 11)
    page.wait_for_url("**rank=11**")
    page.reload()
    at(page, 11)
    assert queue.locator("[data-where=label]").input_value() == "hazy"
    assert queue.locator("[data-where=suggested]").input_value() == "<b>torn</b>"
    page.keyboard.press("ArrowRight")
    at(page, 14)
    queue.locator("[data-where=text]").fill("case-005")
    queue.locator("[data-where=text]").press("Enter")
    at(page, 5)  # nothing further on fits, so it begins anew
    queue.locator("[data-where=suggested]").select_option("clear")
    queue.get_by_text("No more cases fit this filter").wait_for()
    assert "suggested=clear" in page.url and "text=case-005" in page.url

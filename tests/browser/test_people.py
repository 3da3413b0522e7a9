"""Three people and two projects, all by page: invited, moved, demoted, deactivated; what each sees before and after."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from core.records import jobs
from core.records.runs import runs
from tests.app.furnished import Furnished, furnish
from tests.browser.conftest import is_within
from tests.browser.test_review import serving_records
from tests.browser.test_review import tab as tab
from tests.let_in import open_door

PASSWORDS = {"anna": "six herons over a pier", "ben": "nine otters in a canal", "cora": "four storks upon a mast"}
OTHER = "two cranes beside a well"
LINK = re.compile(r"/invited#[\w-]{43}$")


@dataclass(frozen=True)
class Open:
    """A studio without accounts at its address, with the set Panes in its first project."""

    address: str
    room: Furnished


@pytest.fixture
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    room = furnish(tmp_path_factory.mktemp("people"))
    with serving_records(room.studio) as address:
        yield Open(address, room)


def choose(page: Any, place: str, option: str) -> None:
    page.locator(f"{place} input").click()
    page.get_by_role("option", name=option, exact=True).click()


def invite(page: Any, name: str, role: str, projects: tuple[str, ...] = ()) -> str:
    """By the page People; returns the link."""
    page.locator("#people-name textarea, #people-name input").fill(name)
    choose(page, "#people-role", role)
    for project in projects:
        page.locator("#people-projects").get_by_label(project).check()
    page.locator("#people-invite").click()
    page.locator("#people-all tr", has_text=name).get_by_text("has not come yet").wait_for()
    page.locator("#people-link").get_by_text(f"Link for {name},").wait_for()  # the timer lists people before that
    link: str = page.locator("#people-link textarea, #people-link input").input_value()
    assert LINK.search(link)
    return link


def accept(page: Any, link: str, name: str) -> None:
    """As somebody who was sent the link."""
    page.goto(link)
    page.get_by_label("New password").wait_for()
    assert "#" not in page.url, "the token is out of the address, and out of the browser's list of pages"
    assert page.get_by_label("Name").input_value() == name
    page.get_by_label("New password").fill(PASSWORDS[name])
    page.get_by_label("Once more").fill(PASSWORDS[name])
    page.get_by_role("button", name="Sign in with it").click()
    page.locator(".vt-head").get_by_text(f"Sign out {name}").wait_for()


def pick(page: Any, name: str, role: str) -> None:
    """Somebody who has another role than whoever is shown; what is chosen before that is there would be undone."""
    choose(page, "#people-person", name)
    page.wait_for_function("role => document.querySelector('#people-new-role input')?.value === role", arg=role)
    page.locator("#people-about", has_text=re.compile("signed in", re.IGNORECASE)).wait_for()


def row_of(page: Any, name: str) -> Any:
    return page.locator("#people-all tr", has=page.locator("b", has_text=re.compile(f"^{name}$")))


def save(page: Any, name: str, expected: str) -> None:
    page.locator("#people-save").click()
    row_of(page, name).get_by_text(expected).first.wait_for()


def test_three_people_in_two_projects_by_page_alone(studio: Open, tab: Callable[[], Any]) -> None:
    keyboard, anna, ben, cora = (tab() for _ in range(4))
    at = studio.address
    open_door(keyboard, at, studio.room.studio.database)
    keyboard.goto(f"{at}/people")
    keyboard.get_by_text("Invite an admin first").wait_for()
    accept(anna, invite(keyboard, "anna", "admin", ("My project",)), "anna")
    keyboard.goto(at)
    keyboard.get_by_role("heading", name="VITask Studio").wait_for()
    assert "/sign-in" in keyboard.url, "with the first account nobody gets in without"

    anna.goto(f"{at}/people?tab=projects")
    anna.locator("#people-project textarea, #people-project input").fill("Lungs")
    anna.locator("#people-project-add").click()
    anna.locator("#people-project-list").get_by_text("Lungs").wait_for()
    anna.goto(f"{at}/people")
    row_of(anna, "anna").wait_for()
    assert is_within(anna)
    links = invite(anna, "ben", "researcher"), invite(anna, "cora", "reviewer", ("My project",))
    accept(ben, links[0], "ben")
    accept(cora, links[1], "cora")

    # Before: ben is told what to do, and cora sees the project that she was invited to.
    ben.get_by_text("Ask an admin to add you to a project").wait_for()
    assert ben.url.endswith("/account") and ben.locator(".vt-head nav a").all_inner_texts() == ["Account"]
    cora.locator("table").get_by_text("Panes").first.wait_for()
    assert cora.locator(".vt-head nav").get_by_text("People").count() == 0
    assert cora.request.get(f"{at}/people").status == 404

    # Moved: in, and from one project to the other.
    pick(anna, "ben", "researcher")
    anna.locator("#people-new-projects").get_by_label("My project").check()
    save(anna, "ben", "My project")
    ben.get_by_role("link", name="My project").wait_for()
    ben.goto(at)
    ben.locator("table").get_by_text("Panes").first.wait_for()
    anna.locator("#people-new-projects").get_by_label("My project").uncheck()
    anna.locator("#people-new-projects").get_by_label("Lungs").check()
    save(anna, "ben", "Lungs")
    ben.goto(at)
    ben.get_by_text("Nothing yet").wait_for()
    assert ben.get_by_text("Panes").count() == 0
    assert ben.request.get(f"{at}/images/{studio.room.version_id}/0").status == 404
    ben.goto(f"{at}/tune")
    ben.locator(".vt-head nav").get_by_text("Tune").wait_for()

    # Demoted: cora from reviewer to reader; the last admin not at all.
    pick(anna, "cora", "reviewer")
    choose(anna, "#people-new-role", "reader")
    save(anna, "cora", "reader")
    cora.goto(f"{at}/account")
    cora.locator(".chip", has_text="reader").first.wait_for()
    pick(anna, "anna", "admin")
    choose(anna, "#people-new-role", "researcher")
    anna.locator("#people-save").click()
    anna.get_by_text("anna is the last admin").first.wait_for()
    assert row_of(anna, "anna").get_by_text("admin", exact=True).count() == 1

    # Promoted and deactivated: what is open ends at once, and the password lets nobody in.
    pick(anna, "cora", "reader")
    choose(anna, "#people-new-role", "admin")
    save(anna, "cora", "admin")
    cora.goto(f"{at}/people")
    row_of(cora, "ben").wait_for()
    anna.locator("#people-deactivate").click()
    row_of(anna, "cora").get_by_text("deactivated").wait_for()
    cora.locator("#people-invite").click()
    cora.goto(f"{at}/people")
    cora.get_by_label("Password").fill(PASSWORDS["cora"])
    cora.get_by_label("Name").fill("cora")
    cora.get_by_role("button", name="Sign in").click()
    cora.get_by_text("don't fit together").wait_for()

    # Erased: gone from the list, once the name was typed.
    anna.get_by_role("button", name="Erase a person, a run or a picture for good").click()
    choose(anna, "#erase-which", "cora")
    anna.get_by_text("Goes for good").wait_for()
    anna.locator("#erase-name textarea, #erase-name input").fill("cora")
    anna.locator("#erase-now").click()
    anna.get_by_text("It is erased").first.wait_for()
    anna.goto(f"{at}/people")
    row_of(anna, "ben").wait_for()
    assert row_of(anna, "cora").count() == 0


def test_a_forgotten_password_and_ones_own(studio: Open, tab: Callable[[], Any]) -> None:
    keyboard, anna, second = (tab() for _ in range(3))
    at = studio.address
    open_door(keyboard, at, studio.room.studio.database)
    keyboard.goto(f"{at}/people")
    keyboard.get_by_text("Invite an admin first").wait_for()
    accept(anna, invite(keyboard, "anna", "admin"), "anna")
    second.goto(at)
    second.get_by_label("Name").fill("anna")
    second.get_by_label("Password").fill(PASSWORDS["anna"])
    second.get_by_role("button", name="Sign in").click()
    second.locator(".vt-head").get_by_text("Sign out anna").wait_for()

    anna.goto(f"{at}/account")
    anna.locator("#account-sessions tr", has_text="this one").wait_for()
    assert anna.locator("#account-sessions [data-session]").count() == 1
    for name, typed in (("old", PASSWORDS["anna"]), ("new", OTHER), ("again", OTHER)):
        anna.locator(f"#account-{name} input").fill(typed)
    anna.locator("#account-change").click()
    anna.locator("#account-sessions [data-session]").wait_for(state="detached")
    second.goto(f"{at}/account")
    second.get_by_label("Password").wait_for()
    assert "/sign-in" in second.url

    anna.goto(f"{at}/people")
    row_of(anna, "anna").wait_for()
    pick(anna, "anna", "admin")
    anna.locator("#people-renew").click()
    anna.locator("#people-link textarea, #people-link input").wait_for()
    link = anna.locator("#people-link textarea, #people-link input").input_value()
    accept(second, link, "anna")
    second.goto(f"{at}/people")
    row_of(second, "anna").wait_for()
    second.get_by_role("tab", name="Audit log").click()
    second.get_by_text("The log is whole").wait_for()
    assert second.get_by_role("tab").all_inner_texts() == ["People", "Projects", "Audit log"]
    choose(second, "#log-act", "reset link")
    second.locator("#log-rows tr").nth(1).get_by_text("reset link").wait_for()
    assert second.locator("#log-rows tr").count() == 2
    with second.expect_download() as taken:
        second.get_by_role("link", name="Take away as CSV").click()
    assert "reset link" in taken.value.path().read_text() and "sign in" not in taken.value.path().read_text()
    third = tab()
    third.goto(link)
    third.get_by_text("used already").wait_for()


def test_the_end_of_a_run_is_told_on_whatever_page_its_person_is(studio: Open, tab: Callable[[], Any]) -> None:
    page, room = tab(), studio.room
    database = room.studio.database
    open_door(page, studio.address, database)
    page.goto(f"{studio.address}/tune")
    page.locator(".vt-head").get_by_text("Tune").wait_for()
    page.wait_for_function("document.cookie.includes('vitask_heard=')")
    run_id = room.queue("<b>Second</b>")
    claimed = jobs.claim(database, runs.run(database, room.who, run_id).job_id, "test")
    assert claimed is not None
    jobs.finish(database, claimed, {})
    notice = page.locator(".vt-ended").get_by_role("link", name="Run “<b>Second</b>” is finished.")
    notice.wait_for()
    page.locator(".vt-ended").get_by_label("Close").click()
    notice.wait_for(state="detached")
    with page.expect_response("**/ended-runs*"):
        page.goto(f"{studio.address}/find")
    with page.expect_response("**/ended-runs*") as answer:
        page.reload()
    assert answer.value.json()["runs"] == [], "what was told once is not told on the next page"

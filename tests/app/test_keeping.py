"""Sets and reviews on their pages: renamed, archived and brought back by who may, erased by admins; and runs whose
images were erased open on every page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from argon2 import PasswordHasher
from fastapi.testclient import TestClient

from app import keeping
from app.engine import ENGINE
from app.keeping import Keeping
from app.pages.compare import acts as compare_acts
from app.pages.compare.page import ComparePage
from app.pages.compare.parts import lay_out as lay_out_compare
from app.pages.find import acts as find_acts
from app.pages.image_sets import acts as set_acts
from app.pages.image_sets import page as image_sets
from app.pages.people import acts as people_acts
from app.pages.people import page as people_page
from app.pages.people.parts import lay_out as lay_out_people
from app.pages.review import acts as review_acts
from app.pages.review import page as review
from app.pages.runs import acts as run_acts
from app.pages.runs.page import RunsPage
from app.pages.runs.parts import lay_out as lay_out_runs
from app.pages.tune import page as tune
from app.pages.tune.parts import lay_out as lay_out_tune
from app.run_words import header
from app.visit import Visit
from core.errors import CoreError, RunError, SettingsError
from core.records.access import NotAllowed
from core.records.accounts import people
from core.records.erasing import erasing_sets
from core.records.review import reviews
from core.records.runs import runs
from core.records.sets import sets
from tests.app.furnished import Furnished, asking, browsing, furnish, pictures, searched

PASSWORD = "six herons over a pier"
SEVEN = ("wrong", "", None)


@dataclass(frozen=True)
class House:
    """A studio with a set, a finished run and a finished review of `local`'s, and people of every kind."""

    furnished: Furnished
    review_id: int

    def visit(self, name: str, **query: str) -> Visit:
        token = people.sign_in(self.furnished.studio.database, name, PASSWORD, name)
        request = asking(query)
        request.headers = {"host": "127.0.0.1:7860", "authorization": f"Bearer {token}"}
        return Visit.of(self.furnished.studio, request)

    @property
    def set_id(self) -> int:
        return sets.version(self.furnished.studio.database, self.furnished.who, self.furnished.version_id).set_id

    def erase_set(self) -> None:
        studio = self.furnished.studio
        erasing_sets.erase_set(studio.database, studio.place, people.local(studio.database), self.set_id)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(people, "_hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    furnished = furnish(tmp_path)
    review_id = searched(furnished, tmp_path)
    database, own = furnished.studio.database, furnished.who.projects
    people.add_person(database, "anna", PASSWORD, "admin")
    other = people.add_project(database, people.local(database), "Elsewhere")
    for name, role, projects in (
        ("researcher", "researcher", own),
        ("reader", "reader", own),
        ("stranger", "admin", [other]),
    ):
        people.add_person(database, name, PASSWORD, role, projects)
    return House(furnished, review_id)


def laid_out(kept: keeping.Kept) -> Keeping:
    with gr.Blocks():
        return Keeping(keeping.lay_out(kept, "keep", image_sets.ERASABLE), kept)


@pytest.mark.parametrize("what", ["set", "review"])
def test_only_who_may_is_offered_anything(house: House, what: str) -> None:
    tab = laid_out(keeping.SET if what == "set" else keeping.REVIEW)
    number = house.set_id if what == "set" else house.review_id
    for name in ("researcher", "reader"):
        shown = tab.open(house.visit(name), number)
        assert shown[tab.parts.place]["visible"] is False and tab.parts.eraser not in shown
        with pytest.raises(NotAllowed):
            tab.rename(house.visit(name), number, "Mine")
        with pytest.raises(NotAllowed):
            tab.look(house.visit(name), what, number)
        with pytest.raises(NotAllowed):
            tab.erase(house.visit(name), what, number, "Panes")
    with pytest.raises(NotAllowed):
        tab.open(house.visit("stranger"), number)
    shown = tab.open(house.visit("anna"), number)
    assert shown[tab.parts.place]["visible"] is True and shown[tab.parts.eraser]["visible"] is True


def test_an_owner_who_is_no_admin_renames_and_does_not_erase(house: House, tmp_path: Path) -> None:
    visit = house.visit("researcher")
    view = reviews.queue_review(visit.database, visit.place, visit.who, house.furnished.version_id, name="Mine")
    tab = laid_out(keeping.REVIEW)
    shown = tab.open(visit, view.id)
    assert shown[tab.parts.place]["visible"] is True and shown[tab.parts.eraser]["visible"] is False
    assert tab.rename(visit, view.id, "Ours")[tab.parts.name] == "Ours"
    with pytest.raises(NotAllowed):
        tab.look(visit, "review", view.id)


def test_a_patient_of_a_set_is_erased_on_its_page_by_admins(house: House) -> None:
    with gr.Blocks():
        page = image_sets.lay_out()
    parts, number, typed = page.patients.parts, house.set_id, house.furnished.version_id
    case = sets.case(house.furnished.studio.database, house.visit("anna").who, typed, 0).name
    assert page.fill(house.visit("researcher"), number, typed, 0)[parts.place]["visible"] is False
    with pytest.raises(NotAllowed):
        page.patients.look(house.visit("researcher"), "case", case, False, "project", number)
    with pytest.raises(NotAllowed):
        page.patients.erase(house.visit("researcher"), "case", case, False, "project", number, case)
    visit = house.visit("anna")
    assert page.fill(visit, number, typed, 0)[parts.place]["visible"] is True
    with pytest.raises(SettingsError, match="has no patient “nobody”"):
        page.patients.look(visit, "patient", "nobody", False, "project", number)
    with pytest.raises(SettingsError, match="write the patient or the case"):
        page.patients.look(visit, "patient", " ", False, "project", number)
    shown = page.patients.look(visit, "case", case, False, "project", number)[parts.confirmation.about]
    assert "they may have learned from them" in shown and "1 version (1): another takes its place" in shown
    with pytest.raises(SettingsError, match="name that was typed"):
        page.erase_patient(visit, "case", case, False, "project", number, False, "another")
    chosen = page.erase_patient(visit, "case", case, True, "none", number, False, case)
    newest = sets.versions(visit.database, visit.who, number)[0]
    assert chosen[page.parts.version]["value"] == newest.id and newest.number == 2
    assert case not in [row.name for row in sets.cases(visit.database, visit.who, newest.id).rows]
    assert runs.runs(visit.database, visit.who, visit.project) == []


def test_a_set_is_renamed_archived_brought_back_and_erased_on_its_page(house: House) -> None:
    with gr.Blocks():
        page = image_sets.lay_out()
    visit, number, version = house.visit("anna"), house.set_id, house.furnished.version_id
    parts, kept = page.parts, page.keeping.parts
    shown = page.rename(visit, number, version, False, " Window panes ")
    assert shown[parts.image_set]["choices"] == [("Window panes", number)] and shown[kept.name] == "Window panes"
    shown = page.archive(visit, number, version, False)
    assert shown[parts.image_set]["choices"] == [("Window panes (archived)", number)], "what is looked at stays"
    assert shown[parts.with_archived]["visible"] is True and shown[kept.back]["visible"] is True
    assert page.choose(visit, None, None)[parts.image_set]["visible"] is False
    assert page.refresh(visit, None, None, True)[parts.image_set]["value"] == number
    assert set_acts.image_sets(visit) == []
    shown = page.bring_back(visit, number, version, False)
    assert shown[kept.archive]["visible"] is True and shown[parts.with_archived]["visible"] is False
    shown = page.look_at_erasing(visit, "set", number, version)
    assert "1 run that was tuned on it" in shown[kept.confirmation.about]
    with pytest.raises(CoreError, match="only version"):
        page.erase(visit, "version", number, version, False, "Window panes v1")
    for typed in SEVEN:
        with pytest.raises(CoreError, match="name that was typed"):
            page.erase(visit, "set", number, version, False, typed)
    shown = page.erase(visit, "set", number, version, False, "Window panes")
    assert shown[parts.image_set]["visible"] is False and shown[parts.version]["value"] is None
    filled = page.fill(visit, None, None, 256)
    assert filled[kept.place]["visible"] is False


def test_a_review_is_archived_and_erased_on_its_page(house: House) -> None:
    with gr.Blocks():
        page = review.lay_out()
    visit, number = house.visit("anna"), house.review_id
    parts, kept = page.parts, page.keeping.parts
    shown = page.rename(visit, number, False, "Second look")
    assert shown[parts.review]["choices"][0][0].startswith("Second look · Panes v1")
    assert "Second look" in shown[page.finding.parts.searches]
    shown = page.archive(visit, number, False)
    assert "archived</span>" in shown[page.finding.parts.searches] and shown[kept.back]["visible"] is True
    opened = page.open(visit)
    assert opened[parts.review]["value"] is None and opened[parts.with_archived]["visible"] is True
    assert page.list(visit, None, True)[parts.review]["value"] == number
    assert review_acts.list_reviews(visit) == []
    page.bring_back(visit, number, False)
    shown = page.keeping.look(visit, "review", number)
    assert "1 verdict of 1 person" in shown[kept.confirmation.about]
    page.keeping.erase(visit, "review", number, "Second look")
    assert page.open(visit)[parts.review]["visible"] is False


def test_an_admin_erases_a_project_on_the_page_people(house: House) -> None:
    with gr.Blocks():
        parts = lay_out_people()
    page, visit = people_page.PeoplePage(parts), house.visit("anna")
    number = visit.who.projects[0]
    shown = page.look_at_project(visit, number)
    assert "1 image set" in shown[parts.projects.confirmation.about]
    with pytest.raises(CoreError):
        page.erase_project(visit, number, "my project")
    with pytest.raises(NotAllowed):
        page.look_at_project(house.visit("stranger"), number)
    shown = page.erase_project(visit, number, "My project")
    assert "You are in no project" in shown[parts.projects.all]
    assert people.person(visit.database, visit.who.id).projects == ()


def test_programs_are_refused_as_pages_are(house: House) -> None:
    number, which = house.set_id, str(house.set_id)
    acts: list[Any] = [
        lambda visit: set_acts.rename_image_set(visit, number, "Mine"),
        lambda visit: set_acts.archive_image_set(visit, number),
        lambda visit: set_acts.bring_back_image_set(visit, number),
        lambda visit: review_acts.rename_review(visit, house.review_id, "Mine"),
        lambda visit: review_acts.archive_review(visit, house.review_id),
        lambda visit: review_acts.bring_back_review(visit, house.review_id),
        *(
            lambda visit, kind=kind, which=which: people_acts.what_erasing_does(visit, kind, which)
            for kind, which in (("set", which), ("review", str(house.review_id)), ("project", "1"), ("version", "1"))
        ),
        lambda visit: people_acts.erase_for_good(visit, "set", which, "Mine"),
    ]
    for act in acts:
        for name in ("researcher", "reader", "stranger"):
            with pytest.raises(NotAllowed):
                act(house.visit(name))
    admin = house.visit("anna")
    for act in acts:
        act(admin)
    assert set_acts.image_sets(admin) == []


def test_erasing_is_no_api_name_for_anybody_but_admins(house: House) -> None:
    """Neither in a list nor where it is called."""
    browser = browsing(house.furnished.studio)
    for name, is_there in (("researcher", False), ("anna", True)):
        token = people.sign_in(house.furnished.studio.database, name, PASSWORD, name)
        browser.headers["authorization"] = f"Bearer {token}"
        names = browser.get("/gradio_api/info").json()["named_endpoints"]
        paths = browser.get("/gradio_api/openapi.json").json()["paths"]
        assert ("/erase_for_good" in names, any("erase_for_good" in path for path in paths)) == (is_there, is_there)
        assert "/archive_image_set" in names
        answer = browser.post("/gradio_api/run/what_erasing_does", json={"data": ["set", str(house.set_id)]})
        assert answer.status_code == (200 if is_there else 422), answer.text
        assert ("Panes" in answer.text, "There is no API name" in answer.text) == (is_there, not is_there)


def test_every_page_opens_a_run_whose_images_were_erased(house: House, tmp_path: Path) -> None:
    run_id, asked = house.furnished.run_id, house.visit("anna")
    version = house.furnished.version_id
    before = compare_acts.compare(asked, run_id, "test", "all", "", "", "")
    with gr.Blocks():
        runs_page, compare_page = RunsPage(lay_out_runs()), ComparePage(lay_out_compare())
        tune_page = tune.TunePage(lay_out_tune(ENGINE.choices))

    def seen() -> str:
        filters = ("test", "all", "case", "", "", "", "", "")
        return str(compare_page.show(house.visit("anna"), 0, run_id, *filters, "b", False))

    assert f"/images/{version}/" in seen()
    house.erase_set()
    visit = house.visit("anna")
    run = runs.run(visit.database, visit.who, run_id)
    assert "erased for good" in header(run) and "Find labels" not in header(run)
    assert run_acts.list_runs(visit)[0]["set"].startswith("erased set")
    assert compare_acts.compare(visit, run_id, "test", "all", "", "", "") == before
    at_run = house.visit("anna", run=str(run_id))
    compared = compare_page.open(at_run)
    assert "/images/" not in seen() and compared[compare_page.parts.choose.run]["value"] == run_id
    assert "erased for good" in runs_page.tick(at_run, run_id, None)[runs_page.parts.run.head]
    assert runs_page.open(at_run)[runs_page.parts.run.run]["value"] == run_id
    copied = house.visit("anna", copy=str(run_id))
    assert tune_page.open(copied)[tune_page.parts.notice] == tune.EMPTY
    other = sets.write_version(
        visit.database, visit.place, pictures(tmp_path), who=visit.who, project_id=run.project_id, name="Other"
    )
    shown = tune_page.open(copied)
    assert shown[tune_page.parts.version]["value"] == other.id and shown[tune_page.parts.copied] == run_id
    for act in (
        lambda: runs.copy(visit.database, visit.place, visit.who, run_id),
        lambda: runs.queue_plug(visit.database, visit.place, visit.who, run_id, "convnet"),
        lambda: sets.cases(visit.database, visit.who, version),
    ):
        with pytest.raises(NotAllowed, match="were erased"):
            act()
    with pytest.raises(RunError, match="can't be searched"):
        find_acts.find(visit, run_id, "a word", "", 0, 5, [], False)


@pytest.mark.parametrize("path", ["/", "/runs", "/compare", "/find", "/tune", "/review", "/image-sets"])
def test_no_address_of_such_a_run_breaks(house: House, path: str) -> None:
    house.erase_set()
    token = people.sign_in(house.furnished.studio.database, "anna", PASSWORD, "anna")
    browser: TestClient = browsing(house.furnished.studio)
    browser.headers["authorization"] = f"Bearer {token}"
    answer = browser.get(f"{path}?run={house.furnished.run_id}&copy={house.furnished.run_id}")
    assert answer.status_code == 200
    image = browser.get(f"/images/{house.furnished.version_id}/0")
    assert image.status_code == 404 and "erased" in image.text
    table = browser.get(f"/downloads/versions/{house.furnished.version_id}/cases.csv")
    assert table.status_code == 404

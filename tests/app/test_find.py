"""The page Find: searchable runs, what is searched by, what is shown of what was found, and of whose cases."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from app.pages.find import acts
from app.pages.find.page import EMPTY, FindPage
from app.pages.find.parts import A_CASE, AN_IMAGE, WORDS, lay_out
from app.visit import Visit
from core.errors import CoreError
from core.records import jobs
from core.records.access import NotAllowed, Who
from core.records.accounts import people
from core.records.payloads import Find
from core.records.runs import finding, runs
from core.records.runs.outcomes import Match, Matches
from core.records.sets import sets
from core.records.tables import Job
from tests.app.furnished import Furnished, furnish


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    return furnish(tmp_path_factory.mktemp("room"))


@pytest.fixture(scope="module")
def run_id(room: Furnished) -> int:
    made = room.queue("Searchable", method={"name": "discriminative"}, tsm=[])
    database = room.studio.database
    with database.session() as session:
        session.get_one(Job, runs.run(database, room.who, made).job_id).state = "done"
    return made


@pytest.fixture
def page() -> FindPage:
    with gr.Blocks():
        return FindPage(lay_out())


def given(page: FindPage, run_id: int | None, by: str = WORDS, **more: Any) -> dict[Any, Any]:
    """What stands in the inputs."""
    wanted = page.parts.wanted
    usual = {"run": run_id, "splits": ["train", "val", "test"], "most": 24, "by": by}
    rest = {"words": "", "image": None, "case": "", "leaves_out_patient": False}
    return {getattr(wanted, name): value for name, value in (usual | rest | more).items()}


def answered(room: Furnished, job_id: int, *matches: Match) -> None:
    """The search done, as a worker does it."""
    claimed = jobs.claim(room.studio.database, job_id, "reader")
    assert claimed is not None
    jobs.finish(room.studio.database, claimed, Matches(matches=matches, searched=3, seconds=0.04).plain())


def match(name: str, label: str = "hazy") -> Match:
    return Match(case=name, labels=(label,), split="test", patient="P <1>", cosine=0.8765)


def payload(room: Furnished, job_id: int) -> Find:
    return Find.parse(jobs.job(room.studio.database, room.who, job_id).payload, "payload")


def test_an_empty_page_says_how_a_run_becomes_searchable(page: FindPage, tmp_path: Path) -> None:
    opened = page.open(furnish(tmp_path).visit())
    assert opened[page.parts.notice] == EMPTY and "Discriminative fine-tuning" in EMPTY
    assert opened[page.parts.wanted.run]["choices"] == []


def test_a_search_waits_until_the_page_has_chosen_its_run(page: FindPage, room: Furnished) -> None:
    begins = (page.parts.search, page.parts.wanted.words)
    assert [part.interactive for part in begins] == [False, False]
    opened = page.open(room.visit())
    assert [opened[part]["interactive"] for part in begins] == [True, True]


def test_only_searchable_runs_are_offered(page: FindPage, room: Furnished, run_id: int) -> None:
    opened = page.open(room.visit())
    assert opened[page.parts.notice] == ""
    assert opened[page.parts.wanted.run]["choices"] == [(f"{run_id} · Searchable (Panes)", run_id)]
    assert opened[page.parts.wanted.run]["value"] == run_id


def test_the_address_leads_to_a_run_older_than_those_that_are_listed(
    page: FindPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = furnish(tmp_path)
    old, newer = (room.queue(name, method={"name": "discriminative"}, tsm=[]) for name in ("Old", "Newer"))
    database = room.studio.database
    for run_id in (old, newer):
        with database.session() as session:
            session.get_one(Job, runs.run(database, room.who, run_id).job_id).state = "done"
    monkeypatch.setattr(runs, "runs", partial(runs.runs, size=1))
    chooser = page.open(room.visit(run=old))[page.parts.wanted.run]
    assert chooser["value"] == old and [run_id for _, run_id in chooser["choices"]] == [newer, old]


def test_a_run_of_the_address_that_cannot_be_searched_is_told_of_and_no_other_is_chosen(
    page: FindPage, room: Furnished, run_id: int
) -> None:
    for address, why in ((999, "nothing here that you can see"), (room.run_id, "makes no index")):
        opened = page.open(room.visit(run=address))
        assert opened[page.parts.wanted.run]["value"] is None and why in opened[page.parts.notice]
        assert f"Run {address} of the address" in opened[page.parts.notice]


def test_the_address_leads_to_a_search_for_the_like_of_a_case(page: FindPage, room: Furnished, run_id: int) -> None:
    opened = page.open(room.visit(run=run_id, case="b"))
    wanted = page.parts.wanted
    assert opened[wanted.by] == A_CASE and opened[wanted.case] == gr.update(value="b", visible=True)
    assert opened[wanted.words]["visible"] is False and opened[wanted.leaves_out_patient]["visible"] is True


def test_words_are_searched_for_and_what_was_found_is_shown_as_text(
    page: FindPage, room: Furnished, run_id: int
) -> None:
    queued = page.search(room.visit(), given(page, run_id, words="small, dark"))
    job_id = queued[page.parts.job]
    assert queued[page.parts.timer].active and payload(room, job_id).words == "small, dark"
    assert page.look(room.visit(), job_id) == {page.parts.outcome: "Waiting for a reader …"}
    answered(room, job_id, match("b"), match("gone <b>"))
    shown = page.look(room.visit(), job_id)
    assert "2 nearest of 3 cases" in shown[page.parts.outcome] and not shown[page.parts.timer].active
    number = finding.number_of(room.studio.database, room.who, run_id, "b")
    assert f'src="/images/{room.version_id}/{number}?size=thumb"' in shown[page.parts.pictures]
    assert "0.876 · test" in shown[page.parts.pictures] and "<b>hazy</b>" in shown[page.parts.pictures]
    large = page.look_at(room.visit(), job_id, SimpleNamespace(number=number))  # type: ignore[arg-type]
    assert "P &lt;1&gt;" in large[page.parts.about] and "0.876" in large[page.parts.about]
    assert large[page.parts.wanted.case]["value"] == "b" and large[page.parts.like]["visible"]
    again = page.like(room.visit(), given(page, run_id, case="b"))
    assert payload(room, again[page.parts.job]).case == "b" and again[page.parts.wanted.by] == A_CASE


def test_an_image_and_a_case_are_searched_by(page: FindPage, room: Furnished, run_id: int, tmp_path: Path) -> None:
    content, _ = sets.image(room.studio.database, room.studio.place, room.who, room.version_id, 0)
    (tmp_path / "brought.png").write_bytes(content)
    queued = page.search(room.visit(), given(page, run_id, AN_IMAGE, image=str(tmp_path / "brought.png")))
    assert len(payload(room, queued[page.parts.job]).image) == 64
    queued = page.search(room.visit(), given(page, run_id, A_CASE, case="a", splits=["test"], leaves_out_patient=True))
    wanted = payload(room, queued[page.parts.job])
    assert (wanted.case, wanted.splits, wanted.leaves_out_patient) == ("a", ("test",), True)


@pytest.mark.parametrize(
    ("by", "more", "message"),
    [
        (WORDS, {}, "No words were given"),
        (WORDS, {"words": "dark", "splits": []}, "No cases are chosen"),
        (WORDS, {"words": "dark", "run": None}, "No run is chosen"),
        (AN_IMAGE, {}, "No image has been brought"),
        (A_CASE, {"case": "nobody"}, "none called"),
    ],
)
def test_what_cannot_be_searched_for_is_told_and_nothing_is_waited_for(
    by: str, more: dict[str, Any], message: str, page: FindPage, room: Furnished, run_id: int
) -> None:
    refused = page.search(room.visit(), given(page, run_id, by, **more))
    assert message in refused[page.parts.outcome] and refused[page.parts.job] is None
    assert not refused[page.parts.timer].active


def test_a_search_that_fails_says_why(page: FindPage, room: Furnished, run_id: int) -> None:
    job_id = page.search(room.visit(), given(page, run_id, words="dark"))[page.parts.job]
    claimed = jobs.claim(room.studio.database, job_id, "reader")
    assert claimed is not None
    jobs.fail(room.studio.database, claimed, "The images are gone.")
    assert "The images are gone" in page.look(room.visit(), job_id)[page.parts.outcome]


def test_programs_search_by_words_by_an_image_and_by_a_case(room: Furnished, run_id: int) -> None:
    visit = room.visit()
    job_id = acts.find(visit, run_id, "dark", "", 0, 5, ["test"], False)
    assert payload(room, job_id).words == "dark"
    assert payload(room, acts.find(visit, run_id, "", "", 1, 5, [], True)).case
    with pytest.raises(CoreError, match="no base64"):
        acts.find(visit, run_id, "", "!", 0, 5, [], False)
    answered(room, job_id, match("b"))
    sent = acts.find_matches(visit, job_id)
    assert sent["state"] == "done" and sent["matches"][0]["cosine"] == 0.8765
    assert sent["matches"][0]["version"] == room.version_id and sent["matches"][0]["number"] is not None


def test_somebody_of_another_project_finds_nothing_by_words_image_case_or_api(
    page: FindPage, room: Furnished, run_id: int, tmp_path: Path
) -> None:
    studio = room.studio
    job_id = acts.find(room.visit(), run_id, "dark", "", 0, 5, [], False)
    answered(room, job_id, match("b"))
    elsewhere = people.add_project(studio.database, room.who, "Elsewhere")
    stranger = Who(room.who.id + 1, "stranger", "researcher", (elsewhere,))
    visit: Visit = replace(room.visit(project=elsewhere), who=stranger)
    content, _ = sets.image(studio.database, studio.place, room.who, room.version_id, 0)
    (tmp_path / "brought.png").write_bytes(content)
    for by, more in (
        (WORDS, {"words": "dark"}),
        (AN_IMAGE, {"image": str(tmp_path / "brought.png")}),
        (A_CASE, {"case": "a"}),
    ):
        refused = page.search(visit, given(page, run_id, by, **more))
        assert "nothing here that you can see" in refused[page.parts.outcome] and refused[page.parts.job] is None
    for wanted in (("dark", "", 0), ("", "aGk=", 0), ("", "", 1)):
        with pytest.raises(NotAllowed):
            acts.find(visit, run_id, *wanted, 5, [], False)
    for look in (lambda: acts.find_matches(visit, job_id), lambda: page.look(visit, job_id)):
        with pytest.raises(NotAllowed):
            look()

"""The page Review: what its routes answer, what it says where there is nothing, and that nothing given is HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.routing import Mount

from app.main import create_app
from app.pages.image_sets.versions import draw as draw_versions
from app.pages.review import page as review_page
from app.pages.review import queue as queues
from app.pages.review.acts import find_suspects
from app.pages.review.agree import EXCLUDE, KEEP
from app.pages.review.card import MOST_BARS, card, nothing_left, places, readings
from app.pages.review.find import index_of, state_of
from app.pages.review.page import ReviewPage
from app.pages.review.retrained import comparison
from app.pages.review.words import LIMITS, decided
from app.routes import reviewing
from app.run_words import header
from app.visit import Visit
from core.errors import CoreError, SettingsError
from core.records import jobs
from core.records.access import as_who
from core.records.accounts import people
from core.records.accounts.people import Who
from core.records.progress import Progress
from core.records.review import boxes, queue, reviews, verdicts
from core.records.review.corrections import Gain, Retrained
from core.records.review.queue import Filter
from core.records.runs import runs
from core.records.runs.finding import Alike
from core.records.runs.outcomes import Match
from core.records.sets import sets
from core.records.tables import Action, Job
from tests.app.furnished import SETTINGS, asking, furnish
from tests.app.reviewed import ALIKE, ANSWERS, Reviewed, finish, furnish_review
from tests.let_in import TOKEN

PASSWORD = "a long password"
TORN = "&lt;b&gt;torn&lt;/b&gt;"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Reviewed:
    return furnish_review(tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="module")
def app(first: Reviewed) -> FastAPI:
    return cast(FastAPI, create_app(first.studio.place))


@pytest.fixture
def room(first: Reviewed) -> Reviewed:
    """A search that nobody has decided on yet."""
    return first.another()


@pytest.fixture
def browser(app: FastAPI) -> TestClient:
    return client_of(app)


def client_of(app: FastAPI, token: str = TOKEN) -> TestClient:
    headers = {"authorization": f"Bearer {token}"}
    return TestClient(app, base_url="http://127.0.0.1:7860", client=("127.0.0.1", 50000), headers=headers)


def press(room: Reviewed, ranks: list[int], action: str = "keep", *labels: str, **more: Any) -> dict[str, Any]:
    pressed = {
        "key": f"press-{room.review_id}-{ranks}-{action}",
        "person": room.who.id,
        "ranks": ranks,
        "action": action,
    }
    new = list(labels) if action == "change" else None
    return {**pressed, "labels": new, "confidence": "sure", "seconds": 1.5, "where": {}, "after": 0, "many": 2, **more}


@pytest.fixture
def page() -> ReviewPage:
    return laid_out()


def laid_out() -> ReviewPage:
    import gradio as gr

    with gr.Blocks():
        return review_page.lay_out()


def test_the_next_cases_come_with_all_that_a_key_needs(room: Reviewed, browser: TestClient) -> None:
    told = browser.get(f"/reviews/{room.review_id}/cases", params={"many": 3}).json()
    assert [one["rank"] for one in told["cases"]] == [1, 2, 3] and not told["is_end"]
    first = told["cases"][0]
    assert (first["given_at"], first["suggested_at"]) == ([0], [1])
    assert first["group_size"] == len(ALIKE)
    assert browser.get(first["picture"]).status_code == 200
    told = browser.get(f"/reviews/{room.review_id}/progress").json()
    assert "0 of 12 decided by you" in told["progress"]


def test_the_runs_index_shows_its_nearest_cases_where_the_search_had_such_a_run(room: Reviewed) -> None:
    visit = Visit.of(room.studio, asking())
    view = reviews.review(visit.database, visit.who, room.review_id)
    suspect = queue.next_suspect(visit.database, visit.who, room.review_id, queue.Filter(), 0)
    assert suspect is not None
    assert "Most alike by the run" not in card(view, suspect)["side"]
    near = Match(case="<b>torn</b>", labels=("hazy",), split="test", patient=None, cosine=0.75)
    gone = Match(case="gone", labels=("hazy",), split="test", patient=None, cosine=0.5)
    drawn = card(view, suspect, alike=Alike(view.version_id, (near, gone), {near.case: 4}))["side"]
    assert "Most alike by the run" in drawn and f'src="/images/{view.version_id}/4?size=thumb"' in drawn
    assert f"{TORN}: 0.75 alike" in drawn and "gone" not in drawn


def test_the_run_of_a_search_is_asked_for_its_index_if_it_has_one(
    tmp_path: Path,
) -> None:
    room = furnish_review(tmp_path)
    visit = Visit.of(room.studio, asking())
    view = reviews.review(visit.database, visit.who, room.review_id)
    for method, is_asked in (("discriminative", True), ("vitask", False)):
        run = runs.queue_run(
            visit.database, visit.place, visit.who, view.version_id, method, SETTINGS | {"method": {"name": method}}
        )
        indexed = reviewing._indexed_run(visit, replace(view, run_id=run.id))
        assert (indexed is not None) == is_asked
    assert reviewing._indexed_run(visit, replace(view, run_id=None)) is None
    suspect = queue.next_suspect(visit.database, visit.who, room.review_id, queue.Filter(), 0)
    assert suspect is not None and reviewing.alike_by_run(visit, None, suspect) is None


def test_filters_and_the_way_back(room: Reviewed, browser: TestClient) -> None:
    def ranks(**asked: Any) -> list[int]:
        told = browser.get(f"/reviews/{room.review_id}/cases", params={"many": 10, **asked}).json()
        return [one["rank"] for one in told["cases"]]

    assert ranks(label="hazy") == [2, 5, 8, 11]
    assert ranks(source="neighbours") == [] and len(ranks(source="cleanlab")) == 10
    assert ranks(text="case-007") == [7]
    assert ranks(after=5, back=True, many=1) == [4]
    assert ranks(split="test") == []


def test_a_press_is_kept_once_however_often_it_is_sent(room: Reviewed, browser: TestClient) -> None:
    sent = press(room, [2], "change", "clear", why="bright", after=2)
    answers = [browser.post(f"/reviews/{room.review_id}/verdicts", json=sent) for _ in range(3)]
    assert [one.status_code for one in answers] == [200] * 3
    assert [one["rank"] for one in answers[0].json()["cases"]] == [3, 4]
    (kept,) = room.kept()
    assert (kept.rank, kept.action, kept.given, kept.labels, kept.why, kept.seconds) == (
        2, "change", ("hazy",), ("clear",), "bright", 1.5,
    )  # fmt: skip
    undo = {"key": f"undo-once-{room.review_id}", "person": room.who.id}
    assert [browser.post(f"/reviews/{room.review_id}/undo", json=undo).json()["ranks"] for _ in range(2)] == [[2], [2]]
    assert room.standing() == {}
    assert len(room.kept()) == 2


def test_a_press_never_gets_another_persons_name(room: Reviewed, browser: TestClient) -> None:
    answer = browser.post(f"/reviews/{room.review_id}/verdicts", json=press(room, [1], person=room.who.id + 1))
    assert answer.status_code == 409 and "signed in as local" in answer.json()["detail"]
    assert room.kept() == []


def test_what_can_not_be_kept_is_refused_in_words(room: Reviewed, browser: TestClient) -> None:
    address = f"/reviews/{room.review_id}/verdicts"
    unknown = browser.post(address, json=press(room, [1], "change", "purple"))
    assert unknown.status_code == 400 and "purple" in unknown.json()["detail"]
    assert browser.post(address, json=press(room, [99])).status_code == 400
    assert browser.post("/reviews/77/verdicts", json=press(room, [1])).status_code == 404
    assert browser.post(address, json=press(room, [1], key="short")).status_code == 422
    elsewhere = browser.post(address, json=press(room, [1]), headers={"origin": "http://evil.example"})
    assert elsewhere.status_code == 403
    assert room.kept() == []


def test_a_case_that_was_shown_before_tells_its_verdicts(room: Reviewed, browser: TestClient) -> None:
    db = room.studio.database
    verdicts.decide(db, room.who, room.review_id, [3], "change", ["hazy"], "<i>why</i>", "guess")
    side = browser.get(f"/reviews/{room.review_id}/cases/3").json()["side"]
    assert "changed to hazy, a guess" in side and "&lt;i&gt;why&lt;/i&gt;" in side and "History (1)" in side
    verdicts.undo(db, room.who, room.review_id)
    side = browser.get(f"/reviews/{room.review_id}/cases/3").json()["side"]
    assert "No verdict by you yet." in side and "took a verdict back" in side


def test_a_batch_ticks_what_has_no_verdict_yet(room: Reviewed, browser: TestClient) -> None:
    verdicts.decide(room.studio.database, room.who, room.review_id, [5], "keep")
    shown = browser.get(f"/reviews/{room.review_id}/cases/1/group").json()["shown"]
    assert re.findall(r'value="(\d+)"( checked)?', shown) == [("1", " checked"), ("4", " checked"), ("5", "")]


def test_nothing_given_is_taken_for_html(room: Reviewed, browser: TestClient) -> None:
    told = browser.get(f"/reviews/{room.review_id}/cases/3").json()
    whole = told["head"] + told["side"]
    assert "<b>torn" not in whole and TORN in told["head"] and "p<3>" in told["about"]
    view = reviews.review(room.studio.database, room.who, room.review_id)
    opened = queues.opened(view, room.who)
    assert "<b>torn" not in opened["answers"]
    bad = replace(view, name="<script>", error="<script>", state="failed")
    assert "<script>" not in state_of(bad)


def test_others_are_hidden_until_both_have_looked(tmp_path: Path) -> None:
    room = furnish_review(tmp_path, readers=2)
    db, project = room.studio.database, room.who.projects[0]
    anna, bea = (people.add_person(db, name, PASSWORD, "reviewer", [project]) for name in ("anna", "bea"))
    view = reviews.review(db, anna, room.review_id)

    def side(who: Who) -> str:
        found = queue.suspect(db, who, room.review_id, 1)
        return str(card(view, found, verdicts.history(db, who, room.review_id, 1))["side"])

    verdicts.decide(db, anna, room.review_id, [1], "exclude", why="blurred")
    assert "blurred" not in side(bea) and "hidden until 2 people" in side(bea)
    verdicts.decide(db, bea, room.review_id, [1], "keep")
    assert "blurred" in side(bea) and "hidden until" not in side(bea)


def words(none: dict[str, Any]) -> str:
    """What stands in a case's place, as it is read."""
    return f"{none['title']}. {none['text']}"


@pytest.mark.parametrize(
    ("state", "progress", "told"),
    [
        ("waiting", Progress(), "waits for its turn"),
        (
            "running",
            Progress(done=1, whole=4, text="Fold 2 of 5", seconds_left=600),
            "Fold 2 of 5. About 10 min left",
        ),
        ("stopped", Progress(), "Resume it under Find"),
        ("failed", Progress(), "too few cases"),
        ("cancelled", Progress(), "Begin another"),
    ],
)
def test_a_search_without_cases_says_what_to_do(room: Reviewed, state: str, progress: Progress, told: str) -> None:
    view = reviews.review(room.studio.database, room.who, room.review_id)
    view = replace(
        view, state=state, progress=progress, error="There are too few cases." if state == "failed" else None
    )
    opened = queues.opened(view, room.who)
    assert opened["id"] is None and told in words(opened["none"])
    assert (opened["none"]["share"] == 0.25) == (state == "running")


def test_no_search_and_no_set_say_where_to_begin(room: Reviewed, page: ReviewPage) -> None:
    assert "Choose an image set under Find" in words(queues.opened(None, room.who)["none"])
    visit = room.visit()
    assert "under Find" in page.agreeing.open(visit, None)[page.agreeing.parts.pairs]
    assert "under Find" in page.correcting.open(visit, None)[page.correcting.parts.preview]
    with pytest.raises(CoreError, match="Bring your images"):
        page.finding.start(visit, None, 0, 1, True, False, "")


def test_the_end_of_a_filter_says_what_comes_next(room: Reviewed, browser: TestClient) -> None:
    verdicts.decide(room.studio.database, room.who, room.review_id, range(1, 13), "keep")
    told = browser.get(f"/reviews/{room.review_id}/cases").json()
    assert told["is_end"] and "been through every case" in told["none"]["title"] and "Correct" in told["none"]["text"]
    told = browser.get(f"/reviews/{room.review_id}/cases", params={"label": "hazy"}).json()
    assert "No more cases fit this filter" in told["none"]["title"]
    told = browser.get(f"/reviews/{room.review_id}/cases", params={"state": "disputed"}).json()
    assert "Nobody sees a case differently" in told["none"]["title"]


def test_a_search_is_queued_stopped_and_resumed(tmp_path: Path, page: ReviewPage) -> None:
    room = furnish_review(tmp_path)
    finding, parts, visit = page.finding, page.finding.parts, room.visit()
    made = finding.start(visit, room.version_id, 0, 2, True, False, " Second look ")[parts.queued]
    view = reviews.review(room.studio.database, room.who, made)
    assert (view.name, view.readers, view.is_blind, view.state) == ("Second look", 2, True, "waiting")
    shown = finding.show([view], view)
    assert [shown[button]["visible"] for button in (parts.stop, parts.resume)] == [True, False]
    finding.stop(visit, made)
    assert reviews.review(room.studio.database, room.who, made).state == "stopped"
    finding.resume(visit, made)
    assert reviews.review(room.studio.database, room.who, made).state == "waiting"


def test_the_page_opens_where_its_address_says(tmp_path: Path, page: ReviewPage) -> None:
    room = furnish_review(tmp_path)
    parts = page.parts
    shown = page.open(room.visit(rank=4))
    chosen, tab, cases = shown[parts.review], shown[parts.tabs], shown[parts.cases]
    assert (chosen["value"], tab["selected"], cases["rank"]) == (room.review_id, "decide", 4)
    assert shown[page.finding.parts.version]["value"] == room.version_id
    assert not parts.timer.active and shown[parts.timer].active
    again = page.look(room.visit(), room.review_id, shown[parts.seen])
    assert parts.cases not in again  # somebody is at work: left alone
    queued = find_suspects(room.visit(), room.version_id, 0, 1, False, "")
    assert page.open(room.visit())[parts.tabs]["selected"] == "find"
    jobs.claim(room.studio.database, reviews.review(room.studio.database, room.who, queued).job_id, "test")
    assert "under way" in words(page.look(room.visit(), queued, "")[parts.cases]["none"])


def test_versions_and_finished_runs_lead_here(tmp_path: Path, page: ReviewPage) -> None:
    furnished = furnish(tmp_path)
    view = runs.run(furnished.studio.database, furnished.who, furnished.run_id)
    known = sets.versions(furnished.studio.database, furnished.who, 1)
    assert f"/review?tab=find&version={view.version_id}&run={view.id}" in header(view)
    assert f"/review?tab=find&version={view.version_id}" in draw_versions(known, None)
    for visit, chosen in ((furnished.visit(version=view.version_id, run=view.id), view.id), (furnished.visit(), 0)):
        assert page.finding.runs_of(visit, view.version_id)[page.finding.parts.run]["value"] == chosen


def test_the_index_claims_no_interval_and_no_number_of_wrong_labels(room: Reviewed) -> None:
    view = reviews.review(room.studio.database, room.who, room.review_id)
    assert index_of(view) == f"Index of labels in doubt: <b>7</b> of {room.cases}"
    assert "95 %" not in state_of(view) and "Hard cases with a right label count too" in state_of(view)
    assert "ndex" not in index_of(replace(view, index=None))


def test_an_audit_is_drawn_decided_on_and_told(room: Reviewed, page: ReviewPage) -> None:
    visit, parts = room.visit(), page.auditing.parts
    before = page.auditing.open(visit, room.review_id, 2, 4)
    assert before[parts.form]["visible"] and "How many labels are wrong?" in before[parts.about]
    assert "6 cases to decide on. If no label is wrong among the 4 drawn" in before[parts.before]
    assert "Draw at least one" in page.auditing.plan(visit, room.review_id, 2, None)[parts.before]
    drawn = page.auditing.draw(visit, room.review_id, 2, 4)
    assert not drawn[parts.form]["visible"] and "0 of 6 decided: the first 2 suspects" in drawn[parts.about]
    assert f'href="/review?review={room.review_id}&tab=decide&state=audit"' in drawn[parts.about]
    with pytest.raises(SettingsError, match="has its audit"):
        page.auditing.draw(visit, room.review_id, 2, 4)
    db = room.studio.database
    while (suspect := queue.next_suspect(db, room.who, room.review_id, Filter(state="audit"))) is not None:
        action = ("change", ["hazy"]) if suspect.rank == 1 else ("keep", None)
        verdicts.decide(db, room.who, room.review_id, [suspect.rank], *action)
    shown_audit = page.auditing.open(visit, room.review_id, 2, 4)[parts.about]
    assert (
        "About 1 of 12 labels is wrong, 95 % interval 1 to" in shown_audit and "may have been led by it" in shown_audit
    )
    of_audit = queue.progress(db, room.who, room.review_id, Filter(state="audit"))
    assert nothing_left(Filter(state="audit"), of_audit)["title"] == "Nothing of an audit is left for you to decide"


def test_an_audit_of_which_one_is_unsure_leads_to_where_that_is_settled(room: Reviewed, page: ReviewPage) -> None:
    visit, parts, db = room.visit(), page.auditing.parts, room.studio.database
    page.auditing.draw(visit, room.review_id, 1, 1)
    said: Iterator[Action] = iter(("keep", "unsure"))
    while (suspect := queue.next_suspect(db, room.who, room.review_id, Filter(state="audit"))) is not None:
        verdicts.decide(db, room.who, room.review_id, [suspect.rank], next(said))
    shown_audit = page.auditing.open(visit, room.review_id, 1, 1)[parts.about]
    assert "1 unsure" in shown_audit and "state=audit" not in shown_audit
    assert f'href="/review?review={room.review_id}&tab=agree">Settle what is left</a>' in shown_audit


def test_no_audit_is_offered_before_a_search_has_ended(tmp_path: Path, page: ReviewPage) -> None:
    room = furnish_review(tmp_path)  # the search that waits here would be in the way of others
    db = room.studio.database
    waiting = reviews.queue_review(db, room.studio.place, room.who, room.version_id)
    for review_id in (None, waiting.id):
        shown = page.auditing.open(room.visit(), review_id, 50, 100)
        assert shown[page.auditing.parts.section]["visible"] is False
    assert page.auditing.open(room.visit(), room.review_id, 50, 100)[page.auditing.parts.section]["visible"]


def test_a_dispute_is_settled(tmp_path: Path, page: ReviewPage) -> None:
    room = furnish_review(tmp_path, readers=2)
    db = room.studio.database
    with db.session() as session:  # invited and not in yet: whoever is at the keyboard comes without an account
        row = people.new_person(session, "bea", "reviewer")
        people.join(session, row.id, room.who.projects)
        bea = as_who(session, row)
    for who, action in ((room.who, "keep"), (bea, "exclude")):
        verdicts.decide(db, who, room.review_id, [3], action)
    for who in (room.who, bea):
        verdicts.decide(db, who, room.review_id, [1, 2], "keep")
    agreeing, parts, visit = page.agreeing, page.agreeing.parts, Visit.of(room.studio, asking())
    shown = agreeing.open(visit, room.review_id)
    assert "bea with local" in shown[parts.pairs] and "Kappa" in shown[parts.pairs]
    disputes = shown[parts.disputed]
    assert "1 to settle" in disputes and TORN in disputes and 'data-rank="3"' in disputes
    shown = agreeing.look_at(visit, room.review_id, event(3))
    assert shown[parts.rank] == 3 and "bea: excluded" in shown[parts.title]
    assert shown[parts.picture]["panes"][0]["src"].endswith("/2")
    assert [value for _, value in shown[parts.answer]["choices"]] == [KEEP, *ANSWERS, EXCLUDE]
    agreeing.settle(visit, room.review_id, 3, EXCLUDE, "cut off")
    assert "Nothing to settle" in agreeing.open(visit, room.review_id)[parts.disputed]
    with pytest.raises(CoreError, match="settled already"):
        agreeing.look_at(visit, room.review_id, event(3))


def event(rank: int) -> Any:
    """A click on a case of this rank."""
    return SimpleNamespace(rank=rank)


def test_verdicts_become_a_version_and_are_taken_back(tmp_path: Path, page: ReviewPage) -> None:
    room = furnish_review(tmp_path)
    db, tab, parts, visit = room.studio.database, page.correcting, page.correcting.parts, room.visit()

    def difference(first: int, second: int) -> str:
        return str(tab.differ(visit, first, second)[parts.versions.difference])

    shown = tab.open(visit, room.review_id)
    assert "Nothing to change yet" in shown[parts.preview] and not shown[parts.apply]["interactive"]
    verdicts.decide(db, room.who, room.review_id, [1], "change", [ANSWERS[2]])
    verdicts.decide(db, room.who, room.review_id, [2], "exclude")
    verdicts.decide(db, room.who, room.review_id, [3], "keep")
    shown = tab.open(visit, room.review_id)
    assert all(words in shown[parts.preview] for words in ("2 cases would change", TORN, "leaves the set"))
    assert shown[parts.apply]["interactive"] and f"/downloads/reviews/{room.review_id}/csv" in shown[parts.exports]
    tab.apply(visit, room.review_id, "looked at", False)
    newest = sets.versions(db, room.who, 1)[0]
    assert (newest.number, newest.cases) == (2, 11)
    assert "Nothing left to change" in tab.open(visit, room.review_id)[parts.preview]
    assert "2 cases differ" in difference(room.version_id, newest.id)
    tab.take_back(visit, newest.id)
    again = sets.versions(db, room.who, 1)[0]
    assert (again.number, again.cases) == (3, 12)
    assert "No label differs" in difference(room.version_id, again.id)


def draw(room: Reviewed, number: int) -> None:
    """A box of the case's own label, which is the first answer."""
    visit, box = room.visit(), {"label": ANSWERS[0], "left": 0.0, "top": 0.0, "right": 0.5, "bottom": 0.5}
    boxes.correct_boxes(visit.database, visit.place, visit.who, room.version_id, number, [box], 0, "drawn")


def test_corrected_boxes_go_with_the_verdicts_where_that_is_ticked(tmp_path: Path, page: ReviewPage) -> None:
    room = furnish_review(tmp_path)
    db, tab, parts, visit = room.studio.database, page.correcting, page.correcting.parts, room.visit()
    assert tab.open(visit, room.review_id)[parts.with_boxes]["visible"] is False
    draw(room, 0)
    verdicts.decide(db, room.who, room.review_id, [2], "exclude")
    offered = tab.open(visit, room.review_id)[parts.with_boxes]
    assert (offered["visible"], offered["value"]) == (True, True)
    assert offered["label"] == "With the boxes that were corrected since (1 case)"
    tab.apply(visit, room.review_id, "", True)
    newest = sets.versions(db, room.who, 1)[0]
    assert newest.note.endswith("; boxes corrected: 1 case") and newest.cases == 11
    assert [len(row.boxes) for row in sets.cases(db, room.who, newest.id).rows[:2]] == [1, 0]
    shown = str(tab.differ(visit, room.version_id, newest.id)[parts.versions.difference])
    assert "2 cases differ" in shown and "boxes corrected: 0 → 1" in shown and "“drawn”" in shown
    assert tab.open(visit, room.review_id)[parts.with_boxes]["visible"] is False


def test_a_run_is_queued_again_on_the_corrected_version(tmp_path: Path, page: ReviewPage) -> None:
    room = furnish(tmp_path)
    tab, visit = page.correcting, room.visit()
    tab.retrain(visit, room.run_id, room.version_id)
    newest = runs.runs(room.studio.database, room.who, room.who.projects[0])[0]
    assert newest.copy_of == room.run_id and newest.state == "waiting"
    assert {name: newest.settings[name] for name in SETTINGS} == SETTINGS
    compared = tab.compare(visit, room.run_id, room.run_id)[tab.parts.retraining.compared]
    assert compared.count("+0.000") >= 2 and "Under the corrected test labels" in compared
    with pytest.raises(CoreError, match="Choose a finished run"):
        tab.retrain(visit, None, None)


def test_old_and_corrected_test_labels_stand_apart() -> None:
    def gain(value: float, low: float, high: float) -> Gain:
        return Gain("vitask<", "macro_f1", "macro F1", 0.5, 0.5 + value, value, low, high)

    told = comparison(Retrained("old", "new", 40, 3, 2, (gain(0.02, -0.01, 0.05),), (gain(0.06, 0.01, 0.1),)))
    old, _, new = told.partition("Under the corrected test labels")
    assert "+0.020 (-0.010 to +0.050)" in old and "<b>+0.020" not in old  # it can't tell, so it isn't stressed
    assert "<b>+0.060 (+0.010 to +0.100)</b>" in new and "vitask&lt;" in new
    assert "3 have another label now. 2 more have left" in told


def test_many_answers_show_the_largest_and_the_given_one(room: Reviewed) -> None:
    view = reviews.review(room.studio.database, room.who, room.review_id)
    answers = tuple(f"answer {number}" for number in range(20))
    one = queue.suspect(room.studio.database, room.who, room.review_id, 1)
    one = replace(one, given=("answer 19",), probabilities=tuple(0.09 - 0.004 * number for number in range(20)))
    drawn = readings(replace(view, answers=answers), one)
    assert (
        drawn.count('class="bar"') == MOST_BARS + 1 and "</em> answer 19<" in drawn and "11 answers with less" in drawn
    )


def test_a_label_of_several_answers_is_told_apart() -> None:
    assert places(("edema", "effusion"), ("edema", "effusion", "no edema")) == [0, 1]
    assert places(("effusion, left",), ("left", "effusion", "effusion, left")) == [2]
    assert places((), ("edema", "effusion")) == []


def test_the_page_states_its_limits_and_never_calls_a_label_wrong() -> None:
    told = " ".join(LIMITS)
    assert "planted" in told and "difficult case" in told
    here = Path(queues.__file__).parent
    sources = [path.read_text() for path in here.iterdir() if path.suffix in (".py", ".html", ".js")]
    for source in sources:
        assert "label error" not in source.lower() and "wrong label" not in source.lower()


def test_verdicts_in_words(room: Reviewed) -> None:
    made = verdicts.decide(room.studio.database, room.who, room.review_id, [1], "change", ["hazy"], confidence="fairly")
    assert decided(made[0]) == "changed to hazy, fairly sure"
    assert decided(replace(made[0], is_settlement=True)) == "settled: changed to hazy"


@pytest.fixture
def rooms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Reviewed, FastAPI]:
    """A studio with accounts, in which `stranger` is in another project."""
    monkeypatch.setattr(people, "_hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    room = furnish_review(tmp_path)
    db = room.studio.database
    people.add_person(db, "anna", PASSWORD, "admin")
    people.add_person(db, "reader", PASSWORD, "reader", room.who.projects)
    people.add_person(db, "stranger", PASSWORD, "admin", [people.add_project(db, room.who, "Elsewhere")])
    return room, cast(FastAPI, create_app(room.studio.place))


def test_a_stranger_gets_at_nothing_of_a_review(rooms: tuple[Reviewed, FastAPI]) -> None:
    room, app = rooms
    token = people.sign_in(room.studio.database, "stranger", PASSWORD, "stranger")
    stranger, id_ = client_of(app, token), people.who(room.studio.database, token)
    assert id_ is not None
    for path in ("cases", "progress", "cases/1", "cases/1/group", "cases/1/picture"):
        assert stranger.get(f"/reviews/{room.review_id}/{path}").status_code == 404
    for path, body in (("verdicts", press(room, [1])), ("undo", {"key": "undo-it-once"})):
        sent = {**body, "person": id_.id}
        assert stranger.post(f"/reviews/{room.review_id}/{path}", json=sent).status_code == 404
    names = blocks(app).get_api_info()["named_endpoints"]
    asked = {
        name: about
        for name, about in names.items()
        if "review_id" in {one["parameter_name"] for one in about["parameters"]}
    }
    assert len(asked) >= 7
    for name, about in asked.items():
        data = [value(one) for one in about["parameters"]]
        answer = stranger.post(f"/gradio_api/run{name}", json={"data": data})
        assert not (answer.status_code == 200 and ("case-0" in answer.text or "First look" in answer.text)), name
    assert room.kept() == []


def test_a_reader_may_look_and_not_decide(rooms: tuple[Reviewed, FastAPI]) -> None:
    room, app = rooms
    token = people.sign_in(room.studio.database, "reader", PASSWORD, "reader")
    who = people.who(room.studio.database, token)
    assert who is not None
    reader = client_of(app, token)
    assert reader.get(f"/reviews/{room.review_id}/cases").status_code == 200
    answer = reader.post(f"/reviews/{room.review_id}/verdicts", json=press(room, [1], person=who.id))
    assert answer.status_code == 404 and "reviewer" in answer.json()["detail"]


@pytest.mark.slow
def test_programs_review_by_the_same_names(tmp_path: Path) -> None:
    room = furnish_review(tmp_path)
    browser = client_of(cast(FastAPI, create_app(room.studio.place)))

    def ask(name: str, *data: Any) -> Any:
        answer = browser.post(f"/gradio_api/run/{name}", json={"data": list(data)})
        assert answer.status_code == 200, answer.text
        return answer.json()["data"][0]

    review = room.review_id
    assert ask("list_reviews")[0]["estimated"] == 7.0
    assert ask("next_suspect", review, 0, "open", "hazy", "", "", "")["rank"] == 2
    (made,) = ask("decide", review, [2], "change", ["clear"], "", "sure", "press-by-program")
    assert (made["action"], made["given"], made["labels"]) == ("change", ["hazy"], ["clear"])
    assert ask("review_progress", review)["mine"] == 1
    assert [one["to"] for one in ask("preview_corrections", review)] == [["clear"]]
    version = ask("apply_corrections", review, "by a program")
    assert [one["name"] for one in ask("version_difference", room.version_id, version)] == ["case-002"]
    draw(room, 3)
    ask("decide", review, [5], "exclude", [], "", "sure", "another-by-program")
    again = ask("apply_corrections_with_boxes", review, "")
    differing = ask("version_difference", version, again)
    assert [(case["name"], case["action"], case["boxes"]) for case in differing] == [
        ("case-004", "boxes", [0, 1]),
        ("case-005", "exclude", None),
    ]
    assert ask("undo_verdict", review, "undo-the-last") == [5]
    assert ask("undo_verdict", review, "undo-by-program") == [2]
    assert ask("review_agreement", review)["pairs"] == []
    assert isinstance(ask("find_suspects", room.version_id, 0, 1, False, "again"), int)


def blocks(app: FastAPI) -> Any:
    mounted = next(route for route in app.routes if isinstance(route, Mount))
    return cast(Any, mounted.app).get_blocks()


def value(parameter: dict[str, Any]) -> Any:
    kind = str(parameter["python_type"]["type"])
    if kind.startswith("list"):
        return [1]
    return {"int": 1, "bool": True, "str": "open"}.get(kind.split("[")[0], "keep")


def test_a_first_look_is_shown_the_picture_alone_and_its_agreement_stands_under_agree(
    tmp_path: Path, page: ReviewPage
) -> None:
    room = furnish_review(tmp_path)
    finding, parts = page.finding, page.finding.parts
    made = finding.start(room.visit(), room.version_id, 0, 1, True, True, "Mine")[parts.queued]
    finish(room.studio, reviews.review(room.studio.database, room.who, made).job_id, room)
    room = replace(room, review_id=made)
    browser = client_of(cast(FastAPI, create_app(room.studio.place)))
    opened = page.agreeing.open(room.visit(), made)[page.agreeing.parts.pairs]
    assert "No first look yet" in opened
    (first,) = browser.get(f"/reviews/{made}/cases", params={"many": 1}).json()["cases"]
    assert first["is_veiled"] and first["given_at"] == first["suggested_at"] == []
    assert "What do you see?" in first["head"] and first["side"] == "" and "case-001" not in str(first)
    assert first["picture"] == f"/reviews/{made}/cases/1/picture" and "/images/" not in str(first)
    picture = browser.get(first["picture"])
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
    assert browser.get(f"/reviews/{made}/cases/99/picture").status_code == 404
    refused = browser.post(f"/reviews/{made}/verdicts", json=press(room, [1]))
    assert refused.status_code == 400 and "hidden until you have looked" in refused.text
    browser.post(f"/reviews/{made}/verdicts", json=press(room, [1], "change", "hazy"))
    shown = browser.get(f"/reviews/{made}/cases/1").json()
    assert not shown["is_veiled"] and "Given label" in shown["head"] and "Your first look is kept" in shown["side"]
    assert shown["group_size"] == 1, "cases are looked at one by one"
    agreed = page.agreeing.open(room.visit(), made)[page.agreeing.parts.pairs]
    assert "Blind first looks" in agreed and "first look with the set" in agreed and "own last word" in agreed


def test_the_time_of_a_search_is_told_before_it_starts(tmp_path: Path, page: ReviewPage) -> None:
    room = furnish_review(tmp_path)
    finding, time = page.finding, page.finding.parts.time
    with room.studio.database.session() as session:
        job = session.get_one(Job, reviews.review(room.studio.database, room.who, room.review_id).job_id)
        assert job.started is not None
        job.ended = job.started + timedelta(minutes=4)
    assert (
        "About <b>4 min</b> on this machine, by the last search" in finding.time(room.visit(), room.version_id, 0)[time]
    )
    with room.studio.database.session() as session:
        session.get_one(Job, job.id).state = "stopped"
    assert "isn't known before it starts" in finding.time(room.visit(), room.version_id, 0)[time]
    assert finding.time(room.visit(), None, 0) == {time: ""}

"""The list of the page Runs: its pages, what is looked for in it and its address; and what people do with a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from app.context import Studio
from app.html import written_markdown
from app.pages.compare import page as compare_page
from app.pages.compare.parts import lay_out as lay_out_compare
from app.pages.runs import acts
from app.pages.runs.listing import clicked_run
from app.pages.runs.page import RunsPage
from app.pages.runs.parts import lay_out
from app.pages.runs.upkeep import Upkeep
from app.visit import Visit
from core.errors import SettingsError
from core.records.access import NotAllowed, Who
from core.records.accounts import people
from core.records.runs import run_upkeep, runs
from core.records.tables import Job
from tests.app.furnished import Furnished, asking, browsing, furnish

PASSWORD = "six herons over a pier"


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    """A hundred and thirty runs; the first is named First, those after it by their numbers."""
    room = furnish(tmp_path_factory.mktemp("full"))
    numbers = [room.queue(f"Run {number}") for number in range(2, 131)]
    with room.studio.database.session() as session:
        for number in numbers:
            session.get_one(Job, runs.run(room.studio.database, room.who, number).job_id).state = "done"
    run_upkeep.set_tags(room.studio.database, room.who, 3, ["baseline"])
    return room


@pytest.fixture
def room(tmp_path: Path) -> Furnished:
    return furnish(tmp_path)


@pytest.fixture
def page() -> RunsPage:
    with gr.Blocks():
        return RunsPage(lay_out())


def as_person(room: Furnished, person: Who) -> Visit:
    class TheirStudio(Studio):
        def who(self, request: object) -> Who:
            return person

    return Visit.of(TheirStudio(room.studio.place, room.studio.database), asking())


def colleague(room: Furnished, name: str, role: str, projects: tuple[int, ...] | None = None) -> Who:
    database = room.studio.database
    people.add_person(database, f"admin beside {name}", PASSWORD, "admin", room.who.projects)
    return people.add_person(
        database, name, PASSWORD, role, room.who.projects if projects is None else projects, room.who
    )


def shown(page: RunsPage, changed: dict[Any, Any]) -> tuple[list[int], str]:
    listed = page.parts.run.listed
    return [row[0] for row in changed[listed.table]], changed[listed.count]


def test_the_list_has_pages_and_what_is_looked_for(page: RunsPage, full: Furnished) -> None:
    visit, listed = full.visit(), page.parts.run.listed
    first = page.tick(visit, 130, None)
    numbers, count = shown(page, first)
    assert numbers == list(range(130, 105, -1)) and "1 to 25 of 130" in count
    assert (first[listed.newer]["interactive"], first[listed.older]["interactive"]) == (False, True)
    second = page.tick(visit, 130, first[page.parts.sent], [], "", "", False, 1)
    numbers, count = shown(page, second)
    assert numbers == list(range(105, 80, -1)) and "26 to 50 of 130" in count and listed.page not in second
    last = page.tick(visit, 130, None, [], "", "", False, 900)
    assert shown(page, last) == (list(range(5, 0, -1)), '<div class="vt quiet">126 to 130 of 130</div>')
    assert last[listed.page] == 5 and last[listed.older]["interactive"] is False
    for given, numbers in (
        (("run 12", "", False), [129, 128, 127, 126, 125, 124, 123, 122, 121, 120, 12]),
        (("base", "", False), [3]),
        (("", "baseline", False), [3]),
        (("nothing of the kind", "", False), []),
    ):
        assert shown(page, page.tick(visit, 130, None, None, *given, 7))[0] == numbers
    _, count = shown(page, page.tick(visit, 130, None, None, "nothing of the kind", "", False, 7))
    assert "No run of this kind" in count


def test_the_address_keeps_list_and_run_however_old_it_is(page: RunsPage, full: Furnished) -> None:
    listed, chooser = page.parts.run.listed, page.parts.run.run
    changed = page.open(full.visit(run=1, q="run", page=2, tag="gone"))
    assert changed[chooser]["value"] == 1 and (f"{1} · First", 1) in changed[chooser]["choices"]
    assert changed[page.parts.run.astray] == ""
    assert (changed[listed.search], changed[listed.tag]["value"]) == ("run", "gone")
    assert ("gone", "gone") in changed[listed.tag]["choices"] and changed[listed.page] == 0  # there is no second page
    assert page.open(full.visit(q="run", page=2))[listed.page] == 1
    changed = page.open(full.visit(run=4000))
    assert changed[chooser]["value"] == 130 and "none that you can see" in changed[page.parts.run.astray]


def test_an_old_run_stays_among_the_choices_while_it_is_chosen(page: RunsPage, full: Furnished) -> None:
    changed = page.tick(full.visit(), 1, None, [2])
    assert [number for _, number in changed[page.parts.run.run]["choices"]][-2:] == [2, 1]
    assert [number for _, number in changed[page.parts.beside.several]["choices"]][-2:] == [2, 1]
    assert "First" in changed[page.parts.run.head]


def test_an_old_run_opens_on_compare(full: Furnished) -> None:
    with gr.Blocks():
        page = compare_page.ComparePage(lay_out_compare())
    chooser = page.parts.choose.run
    changed = page.open(full.visit(run=1))
    assert changed[chooser]["value"] == 1 and ("1 · First (Panes)", 1) in changed[chooser]["choices"]
    assert changed[page.parts.notice] == ""
    assert 1 not in [number for _, number in page.open(full.visit())[chooser]["choices"]]


def test_a_click_on_a_row_opens_its_run(page: RunsPage, full: Furnished) -> None:
    def clicked(row: object) -> gr.EventData:
        return gr.EventData(None, {"index": [0, 1], "row_value": row})

    assert clicked_run(clicked([3, "Run 3"])) == clicked_run(clicked(["3", "Run 3"])) == 3
    assert page.choose(full.visit(), clicked([3, "Run 3"])) == {page.parts.run.run: 3}
    for row in (None, [], ["x"], ["9" * 30], [4000], {"0": 3}, [None]):
        assert page.choose(full.visit(), clicked(row)) == {}


def test_an_archived_run_leaves_every_list_and_comes_back(page: RunsPage, room: Furnished) -> None:
    visit = room.visit()
    with gr.Blocks():
        compare = compare_page.ComparePage(lay_out_compare())
    acts.archive_run(visit, room.run_id)
    assert acts.list_runs(visit) == [] and acts.list_runs(visit, with_archived=True)[0]["is_archived"] is True
    changed = page.open(visit)
    assert changed[page.parts.run.run]["value"] is None and "Show archived" in changed[page.parts.notice]
    assert compare.open(visit)[compare.parts.choose.run]["choices"] == []
    changed = page.tick(visit, None, None, with_archived=True)
    assert changed[page.parts.run.listed.table][0][1] == "First <small>(archived)</small>"
    changed = page.tick(room.visit(), room.run_id, None)
    assert "Archived just now" in changed[page.parts.run.head], "its own address opens it still"
    assert compare.open(room.visit(run=room.run_id))[compare.parts.choose.run]["value"] == room.run_id
    acts.bring_back_run(visit, room.run_id)
    assert [run["name"] for run in acts.list_runs(visit)] == ["First"]


def test_name_tags_and_note_are_saved_and_shown(page: RunsPage, room: Furnished) -> None:
    tab, visit = Upkeep(page.parts.run.upkeep), room.visit()
    changed = tab.save(visit, room.run_id, "Panes, longer", ["Baseline"], "Best *so far*. <b>Bold</b>")
    assert changed[tab.parts.tags]["value"] == ["baseline"] == changed[tab.parts.tags]["choices"]
    run = acts.one_run(visit, room.run_id)
    assert (run["name"], run["tags"], run["note"]) == (
        "Panes, longer",
        ["baseline"],
        "Best *so far*. <b>Bold</b>",
    )
    shown_now = page.tick(visit, room.run_id, None)
    assert "Panes, longer" in shown_now[page.parts.run.head] and "baseline" in shown_now[page.parts.run.head]
    assert shown_now[page.parts.run.note] == gr.update(value="Best *so far*. <\u2060b>Bold<\u2060/b>", visible=True), (
        "no markup of whoever writes"
    )
    assert "baseline</span>" in shown_now[page.parts.run.listed.table][0][1]


def test_what_somebody_may_not_do_with_a_run_is_not_offered(page: RunsPage, room: Furnished) -> None:
    tab, admin = Upkeep(page.parts.run.upkeep), room.visit()
    for role, writes in (("researcher", True), ("reader", False)):
        changed = tab.show(as_person(room, colleague(room, f"a {role}", role)), room.run_id)
        offered = [changed[part]["interactive"] for part in (tab.parts.note, tab.parts.tags, tab.parts.save)]
        assert offered == [writes] * 3
        assert changed[tab.parts.name]["interactive"] is changed[tab.parts.archive]["interactive"] is False
        assert changed[tab.parts.place]["visible"] is False and changed[tab.parts.rights]
    changed = tab.show(admin, room.run_id)
    assert changed[tab.parts.place]["visible"] is True and changed[tab.parts.rights] == ""
    assert tab.show(admin, None)[tab.parts.save]["interactive"] is False


def test_a_run_is_erased_by_its_name_after_it_was_told_what_goes(page: RunsPage, room: Furnished) -> None:
    tab, visit, second = Upkeep(page.parts.run.upkeep), room.visit(), room.queue("Second")
    before = tab.look(visit, room.run_id)
    assert (
        "its folder with readings" in before[tab.parts.confirmation.about]
        and before[tab.parts.confirmation.erase]["visible"] is True
    )
    assert acts.run_erasure(visit, room.run_id)["stays"][-1] == "its name in the audit log"
    with pytest.raises(SettingsError, match="typed is another"):
        tab.erase(visit, room.run_id, "Second")
    sent = page.tick(visit, room.run_id, None)[page.parts.sent]
    tab.erase(visit, room.run_id, " First ")
    changed = page.tick(visit, room.run_id, sent)
    assert changed[page.parts.run.run]["value"] == second, "what was looked at is gone, and another run is in its place"
    with pytest.raises(NotAllowed):
        acts.one_run(visit, room.run_id)


@pytest.mark.slow
def test_the_api_lets_members_of_other_projects_do_nothing_and_colleagues_only_write(room: Furnished) -> None:
    """Over HTTP, with tokens of their own."""
    database = room.studio.database
    colleague(room, "colleague", "researcher")
    colleague(room, "stranger", "admin", (people.add_project(database, room.who, "Elsewhere"),))
    settling: dict[str, list[Any]] = {
        "rename_run": ["Mine"],
        "archive_run": [],
        "bring_back_run": [],
        "run_erasure": [],
        "erase_run": ["First"],
    }
    writing: dict[str, list[Any]] = {"note_run": ["Seen."], "tag_run": [["seen"]]}
    with browsing(room.studio) as browser:

        def status(name: str, act: str, given: list[Any]) -> int:
            token = people.sign_in(database, name, PASSWORD, "127.0.0.1")
            headers = {"authorization": f"Bearer {token}"}
            body = {"data": [room.run_id, *given]}
            return browser.post(f"/gradio_api/run/{act}", json=body, headers=headers).status_code

        before = replace(runs.run(database, room.who, room.run_id), stages=())
        for act, given in (settling | writing).items():
            assert status("stranger", act, given) == 422, act
        for act, given in settling.items():
            assert status("colleague", act, given) == 422, act
        assert replace(runs.run(database, room.who, room.run_id), stages=()) == before
        for act, given in writing.items():
            assert status("colleague", act, given) == 200, act
        view = runs.run(database, room.who, room.run_id)
        assert (view.name, view.note, view.tags) == ("First", "Seen.", ("seen",))


def test_markdown_of_a_writer_is_read_as_it_was_typed() -> None:
    for text, read in {
        "a < b, **c** > d, `x<y`": "a < b, **c** > d, `x<\u2060y`",
        "<img src=x onerror=alert(1)>": "<\u2060img src=x onerror=alert(1)>",
        "</p><!-- x --><?php ?>": "<\u2060/p><\u2060!-- x --><\u2060?php ?>",
        "![seen](https://example.org/1.png)": "!\u2060[seen](https://example.org/1.png)",
        "<https://example.org/a> [b](https://example.org)": "<https://example.org/a> [b](https://example.org)",
        "```mermaid\ngraph\n```": "```\ngraph\n```",
        "- ~~~ mermaid x\n": "- ~~~\n",
        "- [ ] ```mermaid\n  graph\n  ```": "- [ ] ```\n  graph\n  ```",
        "1. [x] ~~~mermaid\n": "1. [x] ~~~\n",
        "x```mermaid\ngraph\n```": "x```\u2060mermaid\ngraph\n```",
        "```code``` stays": "```code``` stays",
    }.items():
        assert written_markdown(text) == read

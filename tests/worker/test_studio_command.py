"""`vitask person`, `vitask run` and `vitask set add`: the studio from a shell."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import text

from core.cli.main import main
from core.machine.lock import locked
from core.records import jobs
from core.records.access import Who
from core.records.accounts import invitations, people
from core.records.database import Database
from core.records.place import Place
from core.records.review import reviews, verdicts
from core.records.runs import runs
from core.records.sets import sets
from tests import run_files
from tests.app.furnished import SETTINGS, pictures
from tests.records.search import finish

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _own_environment(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITASK_DATA", str(place.data))


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_a_person_added_at_the_shell_may_sign_in_and_sees_the_project(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, "a long password\n")
    assert main(["person", "add", "ada", "--role", "admin", "--project", "Cells"]) == 0
    assert capsys.readouterr().out == "ada may sign in now, as admin.\n"
    who = people.who(database, people.sign_in(database, "ada", "a long password", "127.0.0.1"))
    assert who is not None and who.role == "admin"
    assert "Cells" in [name for _, name in people.projects_of(database, who)]
    typed(monkeypatch, "another password\n")
    assert main(["person", "password", "ada"]) == 0
    people.sign_in(database, "ada", "another password", "127.0.0.1")
    assert main(["person", "deactivate", "ada"]) == 2
    assert "ada is the last account" in capsys.readouterr().err
    typed(monkeypatch, "six herons over a pier\n")
    assert main(["person", "add", "eve", "--role", "admin", "--project", "Cells"]) == 0
    capsys.readouterr()
    assert main(["person", "deactivate", "ada"]) == 2
    assert "ada is the last admin in the project “My project”" in capsys.readouterr().err
    assert main(["project", "add-member", "My project", "eve"]) == 0
    assert main(["person", "deactivate", "ada"]) == 0
    with pytest.raises(people.SignInError):
        people.sign_in(database, "ada", "another password", "127.0.0.1")


def test_a_password_that_is_too_short_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, "short\n")
    assert main(["person", "add", "ada"]) == 2
    assert "at least 10 characters" in capsys.readouterr().err


def test_a_refused_account_leaves_no_project_and_no_person(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, "short\n")
    assert main(["person", "add", "ada", "--project", "Cells", "--project", "Lungs"]) == 2
    assert main(["person", "invite", "ada", "--role", "admin", "--project", "Cells"]) == 2
    assert "No studio is open" in capsys.readouterr().err, "where it is opened belongs to the link"
    who = people.local(database)
    assert [name for _, name in people.projects_of(database, who)] == ["My project"]
    assert [person.name for person in people.people(database, who)] == ["local"]


def test_people_and_projects_are_managed_at_the_shell(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--address", "https://studio.example/"]
    assert main(["person", "invite", "ada", "--role", "admin", "--project", "Cells", *where]) == 0
    link = capsys.readouterr().out.strip()
    address, _, token = link.partition("#")
    assert address == "https://studio.example/invited"
    invitations.accept(database, token, "six herons over a pier", "10.0.0.1")
    for command in (
        ["person", "invite", "bob", "--role", "reviewer", *where],
        ["person", "link", "bob", *where],
        ["person", "role", "bob", "reader"],
        ["project", "add", "Lungs"],
        ["project", "rename", "Lungs", "Chests"],
        ["project", "add-member", "Chests", "bob"],
        ["project", "add-member", "Cells", "bob"],
        ["project", "remove-member", "Cells", "bob"],
        ["person", "deactivate", "bob"],
        ["person", "reactivate", "bob"],
    ):
        assert main(command) == 0, command
    capsys.readouterr()
    assert main(["person", "list", "--json"]) == 0
    ada, bob = json.loads(capsys.readouterr().out)["people"]
    assert (ada["role"], ada["state"], ada["sessions"]) == ("admin", "active", 1)
    assert (bob["role"], bob["state"], bob["projects"]) == ("reader", "invited", ["Chests"])
    assert main(["project", "list"]) == 0
    assert "Chests: bob\n" in capsys.readouterr().out
    assert main(["person", "sessions", "ada"]) == 0
    assert "10.0.0.1" in capsys.readouterr().out
    assert main(["person", "sign-out", "ada"]) == 0
    assert main(["person", "role", "ada", "reader"]) == 2
    assert "ada is the last a" in capsys.readouterr().err
    typed(monkeypatch, "bobby\n")
    assert main(["person", "erase", "bob"]) == 2
    message = capsys.readouterr().err
    assert "Goes for good:\n  the name, the password" in message and "nothing was erased" in message
    assert main(["person", "erase", "bob", "--yes"]) == 0
    assert capsys.readouterr().out.startswith("bob is erased person ")
    assert main(["project", "add-member", "Nowhere", "bob"]) == 2
    assert 'no project "Nowhere"' in capsys.readouterr().err
    assert main(["project", "erase", "Chests", "--yes"]) == 0
    assert capsys.readouterr().out == "Chests is erased.\n"
    assert main(["project", "list"]) == 0
    assert "Chests" not in capsys.readouterr().out


def test_sets_and_reviews_are_renamed_archived_and_erased_at_the_shell(
    database: Database,
    place: Place,
    who: Who,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    manifest = import_module("core.formats.manifest")
    manifest.write_example(tmp_path / "cells")
    for name in ("Cells", "Others"):
        assert main(["set", "add", str(tmp_path / "cells"), "--name", name]) == 0
    (view, _) = sets.sets(database, who, who.projects[0])
    review = reviews.queue_review(database, place, who, view.latest.id, name="First look").id
    jobs.wish(database, who, reviews.review(database, who, review).job_id, "cancel")
    capsys.readouterr()

    def printed(*command: str, code: int = 0) -> str:
        assert main(list(command)) == code, command
        captured = capsys.readouterr()
        return captured.out if code == 0 else captured.err

    assert printed("set", "rename", "Cells", "Blood") == "Cells is called Blood now.\n"
    assert "already" in printed("set", "rename", "Blood", "Others", code=2)
    assert printed("set", "archive", "Blood").startswith("Blood is archived")
    assert "Blood" not in printed("set", "list")
    assert "Blood  version 1" in (listed := printed("set", "list", "--archived")) and listed.count("archived") == 1
    assert printed("set", "bring-back", "Blood") == "Blood is in the lists again.\n"
    names = [row["name"] for row in json.loads(printed("set", "list", "--json"))["sets"]]
    assert names == ["Blood", "Others"]
    number = str(review)
    assert printed("review", "rename", number, "Second look") == f"Review {number} is called Second look now.\n"
    assert f"{number}  Second look  Blood, version 1  cancelled" in printed("review", "list")
    printed("review", "archive", number)
    assert printed("review", "list") == ""
    assert json.loads(printed("review", "list", "--archived", "--json"))["reviews"][0]["archived"] is True
    printed("review", "bring-back", number)
    assert printed("review", "erase", number, "--yes") == "Second look is erased.\n"
    assert "nothing here" in printed("review", "erase", number, "--yes", code=2)
    assert "only version of its set" in printed("set", "erase", "Blood", "--version", "1", "--yes", code=2)
    assert "has no version 7. There are: 1." in printed("set", "erase", "Blood", "--version", "7", "--yes", code=2)
    assert "has no patient “P99”" in printed("set", "erase", "Blood", "--patient", "P99", "--yes", code=2)
    for option in ("--and-runs", "--but-uploads", "--and-uploads"):
        assert "goes with --patient" in printed("set", "erase", "Blood", option, "--yes", code=2)
    (row, *others) = sets.cases(database, who, view.latest.id).rows
    one_case = ("set", "erase", "Blood", "--case", row.name, "--and-runs", "--but-uploads")
    typed(monkeypatch, "Blood\n")
    assert "nothing was erased" in printed(*one_case, code=2)
    assert printed(*one_case, "--yes") == f"{row.name} is erased.\n"
    assert f"Blood  version 2, {len(others)} cases" in printed("set", "list")
    typed(monkeypatch, "Others\n")
    assert "nothing was erased" in printed("set", "erase", "Blood", code=2)
    typed(monkeypatch, "Blood\n")
    assert printed("set", "erase", "Blood") == "Blood is erased.\n"
    assert "There are: Others." in printed("set", "erase", "Blood", "--yes", code=2)


def test_a_set_added_at_the_shell_is_a_version_and_another_where_it_has_changed(
    database: Database, who: Who, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, changed = (
        str(run_files.draw(tmp_path / name, count=4, seed=seed)) for seed, name in enumerate(("one", "two"))
    )
    for drawn, number in ((first, 1), (first, 1), (changed, 2)):
        assert main(["set", "add", drawn, "--name", "shades", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["cases"] == 12
        assert sets.versions(database, who, told["set"])[0].number == number


def test_an_audit_of_labels_is_drawn_and_told_at_the_shell(
    database: Database, place: Place, who: Who, tmp_path: Path, capsys: Capture
) -> None:
    def says(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        assert main(["review", "audit", *arguments]) == code
        captured = capsys.readouterr()
        return captured.out if code == 0 else captured.err

    image_set = pictures(tmp_path)
    version = sets.write_version(database, place, image_set, who=who, project_id=who.projects[0], name="Cells")
    view = reviews.queue_review(database, place, who, version.id)
    number = str(view.id)
    assert "has not come to its end" in says(number, "--draw", code=2)
    finish(database, place, view.job_id, image_set)
    assert "has no audit yet. Draw one with --draw" in says(number, code=2)
    assert "Add --draw" in says(number, "--first", "3", code=2)
    whole = len(image_set.cases)
    words = says(number, "--draw", "--first", "2", "--others", "1000")
    assert f"0 of {whole} decided: the first 2 suspects, and {whole - 2} of the {whole - 2} others at random." in words
    verdicts.decide(database, who, view.id, list(range(1, whole + 1)), "keep")
    assert f"About 0 of {whole} labels are wrong, 95 % interval 0 to 0." in says(number)
    kept = json.loads(says(number, "--json"))
    assert (kept["decided"], kept["wrong_labels"]) == (whole, {"value": 0, "low": 0, "high": 0})


def test_a_run_is_named_noted_tagged_archived_and_erased_at_the_shell(
    database: Database, place: Place, who: Who, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def says(*arguments: str) -> str:
        capsys.readouterr()
        assert main(["run", *arguments]) == 0
        return capsys.readouterr().out

    version = sets.write_version(database, place, pictures(tmp_path), who=who, project_id=who.projects[0], name="Cells")
    run = runs.queue_run(database, place, who, version.id, "First", SETTINGS)
    number = str(run.id)
    assert says("rename", number, "Longer") == "First is called Longer now.\n"
    typed(monkeypatch, "Best **so far**.\n")
    assert says("note", number, "-") == f"Run {number} has this note now.\n"
    assert says("tag", number, "Paper", "best yet") == f"Run {number} has the tags best yet, paper now.\n"
    assert says("tag", number, "paper", "--remove") == f"Run {number} has the tags best yet now.\n"
    assert says("list") == f"{number}  Longer  (Cells v1, vitask, waiting, #best yet)\n"
    assert main(["run", "archive", number]) == 2 and main(["run", "erase", number, "--yes"]) == 2
    assert "“Longer” waits or runs. Stop it" in capsys.readouterr().err
    runs.cancel(database, who, run.id)
    assert f"bring-back {number}" in says("archive", number)
    assert says("list") == "" and json.loads(says("list", "--archived", "--tag", "Best yet", "--json"))["runs"] == [
        {
            "id": run.id,
            "name": "Longer",
            "set": "Cells",
            "version": 1,
            "method": "vitask",
            "state": "cancelled",
            "tags": ["best yet"],
            "note": "Best **so far**.",
            "archived": runs.run(database, who, run.id).archived.isoformat(),  # type: ignore[union-attr]
        }
    ]
    assert says("bring-back", number) == f"Run {number} is in the lists again.\n"
    typed(monkeypatch, "First\n")
    assert main(["run", "erase", number]) == 2
    refused = capsys.readouterr().err
    assert "its note and its tags" in refused and "the image set that it was tuned on" in refused
    assert "nothing was erased" in refused and runs.run(database, who, run.id).name == "Longer"
    typed(monkeypatch, "Longer\n")
    assert says("erase", number) == "Longer is erased.\n" and says("list", "--archived") == ""
    assert main(["run", "rename", number, "Again"]) == 2 and "nothing here that you can see" in capsys.readouterr().err


def test_a_project_that_is_not_there_is_refused_with_those_that_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = str(run_files.draw(tmp_path / "shades", count=2))
    assert main(["set", "add", drawn, "--name", "shades", "--project", "Elsewhere"]) == 2
    assert 'There is no project "Elsewhere". Known: My project.' in capsys.readouterr().err


def test_no_browser_is_let_into_a_studio_that_is_not_open(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["open"]) == 2
    assert f"No studio is open in {place.data}" in capsys.readouterr().err
    with locked(place.data / "up.lock", "http://127.0.0.1:7861"):
        assert main(["open"]) == 0
    assert capsys.readouterr().out.startswith("http://127.0.0.1:7861/sign-in?token=")


@pytest.mark.parametrize(("more", "opens"), [([], True), (["--no-browser"], False)])
def test_the_browser_is_sent_to_the_address_that_lets_it_in(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], more: list[str], opens: bool
) -> None:
    addresses: list[str] = []
    monkeypatch.setattr("webbrowser.open", addresses.append)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    with locked(place.data / "up.lock", "http://127.0.0.1:7861"):
        assert main(["open", *more]) == 0
    printed = capsys.readouterr().out.strip()
    assert addresses == ([printed] if opens else []) and "sign-in?token=" in printed


def test_the_audit_is_read_and_verified_at_the_shell(
    database: Database, who: Who, capsys: pytest.CaptureFixture[str]
) -> None:
    people.add_project(database, who, "Cells")
    with pytest.raises(people.SignInError):
        people.sign_in(database, "eve", "wrong password", "10.0.0.1")
    assert main(["audit", "verify"]) == 0
    assert "is whole: 2 entries. Where it ended before was not kept" in capsys.readouterr().out
    assert main(["audit", "--since", "1d", "--action", "sign-in", "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["entries"]
    assert (entry["who"], entry["action"], entry["details"]) == ("unknown", "failed sign-in", {"address": "10.0.0.1"})
    assert main(["audit", "--who", "local"]) == 0
    assert capsys.readouterr().out.endswith("local  add project  Cells\n")
    assert main(["audit", "--since", "2999-01-01"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["audit", "--since", "soon"]) == 2
    with database.engine.begin() as connection:
        connection.execute(text("drop trigger audit_stays_on_update"))
        connection.execute(text("update audit set subject = 'Nothing' where action = 'add project'"))
    capsys.readouterr()
    assert main(["audit", "verify", "--json"]) == 2
    printed = capsys.readouterr()
    assert len(json.loads(printed.out)["faults"]) == 1 and "was changed" in printed.err


def test_a_studio_is_saved_and_brought_back_from_a_shell(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = str(run_files.draw(tmp_path / "shades", count=4))
    assert main(["set", "add", drawn, "--name", "shades", "--json"]) == 0
    kept = json.loads(capsys.readouterr().out)
    assert main(["backup", str(tmp_path / "kept")]) == 0
    assert "keep it as safe as the studio" in capsys.readouterr().out
    assert main(["backup", str(tmp_path / "kept")]) == 2
    assert "not empty" in capsys.readouterr().err
    monkeypatch.setenv("VITASK_DATA", str(tmp_path / "elsewhere"))
    assert main(["restore", str(tmp_path / "kept"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rows"] > 12 and told["files"] > 12
    assert main(["restore", str(tmp_path / "kept")]) == 2
    assert "There is a studio in" in capsys.readouterr().err
    assert main(["set", "add", drawn, "--name", "shades", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["hash"] == kept["hash"]


def test_up_becomes_the_studio_with_what_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda program, arguments: became.append(arguments[1:]))
    monkeypatch.setattr("sys.argv", ["vitask", "up", "--port", "7999", "--no-browser"])
    assert main(["up", "--port", "7999", "--no-browser"]) == 0
    assert became == [["-m", "worker.up", "--port", "7999", "--no-browser"]]


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Whoever starts something lets everybody read what they make."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.parametrize(
    ("module", "work", "arguments"),
    [("app.main", "serve", [[]]), ("worker.main", "serve", []), ("worker.up", "up", [[]])],
)
def test_what_any_process_makes_is_its_owners_alone(
    open_umask: None, monkeypatch: pytest.MonkeyPatch, module: str, work: str, arguments: list[list[str]]
) -> None:
    masks: list[int] = []
    started = import_module(module)
    monkeypatch.setattr(started, work, lambda *given: masks.append(os.umask(0o022)))
    monkeypatch.setattr("sys.argv", [module])
    assert started.main(*arguments) == 0
    assert masks == [0o077]


@pytest.mark.parametrize("command", [["audit", "verify"], ["backup", "kept"]])
def test_what_a_command_makes_is_its_owners_alone(
    open_umask: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VITASK_DATA", str(tmp_path / "fresh"))
    if command[0] == "backup":
        assert main(["audit", "verify"]) == 0
        os.umask(0o022)
    assert main(command) == 0
    made = [file for folder in ("fresh", "kept") for file in (tmp_path / folder).rglob("*") if file.is_file()]
    assert made and [str(file) for file in made if file.stat().st_mode & 0o077] == []

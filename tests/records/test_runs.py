"""Runs are frozen when they are queued, told as they go on, and compared by what differs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import func, select

from core.case import ImageSet
from core.errors import RunError, SettingsError
from core.readings import reading
from core.readings.answer import Answer
from core.readings.reader import TSM, Reader, readers_to_plain
from core.readings.reading import Reading
from core.records import audit, jobs
from core.records.accounts.people import NotAllowed, Who
from core.records.database import Database
from core.records.place import Place
from core.records.runs import questions, runs
from core.records.runs.comparison import NOT, Comparison
from core.records.runs.exports import SHOWN, exports, queue_export
from core.records.runs.run_search import Sought
from core.records.sets import sets
from core.records.tables import Event, Run, Version
from core.runs.folder import begin
from core.runs.prepare import open_images
from core.runs.runfile import make_run
from tests import run_files
from tests.records.conftest import Others

SETTINGS: dict[str, Any] = {
    "vlm": {"family": "starter"},
    "tsm": [{"name": "convnet", "epochs": 5}],
    "method": {"name": "vitask", "align": 1.0},
    "seed": 3,
}


@pytest.fixture
def version(database: Database, place: Place, who: Who, cells: ImageSet) -> Version:
    return sets.write_version(database, place, cells, who=who, project_id=who.projects[0])


@pytest.fixture
def run(database: Database, place: Place, who: Who, version: Version) -> Run:
    return runs.queue_run(database, place, who, version.id, "first try", SETTINGS)


def step(stage: str, number: int, steps: int = 10, **more: Any) -> str:
    facts = {"losses": {"van": 1 / number, "crt": 2.0}, "memory_gib": 0.5, "seconds_left": 9.0, **more}
    return json.dumps({"kind": "step", "stage": stage, "step": number, "steps": steps, **facts})


def evaluation(stage: str, number: int, accuracy: float) -> dict[str, Any]:
    return {"kind": "evaluation", "stage": stage, "step": number, "figures": {"accuracy": accuracy}}


def events_of(database: Database, run: Run) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(Event).where(Event.run_id == run.id)) or 0


def finish(database: Database, run: Run) -> None:
    claimed = jobs.claim(database, run.job_id, "worker")
    assert claimed and claimed.payload == {"run": run.id}
    jobs.finish(database, claimed)


def test_the_audit_log_names_the_run_that_was_stopped_and_resumed(database: Database, who: Who, run: Run) -> None:
    runs.stop(database, who, run.id)
    jobs.resume(database, who, run.job_id)
    noted = audit.entries(database, who, run.project_id)[:2]
    assert [(entry.action, entry.subject, entry.details["run"]) for entry in noted] == [
        ("resume", "first try", run.id),
        ("stop", "first try", run.id),
    ]


def test_a_run_waits_with_its_settings_frozen(
    database: Database, place: Place, who: Who, version: Version, run: Run
) -> None:
    given = {**SETTINGS}
    view = runs.run(database, who, run.id)
    assert (view.name, view.set, view.version, view.method, view.state) == (
        "first try",
        "cells",
        1,
        "vitask",
        "waiting",
    )
    assert view.settings == {**given, "images": f"studio:{version.hash}"}
    assert yaml.safe_load(runs.run_file(view)) == view.settings
    assert (view.person, view.stage, view.figures, view.seconds_left) == ("local", None, {}, None)
    worker_side = runs.run_of_job(database, run.job_id)
    assert runs.settings_here(place, worker_side)["images"] == str(sets.version_folder(place, version))


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"vlm": {"family": "gpt"}}, "vlm must name one of starter"),
        ({"vlm": None}, "vlm must name one of"),
        ({"method": {"name": "magic"}}, "method must name one of vanilla, vitask"),
        ({"tsm": {"name": "resnet"}}, "tsm must name one of convnet"),
    ],
)
def test_what_no_engine_knows_is_refused_at_once(
    database: Database, place: Place, who: Who, version: Version, block: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        runs.queue_run(database, place, who, version.id, "wrong", SETTINGS | block)
    assert runs.runs(database, who, who.projects[0]) == []


def test_events_told_twice_are_kept_once(database: Database, run: Run) -> None:
    lines = [step("stage-1", number) for number in (1, 2, 3)]
    runs.take_events(database, run.id, 0, lines)
    runs.take_events(database, run.id, 1, [*lines[1:], '{"kind": "st', step("stage-1", 4)])
    assert events_of(database, run) == 4
    runs.take_events(database, run.id, 3, ["", "[]"])
    assert events_of(database, run) == 4


def test_stages_follow_the_events(database: Database, who: Who, run: Run) -> None:
    runs.take_events(
        database, run.id, 0, [step("tsm", 10), {"kind": "stage", "stage": "tsm", "steps": 10, "best": 0.9}]
    )
    runs.take_events(database, run.id, 2, [step("stage-1", 4, 8), {"kind": "features", "done": 1, "whole": 2}])
    view = runs.run(database, who, run.id)
    assert (view.stage, view.step, view.steps) == ("stage-1", 4, 8)
    assert [(stage.name, stage.step, stage.best) for stage in view.stages] == [("tsm", 10, 0.9), ("stage-1", 4, None)]


def test_curves_hold_losses_figures_and_meters(database: Database, who: Who, run: Run) -> None:
    lines: list[Any] = [step("stage-1", 1), step("stage-1", 2), evaluation("stage-1", 2, 0.75)]
    lines += [step("stage-2", 1, paired_share=1.0), step("stage-2", 2, losses={"van": 0.5}, paired_share=0.0)]
    runs.take_events(database, run.id, 0, lines)
    curves = runs.curves(database, who, run.id)
    assert curves["loss/van"] == [("stage-1", 1, 1.0), ("stage-1", 2, 0.5), ("stage-2", 1, 1.0), ("stage-2", 2, 0.5)]
    assert curves["loss/crt"] == [("stage-1", 1, 2.0), ("stage-1", 2, 2.0), ("stage-2", 1, 2.0)]  # no pairs, no value
    assert curves["meter/paired_share"] == [("stage-2", 1, 1.0), ("stage-2", 2, 0.0)]
    assert curves["val/accuracy"] == [("stage-1", 2, 0.75)]
    assert curves["meter/memory_gib"][0] == ("stage-1", 1, 0.5)
    assert set(curves) == {"loss/van", "loss/crt", "val/accuracy", "meter/memory_gib", "meter/paired_share"}


def test_steps_made_again_after_a_crash_are_told_as_they_were_last(database: Database, who: Who, run: Run) -> None:
    lines = [step("stage-1", 1), step("stage-1", 2), step("stage-1", 2, losses={"van": 7.0}), step("stage-1", 3)]
    runs.take_events(database, run.id, 0, lines)
    values = runs.curves(database, who, run.id)["loss/van"]
    assert values == [("stage-1", 1, 1.0), ("stage-1", 2, 7.0), ("stage-1", 3, 1 / 3)]


def test_long_curves_are_thinned_out_and_keep_both_ends(database: Database, who: Who, run: Run) -> None:
    runs.take_events(database, run.id, 0, [step("stage-1", number, 3000) for number in range(1, 3001)])
    points = runs.curves(database, who, run.id)["loss/van"]
    assert 300 <= len(points) <= 400
    assert (points[0][1], points[-1][1]) == (1, 3000)
    assert points == sorted(points)


def test_runs_are_listed_and_found(database: Database, place: Place, who: Who, version: Version, run: Run) -> None:
    second = runs.copy(database, place, who, run.id, changed={"seed": 4})
    project = who.projects[0]
    assert [view.id for view in runs.runs(database, who, project)] == [second.id, run.id]
    assert [view.copy_of for view in runs.runs(database, who, project, Sought(text="COPY"))] == [run.id]
    assert [view.id for view in runs.runs(database, who, project, page=1, size=1)] == [run.id]
    finish(database, run)
    runs.set_metrics(database, run.id, {"readers": {"tsm": {"accuracy": {"value": 0.5, "low": 0.1, "high": 0.9}}}})
    (done,) = runs.runs(database, who, project, Sought(states=("done",), version_id=version.id))
    assert done.figures == {"tsm": {"accuracy": 0.5}}


def test_only_settings_that_differ_are_shown(database: Database, place: Place, who: Who, run: Run) -> None:
    changed = {"method": {"name": "vitask", "align": 0.5}, "tsm": [{"name": "convnet"}]}
    other = runs.copy(database, place, who, run.id, "second try", changed)
    differences = runs.difference(database, who, [run.id, other.id])
    assert {difference.setting: difference.values for difference in differences} == {
        "tsm.epochs": (5, None),
        "method.align": (1.0, 0.5),
    }


def test_settings_that_the_engine_filled_in_replace_those_given(database: Database, who: Who, run: Run) -> None:
    runs.set_settings(database, run.id, {**SETTINGS, "images": "/elsewhere", "training": {"batch_size": 8}})
    settings = runs.run(database, who, run.id).settings
    assert settings["training"] == {"batch_size": 8} and settings["images"] == run.settings["images"]


def test_a_run_is_stopped_resumed_and_cancelled(database: Database, place: Place, who: Who, run: Run) -> None:
    runs.stop(database, who, run.id)
    assert runs.run(database, who, run.id).state == "stopped"
    runs.resume(database, place, who, run.id)
    assert runs.run(database, who, run.id).state == "waiting"
    runs.cancel(database, who, run.id)
    assert runs.run(database, who, run.id).state == "cancelled"


def write_readings(place: Place, run: Run) -> None:
    """Three test cases: all agree, they disagree, all are wrong."""
    answers = {"tsm": [(0.9, 0.1), (0.5, 0.5), (1.0, 0.0)], "vitask": [(0.8, 0.2), (0.0, 1.0), (1.0, 0.0)]}
    cases = [("cell_4.png", "dark", "dark"), ("cell_9.png", "light", None), ("cell_elsewhere.png", "light", None)]
    rows = [
        Reading("cells", name, "test", reader, (label,), "P2", Answer(probabilities, text=text))
        for reader, probabilities_of_reader in answers.items()
        for (name, label, text), probabilities in zip(cases, probabilities_of_reader, strict=True)
    ]
    reading.save(rows, place.runs / run.key / "readings" / "test.parquet")


def test_readings_stand_side_by_side(database: Database, place: Place, who: Who, run: Run) -> None:
    with pytest.raises(RunError, match=r"no readings/test\.parquet yet"):
        Comparison.open(database, place, who, run.id, "test")
    write_readings(place, run)
    compared = Comparison.open(database, place, who, run.id, "test")
    assert (compared.answers, [reader.title for reader in compared.readers], len(compared)) == (
        ("dark", "light"),
        ["the TSM alone", "VITask, reading alone"],
        3,
    )
    first = compared.case(0)
    assert (first.number, first.labels, first.split, first.patient) == (4, ("dark",), "test", "P2")
    assert compared.case(2).number is None
    even = compared.case(1).conclusions["tsm"]
    assert (even.entropy, even.labels, compared.case(1).is_right("tsm")) == (1.0, ("dark",), False)
    assert compared.case(1).conclusions["vitask"].entropy == 0.0
    assert compared.find() == [0, 1, 2]
    assert compared.find("disagree") == [1]
    assert compared.find("wrong") == [1, 2]
    assert compared.find("wrong", reader="vitask") == [2]
    assert compared.find(label="light", text="CELL_9") == [1]
    assert compared.find(label="light", answer="dark", reader="vitask") == [2]
    assert compared.find(label=f"{NOT}light") == [0] and compared.find(answer=f"{NOT}dark", reader="vitask") == [1]
    assert compared.find("beats", reader="vitask", other="tsm") == [1] and compared.find("beats") == [1]
    assert compared.find("beats", reader="tsm", other="vitask") == []
    assert compared.find(order="gap", reader="vitask", other="tsm") == [1, 2, 0]
    assert compared.find(order="gap", reader="tsm", other="vitask") == [0, 2, 1]
    assert compared.find(order="gap") == compared.find(order="entropy", reader="tsm") == [1, 0, 2]
    assert compared.find("wrong", order="entropy", reader="tsm") == [1, 2]
    assert compared.place_of("cell_9.png") == 1
    with pytest.raises(SettingsError, match="is not a filter"):
        compared.find("odd")
    with pytest.raises(SettingsError, match="is not an order"):
        compared.find(order="odd")
    assert compared.figures()["vitask"]["accuracy"]["value"] == pytest.approx(2 / 3)


def test_readers_are_those_that_the_run_tells_though_its_method_is_gone(database: Database, who: Who, run: Run) -> None:
    readers = (Reader("scribe", "who writes it down", "#123456", needs_tsm=True), TSM)
    metrics = {"made_for": {"reader": "scribe", "baseline": "tsm"}, "reader_list": readers_to_plain(readers)}
    runs.set_metrics(database, run.id, metrics)
    with database.session() as session:
        session.get_one(Run, run.id).settings = {"method": {"name": "gone"}}
    view = runs.run(database, who, run.id)
    assert view.readers == readers and view.reader("scribe").colour == "#123456"
    assert view.reader("somebody").title == "another reader"


def test_a_comparison_is_remembered_until_the_readings_are_written_anew(
    database: Database, place: Place, who: Who, run: Run
) -> None:
    write_readings(place, run)
    first = Comparison.open(database, place, who, run.id, "test")
    assert Comparison.open(database, place, who, run.id, "test") is first
    path = place.runs / run.key / "readings" / "test.parquet"
    reading.save([Reading("cells", "x", "test", "tsm", ("dark",), None, Answer((1.0, 0.0)))], path)
    assert len(Comparison.open(database, place, who, run.id, "test")) == 1


def test_another_machine_fetches_what_a_run_made(
    database: Database, place: Place, who: Who, run: Run, tmp_path: Path
) -> None:
    remote = place.model_copy(update={"store": f"memory://runs-{run.key}"})
    write_readings(remote, run)
    folder = remote.runs / run.key
    (folder / "stage-1" / "step-00000004").mkdir(parents=True)
    (folder / "stage-1" / "step-00000004" / "weights.safetensors").write_bytes(b"large")
    (folder / "metrics.json").write_text("{}")
    runs.keep(database, remote, run)
    elsewhere = remote.model_copy(update={"data": tmp_path / "another machine"})
    assert len(Comparison.open(database, elsewhere, who, run.id, "test")) == 3
    fetched = runs.run_folder(database, elsewhere, run)
    files = {file.relative_to(fetched).as_posix() for file in fetched.rglob("*") if file.is_file()}
    assert files == {"metrics.json", "readings/test.parquet"}


def test_a_finished_run_is_asked_about_a_case_and_a_new_picture(
    database: Database, place: Place, who: Who, run: Run, version: Version, cells: ImageSet
) -> None:
    with pytest.raises(RunError, match="is not finished"):
        questions.ask(database, place, who, run.id, 3)
    finish(database, run)
    job_id = questions.ask(database, place, who, run.id, 3, "What is it?", ["vitask"])
    claimed = jobs.claim(database, job_id, "worker")
    assert claimed and (claimed.queue, claimed.kind) == ("read", "ask")
    assert claimed.payload["image"] == cells.cases[3].pixels.digest()
    assert (claimed.payload["instruction"], claimed.payload["readers"]) == ("What is it?", ["vitask"])
    assert questions.answer(database, who, job_id).state == "running"
    readers = {"vitask": {"probabilities": [0.25, 0.75], "text": "light"}}
    jobs.finish(database, claimed, {"answers": ["dark", "light"], "readers": readers, "seconds": 0.5})
    answered = questions.answer(database, who, job_id)
    assert answered.task and (answered.state, answered.task.answers, answered.seconds) == (
        "done",
        ("dark", "light"),
        0.5,
    )
    ((reader, conclusion),) = answered.conclusions.items()
    assert (reader.name, conclusion.labels, conclusion.answer) == (
        "vitask",
        ("light",),
        Answer((0.25, 0.75), text="light"),
    )
    new = questions.ask(database, place, who, run.id, (place.data.parent / "cells" / "cell_0.png").read_bytes())
    assert questions.answer(database, who, new).image == cells.cases[0].pixels.digest()
    with pytest.raises(Exception, match="can't be read as a picture"):
        questions.ask(database, place, who, run.id, b"no picture")


def test_only_a_question_has_an_answer(database: Database, who: Who, run: Run) -> None:
    with pytest.raises(NotAllowed, match="nothing here"):
        questions.answer(database, who, run.job_id)


def test_a_runs_folder_names_its_version_as_the_records_do(
    database: Database, place: Place, run: Run, version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITASK_DATA", str(place.data))
    values = run_files.values(tmp_path, tmp_path, limit={"train": 4}, task={"answers": ["light", "dark"]})
    opened = make_run(values | {"images": run.settings["images"]})
    (described,) = begin(tmp_path / "folder", opened, open_images(opened), is_resumed=False, processes=1).sets()
    assert described["version"] == version.hash, "whatever is asked of it, and however few of its cases are taken"
    assert run.settings["images"] == f"studio:{described['version']}"
    assert described["fingerprint"] != version.hash


def test_an_export_is_listed_however_many_other_runs_made_since(
    database: Database, place: Place, who: Who, version: Version, run: Run
) -> None:
    other = runs.queue_run(database, place, who, version.id, "second", SETTINGS)
    for finished in (run, other):
        finish(database, finished)
    first = queue_export(database, place, who, run.id)
    others = [queue_export(database, place, who, other.id) for _ in range(SHOWN + 1)]
    assert [export.job_id for export in exports(database, who, run.id)] == [first]
    assert [export.job_id for export in exports(database, who, other.id)] == others[:0:-1], "the newest of its own"


def test_runs_of_another_project_are_out_of_reach(
    database: Database, place: Place, who: Who, others: Others, run: Run, version: Version
) -> None:
    write_readings(place, run)
    finish(database, run)
    question = questions.ask(database, place, who, run.id, 3)
    person = others.stranger
    for do in (
        lambda: runs.runs(database, person, who.projects[0]),
        lambda: runs.run(database, person, run.id),
        lambda: runs.curves(database, person, run.id),
        lambda: runs.difference(database, person, [run.id]),
        lambda: runs.copy(database, place, person, run.id),
        lambda: runs.queue_run(database, place, person, version.id, "x", SETTINGS),
        lambda: Comparison.open(database, place, person, run.id, "test"),
        lambda: questions.ask(database, place, person, run.id, 3),
        lambda: questions.answer(database, person, question),
        lambda: runs.run(database, who, 999),
    ):
        with pytest.raises(NotAllowed):
            do()
    for action in (runs.stop, runs.cancel):
        for refused in (others.stranger, others.reader):
            with pytest.raises(NotAllowed):
                action(database, refused, run.id)
    with pytest.raises(NotAllowed):
        runs.resume(database, place, others.reader, run.id)
    assert runs.run(database, others.reader, run.id).name == "first try"
    assert questions.ask(database, place, others.reader, run.id, 3), "whoever may look may ask"

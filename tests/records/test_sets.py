"""Image sets go through uploads into versions that never change, and come back in pages."""

from __future__ import annotations

import shutil
from dataclasses import replace
from io import BytesIO
from itertools import count
from pathlib import Path

import pytest
from PIL import Image

from core.case import Box, Case, ImageSet, Task
from core.catalog import FORMATS, KEPT, every
from core.checks.check import check
from core.errors import DataError
from core.pictures.pixels import FilePixels
from core.pictures.store import open_store
from core.records import audit, jobs
from core.records.accounts.people import NotAllowed, Who
from core.records.database import Database
from core.records.place import Place
from core.records.progress import Progress
from core.records.sets import sets, versions
from core.records.sets.sets import Page, SetError, UploadError, Version
from core.sets.open import open_set
from tests.records.conftest import Others

NUMBERS = count()


@pytest.fixture
def version(database: Database, place: Place, who: Who, cells: ImageSet) -> Version:
    return sets.write_version(database, place, cells, who=who, project_id=who.projects[0], note="first")


def opened(folder: Path) -> ImageSet:
    return open_set(folder, {}, every(FORMATS, KEPT))


def numbers(page: Page) -> list[int]:
    return [row.number for row in page.rows]


SHARED = {"answers": ("dark", "light", "dark, light"), "kind": "multi"}


def test_a_set_whose_labels_would_be_said_alike_is_not_kept(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    shared = replace(cells, task=Task.parse(SHARED, "task"))
    with pytest.raises(
        DataError, match='"dark" and "light" together and "dark, light" would be answered with the same'
    ):
        sets.write_version(database, place, shared, who=who, project_id=who.projects[0])
    assert sets.sets(database, who, who.projects[0]) == []
    other_sign = replace(cells, task=Task.parse(SHARED | {"separator": "; "}, "task"))
    assert sets.write_version(database, place, other_sign, who=who, project_id=who.projects[0]).cases == 10


def test_a_set_without_a_case_is_not_kept(database: Database, place: Place, who: Who, cells: ImageSet) -> None:
    with pytest.raises(SetError, match="No case of Cells is left to keep"):
        sets.write_version(database, place, replace(cells, cases=()), who=who, project_id=who.projects[0], name="Cells")
    assert sets.sets(database, who, who.projects[0]) == []


def test_a_task_is_not_edited_so_that_labels_are_said_alike_and_one_that_has_it_is_edited_still(
    database: Database, place: Place, who: Who, cells: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = replace(cells, task=Task.parse(SHARED | {"separator": "; "}, "task"))
    kept = sets.write_version(database, place, apart, who=who, project_id=who.projects[0])
    with pytest.raises(DataError, match="Let another sign stand between labels, or rename one of them"):
        sets.new_version_with_task(database, place, who, kept.id, SHARED)
    with monkeypatch.context() as before:  # as earlier versions of the studio kept it
        before.setattr(versions, "refuse_shared", lambda task: None)
        old = sets.new_version_with_task(database, place, who, kept.id, SHARED)
    edited = sets.new_version_with_task(database, place, who, old.id, SHARED | {"modality": "cell"})
    again = opened(sets.version_folder(place, edited))
    assert again.task.modality == "cell" and again.stop_on_errors() == again
    assert {f.kind: f.severity for f in check(again).findings}["shared_response"] == "warning"
    made = sets.write_version(database, place, again, who=who, project_id=who.projects[0], set_id=edited.set_id)
    assert made.cases == 10


def test_a_version_keeps_what_a_set_holds(
    database: Database, place: Place, who: Who, cells: ImageSet, version: Version
) -> None:
    assert (version.number, version.cases, version.image_set.name, version.note) == (1, 10, "cells", "first")
    assert version.counts == {
        "train": {"dark": 3, "light": 3},
        "val": {"dark": 1, "light": 1},
        "test": {"dark": 1, "light": 1},
    }
    kept = opened(sets.version_folder(place, version))
    assert (kept.name, kept.task) == ("cells", cells.task)
    for mine, theirs in zip(kept.cases, cells.cases, strict=True):
        assert replace(mine, pixels=theirs.pixels) == theirs
        assert mine.pixels.digest() == theirs.pixels.digest()
        assert mine.pixels.load().tobytes() == theirs.pixels.load().tobytes()
    case = sets.case(database, who, version.id, 3)
    assert (case.name, case.labels, case.split, case.patient) == ("cell_3.png", ("light",), "val", "P1")
    assert case.columns == {"lab": "A"}


def test_pictures_with_the_same_bytes_are_kept_once(place: Place, version: Version) -> None:
    kept = [path for path in Path(place.store).glob("??/*") if path.is_file()]
    assert len(kept) == 9


def test_boxes_masks_reports_and_several_labels_are_kept(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    first, second, *_ = cells.cases
    box = Box("nucleus", 0.1, 0.2, 0.3, 0.4)
    cases = (
        replace(first, labels=("b", "a"), boxes=(box,), mask=second.pixels, report="Two things."),
        replace(second, labels=()),
    )
    task = Task(answers=("a", "b"), kind="multi")
    made = sets.write_version(
        database, place, ImageSet("scans", task, cases), who=who, project_id=who.projects[0], name="other name"
    )
    kept = opened(sets.version_folder(place, made)).cases[0]
    assert (kept.boxes, kept.report, kept.labels) == ((box,), "Two things.", ("b", "a"))
    assert kept.mask and kept.mask.digest() == second.pixels.digest()
    row, bare = (sets.case(database, who, made.id, number) for number in (0, 1))
    assert (row.labels, bare.labels, row.mask, row.report) == (("a", "b"), (), kept.mask.digest(), "Two things.")
    assert row.boxes == (Box("nucleus", 0.1, 0.2, 0.3, 0.4),)
    assert sets.histogram(made) == {"train": {"a": 1, "b": 1, "no finding": 1}}
    assert numbers(sets.cases(database, who, made.id, label="b")) == [0]
    assert numbers(sets.cases(database, who, made.id, label="no finding")) == [1]


def test_a_second_version_stands_beside_the_first(
    database: Database, place: Place, who: Who, cells: ImageSet, version: Version
) -> None:
    corrected = cells.with_cases([replace(cells.cases[0], labels=("light",)), *cells.cases[1:]])
    project = who.projects[0]
    calls: list[tuple[int, int]] = []
    second = sets.write_version(
        database,
        place,
        corrected,
        who=who,
        project_id=project,
        set_id=version.set_id,
        made_from=version.id,
        on_case=lambda done, whole: calls.append((done, whole)),
    )
    assert (second.number, second.made_from, calls[-1]) == (2, version.id, (10, 10))
    assert second.hash != version.hash
    assert [listed.number for listed in sets.versions(database, who, version.set_id)] == [2, 1]
    (view,) = sets.sets(database, who, project)
    assert (view.name, view.versions, view.latest.id) == ("cells", 2, second.id)
    assert opened(sets.version_folder(place, version)).cases[0].labels == ("dark",)


@pytest.mark.parametrize(
    ("filters", "fitting"),
    [
        ({}, list(range(10))),
        ({"split": "train"}, [0, 1, 2, 5, 6, 7]),
        ({"split": "undivided"}, []),
        ({"label": "light"}, [1, 3, 5, 7, 9]),
        ({"label": "light", "split": "val"}, [3]),
        ({"label": "grey"}, []),
        ({"patient": "P2"}, [4, 9]),
        ({"patient": "P2", "label": "dark"}, [4]),
        ({"text": "CELL_7"}, [7]),
        ({"text": "p4"}, [8]),
        ({"text": "cell%"}, []),
        ({"text": "cell", "split": "test"}, [4, 9]),
        ({"split": "nonsense"}, []),
    ],
)
def test_cases_are_found_by_what_is_known_of_them(
    database: Database, who: Who, version: Version, filters: dict[str, str], fitting: list[int]
) -> None:
    page = sets.cases(database, who, version.id, **filters)  # type: ignore[arg-type]
    assert (numbers(page), page.total) == (fitting, len(fitting))


def test_pages_follow_each_other_and_tell_how_many_there_are(database: Database, who: Who, version: Version) -> None:
    for filters in ({}, {"text": "cell"}):
        pages = [sets.cases(database, who, version.id, page=number, size=4, **filters) for number in range(4)]
        assert [numbers(page) for page in pages] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9], []]
        assert {page.total for page in pages} == {10}


def test_another_task_makes_a_version_without_touching_a_picture(
    database: Database, place: Place, who: Who, version: Version
) -> None:
    before = {path: path.stat().st_mtime_ns for path in Path(place.store).glob("??/*")}
    task = Task(modality="microscopy", answers=("light", "dark", "grey"), template="Look: {label set}?", mirrored="all")
    made = sets.new_version_with_task(database, place, who, version.id, task, "reworded")
    assert (made.number, made.made_from, made.note) == (2, version.id, "reworded")
    assert sets.task_of(made) == task and sets.task_of(version).modality == "drawn"
    assert opened(sets.version_folder(place, made)).task == task
    assert list(sets.histogram(made)["val"].items()) == [("light", 1), ("dark", 1), ("grey", 0)]
    assert sets.cases(database, who, made.id, label="dark").total == 5
    assert {path: path.stat().st_mtime_ns for path in Path(place.store).glob("??/*")} == before
    with pytest.raises(SetError, match='The label "dark" is used'):
        sets.new_version_with_task(database, place, who, version.id, Task(answers=("light", "grey")))
    with pytest.raises(SetError, match="Keep the kind of labels"):
        sets.new_version_with_task(database, place, who, version.id, task.model_copy(update={"kind": "multi"}))


LONG = tuple(f"finding number {number:02d}, {'of the lower lobe, ' * 12}seen from the side" for number in range(12))
ANSWERS = ("effusion", "effusion, left", "left", 'a "mass"', '"mass"', "EFFUSION", "100 %", "100 _", *LONG)


@pytest.fixture
def labelled(database: Database, place: Place, who: Who, cells: ImageSet) -> Version:
    """Several labels a case: the first eight answers each on a case of its own, then all, then none."""
    labels = [*((name,) for name in ANSWERS[:8]), ANSWERS, ()]
    cases = tuple(replace(case, labels=named) for case, named in zip(cells.cases, labels, strict=True))
    task = Task(answers=ANSWERS, kind="multi", separator="; ")
    return sets.write_version(database, place, ImageSet("scans", task, cases), who=who, project_id=who.projects[0])


def test_a_label_is_not_found_in_another_that_holds_it(database: Database, who: Who, labelled: Version) -> None:
    for number, name in enumerate(ANSWERS[:8]):
        assert numbers(sets.cases(database, who, labelled.id, label=name)) == [number, 8], name
        assert sets.cases(database, who, labelled.id, label=name).total == 2
        assert sets.cases(database, who, labelled.id, label=name, patient="P4").total == 1
    assert numbers(sets.cases(database, who, labelled.id, label="no finding")) == [9]
    assert numbers(sets.cases(database, who, labelled.id, label="mass")) == []


def test_twelve_long_answers_come_back_as_twelve(database: Database, who: Who, labelled: Version) -> None:
    assert sets.case(database, who, labelled.id, 8).labels == ANSWERS
    assert [numbers(sets.cases(database, who, labelled.id, label=name)) for name in LONG] == [[8]] * 12


def test_every_label_is_found_in_another_order_of_the_answers(
    database: Database, place: Place, who: Who, labelled: Version, version: Version
) -> None:
    turned = Task(answers=ANSWERS[::-1], kind="multi")
    several = sets.new_version_with_task(database, place, who, labelled.id, turned)
    assert sets.case(database, who, several.id, 8).labels == ANSWERS[::-1]
    for number, name in enumerate(ANSWERS[:8]):
        assert numbers(sets.cases(database, who, several.id, label=name)) == [number, 8], name
    single = sets.new_version_with_task(database, place, who, version.id, Task(answers=("light", "grey", "dark")))
    for made in (version, single):
        assert numbers(sets.cases(database, who, made.id, label="light")) == [1, 3, 5, 7, 9]
        assert numbers(sets.cases(database, who, made.id, label="dark")) == [0, 2, 4, 6, 8]


def test_labels_of_several_follow_the_order_of_a_new_task(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    cases = [replace(cells.cases[0], labels=("a", "b")), replace(cells.cases[1], labels=("b",))]
    given = ImageSet("scans", Task(answers=("a", "b"), kind="multi"), tuple(cases))
    first = sets.write_version(database, place, given, who=who, project_id=who.projects[0])
    second = sets.new_version_with_task(
        database, place, who, first.id, Task(answers=("b", "a"), kind="multi", modality="x")
    )
    assert [row.labels for row in sets.cases(database, who, second.id).rows] == [("b", "a"), ("b",)]
    assert [row.labels for row in sets.cases(database, who, first.id).rows] == [("a", "b"), ("b",)]


def test_another_machine_fetches_a_version_from_the_store(
    place: Place, version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = place.model_copy(update={"data": tmp_path / "another machine"})
    folder = sets.version_folder(elsewhere, version)
    assert folder.is_relative_to(tmp_path / "another machine")
    monkeypatch.setenv("VITASK_STORE", place.store)
    assert opened(folder).cases[2].pixels.load().size == (30, 20)


def test_pictures_and_masks_are_kept_where_fsspec_reaches(
    database: Database, place: Place, who: Who, cells: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = place.model_copy(update={"store": f"memory://sets-{next(NUMBERS)}/studio"})
    made = sets.write_version(database, remote, cells, who=who, project_id=who.projects[0])
    shutil.rmtree(remote.versions)
    monkeypatch.setenv("VITASK_STORE", remote.store)  # as the engine is told it
    assert opened(sets.version_folder(remote, made)).cases[9].pixels.load().getpixel((0, 0)) == 199
    assert sets.image(database, remote, who, made.id, 0, "thumb")[1] == "image/png"


def test_pictures_come_as_they_are_and_small(database: Database, place: Place, who: Who, tmp_path: Path) -> None:
    pictures = {
        "wide.jpg": Image.new("RGB", (600, 300), "red"),
        "deep.png": Image.fromarray(__import__("numpy").arange(6, dtype="uint16").reshape(2, 3) * 4000),
        "scan.tif": Image.new("L", (20, 10), 7),
    }
    for name, picture in pictures.items():
        picture.save(tmp_path / name)
    cases = tuple(Case(name, FilePixels(tmp_path / name), ("a",)) for name in pictures)
    made = sets.write_version(
        database, place, ImageSet("s", Task(answers=("a", "b")), cases), who=who, project_id=who.projects[0]
    )
    full, media = sets.image(database, place, who, made.id, 0)
    assert (full, media) == ((tmp_path / "wide.jpg").read_bytes(), "image/jpeg")
    small, media = sets.image(database, place, who, made.id, 0, "thumb")
    assert media == "image/png" and Image.open(BytesIO(small)).size == (192, 96)
    assert sets.image(database, place, who, made.id, 0, "thumb")[0] == small
    for number, name in ((1, "deep.png"), (2, "scan.tif")):
        shown, media = sets.image(database, place, who, made.id, number)
        assert media == "image/png"
        assert Image.open(BytesIO(shown)).tobytes() == FilePixels(tmp_path / name).load().tobytes(), name


def test_a_picture_that_can_not_be_read_stops_the_version_before_it_is_there(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    gone = cells.with_cases([*cells.cases, Case("gone.png", FilePixels(Path("/nowhere/gone.png")), ("dark",))])
    with pytest.raises(DataError, match="gone"):
        sets.write_version(database, place, gone, who=who, project_id=who.projects[0])
    assert sets.sets(database, who, who.projects[0]) == []


def test_an_upload_is_moved_checked_and_added_by_jobs(
    database: Database, place: Place, who: Who, tmp_path: Path
) -> None:
    for name in ("labels.csv", "a.png"):
        (tmp_path / name).write_bytes(b"0123456789")
    project = who.projects[0]
    made = sets.new_upload(database, place, who, project, [tmp_path / "labels.csv", tmp_path / "a.png"], "cells")
    assert (made.state, made.size) == ("arriving", 20) and not (tmp_path / "a.png").exists()
    assert sorted(file.name for file in sets.upload_path(place, made).iterdir()) == ["a.png", "labels.csv"]
    job_id = sets.request_check(database, place, who, made.id, {"label": "diagnosis"})
    claimed = jobs.claim(database, job_id, "worker")
    assert claimed and (claimed.queue, claimed.kind) == ("intake", "check")
    assert claimed.payload == {"upload": made.id, "options": {"label": "diagnosis"}}
    with pytest.raises(UploadError, match="is being looked at already"):
        sets.request_check(database, place, who, made.id, {})
    jobs.progress(database, claimed, Progress(done=1, whole=2))
    (view,) = sets.uploads(database, who, project)
    assert (view.state, view.job_state, view.progress) == ("checking", "running", Progress(done=1, whole=2))
    sets.set_upload(database, made.id, "checked", {"cases": 1})  # the job itself ends a moment later
    added = sets.request_add(database, place, who, made.id, " cells ", {"modality": "x"}, {})
    jobs.finish(database, claimed)
    assert jobs.job(database, who, added).payload["set_name"] == "cells"
    (view,) = sets.uploads(database, who, project)
    assert (view.state, view.report, view.person) == ("adding", {"cases": 1}, "local")
    done = [entry.action for entry in audit.entries(database, who, project)]
    assert done == ["add upload", "check upload", "upload"]


def test_an_upload_that_is_thrown_away_leaves_nothing(
    database: Database, place: Place, who: Who, tmp_path: Path
) -> None:
    (tmp_path / "set.zip").write_bytes(b"zip")
    made = sets.new_upload(database, place, who, who.projects[0], tmp_path / "set.zip", "set")
    assert sets.upload_path(place, made).name == "set.zip"
    job_id = sets.request_check(database, place, who, made.id, {})
    sets.discard_upload(database, place, who, made.id)
    assert sets.uploads(database, who, who.projects[0]) == []
    assert list(place.uploads.iterdir()) == []
    assert jobs.job(database, who, job_id).state == "cancelled"


def test_files_of_the_same_name_do_not_replace_each_other(
    database: Database, place: Place, who: Who, tmp_path: Path
) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").write_text(folder)
    files = [tmp_path / "one" / "a.png", tmp_path / "two" / "a.png"]
    made = sets.new_upload(database, place, who, who.projects[0], files, "twice")
    texts = {file.name: file.read_text() for file in sets.upload_path(place, made).iterdir()}
    assert texts == {"a.png": "one", "a 2.png": "two"}
    with pytest.raises(UploadError, match="has not arrived"):
        sets.new_upload(database, place, who, who.projects[0], tmp_path / "none.zip", "none")


def test_sets_of_another_project_are_out_of_reach(
    database: Database, place: Place, who: Who, others: Others, version: Version, cells: ImageSet, tmp_path: Path
) -> None:
    (tmp_path / "set.zip").write_bytes(b"zip")
    project, stranger, reader = who.projects[0], others.stranger, others.reader
    upload = sets.new_upload(database, place, who, project, tmp_path / "set.zip", "set")
    for do in (
        lambda: sets.sets(database, stranger, project),
        lambda: sets.versions(database, stranger, version.set_id),
        lambda: sets.version(database, stranger, version.id),
        lambda: sets.cases(database, stranger, version.id),
        lambda: sets.case(database, stranger, version.id, 0),
        lambda: sets.image(database, place, stranger, version.id, 0),
        lambda: sets.image(database, place, stranger, version.id, 0, "thumb"),
        lambda: sets.uploads(database, stranger, project),
        lambda: sets.upload(database, stranger, upload.id),
        lambda: sets.discard_upload(database, place, stranger, upload.id),
        lambda: sets.request_check(database, place, stranger, upload.id, {}),
        lambda: sets.request_add(database, place, stranger, upload.id, "x", {}, {}),
        lambda: sets.new_upload(database, place, stranger, project, tmp_path, "x"),
        lambda: sets.new_version_with_task(database, place, stranger, version.id, cells.task),
        lambda: sets.write_version(database, place, cells, who=stranger, project_id=project),
        lambda: sets.write_version(
            database, place, cells, who=stranger, project_id=stranger.projects[0], set_id=version.set_id
        ),
        lambda: sets.request_check(database, place, reader, upload.id, {}),
        lambda: sets.discard_upload(database, place, reader, upload.id),
        lambda: sets.new_version_with_task(database, place, reader, version.id, cells.task),
        lambda: sets.case(database, who, version.id, 10),
        lambda: sets.version(database, who, 999),
    ):
        with pytest.raises(NotAllowed):
            do()
    assert sets.cases(database, reader, version.id).total == 10
    assert open_store(place.store).is_local and upload.key in {folder.name for folder in place.uploads.iterdir()}

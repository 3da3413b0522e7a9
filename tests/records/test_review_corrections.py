"""From verdicts to the next version and back, what is taken away, and whether it helped."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.case import Box, Case, ImageSet, Split, Task
from core.errors import DataError, RunError, SettingsError
from core.pictures.pixels import FilePixels
from core.readings import reading
from core.readings.answer import Answer
from core.readings.reading import Reading
from core.records import audit
from core.records.access import NotAllowed, Who
from core.records.database import Database
from core.records.place import Place
from core.records.review import agreement, audits, corrections, queue, reviews, verdicts
from core.records.review.corrections import Change
from core.records.runs import runs
from core.records.sets import sets
from core.records.sets.versions import SetError, version_folder
from core.records.tables import Job
from core.sets.version import read_version
from core.statistics import metrics
from core.statistics.ends import FEW
from tests.records.search import Room, finish, room

SPOT, SCAR, WART = "spot, left", 'a "scar"', "spot"

SETTINGS: dict[str, Any] = {"vlm": {"family": "starter"}, "method": {"name": "vanilla"}}


@pytest.fixture
def searched(database: Database, place: Place, who: Who, cells: ImageSet) -> Room:
    return room(database, place, who, cells)


def decide(searched: Room, who: Who, rank: int, action: str, *labels: str, **more: Any) -> None:
    verdicts.decide(
        searched.db, who, searched.review_id, [rank], action, labels if action == "change" else None, **more
    )


def preview(searched: Room) -> list[Change]:
    return corrections.preview(searched.db, searched.anna, searched.review_id)


def apply(searched: Room, note: str = "") -> sets.Version:
    return corrections.apply(searched.db, searched.place, searched.admin, searched.review_id, note)


def labels(searched: Room, version_id: int) -> dict[str, tuple[str, ...]]:
    return {case.name: case.labels for case in sets.cases(searched.db, searched.admin, version_id, size=100).rows}


def exported(searched: Room, kind: str) -> bytes:
    return corrections.exported(searched.db, searched.place, searched.anna, searched.review_id, kind)[1]


def stored(place: Place) -> set[Path]:
    return {file for file in (place.data / "store").rglob("*") if file.is_file() and "versions" not in file.parts}


def test_decisions_become_the_next_version_and_pictures_stay_where_they_are(searched: Room) -> None:
    decide(searched, searched.anna, 1, "change", "light", why="bright")
    decide(searched, searched.anna, 4, "exclude", why="torn")
    decide(searched, searched.anna, 5, "keep")
    decide(searched, searched.anna, 6, "unsure")
    expected = [
        Change(0, "cell_0.png", "train", ("dark",), ("light",), "change", "anna", "bright"),
        Change(3, "cell_3.png", "val", ("light",), None, "exclude", "anna", "torn"),
    ]
    assert preview(searched) == expected
    pictures = stored(searched.place)
    version = apply(searched, "first look")
    assert (version.number, version.cases, version.made_from) == (2, 9, searched.version_id)
    assert version.note == f"first look. 2 corrections by the review “cells” (no. {searched.review_id})"
    assert pictures and stored(searched.place) == pictures
    before, after = labels(searched, searched.version_id), labels(searched, version.id)
    assert after == {
        name: ("light",) if name == "cell_0.png" else label for name, label in before.items() if name != "cell_3.png"
    }
    old, new = (
        read_version(version_folder(searched.place, kept))
        for kept in (sets.version(searched.db, searched.admin, searched.version_id), version)
    )
    splits = {case.id: case.split for case in old.cases}
    assert all(splits[case.id] == case.split for case in new.cases)
    assert {case.id: case.pixels for case in new.cases}.items() <= {case.id: case.pixels for case in old.cases}.items()
    assert preview(searched) == [] and labels(searched, searched.version_id) == before
    assert corrections.difference(searched.db, searched.anna, searched.version_id, version.id) == expected
    actions = [entry.action for entry in audit.entries(searched.db, searched.admin, searched.admin.projects[0])]
    assert actions[:2] == ["apply review", "new version"]
    with pytest.raises(SetError, match="change nothing"):
        apply(searched)


def test_a_version_can_be_taken_back(searched: Room) -> None:
    decide(searched, searched.anna, 1, "exclude")
    corrected = apply(searched)
    back = corrections.revert(searched.db, searched.place, searched.admin, corrected.id, "a mistake")
    first = sets.version(searched.db, searched.admin, searched.version_id)
    assert (back.number, back.hash, back.cases, back.made_from) == (3, first.hash, 10, corrected.id)
    assert back.note == "a mistake. As version 1: takes version 2 back"
    assert corrections.difference(searched.db, searched.admin, searched.version_id, back.id) == []
    (added,) = corrections.difference(searched.db, searched.admin, corrected.id, back.id)
    assert (added.name, added.action, added.given, added.to) == ("cell_0.png", "add", None, ("dark",))
    with pytest.raises(SetError, match="made from no other"):
        corrections.revert(searched.db, searched.place, searched.admin, searched.version_id)
    assert [change.action for change in preview(searched)] == ["exclude"], "what was decided can be applied again"


def test_only_what_is_decided_is_applied(database: Database, place: Place, who: Who, cells: ImageSet) -> None:
    """Of two readers both have to say the same, or somebody settles it."""
    searched = room(database, place, who, cells, readers=2)
    for rank in (1, 2, 3):
        decide(searched, searched.anna, rank, "exclude")
    decide(searched, searched.ben, 2, "exclude", why="blurred")
    decide(searched, searched.ben, 3, "keep")
    assert [(change.name, change.who, change.why) for change in preview(searched)] == [
        ("cell_1.png", "anna, ben", "blurred")
    ]
    agreement.settle(database, searched.admin, searched.review_id, 3, "change", ["light"], "third look")
    assert [(change.number, change.action, change.who) for change in preview(searched)] == [
        (1, "exclude", "anna, ben"),
        (2, "change", "first"),
    ]


def test_a_majority_decides_only_with_most_of_the_weight(searched: Room) -> None:
    """Two who are sure against one who guesses: 2 of 2 1/3. Against one who is sure, 2 of 3 are not enough."""
    for rank in (1, 2):
        decide(searched, searched.anna, rank, "exclude")
        decide(searched, searched.ben, rank, "exclude")
        decide(searched, searched.admin, rank, "keep", confidence="guess" if rank == 1 else "sure")
    assert [change.number for change in preview(searched)] == [0]


def test_a_review_that_was_applied_goes_on_from_there(searched: Room) -> None:
    decide(searched, searched.anna, 1, "change", "light")
    apply(searched)
    decide(searched, searched.anna, 1, "keep")
    decide(searched, searched.anna, 2, "exclude")
    assert [(change.name, change.given, change.to) for change in preview(searched)] == [
        ("cell_0.png", ("light",), ("dark",)),
        ("cell_1.png", ("light",), None),
    ]
    second = apply(searched)
    assert (second.number, second.cases, labels(searched, second.id)["cell_0.png"]) == (3, 9, ("dark",))
    changes = corrections.difference(searched.db, searched.anna, searched.version_id, second.id)
    assert [change.name for change in changes] == ["cell_1.png"]


def test_roles_and_membership_are_asked_for(searched: Room) -> None:
    decide(searched, searched.anna, 1, "exclude")
    for person in (searched.anna, searched.stranger):
        with pytest.raises(NotAllowed):
            corrections.apply(searched.db, searched.place, person, searched.review_id)
        with pytest.raises(NotAllowed):
            corrections.revert(searched.db, searched.place, person, searched.version_id)
    version = apply(searched)
    for ask in (
        lambda: corrections.preview(searched.db, searched.stranger, searched.review_id),
        lambda: corrections.difference(searched.db, searched.stranger, searched.version_id, version.id),
        lambda: corrections.exported(searched.db, searched.place, searched.stranger, searched.review_id, "csv"),
    ):
        with pytest.raises(NotAllowed):
            ask()


def several(tmp_path: Path, answers: tuple[str, ...], given: Sequence[tuple[str, ...]]) -> ImageSet:
    """Cases with these labels, in turn in each split."""
    made = []
    for number, named in enumerate(given):
        Image.new("L", (8, 8), 20 * number).save(tmp_path / f"{number}.png")
        split: Split = ("train", "val", "test", "train")[number % 4]
        made.append(Case(f"{number}.png", FilePixels(tmp_path / f"{number}.png"), named, split))
    return ImageSet("skins", Task(kind="multi", answers=answers), tuple(made))


def test_several_labels_stay_apart_whatever_they_hold(
    database: Database, place: Place, who: Who, tmp_path: Path
) -> None:
    given = [(SPOT,), (SPOT, SCAR), (), (SCAR,)]
    searched = room(database, place, who, several(tmp_path, (SPOT, SCAR, WART), given))
    decide(searched, searched.anna, 1, "change", SCAR, SPOT)
    decide(searched, searched.anna, 2, "change")
    decide(searched, searched.anna, 3, "change", SCAR)
    decide(searched, searched.anna, 4, "keep")
    with pytest.raises(SettingsError, match='changed to "spot, left, scar"'):
        decide(searched, searched.anna, 4, "change", f"{SPOT}, scar")
    assert [change.to for change in preview(searched)] == [(SPOT, SCAR), (), (SCAR,)]
    rows = list(csv.DictReader(io.StringIO(exported(searched, "csv").decode())))
    assert [json.loads(row["given"]) for row in rows] == [list(labels) for labels in given]
    assert [row["labels"] and json.loads(row["labels"]) for row in rows] == [[SPOT, SCAR], [], [SCAR], ""]
    content = json.loads(exported(searched, "json"))
    assert [row["labels"] for row in content["verdicts"]] == [[SPOT, SCAR], [], [SCAR], None]
    assert [consensus["labels"] for consensus in content["consensus"]] == [[SPOT, SCAR], [], [SCAR], None]
    version = apply(searched)
    kept = read_version(version_folder(place, version))
    assert [case.labels for case in kept.cases] == [(SPOT, SCAR), (), (SCAR,), (SCAR,)]
    assert list(labels(searched, version.id).values()) == [(SPOT, SCAR), (), (SCAR,), (SCAR,)]


def test_twelve_long_answers_are_twelve_in_a_review_too(
    database: Database, place: Place, who: Who, tmp_path: Path
) -> None:
    answers = tuple(f"finding number {number:02d}, of the lower lobe of the left lung" for number in range(12))
    searched = room(database, place, who, several(tmp_path, answers, [answers, answers[:1], answers[11:], ()]))
    assert queue.suspect(database, searched.anna, searched.review_id, 1).given == answers
    for number in (0, 11):
        where = queue.Filter(label=answers[number], state="all")
        assert queue.progress(database, searched.anna, searched.review_id, where).matching == 2
    decide(searched, searched.anna, 2, "change", *answers)
    assert labels(searched, apply(searched).id)["1.png"] == answers


def test_splits_that_runs_draw_are_written_down_before_labels_change(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    from core.sets.split import SplitSettings, assign

    undivided = cells.with_cases(replace(case, split=None, patient=None) for case in cells.cases)
    searched = room(database, place, who, undivided)
    decide(searched, searched.anna, 1, "change", "light")
    decide(searched, searched.anna, 2, "exclude")
    kept = read_version(version_folder(place, apply(searched)))
    drawn = {case.id: case.split for case in assign(undivided.cases, SplitSettings(), 0)}
    assert {case.id: case.split for case in kept.cases} == {
        name: split for name, split in drawn.items() if name != "cell_1.png"
    }


def test_verdicts_are_taken_away_as_a_table_without_formulas(searched: Room) -> None:
    decide(searched, searched.anna, 1, "change", "light", why="=HYPERLINK(1)", seconds=1.5)
    decide(searched, searched.anna, 2, "exclude", why="-x")
    verdicts.undo(searched.db, searched.anna, searched.review_id)
    name, content = corrections.exported(searched.db, searched.place, searched.anna, searched.review_id, "csv")
    assert name == "cells verdicts.csv"
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    assert [row["action"] for row in rows] == ["change", "exclude", "undo"]
    first = {key: rows[0][key] for key in ("rank", "case", "given", "labels", "suggested", "person", "why", "seconds")}
    assert first == {
        "rank": "1",
        "case": "cell_0.png",
        "given": "dark",
        "labels": "light",
        "suggested": "light",
        "person": "anna",
        "why": "'=HYPERLINK(1)",
        "seconds": "1.5",
    }
    assert (rows[1]["why"], rows[2]["takes_back"]) == ("'-x", rows[1]["verdict"])
    assert audit.entries(searched.db, searched.admin, searched.admin.projects[0])[0].action == "export review"


def test_verdicts_are_taken_away_as_json_as_far_as_one_may_see_them(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    searched = room(database, place, who, cells, readers=2)
    decide(searched, searched.anna, 1, "exclude")
    decide(searched, searched.anna, 2, "keep")
    decide(searched, searched.ben, 2, "keep")
    content = json.loads(corrections.exported(database, place, searched.ben, searched.review_id, "json")[1])
    assert [(verdict["rank"], verdict["person"]) for verdict in content["verdicts"]] == [(2, "anna"), (2, "ben")]
    assert content["consensus"] == [{"rank": 2, "action": "keep", "labels": None, "certainty": 1.0}]
    assert (content["estimated_errors"], content["agreement"]["pairs"][0]["n"]) == (3.0, 1)
    assert content["label_audit"] is None
    view = audits.draw(database, searched.admin, searched.review_id, 1, 3)
    content = json.loads(corrections.exported(database, place, searched.ben, searched.review_id, "json")[1])
    assert content["label_audit"] == audits.plain(view)
    with pytest.raises(SettingsError, match="csv, json, coco"):
        corrections.exported(database, place, searched.ben, searched.review_id, "xml")


def test_reviewed_cases_with_boxes_are_taken_away_as_coco(
    database: Database, place: Place, who: Who, cells: ImageSet, searched: Room
) -> None:
    decide(searched, searched.anna, 1, "keep")
    with pytest.raises(DataError, match="No reviewed case of this set has a box"):
        corrections.exported(database, place, searched.anna, searched.review_id, "coco")
    assert corrections.kinds(database, searched.anna, searched.review_id) == ["csv", "json"], "so it isn't offered"
    boxes = (Box("nucleus", 0.1, 0.25, 0.5, 0.75), Box("dark", 0.0, 0.0, 1.0, 1.0))
    boxed = replace(cells, name="boxed").with_cases(
        replace(case, boxes=boxes if number < 2 else ()) for number, case in enumerate(cells.cases)
    )
    version = sets.write_version(database, place, boxed, who=searched.admin, project_id=searched.admin.projects[0])
    view = reviews.queue_review(database, place, searched.admin, version.id)
    finish(database, place, view.job_id, boxed)
    for rank, action in ((1, "exclude"), (5, "keep")):
        verdicts.decide(database, searched.anna, view.id, [rank], action)
    assert corrections.kinds(database, searched.anna, view.id) == ["csv", "json", "coco"]
    content = json.loads(corrections.exported(database, place, searched.anna, view.id, "coco")[1])
    (image,) = content["images"]
    assert (image["id"], image["file_name"], image["width"], image["height"]) == (0, "cell_0.png", 30, 20)
    assert image["consensus"] == {"action": "exclude", "labels": None, "certainty": 1.0}
    assert content["categories"] == [
        {"id": 1, "name": "dark"},
        {"id": 2, "name": "light"},
        {"id": 3, "name": "nucleus"},
    ]
    assert [
        (box["id"], box["image_id"], box["category_id"], box["bbox"], box["area"]) for box in content["annotations"]
    ] == [
        (1, 0, 3, [3.0, 5.0, 12.0, 10.0], 120.0),
        (2, 0, 1, [0.0, 0.0, 30.0, 20.0], 600.0),
    ]


def ended(searched: Room, run_id: int, likely: dict[str, tuple[str, float]]) -> None:
    """A run that is done, and whose one reader gave these labels' cases so much probability of light."""
    run = runs.run(searched.db, searched.admin, run_id)
    readings = [
        Reading("cells", name, "test", "tsm", (label,), f"patient of {name}", Answer((1 - p, p)))
        for name, (label, p) in likely.items()
    ]
    reading.save(readings, searched.place.runs / run.key / "readings" / "test.parquet")
    with searched.db.session() as session:
        session.get_one(Job, run.job_id).state = "done"


def test_retraining_is_compared_on_the_same_cases_under_old_and_new_labels_apart(searched: Room) -> None:
    decide(searched, searched.anna, 5, "change", "light")  # cell_4 and cell_9 are the test cases
    corrected = apply(searched)
    old = runs.queue_run(
        searched.db, searched.place, searched.admin, searched.version_id, "first", {**SETTINGS, "seed": 3}
    )
    with pytest.raises(RunError, match="“first” is not finished"):
        corrections.retrain(searched.db, searched.place, searched.admin, old.id, corrected.id)
    ended(
        searched,
        old.id,
        {"a": ("dark", 0.4), "b": ("light", 0.3), "c": ("dark", 0.2), "d": ("dark", 0.6), "gone": ("dark", 0.1)},
    )
    new = corrections.retrain(searched.db, searched.place, searched.admin, old.id, corrected.id)
    assert (new.name, new.copy_of, new.version_id) == ("first on version 2", old.id, corrected.id)
    assert new.settings == {**old.settings, "images": f"studio:{corrected.hash}"}
    # d is now light; a and c are read the same, b and d are answered "light".
    ended(searched, new.id, {"d": ("light", 0.9), "c": ("dark", 0.2), "b": ("light", 0.8), "a": ("dark", 0.4)})
    compared = corrections.retrained(searched.db, searched.place, searched.admin, old.id, new.id)
    assert (compared.cases, compared.relabelled, compared.excluded) == (4, 1, 1)
    under_old = {gain.figure: gain for gain in compared.under_old}
    under_new = {gain.figure: gain for gain in compared.under_new}
    # Under the old labels b is gained and d is as wrong as before; under the new ones d was right already.
    assert [under_old["accuracy"].before, under_old["accuracy"].after, under_old["accuracy"].difference] == [
        0.5,
        0.75,
        0.25,
    ]
    assert [under_new["accuracy"].before, under_new["accuracy"].after, under_new["accuracy"].difference] == [
        0.75,
        1.0,
        0.25,
    ]
    assert (under_new["macro_f1"].title, under_new["macro_f1"].reader) == ("Macro F1", "tsm")
    after, before = (
        np.array([[0.6, 0.4], [0.2, 0.8], [0.8, 0.2], [0.1, 0.9]]),
        np.array([[0.6, 0.4], [0.7, 0.3], [0.8, 0.2], [0.4, 0.6]]),
    )
    expected = metrics.paired(after, before, np.array([0, 1, 0, 1]), "single", ("dark", "light"), list("abcd"))[
        "macro_f1"
    ]
    gain = under_new["macro_f1"]
    assert gain.difference == pytest.approx(expected.value)
    assert (gain.low, gain.high, gain.why) == (None, None, expected.why) and expected.why == FEW  # two cases of each


def test_runs_that_share_no_test_case_or_question_are_not_compared(searched: Room, cells: ImageSet) -> None:
    made = [
        runs.queue_run(searched.db, searched.place, searched.admin, searched.version_id, name, SETTINGS)
        for name in "ab"
    ]
    ended(searched, made[0].id, {"x": ("dark", 0.1)})
    ended(searched, made[1].id, {"y": ("dark", 0.1)})
    with pytest.raises(RunError, match="tested on different cases"):
        corrections.retrained(searched.db, searched.place, searched.admin, made[0].id, made[1].id)
    task = {"answers": ["light", "dark"]}
    turned = sets.new_version_with_task(searched.db, searched.place, searched.admin, searched.version_id, task)
    other = runs.queue_run(searched.db, searched.place, searched.admin, turned.id, "c", SETTINGS)
    with pytest.raises(RunError, match="asked different questions"):
        corrections.retrained(searched.db, searched.place, searched.admin, made[0].id, other.id)
    elsewhere = sets.write_version(
        searched.db,
        searched.place,
        replace(cells, name="elsewhere"),
        who=searched.admin,
        project_id=searched.admin.projects[0],
    )
    with pytest.raises(RunError, match="another set"):
        corrections.retrain(searched.db, searched.place, searched.admin, made[0].id, elsewhere.id)

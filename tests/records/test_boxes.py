"""Boxes that people correct: kept with who and when, never over another's unasked, and part of the next version."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import delete, insert, select, text
from sqlalchemy.exc import DBAPIError

from core.case import Box, ImageSet, Task
from core.errors import SettingsError
from core.formats import coco
from core.pictures.pixels import FilePixels
from core.records import audit
from core.records.access import NotAllowed, Who
from core.records.accounts import people
from core.records.database import Database
from core.records.place import Place
from core.records.review import boxes, corrections, verdicts
from core.records.review.boxes import ChangedMeanwhile, Standing
from core.records.review.corrections import Change
from core.records.review.next_version import _relabelled
from core.records.sets import sets, versions
from core.records.sets.versions import SetError, version_folder
from core.records.tables import BoxCorrection, Correction
from core.sets.version import box_labels, read_version
from tests.records.search import room

DARK, LIGHT = Box("dark cell", 0.1, 0.2, 0.5, 0.6), Box("light cell", 0.5, 0.5, 1.0, 0.9)
MOVED = replace(DARK, right=0.75)
SPOT = Box("dark", 0.1, 0.1, 0.5, 0.5)


@pytest.fixture
def boxed(tmp_path: Path) -> ImageSet:
    """Three pictures of 20 x 40 pixels: a dark cell, a light one, and both."""
    image_set = coco.write_example(tmp_path / "boxed")
    return image_set.with_cases(replace(case, split="train") for case in image_set.cases)


class Desk:
    """A boxed set of one project, an admin, two reviewers, and people who may not."""

    def __init__(self, database: Database, place: Place, who: Who, boxed: ImageSet) -> None:
        self.db, self.place, self.project = database, place, who.projects[0]
        self.version = versions.write_version(database, place, boxed, who=who, project_id=self.project)
        other = people.add_project(database, who, "Elsewhere")
        self.people = {
            name: people.add_person(database, name, "a long password", role, projects)
            for name, role, projects in (
                ("first", "admin", [self.project]),
                ("anna", "reviewer", [self.project]),
                ("ben", "reviewer", [self.project]),
                ("reader", "reader", [self.project]),
                ("stranger", "admin", [other]),
            )
        }

    def correct(self, name: str, number: int, *drawn: Box, after: int = 0, **more: Any) -> Standing:
        sent = [asdict(box) for box in drawn]
        version_id = more.pop("version_id", self.version.id)
        return boxes.correct_boxes(
            self.db, self.place, self.people[name], version_id, number, sent, after, more.get("why", "")
        )

    def standing(self, number: int, version_id: int = 0) -> Standing:
        return boxes.standing_boxes(self.db, self.people["reader"], version_id or self.version.id, number)

    def apply(self, note: str = "") -> sets.Version:
        return corrections.apply_boxes(self.db, self.place, self.people["first"], self.version.set_id, note)

    def redrawn(self) -> list[tuple[str, tuple[str, ...]]]:
        cases = boxes.redrawn_cases(self.db, self.people["reader"], self.version.set_id)
        return [(case.name, case.labels) for case in cases]

    def opened(self, version: sets.Version) -> ImageSet:
        return read_version(version_folder(self.place, version))

    def brought(self, image_set: ImageSet) -> sets.Version:
        """Another version, by an upload into the same set."""
        who = self.people["first"]
        return versions.write_version(
            self.db, self.place, image_set, who=who, project_id=self.project, set_id=self.version.set_id
        )


@pytest.fixture
def desk(database: Database, place: Place, who: Who, boxed: ImageSet) -> Desk:
    return Desk(database, place, who, boxed)


def test_a_correction_stands_with_who_and_why_and_the_version_stays(desk: Desk) -> None:
    assert desk.standing(0).boxes == (DARK,) and desk.standing(0).correction == 0
    kept = desk.correct("anna", 0, MOVED, LIGHT, why="  cut off ")
    assert (kept.boxes, kept.given, kept.person) == ((MOVED, LIGHT), (DARK,), "anna")
    assert (kept.given_labels, kept.labels) == (("dark cell",), ("dark cell", "light cell"))
    assert desk.standing(0) == kept and kept.correction > 0
    assert sets.case(desk.db, desk.people["reader"], desk.version.id, 0).boxes == (DARK,)
    again = desk.correct("ben", 0, LIGHT, after=kept.correction)
    history = boxes.corrections_of_boxes(desk.db, desk.people["reader"], desk.version.id, 0)
    assert [(row.person, row.given, row.boxes, row.why) for row in history] == [
        ("anna", (DARK,), (MOVED, LIGHT), "cut off"),
        ("ben", (DARK,), (LIGHT,), ""),
    ]
    assert [row.id for row in history] == [kept.correction, again.correction]
    noted = audit.entries(desk.db, desk.people["first"], desk.project)
    assert [(row.who, row.action, row.details) for row in noted[:2]] == [
        ("ben", "correct boxes", {"boxes": 1, "before": 2}),
        ("anna", "correct boxes", {"boxes": 2, "before": 1}),
    ]


def test_what_changes_nothing_adds_no_row(desk: Desk) -> None:
    assert desk.correct("anna", 0, DARK).correction == 0
    first = desk.correct("anna", 0, MOVED)
    assert desk.correct("anna", 0, MOVED) == first, "sent again, whatever it was drawn after"
    assert len(boxes.corrections_of_boxes(desk.db, desk.people["reader"], desk.version.id, 0)) == 1


def test_the_later_of_two_is_told_and_neither_is_lost(desk: Desk) -> None:
    first = desk.correct("anna", 0, MOVED)
    with pytest.raises(ChangedMeanwhile, match=r"^anna corrected the boxes of “images/0\.png” since you opened it"):
        desk.correct("ben", 0, LIGHT)
    assert desk.standing(0) == first
    desk.correct("ben", 0, LIGHT, after=first.correction)
    assert desk.standing(0).boxes == (LIGHT,)
    kept = boxes.corrections_of_boxes(desk.db, desk.people["reader"], desk.version.id, 0)
    assert [row.boxes for row in kept] == [(MOVED,), (LIGHT,)]


def test_of_many_at_once_exactly_one_is_kept(desk: Desk) -> None:
    together = Barrier(6)

    def correct(number: int) -> bool:
        together.wait()
        try:
            desk.correct(("anna", "ben")[number % 2], 0, replace(DARK, right=0.6 + number / 20))
        except ChangedMeanwhile:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(correct, range(6))) == 1
    assert len(boxes.corrections_of_boxes(desk.db, desk.people["reader"], desk.version.id, 0)) == 1


@pytest.mark.parametrize(
    ("drawn", "words"),
    [
        (Box("scratch", 0.1, 0.1, 0.5, 0.5), "Choose one of dark cell, light cell"),
        (replace(DARK, right=0.15), "less than 2 pixels"),
        (replace(DARK, right=1.5), "outside of the picture"),
        (replace(DARK, right=0.0), "ends before it begins"),
    ],
)
def test_no_box_is_kept_that_is_none_on_this_picture(desk: Desk, drawn: Box, words: str) -> None:
    """20 pixels wide: a twentieth is one of them."""
    with pytest.raises(SettingsError, match=words):
        desk.correct("anna", 0, drawn)
    assert desk.standing(0).correction == 0


def test_roles_and_membership_are_asked_for(desk: Desk) -> None:
    correction = desk.correct("anna", 0, MOVED).correction
    for name in ("reader", "stranger"):
        with pytest.raises(NotAllowed):
            desk.correct(name, 0, LIGHT, after=correction)
    stranger, number = desk.people["stranger"], desk.version.id
    questions: tuple[Callable[[], object], ...] = (
        lambda: boxes.standing_boxes(desk.db, stranger, number, 0),
        lambda: boxes.corrections_of_boxes(desk.db, stranger, number, 0),
        lambda: boxes.redrawn_cases(desk.db, stranger, desk.version.set_id),
        lambda: boxes.place_in_newest(desk.db, stranger, number, 0),
        lambda: boxes.redrawn_cases(desk.db, stranger, 99),
        lambda: boxes.standing_boxes(desk.db, desk.people["anna"], number, 99),
        lambda: corrections.apply_boxes(desk.db, desk.place, stranger, desk.version.set_id),
        lambda: corrections.apply_boxes(desk.db, desk.place, desk.people["anna"], desk.version.set_id),
    )
    for ask in questions:
        with pytest.raises(NotAllowed):
            ask()
    assert desk.standing(0).boxes == (MOVED,)
    assert len(sets.versions(desk.db, desk.people["first"], desk.version.set_id)) == 1


def test_what_was_corrected_becomes_the_next_version(desk: Desk) -> None:
    with pytest.raises(SetError, match="No boxes were corrected"):
        desk.apply()
    desk.correct("anna", 0, MOVED, LIGHT, why="cut off")
    desk.correct("ben", 2, LIGHT)
    assert desk.redrawn() == [("images/0.png", ("dark cell", "light cell")), ("images/2.png", ("light cell",))]
    made = desk.apply("looked through")
    assert (made.number, made.made_from, made.note) == (2, desk.version.id, "looked through. boxes corrected: 2 cases")
    before, after = desk.opened(desk.version), desk.opened(made)
    assert [case.boxes for case in before.cases] == [(DARK,), (LIGHT,), (DARK, LIGHT)]
    assert [case.boxes for case in after.cases] == [(MOVED, LIGHT), (LIGHT,), (LIGHT,)]
    assert [case.labels for case in after.cases] == [("dark cell", "light cell"), ("light cell",), ("light cell",)]
    assert made.hash != desk.version.hash and before.boxes_fingerprint() != after.boxes_fingerprint()
    assert [case.pixels for case in before.cases] == [case.pixels for case in after.cases]
    assert desk.redrawn() == []
    assert corrections.difference(desk.db, desk.people["reader"], desk.version.id, made.id) == [
        Change(
            0, "images/0.png", "train", ("dark cell",), ("dark cell", "light cell"), "change", "anna", "cut off", (1, 2)
        ),
        Change(2, "images/2.png", "train", ("dark cell", "light cell"), ("light cell",), "change", "ben", "", (2, 1)),
    ]
    actions = [row.action for row in audit.entries(desk.db, desk.people["first"], desk.project)]
    assert actions[:2] == ["apply boxes", "new version"]
    with pytest.raises(SetError, match="No boxes were corrected"):
        desk.apply()


def test_a_box_that_moved_changes_the_version_and_no_label(desk: Desk) -> None:
    desk.correct("anna", 2, MOVED, LIGHT)
    made = desk.apply()
    assert made.note == "boxes corrected: 1 case"
    assert made.counts == desk.version.counts and made.hash != desk.version.hash
    (change,) = corrections.difference(desk.db, desk.people["reader"], desk.version.id, made.id)
    assert (change.action, change.given, change.to, change.boxes, change.who) == (
        "boxes",
        change.to,
        ("dark cell", "light cell"),
        (2, 2),
        "anna",
    )
    back = corrections.revert(desk.db, desk.place, desk.people["first"], made.id)
    assert back.hash == desk.version.hash
    assert desk.redrawn() == [("images/2.png", ("dark cell", "light cell"))], "what was decided can be applied again"


def test_a_correction_goes_on_from_the_newest_version_whichever_was_opened(desk: Desk) -> None:
    first = desk.correct("anna", 0, MOVED)
    made = desk.apply()
    assert boxes.place_in_newest(desk.db, desk.people["reader"], desk.version.id, 0) == (made.id, 0)
    stands = desk.standing(0)
    assert (stands.version_id, stands.given, stands.correction) == (made.id, (MOVED,), first.correction)
    with pytest.raises(ChangedMeanwhile):
        desk.correct("ben", 0, DARK)
    desk.correct("ben", 0, DARK, after=first.correction)
    assert desk.apply().number == 3
    assert desk.opened(sets.versions(desk.db, desk.people["first"], desk.version.set_id)[0]).cases[0].boxes == (DARK,)


def test_boxes_that_another_upload_brought_are_not_written_over(desk: Desk, boxed: ImageSet) -> None:
    first = desk.correct("anna", 0, MOVED)
    theirs = replace(DARK, bottom=0.7)
    cases = [replace(case, boxes=(theirs,)) if case.id == "images/0.png" else case for case in boxed.cases]
    brought = desk.brought(boxed.with_cases(cases))
    assert desk.redrawn() == []
    assert desk.standing(0).boxes == (theirs,)
    for after in (0, first.correction):
        with pytest.raises(ChangedMeanwhile, match="newest version has other boxes"):
            desk.correct("anna", 0, replace(DARK, left=0.0), after=after)
    desk.correct("anna", 0, MOVED, version_id=brought.id)
    assert desk.redrawn() == [("images/0.png", ("dark cell",))]


def test_after_an_upload_of_other_boxes_one_goes_on_in_the_newest_version(desk: Desk, boxed: ImageSet) -> None:
    theirs = replace(DARK, bottom=0.7)
    cases = [replace(case, boxes=(theirs,)) if case.id == "images/0.png" else case for case in boxed.cases]
    desk.brought(boxed.with_cases(cases))
    with pytest.raises(ChangedMeanwhile):
        desk.correct("anna", 0, MOVED)
    stands = desk.standing(0)
    kept = desk.correct("anna", stands.number, MOVED, after=stands.correction, version_id=stands.version_id)
    assert kept.boxes == (MOVED,) and desk.standing(0) == kept


def test_boxes_of_a_label_that_a_verdict_takes_away_go_with_it(boxed: ImageSet) -> None:
    case = replace(boxed.cases[0], labels=("dark cell", "light cell"), boxes=(DARK, LIGHT))
    assert _relabelled(case, ("light cell",)).boxes == (LIGHT,)
    assert _relabelled(replace(case, boxes=None), ("light cell",)).boxes is None


def test_a_case_that_has_left_the_set_or_has_another_picture_is_not_corrected(desk: Desk, boxed: ImageSet) -> None:
    desk.correct("anna", 1, DARK)
    desk.brought(boxed.with_cases([boxed.cases[0], replace(boxed.cases[1], pixels=boxed.cases[2].pixels)]))
    assert desk.redrawn() == []
    for number in (1, 2):
        assert boxes.place_in_newest(desk.db, desk.people["anna"], desk.version.id, number) is None
        with pytest.raises(SettingsError, match="is not in version 2"):
            desk.correct("anna", number, DARK)


def test_verdicts_and_boxes_become_one_version(database: Database, place: Place, who: Who, cells: ImageSet) -> None:
    """In a set of one label a case: cell_0 is dark, cell_1 light, and so on."""
    searched = room(database, place, who, cells)
    decided = {1: ("change", ["light"]), 2: ("exclude", None), 3: ("change", ["light"])}
    for rank, (action, labels) in decided.items():
        verdicts.decide(database, searched.anna, searched.review_id, [rank], action, labels, why="seen")
    for number in (0, 1, 4):
        drawn = [asdict(replace(SPOT, label="light" if number == 1 else "dark"))]
        boxes.correct_boxes(database, place, searched.ben, searched.version_id, number, drawn, 0, "drawn")
    alone = corrections.apply(database, place, searched.admin, searched.review_id)
    assert "boxes" not in alone.note and all(not case.boxes for case in opened(place, alone).cases)
    corrections.revert(database, place, searched.admin, alone.id)
    with pytest.raises(SetError, match=r"“cell_0\.png”: A case of this set has one label, and this one's is light"):
        corrections.apply(database, place, searched.admin, searched.review_id, with_boxes=True)
    before = boxes.standing_boxes(database, searched.ben, searched.version_id, 0)
    lighter = [asdict(replace(SPOT, label="light"))]
    with pytest.raises(SettingsError, match="this one's is dark"):
        boxes.correct_boxes(database, place, searched.ben, searched.version_id, 0, lighter, before.correction)
    boxes.correct_boxes(database, place, searched.ben, searched.version_id, 0, [], before.correction)
    made = corrections.apply(database, place, searched.admin, searched.review_id, "all", with_boxes=True)
    assert made.note == f"all. 3 corrections by the review “cells” (no. {searched.review_id}); boxes corrected: 1 case"
    cases = {case.id: case for case in opened(place, made).cases}
    assert "cell_1.png" not in cases, "it was excluded, with whatever was drawn on it"
    assert (cases["cell_0.png"].labels, cases["cell_0.png"].boxes) == (("light",), None), "as nobody had drawn on it"
    assert (cases["cell_4.png"].labels, cases["cell_4.png"].boxes) == (("dark",), (SPOT,))
    with database.reading() as session:
        rows = session.execute(
            select(Correction.name, Correction.action, Correction.review_id, Correction.who).where(
                Correction.version_id == made.id
            )
        ).all()
    assert {tuple(row) for row in rows} == {
        ("cell_0.png", "change", searched.review_id, "anna"),
        ("cell_1.png", "exclude", searched.review_id, "anna"),
        ("cell_2.png", "change", searched.review_id, "anna"),
        ("cell_4.png", "boxes", None, "ben"),
    }


def opened(place: Place, version: sets.Version) -> ImageSet:
    return read_version(version_folder(place, version))


def test_splits_that_runs_draw_are_written_down_before_a_box_changes_a_label(
    database: Database, place: Place, who: Who, boxed: ImageSet, tmp_path: Path
) -> None:
    """Else a case could be trained on in one version and tested in the next."""
    many = []
    for number in range(30):
        Image.new("L", (20, 40), 5 * number).save(tmp_path / f"{number}.png")
        pixels = FilePixels(tmp_path / f"{number}.png")
        many.append(replace(boxed.cases[number % 3], id=f"{number}.png", pixels=pixels, split=None))
    desk = Desk(database, place, who, boxed.with_cases(many))
    desk.correct("anna", 0, MOVED)
    assert {case.split for case in desk.opened(desk.apply()).cases} == {None}
    desk.correct("anna", 1, LIGHT, DARK)
    assert {case.split for case in desk.opened(desk.apply()).cases} == {"train", "val", "test"}


def test_a_box_is_called_by_an_answer_or_as_others_of_the_set_are(desk: Desk, cells: ImageSet) -> None:
    assert boxes.labels_of_boxes(desk.place, desk.version) == ("dark cell", "light cell")
    marked = cells.with_cases([replace(cells.cases[0], boxes=(Box("nucleus", 0, 0, 0.5, 0.5),)), *cells.cases[1:]])
    task = Task(answers=("dark", "light", "no finding"))
    made = versions.write_version(
        desk.db, desk.place, replace(marked, task=task), who=desk.people["first"], project_id=desk.project
    )
    assert box_labels(version_folder(desk.place, made)) == ("nucleus",)
    assert boxes.labels_of_boxes(desk.place, made) == ("dark", "light", "nucleus")
    kept = desk.correct("anna", 1, Box("nucleus", 0, 0, 0.5, 0.5), version_id=made.id)
    assert kept.labels == kept.given_labels == ("light",)


@pytest.mark.parametrize("change", ["update box_corrections set why = 'x'", "delete from box_corrections"])
def test_the_database_lets_nobody_change_what_was_kept(desk: Desk, change: str) -> None:
    desk.correct("anna", 0, MOVED)
    with desk.db.engine.connect() as connection, pytest.raises(DBAPIError, match="only ever added"):
        connection.execute(text(change))


def test_the_tables_go_back_and_forward_with_what_reviews_said(desk: Desk, database: Database) -> None:
    desk.correct("anna", 0, MOVED)
    made = desk.apply()
    with database.reading() as session:
        assert session.scalars(select(Correction.action)).all() == ["boxes"]
        assert len(session.scalars(select(BoxCorrection.id)).all()) == 1
    database.downgrade("0006")
    database.upgrade()
    assert database.is_current()
    with database.session() as session:
        assert session.scalars(select(Correction.action)).all() == [] == session.scalars(select(BoxCorrection.id)).all()
        session.execute(
            insert(Correction).values(version_id=made.id, name="a", review_id=None, action="boxes", who="", why="")
        )
        session.execute(delete(Correction))

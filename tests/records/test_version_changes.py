"""Two versions are told apart case by case, and an earlier one comes back as the next."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from core.case import ImageSet, Task
from core.records import audit
from core.records.access import NotAllowed, Who
from core.records.database import Database
from core.records.place import Place
from core.records.sets import sets
from core.records.sets.version_changes import Changed, bring_back_version, in_words, version_changes
from core.records.tables import Version
from core.sets.version import read_version
from tests.records.conftest import Others


@pytest.fixture
def first(database: Database, place: Place, who: Who, cells: ImageSet) -> Version:
    return sets.write_version(database, place, cells, who=who, project_id=who.projects[0])


@pytest.fixture
def second(database: Database, place: Place, who: Who, cells: ImageSet, first: Version) -> Version:
    """Without case 0, with another label, split, patient and column, and a case more."""
    zero, one, two, three, four, *rest = cells.cases
    changed = (
        replace(one, labels=("dark",)),
        replace(two, split="val"),
        replace(three, patient="P9"),
        replace(four, more={"lab": "B"}),
        *rest,
        replace(zero, id="new.png"),
    )
    task = Task(modality="drawn", answers=("light", "dark"))
    next_set = replace(cells.with_cases(changed), task=task)
    return sets.write_version(database, place, next_set, who=who, project_id=who.projects[0], set_id=first.set_id)


def test_each_kind_of_change_is_told_with_its_cases(
    database: Database, who: Who, first: Version, second: Version
) -> None:
    changes = version_changes(database, who, first.id, second.id)
    assert (changes.before, changes.after) == (1, 2)
    assert (changes.added, changes.removed) == (("new.png",), ("cell_0.png",))
    assert changes.relabelled == (Changed("cell_1.png", "light", "dark"),)
    assert changes.moved == (Changed("cell_2.png", "train", "val"),)
    assert changes.of_other_patients == (Changed("cell_3.png", "P1", "P9"),)
    assert changes.redrawn == ("cell_4.png",)
    assert dict(changes.task) == {"answers": (["dark", "light"], ["light", "dark"])}
    assert in_words(changes)[:2] == ["1 added", "1 removed"]
    assert json.loads(json.dumps(changes.as_json()))["moved"][0]["after"] == "val"
    back = version_changes(database, who, second.id, first.id)
    assert (back.added, back.removed) == (changes.removed, changes.added)


def test_a_version_that_is_brought_back_differs_in_nothing(
    database: Database, place: Place, who: Who, first: Version, second: Version
) -> None:
    made = bring_back_version(database, place, who, first.id)
    assert (made.number, made.hash, made.note, made.made_from) == (3, first.hash, "as version 1 was", first.id)
    assert in_words(version_changes(database, who, first.id, made.id)) == ["Nothing differs."]
    assert len(read_version(place.versions / made.hash, place.store).cases) == 10
    newest = audit.entries(database, who, who.projects[0])[0]
    assert (newest.action, newest.subject) == ("bring back version", "cells, version 1")
    with pytest.raises(sets.SetError, match="newest already"):
        bring_back_version(database, place, who, made.id)


def test_only_those_who_may_see_and_change_it_do(
    database: Database, place: Place, who: Who, cells: ImageSet, first: Version, second: Version, others: Others
) -> None:
    with pytest.raises(NotAllowed):
        version_changes(database, others.stranger, first.id, second.id)
    with pytest.raises(NotAllowed):
        bring_back_version(database, place, others.reader, first.id)
    other = sets.write_version(database, place, cells, who=who, project_id=who.projects[0], name="other")
    with pytest.raises(sets.SetError, match="two sets"):
        version_changes(database, who, first.id, other.id)

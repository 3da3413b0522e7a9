"""What was left out of a version is told to those who see that version, and to nobody else."""

from __future__ import annotations

import pytest

from core.case import ImageSet
from core.checks.mending import LeftOut
from core.records.access import NotAllowed, Who
from core.records.accounts import people
from core.records.database import Database
from core.records.place import Place
from core.records.sets import mended, sets


def test_the_same_cases_in_another_project_tell_nothing_of_what_was_left_out_here(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    other = people.add_project(database, who, "Elsewhere")
    who = people.local(database)
    here, there = (
        sets.write_version(database, place, cells, who=who, project_id=project, name="Cells")
        for project in (who.projects[0], other)
    )
    assert here.hash == there.hash
    mended.keep_left_out(place, here, [LeftOut("patient 17.png", "It was chosen to be left out.")])
    assert "patient 17" in mended.left_out_of(database, place, who, here.id)[1]
    assert not mended.has_left_out(place, there)
    with pytest.raises(NotAllowed):
        mended.left_out_of(database, place, who, there.id)

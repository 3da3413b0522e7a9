"""An intake that is killed in the middle goes on where it was: nothing is looked at or written a second time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from zipfile import ZipFile

import pytest

from core.catalog import FORMATS, every
from core.pictures.keeping import COLUMNS
from core.pictures.kept_looks import read_looks
from core.pictures.kept_rows import read_rows
from core.records.access import Who
from core.records.database import Database
from core.records.place import Place
from core.records.sets import mended, sets
from core.records.sets.mended import stored_file
from core.records.sets.uploads import check_folder
from core.sets.open import open_set
from core.sets.version import hash_rows, read_about
from tests.messy import slice_of

PICTURES = 120
SLOWED = """
import os, runpy, signal, sys, time
import core.machine.spread as spread
import core.pictures.keeping as keeping, core.pictures.sights as sights, core.pictures.store as store
import core.checks.looked as looked
import worker.child_protocol as protocol

class Killed(protocol.Teller):
    def progress(self, done, whole, text):
        super().progress(done, whole, text)
        if 0 < int(sys.argv[3]) <= done:
            os.kill(os.getpid(), signal.SIGKILL)

def noted(function, name_of):
    def slow(*arguments):
        time.sleep(0.02)
        made = function(*arguments)
        with open(sys.argv[2], "a") as log:
            log.write(name_of(arguments) + "\\n")
        return made
    return slow

looked.KEEP_SECONDS, keeping.KEEP_SECONDS = 0.0, 0.0
spread.TRIED_AT_ONCE, spread.SECONDS_WORTH_IT = 10, 1e9
sights.sight_of = noted(sights.sight_of, lambda arguments: repr(arguments[0].pixels))
keeping.encoded = noted(keeping.encoded, lambda arguments: "read")
store._fill = noted(store._fill, lambda arguments: "/".join(arguments[0].split(".")[0].split("/")[-2:]))
protocol.Teller = Killed
runpy.run_module("worker.intake_child", run_name="__main__")
"""


@pytest.fixture
def upload(database: Database, place: Place, who: Who, tmp_path: Path) -> int:
    with ZipFile(tmp_path / "slices.zip", "w") as made:
        for number in range(PICTURES):
            made.writestr(f"{'ab'[number % 2]}/{number}.png", slice_of("ab"[number % 2], number))
    return sets.new_upload(database, place, who, who.projects[0], tmp_path / "slices.zip", "slices.zip").id


def carried_out(place: Place, job: int, log: Path, killed_at: int = 0) -> list[str]:
    """What the job's own process looked at or wrote; killed once so many pictures are done, where that is said."""
    log.write_text("")
    ended = subprocess.run(
        [sys.executable, "-c", SLOWED, str(job), str(log), str(killed_at)],
        env=os.environ | place.environment() | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )
    assert ended.returncode == (-9 if killed_at else 0)
    return log.read_text().splitlines()


@pytest.mark.slow
def test_a_check_that_was_killed_looks_at_no_picture_again(
    database: Database, place: Place, who: Who, upload: int, tmp_path: Path
) -> None:
    job = sets.request_check(database, place, who, upload, {})
    first = carried_out(place, job, tmp_path / "log", killed_at=40)
    file = check_folder(place, sets.upload(database, who, upload)) / mended.LOOKS
    kept = set(read_looks(file).looks)
    assert 20 < len(kept) <= len(first) < PICTURES and not file.exists()
    second = carried_out(place, job, tmp_path / "log")
    assert kept.isdisjoint(second) and len(kept) + len(second) == PICTURES
    assert max(Counter(second).values()) == 1
    whole = sets.upload(database, who, upload)
    assert whole.report is not None and whole.report["cases"] == PICTURES
    assert [path.name for path in file.parent.glob("looks*")] == ["looks.parquet"]
    assert len(read_looks(file).looks) == PICTURES


@pytest.mark.slow
def test_an_upload_whose_adding_was_killed_is_the_same_version_and_no_picture_is_written_again(
    database: Database, place: Place, who: Who, upload: int, tmp_path: Path
) -> None:
    path = sets.upload_path(place, sets.upload(database, who, upload))
    job = sets.request_add(database, place, who, upload, "slices", {}, {})
    carried_out(place, job, tmp_path / "log", killed_at=40)
    kept = {f"{file.parent.name}/{file.name}" for file in (place.data / "store").glob("??/*") if "." not in file.name}
    assert 20 < len(kept) < PICTURES and sets.sets(database, who, who.projects[0]) == []
    parts = stored_file(place, sets.upload(database, who, upload)).parent.glob("stored.*.parquet")
    noted = sum(len(read_rows(part, COLUMNS)) for part in parts)
    second = carried_out(place, job, tmp_path / "log")
    assert kept.isdisjoint(second) and noted > 20 and second.count("read") == PICTURES - noted
    (version,) = [view.latest for view in sets.sets(database, who, who.projects[0])]
    about = read_about(place.versions / version.hash)
    assert about.rows == hash_rows(open_set(path, {}, every(FORMATS)).cases) and about.cases == PICTURES
    assert carried_out(place, job, tmp_path / "log") == []
    assert [view.latest.id for view in sets.sets(database, who, who.projects[0])] == [version.id]

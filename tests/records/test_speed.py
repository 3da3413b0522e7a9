"""Pages of a large set, curves of a long run and large uploads keep their pace; best of several tries."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.case import SPLITS, Case, ImageSet, Task
from core.pictures.pixels import FilePixels, decode
from core.pictures.store import StoredPixels, as_png, open_store
from core.records.accounts.people import Who
from core.records.database import Database
from core.records.place import Place
from core.records.runs import runs
from core.records.sets import sets
from tests.pace import is_within, spent

PAGE_SECONDS = 0.05
GALLERY_SECONDS = 0.3
TASK = Task(answers=("a", "b", "c", "d"))

pytestmark = pytest.mark.slow


def test_a_page_of_100_000_cases_takes_less_than_50_ms(database: Database, place: Place, who: Who) -> None:
    store = open_store(place.store)
    kept = [StoredPixels(store.url, store.put(as_png(Image.new("L", (64, 64), shade)))) for shade in range(16)]
    cases = tuple(
        Case(
            f"images/{number:06d}.png",
            kept[number % 16],
            (TASK.answers[number % 4],),
            SPLITS[number % 3],
            f"P{number // 3}",
        )
        for number in range(100_000)
    )
    version = sets.write_version(database, place, ImageSet("large", TASK, cases), who=who, project_id=who.projects[0])
    every_filter: list[dict[str, Any]] = [
        {},
        {"page": 4000},
        {"split": "val", "page": 1000},
        {"label": "b", "page": 1000},
        {"label": "b", "split": "train", "page": 300},
        {"patient": "P20000"},
        {"text": "04321"},
    ]
    for filters in every_filter:

        def look(filters: dict[str, Any] = filters) -> object:
            return sets.cases(database, who, version.id, **filters)

        # Every name is looked at for a text; it is asked for by hand, not by a timer.
        assert is_within(GALLERY_SECONDS if "text" in filters else PAGE_SECONDS, look), filters
    first = sets.cases(database, who, version.id)
    assert first.total == 100_000

    def gallery() -> None:
        for row in sets.cases(database, who, version.id).rows:
            sets.image(database, place, who, version.id, row.number, "thumb")

    assert is_within(GALLERY_SECONDS, gallery)


def test_an_upload_is_kept_at_no_less_than_half_the_pace_of_looking_at_its_files(
    database: Database, place: Place, who: Who, tmp_path: Path
) -> None:
    rng, paths = np.random.default_rng(0), []
    (tmp_path / "files").mkdir()
    for number in range(2000):
        small = Image.fromarray(rng.integers(0, 255, (12, 12, 3), dtype=np.uint8))
        paths.append(tmp_path / "files" / f"{number}.png")
        small.resize((96, 96), Image.Resampling.BICUBIC).save(paths[-1])
    cases = tuple(Case(path.name, FilePixels(path), (TASK.answers[n % 4],)) for n, path in enumerate(paths))

    def bare() -> None:
        for path in paths:
            stored = path.read_bytes()
            hashlib.sha256(stored).hexdigest()
            decode(stored, path.name)

    def kept(number: int) -> float:
        elsewhere = place.model_copy(update={"store": str(tmp_path / f"store {number}")})
        given = ImageSet(f"set {number}", TASK, cases)
        keep = partial(sets.write_version, database, elsewhere, given, who=who, project_id=who.projects[0])
        return spent(keep, database)

    shares = [spent(bare, database) / kept(number) for number in range(4)]
    assert max(shares) > 0.5, shares


def test_curves_and_the_list_of_runs_take_less_than_50_ms(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    version = sets.write_version(database, place, cells, who=who, project_id=who.projects[0])
    settings = {"vlm": {"family": "starter"}, "method": {"name": "vanilla"}}
    made = [runs.queue_run(database, place, who, version.id, f"run {n}", settings) for n in range(50)]
    lines = [
        {"kind": "step", "stage": f"stage-{stage}", "step": step, "steps": 5000, "losses": {"van": 1.0, "crt": 2.0}}
        for stage in (1, 2)
        for step in range(1, 5001)
    ]
    for start in range(0, len(lines), 1000):
        runs.take_events(database, made[0].id, start, lines[start : start + 1000])
    assert is_within(PAGE_SECONDS, lambda: runs.curves(database, who, made[0].id))
    assert is_within(PAGE_SECONDS, lambda: runs.runs(database, who, who.projects[0], size=25))
    assert is_within(PAGE_SECONDS, lambda: runs.run(database, who, made[0].id))

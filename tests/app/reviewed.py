"""A studio with one finished search through the labels of a small set, made without the engine."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from app.context import Studio
from app.visit import Visit
from core.case import Case, ImageSet, Kind, Task
from core.pictures.pixels import FilePixels
from core.records import jobs
from core.records.accounts import people
from core.records.accounts.people import Who
from core.records.labels import Names
from core.records.place import Place
from core.records.review import intake, reviews, verdicts
from core.records.review.verdicts import VerdictView
from core.records.sets import sets
from tests.app.furnished import visiting
from tests.let_in import let_in
from tests.migrated import new_records

ANSWERS = ("clear", "hazy", "<b>torn</b>")
SOURCES = (
    {"name": "cleanlab", "title": "Confident learning", "about": "Of answers by models that never saw the case."},
    {"name": "neighbours", "title": "Nearest cases", "about": "Of cases that look alike."},
)
ESTIMATE = {"estimated_errors": 7.0}
ALIKE = (1, 4, 5)
"""Ranks whose pictures are near-identical."""


@dataclass(frozen=True)
class Reviewed:
    studio: Studio
    who: Who
    version_id: int
    review_id: int
    cases: int

    def visit(self, **query: object) -> Visit:
        return visiting(self.studio, {name: str(value) for name, value in query.items()})

    def given(self, rank: int) -> str:
        return ANSWERS[(rank - 1) % len(ANSWERS)]

    def meant(self, rank: int, key: str) -> tuple[str, Names | None]:
        """What a key means on the case of a rank."""
        if key.isdigit():
            label = ANSWERS[int(key) - 1]
            return ("keep", None) if label == self.given(rank) else ("change", (label,))
        return {"k": "keep", "u": "unsure", "x": "exclude"}[key], None

    def kept(self) -> list[VerdictView]:
        """Every row, oldest first."""
        return verdicts.history(self.studio.database, self.who, self.review_id)

    def standing(self) -> dict[int, tuple[str, Names | None]]:
        """What stands where one person decides: {rank: (action, labels)}."""
        rows = self.kept()
        back = {one.takes_back for one in rows}
        return {one.rank: (one.action, one.labels) for one in rows if one.id not in back and one.action != "undo"}

    def another(self, **asked: Any) -> Reviewed:
        """One more finished search through the same version."""
        db, place = self.studio.database, self.studio.place
        made = reviews.queue_review(db, place, self.who, self.version_id, name="Another look", **asked)
        finish(self.studio, made.job_id, self)
        return replace(self, review_id=made.id)


def furnish_review(folder: Path, cases: int = 12, kind: Kind = "single", **asked: Any) -> Reviewed:
    place = Place.at(folder / "data")
    database = new_records(place)
    let_in(database)
    who, studio = people.local(database), Studio(place, database)
    version = sets.write_version(
        database, place, pictures(folder, cases, kind), who=who, project_id=who.projects[0], name="Panes", note="drawn"
    )
    made = reviews.queue_review(database, place, who, version.id, name="First look", **asked)
    room = Reviewed(studio, who, version.id, made.id, cases)
    finish(studio, made.job_id, room)
    return room


def finish(studio: Studio, job_id: int, room: Reviewed) -> None:
    """What the worker does once the engine has left its folder."""
    claimed = jobs.claim(studio.database, job_id, "test")
    assert claimed is not None
    folder = studio.place.data / f"search-{job_id}"
    folder.mkdir()
    rows = [suspect(room, rank) for rank in range(1, room.cases + 1)]
    pq.write_table(pa.Table.from_pylist(rows), folder / "suspects.parquet")
    about = {"cases": room.cases, **ESTIMATE, "answers": ANSWERS, "sources": SOURCES, "seconds": 3.0}
    (folder / "suspects.json").write_text(json.dumps(about), encoding="utf-8")
    intake.take_search(studio.database, reviews.review_of_job(studio.database, job_id), folder)
    jobs.finish(studio.database, claimed, {})


def suspect(room: Reviewed, rank: int) -> dict[str, Any]:
    """A row of suspects.parquet."""
    return {
        "number": rank - 1,
        "case": f"case-{rank:03}",
        "set": "panes",
        "given": [room.given(rank)],
        "suggested": [ANSWERS[rank % len(ANSWERS)]],
        "score": 1 - rank / (room.cases + 1),
        "why": f"Given “{room.given(rank)}”: what looks alike has another label.",
        "group": 7 if rank in ALIKE else None,
        "neighbours": [(rank + 2) % room.cases, (rank + 5) % room.cases],
        "similarities": [0.9, 0.8],
        "probabilities": [0.2, 0.7, 0.1],
        "evidence.cleanlab": 0.75,
        "evidence.neighbours": None if rank % 2 else 0.25,
    }


def pictures(folder: Path, cases: int, kind: Kind) -> ImageSet:
    made = []
    for number in range(cases):
        path = folder / f"{number}.png"
        Image.new("RGB", (8, 8), (3 * number % 255, 100, 120)).save(path)
        label = ANSWERS[number % len(ANSWERS)]
        made.append(Case(f"case-{number + 1:03}", FilePixels(path), (label,), "train", f"p<{number + 1}>"))
    return ImageSet("panes", Task(modality="drawn", answers=ANSWERS, kind=kind), tuple(made))

"""A finished search through the ten cells, in the engine's format, and people who decide on what it found."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.case import ImageSet
from core.records import jobs
from core.records.access import Who
from core.records.accounts import people
from core.records.database import Database
from core.records.place import Place
from core.records.review import intake, reviews
from core.records.sets import sets

SOURCES = ("cleanlab", "neighbours", "duplicates")
OTHER = {"dark": "light", "light": "dark"}
MODEL_SAYS_OTHERWISE = 4
"""At the first so many ranks the models suggest another label."""


@dataclass(frozen=True)
class Room:
    """A review of ten cells whose ranks are their numbers plus 1: odd ranks are dark, even ones light."""

    db: Database
    place: Place
    review_id: int
    version_id: int
    admin: Who
    anna: Who
    ben: Who
    reader: Who
    stranger: Who


def room(database: Database, place: Place, who: Who, cells: ImageSet, **options: Any) -> Room:
    """`who` is an admin from now on; anna and ben are reviewers, reader may only look."""
    project = who.projects[0]
    version = sets.write_version(database, place, cells, who=who, project_id=project)
    view = reviews.queue_review(database, place, who, version.id, **options)
    finish(database, place, view.job_id, cells)
    other = people.add_project(database, who, "Elsewhere")
    added = {
        name: people.add_person(database, name, "a long password", role, projects)
        for name, role, projects in (
            ("first", "admin", [project]),
            ("anna", "reviewer", [project]),
            ("ben", "reviewer", [project]),
            ("reader", "reader", [project]),
            ("stranger", "admin", [other]),
        )
    }
    people_here = (added[name] for name in ("anna", "ben", "reader", "stranger"))
    return Room(database, place, view.id, version.id, added["first"], *people_here)


def finish(database: Database, place: Place, job_id: int, image_set: ImageSet) -> None:
    """What the worker does with a folder that the engine left."""
    claimed = jobs.claim(database, job_id, "test")
    assert claimed is not None
    folder = write_search(place.data / f"search {job_id}", image_set)
    assert intake.take_search(database, reviews.review_of_job(database, job_id), folder) == len(image_set.cases)
    jobs.finish(database, claimed, {})


def write_search(folder: Path, image_set: ImageSet) -> Path:
    """In the order of the cases; the first three are alike, and of the sources cleanlab speaks against odd numbers."""
    rows = []
    for number, case in enumerate(image_set.cases):
        given = list(case.labels)
        rows.append(
            {
                "number": number,
                "case": case.id,
                "set": image_set.name,
                "given": given,
                "suggested": [OTHER.get(name, name) for name in given] if number < MODEL_SAYS_OTHERWISE else given,
                "score": 1 - number / len(image_set.cases),
                "why": f"It is number {number}.",
                "group": 0 if number < 3 else None,
                "neighbours": [(number + 2) % 10, (number + 4) % 10],
                "similarities": [0.75, 0.5],
                "probabilities": [0.25, 0.75],
                "evidence.cleanlab": 0.5 if number % 2 else 0.25,
                "evidence.neighbours": 0.125,
                "evidence.duplicates": None,
            }
        )
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "suspects.parquet")
    about = {
        "cases": len(rows),
        "estimated_errors": 3.0,
        "answers": list(image_set.task.answers),
        "sources": [{"name": name, "title": name.title(), "about": f"What {name} says."} for name in SOURCES],
        "seconds": 1.0,
    }
    (folder / "suspects.json").write_text(json.dumps(about))
    return folder

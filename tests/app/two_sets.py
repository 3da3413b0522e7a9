"""A studio with accounts and two sets, of four labels and of nine long ones, made without the engine.

Of each set there is a finished run with all its figures, a search with verdicts, and what readers would answer."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from sqlalchemy import select

from app.context import Studio
from core.case import SPLITS, Case, ImageSet, Task
from core.pictures.pixels import FilePixels
from core.readings import reading, results
from core.readings.answer import Answer
from core.readings.reading import Reading
from core.records import jobs
from core.records.accounts import people
from core.records.accounts.people import Who
from core.records.payloads import Ask, Find
from core.records.place import Place
from core.records.review import intake, reviews, verdicts
from core.records.runs import questions, runs
from core.records.runs.outcomes import Match, Matches, Unlike
from core.records.sets import sets
from core.records.tables import Job
from tests.app.furnished import SETTINGS, events
from tests.migrated import new_records

FOUR = ("normal", "drusen", "oedema", "haemorrhage")
NINE = (
    "proliferative diabetic retinopathy",
    "branch retinal vein occlusion with oedema",
    "central serous chorioretinopathy, acute",
    "choroidal neovascularisation, active",
    "non-arteritic ischaemic optic neuropathy",
    "age-related macular degeneration, dry",
    "full-thickness macular hole with cuff",
    "epiretinal membrane with pseudohole",
    "no abnormality that can be seen here",
)
READERS = ("tsm", "vanilla", "vitask", "vitask+tsm")
SOURCES = (
    {"name": "cleanlab", "title": "Confident learning", "about": "Of answers by models that never saw the case."},
    {"name": "neighbours", "title": "Nearest cases", "about": "Of cases that look alike."},
)
NAME, COLLEAGUE, PASSWORD = "anna", "ben", "six herons over a pier"
CASES = 45
SIDE = 96


@dataclass(frozen=True)
class OneSet:
    """A version, and what there is about it."""

    labels: tuple[str, ...]
    version_id: int
    run_id: int
    review_id: int


@dataclass(frozen=True)
class TwoSets:
    studio: Studio
    who: Who
    four: OneSet
    nine: OneSet
    searchable_id: int
    """A run on the nine labels in whose index cases are found."""

    def answer_question(self, of: OneSet) -> None:
        """What live readers would answer to the question about a set's case that waits."""
        labels = of.labels
        answers = {
            name: Answer(_leaning(labels, 1, sureness)) for name, sureness in zip(READERS, range(4), strict=True)
        }
        task = Task(modality="fundus", answers=labels)
        outcome = questions.outcome_of(answers, task, Unlike(text="It is like what the run learned from."), 0.5)
        self._finish(Ask.kind, outcome.plain())

    def answer_search(self) -> None:
        """What a live reader would find."""
        matches = tuple(
            Match(
                case=f"case-{number:03}", labels=(self.nine.labels[number % 9],), split="test", patient=None, cosine=0.9
            )
            for number in range(6)
        )
        self._finish(Find.kind, Matches(matches=matches, searched=CASES, seconds=0.02).plain())

    def search_again(self, of: OneSet) -> int:
        """Another finished search through a set, on which nobody has decided yet."""
        database, place, name = self.studio.database, self.studio.place, f"Another on {len(of.labels)} labels"
        view = reviews.queue_review(database, place, self.who, of.version_id, name=name)
        _finish_search(self.studio, view.job_id, pictures(place.data / f"again-{view.id}", "again", of.labels))
        return view.id

    def _finish(self, kind: str, outcome: dict[str, Any]) -> None:
        database = self.studio.database
        with database.reading() as session:
            (job_id,) = session.scalars(select(Job.id).where(Job.kind == kind, Job.state == "waiting")).all()
        claimed = jobs.claim(database, job_id, "test")
        assert claimed is not None
        jobs.finish(database, claimed, outcome)


def furnish_two_sets(folder: Path) -> TwoSets:
    place = Place.at(folder / "data")
    database = new_records(place)
    studio, projects = Studio(place, database), people.local(database).projects
    first = people.add_person(database, NAME, PASSWORD, "admin", projects)
    people.add_person(database, COLLEAGUE, PASSWORD, "reviewer", projects)
    four = _furnish_set(studio, first, folder, "Macula", FOUR)
    nine = _furnish_set(studio, first, folder, "Fundus photographs of the eye clinic, second reading", NINE)
    settings = SETTINGS | {"method": {"name": "discriminative"}, "tsm": []}
    searchable = runs.queue_run(database, place, first, nine.version_id, "Searchable", settings)
    with database.session() as session:
        session.get_one(Job, searchable.job_id).state = "done"
    return TwoSets(studio, first, four, nine, searchable.id)


def _furnish_set(studio: Studio, who: Who, folder: Path, name: str, labels: tuple[str, ...]) -> OneSet:
    database, place = studio.database, studio.place
    images = pictures(folder / name, name, labels)
    version = sets.write_version(database, place, images, who=who, project_id=who.projects[0], name=name, note="drawn")
    run = runs.queue_run(database, place, who, version.id, f"First run on {len(labels)} labels", SETTINGS)
    claimed = jobs.claim(database, run.job_id, "test")
    assert claimed is not None
    runs.take_events(database, run.id, 0, events())
    readings = _readings(images)
    reading.save(readings, place.runs / run.key / "readings" / "test.parquet")
    runs.set_metrics(database, run.id, results.evaluate(readings, {images.name: images.task}, draws=20, seed=0))
    jobs.log(database, run.job_id, ["Stage 1 begins", "step 10: loss 0.50"])
    jobs.finish(database, claimed, {})
    view = reviews.queue_review(database, place, who, version.id, name=f"Search through {name}")
    _finish_search(studio, view.job_id, images)
    return OneSet(labels, version.id, run.id, view.id)


def pictures(folder: Path, name: str, labels: Sequence[str]) -> ImageSet:
    """Noise, of which a third is read by a finished run."""
    folder.mkdir()
    cases = []
    for number in range(CASES):
        path = folder / f"{number}.png"
        Image.effect_noise((SIDE, SIDE), 40 + number).save(path)
        label, split = labels[number % len(labels)], SPLITS[number * 3 // CASES]
        cases.append(Case(f"case-{number:03}", FilePixels(path), (label,), split, f"patient-{number // 3:03}"))
    return ImageSet(name, Task(modality="fundus", answers=tuple(labels)), tuple(cases))


def _leaning(labels: Sequence[str], towards: int, sureness: float) -> tuple[float, ...]:
    """Probabilities that lean towards a label, the more the surer."""
    weights = [1.0 + (sureness if place == towards else 0.1 * place) for place in range(len(labels))]
    return tuple(weight / sum(weights) for weight in weights)


def _readings(images: ImageSet) -> list[Reading]:
    """Readers that are right the more often the later they stand in READERS."""
    labels, draw = images.task.answers, random.Random(0)
    made = []
    for reader_number, reader in enumerate(READERS):
        for case in images.cases:
            if case.split != "test":
                continue
            right = labels.index(case.labels[0])
            given = right if draw.random() < 0.4 + 0.15 * reader_number else draw.randrange(len(labels))
            answer = Answer(_leaning(labels, given, 1 + 2 * draw.random()))
            made.append(Reading(images.name, case.id, "test", reader, case.labels, case.patient, answer))
    return made


def _finish_search(studio: Studio, job_id: int, images: ImageSet) -> None:
    """What the worker does once the engine has left its folder."""
    claimed = jobs.claim(studio.database, job_id, "test")
    assert claimed is not None
    folder = studio.place.data / f"search-{job_id}"
    folder.mkdir()
    labels = images.task.answers
    rows = [_suspect(number, case, labels) for number, case in enumerate(images.cases)]
    pq.write_table(pa.Table.from_pylist(rows), folder / "suspects.parquet")
    estimate = {"estimated_errors": 7.0}
    about = {"cases": len(rows), **estimate, "answers": labels, "sources": SOURCES, "seconds": 3.0}
    (folder / "suspects.json").write_text(json.dumps(about), encoding="utf-8")
    intake.take_search(studio.database, reviews.review_of_job(studio.database, job_id), folder)
    jobs.finish(studio.database, claimed, {})


def _suspect(number: int, case: Case, labels: Sequence[str]) -> dict[str, Any]:
    """A row of suspects.parquet: the models suggest the next label; the first and the third picture are alike."""
    suggested = labels[(number + 1) % len(labels)]
    return {
        "number": number,
        "case": case.id,
        "set": "drawn",
        "given": list(case.labels),
        "suggested": [suggested],
        "score": 1 - number / (CASES + 1),
        "why": f"Given “{case.labels[0]}”, while models that never saw the case say “{suggested}”, and so do its like.",
        "group": 7 if number in (0, 2) else None,
        "neighbours": [(number + 2) % CASES, (number + 5) % CASES],
        "similarities": [0.9, 0.8],
        "probabilities": list(_leaning(labels, (number + 1) % len(labels), 3.0)),
        "evidence.cleanlab": 0.75,
        "evidence.neighbours": None if number % 2 else 0.25,
    }


def disagree(room: TwoSets, of: OneSet) -> None:
    """Two people who decide otherwise on the first cases: something to settle, and something to correct."""
    database = room.studio.database
    ben = next(person for person in people.people(database, room.who) if person.name == COLLEAGUE)
    other = people.person(database, ben.id)
    verdicts.decide(database, room.who, of.review_id, [1], "change", [of.labels[1]], "plainly so")
    verdicts.decide(database, other, of.review_id, [1], "keep")
    verdicts.decide(database, room.who, of.review_id, [2], "change", [of.labels[2]])

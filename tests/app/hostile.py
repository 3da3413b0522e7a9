"""A studio in which whatever people can name, write or bring carries a payload, as an attacker's would."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

from PIL import Image
from sqlalchemy import update

from app.context import Studio
from core.case import Box, Case, ImageSet, Task
from core.pictures.pixels import FilePixels
from core.readings import reading
from core.readings.answer import Answer
from core.readings.reading import Reading
from core.records import jobs
from core.records.accounts import people
from core.records.accounts.people import Who
from core.records.database import Database
from core.records.place import Place
from core.records.review import reviews, verdicts
from core.records.runs import runs
from core.records.runs.outcomes import Match, Matches
from core.records.sets import sets
from core.records.tables import Job, Person
from tests.app.furnished import SETTINGS, events
from tests.migrated import new_records
from tests.records.search import finish
from worker.context import Hands
from worker.tasks import carry_out

PASSWORD = "a long password"
ELSEWHERE = "//elsewhere.test"
PAYLOADS = {
    "element": '"><img src=x onerror=hit()>',
    "drawing": "'><svg onload=hit()>",
    "literal": "${hit()}",
    "tick": "`+hit()+`",
    "handlebars": "{{this}}{{{hit}}}{{#each this}}",
    "code": r"C:\u{0}\x0 \u",
    "trailing": "at the end\\",
    "script": "<script>hit()</script>",
    "picture": f"![m]({ELSEWHERE}/m.png)",
    "way": "[a](javascript:hit())",
    "link": f"<a href='http:{ELSEWHERE}/a'>a</a>",
    "formula": r"$\href{javascript:hit()}{x}$ $$\htmlData{a=b}{x}$$",
    "style": f'";background:url({ELSEWHERE}/c.png);x="',
    "hover": "%{hit} %{y}",
}
ALL = "".join(PAYLOADS.values())
"""All in one, for whatever holds a long text."""
SHORT = "".join(PAYLOADS[name] for name in ("element", "literal", "handlebars", "trailing"))
"""For a person's name."""
FILES = {name: payload for name, payload in PAYLOADS.items() if "/" not in payload}
"""Those that can be a file's name."""
ANSWERS = (*(PAYLOADS[name] for name in ("element", "literal", "trailing")), ALL)
READERS = ("tsm", "vitask")


@dataclass(frozen=True)
class Hostile:
    studio: Studio
    who: Who
    person: str
    version_id: int
    run_ids: tuple[int, int]
    review_id: int
    names: tuple[str, ...]
    """Of the cases, in their order."""

    def work(self) -> None:
        """What workers do with all uploads that wait, one after the other."""
        db, place = self.studio.database, self.studio.place
        hands = Hands(place, db, "intake", "intake@here:1", lambda: False)
        while (claimed := jobs.take_next(db, "intake", hands.name, 60)) is not None:
            carry_out(hands, claimed)

    def searchable_run(self) -> int:
        """A finished run, called by every payload, in which cases can be found."""
        settings = SETTINGS | {"method": {"name": "discriminative"}, "tsm": []}
        run = runs.queue_run(
            self.studio.database, self.studio.place, self.who, self.version_id, f"s{ALL}"[:200], settings
        )
        with self.studio.database.session() as session:
            session.get_one(Job, run.job_id).state = "done"
        return run.id

    def find_all(self, run_id: int) -> None:
        """What a worker does with the search that waits: it finds every case."""
        db = self.studio.database
        claimed = jobs.take_next(db, "read", "read@here:1", 60)
        assert claimed is not None and claimed.payload["run"] == run_id
        near = tuple(
            Match(case=name, labels=(ANSWERS[0],), split="test", patient=ALL, cosine=0.5) for name in self.names
        )
        jobs.finish(db, claimed, Matches(matches=near, searched=len(near), seconds=0.1).plain())


def furnish_hostile(folder: Path) -> Hostile:
    """Records only, without the engine: a set, two finished runs and one that failed, a review by two people."""
    place = Place.at(folder / "data")
    database = new_records(place)
    studio, who = Studio(place, database), _named_person(database, f"a{SHORT}")
    project = people.add_project(database, who, f"p{ALL}"[:255])
    other = _named_person(database, f"b{SHORT}", [project])
    who = people.person(database, who.id)
    image_set = pictures(folder)
    version = sets.write_version(database, place, image_set, who=who, project_id=project, name=f"s{ALL}", note=ALL)
    old, new = (_finished_run(studio, who, version.id, image_set, number) for number in range(2))
    _failed_run(studio, who, version.id)
    view = reviews.queue_review(database, place, who, version.id, name=f"r{ALL}"[:255], readers=2, is_blind=False)
    finish(database, place, view.job_id, image_set)
    for person, label in ((who, ANSWERS[0]), (other, ANSWERS[1])):
        verdicts.decide(database, person, view.id, [7, 8], "change", [label], ALL)
        verdicts.decide(database, person, view.id, [3], "change", [ANSWERS[0]], ALL)
    names = tuple(case.id for case in image_set.cases)
    return Hostile(studio, who, who.name, version.id, (old, new), view.id, names)


def hostile_zip(target: Path) -> Path:
    """A table with its images; every name in it, every column and every value carries a payload."""
    table = io.StringIO()
    rows = csv.writer(table)
    rows.writerow(["file", "label", "patient", "report", ALL, PAYLOADS["literal"]])
    with ZipFile(target, "w") as made:
        for number in range(12):
            kind = list(FILES)[number % len(FILES)]
            name = f"{number} {FILES[kind]}".replace("\\", "") + ".png"
            made.writestr(name, _png(number))
            label = ANSWERS[number % 2]
            rows.writerow([name, label, f"{number // 2}{ALL}", ALL, ALL, ALL])
        made.writestr("broken ${hit()} <img src=x onerror=hit()>.png", b"not a picture")
        rows.writerow(["broken ${hit()} <img src=x onerror=hit()>.png", ANSWERS[0], ALL, "", "", ""])
        made.writestr("table.csv", table.getvalue())
    return target


def pictures(folder: Path) -> ImageSet:
    cases = []
    for number, payload in enumerate([*PAYLOADS.values(), ALL]):
        path = folder / f"{number}.png"
        path.write_bytes(_png(number))
        cases.append(
            Case(
                f"{number}{payload}",
                FilePixels(path),
                (ANSWERS[number % len(ANSWERS)],),
                ("test", "val", "train")[number % 3],
                f"{number}{ALL}",
                boxes=(Box(ALL, 0, 0, 0.5, 0.5),),
                report=ALL,
                more={ALL: ALL, payload: payload},
            )
        )
    task = Task(modality=ALL, answers=ANSWERS, template=f"{{modality}} {ALL} {{label set}}")
    return ImageSet(f"i{ALL}", task, tuple(cases))


def _finished_run(studio: Studio, who: Who, version_id: int, image_set: ImageSet, number: int) -> int:
    database, place = studio.database, studio.place
    settings = SETTINGS | {"vlm": {"family": "starter", "checkpoint": f"{number}{ALL}"}}
    run = runs.queue_run(database, place, who, version_id, f"{number}{ALL}"[:200], settings)
    claimed = jobs.claim(database, run.job_id, "test")
    assert claimed is not None
    runs.take_events(database, run.id, 0, events())
    figure = {"value": 0.5, "low": 0.4, "high": 0.6}
    metrics = {reader: dict.fromkeys(("accuracy", "macro_f1"), figure) for reader in READERS}
    runs.set_metrics(database, run.id, {"readers": metrics})
    for split in ("test", "val"):
        readings = [
            _said(image_set, case, reader) for case in image_set.cases if case.split == split for reader in READERS
        ]
        reading.save(readings, place.runs / run.key / "readings" / f"{split}.parquet")
    jobs.log(database, run.job_id, [ALL, *PAYLOADS.values()])
    jobs.finish(database, claimed, {})
    return run.id


def _failed_run(studio: Studio, who: Who, version_id: int) -> None:
    run = runs.queue_run(studio.database, studio.place, who, version_id, f"f{ALL}"[:200], SETTINGS)
    claimed = jobs.claim(studio.database, run.job_id, "test")
    assert claimed is not None
    jobs.fail(studio.database, claimed, ALL)


def _said(image_set: ImageSet, case: Case, reader: str) -> Reading:
    probabilities = (0.4, 0.3, 0.2, 0.1) if reader == "tsm" else (0.1, 0.2, 0.3, 0.4)
    tokens = () if reader == "tsm" else tuple((-0.5, -0.25) for _ in ANSWERS)
    return Reading.of(case, image_set.name, reader, Answer(probabilities, tokens, ALL))


def _named_person(database: Database, name: str, projects: list[int] | None = None) -> Who:
    """An account under any name: names that were given before a rule came stay in the records."""
    made = people.add_person(database, "somebody", PASSWORD, "admin", projects or [])
    with database.session() as session:
        session.execute(update(Person).where(Person.id == made.id).values(name=name))
    return people.person(database, made.id)


def _png(number: int) -> bytes:
    kept = io.BytesIO()
    Image.new("RGB", (8, 8), (15 * number, 100, 120)).save(kept, "PNG")
    return kept.getvalue()

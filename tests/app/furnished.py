"""A studio with one small set and one finished run, made without the engine; and somebody's browser."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image
from starlette.routing import Mount

from app.context import Studio
from app.main import create_app
from app.visit import Visit
from core.case import Case, ImageSet, Task
from core.pictures.pixels import FilePixels
from core.readings import reading
from core.readings.answer import Answer
from core.readings.reading import Reading
from core.records import jobs
from core.records.accounts import people
from core.records.accounts.people import Who
from core.records.place import Place
from core.records.review import reviews, verdicts
from core.records.runs import runs
from core.records.runs.exports import export_path, queue_export
from core.records.sets import sets
from tests.let_in import LET_IN, let_in
from tests.migrated import new_records
from tests.records.search import finish

ANSWERS = ("clear", "hazy")
SETTINGS: dict[str, Any] = {
    "vlm": {"family": "starter", "checkpoint": "bundled"},
    "tsm": [{"name": "convnet"}],
    "method": {"name": "vitask", "align": 1.0},
    "seed": 0,
}
SAID = {
    "a": {"tsm": (0.9, 0.1), "vitask": (0.8, 0.2)},
    "b": {"tsm": (0.9, 0.1), "vitask": (0.3, 0.7)},
    "c": {"tsm": (0.4, 0.6), "vitask": (0.25, 0.75)},
}
LABELS = {"a": "clear", "b": "hazy", "c": "hazy"}


def asking(query: dict[str, str] | None = None, host: str = "127.0.0.1:7860") -> Any:
    """What an event knows of the browser: its address and its query."""
    return SimpleNamespace(
        query_params=query or {}, headers={"host": host, **LET_IN}, client=SimpleNamespace(host="127.0.0.1")
    )


def visiting(studio: Studio, query: dict[str, str] | None = None) -> Visit:
    """What a callback is handed of such a browser."""
    return Visit.of(studio, asking(query))


def blocks_of(app: Any) -> Any:
    """Gradio's, mounted behind the gate."""
    mounted = next(route for route in app.routes if isinstance(route, Mount))
    return cast(Any, mounted.app).get_blocks()


def browsing(studio: Studio) -> TestClient:
    """A browser that was let in, at a server of the studio's own; an error of ours is an answer to it."""
    return TestClient(
        cast(FastAPI, create_app(studio.place)),
        base_url="http://127.0.0.1:7860",
        client=("127.0.0.1", 50000),
        headers=LET_IN,
        raise_server_exceptions=False,
    )


@dataclass(frozen=True)
class Furnished:
    studio: Studio
    who: Who
    version_id: int
    run_id: int

    def visit(self, **query: object) -> Visit:
        return visiting(self.studio, {name: str(value) for name, value in query.items()})

    def queue(self, name: str, **changed: Any) -> int:
        made = runs.queue_run(
            self.studio.database, self.studio.place, self.who, self.version_id, name, SETTINGS | changed
        )
        return made.id


def furnish(folder: Path) -> Furnished:
    place = Place.at(folder / "data")
    database = new_records(place)
    let_in(database)
    who = people.local(database)
    version = sets.write_version(
        database, place, pictures(folder), who=who, project_id=who.projects[0], name="Panes", note="drawn"
    )
    run = runs.queue_run(database, place, who, version.id, "First", SETTINGS)
    claimed = jobs.claim(database, run.job_id, "test")
    assert claimed is not None
    runs.take_events(database, run.id, 0, events())
    readings = [said(name, reader) for name in SAID for reader in SAID[name]]
    reading.save(readings, place.runs / run.key / "readings" / "test.parquet")
    accuracy = {"tsm": (2 / 3, 0.5, 0.9), "vanilla": (0.5, 0.3, 0.7), "vitask+tsm": (0.75, 0.6, 0.95)}
    runs.set_metrics(database, run.id, metrics("accuracy", accuracy))
    jobs.log(database, run.job_id, ["Stage 1 begins", "step 10: loss 0.50"])
    jobs.finish(database, claimed, {})
    return Furnished(Studio(place, database), who, version.id, run.id)


def exported(furnished: Furnished) -> int:
    """A finished export of the run, as a worker leaves it."""
    database, place = furnished.studio.database, furnished.studio.place
    job_id = queue_export(database, place, furnished.who, furnished.run_id)
    claimed = jobs.claim(database, job_id, "test")
    assert claimed is not None
    zipped = export_path(place, job_id)
    zipped.parent.mkdir(exist_ok=True)
    zipped.write_bytes(b"PK\x05\x06" + bytes(18))
    jobs.finish(database, claimed, {"size": 22, "largest_difference_in_probability": 2e-7})
    return job_id


def searched(furnished: Furnished, folder: Path) -> int:
    """A finished search through the set's labels, with one verdict."""
    database, place = furnished.studio.database, furnished.studio.place
    view = reviews.queue_review(database, place, furnished.who, furnished.version_id, name="First look")
    finish(database, place, view.job_id, pictures(folder))
    verdicts.decide(database, furnished.who, view.id, [2], "change", ["clear"], "not hazy at all")
    return view.id


def pictures(folder: Path, name: str = "panes") -> ImageSet:
    cases = []
    for number, (case, label) in enumerate(LABELS.items()):
        path = folder / f"{case}.png"
        Image.new("RGB", (8, 8), (40 * number, 100, 120)).save(path)
        cases.append(Case(case, FilePixels(path), (label,), split="test"))
    return ImageSet(name, Task(modality="drawn", answers=ANSWERS), tuple(cases))


def said(name: str, reader: str) -> Reading:
    return Reading("panes", name, "test", reader, (LABELS[name],), None, Answer(SAID[name][reader]))


def metrics(figure: str, readers: dict[str, tuple[float, float, float]]) -> dict[str, Any]:
    """What metrics.json holds: a value and its interval for each reader."""
    shapes = {name: dict(zip(("value", "low", "high"), one, strict=True)) for name, one in readers.items()}
    return {"readers": {name: {figure: one} for name, one in shapes.items()}}


def events() -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = [
        {"kind": "step", "stage": stage, "step": step, "steps": 2, "losses": {"van": 1.0 / step}, "memory_gib": 1.5}
        for stage in ("stage-1", "stage-2")
        for step in (1, 2)
    ]
    return [*steps, {"kind": "evaluation", "stage": "stage-2", "step": 2, "figures": {"macro_f1": 0.8}}]

"""Workers, Redis and engines as real processes, on a studio of their own with drawn pictures and a tiny model."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import select

from core.catalog import FORMATS, every
from core.events import Step, read
from core.machine.queue_server import program
from core.records import jobs
from core.records.access import Who
from core.records.accounts import people
from core.records.database import Database, open_database
from core.records.place import Place
from core.records.runs import runs
from core.records.sets import sets
from core.records.tables import Event, Job, Run
from core.sets.open import open_set
from tests import run_files as tiny
from tests.records.conftest import migrated_file, postgres  # noqa: F401
from worker.redis import configure, free_port, wait

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 300


@dataclass
class Server:
    """A Redis server that can be killed and started again at the same address."""

    folder: Path
    port: int = field(default_factory=free_port)
    password: str = "a password of the tests"
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"redis://:{self.password.replace(' ', '%20')}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        file = configure(self.folder, self.port, self.password)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen([str(program()), str(file)], **quiet)  # type: ignore[call-overload]
        wait(self.address)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@dataclass
class Studio:
    """A place with records, and the processes that work on it."""

    place: Place
    database: Database
    who: Who
    redis: Server
    values: dict[str, Any]
    images: Path
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    version_id: int = 0

    def work(self, queue: str = "tune") -> subprocess.Popen[bytes]:
        """One more worker, as `vitask up` starts it."""
        self.place.logs.mkdir(exist_ok=True)
        environment = {**os.environ, **self.place.environment(), "OMP_NUM_THREADS": "1"}
        with (self.place.logs / f"{queue}-{len(self.workers)}.log").open("wb") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "worker.main", queue], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        self.workers.append(worker)
        return worker

    def queue(self, name: str = "tiny", **more: Any) -> Run:
        if not self.version_id:
            found = open_set(self.images, {}, every(FORMATS))
            project = self.who.projects[0]
            version = sets.write_version(self.database, self.place, found, who=self.who, project_id=project)
            self.version_id = version.id
        values = {**self.values}
        for block, settings in more.items():
            values[block] = {**values[block], **settings} if isinstance(settings, dict) else settings
        return runs.queue_run(self.database, self.place, self.who, self.version_id, name, values)

    def job(self, run: Run) -> Job:
        with self.database.reading() as session:
            return session.scalars(select(Job).where(Job.id == run.job_id)).one()

    def events(self, run: Run) -> list[Event]:
        with self.database.reading() as session:
            return list(session.scalars(select(Event).where(Event.run_id == run.id).order_by(Event.number)))

    def folder(self, run: Run) -> Path:
        return self.place.runs / run.key

    def until_step(self, run: Run, stage: str, step: int) -> None:
        """As soon as the engine has made it: the records hear of it up to a second later, when much may have passed."""
        file = self.folder(run) / "events.jsonl"

        def has_come() -> bool:
            made = read(file) if file.exists() else ()
            return any(isinstance(event, Step) and event.stage == stage and event.step >= step for event in made)

        self.until(has_come, f"step {step} of {stage}")

    def until_state(self, run: Run, *states: str) -> Job:
        self.until(lambda: self.job(run).state in states, f"a job that is {' or '.join(states)}")
        return self.job(run)

    def until(self, is_so: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + SECONDS
        while not is_so():
            assert time.monotonic() < end, f"{what} has not come about: {self._told()}"
            time.sleep(0.05)

    def engine(self, worker: subprocess.Popen[bytes]) -> psutil.Process:
        """The worker's child."""
        return next(one for one in psutil.Process(worker.pid).children() if "core.cli" in one.cmdline())

    def end(self) -> None:
        for worker in self.workers:
            with suppress(psutil.NoSuchProcess):
                for child in psutil.Process(worker.pid).children(recursive=True):
                    child.kill()
            worker.kill()
            worker.wait()
        self.redis.kill()
        self.database.dispose()

    def _told(self) -> str:
        with self.database.reading() as session:
            found = session.execute(select(Job.id, Job.kind, Job.state, Job.attempts, Job.progress, Job.error)).all()
        logs = "\n".join(file.read_text()[-1500:] for file in self.place.logs.glob("*.log"))
        return f"{found}\n{logs}"


@pytest.fixture
def place(tmp_path: Path, migrated_file: Path) -> Place:  # noqa: F811
    place = Place.at(tmp_path / "data")
    shutil.copyfile(migrated_file, place.data / "studio.db")
    return place


@pytest.fixture
def database(place: Place) -> Iterator[Database]:
    database = open_database(place)
    yield database
    database.dispose()


@pytest.fixture
def who(database: Database) -> Who:
    return people.local(database)


@pytest.fixture(scope="session")
def small(checkpoint: Path, images: Path) -> dict[str, Any]:
    """A run of a few seconds, with checkpoints often enough to be broken off anywhere."""
    training = {"steps": 10, "evaluate_every": 5, "checkpoint_every": 2}
    return tiny.values(images, checkpoint, training=training, lora={"dropout": 0.1})


@pytest.fixture
def studio(place: Place, images: Path, small: dict[str, Any]) -> Iterator[Studio]:
    redis = Server(place.data / "redis")
    redis.start()
    place = place.model_copy(update={"redis": redis.address})
    database = open_database(place)
    studio = Studio(place, database, people.local(database), redis, small, images)
    yield studio
    studio.end()


@pytest.fixture
def signals() -> Iterator[None]:
    """Handlers as they were, for tests of code that sets some."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def log_of(studio: Studio, run: Run) -> str:
    lines = jobs.log_lines(studio.database, studio.who, run.job_id)
    return "\n".join(line.text for line in lines)

"""What a job says of its work is believed by every kind alike, and only as far as the job's own project goes."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from core.case import ImageSet
from core.errors import RunError, SettingsError
from core.records import jobs
from core.records.access import Who
from core.records.accounts import people
from core.records.database import Database
from core.records.jobs import Claimed
from core.records.place import Place
from core.records.runs import runs
from core.records.sets import sets
from core.records.sets.versions import SetError
from core.records.tables import Job, Run
from tests.records.conftest import cells  # noqa: F401
from worker import supervise
from worker.context import Hands
from worker.kinds import export, suspects, tune
from worker.tasks import KINDS

SETTINGS = {"vlm": {"family": "starter"}, "method": {"name": "vanilla"}}


@pytest.fixture
def hands(place: Place, database: Database) -> Hands:
    return Hands(place, database, "tune", "tune@here:1", lambda: False)


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object) -> None:
        raise AssertionError("it began to work")

    for module in (tune, export, suspects, supervise):
        monkeypatch.setattr(module, "supervise", start)


def queued(database: Database, place: Place, who: Who, images: ImageSet, project_id: int) -> Run:
    version = sets.write_version(database, place, images, who=who, project_id=project_id)
    return runs.queue_run(database, place, who, version.id, "a run", SETTINGS)


def own_and_foreign(hands: Hands, who: Who, images: ImageSet) -> list[Run]:
    """A run of this project and one of another."""
    elsewhere = people.add_project(hands.database, who, "Elsewhere")
    both = people.local(hands.database)
    return [queued(hands.database, hands.place, both, images, project) for project in (who.projects[0], elsewhere)]


def claimed(database: Database, run: Run, payload: dict[str, object]) -> Claimed:
    """The run's own job in a worker's hands, saying this."""
    with database.session() as session:
        session.execute(update(Job).where(Job.id == run.job_id).values(payload=payload))
    taken = jobs.claim(database, run.job_id, "tune@here:1")
    assert taken is not None
    return taken


@pytest.mark.parametrize(("kind", "more"), [("tune", {}), ("plug", {"tsm": "convnet"})])
def test_a_job_does_not_carry_out_another_run_than_its_own(
    kind: str,
    more: dict[str, object],
    hands: Hands,
    who: Who,
    cells: ImageSet,  # noqa: F811
) -> None:
    own, other = (queued(hands.database, hands.place, who, cells, who.projects[0]) for _ in range(2))
    of = {"of": own.id} if kind == "plug" else {}
    job = claimed(hands.database, own, {"run": other.id, **of, **more})
    with pytest.raises(RunError, match="names a run that another job carries out"):
        KINDS[kind](hands, job)


def test_an_estimate_has_no_say_over_the_versions_of_another_project(
    hands: Hands,
    who: Who,
    cells: ImageSet,  # noqa: F811
) -> None:
    own, foreign = own_and_foreign(hands, who, cells)
    job = claimed(hands.database, own, {"version": foreign.version_id, "settings": SETTINGS})
    with pytest.raises(SetError, match="is not there any more"):
        KINDS["estimate"](hands, job)


@pytest.mark.parametrize(("kind", "more"), [("export", {}), ("ask", {"image": "0" * 64})])
def test_a_job_has_no_say_over_the_runs_of_another_project(
    kind: str,
    more: dict[str, object],
    hands: Hands,
    who: Who,
    cells: ImageSet,  # noqa: F811
) -> None:
    own, foreign = own_and_foreign(hands, who, cells)
    job = claimed(hands.database, own, {"run": foreign.id, **more})
    with pytest.raises(RunError, match="is not there any more"):
        KINDS[kind](hands, job)


def test_a_payload_that_lacks_what_its_kind_needs_is_told(
    hands: Hands,
    who: Who,
    cells: ImageSet,  # noqa: F811
) -> None:
    job = claimed(hands.database, queued(hands.database, hands.place, who, cells, who.projects[0]), {})
    for kind in ("tune", "plug", "export", "ask", "estimate"):
        with pytest.raises(SettingsError, match="is missing"):
            KINDS[kind](hands, job)

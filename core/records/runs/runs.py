"""Runs as people queue, watch and compare them. Their folders hold the truth of the science; rows hold what pages show.

What a worker writes is next door in `telling`, where files lie in `artifacts`.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import yaml
from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from core.catalog import FAMILIES, METHODS, TSMS
from core.errors import RunError, SettingsError
from core.readings.reader import Reader, unknown_reader
from core.records import jobs
from core.records.access import NOT_THERE, NotAllowed, Who, allow
from core.records.audit import note
from core.records.database import Database
from core.records.numbers import new_number
from core.records.payloads import Estimate, Payload, Plug, Tune
from core.records.place import Place
from core.records.progress import Progress
from core.records.runs.artifacts import index_path as index_path
from core.records.runs.artifacts import keep as keep
from core.records.runs.artifacts import readings_path as readings_path
from core.records.runs.artifacts import run_folder as run_folder
from core.records.runs.curves import curves as curves
from core.records.runs.readers import aim_and_readers
from core.records.runs.run_events import set_metrics as set_metrics
from core.records.runs.run_events import set_settings as set_settings
from core.records.runs.run_events import take_events as take_events
from core.records.runs.run_names import is_made as is_made
from core.records.runs.run_names import made_name
from core.records.runs.run_search import Sought, conditions
from core.records.sets.leaking import accepted_by, refuse_leaking
from core.records.sets.versions import allowed_version, hold_living, version_folder
from core.records.tables import ImageSet, Job, Person, Run, RunTag, Stage, Version
from core.records.wake import send
from core.sets.version import kept_name
from core.training.method import Aim

Values = dict[str, Any]
NEWEST = Sought()


@dataclass(frozen=True)
class RunView:
    """A run and how far it is. `figures` are {reader: {figure: value}} of the test cases, once there are any."""

    id: int
    project_id: int
    job_id: int
    name: str
    key: str
    set: str
    version_id: int
    version: int
    is_set_erased: bool
    """Whether the version was erased since: the run stays, and shows no pictures of it."""
    method: str
    state: str
    wish: str
    stage: str | None
    step: int
    steps: int
    stages: tuple[Stage, ...]
    seconds_left: float | None
    progress: Progress
    figures: dict[str, dict[str, float | None]]
    aim: Aim | None
    """The reader that it was made for, beside its baseline; None where its method is not known any more."""
    readers: tuple[Reader, ...]
    """All that answer once it is finished, as far as they are known."""
    metrics: Values | None
    settings: Values
    error: str | None
    fault_id: str | None
    person: str
    person_id: int | None
    note: str
    tags: tuple[str, ...]
    archived: datetime | None
    copy_of: int | None
    is_sample: bool
    created: datetime
    started: datetime | None
    ended: datetime | None

    @property
    def is_searchable(self) -> bool:
        """Whether cases are found in it by words and by pictures, once it is finished."""
        return any(reader.embeds for reader in self.readers)

    def measured(self) -> dict[Reader, Values]:
        """{figure: {"value", "low", "high"}} of the test cases by reader, once there are any."""
        return {self.reader(name): figures for name, figures in (self.metrics or {}).get("readers", {}).items()}

    def reader(self, name: str) -> Reader:
        return next((reader for reader in self.readers if reader.name == name), None) or unknown_reader(name)


@dataclass(frozen=True)
class Difference:
    """A setting that is not the same in all of some runs; None where a run does not have it."""

    setting: str
    values: tuple[Any, ...]


def queue_run(
    db: Database,
    place: Place,
    who: Who,
    version_id: int,
    name: str,
    settings: Mapping[str, Any],
    copy_of: int | None = None,
    is_sample: bool = False,
) -> Run:
    """A run at the end of the queue. Its settings are a run file's values; frozen.

    `images` names the version. Where the name is empty, one is made from set, method, preset and a number."""
    return queue_runs(db, place, who, version_id, [(name, settings)], copy_of, is_sample)[0]


def queue_runs(
    db: Database,
    place: Place,
    who: Who,
    version_id: int,
    wanted: Sequence[tuple[str, Mapping[str, Any]]],
    copy_of: int | None = None,
    is_sample: bool = False,
) -> list[Run]:
    """A run for each of these names and settings, or none at all where one of them is refused."""
    for _, settings in wanted:
        refuse_unknown(settings)
    queued = []
    with db.session() as session:
        version = allowed_version(session, who, version_id, "work")
        hold_living(session, version_id)
        for name, settings in wanted:
            whole = accepted_by(who, {**settings, "images": kept_name(version.hash)})
            refuse_leaking(session, version, whole)
            named = name.strip() or made_name(session, version.image_set.project_id, version.image_set.name, settings)
            run = _queued(session, who, Tune, version, named, whole, copy_of, is_sample)
            run.job.payload = Tune(run=run.id).plain()
            note(session, who, "queue run", version.image_set.project_id, run.name, run=run.id, copy_of=copy_of)
            queued.append(run)
    for run in queued:
        send(place, "tune", run.job_id)
    return queued


def next_name(db: Database, who: Who, version_id: int, settings: Mapping[str, Any]) -> str:
    """What a run would be called that was queued now without a name."""
    with db.reading() as session:
        version = allowed_version(session, who, version_id)
        return made_name(session, version.image_set.project_id, version.image_set.name, settings)


def queue_plug(db: Database, place: Place, who: Who, run_id: int, tsm: str, name: str = "") -> Run:
    """The same VLM and adapters with another TSM of the catalog, as a run of its own."""
    old = run(db, who, run_id)
    if old.state != "done":
        raise RunError(f"“{old.name}” is not finished, so no TSM can be plugged in. Wait for its end, or resume it.")
    if tsm not in TSMS:
        raise SettingsError(f'There is no TSM called "{tsm}". Choose one of {", ".join(TSMS)}.')
    settings, named = {**old.settings, "tsm": [{"name": tsm}]}, name.strip() or f"{old.name} with {tsm}"
    with db.session() as session:
        version = allowed_version(session, who, old.version_id, "work")
        hold_living(session, old.version_id)
        made = _queued(session, who, Plug, version, named, settings, old.id)
        made.job.payload = Plug(run=made.id, of=old.id, tsm=tsm).plain()
        note(session, who, "plug", old.project_id, made.name, run=made.id, tsm=tsm)
    send(place, "tune", made.job_id)
    return made


def queue_estimate(db: Database, place: Place, who: Who, version_id: int, settings: Mapping[str, Any]) -> int:
    """Queues one real step on the largest case; returns the job. Its result is what `vitask estimate --json` prints."""
    with db.session() as session:
        project_id = allowed_version(session, who, version_id).image_set.project_id
        job = jobs.enqueue(session, who, project_id, Estimate(version=version_id, settings=dict(settings)))
    send(place, job.queue, job.id)
    return job.id


def _queued(
    session: Session,
    who: Who,
    kind: type[Tune],
    version: Version,
    name: str,
    settings: Values,
    copy_of: int | None,
    is_sample: bool = False,
) -> Run:
    """The row of a run and its job's; whoever calls fills in the payload, and sends the message once both are there."""
    project_id = version.image_set.project_id
    job = jobs.enqueue(session, who, project_id, kind)
    run = Run(
        id=new_number(session, Run),
        project_id=project_id,
        person_id=who.id,
        version_id=version.id,
        job=job,
        name=name[:255],
        key=secrets.token_hex(6),
        settings=settings,
        copy_of=copy_of,
        is_sample=is_sample,
    )
    session.add(run)
    session.flush()
    return run


def runs(
    db: Database, who: Who, project_id: int, sought: Sought = NEWEST, page: int = 0, size: int = 100
) -> list[RunView]:
    """The newest first; archived ones only where they are sought."""
    allow(who, project_id)
    wanted = _whole().where(*conditions(project_id, sought))
    with db.reading() as session:
        return _views(session, wanted.order_by(Run.id.desc()).offset(page * size).limit(size))


def run(db: Database, who: Who, run_id: int) -> RunView:
    with db.reading() as session:
        views = _views(session, _whole().where(Run.id == run_id))
    if not views:
        raise NotAllowed(NOT_THERE)
    allow(who, views[0].project_id)
    return views[0]


def newest_jobs(db: Database, who: Who, run_id: int, kind: type[Payload], most: int | None) -> list[Job]:
    """Those of a kind that were asked for on a run, newest first, all of them where `most` is None."""
    of_run = run(db, who, run_id)
    is_its = (Job.kind == kind.kind, Job.project_id == of_run.project_id, Job.payload["run"].as_integer() == run_id)
    with db.reading() as session:
        return list(session.scalars(select(Job).where(*is_its).order_by(Job.id.desc()).limit(most)))


def named_run(db: Database, project_id: int, run_id: int) -> Run:
    """The run that a job's payload names, for the worker, which may see everything: it stays in the job's project."""
    with db.reading() as session:
        named = session.get(Run, run_id, options=[joinedload(Run.version).joinedload(Version.image_set)])
    if named is None or named.project_id != project_id:
        raise RunError("The run is not there any more. Choose another one.")
    return named


def run_of_job(db: Database, job_id: int) -> Run:
    """For the worker, which may see everything."""
    with db.reading() as session:
        of_job = select(Run).where(Run.job_id == job_id).options(joinedload(Run.version).joinedload(Version.image_set))
        return session.scalars(of_job).one()


def settings_here(place: Place, run: Run) -> Values:
    """The run's settings with its images where this machine has them, fetched from the store if need be. Of images that
    were erased the name is left, by which nobody finds any."""
    if run.version.erased is not None:
        return run.settings
    return {**run.settings, "images": str(version_folder(place, run.version))}


def run_file(run: RunView) -> str:
    """What `vitask tune` takes."""
    return yaml.safe_dump(run.settings, sort_keys=False, allow_unicode=True)


def difference(db: Database, who: Who, run_ids: Sequence[int]) -> list[Difference]:
    """The settings in which runs differ, in the order of the first that has them."""
    flat = [_flat(run(db, who, run_id).settings) for run_id in run_ids]
    names = list(dict.fromkeys(name for settings in flat for name in settings))
    differences = [Difference(name, tuple(settings.get(name) for settings in flat)) for name in names]
    return [
        difference for difference in differences if any(value != difference.values[0] for value in difference.values)
    ]


def stop(db: Database, who: Who, run_id: int) -> None:
    """Saves and leaves; it can be resumed."""
    jobs.wish(db, who, run(db, who, run_id).job_id, "stop")


def cancel(db: Database, who: Who, run_id: int) -> None:
    """Ends it for good."""
    jobs.wish(db, who, run(db, who, run_id).job_id, "cancel")


def resume(db: Database, place: Place, who: Who, run_id: int) -> None:
    resumed = run(db, who, run_id)
    refuse_erased(resumed)
    if resumed.archived:
        raise RunError(f"“{resumed.name}” is archived. Bring it back, then resume it.")
    job = jobs.resume(db, who, resumed.job_id)
    send(place, job.queue, job.id)


def refuse_erased(run: RunView) -> None:
    """For what takes the run's images."""
    if run.is_set_erased:
        raise RunError(
            f"The images of “{run.name}” were erased, so this can't be done any more. What it answered so far stays."
        )


def copy(
    db: Database, place: Place, who: Who, run_id: int, name: str | None = None, changed: Mapping[str, Any] | None = None
) -> Run:
    """A new run with the same settings, or some of them changed."""
    old = run(db, who, run_id)
    settings = {**old.settings, **(changed or {})}
    return queue_run(db, place, who, old.version_id, name or f"{old.name} (copy)", settings, copy_of=old.id)


def _whole() -> Select[Run, Version, str, str | None]:
    return (
        select(Run, Version, ImageSet.name, Person.name)
        .join(Version, Version.id == Run.version_id)
        .join(ImageSet, ImageSet.id == Version.set_id)
        .join(Job, Job.id == Run.job_id)
        .outerjoin(Person, Person.id == Run.person_id)
        .options(joinedload(Run.job))
    )


def _views(session: Session, query: Select[Run, Version, str, str | None]) -> list[RunView]:
    rows = session.execute(query).all()
    numbers = [row[0].id for row in rows]
    stages: dict[int, list[Stage]] = {}
    for stage in session.scalars(select(Stage).where(Stage.run_id.in_(numbers)).order_by(Stage.number)):
        stages.setdefault(stage.run_id, []).append(stage)
    tags: dict[int, list[str]] = {}
    for tagged in session.scalars(select(RunTag).where(RunTag.run_id.in_(numbers)).order_by(RunTag.tag)):
        tags.setdefault(tagged.run_id, []).append(tagged.tag)
    return [
        _view(row[0], row[1], row[2], row[3] or "", stages.get(row[0].id, []), tags.get(row[0].id, [])) for row in rows
    ]


def _view(
    run: Run, version: Version, set_name: str, person: str, stages: Sequence[Stage], tags: Sequence[str]
) -> RunView:
    job, last = run.job, stages[-1] if stages else None
    aim, readers = aim_and_readers(run.settings, run.metrics)
    left = job.how_far.seconds_left if job.state == "running" else None
    return RunView(
        id=run.id,
        project_id=run.project_id,
        job_id=job.id,
        name=run.name,
        key=run.key,
        set=set_name,
        version_id=run.version_id,
        version=version.number,
        is_set_erased=version.erased is not None,
        method=str(run.settings.get("method", {}).get("name", "")),
        state=job.state,
        wish=job.wish,
        stage=last.name if last else None,
        step=last.step if last else 0,
        steps=last.steps if last else 0,
        stages=tuple(stages),
        seconds_left=left,
        progress=job.how_far,
        figures=_figures(run.metrics),
        aim=aim,
        readers=readers,
        metrics=run.metrics,
        settings={**run.settings, "images": kept_name(version.hash)},  # older rows hold a path
        error=job.error,
        fault_id=job.fault_id,
        person=person,
        person_id=run.person_id,
        note=run.note,
        tags=tuple(tags),
        archived=run.archived,
        copy_of=run.copy_of,
        is_sample=run.is_sample,
        created=run.created,
        started=job.started,
        ended=job.ended,
    )


def _figures(metrics: Values | None) -> dict[str, dict[str, float | None]]:
    readers = (metrics or {}).get("readers", {})
    return {reader: {name: figure["value"] for name, figure in values.items()} for reader, values in readers.items()}


def refuse_unknown(settings: Mapping[str, Any]) -> None:
    """What can be refused without the engine; it refuses the rest when the run begins."""
    tsms = settings.get("tsm") or []
    named = [("vlm", "family", settings.get("vlm"), FAMILIES), ("method", "name", settings.get("method"), METHODS)]
    named += [("tsm", "name", block, TSMS) for block in ([tsms] if isinstance(tsms, Mapping) else tsms)]
    for where, key, block, catalog in named:
        if not isinstance(block, Mapping) or block.get(key) not in catalog:
            raise SettingsError(
                f"{where} must name one of {', '.join(catalog)}, like {{{key}: {next(iter(catalog))}}}."
            )


def _flat(values: Mapping[str, Any], before: str = "") -> Values:
    """{"method.align": 1.0, …}; a block in a list is named by its place."""
    flat: Values = {}
    for name, value in values.items():
        if isinstance(value, list | tuple) and any(isinstance(part, Mapping) for part in value):
            value = {str(place): part for place, part in enumerate(value)} if len(value) > 1 else value[0]
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{before}{name}.")
        else:
            flat[f"{before}{name}"] = value
    return flat

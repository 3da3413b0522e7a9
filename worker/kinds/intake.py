"""What arrives: an upload is checked, or added to a set; a public set is fetched."""

from __future__ import annotations

from pathlib import Path

from core.catalog import FORMATS, every
from core.errors import CoreError
from core.records import sets
from core.records.outcomes import Checked, Fetched, Kept
from core.records.payloads import Add, Check, Fetch
from core.sets.open import open_set
from worker.child_job import ChildJob


def check(job: ChildJob) -> None:
    """Opens every picture of an upload and keeps the report; nothing else is kept yet."""
    from core.sets.check import check as look_at

    payload = Check.parse(job.row.payload, "payload")
    upload = sets.upload(job.database, job.who, payload.upload)
    try:
        opened = open_set(sets.upload_path(job.place, upload), payload.options, every(FORMATS))
        report = look_at(opened, lambda done, whole: job.teller.progress(done, whole, "Looking at every picture"))
    except (CoreError, MemoryError):
        sets.set_upload(job.database, upload.id, "refused")
        raise
    facts = report.as_json() | {"name": opened.name, "task": opened.task.model_dump(mode="json")}
    sets.set_upload(job.database, upload.id, "checked", facts)
    job.teller.result(Checked(upload=upload.id, cases=report.cases, findings=len(report.findings)))


def add(job: ChildJob) -> None:
    """Keeps an upload for good, as a version of an image set."""
    payload = Add.parse(job.row.payload, "payload")
    upload = sets.upload(job.database, job.who, payload.upload)
    options = {**payload.options, **payload.task}
    try:
        opened = open_set(sets.upload_path(job.place, upload), options, every(FORMATS)).stop_on_errors()
        version = sets.write_version(
            job.database,
            job.place,
            opened,
            who=job.who,
            project_id=job.row.project_id,
            name=payload.set_name,
            note=f"from {upload.name}",
            on_case=lambda done, whole: job.teller.progress(done, whole, "Keeping pictures"),
        )
    except (CoreError, MemoryError):
        sets.set_upload(job.database, upload.id, "refused")
        raise
    sets.set_upload(job.database, upload.id, "added")
    job.teller.result(Kept(upload=upload.id, set=version.set_id, version=version.id, cases=version.cases))


def fetch(job: ChildJob) -> None:
    """Downloads a MedMNIST set, and brings it in like any other upload."""
    from core.sets.medmnist_fetch import fetch as download

    payload = Fetch.parse(job.row.payload, "payload")
    folder = job.place.uploads / f"fetch-{job.row.id}"
    folder.mkdir(parents=True, exist_ok=True)
    fetched = download(
        payload.name,
        payload.size,
        folder,
        lambda done, whole: job.teller.progress(done, whole or done, "Downloading"),
    )
    upload = sets.new_upload(
        job.database, job.place, job.who, job.row.project_id, Path(fetched.path), fetched.path.name
    )
    sets.request_check(job.database, job.place, job.who, upload.id, {})
    job.teller.result(Fetched(upload=upload.id, licence=fetched.licence))

"""What arrives: an upload is checked, or added to a set; a public set is fetched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.catalog import FORMATS, every
from core.deid.waiting import report_of_waiting
from core.errors import CoreError
from core.records.payloads import Add, Check, Fetch, Settle
from core.records.runs.outcomes import Checked, Fetched, Kept, Settled
from core.records.sets import sets
from core.sets.open import open_set
from worker.child_job import ChildJob

if TYPE_CHECKING:
    from core.case import ImageSet
    from core.checks.looked import LookedSet
    from core.checks.mending import LeftOut


def check(job: ChildJob) -> None:
    """Opens every picture of an upload that no check opened before, and keeps the report; nothing else is kept yet."""
    from core.checks.check import report_of
    from core.checks.mending import mend, mending_facts, taken_apart
    from core.deid.door import door_of
    from core.records.sets import mended as beside
    from core.records.sets.deid_keys import key_findings
    from core.records.sets.deidentified import findings_of, key_of, name_of
    from core.records.sets.tray import tray_findings
    from core.records.sets.whose import looked_through

    payload = Check.parse(job.row.payload, "payload")
    upload = sets.upload(job.database, job.who, payload.upload)
    try:
        options, mending = taken_apart(_past_the_door(job, upload, payload.options))
        if _is_waiting(job, upload):
            return
        opened = open_set(sets.upload_path(job.place, upload), options, every(FORMATS))
        opened = replace(
            opened,
            name=name_of(job.place, upload) or opened.name,
            findings=(
                *findings_of(job.place, upload),
                *key_findings(job.database, key_of(job.place, upload)),
                *tray_findings(job.place, upload, door_of(payload.options)[1].reads_pictures),
                *opened.findings,
            ),
        )
        opened, mending, more_fixes = looked_through(job.database, job.place, upload, opened, mending)
        looked = _looked_over(job, upload, opened)
        beside.list_cases(job.place, upload, looked)
        mended = mend(looked, mending)
        report = report_of(mended.looked, beside.audit_upload(job.place, upload, mended.looked))
        pictures = beside.keep_check(job.place, upload, mended, report.findings)
    except (CoreError, MemoryError):
        sets.set_upload(job.database, upload.id, "refused")
        raise
    task = mended.looked.image_set.task.model_dump(mode="json")
    to_mend = mending_facts(looked, mended)
    to_mend["fixes"] = [*more_fixes, *to_mend["fixes"]]
    facts = {"name": opened.name, "task": task, "mending": to_mend, "pictures": pictures}
    sets.set_upload(job.database, upload.id, "checked", report.as_json() | facts)
    job.teller.result(Checked(upload=upload.id, cases=report.cases, findings=len(report.findings)))


def _is_waiting(job: ChildJob, upload: sets.Upload) -> bool:
    """Whether pictures of the upload wait for a person: how many and why is told, and the rest is looked at later."""
    from core.records.sets.tray import tray_of

    waiting = tray_of(job.place, upload).waiting()
    if waiting:
        report = report_of_waiting(waiting)
        sets.set_upload(job.database, upload.id, "checked", report)
        job.teller.result(Checked(upload=upload.id, cases=0, findings=len(report["findings"])))
    return bool(waiting)


def add(job: ChildJob) -> None:
    """Keeps an upload for good, as a version of an image set."""
    from core.checks.mending import taken_apart
    from core.records.sets import mended as beside
    from core.records.sets.deidentified import words_of
    from core.records.sets.tray import tray_words
    from core.records.sets.whose import name_in_notes, note_pseudonyms

    payload = Add.parse(job.row.payload, "payload")
    upload = sets.upload(job.database, job.who, payload.upload)
    try:
        image_set, left_out, words = _as_decided(job, upload, payload)
        whose = words_of(job.place, upload), tray_words(job.place, upload)
        mending = taken_apart(payload.options)[1]
        note_pseudonyms(job.database, job.place, upload, mending)
        version = sets.write_version(
            job.database,
            job.place,
            image_set.stop_on_errors(),
            who=job.who,
            project_id=job.row.project_id,
            name=payload.set_name,
            note="; ".join(filter(None, (f"from {name_in_notes(upload, mending)}", *whose, words))),
            on_case=lambda done, whole: job.teller.progress(done, whole, "Keeping pictures"),
            beside=beside.stored_file(job.place, upload),
        )
    except (CoreError, MemoryError):
        sets.set_upload(job.database, upload.id, "refused")
        raise
    beside.keep_left_out(job.place, version, left_out)
    sets.set_upload(job.database, upload.id, "added")
    job.teller.result(Kept(upload=upload.id, set=version.set_id, version=version.id, cases=version.cases))


def _as_decided(job: ChildJob, upload: sets.Upload, payload: Add) -> tuple[ImageSet, tuple[LeftOut, ...], str]:
    """The set as it is kept, what is left out of it, and what was decided in words."""
    from core.checks.mending import Mending, mend, taken_apart, with_answers
    from core.deid import whose
    from core.records.sets.whose import looked_through

    options, mending = taken_apart(_past_the_door(job, upload, payload.options))
    sets.stop_where_pictures_wait(job.place, upload)
    path, task = sets.upload_path(job.place, upload), payload.task
    if mending == Mending():
        return open_set(path, {**options, **task}, every(FORMATS)), (), ""
    reading = {name: value for name, value in task.items() if name != "answers"}  # those are the labels' new names
    opened = open_set(path, {**options, **reading}, every(FORMATS))
    opened, mending, _ = looked_through(job.database, job.place, upload, opened, mending)
    mended = mend(_looked_over(job, upload, opened), mending)
    left_out = whose.unnamed(mended.left_out, opened) if mending.numbers_cases else mended.left_out
    words = "; ".join(filter(None, (whose.words(mending), mended.words())))
    return with_answers(mended.looked.image_set, task), left_out, words


def _past_the_door(job: ChildJob, upload: sets.Upload, options: dict[str, Any]) -> dict[str, Any]:
    """De-identifies what has to be, takes out what has to wait for a person, and gives the options that the format is
    asked with."""
    from core.deid.door import door_of
    from core.records.sets.deidentified import RESULT, deidentify_upload
    from core.records.sets.tray import close_tray, gate_of

    def telling(what: str) -> Callable[[int, int], None]:
        return lambda done, whole: job.teller.progress(done, whole, what)

    rest, door = door_of(options)
    look = gate_of(job.place, upload, RESULT).look
    deidentify_upload(job.database, job.place, upload, door, telling("De-identifying"), look)
    close_tray(job.place, upload, door.reads_pictures, telling("Reading what is written in pictures"))
    return rest


def _looked_over(job: ChildJob, upload: sets.Upload, opened: ImageSet) -> LookedSet:
    from core.records.sets.mended import look_over_upload

    def tell(done: int, whole: int) -> None:
        job.teller.progress(done, whole, "Looking at every picture")

    return look_over_upload(job.place, upload, opened, tell)


def settle(job: ChildJob) -> None:
    """Makes the next version of a set, whose splits share neither pictures nor patients."""
    from core.records.sets import leaking

    payload = Settle.parse(job.row.payload, "payload")
    version, left_out = leaking.settle(
        job.database,
        job.place,
        job.who,
        payload.version,
        payload.way,
        lambda done, whole: job.teller.progress(done, whole, "Looking at every picture"),
    )
    made = {"set": version.set_id, "version": version.id, "number": version.number, "cases": version.cases}
    job.teller.result(Settled(**made, left_out=left_out))


def fetch(job: ChildJob) -> None:
    """Downloads a MedMNIST set, and brings it in like any other upload."""
    from core.layouts.medmnist_fetch import fetch as download

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

"""What can be done with image sets: the functions behind the page's buttons and its API names.

Files are brought with `upload_images`, the page's own field.
"""

from __future__ import annotations

from dataclasses import asdict

from app.visit import Json, Visit
from core.case import Task
from core.checks.leakage import WAYS
from core.checks.mending import taken_apart
from core.layouts.medmnist import SETS, SIZES
from core.records import archiving
from core.records.review import boxes, corrections
from core.records.review.boxes import Standing
from core.records.sets import leaking, sets, tray
from core.records.sets.sets import UploadError
from core.records.sets.version_changes import bring_back_version, version_changes

UPLOADED = ("id", "name", "state", "options", "report", "job_id", "job_state", "error")
VERSION = ("id", "number", "hash", "task", "cases", "counts", "note")
CASE = ("number", "name", "labels", "split", "patient", "columns")


def image_sets(visit: Visit) -> list[Json]:
    """The project's image sets, each with its newest version."""
    return [
        {
            "id": each.id,
            "name": each.name,
            "versions": each.versions,
            "version": each.latest.id,
            "cases": each.latest.cases,
        }
        for each in sets.sets(visit.database, visit.who, visit.project)
    ]


def rename_image_set(visit: Visit, set_id: int, name: str) -> None:
    """Another name for a set that you made, or as an admin; runs and reviews follow it."""
    archiving.rename_set(visit.database, visit.who, set_id, name)


def archive_image_set(visit: Visit, set_id: int) -> None:
    """Takes a set that you made out of the lists; nothing of it is lost."""
    archiving.archive_set(visit.database, visit.who, set_id)


def bring_back_image_set(visit: Visit, set_id: int) -> None:
    """Puts an archived set into the lists again."""
    archiving.bring_back_set(visit.database, visit.who, set_id)


def upload_report(visit: Visit, upload_id: int) -> Json:
    """How far an upload is (state, job_state, progress, error), and what its check found (report)."""
    row = sets.upload(visit.database, visit.who, int(upload_id))
    uploads = sets.uploads(visit.database, visit.who, row.project_id)
    upload = next(view for view in uploads if view.id == row.id)
    return {name: getattr(upload, name) for name in UPLOADED} | {"progress": upload.progress.plain()}


def check_upload(visit: Visit, upload_id: int, options: Json) -> int:
    """Has an upload checked again, read as `options` say (columns, labels); returns the job's id. Under `mending`
    they say what is decided, for adding it too: {leaves_out_unusable, leaves_out, leaves_out_kinds, keeps,
    keeps_one_copy, divides_anew, labels, drops_columns, names_patients, pseudonymizes, numbers_cases}."""
    chosen = dict(options or {})
    taken_apart(chosen)  # what can't be read is told at once, not by a job
    return sets.request_check(visit.database, visit.place, visit.who, int(upload_id), chosen)


def add_upload(visit: Visit, upload_id: int, set_name: str, task: Json) -> int:
    """Adds a checked upload to an image set; `task` may be empty to keep what was read. Returns the job's id."""
    upload = sets.upload(visit.database, visit.who, int(upload_id))
    wanted = {**(upload.report or {}).get("task", {}), **dict(task or {})}
    whole = Task.parse(wanted, "task").model_dump(mode="json") if wanted else {}
    return sets.request_add(visit.database, visit.place, visit.who, upload.id, set_name, whole, upload.options)


def waiting_pictures(visit: Visit, upload_id: int) -> list[Json]:
    """The pictures of an upload that wait for a look: number, reasons, and where something is written (left, top,
    right, bottom, person|unsure|kept). What there is to see: /uploads/{upload_id}/waiting/{number}/{view}."""
    return [held.plain() for held in tray.waiting(visit.database, visit.place, visit.who, int(upload_id))]


def settle_picture(
    visit: Visit, upload_id: int, number: int, act: str, rectangles: list[list[int]], alike: bool
) -> list[int]:
    """Releases, masks or rejects (`act`) a picture that waits, and all that are `alike` where that is true. Without
    rectangles (left, top, right, bottom) those that were found are masked. Returns the numbers of the pictures; once
    none waits, the upload is checked."""
    of_picture = (visit.database, visit.place, visit.who, int(upload_id), int(number))
    return tray.settle(*of_picture, act, rectangles or [], bool(alike))


def discard_upload(visit: Visit, upload_id: int) -> None:
    """Throws an upload's files away; what was added from it stays."""
    sets.discard_upload(visit.database, visit.place, visit.who, int(upload_id))


def fetch_public_set(visit: Visit, name: str, size: int) -> int:
    """Has a MedMNIST set ("bloodmnist") fetched at a size (28, 64, 128, 224); returns the job's id."""
    if name not in {published.name for published in SETS} or int(size) not in SIZES:
        raise UploadError("Only the listed sets and sizes can be fetched. Choose one of them.")
    return sets.request_fetch(visit.database, visit.place, visit.who, visit.project, name, int(size))


def versions(visit: Visit, set_id: int) -> list[Json]:
    """A set's versions, the newest first, with their tasks and counts."""
    rows = sets.versions(visit.database, visit.who, int(set_id))
    return [{name: getattr(version, name) for name in VERSION} for version in rows]


def cases(visit: Visit, version_id: int, split: str, label: str, patient: str, text: str, page: int) -> Json:
    """A page (from 0) of 24 cases; empty filters fit all. Pictures are at /images/{version_id}/{number}."""
    wanted = (split or None, label or None, patient or None, text, int(page))
    fitting = sets.cases(visit.database, visit.who, int(version_id), *wanted)
    return {"total": fitting.total, "cases": [{name: getattr(row, name) for name in CASE} for row in fitting.rows]}


def edit_task(visit: Visit, version_id: int, task: Json, note: str) -> int:
    """A new version of a set under another task: modality, answers, kind, template, separator, mirrored. Returns
    its id."""
    before = sets.version(visit.database, visit.who, int(version_id)).task
    wanted = Task.parse({**before, **dict(task or {})}, "task")
    return sets.new_version_with_task(visit.database, visit.place, visit.who, int(version_id), wanted, note or "").id


def compare_versions(visit: Visit, before_id: int, after_id: int) -> Json:
    """What differs between two versions of a set, by the names of cases: added, removed, relabelled, moved between
    splits, of_other_patients, redrawn (pictures, boxes, masks, texts, columns), and fields of the task."""
    return version_changes(visit.database, visit.who, int(before_id), int(after_id)).as_json()


def return_to_version(visit: Visit, version_id: int) -> int:
    """Makes the next version of a set, which holds what this earlier one held; returns its id."""
    return bring_back_version(visit.database, visit.place, visit.who, int(version_id)).id


def leakage(visit: Visit, version_id: int) -> Json:
    """What the validation and test cases of a version share with what is learned from, by patient and by exact picture;
    `reasons` why no run begins on it, none where one does."""
    leaks = leaking.version_leaks(visit.database, visit.who, int(version_id))
    return leaks.as_json() | {"reasons": leaks.reasons()}


def settle_leakage(visit: Visit, version_id: int, way: str) -> int:
    """Has the next version of a set made, in which splits share neither pictures nor patients: `regroup` draws the
    split anew, `withdraw` leaves out of training what validation and test show too. Returns the job's id."""
    if way not in WAYS:
        raise UploadError(f"Leakage is settled by {' or '.join(WAYS)}. Choose one of them.")
    return leaking.request_settle(visit.database, visit.place, visit.who, int(version_id), way)


def case_boxes(visit: Visit, version_id: int, number: int) -> Json:
    """How the boxes of a case stand in the set's newest version: `given` are the version's own, `boxes` those of now,
    `labels` what the next version gives the case, `correction` what to send as `after` with a correction."""
    return standing_to_plain(boxes.standing_boxes(visit.database, visit.who, version_id, number))


def correct_boxes(visit: Visit, version_id: int, number: int, drawn: list[Json], after: int, why: str) -> Json:
    """Keeps all boxes that a case is to have in the next version: {label, left, top, right, bottom}, as fractions of
    the picture. Refused where somebody corrected it since the correction `after` (0: none)."""
    of_case = (visit.database, visit.place, visit.who, version_id, number)
    return standing_to_plain(boxes.correct_boxes(*of_case, drawn, after, why))


def box_history(visit: Visit, version_id: int, number: int) -> list[Json]:
    """Every correction of a case's boxes, oldest first: who, when, why, and all boxes before and after."""
    rows = boxes.corrections_of_boxes(visit.database, visit.who, version_id, number)
    return [asdict(row) | {"at": row.at.isoformat()} for row in rows]


def corrected_boxes(visit: Visit, set_id: int) -> list[Json]:
    """The cases of a set's newest version whose boxes the next one changes."""
    redrawn = boxes.redrawn_cases(visit.database, visit.who, set_id)
    return [asdict(case) | {"at": case.at.isoformat()} for case in redrawn]


def apply_boxes(visit: Visit, set_id: int, note: str) -> int:
    """Makes the boxes that were corrected the next version of the set; returns its id."""
    return corrections.apply_boxes(visit.database, visit.place, visit.who, set_id, note).id


def standing_to_plain(stands: Standing) -> Json:
    """What programs are sent of a case's boxes."""
    facts = asdict(stands) | {"at": None if stands.at is None else stands.at.isoformat()}
    return {name: fact for name, fact in facts.items() if name not in ("digest", "task")}


OFFERED = (
    image_sets,
    rename_image_set,
    archive_image_set,
    bring_back_image_set,
    upload_report,
    check_upload,
    add_upload,
    waiting_pictures,
    settle_picture,
    discard_upload,
    fetch_public_set,
    versions,
    cases,
    edit_task,
    compare_versions,
    return_to_version,
    leakage,
    settle_leakage,
    case_boxes,
    correct_boxes,
    box_history,
    corrected_boxes,
    apply_boxes,
)
"""As API names."""

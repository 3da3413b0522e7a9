"""An upload that holds DICOM loses whatever says whose it is, and then its originals, before a format sees it.

Each step can be broken off and is found again: the de-identified files are written beside the originals, these are
moved out of the way, those take their place, and what was moved is removed unless it is to be kept.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from core.case import Finding, Severity
from core.deid.door import Door
from core.deid.key import NAME, site_key
from core.deid.record import FOLDER, JSON, LIST_OF_OLD_NAMES, doubts_about
from core.deid.source import holds_dicom
from core.deid.upload import OnFile, Onlooker, begun_otherwise, deidentify
from core.records.database import Database
from core.records.place import Place
from core.records.sets.deid_keys import note_key
from core.records.sets.uploads import CHECK, check_folder, upload_path
from core.records.tables import Upload

WORK, ORIGINALS, GONE, RESULT = "deid", "originals", "gone", "images"
MOST_REASONS = 3


def deidentify_upload(
    db: Database,
    place: Place,
    upload: Upload,
    door: Door,
    on_file: OnFile | None = None,
    onlooker: Onlooker | None = None,
) -> None:
    """Nothing to do where it was done already, where it is switched off, or where no file is DICOM."""
    folder, work = place.uploads / upload.key, check_folder(place, upload) / WORK
    if not (folder / RESULT / FOLDER / JSON).is_file():
        if not (work / FOLDER / JSON).is_file():
            source = upload_path(place, upload)
            if not door.is_on or not source.exists() or not holds_dicom(source):
                return
            key = site_key(place.data / NAME)
            if begun_otherwise(work, door.choices(), key):
                shutil.rmtree(work)
            deidentify(source, work, door.choices(), key, on_file, onlooker, upload.name)
            note_key(db, upload, key.fingerprint())
        _take_the_place(folder, work, ORIGINALS if door.keeps_originals else GONE)
    shutil.rmtree(check_folder(place, upload) / GONE, ignore_errors=True)
    _name_anew(db, upload, record_of(place, upload))


def _take_the_place(folder: Path, work: Path, fate: str) -> None:
    originals = work.parent / fate
    originals.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name != CHECK:
            path.rename(originals / path.name)
    work.rename(folder / RESULT)


def _name_anew(db: Database, upload: Upload, record: dict[str, Any] | None) -> None:
    """What the upload is called may be a patient's name too."""
    if record and record["name"] and record["name"] != upload.name:
        with db.session() as session:
            session.get_one(Upload, upload.id).name = record["name"]
        upload.name = record["name"]


def record_of(place: Place, upload: Upload) -> dict[str, Any] | None:
    """What was done to an upload's files, as `Record.as_json` has it; nothing where nothing was."""
    file = place.uploads / upload.key / RESULT / FOLDER / JSON
    if not file.is_file():
        return None
    record: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return record


def name_of(place: Place, upload: Upload) -> str:
    """What a set of these files is called, rather than by the folder in which they lie."""
    record = record_of(place, upload)
    return Path(record["name"]).stem if record else ""


def key_of(place: Place, upload: Upload) -> str:
    """The fingerprint of the key by which it was de-identified."""
    record = record_of(place, upload)
    return str(record["key"]) if record else ""


def keeps_originals(place: Place, upload: Upload) -> bool:
    return (check_folder(place, upload) / ORIGINALS).is_dir()


def words_of(place: Place, upload: Upload) -> str:
    """For the note of a version: by what it was de-identified, and what stayed; nothing where it was not."""
    record = record_of(place, upload)
    if record is None:
        return ""
    return f"{record['words']}, originals {'kept with the upload' if keeps_originals(place, upload) else 'removed'}"


def findings_of(place: Place, upload: Upload) -> tuple[Finding, ...]:
    """What the report says of it: what was done, and which files were left out, by their numbers."""
    record = record_of(place, upload)
    if record is None:
        return ()
    totals: dict[str, int] = {}
    for row in record["actions"]:
        totals[row["action"]] = totals.get(row["action"], 0) + row["count"]
    fate = "are kept with the upload until its files are removed" if keeps_originals(place, upload) else "were removed"
    done = (
        f"{_many(record['files'], 'file')} of {_many(record['patients'], 'patient')} "
        f"{'was' if record['files'] == 1 else 'were'} de-identified ({record['profile']}; dates "
        f"{record['choices']['dates']}). Of their values, removed: {totals.get('X', 0):,}; emptied: "
        f"{totals.get('Z', 0):,}; replaced: {totals.get('D', 0):,}; cleaned: {totals.get('C', 0):,}. Identifiers "
        f"exchanged: {totals.get('U', 0):,}. The originals {fate}."
    )
    findings = [Finding("deidentified", "note", record["files"], done)]
    left: dict[str, list[str]] = {}
    for each in record["left_out"]:
        left.setdefault(each["reason"], []).append(str(each["number"]))
    for reason, numbers in left.items():
        more = f" and {len(numbers) - MOST_REASONS:,} more" if len(numbers) > MOST_REASONS else ""
        named = ", ".join(numbers[:MOST_REASONS]) + more
        message = f"Left out at the door, by their numbers in the upload: {named} ({reason})."
        severity: Severity = "note" if reason == LIST_OF_OLD_NAMES else "warning"
        findings.append(Finding("left_out_at_the_door", severity, len(numbers), message))
    groups = record.get("perhaps_the_same", [])
    if groups:
        findings.append(Finding("perhaps_the_same_patient", "warning", len(groups), doubts_about(groups)))
    return tuple(findings)


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"

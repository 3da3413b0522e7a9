"""An upload without DICOM: what its tables and names of files say of persons, and the set as somebody wants it kept."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from core.case import ImageSet
from core.checks.file_names import patients_by_names
from core.checks.mending import Mending
from core.deid.key import NAME, SiteKey, site_key
from core.deid.whose import findings_of, taken_out, tellings, undecided
from core.records.database import Database
from core.records.place import Place
from core.records.sets.deid_keys import key_findings, note_key
from core.records.sets.deidentified import record_of
from core.records.tables import Upload


def looked_through(
    db: Database, place: Place, upload: Upload, opened: ImageSet, mending: Mending
) -> tuple[ImageSet, Mending, list[dict[str, Any]]]:
    """The set with what is told of it and without what is decided to go; what else is decided, by the names of now; and
    what one click would do. Of DICOM the door has taken that out already."""
    opened, naming = patients_by_names(opened, mending)
    left = undecided(tellings(opened), mending) if record_of(place, upload) is None else []
    fixes = [asdict(telling.fix()) for telling in left]
    opened = replace(opened, findings=(*findings_of(left), *opened.findings))
    if naming:
        fixes.append(asdict(naming.fix()))
        opened = replace(opened, findings=(naming.finding(), *opened.findings))
    if mending.pseudonymizes:
        opened = replace(opened, findings=(*key_findings(db, _key(place).fingerprint()), *opened.findings))
    return *taken_out(opened, mending, lambda: _key(place)), fixes


def note_pseudonyms(db: Database, place: Place, upload: Upload, mending: Mending) -> None:
    """In the log, with which key patients got theirs."""
    if mending.pseudonymizes:
        note_key(db, upload, _key(place).fingerprint())


def name_in_notes(upload: Upload, mending: Mending) -> str:
    """What a version's note calls the upload: what files are called may be whose they are."""
    return f"upload {upload.id}" if mending.numbers_cases else upload.name


def _key(place: Place) -> SiteKey:
    return site_key(place.data / NAME)

"""From a zip of DICOM files and a table, as a hospital exports them, to a version of 16 bits that names nobody."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

from core.catalog import FORMATS, every
from core.deid.door import Door
from core.pictures.deep import Deep, Window
from core.pictures.pixels import deep_in
from core.pictures.store import StoredPixels
from core.records.access import Who
from core.records.database import Database
from core.records.place import Place
from core.records.sets import sets
from core.records.sets.deidentified import deidentify_upload
from core.sets.open import open_set
from tests.dicom_files import drawn, saved


def exported(folder: Path) -> Path:
    """Three patients with two pictures each; the table names patients."""
    with ZipFile(folder / "export.zip", "w") as made:
        for number in range(6):
            patient = f"4711{number // 2}"
            elements = drawn(
                number, PatientID=patient, PatientName=f"Okonkwo^{number // 2}", PatientBirthDate="19610203"
            )
            saved(elements, folder / "one.dcm")
            made.write(folder / "one.dcm", f"Okonkwo{number // 2}/I{number}")
        made.writestr("labels.csv", "PatientID,label\n47110,calm\n47111,ill\n47112,calm\n")
    return folder / "export.zip"


def deep_of(pixels: StoredPixels) -> Deep:
    deep = deep_in(pixels.stored(), pixels.sha256)
    assert deep is not None
    return deep


def test_an_export_becomes_a_version_that_names_nobody(
    database: Database, place: Place, who: Who, tmp_path: Path
) -> None:
    upload = sets.new_upload(database, place, who, who.projects[0], exported(tmp_path), "export.zip")
    deidentify_upload(database, place, upload, Door())
    image_set = open_set(sets.upload_path(place, upload), {}, every(FORMATS))
    assert [case.labels for case in image_set.cases] == [
        (label,) for label in ("calm", "calm", "ill", "ill", "calm", "calm")
    ]
    assert len({case.patient for case in image_set.cases}) == 3
    version = sets.write_version(database, place, image_set, who=who, project_id=who.projects[0], name="Chests")
    assert version.cases == 6
    kept = [StoredPixels(place.store, path.parent.name + path.name) for path in stored_files(place)]
    levels = sorted({int(deep_of(pixels).levels.max()) for pixels in kept})
    assert levels == [0, 100, 200, 300, 400, 500]
    assert {deep_of(pixels).views for pixels in kept} == {(Window("window 1", 2000, 4000),)}
    whole = b"".join(path.read_bytes() for path in place.data.rglob("*") if path.is_file() and "deid" not in path.name)
    assert not any(word in whole for word in (b"Okonkwo", b"47110", b"19610203"))


def stored_files(place: Place) -> list[Path]:
    return [path for path in Path(place.store).rglob("*") if path.is_file() and len(path.name) == 62]

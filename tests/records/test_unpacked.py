"""A zip whose pictures are to be read becomes a folder, whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest

from core.catalog import FORMATS, every
from core.errors import DataError
from core.records.access import Who
from core.records.database import Database
from core.records.place import Place
from core.records.sets import sets
from core.records.sets.unpacked import unpack
from core.records.tables import Upload
from core.sets.open import open_set
from tests import run_files as tiny


@pytest.fixture
def upload(database: Database, place: Place, who: Who, tmp_path: Path) -> Upload:
    brought = shutil.make_archive(str(tmp_path / "shades"), "zip", tiny.draw(tmp_path / "drawn", count=4))
    return sets.new_upload(database, place, who, who.projects[0], Path(brought), "shades.zip")


def test_a_zip_becomes_the_folder_that_reads_the_same(place: Place, upload: Upload) -> None:
    packed = open_set(sets.upload_path(place, upload), {}, every(FORMATS))
    before = packed.name, packed.fingerprint()
    unpack(place, upload)
    path = sets.upload_path(place, upload)
    assert path.is_dir() and path.name == "shades"
    after = open_set(path, {}, every(FORMATS))
    assert (after.name, after.fingerprint()) == before
    unpack(place, upload)
    assert sets.upload_path(place, upload) == path


def test_what_was_broken_off_is_begun_again_or_brought_to_its_end(
    place: Place, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = sets.upload_path(place, upload)

    def killed(*given: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("core.records.sets.unpacked.shutil.copyfileobj", killed)
        unpack(place, upload)
    assert sets.upload_path(place, upload) == source, "as it came"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "unlink", killed)
        unpack(place, upload)
    assert source.is_file() and source.with_suffix("").is_dir()
    unpack(place, upload)
    assert sets.upload_path(place, upload) == source.with_suffix("")


def test_a_damaged_zip_is_told_and_stays(place: Place, upload: Upload) -> None:
    source = sets.upload_path(place, upload)
    with ZipFile(source) as packed:
        member = packed.infolist()[-1]
    content = bytearray(source.read_bytes())
    at = member.header_offset + 30 + len(member.filename) + member.compress_size // 2
    content[at : at + 8] = b"\xff" * 8
    source.write_bytes(content)
    with pytest.raises(DataError, match="can't be unpacked"):
        unpack(place, upload)
    assert sets.upload_path(place, upload) == source


def test_a_zip_without_such_pictures_stays_packed(database: Database, place: Place, who: Who, tmp_path: Path) -> None:
    with ZipFile(tmp_path / "notes.zip", "w") as packed:
        packed.writestr("a.txt", "nothing to read")
    row = sets.new_upload(database, place, who, who.projects[0], tmp_path / "notes.zip", "notes.zip")
    unpack(place, row)
    assert sets.upload_path(place, row).is_file()

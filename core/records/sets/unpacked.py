"""A zip that was brought becomes the folder that it holds, where single pictures may have to wait or be masked."""

from __future__ import annotations

import shutil
from pathlib import Path

from core.deid.burned_pictures import is_bare_picture
from core.errors import DataError, reason
from core.layouts.files import open_tree
from core.pictures.zips import open_member
from core.records.place import Place
from core.records.sets.uploads import check_folder, upload_path
from core.records.tables import Upload

WORK = "unpacking"


def unpack(place: Place, upload: Upload) -> None:
    """Nothing to do where it holds no PNG or JPEG, or is no zip. Broken off anywhere, it begins again."""
    folder = place.uploads / upload.key
    for packed in folder.glob("*.zip"):
        if packed.with_suffix("").is_dir():  # broken off before this was removed
            packed.unlink()
    source = upload_path(place, upload)
    if not source.is_file() or source.suffix.lower() != ".zip":
        return
    tree = open_tree(source)
    if not any(map(is_bare_picture, tree.files)):
        return
    work = check_folder(place, upload) / WORK
    shutil.rmtree(work, ignore_errors=True)
    for name in tree.files:
        _take_out(source, tree.base + name, work / name)
    work.rename(source.with_suffix(""))
    source.unlink()


def _take_out(source: Path, member: str, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open_member(source, member) as packed, file.open("wb") as written:
            shutil.copyfileobj(packed, written)
    except (MemoryError, OSError):
        raise
    except Exception as error:  # damaged members raise almost anything: BadZipFile, zlib.error, lzma errors, EOFError
        raise DataError(
            f'"{member}" in {source.name} can\'t be unpacked ({reason(error)}). Make the zip again.'
        ) from None

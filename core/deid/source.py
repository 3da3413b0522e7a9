"""The files of an upload, in their order, those of zips within it too; and what each of them is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.errors import DataError
from core.layouts.files import Tree, holds_a_tree, is_litter, natural, open_tree
from core.layouts.instances import may_be_dicom, source_of
from core.layouts.table import SUFFIXES as TABLES
from core.limits import limits
from core.pictures.dicom_file import BEGINNING, is_dicom, refuse_inflating
from core.pictures.dicom_file import Source as Place
from core.pictures.zips import examine, examine_nested

ZIP = ".zip"
PICTURES = (".png", ".jpg", ".jpeg")
TASKS = (".yaml", ".yml")


@dataclass(frozen=True)
class Uploaded:
    """A file of an upload: its path, in which a zip is a folder, and where its bytes are."""

    name: str
    place: Place

    def content(self) -> bytes:
        content = self.place.content(limits().table_bytes if self.is_table else limits().picture_bytes)
        if is_dicom(content[:BEGINNING]):
            refuse_inflating(content, self.name)
        return content

    @property
    def is_table(self) -> bool:
        return self.name.lower().endswith(TABLES)

    @property
    def is_picture(self) -> bool:
        return self.name.lower().endswith(PICTURES)

    @property
    def is_task(self) -> bool:
        return self.name.lower().endswith(TASKS)

    @property
    def is_zip(self) -> bool:
        return self.name.lower().endswith(ZIP)

    def is_dicom(self) -> bool:
        """By its first bytes, whatever it is called."""
        try:
            return is_dicom(self.place.content(BEGINNING, only_beginning=True))
        except DataError:
            return False


def files_of(source: Path) -> list[Uploaded]:
    """Every file of a folder, a zip, or the one that is given."""
    if not holds_a_tree(source):
        return [Uploaded(source.name, Place(source))]
    tree = open_tree(source)
    return [file for name in tree.files for file in _within(tree, name)]


def holds_dicom(source: Path) -> bool:
    """Whether any file is one of DICOM; no more than beginnings are read, and none of what is called a picture."""
    return any(may_be_dicom(PurePosixPath(file.name).name) and file.is_dicom() for file in files_of(source))


def _within(tree: Tree, name: str) -> Iterator[Uploaded]:
    """The file itself, or those of the zip that it is. A zip that can't be read stands for itself."""
    if not name.lower().endswith(ZIP):
        yield Uploaded(name, source_of(tree, name))
        return
    place = tree.base + name
    try:
        members = examine_nested(tree.root, place) if tree.is_zip else examine(tree.root / place)
    except DataError:
        yield Uploaded(name, source_of(tree, name))
        return
    folder, outer = name[: -len(ZIP)], (place,) if tree.is_zip else ()
    for member in sorted(members, key=natural):
        if not member.endswith("/") and not any(map(is_litter, member.split("/"))):
            yield Uploaded(
                f"{folder}/{member}", Place(tree.root if tree.is_zip else tree.root / place, (*outer, member))
            )

"""What an image set may be called."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import CoreError
from core.records.tables import ImageSet

LONGEST = 255
ERASED = "erased set"


class SetError(CoreError):
    """A set or version that can't be made as asked."""


def erased_set_name(set_id: int) -> str:
    """What a set is called that was erased and that runs name; no other set gets such a name."""
    return f"{ERASED} {set_id}"


def refuse_reserved(name: str) -> None:
    if name.casefold().startswith(ERASED):
        raise SetError(f'Names that begin with "{ERASED}" are those of sets that were erased. Choose another name.')


def refuse_set_name(session: Session, project_id: int, name: str) -> None:
    if not 1 <= len(name) <= LONGEST or not name.isprintable():
        raise SetError(f"An image set's name has 1 to {LONGEST} characters that can be seen. Choose another.")
    refuse_reserved(name)
    if session.scalar(select(ImageSet.id).where(ImageSet.project_id == project_id, ImageSet.name == name)):
        raise SetError(f'There is an image set called "{name}" in this project already. Choose another name.')

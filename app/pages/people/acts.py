"""What admins do on the page People that takes more than a call of the records."""

from __future__ import annotations

from dataclasses import replace

from app.visit import Json, Visit
from core.records.accounts import people
from core.records.accounts.invitations import PATH
from core.records.erasing.erasable import erasable_kind, erase_named


def link(visit: Visit, token: str) -> str:
    """What is sent to the person. The token stands behind the `#`, which browsers keep to themselves."""
    return f"{visit.studio.address(visit.request)}{PATH}#{token}"


def what_erasing_does(visit: Visit, kind: str, which: str) -> Json:
    """What goes and what stays if this were erased for good, and the name to erase it by: a person by the name; a run,
    set, version, review or project by its number; a picture by the number of a question about it; a patient or a case
    by the number of its set, a slash and its name. `patient-and-runs` and `case-and-runs` take the runs that were
    tuned on them too; with `-but-uploads` at the end no other upload of the project goes that holds them, with
    `-and-uploads` such uploads go from all your projects."""
    erasure = erasable_kind(kind).plan(visit.database, visit.place, visit.who, which)
    return {"name": erasure.name, "goes": list(erasure.goes), "stays": list(erasure.stays)}


def erase_for_good(visit: Visit, kind: str, which: str, name: str) -> None:
    """Erases it, where `name` is its name."""
    erase_named(visit.database, visit.place, visit.who, kind, which, name)


def anew(visit: Visit) -> Visit:
    """The same visit with the person's projects as they are now."""
    return replace(visit, who=people.person(visit.database, visit.who.id))

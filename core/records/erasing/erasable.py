"""What admins erase for good, kind by kind: what there is of it, what goes and what stays, and doing it.

Pages, the command line and programs go by this list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.errors import SettingsError
from core.records.access import Who
from core.records.accounts import roster
from core.records.database import Database
from core.records.erasing import erasing, erasing_cases, erasing_pictures, erasing_projects, erasing_sets
from core.records.erasing.chosen_cases import KINDS, Chosen, Uploads
from core.records.erasing.erasing import Erasure
from core.records.place import Place

LONGEST_NUMBER = 9
AND_RUNS = "-and-runs"
"""After the kind, where the runs that were tuned on it go too."""
UPLOADS: dict[Uploads, str] = {
    "": "",
    "-but-uploads": ", without uploads that hold it",
    "-and-uploads": ", with uploads of all your projects that hold it",
}
"""After that, where other uploads go than those of its project that hold it."""


@dataclass(frozen=True)
class Erasable:
    """A kind of thing that can be erased; each is named by its number, a person by the name."""

    title: str
    listed: Callable[[Database, Who], list[tuple[str, str]]]
    plan: Callable[[Database, Place, Who, str], Erasure]
    erase: Callable[[Database, Place, Who, str], object]


def numbered(
    title: str,
    listed: Callable[[Database, Who], list[tuple[str, int]]],
    plan: Callable[[Database, Who, int], Erasure],
    erase: Callable[[Database, Place, Who, int], None],
) -> Erasable:
    return Erasable(
        title,
        lambda db, who: [(words, str(number)) for words, number in listed(db, who)],
        lambda db, place, who, which: plan(db, who, number_of(which)),
        lambda db, place, who, which: erase(db, place, who, number_of(which)),
    )


def number_of(which: str) -> int:
    if not (which.isascii() and which.isdigit()) or len(which) > LONGEST_NUMBER:
        raise SettingsError("There is nothing of this number. Choose one of those that are offered.")
    return int(which)


def erase_named(db: Database, place: Place, who: Who, kind: str, which: str, name: str) -> None:
    """Whoever erases something types its name: a click may be a slip."""
    erasable = erasable_kind(kind)
    planned = erasable.plan(db, place, who, which)
    if name.strip() != planned.name.strip():
        raise SettingsError("The name that was typed is another. Type it as it stands above, or leave it.")
    erasable.erase(db, place, who, which)


def erasable_kind(kind: str) -> Erasable:
    if kind not in ERASABLE:
        raise SettingsError(f'Nothing of the kind "{kind}" is erased. Choose one of {", ".join(ERASABLE)}.')
    return ERASABLE[kind]


def of_set(kind: str, takes_runs: bool, uploads: Uploads) -> Erasable:
    """A patient or a case; named by the number of its set, a slash, and what it is called there."""

    def chosen(which: str) -> Chosen:
        return Chosen.parse(kind, which, takes_runs, uploads)

    return Erasable(
        f"{kind.capitalize()} of an image set" + ", with runs that were tuned on it" * takes_runs + UPLOADS[uploads],
        lambda db, who: erasing_cases.erasable_cases(db, who, kind),
        lambda db, place, who, which: erasing_cases.case_erasure(db, place, who, chosen(which)),
        lambda db, place, who, which: erasing_cases.erase_cases(db, place, who, chosen(which)),
    )


ERASABLE: dict[str, Erasable] = {
    "person": Erasable(
        "Person",
        lambda db, who: [(person.name, person.name) for person in roster.roster(db, who)],
        lambda db, place, who, which: erasing.person_erasure(db, who, which),
        lambda db, place, who, which: erasing.erase_person(db, who, which),
    ),
    "run": numbered("Run", erasing.erasable_runs, erasing.run_erasure, erasing.erase_run),
    "set": numbered("Image set", erasing_sets.erasable_sets, erasing_sets.set_erasure, erasing_sets.erase_set),
    "version": numbered(
        "Version", erasing_sets.erasable_versions, erasing_sets.version_erasure, erasing_sets.erase_version
    ),
    "review": numbered("Review", erasing_sets.erasable_reviews, erasing_sets.review_erasure, erasing_sets.erase_review),
    "picture": numbered(
        "Picture that was asked about",
        erasing_pictures.erasable_pictures,
        erasing_pictures.picture_erasure,
        erasing_pictures.erase_picture,
    ),
    **{
        f"{kind}{runs}{uploads}": of_set(kind, bool(runs), uploads)
        for kind in KINDS
        for runs in ("", AND_RUNS)
        for uploads in UPLOADS
    },
    "project": numbered(
        "Project", erasing_projects.erasable_projects, erasing_projects.project_erasure, erasing_projects.erase_project
    ),
}

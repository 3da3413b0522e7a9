"""A patient or a case that an admin has chosen to be erased: the versions that show them, and what depends on these."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, joinedload

from core.errors import SettingsError
from core.pictures.looks import look_at_all
from core.pictures.store import StoredPixels
from core.records.access import NOT_THERE, NotAllowed, Who, allow
from core.records.erasing.erased_rows import OfVersions, of_versions
from core.records.payloads import Plug
from core.records.place import Place
from core.records.sets.versions import SetError
from core.records.tables import Case, ImageSet, Job, Run
from core.runs.forgotten import Gone

KINDS = {"patient": Case.patient, "case": Case.name}
Uploads = Literal["", "-but-uploads", "-and-uploads"]
"""After the kind: whether uploads that hold them go from the set's project, from none, or from all of the admin's.

From the set's project where nothing is said: whoever erases a patient wants no copy left that one click adds again, and
what was only brought is still with whoever brought it. Of another project somebody has to say so.
"""


@dataclass(frozen=True)
class Chosen:
    """A patient or a case of a set; whether the runs that were tuned on them go too, and which uploads do."""

    kind: str
    set_id: int
    name: str
    takes_runs: bool
    uploads: Uploads = ""

    @classmethod
    def parse(cls, kind: str, which: str, takes_runs: bool, uploads: Uploads = "") -> Chosen:
        """`which` is the number of the set, a slash, and the patient or the case."""
        number, _, name = which.partition("/")
        if not (number.isascii() and number.isdecimal() and len(number) < 10 and name):
            raise SettingsError(f'“{which}” names no {kind}. Name the set by its number, as in "12/P0003".')
        return cls(kind, int(number), name, takes_runs, uploads)

    @property
    def is_its(self) -> ColumnElement[bool]:
        return KINDS[self.kind] == self.name

    def includes(self, name: str, patient: str | None) -> bool:
        """As the records cut what is very long."""
        if self.kind == "case":
            return name[:1024] == self.name
        return bool(patient) and str(patient)[:255] == self.name


@dataclass(frozen=True)
class Holding:
    """The versions of a set that show them, and what depends on these."""

    row: ImageSet
    depends: OfVersions
    cases: tuple[Case, ...]
    learners: tuple[Run, ...]
    """Runs that were tuned on such a version, and those that took a VLM from one."""
    is_newest: bool
    """Whether the newest version is among them."""

    @property
    def names(self) -> frozenset[str]:
        return frozenset(case.name for case in self.cases)

    @property
    def pictures(self) -> tuple[str, ...]:
        """With masks, each once."""
        masks = (case.more["mask"] for case in self.cases if "mask" in case.more)
        return tuple(sorted({*(case.digest for case in self.cases), *masks}))


def holding_of(session: Session, who: Who, chosen: Chosen) -> Holding:
    row = session.get(ImageSet, chosen.set_id, options=[joinedload(ImageSet.versions)])
    if row is None or row.erased is not None:
        raise NotAllowed(NOT_THERE)
    allow(who, row.project_id, "manage")
    living = {version.id: version for version in row.versions if version.erased is None}
    cases = session.scalars(select(Case).where(Case.version_id.in_(living), chosen.is_its)).all()
    holders = [living[number] for number in sorted({case.version_id for case in cases})]
    if not holders:
        raise SettingsError(f"“{row.name}” has no {chosen.kind} “{chosen.name}”. Write it as it stands in the set.")
    is_whole = all(sum(case.version_id == version.id for case in cases) == version.cases for version in holders)
    if is_whole and len(holders) == len(living):
        raise SetError(f"“{row.name}” has no other cases. Erase the set instead.")
    newest = max(living.values(), key=lambda version: version.number)
    depends = of_versions(session, row.project_id, holders)
    return Holding(row, depends, tuple(cases), _learners(session, row, depends), newest in holders)


def gone_of(place: Place, chosen: Chosen, holding: Holding, of_others: Collection[str]) -> Gone:
    """By pictures that are another's too nobody is known. One that can't be opened was learned by nobody."""
    own = sorted({case.digest for case in holding.cases} - set(of_others))
    looks = zip(own, look_at_all([StoredPixels(place.store, digest) for digest in own]), strict=True)
    opened = {digest: look for digest, look in looks if not look.problem}
    telling = {digest: look.shown for digest, look in opened.items() if not look.is_blank}
    return Gone(
        cases=holding.names,
        shown=frozenset(look.shown for look in opened.values()),
        patients=frozenset({chosen.name} if chosen.kind == "patient" else ()),
        telling=frozenset(telling.values()),
        pictures=frozenset(telling),
    )


def of_others(session: Session, holding: Holding) -> set[str]:
    """Pictures and masks that other cases of the same versions have too."""
    shared = set[str]()
    for column in (Case.digest, Case.more["mask"].as_string()):
        shown = select(column, Case.name).where(Case.version_id.in_(holding.depends.numbers))
        rows = session.execute(shown.where(column.in_(holding.pictures)))
        shared |= {digest for digest, name in rows if name not in holding.names}
    return shared


def _learners(session: Session, row: ImageSet, depends: OfVersions) -> tuple[Run, ...]:
    """Also of versions that were erased, which may have shown them."""
    erased = [version.id for version in row.versions if version.erased is not None]
    runs = {run.id: run for run in (*depends.runs, *session.scalars(select(Run).where(Run.version_id.in_(erased))))}
    fresh = list(runs)
    while fresh:
        of = Job.payload["of"].as_integer()
        plugged = select(Run).join(Job, Job.id == Run.job_id).where(Job.kind == Plug.kind, of.in_(fresh))
        fresh = [
            run.id for run in session.scalars(plugged) if runs.setdefault(run.id, run) is run and run.id not in fresh
        ]
    return tuple(sorted(runs.values(), key=lambda run: run.id))

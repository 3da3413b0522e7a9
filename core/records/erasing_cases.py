"""Erasing a patient of an image set for good, or a single case; by admins of the project.

Every version that shows them goes, and another without them takes its place: a version never changes. Reviews and what
was decided about other cases go on with it. Runs that were tuned on them stay, or go too, as the admin chooses: what
their weights learned can't be taken out of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, or_, select
from sqlalchemy.orm import Session, joinedload

from core.case import ImageSet as WholeSet
from core.deid.key import NAME, site_key
from core.errors import SettingsError
from core.pictures.looks import look_at_all
from core.pictures.store import StoredPixels
from core.records import artifacts
from core.records.access import NOT_THERE, NotAllowed, Who, allow, permit
from core.records.audit import note
from core.records.carried import Renumbered, carry_on, take_boxes, verdicts_about
from core.records.database import Database
from core.records.erased_rows import OF_RUNS, OfVersions, count, of_versions, take_cases, take_reviews, under_way
from core.records.erasing import Erasure, counted, erase_run
from core.records.payloads import Ask, Export, Find, Plug, Settle
from core.records.people import administering
from core.records.place import Place
from core.records.remains import Files, clear, leave, merged, pictures_in_use
from core.records.tables import (
    UNDER_WAY,
    Case,
    ImageSet,
    Job,
    LogLine,
    Run,
    Upload,
    Version,
    now,
)
from core.records.versions import SetError, add_rest, keep_rest, nothing_kept, version_folder
from core.runs.forgotten import NAMED, Gone, forget_cases
from core.sets.version import About, read_version

MOST_LISTED = 1000
MOST_NAMED = 5
KINDS = {"patient": Case.patient, "case": Case.name}


@dataclass(frozen=True)
class Chosen:
    """A patient or a case of a set, and whether the runs that were tuned on them go too."""

    kind: str
    set_id: int
    name: str
    takes_runs: bool

    @classmethod
    def parse(cls, kind: str, which: str, takes_runs: bool) -> Chosen:
        """`which` is the number of the set, a slash, and the patient or the case."""
        number, _, name = which.partition("/")
        if not (number.isascii() and number.isdecimal() and len(number) < 10 and name):
            raise SettingsError(f'“{which}” names no {kind}. Name the set by its number, as in "12/P0003".')
        return cls(kind, int(number), name, takes_runs)

    @property
    def is_its(self) -> ColumnElement[bool]:
        return KINDS[self.kind] == self.name


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


@dataclass(frozen=True)
class Rest:
    """What is left of a version, and its files, which lie there already."""

    old: Version
    cases: WholeSet
    about: About
    places: dict[int, int]
    """Numbers of cases now by those before."""


def erasable_cases(db: Database, who: Who, kind: str) -> list[tuple[str, str]]:
    """The first of each set, as they are chosen from."""
    permit(who, "manage")
    column = KINDS[kind]
    own = (ImageSet.project_id.in_(who.projects), ImageSet.erased.is_(None), Version.erased.is_(None))
    every = select(ImageSet.id, ImageSet.name, column).join(Version, Version.set_id == ImageSet.id)
    of_sets = every.join(Case, Case.version_id == Version.id).where(*own, column.is_not(None)).distinct()
    with db.reading() as session:
        rows = session.execute(of_sets.order_by(ImageSet.name, column).limit(MOST_LISTED)).all()
        return [(f"{name} ({title})", f"{set_id}/{name}") for set_id, title, name in rows]


def case_erasure(db: Database, who: Who, chosen: Chosen) -> Erasure:
    with db.reading() as session:
        holding = _holding(session, who, chosen)
        return Erasure(chosen.name, tuple(_going(session, holding, chosen)), tuple(_staying(session, holding, chosen)))


def erase_cases(db: Database, place: Place, who: Who, chosen: Chosen) -> None:
    """What runs kept first, which does no harm twice; then the rows, all or none; then the files."""
    with db.reading() as session:
        holding = _holding(session, who, chosen)
        _refuse_under_way(session, holding)
        others = _of_others(session, holding)
    rests = _rests(place, holding, chosen)
    gone = Gone(
        holding.names, _shown(place, holding, others), frozenset({chosen.name} if chosen.kind == "patient" else ())
    )
    for run in holding.learners:
        if chosen.takes_runs:
            erase_run(db, place, who, run.id)
        else:
            _forget_in_run(db, place, run, gone)
    with nothing_kept(db, *(rest.about for rest in rests)), db.session() as session:
        left = _take(session, place, who, chosen, holding, rests, gone)
    clear(db, place, who, left, holding.row.project_id)
    db.empty_journal()


def _take(
    session: Session, place: Place, who: Who, chosen: Chosen, before: Holding, rests: Sequence[Rest], gone: Gone
) -> int:
    """All rows; returns the number of what is left to be removed."""
    acting = administering(session, who)
    session.execute(select(ImageSet.id).where(ImageSet.id == chosen.set_id).with_for_update())
    holding = _holding(session, acting, chosen)
    if holding.depends.numbers != before.depends.numbers or holding.names != before.names:
        raise SetError("The set has changed meanwhile. Look at what would go now, and erase it then.")
    _refuse_under_way(session, holding)
    files = [_in_their_place(session, acting, holding, rests), _asked(session, holding, gone)]
    files.append(Files(pictures=holding.pictures))
    facts = {"set": holding.row.id, "versions": len(holding.depends.versions), "cases": len(holding.names)}
    facts |= {"runs": len(before.learners), "runs_erased": len(before.learners) if chosen.takes_runs else 0}
    mark = site_key(place.data / NAME).mark(f"erased {chosen.kind} {chosen.set_id}/{chosen.name}")
    note(session, acting, f"erase {chosen.kind}", holding.row.project_id, holding.row.name, **facts, mark=mark)
    return leave(session, f"a {chosen.kind} of {holding.row.name}", merged(*files))


def _in_their_place(session: Session, who: Who, holding: Holding, rests: Sequence[Rest]) -> Files:
    """New versions for those that go, and with them what was decided; without one, what was decided goes too."""
    files, next_of = list[Files](), dict[int, int]()
    take_boxes(session, [version.id for version in holding.row.versions], holding.names)
    for rest in rests:
        old = next(version for version in holding.depends.versions if version.id == rest.old.id)
        made = add_rest(session, old, rest.cases, rest.about, who, next_of.get(old.made_from or 0, old.made_from))
        folders = carry_on(session, Renumbered(old.id, rest.places, holding.names), made)
        next_of[old.id] = made.id
        files.append(Files(folders=tuple(folders)))
    alone = [review for review in holding.depends.reviews if review.version_id not in next_of.values()]
    files.append(take_reviews(session, alone))
    files.append(take_cases(session, holding.depends))
    for version in holding.depends.versions:
        version.note, version.counts, version.erased = "", {}, now()
    session.flush()
    return merged(*files)


def _asked(session: Session, holding: Holding, gone: Gone) -> Files:
    """What was asked of runs and names them, or shows the same picture; and zips of runs, in which their readings
    are."""
    project_id, runs = holding.row.project_id, [run.id for run in holding.learners]
    of_runs = Job.kind.in_(OF_RUNS) & Job.payload["run"].as_integer().in_(runs)
    about_them = Job.kind.in_((Ask.kind, Find.kind)) & Job.payload["image"].as_string().in_(holding.pictures)
    jobs = session.scalars(select(Job).where(Job.project_id == project_id, or_(of_runs, about_them))).all()
    going = [
        job
        for job in jobs
        if job.kind == Export.kind
        or job.payload.get("image") in holding.pictures
        or gone.is_named_in([job.payload, job.result, job.error])
    ]
    session.execute(delete(Job).where(Job.id.in_([job.id for job in going])))
    of_logs = select(LogLine).where(LogLine.job_id.in_([run.job_id for run in holding.learners]))
    for line in session.scalars(of_logs.execution_options(yield_per=1000)):
        if gone.is_named_in(line.text):
            session.delete(line)
    return Files(exports=tuple(job.id for job in going if job.kind == Export.kind))


def _forget_in_run(db: Database, place: Place, run: Run, gone: Gone) -> None:
    artifacts.bring_back(db, place, run, NAMED)
    artifacts.keep_changed(db, place, run, forget_cases(place.runs / run.key, gone))


def _shown(place: Place, holding: Holding, others: Collection[str]) -> frozenset[str]:
    """As what runs keep of what they learned from names pictures, but for those that are another's too. One that can't
    be opened was learned by nobody."""
    own = sorted({case.digest for case in holding.cases} - set(others))
    looks = look_at_all([StoredPixels(place.store, digest) for digest in own])
    return frozenset(look.shown for look in looks if not look.problem)


def _of_others(session: Session, holding: Holding) -> set[str]:
    """Pictures and masks that other cases of the same versions have too."""
    of_others = set[str]()
    for column in (Case.digest, Case.more["mask"].as_string()):
        shown = select(column, Case.name).where(Case.version_id.in_(holding.depends.numbers))
        rows = session.execute(shown.where(column.in_(holding.pictures)))
        of_others |= {digest for digest, name in rows if name not in holding.names}
    return of_others


def _rests(place: Place, holding: Holding, chosen: Chosen) -> list[Rest]:
    """Where a newer version shows none of them, those before it get none in their place: the newest stays that."""
    rests = list[Rest]()
    for version in holding.depends.versions if holding.is_newest else ():
        whole = read_version(version_folder(place, version), place.store)
        kept = [row for row, case in enumerate(whole.cases) if not _is_chosen(chosen, case.id, case.patient)]
        if kept:
            rest = whole.with_cases(whole.cases[row] for row in kept)
            places = {row: place for place, row in enumerate(kept)}
            rests.append(Rest(version, rest, keep_rest(place, rest), places))
    return rests


def _is_chosen(chosen: Chosen, name: str, patient: str | None) -> bool:
    """As the records cut what is very long."""
    return name[:1024] == chosen.name if chosen.kind == "case" else bool(patient) and str(patient)[:255] == chosen.name


def _holding(session: Session, who: Who, chosen: Chosen) -> Holding:
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


def _refuse_under_way(session: Session, holding: Holding) -> None:
    row, depends = holding.row, holding.depends
    working = under_way(session, row.project_id, depends, row.name)
    settling = (Job.kind == Settle.kind) & Job.payload["version"].as_integer().in_(depends.numbers)
    working += count(session, settling, Job.state.in_(UNDER_WAY))
    working += count(session, Job.id.in_([run.job_id for run in holding.learners]), Job.state.in_(UNDER_WAY))
    if working:
        raise SetError(
            f"Something waits or is carried out with “{row.name}”, or with what was tuned on it. Cancel that or wait "
            "for its end, then erase."
        )


def _going(session: Session, holding: Holding, chosen: Chosen) -> list[str]:
    depends, zips = holding.depends, sum(job.kind == Export.kind for job in holding.depends.jobs)
    jobs = [job.id for job in depends.about_cases]
    elsewhere = pictures_in_use(session, holding.pictures, jobs, depends.numbers) | _of_others(session, holding)
    numbers = [version.number for version in depends.versions]
    fate = "another takes its place, without them" if holding.is_newest else "a newer one shows none of them"
    runs = len(holding.learners)
    lines = [
        *counted([("case", len(holding.names))], None, "names, labels, patient, boxes, report"),
        *counted([("picture that nothing else shows", len(holding.pictures) - len(elsewhere))]),
        *counted([("version", len(numbers))], None, f"({', '.join(map(str, numbers))}): {fate}"),
        *counted([("verdict", verdicts_about(session, depends.numbers, holding.names))], None, "about them"),
        *counted([("upload that it came from", len(depends.uploads))], "uploads that they came from", "whole"),
        *counted([("question", len(jobs))], None, "about cases of these versions"),
        *counted([("zip to take away", zips)], None, "made of such a run"),
        "audits of labels that drew one of them, and what searches left in their folders",
    ]
    if not holding.is_newest:
        lines += counted([("review", len(depends.reviews))], None, "of these versions, with all verdicts")
    if runs and chosen.takes_runs:
        lines.append(f"{_named(holding.learners)}: with files, figures and all that was asked of them")
    elif runs:
        lines.append(
            f"in {_named(holding.learners)}: what was read of them, their places in indexes, and features of all "
            "pictures, so that simple rivals, and how unlike a new picture is, are told no more"
        )
    return lines


def _staying(session: Session, holding: Holding, chosen: Chosen) -> list[str]:
    lines = ["all other cases, with labels, boxes and what was decided about them"] if holding.is_newest else []
    if holding.learners and not chosen.takes_runs:
        lines.append(
            f"{_named(holding.learners)}: they may have learned from them. What is in their weights and figures can't "
            "be taken out: have these runs erased too where that must not stay. None of them can be resumed, probed or "
            "tuned again"
        )
    if chosen.kind == "patient":
        lines += _same_elsewhere(session, holding.row, chosen)
    waiting = count(session, Upload.project_id == holding.row.project_id, Upload.state != "added")
    lines += counted(
        [("upload that was not added", waiting)], "uploads that were not added", "nobody has looked whose they are"
    )
    return [
        *lines,
        "what was taken away before, and what people wrote in notes",
        "the audit log: that it was done, without the name; and whatever stands there already",
    ]


def _same_elsewhere(session: Session, row: ImageSet, chosen: Chosen) -> list[str]:
    """Whether it is the same person nobody can tell: numbers of two sets may be of two hospitals."""
    of_project = select(ImageSet.name).join(Version, Version.set_id == ImageSet.id).join(Case, chosen.is_its)
    others = of_project.where(
        Case.version_id == Version.id,
        ImageSet.project_id == row.project_id,
        ImageSet.id != row.id,
        Version.erased.is_(None),
    )
    names = session.scalars(others.distinct().order_by(ImageSet.name)).all()
    return [f"a patient called the same in {name}: erase it there too if it is the same person" for name in names]


def _named(runs: Sequence[Run]) -> str:
    """“A” (run 3), “B” (run 4) and 2 more."""
    more = f" and {len(runs) - MOST_NAMED:,} more" if len(runs) > MOST_NAMED else ""
    return ", ".join(f"“{run.name}” (run {run.id})" for run in runs[:MOST_NAMED]) + more

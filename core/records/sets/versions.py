"""Writing versions of image sets: pictures into the store, a manifest into a folder, a row a case."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import insert, literal, select, update
from sqlalchemy.orm import Session, joinedload

from core.case import NO_FINDING, SPLITS, Case, ImageSet, Pixels, Task
from core.pictures.keeping import keep_all
from core.pictures.store import StoredPixels, open_store
from core.records import audit, tables
from core.records.access import NOT_THERE, NotAllowed, Who, allow
from core.records.database import Database
from core.records.labels import places_of
from core.records.numbers import new_number
from core.records.place import Place
from core.records.sets.set_names import SetError as SetError
from core.records.sets.set_names import refuse_reserved
from core.records.tables import ImageSet as SetRow
from core.records.tables import Remains, Version
from core.sets.responses import refuse_shared, refuse_shared_of_new, said_alike
from core.sets.version import ABOUT, MANIFEST, About, fetch_version, read_about, write_about
from core.sets.version import write_version as write_files

UNDIVIDED = "undivided"
ROWS_AT_ONCE = 5000

OnCase = Callable[[int, int], None]


class Erased(NotAllowed):
    """A version that was erased. Runs name it still."""

    def __init__(self, version: Version) -> None:
        super().__init__(
            f"The images of {version.image_set.name}, version {version.number}, were erased on "
            f"{version.erased:%Y-%m-%d}. Choose another version."
        )


def write_version(
    db: Database,
    place: Place,
    image_set: ImageSet,
    *,
    who: Who,
    project_id: int,
    set_id: int | None = None,
    name: str | None = None,
    note: str = "",
    made_from: int | None = None,
    cases_of: int | None = None,
    on_case: OnCase | None = None,
    beside: Path | None = None,
) -> Version:
    """Keeps a set for good: pictures in the store, a manifest, a row a case; what is the newest version stays that.

    A new version of the set with this id or name, or the first of a new one; the name is the set's own where none is
    given. `on_case` is told how many pictures are stored, and of how many. Where the cases are those of another version
    (`cases_of`, else `made_from`) that is erased meanwhile, nothing of them is kept.
    """
    allow(who, project_id, "work")
    if not image_set.cases:
        raise SetError(f"No case of {name or image_set.name} is left to keep. Mend what is wrong, or leave out less.")
    refuse_shared_of_new(image_set)
    named, set_name = _target(db, project_id, set_id, name or image_set.name)
    stored = _stored(place, replace(image_set, name=set_name), on_case, beside)
    about = _keep(place, lambda folder: write_files(folder, stored))
    with nothing_kept(db, about), db.session() as session:
        row = _set_row(session, project_id, named, set_name)
        _refuse_erased(session, cases_of or made_from)
        if (newest := _newest(session, row)) is not None and newest.hash == about.hash and newest.erased is None:
            return newest  # a job that crashed after this was carried out again
        version = _version_row(session, row, about, counted(stored), who, note, made_from)
        for rows in _case_rows(stored, version.id):
            session.execute(insert(tables.Case), rows)
        numbers = {"set": row.id, "version": version.id}
        subject = f"{row.name}, version {version.number}"
        audit.note(session, who, "new version", project_id, subject, cases=about.cases, **numbers)
    return version


def edit_task(db: Database, place: Place, who: Who, version_id: int, task: Task, note: str) -> Version:
    """See `sets.new_version_with_task`. Pictures and manifest stay what they are."""
    with db.reading() as session:
        old = allowed_version(session, who, version_id, "work")
        used = {label for labels in old.counts.values() for label in labels} - {NO_FINDING}
    _refuse_misfit(old, task, used)
    if said_alike(task) != said_alike(Task.parse(old.task, "task")):
        refuse_shared(task)
    folder = version_folder(place, old)

    def fill(draft: Path) -> About:
        about = replace(read_about(folder), task=task)
        shutil.copyfile(folder / MANIFEST, draft / MANIFEST)
        write_about(draft, about)
        return about

    about = _keep(place, fill)
    with nothing_kept(db, about), db.session() as session:
        row = _set_row(session, old.image_set.project_id, old.set_id, old.image_set.name)
        _refuse_erased(session, version_id)
        counts = {split: _ordered(labels, task) for split, labels in old.counts.items()}
        version = _version_row(session, row, about, counts, who, note, version_id)
        _copy_rows(session, old, version)
        numbers = {"set": row.id, "version": version.id}
        subject = f"{row.name}, version {version.number}"
        audit.note(session, who, "edit task", row.project_id, subject, made_from=version_id, **numbers)
    return version


def keep_rest(place: Place, rest: ImageSet) -> About:
    """The files of a version that takes the place of one with more cases; its pictures are in the store already."""
    return _keep(place, lambda folder: write_files(folder, rest))


def add_rest(session: Session, old: Version, rest: ImageSet, about: About, who: Who, made_from: int | None) -> Version:
    """Its rows, once the set is locked."""
    count = old.cases - about.cases
    erased = "one case that was erased" if count == 1 else f"{count:,} cases that were erased"
    note = "; ".join(filter(None, (old.note, f"version {old.number} without {erased}")))
    version = _version_row(session, old.image_set, about, counted(rest), who, note, made_from)
    for rows in _case_rows(rest, version.id):
        session.execute(insert(tables.Case), rows)
    return version


def allowed_version(session: Session, who: Who, version_id: int, action: str = "look") -> Version:
    version = session.get(Version, version_id, options=[joinedload(Version.image_set)])
    if version is None:
        raise NotAllowed(NOT_THERE)
    allow(who, version.image_set.project_id, action)
    if version.erased is not None:
        raise Erased(version)
    return version


def hold_living(session: Session, version_id: int) -> None:
    """Until this transaction ends nobody erases anything of its set; Erased where somebody has erased the version."""
    version = session.get_one(Version, version_id, options=[joinedload(Version.image_set)])
    session.execute(select(SetRow.id).where(SetRow.id == version.set_id).with_for_update(read=True))
    session.refresh(version, ["erased"])
    if version.erased is not None:
        raise Erased(version)


def named_version(db: Database, project_id: int, version_id: int) -> Version:
    """The version that a job's payload names, for the worker, which may see everything: as `runs.named_run`."""
    with db.reading() as session:
        named = session.get(Version, version_id, options=[joinedload(Version.image_set)])
    if named is None or named.image_set.project_id != project_id:
        raise SetError("The version is not there any more. Choose another one.")
    if named.erased is not None:
        raise Erased(named)
    return named


def version_folder(place: Place, version: Version) -> Path:
    """The version's folder on this machine, fetched from the store where it was written elsewhere."""
    if version.erased is not None:
        raise Erased(version)
    folder = place.versions / version.hash
    if not (folder / ABOUT).is_file():
        fetch_version(folder, place.store)
    return folder


def counted(image_set: ImageSet) -> dict[str, dict[str, int]]:
    """{split: {label: cases}}, labels in the task's order; a case counts for each of its labels."""
    counts: dict[str, Counter[str]] = {}
    for case in image_set.cases:
        counts.setdefault(case.split or UNDIVIDED, Counter()).update(case.labels or (NO_FINDING,))
    order = [split for split in (*SPLITS, UNDIVIDED) if split in counts]
    return {split: _ordered(counts[split], image_set.task) for split in order}


def _ordered(counts: Any, task: Task) -> dict[str, int]:
    return {name: counts[name] for name in (*task.answers, NO_FINDING) if counts.get(name)}


def _target(db: Database, project_id: int, set_id: int | None, name: str) -> tuple[int | None, str]:
    with db.reading() as session:
        of_project = select(SetRow).where(SetRow.project_id == project_id)
        row = session.scalar(of_project.where(SetRow.id == set_id if set_id is not None else SetRow.name == name))
    if row is None and set_id is not None:
        raise NotAllowed(NOT_THERE)
    return (row.id, row.name) if row else (None, name)


def _set_row(session: Session, project_id: int, set_id: int | None, name: str) -> SetRow:
    if set_id is not None:
        # Locked, so that two new versions of one set take turns to be numbered.
        row = session.scalar(select(SetRow).where(SetRow.id == set_id).with_for_update())
        if row is None or row.erased is not None:
            raise SetError(f"The image set “{name}” was erased meanwhile. Nothing was added to it.")
        row.archived = None  # what gets another version is at work again
        return row
    refuse_reserved(name)
    row = SetRow(id=new_number(session, SetRow), project_id=project_id, name=name)
    session.add(row)
    session.flush()
    return row


def _refuse_erased(session: Session, version_id: int | None) -> None:
    """Asked once its set is locked, which whoever erases it locks first."""
    version = None if version_id is None else session.get(Version, version_id, options=[joinedload(Version.image_set)])
    if version is not None and version.erased is not None:
        raise Erased(version)


@contextmanager
def nothing_kept(db: Database, *abouts: About) -> Iterator[None]:
    """Where a version's rows are refused because something was erased meanwhile, its files go too."""
    try:
        yield
    except (Erased, SetError):
        with db.session() as session:
            session.add(
                Remains(name="a version of what was erased", files={"versions": [about.hash for about in abouts]})
            )
        raise


def _newest(session: Session, row: SetRow) -> Version | None:
    newest = select(Version).where(Version.set_id == row.id).order_by(Version.number.desc()).limit(1)
    return session.scalar(newest.options(joinedload(Version.image_set)))


def _version_row(
    session: Session,
    row: SetRow,
    about: About,
    counts: dict[str, dict[str, int]],
    who: Who,
    note: str,
    made_from: int | None,
) -> Version:
    newest = _newest(session, row)
    version = Version(
        id=new_number(session, Version),
        image_set=row,
        number=newest.number + 1 if newest else 1,
        hash=about.hash,
        task=about.task.model_dump(mode="json"),
        cases=about.cases,
        counts=counts,
        made_from=made_from,
        note=note,
        person_id=who.id,
    )
    session.add(version)
    session.flush()
    return version


def _stored(place: Place, image_set: ImageSet, on_case: OnCase | None, beside: Path | None) -> ImageSet:
    """The set with every picture and mask in the store."""
    store = open_store(place.store)

    def is_kept(pixels: Pixels) -> bool:
        return isinstance(pixels, StoredPixels) and pixels.store == store.url

    files = [[case.pixels, *((case.mask,) if case.mask else ())] for case in image_set.cases]
    arriving = [pixels for of_case in files for pixels in of_case if not is_kept(pixels)]
    cases: list[Case] = []
    with closing(keep_all(arriving, store, beside)) as hashes:
        for case, of_case in zip(image_set.cases, files, strict=True):
            pixels, *mask = [each if is_kept(each) else StoredPixels(store.url, next(hashes)) for each in of_case]
            cases.append(replace(case, pixels=pixels, mask=mask[0] if mask else None))
            if on_case:
                on_case(len(cases), len(image_set.cases))
    return image_set.with_cases(cases)


def _keep(place: Place, fill: Callable[[Path], About]) -> About:
    """Makes a version's folder, which appears when it is whole, and shares it through the store."""
    place.versions.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.versions, prefix=".draft-") as draft:
        about = fill(Path(draft))
        folder = place.versions / about.hash
        if not folder.exists():
            try:
                Path(draft).rename(folder)
            except OSError:
                if not folder.exists():  # else another process wrote the same version meanwhile
                    raise
    store = open_store(place.store)
    for name in (MANIFEST, ABOUT):
        store.send(folder / name, f"versions/{about.hash}/{name}")
    return about


def _case_rows(image_set: ImageSet, version_id: int) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(image_set.cases), ROWS_AT_ONCE):
        part = image_set.cases[start : start + ROWS_AT_ONCE]
        yield [_case_row(case, start + place, version_id, image_set.task) for place, case in enumerate(part)]


def _case_row(case: Case, number: int, version_id: int, task: Task) -> dict[str, Any]:
    more: dict[str, Any] = {}
    if case.more:
        more["columns"] = dict(case.more)
    if case.boxes:
        more["boxes"] = [vars(box) for box in case.boxes]
    if case.mask:
        more["mask"] = case.mask.digest()
    if case.report:
        more["report"] = case.report
    return {
        "version_id": version_id,
        "number": number,
        "name": case.id[:1024],
        "digest": case.pixels.digest(),
        "labels": task.in_order(case.labels),
        "places": places_of(case.labels, task.answers),
        "split": case.split,
        "patient": case.patient[:255] if case.patient else None,
        "more": more,
    }


def _refuse_misfit(old: Version, task: Task, used: set[str]) -> None:
    missing = [label for label in used if label not in task.answers]
    if missing:
        raise SetError(
            f'The label "{missing[0]}" is used by cases of this version and is not among the answers '
            f"({', '.join(task.answers)}). Keep it: labels are changed in the review, not here."
        )
    is_multi = old.task.get("kind") == "multi"
    if is_multi != (task.kind == "multi"):
        raise SetError("Cases with any number of labels can't become cases with one, or back. Keep the kind of labels.")


def _copy_rows(session: Session, old: Version, version: Version) -> None:
    """The cases of the old version under the new one, within the database."""
    table = tables.Case.__table__
    rest = [column for column in table.columns if column.name != "version_id"]
    copied = select(literal(version.id), *rest).where(tables.Case.version_id == old.id)
    session.execute(insert(tables.Case).from_select(["version_id", *(column.name for column in rest)], copied))
    task = Task.parse(version.task, "task")
    if tuple(old.task["answers"]) != task.answers:
        _reorder_labels(session, version, task)


def _reorder_labels(session: Session, version: Version, task: Task) -> None:
    """Rows follow the order of the answers. By labels and places both: places alone would be changed twice."""
    row = tables.Case
    distinct = select(row.labels, row.places).where(row.version_id == version.id).distinct()
    for labels, places in session.execute(distinct).all():
        has_both = (row.version_id == version.id, row.places == places, row.labels == labels)
        new = {"labels": task.in_order(labels), "places": places_of(labels, task.answers)}
        session.execute(update(row).where(*has_both).values(new))

"""Erasing for good, by admins of the project: a set with all its versions, a version, a review.

A run that used a version stays, and says that its images were erased; of the version its number and its question stay.
"""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, joinedload

from core.records.access import NOT_THERE, NotAllowed, Who, allow, permit
from core.records.accounts.people import administering
from core.records.audit import note
from core.records.database import Database
from core.records.erasing.erased_rows import (
    OfVersions,
    count,
    of_versions,
    pictures_of,
    take_reviews,
    take_versions,
    under_way,
)
from core.records.erasing.erasing import Erasure, counted
from core.records.erasing.remains import clear, leave, pictures_in_use
from core.records.payloads import Export
from core.records.place import Place
from core.records.sets.set_names import erased_set_name
from core.records.sets.versions import SetError
from core.records.tables import (
    UNDER_WAY,
    BoxCorrection,
    Correction,
    ImageSet,
    Job,
    LabelAudit,
    Project,
    Review,
    Run,
    Verdict,
    Version,
    now,
)

LOG = "its name in the audit log"


def erasable_sets(db: Database, who: Who) -> list[tuple[str, int]]:
    """Of all of the admin's projects, by name."""
    return [(f"{row.name} ({title})", row.id) for row, title in _sets(db, who)]


def erasable_versions(db: Database, who: Who) -> list[tuple[str, int]]:
    """Set by set, the newest first. The only version of a set goes with the set."""
    return [
        (f"{row.name} v{version.number}: {version.cases:,} cases ({title})", version.id)
        for row, title in _sets(db, who)
        if len(living := [version for version in row.versions if version.erased is None]) > 1
        for version in living[::-1]
    ]


def erasable_reviews(db: Database, who: Who) -> list[tuple[str, int]]:
    """The newest first."""
    permit(who, "manage")
    query = select(Review).where(Review.project_id.in_(who.projects)).order_by(Review.id.desc())
    with db.reading() as session:
        loaded = query.options(joinedload(Review.version).joinedload(Version.image_set))
        return [
            (f"{row.id} · {row.name} ({row.version.image_set.name} v{row.version.number})", row.id)
            for row in session.scalars(loaded)
        ]


def set_erasure(db: Database, who: Who, set_id: int) -> Erasure:
    with db.reading() as session:
        row = _allowed_set(session, who, set_id)
        depends = of_versions(session, row.project_id, _living(row))
        versions = counted([("version", len(depends.versions))])
        stays = [*_staying(depends), LOG]
        return Erasure(row.name, (*versions, *_going(session, depends)), tuple(stays))


def version_erasure(db: Database, who: Who, version_id: int) -> Erasure:
    with db.reading() as session:
        row, version = _allowed_version(session, who, version_id)
        depends = of_versions(session, row.project_id, [version])
        stays = [
            "the other versions of its set, with all pictures that they show",
            *_staying(depends),
            "its number and its question, so that no other version is taken for it",
            LOG,
        ]
        return Erasure(_titled(row, version), tuple(_going(session, depends)), tuple(stays))


def review_erasure(db: Database, who: Who, review_id: int) -> Erasure:
    with db.reading() as session:
        review = _allowed_review(session, who, review_id)
        verdicts, people = (
            count(session, Verdict.review_id == review.id),
            len(session.scalars(select(Verdict.person_id).where(Verdict.review_id == review.id).distinct()).all()),
        )
        made = session.scalars(select(Correction.version_id).where(Correction.review_id == review.id).distinct()).all()
        goes = [
            "what its search found, case by case, and its folder",
            *counted(
                [("verdict", verdicts)], more=f"of {people} {'person' if people == 1 else 'people'}, undone ones too"
            ),
            *counted([("audit", count(session, LabelAudit.review_id == review.id))], None, "of its labels"),
            *counted([("version", len(made))], "versions", "told why its cases differ: who said so, and their words"),
        ]
        stays = [
            "the image set, and versions that were made from it, with the labels that they have",
            *counted([("correction of boxes", count(session, BoxCorrection.version_id == review.version_id))]),
            LOG,
        ]
        return Erasure(review.name, tuple(goes), tuple(stays))


def erase_set(db: Database, place: Place, who: Who, set_id: int) -> None:
    """Rows first, all or none; then the files."""
    with db.session() as session:
        acting = administering(session, who)
        row = _allowed_set(session, acting, set_id, is_locked=True)
        name, project_id, versions = row.name, row.project_id, _living(row)
        depends = of_versions(session, project_id, versions)
        _refuse_under_way(session, row, depends, name)
        files = take_versions(session, depends)
        used = set(
            session.scalars(select(Run.version_id).where(Run.version_id.in_([each.id for each in row.versions])))
        )
        gone = [version.id for version in row.versions if version.id not in used]
        for version in row.versions:
            _empty(version)
        if used:
            row.name, row.note, row.erased = erased_set_name(row.id), "", now()
        session.flush()
        session.execute(delete(Version).where(Version.id.in_(gone)))
        if not used:
            session.execute(delete(ImageSet).where(ImageSet.id == set_id))
        facts = {"set": set_id, "versions": len(versions), "cases": sum(each.cases for each in versions)}
        note(session, acting, "erase set", project_id, name, **facts, runs=len(depends.runs))
        left = leave(session, name, files)
    clear(db, place, who, left, project_id)


def erase_version(db: Database, place: Place, who: Who, version_id: int) -> None:
    """Its row stays, without anything in it: runs name it, and no other version gets its number."""
    with db.session() as session:
        acting = administering(session, who)
        row, version = _allowed_version(session, acting, version_id, is_locked=True)
        title = _titled(row, version)
        if len(_living(row)) == 1:
            raise SetError(f"“{title}” is the only version of its set. Erase the set instead.")
        depends = of_versions(session, row.project_id, [version])
        _refuse_under_way(session, row, depends, title)
        files = take_versions(session, depends)
        _empty(version)
        facts = {"set": row.id, "version": version.id, "cases": version.cases, "runs": len(depends.runs)}
        note(session, acting, "erase version", row.project_id, title, **facts)
        left = leave(session, title, files)
    clear(db, place, who, left, row.project_id)


def erase_review(db: Database, place: Place, who: Who, review_id: int) -> None:
    with db.session() as session:
        acting = administering(session, who)
        review = _allowed_review(session, acting, review_id)
        job = session.get_one(Job, review.job_id, with_for_update=True, populate_existing=True)
        if job.state in UNDER_WAY:
            raise SetError(f"The search of “{review.name}” waits or is carried out. Stop it under Find, then erase it.")
        name, project_id, verdicts = review.name, review.project_id, count(session, Verdict.review_id == review.id)
        files = take_reviews(session, [review])
        note(session, acting, "erase review", project_id, name, review=review_id, verdicts=verdicts)
        left = leave(session, name, files)
    clear(db, place, who, left, project_id)


def _sets(db: Database, who: Who) -> list[tuple[ImageSet, str]]:
    permit(who, "manage")
    own = select(ImageSet, Project.name).join(Project, Project.id == ImageSet.project_id)
    mine = own.where(ImageSet.project_id.in_(who.projects), ImageSet.erased.is_(None))
    with db.reading() as session:
        rows = session.execute(mine.options(joinedload(ImageSet.versions)).order_by(ImageSet.name, ImageSet.id))
        return [(row, title) for row, title in rows.unique()]


def _allowed_set(session: Session, who: Who, set_id: int, is_locked: bool = False) -> ImageSet:
    row = session.get(ImageSet, set_id, with_for_update=is_locked or None)
    if row is None or row.erased is not None:
        raise NotAllowed(NOT_THERE)
    allow(who, row.project_id, "manage")
    return row


def _allowed_version(session: Session, who: Who, version_id: int, is_locked: bool = False) -> tuple[ImageSet, Version]:
    """The set is locked before its version, as wherever a version is made."""
    version = session.get(Version, version_id)
    if version is None:
        raise NotAllowed(NOT_THERE)
    row = _allowed_set(session, who, version.set_id, is_locked)
    if is_locked:
        session.refresh(version, with_for_update=True)
    if version.erased is not None:
        raise NotAllowed(NOT_THERE)
    return row, version


def _allowed_review(session: Session, who: Who, review_id: int) -> Review:
    review = session.get(Review, review_id)
    if review is None:
        raise NotAllowed(NOT_THERE)
    allow(who, review.project_id, "manage")
    return review


def _living(row: ImageSet) -> list[Version]:
    return [version for version in row.versions if version.erased is None]


def _titled(row: ImageSet, version: Version) -> str:
    return f"{row.name} v{version.number}"


def _empty(version: Version) -> None:
    version.note, version.counts = "", {}
    version.erased = version.erased or now()


def _refuse_under_way(session: Session, row: ImageSet, depends: OfVersions, title: str) -> None:
    if working := under_way(session, row.project_id, depends, row.name):
        jobs = "1 job waits or is" if working == 1 else f"{working} jobs wait or are"
        raise SetError(
            f"{jobs} carried out with “{title}”, or with something that is made of it. Cancel that or wait for its "
            "end, then erase it."
        )


def _going(session: Session, depends: OfVersions) -> list[str]:
    ids, reviews = depends.numbers, [review.id for review in depends.reviews]
    pictures = pictures_of(session, ids)
    from_elsewhere = pictures_in_use(session, pictures, [job.id for job in depends.about_cases], ids)
    verdicts = count(session, Verdict.review_id.in_(reviews))
    boxes = count(session, BoxCorrection.version_id.in_(ids))
    return [
        f"{sum(version.cases for version in depends.versions):,} cases: names, labels, patients, boxes, reports",
        *counted([("picture that nothing else shows", len(pictures) - len(from_elsewhere))]),
        *counted(
            [("review", len(reviews))], "reviews", f"with {verdicts:,} {'verdict' if verdicts == 1 else 'verdicts'}"
        ),
        *counted([("correction of boxes", boxes)]),
        *counted([("upload that it was made of", len(depends.uploads))], "uploads that it was made of"),
        *counted([("question about its cases", len(depends.about_cases))]),
    ]


def _staying(depends: OfVersions) -> list[str]:
    """Of what used it: each of these can be erased by itself."""
    asked = [job for job in depends.jobs if job.kind != Export.kind and job not in depends.about_cases]
    zips = sum(job.kind == Export.kind for job in depends.jobs)
    return [
        *counted(
            [("run that was tuned on it", len(depends.runs))],
            "runs that were tuned on it",
            "with figures, files and readings, which name its cases, and with hashes, features and 8 x 8 grey levels "
            "of its pictures: none can be resumed, probed or tuned again",
        ),
        *counted([("zip to take away", zips)], None, "made of such a run"),
        *counted([("question, search or probing", len(asked))], "questions, searches and probings", "of such a run"),
    ]

"""Erasing a whole project, by an admin who is in it: sets, runs, reviews, uploads, what was asked, and who was in it.

What was done in it stays in the audit log, with names and without contents; `vitask audit` shows it.
"""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.errors import RunError
from core.records.access import NOT_THERE, NotAllowed, Who, allow, permit
from core.records.accounts.people import administering
from core.records.audit import note
from core.records.database import Database
from core.records.erasing.erased_rows import count, of_versions, take_versions
from core.records.erasing.erasing import Erasure, counted
from core.records.erasing.remains import Files, brought_copies, clear, leave, merged
from core.records.payloads import Ask, Export, Find
from core.records.place import Place
from core.records.tables import (
    UNDER_WAY,
    Artifact,
    ImageSet,
    Job,
    Membership,
    Project,
    Review,
    Run,
    Upload,
    Verdict,
    Version,
)


def erasable_projects(db: Database, who: Who) -> list[tuple[str, int]]:
    """Those that the admin is in, by name."""
    permit(who, "manage")
    own = select(Project.name, Project.id).where(Project.id.in_(who.projects)).order_by(Project.name)
    with db.reading() as session:
        return [(row.name, row.id) for row in session.execute(own)]


def project_erasure(db: Database, who: Who, project_id: int) -> Erasure:
    with db.reading() as session:
        project = _allowed_project(session, who, project_id)
        verdicts = count(session, Verdict.review_id == Review.id, Review.project_id == project_id)
        versions = count(
            session, Version.set_id == ImageSet.id, ImageSet.project_id == project_id, Version.erased.is_(None)
        )
        image_sets = count(session, ImageSet.project_id == project_id, ImageSet.erased.is_(None))
        counts = [
            ("version", versions),
            ("run", count(session, Run.project_id == project_id)),
            ("review", count(session, Review.project_id == project_id)),
            ("verdict", verdicts),
            ("upload", count(session, Upload.project_id == project_id)),
            ("question", count(session, Job.project_id == project_id, Job.kind.in_((Ask.kind, Find.kind)))),
            ("zip to take away", count(session, Job.project_id == project_id, Job.kind == Export.kind)),
            ("membership", count(session, Membership.project_id == project_id)),
        ]
        goes = (
            *counted([("image set", image_sets)], "image sets"),
            *counted(counts),
            "all their files and pictures, where no other project shows the same picture",
        )
        stays = ("its members' accounts", "what was done in it in the audit log: names and numbers, no contents")
        return Erasure(project.name, goes, stays)


def erase_project(db: Database, place: Place, who: Who, project_id: int) -> None:
    """Rows first, all or none; then the files."""
    with db.session() as session:
        acting = administering(session, who)
        project = _allowed_project(session, acting, project_id, is_locked=True)
        name = project.name
        _refuse_under_way(session, project)
        files, facts = _taken(session, place, project_id)
        session.execute(delete(Project).where(Project.id == project_id))
        # Of no project: whoever is an admin sees it.
        note(session, acting, "erase project", None, name, project=project_id, **facts)
        left = leave(session, name, files)
    clear(db, place, who, left, None)


def _allowed_project(session: Session, who: Who, project_id: int, is_locked: bool = False) -> Project:
    project = session.get(Project, project_id, with_for_update=is_locked or None)
    if project is None:
        raise NotAllowed(NOT_THERE)
    allow(who, project_id, "manage")
    return project


def _refuse_under_way(session: Session, project: Project) -> None:
    jobs = session.scalars(select(Job).where(Job.project_id == project.id).with_for_update())
    if working := sum(job.state in UNDER_WAY for job in jobs):
        waiting = "1 job waits or is" if working == 1 else f"{working} jobs wait or are"
        raise RunError(
            f"In “{project.name}” {waiting} carried out. Cancel that or wait for its end, then erase the project."
        )


def _taken(session: Session, place: Place, project_id: int) -> tuple[Files, dict[str, int]]:
    """All rows but the project's own; returns what lies on the disk of them, and how many there were."""
    runs = session.scalars(select(Run).where(Run.project_id == project_id)).all()
    artifacts = select(Run.key, Artifact.path).join(Artifact, Artifact.run_id == Run.id)
    stored = [f"runs/{key}/{path}" for key, path in session.execute(artifacts.where(Run.project_id == project_id))]
    jobs = session.scalars(select(Job).where(Job.project_id == project_id)).all()
    pictures = {job.payload["image"] for job in jobs if job.kind in (Ask.kind, Find.kind) and job.payload.get("image")}
    uploads = session.scalars(select(Upload.key).where(Upload.project_id == project_id)).all()
    own_sets = select(ImageSet.id).where(ImageSet.project_id == project_id)
    living = session.scalars(select(Version).where(Version.set_id.in_(own_sets), Version.erased.is_(None))).all()
    reviews = count(session, Review.project_id == project_id)
    folders = [name for run in runs for name in (f"runs/{run.key}", f"runs/{run.key}.yaml")]
    files = merged(
        take_versions(session, of_versions(session, project_id, living)),
        Files(
            folders=(*folders, *(f"uploads/{key}" for key in uploads), *brought_copies(place, pictures)),
            stored=tuple(stored),
            exports=tuple(job.id for job in jobs if job.kind == Export.kind),
            pictures=tuple(sorted(pictures)),
        ),
    )
    for table in (Run, Upload, ImageSet, Job):
        session.execute(delete(table).where(table.project_id == project_id))
    return files, {"sets": len({version.set_id for version in living}), "runs": len(runs), "reviews": reviews}

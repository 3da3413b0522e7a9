"""Files to take away: a version's cases, boxes and masks, a run's file and figures, a job's log, a review."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, StreamingResponse

from app.context import Studio
from app.routes.answers import Number
from core.checks.report_file import as_html, as_json
from core.errors import CoreError
from core.layouts.manifest_cells import boxes_cell, labels_cell
from core.layouts.safe_csv import as_csv
from core.records import audit, audit_search, jobs
from core.records.access import NotAllowed, Who
from core.records.audit_search import Sought, moment
from core.records.database import DatabaseError
from core.records.review import corrections
from core.records.runs import runs
from core.records.runs.exports import export_file
from core.records.sets import mended, sets
from core.records.sets.drawn import drawn_as_coco

PAGE = 2000
LOG_LINES = 100_000
Made = tuple[str, str | bytes | Iterator[str], int | None]
"""A file's name and content, which may come piece by piece; and whose project it is where the audit is yet to be told
of it."""


def router(studio: Studio) -> APIRouter:
    routes = APIRouter(prefix="/downloads", tags=["downloads"])
    add_cases(routes, studio)
    add_runs(routes, studio)
    add_jobs(routes, studio)
    add_reviews(routes, studio)
    add_log(routes, studio)
    return routes


def add_cases(routes: APIRouter, studio: Studio) -> None:
    """A version's table, and what is drawn on its pictures."""

    @routes.get("/versions/{version_id}/cases.csv")
    def cases(request: Request, version_id: Number) -> Response:
        """Every case of a version: name, labels, split, patient, boxes where there are any, its table's own columns."""

        def made(who: Who) -> Made:
            version = sets.version(studio.database, who, version_id)
            return (
                f"{version.image_set.name} v{version.number}.csv",
                _table(studio, who, version_id),
                version.image_set.project_id,
            )

        return sent(studio, request, made, "text/csv")

    @routes.get("/versions/{version_id}/left-out.csv")
    def left_out(request: Request, version_id: Number) -> Response:
        """What came with a version's files and is not in it: names and reasons."""

        def made(who: Who) -> Made:
            version, table = mended.left_out_of(studio.database, studio.place, who, version_id)
            name = f"{version.image_set.name} v{version.number} left out.csv"
            return name, table, version.image_set.project_id

        return sent(studio, request, made, "text/csv")

    @routes.get("/uploads/{upload_id}/not-used.csv")
    def not_used(request: Request, upload_id: Number) -> Response:
        """The cases of an upload that can't be used, or that somebody left out: names and reasons."""

        def made(who: Who) -> Made:
            upload, table = mended.unused_cases(studio.database, studio.place, who, upload_id)
            return f"{upload.name} not used.csv", table, upload.project_id

        return sent(studio, request, made, "text/csv", f"upload {upload_id} not used.csv")

    @routes.get("/uploads/{upload_id}/report.{kind}")
    def report(request: Request, upload_id: Number, kind: Literal["html", "json"]) -> Response:
        """What the check found, as a page or for programs; no picture is in it."""

        def made(who: Who) -> Made:
            upload = sets.upload(studio.database, who, upload_id)
            if not upload.report:
                raise NotAllowed("This upload was not checked yet. Wait for its report.")
            as_kind = {"html": as_html, "json": as_json}[kind]
            return f"{upload.name} report.{kind}", as_kind(upload.name, upload.report), upload.project_id

        media = {"html": "text/html", "json": "application/json"}[kind]
        return sent(studio, request, made, media, f"upload {upload_id} report.{kind}")

    @routes.get("/versions/{version_id}/coco.json")
    def drawn(request: Request, version_id: Number) -> Response:
        """The boxes and masks of a version as COCO has them; it names the pictures as they came."""

        def made(who: Who) -> Made:
            version = sets.version(studio.database, who, version_id)
            name = f"{version.image_set.name} v{version.number} coco.json"
            content = drawn_as_coco(studio.database, studio.place, who, version_id)
            return name, content, version.image_set.project_id

        return sent(studio, request, made, "application/json")


def add_runs(routes: APIRouter, studio: Studio) -> None:
    """A run's settings and figures."""

    @routes.get("/runs/{run_id}/run.yaml")
    def run_file(request: Request, run_id: Number) -> Response:
        """The run file, as `vitask tune` reads it."""

        def made(who: Who) -> Made:
            run = runs.run(studio.database, who, run_id)
            return f"{run.name}.yaml", runs.run_file(run), run.project_id

        return sent(studio, request, made, "application/yaml")

    @routes.get("/runs/{run_id}/metrics.json")
    def metrics(request: Request, run_id: Number) -> Response:
        """Every reader's figures on the test cases."""

        def made(_who: Who, run: runs.RunView) -> str:
            return json.dumps(run.metrics or {}, indent=1)

        return sent_of_run(studio, request, run_id, "figures.json", made, "application/json")


def add_jobs(routes: APIRouter, studio: Studio) -> None:
    """What jobs printed and made."""
    db = studio.database

    @routes.get("/jobs/{job_id}/log.txt")
    def log(request: Request, job_id: Number) -> Response:
        """What a job printed."""

        def made(who: Who) -> Made:
            lines = jobs.log_lines(db, who, job_id, most=LOG_LINES)
            text = "".join(f"{line.at:%Y-%m-%d %H:%M:%S}  {line.text}\n" for line in lines)
            return f"job {job_id}.txt", text, jobs.job(db, who, job_id).project_id

        return sent(studio, request, made, "text/plain")

    @routes.get("/exports/{job_id}.zip")
    def export(request: Request, job_id: Number) -> Response:
        """A run's export."""
        who = studio.who(request)
        try:
            file = export_file(db, studio.place, who, job_id)
            _note(studio, who, file.name, jobs.job(db, who, job_id).project_id)
        except CoreError as error:
            return _refused(studio, error)
        headers = {"Cache-Control": "no-store"}
        return FileResponse(file, media_type="application/zip", filename=f"vitask export {job_id}.zip", headers=headers)


def add_reviews(routes: APIRouter, studio: Studio) -> None:
    """What was decided on labels."""

    @routes.get("/reviews/{review_id}/{kind}")
    def verdicts(request: Request, review_id: Number, kind: str) -> Response:
        """Every verdict of a review that the person may see: csv, json, or coco for cases with boxes."""

        def made(who: Who) -> Made:
            return *corrections.exported(studio.database, studio.place, who, review_id, kind), None

        return sent(studio, request, made, "text/csv" if kind == "csv" else "application/json")


def add_log(routes: APIRouter, studio: Studio) -> None:
    """Who did what; for admins."""

    @routes.get("/audit.csv")
    def log(
        request: Request, person: str = "", act: str = "", project: int | None = None, since: str = "", until: str = ""
    ) -> Response:
        """The audit log of the admin's projects and of what belongs to none, by person, act, project and time."""

        def made(who: Who) -> Made:
            sought = Sought(person, act, project, moment(since), moment(until))
            return "audit log.csv", audit_search.as_table(studio.database, who, sought), None

        return sent(studio, request, made, "text/csv")


def sent_of_run(
    studio: Studio, request: Request, run_id: int, name: str, made: Callable[[Who, runs.RunView], str], media: str
) -> Response:
    """A file of a run, whose name begins with the run's."""

    def of_run(who: Who) -> Made:
        run = runs.run(studio.database, who, run_id)
        return f"{run.name} {name}", made(who, run), run.project_id

    return sent(studio, request, of_run, media)


def sent(studio: Studio, request: Request, made: Callable[[Who], Made], media: str, in_the_log: str = "") -> Response:
    """A file as it is answered, and told to the audit; under another name where its own may be somebody's."""
    who = studio.who(request)
    try:
        name, content, project_id = made(who)
        if project_id is not None:
            _note(studio, who, in_the_log or name, project_id)
    except CoreError as error:
        return _refused(studio, error)
    plain = re.sub(r"[^A-Za-z0-9._ -]+", "_", name)
    headers = {"Content-Disposition": f'attachment; filename="{plain}"', "Cache-Control": "no-store"}
    media_type = f"{media}; charset=utf-8"
    if isinstance(content, Iterator):
        return StreamingResponse(content, media_type=media_type, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


def _note(studio: Studio, who: Who, name: str, project_id: int) -> None:
    audit.record(studio.database, who, "download", project_id, name)


def _refused(studio: Studio, error: CoreError) -> Response:
    if isinstance(error, DatabaseError):
        raise error  # answered for all routes alike
    return Response(
        studio.place.without_paths(str(error)), 404 if isinstance(error, NotAllowed) else 400, media_type="text/plain"
    )


def _table(studio: Studio, who: Who, version_id: int) -> str:
    rows = _rows(studio, who, version_id)
    kind = sets.version(studio.database, who, version_id).task["kind"]
    extra = sorted({name for row in rows for name in row.columns})
    boxes = ["boxes"] if any(row.boxes for row in rows) else []
    cells = (
        [
            row.name,
            labels_cell(row.labels, kind),
            row.split,
            row.patient,
            *(boxes_cell(row.boxes) for _ in boxes),
            *(row.columns.get(name, "") for name in extra),
        ]
        for row in rows
    )
    return as_csv(["case", "labels", "split", "patient", *boxes, *extra], cells)


def _rows(studio: Studio, who: Who, version_id: int) -> list[Any]:
    rows: list[Any] = []
    while True:
        page = sets.cases(studio.database, who, version_id, page=len(rows) // PAGE, size=PAGE)
        rows += page.rows
        if len(page.rows) < PAGE:
            return rows

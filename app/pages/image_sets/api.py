"""What the page does, as typed API names for programs. Files are brought with `upload_images`, the page's own field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.events import api

from app.context import Studio, guarded
from app.pages.image_sets.fetching import fetch
from core.case import Task
from core.records import sets


def add_names(studio: Studio) -> None:

    def image_sets(request: gr.Request) -> list[dict[str, Any]]:
        """The project's image sets, each with its newest version."""
        found = sets.sets(studio.database, studio.who(request), studio.project(request))
        return [
            {
                "id": one.id,
                "name": one.name,
                "versions": one.versions,
                "version": one.latest.id,
                "cases": one.latest.cases,
            }
            for one in found
        ]

    def upload_report(upload_id: int, request: gr.Request) -> dict[str, Any]:
        """How far an upload is (state, job_state, progress, error), and what its check found (report)."""
        who = studio.who(request)
        row = sets.upload(studio.database, who, int(upload_id))
        known = sets.uploads(studio.database, who, row.project_id)
        found = next(one for one in known if one.id == row.id)
        names = ("id", "name", "state", "options", "report", "job_id", "job_state", "progress", "error")
        return {name: getattr(found, name) for name in names}

    def check_upload(upload_id: int, options: dict[str, Any], request: gr.Request) -> int:
        """Has an upload checked again, read as `options` say (columns, labels); returns the job's id."""
        return sets.request_check(
            studio.database, studio.place, studio.who(request), int(upload_id), dict(options or {})
        )

    def add_upload(upload_id: int, set_name: str, task: dict[str, Any], request: gr.Request) -> int:
        """Adds a checked upload to an image set; `task` may be empty to keep what was read. Returns the job's id."""
        who = studio.who(request)
        upload = sets.upload(studio.database, who, int(upload_id))
        asked = {**(upload.report or {}).get("task", {}), **dict(task or {})}
        known = Task.parse(asked, "task").model_dump(mode="json") if asked else {}
        return sets.request_add(studio.database, studio.place, who, upload.id, set_name, known, upload.options)

    def discard_upload(upload_id: int, request: gr.Request) -> None:
        """Throws an upload's files away; what was added from it stays."""
        sets.discard_upload(studio.database, studio.place, studio.who(request), int(upload_id))

    def fetch_public_set(name: str, size: int, request: gr.Request) -> int:
        """Has a MedMNIST set ("bloodmnist") fetched at a size (28, 64, 128, 224); returns the job's id."""
        return fetch(studio, name, size, request)

    def versions(set_id: int, request: gr.Request) -> list[dict[str, Any]]:
        """A set's versions, the newest first, with their tasks and counts."""
        found = sets.versions(studio.database, studio.who(request), int(set_id))
        names = ("id", "number", "hash", "task", "cases", "counts", "note")
        return [{name: getattr(one, name) for name in names} for one in found]

    def cases(
        version_id: int, split: str, label: str, patient: str, text: str, page: int, request: gr.Request
    ) -> dict[str, Any]:
        """A page (from 0) of 24 cases; empty filters fit all. Pictures are at /images/{version_id}/{number}."""
        found = sets.cases(
            studio.database,
            studio.who(request),
            int(version_id),
            split or None,
            label or None,
            patient or None,
            text,
            int(page),
        )
        names = ("number", "name", "label", "split", "patient", "columns")
        return {"total": found.total, "cases": [{name: getattr(row, name) for name in names} for row in found.rows]}

    def edit_task(version_id: int, task: dict[str, Any], note: str, request: gr.Request) -> int:
        """A new version of a set under another task: modality, answers, kind, template. Returns its id."""
        who = studio.who(request)
        before = sets.version(studio.database, who, int(version_id)).task
        asked = Task.parse({**before, **dict(task or {})}, "task")
        return sets.new_version_with_task(studio.database, studio.place, who, int(version_id), asked, note or "").id

    names: list[Callable[..., Any]] = [
        image_sets,
        upload_report,
        check_upload,
        add_upload,
        discard_upload,
        fetch_public_set,
        versions,
        cases,
        edit_task,
    ]
    for fn in names:
        api(guarded(fn), api_name=fn.__name__)

"""What can be done with runs: the functions behind buttons and API names."""

from __future__ import annotations

from app.pages.runs.benefit import benefit_to_plain
from app.visit import Json, Visit
from core.errors import SettingsError
from core.records.erasing import erasing
from core.records.runs import run_upkeep, runs
from core.records.runs.exports import queue_export
from core.records.runs.probes import cancel_probings, probings, queue_probing
from core.records.runs.run_search import Sought
from core.records.runs.runs import RunView
from core.records.runs.seeds import alike

NAMES = ("id", "name", "set", "version_id", "method", "state", "stage", "step", "steps", "seconds_left", "error")
MOST_PAGES = 10**6


def stop(visit: Visit, run_id: int) -> None:
    """Have a run save what it has and leave; it can be resumed."""
    runs.stop(visit.database, visit.who, chosen(run_id))


def resume(visit: Visit, run_id: int) -> None:
    """Go on with a stopped or failed run from its last checkpoint."""
    runs.resume(visit.database, visit.place, visit.who, chosen(run_id))


def cancel(visit: Visit, run_id: int) -> None:
    """End a run for good."""
    runs.cancel(visit.database, visit.who, chosen(run_id))


def rename_run(visit: Visit, run_id: int, name: str) -> None:
    """Another name; for whoever began the run, and admins."""
    run_upkeep.rename(visit.database, visit.who, chosen(run_id), name)


def note_run(visit: Visit, run_id: int, note: str) -> None:
    """Write what is to be known of a run, in Markdown; an empty note takes it away."""
    run_upkeep.write_note(visit.database, visit.who, chosen(run_id), note)


def tag_run(visit: Visit, run_id: int, tags: list[str]) -> list[str]:
    """Put these tags on a run and no others; returns them as they are kept: small letters, in their order."""
    return list(run_upkeep.set_tags(visit.database, visit.who, chosen(run_id), tags))


def archive_run(visit: Visit, run_id: int) -> None:
    """Take a run that has ended out of the lists; nothing is lost. For whoever began it, and admins."""
    run_upkeep.archive(visit.database, visit.who, chosen(run_id))


def bring_back_run(visit: Visit, run_id: int) -> None:
    """Bring an archived run back into the lists."""
    run_upkeep.bring_back(visit.database, visit.who, chosen(run_id))


def run_erasure(visit: Visit, run_id: int) -> Json:
    """What erasing a run would do: its `name`, what `goes` with it and what `stays`, in words."""
    erasure = erasing.run_erasure(visit.database, visit.who, chosen(run_id))
    return {"name": erasure.name, "goes": list(erasure.goes), "stays": list(erasure.stays)}


def erase_run(visit: Visit, run_id: int, name: str) -> None:
    """Erase a run for good, with its files and all that was asked of it; `name` is its name, since a number may be a
    slip. For whoever began it, and admins."""
    erasure = erasing.run_erasure(visit.database, visit.who, chosen(run_id))
    if name.strip() != erasure.name.strip():
        raise SettingsError("The name that was typed is another. Type it as it stands above, or leave it.")
    erasing.erase_run(visit.database, visit.place, visit.who, chosen(run_id))


def export_run(visit: Visit, run_id: int, merged: bool) -> int:
    """Makes a zip of a finished run; returns the job, whose file is at /downloads/exports/{job}.zip."""
    return queue_export(visit.database, visit.place, visit.who, run_id, merged)


def probe_run(visit: Visit, run_id: int, cases: int) -> int:
    """Probes the readers of a finished run on so many test cases, with captions that differ in one word and questions
    asked both ways; returns the job. `run_probes` tells what came of it."""
    return queue_probing(visit.database, visit.place, visit.who, run_id, cases)


def cancel_probes(visit: Visit, run_id: int) -> None:
    """End for good the probings of a run that wait or are carried out; figures of earlier ones stay."""
    cancel_probings(visit.database, visit.who, chosen(run_id))


def run_probes(visit: Visit, run_id: int) -> list[Json]:
    """The newest probings of a run, newest first: job, state, error, and once it is done its `probes`."""
    return [
        {
            "job": probing.job_id,
            "state": probing.state,
            "error": probing.error,
            "probes": probing.outcome.probes if probing.outcome else None,
        }
        for probing in probings(visit.database, visit.who, run_id)
    ]


def run_benefit(visit: Visit, run_id: int) -> list[Json]:
    """Whether a finished run helped, for each of its sets: a `sentence`, its `meaning`, and the `differences` of the
    readers that it was made for to plain tuning (or what else they have to be better than) and to the TSM."""
    view = runs.run(visit.database, visit.who, run_id)
    return list(benefit_to_plain(view, alike(visit.database, visit.who, view)))


def list_runs(visit: Visit, text: str = "", tag: str = "", with_archived: bool = False, page: int = 0) -> list[Json]:
    """The runs of the project, newest first, a hundred a page from 0 on, with state, progress and figures of the test
    cases: those with a text in name, tag, set or method, or with a tag.

    `made_for` names the reader that a run was made for, and the baseline to compare it with."""
    if not 0 <= page < MOST_PAGES:
        raise SettingsError("There is no such page. Begin with 0.")
    sought = Sought(text=text, tag=tag.strip().casefold(), with_archived=with_archived)
    return [plain(view) for view in runs.runs(visit.database, visit.who, visit.project, sought, page)]


def one_run(visit: Visit, run_id: int) -> Json:
    """One run: state, stage, steps, seconds left, figures, error."""
    return plain(runs.run(visit.database, visit.who, run_id))


def plain(view: RunView) -> Json:
    made_for = None if view.aim is None else {"reader": view.aim.reader, "baseline": view.aim.baseline}
    written = {"tags": list(view.tags), "note": view.note, "is_archived": view.archived is not None}
    return {name: getattr(view, name) for name in NAMES} | written | {"figures": view.figures, "made_for": made_for}


def chosen(run_id: int | None) -> int:
    if run_id is None:
        raise SettingsError("No run is chosen. Choose one from the list.")
    return int(run_id)

"""What can be done with runs: the functions behind buttons and API names."""

from __future__ import annotations

from app.pages.runs.benefit import benefit_to_plain
from app.visit import Json, Visit
from core.errors import SettingsError
from core.records import runs
from core.records.exports import queue_export
from core.records.probes import cancel_probings, probings, queue_probing
from core.records.runs import RunView
from core.records.seeds import alike

NAMES = ("id", "name", "set", "version_id", "method", "state", "stage", "step", "steps", "seconds_left", "error")


def stop(visit: Visit, run_id: int) -> None:
    """Have a run save what it has and leave; it can be resumed."""
    runs.stop(visit.database, visit.who, chosen(run_id))


def resume(visit: Visit, run_id: int) -> None:
    """Go on with a stopped or failed run from its last checkpoint."""
    runs.resume(visit.database, visit.place, visit.who, chosen(run_id))


def cancel(visit: Visit, run_id: int) -> None:
    """End a run for good."""
    runs.cancel(visit.database, visit.who, chosen(run_id))


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


def list_runs(visit: Visit) -> list[Json]:
    """The runs of the project, newest first, with state, progress and figures of the test cases.

    `made_for` names the reader that a run was made for, and the baseline to compare it with."""
    return [plain(view) for view in runs.runs(visit.database, visit.who, visit.project)]


def one_run(visit: Visit, run_id: int) -> Json:
    """One run: state, stage, steps, seconds left, figures, error."""
    return plain(runs.run(visit.database, visit.who, run_id))


def plain(view: RunView) -> Json:
    made_for = None if view.aim is None else {"reader": view.aim.reader, "baseline": view.aim.baseline}
    return {name: getattr(view, name) for name in NAMES} | {"figures": view.figures, "made_for": made_for}


def chosen(run_id: int | None) -> int:
    if run_id is None:
        raise SettingsError("No run is chosen. Choose one from the list.")
    return int(run_id)

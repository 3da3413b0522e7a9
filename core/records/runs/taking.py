"""What is taken away of a finished run beside its model: tables, readings, a paragraph for a paper, citations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from core.case import READ_SPLITS, Task
from core.errors import RunError, SettingsError
from core.readings.calibration import kept_calibrations
from core.readings.probe_figures import probe_tables
from core.readings.reading import load
from core.readings.tables import Table, readings_as_csv, tables_of
from core.records.access import Who
from core.records.database import Database
from core.records.place import Place
from core.records.runs.artifacts import readings_path, run_folder
from core.records.runs.benefits import judged, titles_of
from core.records.runs.comparison import task_of
from core.records.runs.probes import newest_probes
from core.records.runs.runs import RunView
from core.records.runs.seeds import alike, spread
from core.training.paragraph import citations, paragraph

BESIDE = {"set": "set.json", "environment": "environment.json"}


def run_tables(db: Database, who: Who, run: RunView) -> tuple[Table, ...]:
    """Those that the run's figures make, and that of its seeds where there are several."""
    if run.metrics is None or run.aim is None:
        return ()
    compared = [answer.benefit for answer in judged(run)]
    of_seeds = spread(run, alike(db, who, run))
    titles = titles_of(run)
    of_probes = () if (probes := newest_probes(db, who, run.id)) is None else probe_tables(probes, titles)
    return (*tables_of(run.metrics, compared, titles), *of_probes, *([of_seeds] if of_seeds else []))


def run_table(db: Database, who: Who, run: RunView, name: str) -> Table:
    for table in run_tables(db, who, run):
        if table.name == name:
            return table
    raise RunError(f'“{run.name}” has no table called "{name}". Wait for its end, or choose another table.')


def run_readings(db: Database, place: Place, run: RunView, split: str) -> str:
    """All readings of a split as CSV."""
    if split not in READ_SPLITS:
        raise SettingsError(f'There are no readings of "{split}". Choose one of {", ".join(READ_SPLITS)}.')
    readings = load(readings_path(place, run, split))
    task: Task = task_of(db, run)
    return readings_as_csv(readings, {reading.set: task for reading in readings}, kept_calibrations(run.metrics))


def run_paragraph(db: Database, place: Place, run: RunView) -> str:
    """For a paper's section on methods."""
    folder = run_folder(db, place, run)
    sets = _kept(folder / BESIDE["set"]).get("sets", [])
    return paragraph(sets, run.settings, run.metrics or {}, _kept(folder / BESIDE["environment"]))


def run_citations(run: RunView) -> str:
    """BibTeX."""
    return citations(run.settings)


def _kept(file: Path) -> dict[str, Any]:
    """A run of an older studio, or one that ended early, may lack it."""
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}

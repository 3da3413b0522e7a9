"""Runs that are alike but for their seed: queued together, and told together, with how far their figures spread."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import mean, stdev
from typing import Any

from core.errors import SettingsError
from core.readings.benefit import DECIDING, is_tsm
from core.readings.tables import Cell, Table
from core.records.access import Who
from core.records.database import Database
from core.records.place import Place
from core.records.runs import runs
from core.records.runs.readers import aimed_readers
from core.records.runs.run_search import Sought
from core.records.runs.runs import RunView, queue_runs
from core.records.tables import Run
from core.statistics.metrics import TITLES
from core.statistics.over_seeds import ends_over_seeds, standard_error

MOST = 10
LOW, HIGH = "95 % interval, low", "95 % interval, high"
OWN_OF_A_RUN = (("training", "precision"), ("vlm", "dtype"))
"""Filled in by the machine that carries a run out; who waits does not have them yet."""


def queue_seeds(
    db: Database,
    place: Place,
    who: Who,
    version_id: int,
    name: str,
    settings: Mapping[str, Any],
    count: int,
    copy_of: int | None = None,
) -> list[Run]:
    """A run for each of so many seeds, from that of the settings on, or none; a written name is told its seed."""
    if not 1 <= count <= MOST:
        raise SettingsError(f"Of a run there can be 1 to {MOST} seeds at once, not {count}. Choose fewer.")
    first = int(settings.get("seed", 0))
    named = name.strip()
    wanted = [
        (f"{named} · seed {seed}" if named and count > 1 else named, {**settings, "seed": seed})
        for seed in range(first, first + count)
    ]
    return queue_runs(db, place, who, version_id, wanted, copy_of)


def alike(db: Database, who: Who, run: RunView) -> tuple[RunView, ...]:
    """The runs of its version with its settings but for the seed, itself among them, in the order of their seeds; of
    several with the same seed the newest that has figures, else the newest; or itself."""
    by_seed: dict[int, RunView] = {}
    own = likeness(run.settings)
    for other in runs.runs(db, who, run.project_id, Sought(version_id=run.version_id, with_archived=True)):
        if likeness(other.settings) == own:
            newer = by_seed.setdefault(seed_of(other), other)
            if other.figures and not newer.figures:
                by_seed[seed_of(other)] = other
    by_seed[seed_of(run)] = run
    return tuple(by_seed[seed] for seed in sorted(by_seed))


def seed_of(run: RunView) -> int:
    return int(run.settings.get("seed", 0))


def likeness(settings: Mapping[str, Any]) -> dict[str, Any]:
    """All that runs which differ in their seed have in common."""
    kept = {name: dict(value) if isinstance(value, Mapping) else value for name, value in settings.items()}
    for block, name in OWN_OF_A_RUN:
        if isinstance(kept.get(block), dict):
            kept[block].pop(name, None)
    return {name: value for name, value in kept.items() if name not in ("seed", "images", "leakage")}


def spread(run: RunView, of_seeds: tuple[RunView, ...]) -> Table | None:
    """The deciding figure of every reader by seed, its mean and its standard deviation; None of fewer than two."""
    finished = [each for each in of_seeds if DECIDING in next(iter(each.figures.values()), {})]
    if len(finished) < 2 or run.aim is None:
        return None
    wanted = [*aimed_readers(run.settings, run.aim), run.aim.baseline, *filter(is_tsm, run.figures)]
    names = [name for name in dict.fromkeys(wanted) if all(_value(each, name) is not None for each in finished)]
    columns = {run.reader(name).title: [float(_value(each, name) or 0) for each in finished] for name in names}
    pairs_of: list[tuple[str, str | None]] = [(name, None) for name in names]
    if run.aim.reader in names and run.aim.baseline in names and run.aim.reader != run.aim.baseline:
        pairs = [columns[run.reader(name).title] for name in (run.aim.reader, run.aim.baseline)]
        title = f"{run.reader(run.aim.reader).title}, less {run.reader(run.aim.baseline).title}"
        columns[title] = [value - other for value, other in zip(*pairs, strict=True)]
        pairs_of.append((run.aim.reader, run.aim.baseline))
    rows = zip(*columns.values(), strict=True)
    cells: list[tuple[Cell, ...]] = [(seed_of(each), *row) for each, row in zip(finished, rows, strict=True)]
    deviations: tuple[Cell, ...] = ("standard deviation", *map(stdev, columns.values()))
    summary: list[tuple[Cell, ...]] = [("mean", *map(mean, columns.values())), deviations]
    errors = [[_error(each, reader, rival) for each in finished] for reader, rival in pairs_of]
    ends = [
        ends_over_seeds(values, of_cases, -1.0 if rival else 0.0)
        for values, of_cases, (_, rival) in zip(columns.values(), errors, pairs_of, strict=True)
    ]
    of_ends: list[tuple[Cell, ...]] = [(LOW, *(low for low, _ in ends)), (HIGH, *(high for _, high in ends))]
    heads = ("Seed", *columns)
    return Table(
        "seeds",
        f"{TITLES[DECIDING]} of {len(finished)} seeds",
        "Standard deviation over seeds (n − 1). The interval of the mean holds the variance between seeds and that of "  # noqa: RUF001
        "the test cases, which seeds share. Where a set brings no split of its own, a seed also deals its cases.",
        heads,
        (
            *((str(row[0]), *(f"{value:z.3f}" for value in row[1:])) for row in (*cells, *summary)),
            ("95 % interval of the mean", *(_range(*of_column) for of_column in ends)),
        ),
        heads,
        (*cells, *summary, *of_ends),
    )


def spread_words(run: RunView, table: Table) -> str:
    """What the seeds say together, in a sentence."""
    numbers, last = table.cells[:-4], table.heads[-1]
    average, deviation = (float(row[-1] or 0) for row in table.cells[-4:-2])
    if run.aim is None or " less " not in last:
        return f"Over {len(numbers)} seeds."
    above = sum(float(row[-1] or 0) > 0 for row in numbers)
    reader, baseline = (run.reader(name).title for name in (run.aim.reader, run.aim.baseline))
    return (
        f"Over {len(numbers)} seeds “{reader}” has {average:+z.3f} of {TITLES[DECIDING]} against “{baseline}”, with a "
        f"standard deviation of {deviation:.3f}; it is the better one with {above} of {len(numbers)}."
    )


def _error(run: RunView, reader: str, rival: str | None) -> float | None:
    """About the standard error that a run's own interval comes from."""
    metrics: Mapping[str, Any] = run.metrics or {}
    figure = (metrics.get("readers", {}).get(reader) or {}).get(DECIDING)
    if rival is not None:
        differences = metrics.get("differences") or {}
        both = differences.get(f"{reader} - {rival}") or differences.get(f"{rival} - {reader}") or {}
        figure = both.get(DECIDING)
    return standard_error(figure)


def _range(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{low:z.3f} to {high:z.3f}"


def _value(run: RunView, reader: str) -> float | None:
    return run.figures.get(reader, {}).get(DECIDING)

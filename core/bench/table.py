"""The readers of whole runs on named sets, over seeds: what the paper's table holds, with mean and spread, and where
the runs differ from the print."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.bench.departures import below_table
from core.bench.resumed import tuned
from core.catalog import USUAL
from core.errors import SettingsError
from core.events import Report
from core.runs.runfile import Block, make_run, read_values
from core.statistics.metrics import TITLES

FIGURES = ("accuracy", "macro_f1", "auroc", "log_loss", "brier")
CALIBRATED = {f"calibrated_{figure}": figure for figure in ("log_loss", "brier")}
COLUMNS = {figure: TITLES[figure] for figure in FIGURES} | {
    column: f"{TITLES[figure]}, calibrated" for column, figure in CALIBRATED.items()
}
Row = dict[str, Any]
ABLATION: Mapping[str, Block] = {
    "": {},
    "without CRT": {"contrast": 0},
    "without RDA": {"align": 0},
    "EP alone": {"align": 0, "contrast": 0},
    "CRT alone": {"exemplar": False, "align": 0},
}
"""VITask's switches with a part of it, or two, left out; all of it comes first."""


def run_all(
    sets: Sequence[str],
    seeds: Sequence[int],
    run_file: Path | None,
    out: Path,
    watch: Report,
    is_ablated: bool = False,
) -> list[Row]:
    """One run for each set and seed, resumed where it was begun; a row for each reader of each run."""
    usual = USUAL if run_file is None else read_values(run_file)
    rows: list[Row] = []
    for images in sets:
        for seed in seeds:
            for part, values in _variants(usual, is_ablated).items():
                name = "-".join([Path(images).stem, "seed", str(seed), *part.lower().split()])
                run = make_run({**values, "images": images, "seed": seed})
                began = time.perf_counter()
                results = tuned(run, out / name, watch)
                rows += _rows(Path(images).stem, seed, part, results, time.perf_counter() - began)
    return rows


def _variants(usual: Block, is_ablated: bool) -> dict[str, Block]:
    """What is run, by what is left out; plain tuning and the TSM are the same in all, so they are told once."""
    if not is_ablated:
        return {"": usual}
    method = usual.get("method")
    if not isinstance(method, Mapping) or method.get("name") != "vitask":
        raise SettingsError("--ablation leaves out parts of VITask, so the run file's method must be vitask.")
    plain = {part: {} if not part else {"baseline": False} for part in ABLATION}
    return {part: {**usual, "method": {**method, **plain[part], **off}} for part, off in ABLATION.items()}


def _rows(name: str, seed: int, part: str, results: dict[str, Any], seconds: float) -> list[Row]:
    about = {"set": name, "seed": seed, "part": part, "departures": results.get("departures", [])}
    return [
        {**about, "reader": " ".join([reader, part]).strip(), "seconds": seconds}
        | {key: figures.get(key, {}).get("value") for key in FIGURES}
        | _calibrated(results.get("calibration", {}).get(reader))
        for reader, figures in results["readers"].items()
        if not part or reader.startswith("vitask")
    ]


def _calibrated(of_reader: Mapping[str, Any] | None) -> Row:
    return {
        column: of_reader["calibrated"][figure]["value"] if of_reader else None for column, figure in CALIBRATED.items()
    }


def markdown(rows: Sequence[Row]) -> str:
    """Sets and readers by figures: the mean over seeds and, behind ±, the standard deviation between them."""
    heads = ["set", "reader", "seeds", *COLUMNS.values()]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name in dict.fromkeys(row["set"] for row in rows):
        for reader in dict.fromkeys(row["reader"] for row in rows if row["set"] == name):
            chosen = [row for row in rows if row["set"] == name and row["reader"] == reader]
            cells = [mean_and_spread([row[key] for row in chosen]) for key in COLUMNS]
            lines.append(f"| {name} | {reader} | {len(chosen)} | " + " | ".join(cells) + " |")
    departures = below_table({", ".join([row["set"], row["part"] or "all parts"]): row["departures"] for row in rows})
    return "\n".join([*lines, *(["", departures] if departures else [""])])


def mean_and_spread(values: Sequence[float | None]) -> str:
    """A cell of a table: figures that could not be measured are left out."""
    numbers = [value for value in values if value is not None]
    if not numbers:
        return "-"
    spread = f" ± {np.std(numbers, ddof=1):.3f}" if len(numbers) > 1 else ""
    return f"{np.mean(numbers):.3f}{spread}"

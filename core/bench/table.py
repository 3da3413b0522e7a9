"""The readers of whole runs on named sets, over seeds: what the paper's table holds, with mean and spread."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.folder import Event
from core.run import tune
from core.runfile import USUAL, make_run, read_values

FIGURES = ("accuracy", "macro_f1", "auroc")
Row = dict[str, Any]


def run_all(
    sets: Sequence[str], seeds: Sequence[int], run_file: Path | None, out: Path, watch: Callable[[Event], None]
) -> list[Row]:
    """One run for each set and seed, resumed where it was begun; a row for each reader of each run."""
    usual = USUAL if run_file is None else read_values(run_file)
    rows: list[Row] = []
    for images in sets:
        for seed in seeds:
            folder = out / f"{Path(images).stem}-seed-{seed}"
            run = make_run({**usual, "images": images, "seed": seed})
            began = time.perf_counter()
            results = tune(run, folder, (folder / "settings.yaml").is_file(), watch)
            rows += _rows(Path(images).stem, seed, results, time.perf_counter() - began)
    return rows


def _rows(name: str, seed: int, results: dict[str, Any], seconds: float) -> list[Row]:
    return [
        {"set": name, "seed": seed, "reader": reader, "seconds": seconds}
        | {key: figures[key]["value"] for key in FIGURES}
        for reader, figures in results["readers"].items()
    ]


def markdown(rows: Sequence[Row]) -> str:
    """Sets and readers by figures: the mean over seeds and, behind ±, the standard deviation between them."""
    lines = ["| set | reader | seeds | " + " | ".join(FIGURES) + " |", "|---" * (3 + len(FIGURES)) + "|"]
    for name in dict.fromkeys(row["set"] for row in rows):
        for reader in dict.fromkeys(row["reader"] for row in rows if row["set"] == name):
            chosen = [row for row in rows if row["set"] == name and row["reader"] == reader]
            cells = [_cell([row[key] for row in chosen]) for key in FIGURES]
            lines.append(f"| {name} | {reader} | {len(chosen)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    spread = f" ± {np.std(known, ddof=1):.3f}" if len(known) > 1 else ""
    return f"{np.mean(known):.3f}{spread}"

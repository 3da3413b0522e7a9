"""Which readers stand side by side in a figure: as many as have room, unless a person chooses others."""

from __future__ import annotations

from app.charts import MOST_BESIDE
from core.readings.reader import TSM, in_groups
from core.records.runs.comparison import Comparison


def at_first(comparison: Comparison) -> list[str]:
    """All, where they have room; else the TSM, the best simple reader and every one of the VLM."""
    names = [reader.name for reader in in_groups(comparison.readers)]
    if len(names) <= MOST_BESIDE:
        return names
    best = {chosen["simple"] for chosen in ((comparison.run.metrics or {}).get("best") or {}).values()}
    wanted = {TSM.name, *best, *(reader.name for reader in comparison.readers if reader.group != "simple")}
    return [name for name in names if name in wanted][:MOST_BESIDE]


def from_address(comparison: Comparison, listed: str) -> list[str]:
    """Those that an address names, as far as the run has them; else the first choice."""
    names = [reader.name for reader in in_groups(comparison.readers)]
    chosen = listed.split(",")
    return [name for name in names if name in chosen] or at_first(comparison)

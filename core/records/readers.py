"""Who answers in a run, and which of its readers it was made for: as the run tells it, or else as its method does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.catalog import METHODS, chosen
from core.errors import SettingsError
from core.readings.reader import Reader, readers_from_plain
from core.training.method import Aim, Plan
from core.training.readers import readers_of_run

Values = Mapping[str, Any]


def aim_and_readers(settings: Values, metrics: Values | None) -> tuple[Aim | None, tuple[Reader, ...]]:
    """Older runs tell neither, nor does any before it has figures; no aim where a method is not known any more."""
    stored = metrics or {}
    if "made_for" in stored and "reader_list" in stored:
        return Aim(**stored["made_for"]), readers_from_plain(stored["reader_list"])
    try:
        plan = Plan(*chosen(METHODS, settings.get("method"), "name", "method"))
    except SettingsError:
        plan = None
    aim = Aim(**stored["made_for"]) if "made_for" in stored else None
    if plan is None:
        return aim, ()
    return aim or plan.aim, readers_of_run(plan, *_beside(settings))


def _beside(settings: Values) -> tuple[int, bool]:
    """How many TSMs a run has, and whether late fusion reads too."""
    tsms = settings.get("tsm") or []
    return (1 if isinstance(tsms, Mapping) else len(tsms)), bool((settings.get("reading") or {}).get("late_fusion"))

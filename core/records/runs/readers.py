"""Who answers in a run, and which of its readers it was made for: as the run tells it, or else as its method does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core.catalog import METHODS, chosen
from core.errors import SettingsError
from core.readings.reader import Reader, readers_from_plain
from core.readings.rivals import Rivals
from core.training.method import Aim, Plan
from core.training.readers import readers_of_run

Values = Mapping[str, Any]


def aim_and_readers(settings: Values, metrics: Values | None) -> tuple[Aim | None, tuple[Reader, ...]]:
    """Older runs tell neither, nor does any before it has figures; no aim where a method is not known any more.

    A reader's title, and what is told of it, are today's."""
    stored, plan = metrics or {}, _plan(settings)
    planned = () if plan is None else readers_of_run(plan, *_beside(settings))
    aim = Aim(**stored["made_for"]) if "made_for" in stored else None
    if aim is not None and "reader_list" in stored:
        today = {reader.name: reader for reader in planned}
        return aim, tuple(_retitled(reader, today) for reader in readers_from_plain(stored["reader_list"]))
    return (aim, ()) if plan is None else (aim or plan.aim, planned)


def aimed_readers(settings: Values, aim: Aim) -> tuple[str, ...]:
    """Those of the tuned model that a run was made for; of a method that is gone, the one that the run tells."""
    plan = _plan(settings)
    return (aim.reader,) if plan is None or aim.reader not in plan.aimed else plan.aimed


def _plan(settings: Values) -> Plan | None:
    try:
        return Plan(*chosen(METHODS, settings.get("method"), "name", "method"))
    except SettingsError:
        return None


def _retitled(reader: Reader, today: Mapping[str, Reader]) -> Reader:
    same = today.get(reader.name, reader)
    return replace(reader, title=same.title, about=same.about, group=same.group)


def _beside(settings: Values) -> tuple[int, bool, Rivals]:
    """How many TSMs a run has, whether late fusion reads too, and which simple rivals: none in runs of before these."""
    tsms = settings.get("tsm") or []
    reading = settings.get("reading") or {}
    count = 1 if isinstance(tsms, Mapping) else len(tsms)
    return count, bool(reading.get("late_fusion")), reading.get("rivals") or "none"

"""Names of runs: made from set, method, preset and a number until a person writes one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.catalog import METHODS, find
from core.records.tables import Run

LONGEST_SET = 100


def beginning(set_name: str, settings: Mapping[str, Any]) -> str:
    """All of a made name but its number: `Blood · VITask · quick`."""
    title = find(METHODS, str(settings["method"]["name"]), "method").TITLE
    return f"{set_name[:LONGEST_SET]} · {title} · {settings.get('preset', 'balanced')}"


def made_name(session: Session, project_id: int, set_name: str, settings: Mapping[str, Any]) -> str:
    """The next name of its kind in a project: `Blood · VITask · quick · 2`."""
    begun = beginning(set_name, settings)
    alike = select(Run.name).where(Run.project_id == project_id, Run.name.startswith(f"{begun} · ", autoescape=True))
    taken = [int(name.rpartition(" · ")[2]) for name in session.scalars(alike) if is_made(name, set_name, settings)]
    return f"{begun} · {max(taken, default=0) + 1}"


def is_made(name: str, set_name: str, settings: Mapping[str, Any]) -> bool:
    """Whether a run's name is one that nobody wrote."""
    return re.fullmatch(re.escape(beginning(set_name, settings)) + r" · \d{1,9}", name) is not None

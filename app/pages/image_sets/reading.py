"""What a format asks beside columns and labels, for uploads in such a format: which slices, which frames, which window.
The inputs are those of its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from app.forms import Form, form
from app.visit import Given, Updates
from core.catalog import FORMATS, find
from core.errors import CoreError
from core.machine.aside import ASIDE
from core.sets.layout import format_at

ASKED_ELSEWHERE = "manifest"
"""The format whose settings have inputs of their own: what columns mean, and the question."""


@dataclass(frozen=True)
class ReadingParts:
    """For each format that asks something of its own, its inputs."""

    folds: Mapping[str, gr.Accordion]
    forms: Mapping[str, Form]

    @property
    def inputs(self) -> list[Component]:
        return [part for each in self.forms.values() for part in each.all_inputs]

    def shown(self, path: Path, options: Mapping[str, Any]) -> Updates:
        """Those of the upload at this path, with what was chosen for it."""
        name = format_of(path)
        shown: Updates = {fold: gr.update(visible=which == name) for which, fold in self.folds.items()}
        return shown | self.forms[name].shown(options) if name in self.forms else shown

    @property
    def nothing(self) -> Updates:
        return {fold: gr.update(visible=False) for fold in self.folds.values()}

    def chosen(self, path: Path, given: Given) -> dict[str, Any]:
        """What stands in them and is not as it is anyway."""
        name = format_of(path)
        if name not in self.forms:
            return {}
        settings = find(FORMATS, name, "format").Settings.parse(self.forms[name].values(given), "images")
        return dict(settings.model_dump(mode="json", include=set(own_fields(name)), exclude_defaults=True))


def lay_out() -> ReadingParts:
    folds, forms = {}, {}
    for name in FORMATS:
        own, settings = own_fields(name), find(FORMATS, name, "format").Settings
        if own:
            with gr.Accordion("How the files are read", open=False, visible=False) as folds[name]:
                gr.Markdown("Change it and press “Check again”.")
                forms[name] = form(settings, leave_out=settings.model_fields.keys() - set(own))
    return ReadingParts(folds, forms)


def own_fields(name: str) -> list[str]:
    """Of a format's settings those that it alone has."""
    usual, settings = (find(FORMATS, which, "format").Settings for which in (ASKED_ELSEWHERE, name))
    return [field for field in settings.model_fields if field not in usual.model_fields]


def format_of(path: Path) -> str:
    """In which format an upload is; empty where it is in none."""
    return _format_of(path, path.stat().st_mtime_ns) if path.exists() else ""


@lru_cache(maxsize=16)
def _format_of(path: Path, changed: int) -> str:
    try:
        name, _ = ASIDE.run(format_at, b"", str(path))
    except CoreError:
        return ""  # the check says what is wrong
    return str(name)

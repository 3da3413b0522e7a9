"""What a format asks beside columns and labels, for uploads in such a format: which slices, which frames, which window.
The inputs are those of its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from app.forms import Form, form
from app.pages.image_sets.columns import ROLES, USUAL, fields_of, format_of
from app.visit import Given, Updates
from core.catalog import FORMATS, find


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
    """Of a format's settings those that are asked for nowhere else: neither a column nor what all formats have."""
    usual = fields_of(USUAL)
    return [field for field in fields_of(name) if field not in usual and field not in ROLES]

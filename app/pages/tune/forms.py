"""The forms of everything that a run may choose from, as one: values of a run file out of them, and into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import gradio as gr
import yaml
from gradio.components import Component

from app.forms import Form, form, number, number_input, shown_number
from app.visit import Given, Json, Updates
from core import catalog
from core.case import SPLITS
from core.errors import SettingsError
from core.yamls import read_yaml

NO_TSM = "none"
USUAL: tuple[str, str, str, str] = (
    catalog.USUAL["vlm"]["family"],
    catalog.USUAL["tsm"]["name"],
    catalog.USUAL["method"]["name"],
    "quick",
)
"""Family, TSM, method and preset of somebody who has not chosen."""
CHOSEN = ("images", "task", "limit", "vlm", "tsm", "method", "preset")
"""What Tune asks for in other ways than by the run file's own form."""
LIMIT = "At most, {}"
MORE_TSMS = "- {name: convnet, width: 64}"


@dataclass(frozen=True)
class Offered:
    """The form of something that may be chosen, in a group that is seen while it is."""

    form: Form
    group: gr.Group


@dataclass(frozen=True)
class Forms:
    families: Mapping[str, Offered]
    tsms: Mapping[str, Offered]
    methods: Mapping[str, Offered]
    rest: Form
    more_tsms: gr.Textbox
    limits: Mapping[str, gr.Textbox]

    @property
    def groups(self) -> list[gr.Group]:
        kinds = (self.families, self.tsms, self.methods)
        return [offered.group for kind in kinds for offered in kind.values()]

    @property
    def settings(self) -> list[Component]:
        """The inputs that a preset fills."""
        kinds = (self.families, self.tsms, self.methods)
        forms = [offered.form for kind in kinds for offered in kind.values()]
        return [part for each in (*forms, self.rest) for part in each.all_inputs]

    @property
    def inputs(self) -> list[Component]:
        return [*self.limits.values(), *self.settings, self.more_tsms]

    def values(self, family: str, tsm: str, method: str, given: Given) -> Json:
        """The run file's values as they stand in the inputs."""
        values: Json = {
            "limit": limits({split: given[box] for split, box in self.limits.items()}),
            "vlm": self.families[family].form.values(given),
            "method": self.methods[method].form.values(given),
        }
        if tsm != NO_TSM:
            values["tsm"] = [self.tsms[tsm].form.values(given), *further_tsms(given[self.more_tsms])]
        return values | self.rest.values(given)

    def preset(self, whole: Json) -> Updates:
        """What the forms must show that a complete run file chooses; the others stay as they are."""
        tsm: Json = next(iter(whole["tsm"]), {"name": NO_TSM})
        shown = self.rest.shown(whole) | self.families[whole["vlm"]["family"]].form.shown(whole["vlm"])
        shown |= self.methods[whole["method"]["name"]].form.shown(whole["method"])
        return shown | (self.tsms[tsm["name"]].form.shown(tsm) if tsm["name"] in self.tsms else {})

    def shown(self, whole: Json) -> Updates:
        """What every input must show for a complete run file."""
        more = list(whole["tsm"][1:])
        listed = yaml.safe_dump(more, default_flow_style=None, sort_keys=False) if more else ""
        counts: Updates = {box: shown_number(whole["limit"].get(split)) for split, box in self.limits.items()}
        return self.preset(whole) | counts | {self.more_tsms: listed}

    def visible(self, family: str, tsm: str, method: str) -> Updates:
        """Of a kind only the chosen one is seen."""
        kinds = ((self.families, family), (self.tsms, tsm), (self.methods, method))
        return {
            offered.group: gr.update(visible=name == wanted) for kind, wanted in kinds for name, offered in kind.items()
        }


def limits(typed: Mapping[str, str | None]) -> dict[str, int]:
    """At most so many cases of a split; a split whose input is empty has all of its cases."""
    counts = {split: number(LIMIT.format(split), text, True, least=1) for split, text in typed.items()}
    return {split: int(count) for split, count in counts.items() if count is not None}


def further_tsms(text: str | None) -> list[Json]:
    """Those of a run file beside the first, as they were typed."""
    try:
        blocks = read_yaml(text or "", "The list") or []
    except SettingsError as error:
        blocks = str(error)
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise SettingsError(f"Further TSMs are a list like “{MORE_TSMS}”, one a line. Correct it: {blocks}")
    return blocks


def lay_out(choices: Json) -> Forms:
    """The accordions of what the engine offers."""
    with gr.Accordion("Method: switches", open=True):
        methods = _offered(choices["methods"])
    with gr.Accordion("VLM", open=False):
        families = _offered(choices["families"])
    with gr.Accordion("TSM", open=False):
        tsms = _offered(choices["tsms"])
        more = gr.Textbox(
            label="Further TSMs",
            info=f"One exemplar token each, one a line, as in a run file: {MORE_TSMS}",
            lines=2,
            elem_id="tune-more-tsms",
        )
    with gr.Accordion("Fewer cases", open=False), gr.Row():
        counts: dict[str, gr.Textbox] = {}
        for split in SPLITS:
            counts[split] = number_input("", "empty: all", label=LIMIT.format(split))
    return Forms(families, tsms, methods, form(choices["run"], leave_out=CHOSEN), more, counts)


def _offered(entries: Json) -> dict[str, Offered]:
    made = {}
    for name, entry in entries.items():
        with gr.Group(visible=name in USUAL) as group:
            made[name] = Offered(form(entry["schema"]), group)
    return made

"""The forms of everything that a run may choose from, as one: values of a run file out of them, and into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
import yaml

from app.forms import Form, form, number, number_input, shown_number
from core.errors import SettingsError
from core.yamls import read_yaml

NO_TSM = "none"
CHOSEN = ("images", "task", "limit", "vlm", "tsm", "method", "preset")
"""What Tune asks for in other ways than by the run file's own form."""
SPLITS = ("train", "val", "test")
LIMIT = "At most, {}"
MORE_TSMS = "- {name: convnet, width: 64}"

Values = dict[str, Any]


@dataclass(frozen=True)
class Forms:
    """Of a kind only the chosen one is seen. `limits` comes first among the inputs, further TSMs last."""

    families: Mapping[str, Form]
    tsms: Mapping[str, Form]
    methods: Mapping[str, Form]
    rest: Form
    more_tsms: gr.Textbox
    limits: tuple[gr.Textbox, ...]

    @property
    def all(self) -> list[Form]:
        return [*self.families.values(), *self.tsms.values(), *self.methods.values(), self.rest]

    @property
    def inputs(self) -> list[Any]:
        return [*self.limits, *(part for form in self.all for part in form.all_inputs), self.more_tsms]

    def values(self, family: str, tsm: str, method: str, given: list[Any]) -> Values:
        """The run file's values as they stand in the inputs."""
        at = len(SPLITS)
        parts: dict[int, list[Any]] = {}
        for each in self.all:
            parts[id(each)] = given[at : at + len(each.all_inputs)]
            at += len(each.all_inputs)
        chosen = {"vlm": self.families[family], "method": self.methods[method]}
        values: Values = {"limit": limits(given[: len(SPLITS)])}
        values |= {name: each.values(parts[id(each)]) for name, each in chosen.items()}
        if tsm != NO_TSM:
            values["tsm"] = [self.tsms[tsm].values(parts[id(self.tsms[tsm])]), *listed(given[-1])]
        return values | self.rest.values(parts[id(self.rest)])

    def shown(self, whole: Mapping[str, Any]) -> list[Any]:
        """What every input must show for a complete run file; forms that it does not choose stay as they are."""
        tsm: Values = next(iter(whole["tsm"]), {"name": NO_TSM})
        chosen = {
            id(self.families[whole["vlm"]["family"]]): whole["vlm"],
            id(self.methods[whole["method"]["name"]]): whole["method"],
            id(self.tsms.get(tsm["name"])): tsm,
            id(self.rest): whole,
        }
        shown: list[Any] = [shown_number(whole["limit"].get(split)) for split in SPLITS]
        for each in self.all:
            values = chosen.get(id(each))
            shown += [gr.skip() for _ in each.all_inputs] if values is None else each.shown(values)
        more = list(whole["tsm"][1:])
        return [*shown, yaml.safe_dump(more, default_flow_style=None, sort_keys=False) if more else ""]


def limits(given: list[Any]) -> dict[str, int]:
    """At most so many cases of a split; a split whose input is empty has all of its cases."""
    typed = zip(SPLITS, given, strict=True)
    counts = {split: number(LIMIT.format(split), text, True, least=1) for split, text in typed}
    return {split: int(count) for split, count in counts.items() if count is not None}


def listed(text: str | None) -> list[Values]:
    """The further TSMs of a run file, as they were typed."""
    try:
        blocks = read_yaml(text or "", "The list") or []
    except SettingsError as error:
        blocks = str(error)
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise SettingsError(f"Further TSMs are a list like `{MORE_TSMS}`, one a line. Correct it: {blocks}")
    return blocks


def build_forms(choices: Mapping[str, Any]) -> tuple[list[Any], Forms]:
    """The accordions; returns the groups to show or hide, and the forms."""
    groups: dict[str, list[Any]] = {}
    made: dict[str, dict[str, Form]] = {"families": {}, "tsms": {}, "methods": {}}
    for kind, title in (("methods", "Method: switches"), ("families", "VLM"), ("tsms", "TSM")):
        with gr.Accordion(title, open=kind == "methods"):
            for name, entry in choices[kind].items():
                with gr.Group(visible=name in ("starter", "convnet", "vitask")) as group:
                    made[kind][name] = form(entry["schema"])
                groups.setdefault(kind, []).append(group)
            if kind == "tsms":
                more = gr.Textbox(
                    label="Further TSMs",
                    info=f"One exemplar token each, one a line, as in a run file: {MORE_TSMS}",
                    lines=2,
                    elem_id="tune-more-tsms",
                )
    with gr.Accordion("Fewer cases", open=False), gr.Row():
        counts = tuple(number_input("", "empty: all", label=LIMIT.format(split)) for split in SPLITS)
    rest = form(choices["run"], leave_out=CHOSEN)
    ordered = [group for kind in ("families", "tsms", "methods") for group in groups[kind]]
    return ordered, Forms(made["families"], made["tsms"], made["methods"], rest, more, counts)

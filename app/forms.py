"""The only form code: the schema of a settings class becomes inputs, and what stands in them becomes values again.

Numbers are typed as text: Gradio's own input for numbers makes a 0 of an empty one whenever it is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import gradio as gr
from gradio.components import Component

from app.visit import Given, Json, Updates
from core.errors import SettingsError
from core.settings import Settings

Schema = Mapping[str, Any]
Kind = Literal["fixed", "switch", "whole", "number", "choice", "text", "either", "lines"]
KINDS: dict[str, Kind] = {
    "boolean": "switch",
    "integer": "whole",
    "number": "number",
    "array": "lines",
    "either": "either",
}
FEW = 4
LONGEST_NUMBER = 40


@dataclass(frozen=True)
class Entry:
    """One field of a settings class as a person fills it in."""

    name: str
    title: str
    help: str
    kind: Kind
    default: Any = None
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    is_optional: bool = False


@dataclass(frozen=True)
class Form:
    """An input for every entry that is not fixed, by name; nested settings are forms of their own, in accordions."""

    entries: tuple[Entry, ...]
    inputs: Mapping[str, Component]
    blocks: Mapping[str, Form]

    @property
    def all_inputs(self) -> list[Component]:
        """Every input, those of nested forms too."""
        return [*self.inputs.values(), *(part for form in self.blocks.values() for part in form.all_inputs)]

    def entry(self, name: str) -> Entry:
        return next(entry for entry in self.entries if entry.name == name)

    def values(self, given: Given) -> Json:
        """What stands in the inputs, as a settings class takes it."""
        values = {
            entry.name: _value(entry, given[self.inputs[entry.name]]) if entry.name in self.inputs else entry.default
            for entry in self.entries
        }
        return values | {name: form.values(given) for name, form in self.blocks.items()}

    def shown(self, values: Mapping[str, Any]) -> Updates:
        """What the inputs must show for these values; where one is missing, its default."""
        shown: Updates = {
            self.inputs[entry.name]: _shown(entry, values.get(entry.name, entry.default))
            for entry in self.entries
            if entry.name in self.inputs
        }
        for name, form in self.blocks.items():
            shown |= form.shown(values.get(name) or {})
        return shown


def form(described: Schema | type[Settings], leave_out: Iterable[str] = (), columns: int = 3) -> Form:
    """Inputs for a settings class, or its JSON schema, made in the Gradio blocks that are open."""
    schema = described if isinstance(described, Mapping) else described.model_json_schema()
    kept = {name: field for name, field in schema.get("properties", {}).items() if name not in set(leave_out)}
    nested = {name: field for name, field in kept.items() if _resolved(field, schema).get("type") == "object"}
    entries = tuple(_entry(name, field, schema) for name, field in kept.items() if name not in nested)
    inputs = dict(_inputs([entry for entry in entries if entry.kind != "fixed"], columns))
    blocks = {}
    for name, field in nested.items():
        inner = {**_resolved(field, schema), "$defs": schema.get("$defs", {})}
        with gr.Accordion(field.get("title", name), open=False):
            blocks[name] = form(inner, columns=columns)
    return Form(entries, inputs, blocks)


def _inputs(entries: Sequence[Entry], columns: int) -> Iterator[tuple[str, Component]]:
    for start in range(0, len(entries), columns):
        with gr.Row(equal_height=False):
            for entry in entries[start : start + columns]:
                yield entry.name, _input(entry)


def _input(entry: Entry) -> Component:
    look: Json = {"label": entry.title, "info": entry.help, "interactive": True, "min_width": 200}
    value = _shown(entry, entry.default)
    if entry.kind == "switch":
        return gr.Checkbox(value, **look)
    if entry.kind == "choice":
        kind = gr.Radio if len(entry.choices) <= FEW else gr.Dropdown
        return kind(list(entry.choices), value=value, **look)
    if entry.kind in ("whole", "number"):
        return number_input(value, "empty: automatic" if entry.is_optional else None, **look)
    return gr.Textbox(value, lines=3 if entry.kind == "lines" else 1, **look)


def _entry(name: str, described: Schema, schema: Schema) -> Entry:
    offered = [_resolved(part, schema) for part in described.get("anyOf", [_resolved(described, schema)])]
    real: list[Schema] = [part for part in offered if part.get("type") != "null"]
    field: Schema = real[0] if len(real) == 1 else {"type": "either"}
    return Entry(
        name,
        described.get("title", name),
        described.get("description", ""),
        _kind(field),
        field.get("const", described.get("default")),
        tuple(field.get("enum", ())),
        field.get("minimum", field.get("exclusiveMinimum")),
        field.get("maximum", field.get("exclusiveMaximum")),
        len(real) < len(offered),
    )


def _kind(field: Schema) -> Kind:
    if "const" in field:
        return "fixed"
    if "enum" in field:
        return "choice"
    return KINDS.get(str(field.get("type")), "text")


def _resolved(field: Schema, schema: Schema) -> Schema:
    """The part of a schema that a reference names; what stands beside the reference is kept."""
    named = field.get("$ref") or next((part["$ref"] for part in field.get("allOf", ()) if "$ref" in part), None)
    return {**schema["$defs"][named.rpartition("/")[2]], **field} if named else field


def number_input(value: str, hint: str | None, **look: Any) -> gr.Textbox:
    """For one number, which may be left empty; `number` reads it."""
    return gr.Textbox(value, placeholder=hint, max_lines=1, max_length=LONGEST_NUMBER, **look)


def number(
    title: str, given: object, is_whole: bool, least: float | None = None, most: float | None = None
) -> int | float | None:
    """What was typed; None where nothing was. A SettingsError names the input."""
    typed = "" if given is None else str(given).strip()
    if not typed:
        return None
    try:
        value = float(typed)
        read = int(value) if is_whole or value == int(value) else value
    except (ValueError, OverflowError):
        raise SettingsError(f'"{title}" is a number, and "{typed}" is none. Write one like 12 or 0.5.') from None
    if is_whole and value != read:
        raise SettingsError(f'"{title}" is a whole number, and {typed} is none. Change it.')
    if least is not None and value < least:
        raise SettingsError(f'"{title}" is at least {shown_number(least)}, not {typed}. Change it.')
    if most is not None and value > most:
        raise SettingsError(f'"{title}" is at most {shown_number(most)}, not {typed}. Change it.')
    return read


def shown_number(value: float | None) -> str:
    """As people write it: 2.0 is 2, and nothing is nothing."""
    if value is None:
        return ""
    return str(int(value)) if value == int(value) else str(value)


def _value(entry: Entry, given: object) -> object:
    if given is None or (isinstance(given, str) and not given.strip()):
        return _emptied(entry)
    if entry.kind in ("whole", "number"):
        return number(entry.title, given, entry.kind == "whole", entry.least, entry.most)
    if entry.kind == "lines":
        return [line.strip() for line in str(given).splitlines() if line.strip()]
    if entry.kind == "either":
        text = str(given).strip()
        return int(text) if text.isdigit() else text
    return given


def _emptied(entry: Entry) -> object:
    if entry.is_optional:
        return None
    if entry.kind in ("text", "lines"):
        return [] if entry.kind == "lines" else ""
    example = f", like {_shown(entry, entry.default)}" if entry.default is not None else ""
    raise SettingsError(f'"{entry.title}" is empty. Fill it in{example}.')


def _shown(entry: Entry, value: Any) -> Any:
    if entry.kind in ("whole", "number"):
        return shown_number(value)
    if entry.kind == "lines":
        return "\n".join(map(str, value or ()))
    if entry.kind in ("text", "either"):
        return "" if value is None else str(value)
    return value

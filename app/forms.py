"""The only form code: the schema of a settings class becomes inputs, and what stands in them becomes values again.

Numbers are typed as text: Gradio's own input for numbers makes a 0 of an empty one whenever it is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import gradio as gr

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
    choices: tuple[Any, ...] = ()
    least: float | None = None
    most: float | None = None
    is_optional: bool = False


@dataclass(frozen=True)
class Form:
    """Inputs in the order of `entries`; nested settings are forms of their own, in accordions."""

    entries: tuple[Entry, ...]
    inputs: tuple[Any, ...]
    blocks: Mapping[str, Form]

    @property
    def all_inputs(self) -> list[Any]:
        """Every input, those of nested forms last: what an event is given."""
        return [*self.inputs, *(one for form in self.blocks.values() for one in form.all_inputs)]

    def values(self, given: Sequence[Any]) -> dict[str, Any]:
        """What stands in `all_inputs`, as a settings class takes it."""
        rest = iter(given)
        found = {one.name: one.default if one.kind == "fixed" else _value(one, next(rest)) for one in self.entries}
        for name, form in self.blocks.items():
            found[name] = form.values([next(rest) for _ in form.all_inputs])
        return found

    def shown(self, values: Mapping[str, Any]) -> list[Any]:
        """What `all_inputs` must show for these values; where one is missing, its default."""
        own = [_shown(one, values.get(one.name, one.default)) for one in self.entries if one.kind != "fixed"]
        return own + [one for name, form in self.blocks.items() for one in form.shown(values.get(name) or {})]


def form(described: Schema | type[Settings], leave_out: Iterable[str] = (), columns: int = 3) -> Form:
    """Inputs for a settings class, or its JSON schema, made in the Gradio blocks that are open."""
    schema = described if isinstance(described, Mapping) else described.model_json_schema()
    kept = {name: one for name, one in schema.get("properties", {}).items() if name not in set(leave_out)}
    nested = {name: one for name, one in kept.items() if _resolved(one, schema).get("type") == "object"}
    entries = tuple(_entry(name, one, schema) for name, one in kept.items() if name not in nested)
    inputs = tuple(_inputs([one for one in entries if one.kind != "fixed"], columns))
    blocks = {}
    for name, one in nested.items():
        inner = {**_resolved(one, schema), "$defs": schema.get("$defs", {})}
        with gr.Accordion(one.get("title", name), open=False):
            blocks[name] = form(inner, columns=columns)
    return Form(entries, inputs, blocks)


def _inputs(entries: Sequence[Entry], columns: int) -> Iterator[Any]:
    for start in range(0, len(entries), columns):
        with gr.Row(equal_height=False):
            for one in entries[start : start + columns]:
                yield _input(one)


def _input(entry: Entry) -> Any:
    said: dict[str, Any] = {"label": entry.title, "info": entry.help, "interactive": True, "min_width": 200}
    value = _shown(entry, entry.default)
    if entry.kind == "switch":
        return gr.Checkbox(value, **said)
    if entry.kind == "choice":
        kind = gr.Radio if len(entry.choices) <= FEW else gr.Dropdown
        return kind(list(entry.choices), value=value, **said)
    if entry.kind in ("whole", "number"):
        return number_input(value, "empty: automatic" if entry.is_optional else None, **said)
    return gr.Textbox(value, lines=3 if entry.kind == "lines" else 1, **said)


def _entry(name: str, described: Schema, schema: Schema) -> Entry:
    offered = [_resolved(one, schema) for one in described.get("anyOf", [_resolved(described, schema)])]
    real: list[Schema] = [one for one in offered if one.get("type") != "null"]
    one: Schema = real[0] if len(real) == 1 else {"type": "either"}
    return Entry(
        name,
        described.get("title", name),
        described.get("description", ""),
        _kind(one),
        one.get("const", described.get("default")),
        tuple(one.get("enum", ())),
        one.get("minimum", one.get("exclusiveMinimum")),
        one.get("maximum", one.get("exclusiveMaximum")),
        len(real) < len(offered),
    )


def _kind(one: Schema) -> Kind:
    if "const" in one:
        return "fixed"
    if "enum" in one:
        return "choice"
    return KINDS.get(str(one.get("type")), "text")


def _resolved(one: Schema, schema: Schema) -> Schema:
    """The part of a schema that a reference names; what stands beside the reference is kept."""
    named = one.get("$ref") or next((part["$ref"] for part in one.get("allOf", ()) if "$ref" in part), None)
    return {**schema["$defs"][named.rpartition("/")[2]], **one} if named else one


def number_input(value: Any, hint: str | None, **said: Any) -> gr.Textbox:
    """For one number, which may be left empty; `number` reads it."""
    return gr.Textbox(value, placeholder=hint, max_lines=1, max_length=LONGEST_NUMBER, **said)


def number(
    title: str, given: Any, is_whole: bool, least: float | None = None, most: float | None = None
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


def _value(entry: Entry, given: Any) -> Any:
    if given is None or (isinstance(given, str) and not given.strip()):
        return _emptied(entry)
    if entry.kind in ("whole", "number"):
        return number(entry.title, given, entry.kind == "whole", entry.least, entry.most)
    if entry.kind == "lines":
        return [line.strip() for line in str(given).splitlines() if line.strip()]
    if entry.kind == "either":
        return int(given) if str(given).strip().isdigit() else str(given).strip()
    return given


def _emptied(entry: Entry) -> Any:
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
        return "\n".join(str(one) for one in value or ())
    if entry.kind in ("text", "either"):
        return "" if value is None else str(value)
    return value

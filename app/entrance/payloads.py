"""What is sent to a handler, looked at before Gradio sees it: its types, its texts, its numbers, and files it names.

Gradio copies whatever file a payload names, in whichever input, into the folder that it serves. So a file may be named
only where an input takes files, and a payload of other types than the handler says is refused with a sentence.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.components.api_component import Api
from gradio.data_classes import FileData, ListFiles
from pydantic import TypeAdapter, ValidationError

from core.errors import CoreError

DEEPEST = 40
LARGEST = 2**31 - 1
"""Numbers of rows are 32 bits wide in PostgreSQL."""
Scalar = str | bool | int | float | None
SHAPES: dict[type, TypeAdapter[Any]] = {
    gr.Number: TypeAdapter(float | int | None),
    gr.Textbox: TypeAdapter(Scalar),
    gr.Checkbox: TypeAdapter(bool | None),
    gr.Radio: TypeAdapter(Scalar),
    gr.Dropdown: TypeAdapter(Scalar | list[Scalar]),
    gr.CheckboxGroup: TypeAdapter(list[Scalar] | None),
}
"""What the pages' own inputs send."""
SPECIAL = (gr.Request, gr.EventData)


class PayloadError(CoreError):
    """What was sent is not what the handler takes."""


def parsed(body: bytes) -> Any:
    """JSON without numbers that are none, and neither too deep nor with texts that no database keeps."""
    try:
        value = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise PayloadError('What was sent is not JSON. Send an object with the values under "data".') from None
    for part in parts(value):
        if isinstance(part, str) and ("\0" in part or not _is_unicode(part)):
            raise PayloadError("A text holds a character that can't be kept (a null, or half of a pair). Take it out.")
        if isinstance(part, float) and not math.isfinite(part):
            raise PayloadError("A number is too large to be one. Send a smaller one.")
    return value


def parts(value: Any, depth: int = 0) -> Iterator[Any]:
    """The value and everything in it, names of fields too."""
    if depth > DEEPEST:
        raise PayloadError(f"What was sent is nested more than {DEEPEST} deep. Send it flatter.")
    yield value
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from parts(inner, depth + 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from parts(inner, depth + 1)


def is_reference(part: Any) -> bool:
    """Whether Gradio might take it for a file: more than its own test, which a strange `meta` breaks."""
    return isinstance(part, dict) and "path" in part and "meta" in part


def refuse_references(value: Any) -> None:
    if any(is_reference(part) for part in parts(value)):
        raise PayloadError(
            "A file is named where none is taken. Send what is asked for here, and files where they are."
        )


def takes_files(block: Any) -> bool:
    return getattr(block, "data_model", None) in (FileData, ListFiles)


def admitted(event: BlockFunction, data: Sequence[Any], own: Callable[[str], str]) -> list[Any]:
    """The values for all inputs of an event, checked; `own` gives the real path of a person's upload or refuses it."""
    values = _spread(event, data)
    names = _parameters(event)
    checked = []
    for place, (block, value) in enumerate(zip(event.inputs, values, strict=True)):
        name, hint = names[place] if place < len(names) else (f"value {place + 1}", Any)
        if takes_files(block):
            checked.append(_files(block, value, name, own))
            continue
        refuse_references(value)
        checked.append(_typed(block, value, name, hint))
    return checked


def _spread(event: BlockFunction, data: Sequence[Any]) -> list[Any]:
    """Programs leave out what a page keeps for itself; pages may send more than an event takes."""
    inputs = [block for block in event.inputs if not block.skip_api]
    if len(data) == len(inputs) != len(event.inputs):
        given = iter(data)
        return [None if block.skip_api else next(given) for block in event.inputs]
    is_public = event.api_visibility == "public"
    if len(data) < len(event.inputs) or (is_public and len(data) > len(event.inputs)):
        raise PayloadError(f'"{event.api_name}" takes {len(inputs)} values under "data", and {len(data)} were sent.')
    for more in data[len(event.inputs) :]:
        refuse_references(more)
    return list(data[: len(event.inputs)])


def _files(block: Any, value: Any, name: str, own: Callable[[str], str]) -> Any:
    if value is None:
        return None
    is_list = block.data_model is ListFiles
    given = value if is_list else [value]
    if not isinstance(given, list) or not all(is_reference(file) and isinstance(file["path"], str) for file in given):
        raise PayloadError(f'"{name}" takes {"a list of files" if is_list else "a file"} that you uploaded before.')
    kept = [_reference(file, own(file["path"])) for file in given]
    return kept if is_list else kept[0]


def _reference(given: dict[str, Any], path: str) -> dict[str, Any]:
    """Nothing of what was sent but the name: an address beside the path would be fetched, or shown to be fetched."""
    name = given.get("orig_name")
    meta = {"_type": "gradio.FileData"}
    return {"path": path, "orig_name": name if isinstance(name, str) else None, "meta": meta}


def _typed(block: Any, value: Any, name: str, hint: Any) -> Any:
    adapter = _adapter(hint) if isinstance(block, Api) else SHAPES.get(type(block))
    if adapter is None or block.stateful:
        return value
    try:
        checked = adapter.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        inside = "".join(f", at {part}" for part in first["loc"] if isinstance(part, int))
        wanted = first["msg"][:1].lower() + first["msg"][1:]
        raise PayloadError(
            f'"{name}" can\'t be used{inside}: {wanted}. What it takes stands under "Use via API".'
        ) from None
    if isinstance(block, Api) and any(isinstance(part, int) and abs(part) > LARGEST for part in _top(checked)):
        raise PayloadError(f'"{name}" is too large a number. The largest that there can be is {LARGEST}.')
    return adapter.dump_python(checked, mode="json")


def _top(value: Any) -> Iterator[Any]:
    yield from value if isinstance(value, list) else [value]


@lru_cache(maxsize=256)
def _adapter(hint: Any) -> TypeAdapter[Any]:
    return TypeAdapter(hint)


def _parameters(event: BlockFunction) -> list[tuple[str, Any]]:
    """Name and type of each value that the handler takes, without those that Gradio fills in."""
    if not callable(event.fn):
        return []
    listed = inspect.signature(event.fn).parameters.values()
    kept = [parameter for parameter in listed if parameter.annotation not in SPECIAL]
    return [
        (parameter.name, Any if parameter.annotation is parameter.empty else parameter.annotation) for parameter in kept
    ]


def _no_number(text: str) -> Any:
    raise ValueError(text)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

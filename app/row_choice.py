"""A choice among rows of the records, each by its number."""

from __future__ import annotations

from abc import ABCMeta
from typing import Any

import gradio as gr
from gradio.component_meta import ComponentMeta

LARGEST = (1 << 31) - 1

Chosen = str | int | float | list[str | int | float] | list[int | None] | None


class Unwritten(ComponentMeta):
    """Of components without events of their own. Gradio's writes a .pyi beside the file of each, wherever that lies."""

    def __new__(cls, name: str, bases: tuple[type, ...], attributes: dict[str, Any]) -> Unwritten:
        return ABCMeta.__new__(cls, name, bases, attributes)


class RowChoice(gr.Dropdown, metaclass=Unwritten):
    """Takes the number of any row, whether or not its list holds it at the moment.

    Gradio refuses what is not in the list that it sent last. Of two events that overlap the later may have brought a
    list from before, and what a person chose, or wrote beside it, would be lost with an error. Whoever takes the number
    looks whether the row is there, and for whom.
    """

    is_template = True

    def preprocess(self, payload: str | int | float | list[str | int | float] | None) -> Chosen:
        chosen = payload if isinstance(payload, list) else [payload]
        if all(type(number) is int and 0 < number <= LARGEST for number in chosen):
            return payload
        return super().preprocess(payload)

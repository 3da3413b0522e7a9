"""Settings become inputs, and inputs become settings again."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import gradio as gr
import pytest
from pydantic import Field

from app.forms import Form, form
from core.settings import Settings


class Pace(Settings):
    rate: float = Field(0.1, gt=0, le=1, title="Rate", description="How fast.")
    patience: int | None = Field(None, ge=1, title="Patience", description="Empty: never.")


class Drawn(Settings):
    name: Literal["drawn"] = Field("drawn", title="Name", description="Fixed.")
    is_loud: bool = Field(False, title="Loud", description="Says more.")
    count: int = Field(3, ge=1, le=9, title="Count", description="How many.")
    shape: Literal["disc", "ring"] = Field("disc", title="Shape", description="Which.")
    hue: Literal["a", "b", "c", "d", "e"] = Field("a", title="Hue", description="Which.")
    side: Literal["auto"] | Annotated[int, Field(ge=8)] = Field("auto", title="Side", description="Pixels.")
    words: tuple[str, ...] = Field(("one",), title="Words", description="One a line.")
    pace: Pace = Field(Pace(), title="Pace", description="Nested.")


@pytest.fixture
def drawn() -> Form:
    with gr.Blocks():
        return form(Drawn)


def test_every_kind_of_field_has_its_input(drawn: Form) -> None:
    kinds = [type(one).__name__ for one in drawn.inputs]
    assert kinds == ["Checkbox", "Number", "Radio", "Dropdown", "Textbox", "Textbox"]
    count: Any = drawn.inputs[1]
    assert (count.label, count.info, count.minimum, count.maximum, count.value) == ("Count", "How many.", 1, 9, 3)


def test_what_a_form_shows_is_what_it_gives_back(drawn: Form) -> None:
    values = Drawn(count=5, side=16, words=("x", "y"), pace=Pace(patience=2)).model_dump(mode="json")
    assert drawn.values(drawn.shown(values)) == values
    assert Drawn.parse(drawn.values(drawn.shown(values)), "").side == 16


def test_an_empty_optional_number_is_none(drawn: Form) -> None:
    given = [True, 4.0, "ring", "e", "auto", " x \n\n y", 0.5, None]
    assert drawn.values(given) == {
        "name": "drawn",
        "is_loud": True,
        "count": 4,
        "shape": "ring",
        "hue": "e",
        "side": "auto",
        "words": ["x", "y"],
        "pace": {"rate": 0.5, "patience": None},
    }


def test_a_form_is_made_from_a_schema_too() -> None:
    with gr.Blocks():
        made = form(Drawn.model_json_schema(), leave_out=("words", "pace"))
    assert [one.name for one in made.entries] == ["name", "is_loud", "count", "shape", "hue", "side"]
    assert not made.blocks

"""Settings become inputs, and inputs become settings again."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import gradio as gr
import pytest
from pydantic import Field

from app.forms import Form, form
from app.pages.tune.forms import CHOSEN
from core.catalog import FAMILIES, METHODS, TSMS, find
from core.errors import SettingsError
from core.runs.runfile import RunSettings
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
    kinds = {name: type(part).__name__ for name, part in drawn.inputs.items()}
    assert kinds == {
        "is_loud": "Checkbox",
        "count": "Textbox",
        "shape": "Radio",
        "hue": "Dropdown",
        "side": "Textbox",
        "words": "Textbox",
    }
    count: Any = drawn.inputs["count"]
    assert (count.label, count.info, count.value) == ("Count", "How many.", "3")


def test_what_a_form_shows_is_what_it_gives_back(drawn: Form) -> None:
    values = Drawn(count=5, side=16, words=("x", "y"), pace=Pace(patience=2)).model_dump(mode="json")
    assert set(drawn.shown(values)) == set(drawn.all_inputs)
    assert drawn.values(drawn.shown(values)) == values
    assert Drawn.parse(drawn.values(drawn.shown(values)), "").side == 16


def test_what_is_typed_is_read_by_its_kind_and_an_empty_optional_number_is_none(drawn: Form) -> None:
    own, pace = drawn.inputs, drawn.blocks["pace"].inputs
    typed = {"is_loud": True, "count": "4.0", "shape": "ring", "hue": "e", "side": "auto", "words": " x \n\n y"}
    given: dict[Any, object] = {own[name]: text for name, text in typed.items()} | {
        pace["rate"]: "0.5",
        pace["patience"]: "",
    }
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


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", '"Count" is empty. Fill it in, like 3.'),
        ("0", '"Count" is at least 1, not 0'),
        ("10", '"Count" is at most 9, not 10'),
        ("2.5", '"Count" is a whole number'),
        ("0,5", '"Count" is a number, and "0,5" is none'),
        ("nan", '"Count" is a number'),
        ("1e999", '"Count" is a number'),
    ],
)
def test_what_is_no_fitting_number_is_told_by_the_name_of_its_input(drawn: Form, typed: str, message: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(message)):
        drawn.values(drawn.shown({}) | {drawn.inputs["count"]: typed})


EVERY = {"run": RunSettings} | {
    f"{kind} {name}": find(catalog, name, kind).Settings
    for kind, catalog in {"tsm": TSMS, "family": FAMILIES, "method": METHODS}.items()
    for name in catalog
}


@pytest.mark.parametrize("settings", EVERY.values(), ids=EVERY)
def test_an_emptied_number_stays_empty_in_every_form(settings: type[Settings]) -> None:
    """Gradio's input for numbers draws an empty one as 0, so none of a form may be one."""
    with gr.Blocks():
        made = form(settings, leave_out=CHOSEN)  # what Tune asks for in other ways
    assert not [part.label for part in made.all_inputs if isinstance(part, gr.Number)]
    for part in parts(made):
        for entry in part.entries:
            if entry.kind not in ("whole", "number"):
                continue
            emptied = part.shown({}) | {part.inputs[entry.name]: ""}
            if entry.is_optional:
                assert part.values(emptied)[entry.name] is None
            else:
                with pytest.raises(SettingsError, match=re.escape(f'"{entry.title}" is empty')):
                    part.values(emptied)


def parts(made: Form) -> list[Form]:
    return [made, *(inner for block in made.blocks.values() for inner in parts(block))]


def test_a_form_is_made_from_a_schema_too() -> None:
    with gr.Blocks():
        made = form(Drawn.model_json_schema(), leave_out=("words", "pace"))
    assert [entry.name for entry in made.entries] == ["name", "is_loud", "count", "shape", "hue", "side"]
    assert not made.blocks

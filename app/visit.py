"""Who asks, in which project, and the records, as one value; and how callbacks and API names are handed it.

A callback takes a `Visit` first, then what stands in its inputs, and returns what changes: `{component: value}`.
"""

from __future__ import annotations

import inspect
import logging
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial, wraps
from typing import Any, Concatenate, cast

import gradio as gr
from gradio.blocks import Block
from gradio.events import api

from app.context import Asking, Studio, notice
from core.errors import CoreError, SettingsError
from core.records.access import Who
from core.records.database import Database, DatabaseFailure
from core.records.place import Place

Handler = Callable[..., object]
"""What Gradio calls, with its request first."""
Updates = dict[Block, Any]
"""What changes on a page, by component; what is left out stays as it is."""
Given = Mapping[Block, Any]
"""What stands in an event's inputs, by component, where they are wired as a set."""
Json = dict[str, Any]
"""What programs are sent of a thing: names, and values that JSON has."""
Wire = tuple[Handler, Sequence[Block] | set[Block], Sequence[Block]]
"""What an event calls, with which inputs, and what that may change."""
LONGEST_NUMBER = 9
log = logging.getLogger("vitask.app")


@dataclass(frozen=True)
class Visit:
    """Made once of each request. Nothing is done for a request of which nobody knows who asks."""

    studio: Studio
    who: Who
    request: Asking

    @classmethod
    def of(cls, studio: Studio, request: Asking) -> Visit:
        return cls(studio, studio.who(request), request)

    @property
    def database(self) -> Database:
        return self.studio.database

    @property
    def place(self) -> Place:
        return self.studio.place

    @cached_property
    def project(self) -> int:
        """The project that is looked at; a NotAllowed where there is none, or where it is not this person's."""
        return self.studio.project(self.request)

    def query(self, name: str) -> str | None:
        """From the page's address, like `?tab=add`."""
        return cast("str | None", dict(self.request.query_params).get(name))

    def number(self, name: str) -> int | None:
        """A number from the page's address, like `?set=3`; None where it is not there or none."""
        given = self.query(name) or ""
        return int(given) if given.isdigit() and len(given) <= LONGEST_NUMBER else None


Act = Callable[Concatenate[Visit, ...], object]


def guarded(studio: Studio, act: Act) -> Handler:
    """For a page's callbacks: what a person can mend becomes a notice; all else is our fault, with an id."""
    return _typed(act, lambda request, *given: _changes(_refusing(studio, act, request, *given)))


def live(studio: Studio, act: Act) -> Handler:
    """For timers: where re-reading fails the page stays as it is, and says nothing every two seconds."""

    def call(request: gr.Request, *given: object) -> object:
        try:
            return _changes(act(Visit.of(studio, request), *given))
        except Exception as error:
            if not isinstance(error, CoreError | DatabaseFailure):
                log.exception("A page could not be re-read")
            return gr.skip()

    return _typed(act, call)


def of_shown(act: Act, what: str) -> Act:
    """An act that takes what stands in fields: it is handed the row that is chosen, and the one that they are of."""

    @wraps(act)
    def call(visit: Visit, chosen: object, shown: object, *given: object) -> object:
        refuse_unshown(chosen, shown, what)
        return act(visit, chosen, *given)

    visit, chosen, *others = inspect.signature(act).parameters.values()
    parameters = [visit, chosen, chosen.replace(name="shown", annotation=object), *others]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return call


def refuse_unshown(chosen: object, shown: object, what: str) -> None:
    """For a moment after another row is chosen, longer where the studio is busy, a page shows the one before."""
    if chosen != shown:
        raise SettingsError(
            f"The page still shows another {what} than the one that is chosen, so nothing was done. Wait until it "
            "shows the chosen one, look at it, and press again."
        )


def offer(studio: Studio, *acts: Act, **named: Act) -> None:
    """Makes acts API names: each has its function's name (or the one given), types and docstring.

    Before the events of the page are wired: an event of the same name would take it otherwise."""
    for name, act in ({act.__name__: act for act in acts} | named).items():
        api(_typed(act, partial(_refusing, studio, act)), api_name=name)


def _refusing(studio: Studio, act: Act, request: gr.Request, *given: object) -> object:
    try:
        return act(Visit.of(studio, request), *given)
    except Exception as error:
        raise notice(error) from None


def _changes(answer: object) -> object:
    """Gradio takes an empty mapping for a value."""
    return gr.skip() if isinstance(answer, dict) and not answer else answer


def _typed(act: Act, handler: Handler) -> Handler:
    """Gradio documents a name by its types, wants them as types, and fills in the request by its type."""

    @wraps(act)
    def call(*given: object) -> object:
        return handler(*given)

    hints = typing.get_type_hints(act)
    visit, *others = inspect.signature(act).parameters.values()
    parameters = [visit.replace(name="request", annotation=gr.Request)]
    parameters += [parameter.replace(annotation=hints.get(parameter.name, object)) for parameter in others]
    call.__annotations__ = {"request": gr.Request} | {name: hint for name, hint in hints.items() if name != visit.name}
    call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        parameters, return_annotation=hints.get("return", object)
    )
    return call

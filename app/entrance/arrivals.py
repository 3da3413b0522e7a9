"""Whose the files in Gradio's folder are: a person names and fetches only what that person uploaded or was handed.

Kept in memory, as Gradio keeps its own list: after a start both are empty, and what was not taken over is sent anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import gradio as gr

from app.entrance.payloads import PayloadError, is_reference, parts, refuse_references

MOST_KEPT = 20_000
"""Paths that are remembered before those of files that have gone are forgotten."""


class Arrivals:
    def __init__(self) -> None:
        self._owners: dict[str, set[int]] = {}

    def keep(self, person: int, paths: Iterable[str]) -> None:
        """Two people may bring the same file: Gradio then has it once, and it is either's."""
        for path in paths:
            self._owners.setdefault(os.path.realpath(path), set()).add(person)
        if len(self._owners) > MOST_KEPT:
            self._owners = {path: owners for path, owners in self._owners.items() if os.path.exists(path)}

    def own(self, person: int, path: str) -> str:
        """The file's real path. One that is missing is refused as one that is somebody else's, in the same words."""
        real = os.path.realpath(path) if "\0" not in path else ""
        if person not in self._owners.get(real, ()) or not os.path.isfile(real):
            raise PayloadError(
                "A file that is named here is none that you uploaded just now. Upload it, then send again."
            )
        return real


class StudioBlocks(gr.Blocks):
    """Pages whose handlers hand out no file but by an output that shows one, and that to the person who asked."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.arrivals = Arrivals()

    async def process_api(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        scope = getattr(getattr(kwargs.get("request"), "request", None), "scope", {})
        try:
            answer: dict[str, Any] = await super().process_api(*args, **kwargs)
        except gr.Error as error:
            scope.get("refusals", []).append(error)
            raise
        files = [part["path"] for part in parts(answer["data"]) if is_reference(part)]
        if files and "person" in scope:
            self.arrivals.keep(scope["person"], files)
        return answer

    async def postprocess_data(self, block_fn: Any, predictions: Any, state: Any) -> list[Any]:
        """What came in as text, in a table or a run file, is no file when it is given back."""
        refuse_references(predictions)
        return await super().postprocess_data(block_fn, predictions, state)

"""What a run may choose from, told as plain data, and run files completed: for programs that must not load torch.

A screen starts `python -m core.runs.choices` and keeps it: one JSON question a line comes in, one JSON answer goes out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from core.catalog import FAMILIES, METHODS, TSMS, find
from core.errors import CoreError
from core.runs.runfile import Run, RunSettings, as_yaml, make_run

Plain = dict[str, Any]
CATALOGS = {"families": FAMILIES, "tsms": TSMS, "methods": METHODS}


def choices() -> Plain:
    """Every entry of the catalog with its title and the schema of its settings, and the schema of a run file."""
    entries: Plain = {name: dict(_entries(catalog)) for name, catalog in CATALOGS.items()}
    return entries | {"run": RunSettings.model_json_schema()}


def complete(values: Mapping[str, Any]) -> Plain:
    """A run file's values, checked, with the preset and every default filled in."""
    run = make_run(values)
    whole = run.settings.model_copy(update=_blocks(run))
    return {
        "values": whole.model_dump(mode="json"),
        "yaml": as_yaml(whole),
        "readers": [reader.name for reader in run.readers],
        "reader_titles": [reader.title for reader in run.readers],
        "stages": [stage.name for stage in run.plan.stages],
    }


def answer(line: str) -> Plain:
    """The answer to one question: {"choices": true} or {"complete": {…}}."""
    question = json.loads(line)
    try:
        return {"answer": complete(question["complete"]) if "complete" in question else choices()}
    except CoreError as error:
        return {"error": str(error)}


def serve(questions: TextIO, answers: TextIO) -> None:
    """Until the asker closes its end, or dies."""
    for line in questions:
        answers.write(json.dumps(answer(line)) + "\n")
        answers.flush()


def _entries(catalog: Mapping[str, str]) -> Iterator[tuple[str, Plain]]:
    for name in catalog:
        module = find(catalog, name, "entry")
        schema = module.Settings.model_json_schema()
        yield name, {"title": module.TITLE, "schema": schema, "terms": dict(getattr(module, "TERMS", {}))}


def _blocks(run: Run) -> Plain:
    return {
        "vlm": run.vlm.model_dump(mode="json"),
        "tsm": tuple(settings.model_dump(mode="json") for _, settings in run.tsms),
        "method": run.plan.settings.model_dump(mode="json"),
    }


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)

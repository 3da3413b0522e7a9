"""The folder of a search: its settings, folds as they are finished, events, and in the end the ranking."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from core.errors import RunError
from core.suspects.settings import Settings


@dataclass(frozen=True)
class Suspect:
    """A case, how much its label needs a second look, and why. Numbers are places in the whole set."""

    number: int
    case: str
    set: str
    given: tuple[str, ...]
    suggested: tuple[str, ...]
    score: float
    why: str
    group: int | None
    neighbours: tuple[int, ...]
    similarities: tuple[float, ...]
    probabilities: tuple[float, ...]
    evidence: dict[str, float | None]


@dataclass(frozen=True)
class SuspectList:
    """Every case, the most suspect first, and what is known of them all: as `estimated_errors` the index of labels in
    doubt (`core/suspects/doubted.py`), which earlier versions took for an estimate of wrong ones."""

    suspects: tuple[Suspect, ...]
    about: dict[str, Any]

    def plain(self) -> dict[str, Any]:
        """What `vitask suspects --json` prints."""
        names = ("case", "given", "suggested", "score", "evidence")
        rows = [{name: getattr(suspect, name) for name in names} for suspect in self.suspects]
        return {"suspects": rows, "estimated_errors": self.about["estimated_errors"]}


def write_settings(path: Path, settings: Settings, is_resumed: bool) -> None:
    """Writes down what a search was begun with, or refuses to go on with something else."""
    file = path / "suspects.yaml"
    if is_resumed and file.is_file():
        before = yaml.safe_load(file.read_text())
        if settings.model_dump() != {**Settings().model_dump(), **before}:
            raise RunError(
                f"The search in {path} was begun with other settings ({before}). "
                "Resume it with those, or begin a new one in another folder."
            )
    draft = file.with_suffix(".part")
    draft.write_text(yaml.safe_dump(settings.model_dump(), sort_keys=False))
    draft.replace(file)


def save(path: Path, ranked: SuspectList) -> None:
    """The ranking as a table, then what it is about: a folder that has suspects.json is complete."""
    import pyarrow.parquet as pq

    draft = path / "suspects.part"
    pq.write_table(_table(ranked.suspects, [source["name"] for source in ranked.about["sources"]]), draft)
    draft.replace(path / "suspects.parquet")
    draft.write_text(json.dumps(ranked.about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(path / "suspects.json")


def _table(suspects: Sequence[Suspect], sources: Sequence[str]) -> Any:
    import pyarrow as pa

    schema = pa.schema(
        [
            ("number", pa.int64()),
            *((name, pa.string()) for name in ("case", "set")),
            *((name, pa.list_(pa.string())) for name in ("given", "suggested")),
            ("score", pa.float64()),
            ("why", pa.string()),
            ("group", pa.int64()),
            ("neighbours", pa.list_(pa.int64())),
            *((name, pa.list_(pa.float64())) for name in ("similarities", "probabilities")),
            *((f"evidence.{name}", pa.float64()) for name in sources),
        ]
    )
    rows = [asdict(suspect) | {f"evidence.{name}": suspect.evidence[name] for name in sources} for suspect in suspects]
    return pa.Table.from_pylist(rows, schema=schema)

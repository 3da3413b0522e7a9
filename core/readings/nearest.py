"""The index of a run: where its cases lie in the space of its embedder, and which lie nearest to a picture or words.

Search is exact: every vector is looked at. Vectors are kept as int8 beside float32 (docs/log.md has the times).

Axes: N cases, H hidden size, Q queries.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from core.case import Case
from core.errors import RunError

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Indexed:
    """Whose vector it is, as the run saw the case."""

    set: str
    case: str
    split: str
    labels: tuple[str, ...]
    patient: str | None

    @classmethod
    def of(cls, case: Case, set_name: str) -> Indexed:
        return cls(set_name, case.id, str(case.split), case.labels, case.patient)


@dataclass(frozen=True)
class Near:
    """A case that was searched for, with its cosine."""

    indexed: Indexed
    cosine: float


@dataclass(frozen=True)
class Index:
    """Vectors [N, H] of unit length, and whose each is."""

    vectors: Floats
    indexed: tuple[Indexed, ...]

    def nearest(self, query: Floats, most: int, is_wanted: Callable[[Indexed], bool] | None = None) -> list[Near]:
        """The nearest first; of the wanted ones, where not all are."""
        cosines = self.vectors @ query
        if is_wanted is not None:
            kept = np.fromiter((is_wanted(each) for each in self.indexed), dtype=bool, count=len(self.indexed))
            cosines = np.where(kept, cosines, -np.inf)
        return [Near(self.indexed[place], float(cosines[place])) for place in highest(cosines, most)]

    def save(self, path: Path) -> None:
        listed = json.dumps([asdict(each) for each in self.indexed], ensure_ascii=False).encode()
        draft = path.with_suffix(".part")
        save_file({"vectors": self.vectors, "cases": np.frombuffer(listed, dtype=np.uint8)}, draft)
        draft.replace(path)


def load_index(path: Path) -> Index:
    try:
        kept = load_file(path)
        rows = json.loads(kept["cases"].tobytes())
        indexed = tuple(Indexed(**{**row, "labels": tuple(row["labels"])}) for row in rows)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} can't be read ({error}). Remove it: it is made anew from the run's images.") from None
    if len(indexed) != len(kept["vectors"]):
        raise RunError(f"{path} lists other cases than it has vectors. Remove it: it is made anew.")
    return Index(kept["vectors"], indexed)


def highest(scores: Floats, most: int) -> list[int]:
    """Places of the highest scores, the highest first and equal ones in order; none that is not finite."""
    count = min(most, len(scores))
    if not count:
        return []
    candidates = np.argpartition(-scores, count - 1)[:count]
    ordered = candidates[np.lexsort((candidates, -scores[candidates]))]
    return [int(place) for place in ordered if np.isfinite(scores[place])]


def from_parts(parts: Iterable[tuple[Floats, Sequence[Indexed]]]) -> Index:
    """An index of vectors that came batch by batch."""
    vectors, indexed = zip(*parts, strict=True)
    return Index(np.concatenate(vectors), tuple(each for part in indexed for each in part))

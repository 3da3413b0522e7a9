"""The index of a run: where its cases lie in the space of its embedder, and which lie nearest to a picture or words.

Search is exact. Of a large index every vector is looked at in float16, which is read in half the time, and in float32
whichever could be among the nearest by that (docs/log.md has the times).

Axes: N cases, H hidden size, Q queries.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from core.case import Case
from core.errors import RunError

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
NEIGHBOURS = 8
"""So many of each case are kept with the index, so that they are shown without the model or the vectors."""
LARGE = 50_000
AT_ONCE = 512
ERROR = 0.0015
"""The most by which a cosine differs in float16: each of both numbers by 1/2048 of itself, their sum, which is kept in
float32, by half of that at its end."""


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

    def nearest(self, query: Floats, most: int, wanted: Mask | None = None) -> list[Near]:
        """The nearest first; of the wanted ones, where not all are."""
        if len(self.vectors) > LARGE:
            places = self._candidates(query, most, wanted)
            cosines = self.vectors[places] @ query
        else:
            places = np.arange(len(self.vectors))
            cosines = self.vectors @ query
            if wanted is not None:
                cosines[~wanted] = -np.inf
        best = highest(cosines, most)
        return [Near(self.indexed[places[row]], float(cosines[row])) for row in best]

    def wanted(self, splits: Sequence[str] = (), but_case: str | None = None, but_patient: str | None = None) -> Mask:
        """Which cases are of these splits (of any, where none is named), and neither this one nor of this patient."""
        kept = np.isin(self._splits, list(splits)) if splits else np.ones(len(self.indexed), dtype=bool)
        if but_case is not None:
            kept &= self._names != but_case
        if but_patient is not None:
            kept &= self._patients != but_patient
        return kept

    def _candidates(self, query: Floats, most: int, wanted: Mask | None) -> NDArray[np.intp]:
        """The places of all that may be among the nearest, whatever float16 has left out."""
        import torch

        rough = (self._halves @ torch.from_numpy(query).half()).float().numpy()
        if wanted is not None:
            rough = np.where(wanted, rough, -np.inf)
        if most >= len(rough):
            return np.flatnonzero(np.isfinite(rough))
        least = np.partition(rough, len(rough) - most)[len(rough) - most]
        return np.flatnonzero((rough >= least - 2 * ERROR) & np.isfinite(rough))

    @cached_property
    def _halves(self) -> Tensor:
        import torch

        return torch.from_numpy(self.vectors).half()

    @cached_property
    def _splits(self) -> NDArray[np.str_]:
        return np.array([each.split for each in self.indexed], dtype=np.str_)

    @cached_property
    def _names(self) -> NDArray[np.object_]:
        return np.array([each.case for each in self.indexed], dtype=object)

    @cached_property
    def _patients(self) -> NDArray[np.object_]:
        return np.array([each.patient for each in self.indexed], dtype=object)

    def neighbours(self) -> Neighbours:
        """The nearest cases of each, never itself nor one of its own patient; of a large index those of none: it would
        take hours."""
        count = len(self.indexed) if len(self.indexed) <= LARGE else 0
        most = min(NEIGHBOURS, count)
        places, cosines = np.zeros((count, most), dtype=np.int32), np.full((count, most), -np.inf, dtype=np.float32)
        _, patients = np.unique([each.patient or "" for each in self.indexed], return_inverse=True)
        is_known = np.array([each.patient is not None for each in self.indexed])
        for start in range(0, count, AT_ONCE):
            rows = np.arange(start, min(start + AT_ONCE, count))
            block = self.vectors[rows] @ self.vectors.T
            block[(patients[rows, None] == patients) & is_known] = -np.inf
            block[np.arange(len(rows)), rows] = -np.inf
            for row, of_case in zip(rows, block, strict=True):
                best = highest(of_case, most)
                places[row, : len(best)], cosines[row, : len(best)] = best, of_case[best]
        return Neighbours(self.indexed, places, cosines)

    def save(self, path: Path) -> None:
        listed = json.dumps([asdict(each) for each in self.indexed], ensure_ascii=False).encode()
        near, draft = self.neighbours(), path.with_suffix(".part")
        cases = np.frombuffer(listed, dtype=np.uint8)
        save_file({"vectors": self.vectors, "cases": cases, "near": near.places, "cosines": near.cosines}, draft)
        draft.replace(path)


@dataclass(frozen=True)
class Neighbours:
    """The nearest cases of each case of an index, as rows of it [N, K], with their cosines."""

    indexed: tuple[Indexed, ...]
    places: NDArray[np.int32]
    cosines: Floats

    def of(self, case: str) -> list[Near]:
        """Those of the case of this name; none where the index does not have it."""
        row = self._rows.get(case)
        if row is None or row >= len(self.places):
            return []
        pairs = zip(self.places[row], self.cosines[row], strict=True)
        return [Near(self.indexed[place], float(cosine)) for place, cosine in pairs if np.isfinite(cosine)]

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {each.case: row for row, each in enumerate(self.indexed)}


def load_index(path: Path) -> Index:
    vectors, cases = _kept(path, "vectors", "cases")
    indexed = _indexed(path, cases)
    if len(indexed) != len(vectors):
        raise RunError(f"{path} lists other cases than it has vectors. Remove it: it is made anew.")
    return Index(vectors, indexed)


def load_neighbours(path: Path) -> Neighbours:
    """Without the vectors, which are far more."""
    cases, places, cosines = _kept(path, "cases", "near", "cosines")
    return Neighbours(_indexed(path, cases), places, cosines)


def _kept(path: Path, *names: str) -> list[Any]:
    try:
        with safe_open(path, framework="np") as file:
            return [file.get_tensor(name) for name in names]
    except (OSError, SafetensorError) as error:
        raise _damaged(path, error) from None


def _indexed(path: Path, cases: NDArray[np.uint8]) -> tuple[Indexed, ...]:
    try:
        return tuple(Indexed(**{**row, "labels": tuple(row["labels"])}) for row in json.loads(cases.tobytes()))
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> RunError:
    return RunError(f"{path} can't be read ({error}). Remove it: it is made anew from the run's images.")


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

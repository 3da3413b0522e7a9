"""What simple rivals learned of one set: taught on training cases, chosen on validation cases, kept with the run.

Axes: N cases, C answers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from core.case import Kind
from core.errors import RunError
from core.models.own_weights import reading_weights
from core.readings import linear, voting
from core.readings.linear import Floats, Labelled, Linear
from core.readings.mixing import best_weight, mean
from core.readings.rivals import KNN, MEAN, ON_CONNECTOR, RUNGS, Rung
from core.readings.voting import Voters
from core.statistics.metrics import log_loss

Seen = Mapping[Rung, NDArray[np.float32]]
"""Features of some cases at each rung, [N, D]."""
MOST_VOTERS = 20_000
MOST_NUMBERS = 150_000_000
"""In the features that a head learns from: a little more than a gibibyte."""


@dataclass(frozen=True)
class Some:
    """Cases with their labels as 0 and 1 [N, C], and what the TSM says of them, where there is one."""

    seen: Seen
    hot: Floats
    tsm: Floats | None = None


@dataclass(frozen=True)
class Taught:
    """The rivals of one set; those that are not there were left out."""

    voters: Voters | None
    heads: Mapping[str, Linear]
    ridges: Mapping[str, float]
    tsm_weight: float | None

    @property
    def names(self) -> tuple[str, ...]:
        own = [KNN.name] * (self.voters is not None) + [name for name in RUNGS if name in self.heads]
        return (*own, *[MEAN.name] * (self.tsm_weight is not None))

    def answers(self, seen: Seen, kind: Kind, tsm: Floats | None, wanted: Collection[str]) -> dict[str, Floats]:
        """Probabilities [N, C] by those of the rivals that are wanted. `tsm` is what the TSM says."""
        likely: dict[str, Floats] = {}
        if self.voters is not None and KNN.name in wanted:
            likely[KNN.name] = self.voters.probabilities(seen["connector"])
        for name, head in self.heads.items():
            if name in wanted or (name == ON_CONNECTOR.name and MEAN.name in wanted):
                likely[name] = head.probabilities(joined(seen, name), kind)
        if self.tsm_weight is not None and MEAN.name in wanted:
            assert tsm is not None
            likely[MEAN.name] = mean(tsm, likely[ON_CONNECTOR.name], self.tsm_weight)
        return {name: likely[name] for name in self.names if name in wanted}

    def words(self, titles: Mapping[str, str]) -> str:
        """What was chosen, for the run's card."""
        parts = [f"ridge {ridge:g} of {titles[name]}" for name, ridge in self.ridges.items()]
        if self.voters is not None:
            parts.append(f"{self.voters.heard:,} of the nearest training pictures vote")
        if self.tsm_weight is not None:
            parts.append(f"the TSM weighs {self.tsm_weight:.2f} in the mean with the linear head")
        return "; ".join(parts)


def teach(learned: Some, validated: Some, kind: Kind, wanted: Collection[str]) -> Taught:
    """Nothing but these cases is looked at; what is chosen is chosen by log loss on the validated ones."""
    voters = None
    if KNN.name in wanted:
        voters = voting.choose(
            _labelled(learned, learned.seen["connector"]), _labelled(validated, validated.seen["connector"]), kind
        )
    heads, ridges = dict[str, Linear](), dict[str, float]()
    for name in (name for name in RUNGS if name in wanted):
        blocks = [learned.seen[rung].shape[1] for rung in RUNGS[name]]
        shown, judged = (_labelled(some, joined(some.seen, name)) for some in (learned, validated))
        heads[name], ridges[name] = linear.choose(shown, judged, kind, blocks)
    weight = None
    if MEAN.name in wanted and validated.tsm is not None:
        of_head = heads[ON_CONNECTOR.name].probabilities(joined(validated.seen, ON_CONNECTOR.name), kind)
        weight = best_weight(validated.tsm, of_head, lambda mixed: log_loss(mixed, validated.hot, kind))
    return Taught(voters, heads, ridges, weight)


def joined(seen: Seen, name: str) -> NDArray[np.float32]:
    """The features that a head sees, block beside block."""
    return np.concatenate([seen[rung] for rung in RUNGS[name]], axis=1)


def _labelled(some: Some, features: NDArray[np.float32]) -> Labelled:
    return Labelled(features, some.hot)


def save(of_sets: Sequence[Taught], path: Path) -> None:
    """One file for all sets of a run, whose numbers begin the names in it."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for number, taught in enumerate(of_sets):
        for name, array in _arrays(taught):
            arrays[f"{number}/{name}"] = array
    draft = path.with_suffix(".part")
    save_file(arrays, draft)
    draft.replace(path)


def load(path: Path, answers: Sequence[int]) -> tuple[Taught, ...]:
    """In the order of the run's sets, which have so many answers each."""
    with reading_weights(path), safe_open(path, framework="np") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}
    try:
        _insist({_number(name) for name in arrays} == {*range(len(answers))}, "the sets of the run")
        return tuple(
            _from_arrays({_called(name): arrays[name] for name in arrays if _number(name) == place}, many)
            for place, many in enumerate(answers)
        )
    except KeyError as error:
        raise RunError(f"{path} lacks {error}. Copy the whole folder of the run again.") from None
    except ValueError as error:
        raise RunError(f"{path} can't be used ({error}). Copy the whole folder of the run again.") from None


def _insist(is_so: bool, what: str) -> None:
    """A ValueError where it is not: whatever is wrong in a file that came from elsewhere is told before it answers."""
    if not is_so:
        raise ValueError(f"it does not hold {what}")


def _called(name: str) -> str:
    return name.partition("/")[2]


def _number(name: str) -> int:
    return int(name.partition("/")[0])


def _arrays(taught: Taught) -> Iterator[tuple[str, NDArray[np.generic]]]:
    if taught.voters is not None:
        yield f"{KNN.name}/directions", taught.voters.directions
        yield f"{KNN.name}/hot", taught.voters.hot.astype(np.uint8)
        yield f"{KNN.name}/heard", np.array([taught.voters.heard])
    for name, head in taught.heads.items():
        yield f"{name}/ridge", np.array([taught.ridges[name]])
        for field in fields(Linear):
            yield f"{name}/{field.name}", np.ascontiguousarray(getattr(head, field.name))
    if taught.tsm_weight is not None:
        yield f"{MEAN.name}/weight", np.array([taught.tsm_weight])


def _from_arrays(arrays: Mapping[str, NDArray[np.generic]], answers: int) -> Taught:
    voters = _voters(arrays, answers) if f"{KNN.name}/heard" in arrays else None
    names = [name for name in RUNGS if f"{name}/ridge" in arrays]
    heads = {name: _head(arrays, name, answers) for name in names}
    ridges = {name: _number_of(arrays, f"{name}/ridge") for name in names}
    weight = _number_of(arrays, f"{MEAN.name}/weight") if f"{MEAN.name}/weight" in arrays else None
    _insist(weight is None or (0 <= weight <= 1 and ON_CONNECTOR.name in heads), f"what {MEAN.name} is a mean of")
    return Taught(voters, heads, ridges, weight)


def _voters(arrays: Mapping[str, NDArray[np.generic]], answers: int) -> Voters:
    directions, hot = (arrays[f"{KNN.name}/{part}"] for part in ("directions", "hot"))
    heard = _number_of(arrays, f"{KNN.name}/heard")
    _insist(directions.ndim == 2 and hot.shape == (len(directions), answers), "a label for each voter")
    _insist(heard.is_integer() and 1 <= heard <= len(directions), "as many voters as are heard")
    return Voters(directions.astype(np.float16), hot.astype(np.float64), int(heard))


def _head(arrays: Mapping[str, NDArray[np.generic]], name: str, answers: int) -> Linear:
    head = Linear(**{field.name: arrays[f"{name}/{field.name}"].astype(np.float64) for field in fields(Linear)})
    width = head.centre.size
    shapes = (head.centre.shape, head.scale.shape, head.weights.shape, head.intercept.shape)
    _insist(shapes == ((width,), (width,), (width, answers), (answers,)), f"a head for {answers} answers as {name}")
    _insist(all(bool(np.isfinite(part).all()) for part in vars(head).values()), f"numbers alone as {name}")
    return head


def _number_of(arrays: Mapping[str, NDArray[np.generic]], name: str) -> float:
    _insist(arrays[name].shape == (1,), f"one number as {name}")
    return float(arrays[name].astype(np.float64)[0])

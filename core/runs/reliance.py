"""Does an answer depend on the image? The paper's distribution figure: the mean per-token probability of the right
response under the case's own image, against the same response under another case's image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.case import Case
from core.draw import generator
from core.models.lora import using
from core.readings.distribution import Asking, embed_exemplars, log_likelihoods
from core.runs.opened import Opened
from core.training.tsm_stage import describe_images

BINS = 50


def reliance(opened: Opened, cases: Sequence[Case], number: int) -> dict[str, dict[str, Any]]:
    """For each reader: means of both, the share of their densities that overlaps, and the AUROC between them."""
    task = list(opened.tasks.values())[number]
    others = _others(cases, opened.run.settings.seed)
    kept = [(row, other) for row, other in enumerate(others) if other is not None]
    size = opened.run.settings.reading.batch_size
    own: dict[str, list[float]] = {}
    other_image: dict[str, list[float]] = {}
    for start in range(0, len(kept), size):
        part = kept[start : start + size]
        responses = [[task.response(cases[row].labels)] for row, _ in part]
        for into, shown in ((own, [row for row, _ in part]), (other_image, [other for _, other in part])):
            for name, values in _likely(opened, [cases[row] for row in shown], responses, number).items():
                into.setdefault(name, []).extend(values)
    return {name: _compared(np.array(own[name]), np.array(other_image[name])) for name in own}


def _others(cases: Sequence[Case], seed: int) -> list[int | None]:
    random = generator(seed, "reliance")
    others: list[int | None] = []
    for case in cases:
        fitting = [row for row, other in enumerate(cases) if other.labels != case.labels]
        others.append(int(random.choice(fitting)) if fitting else None)
    return others


def _likely(
    opened: Opened, shown: Sequence[Case], responses: Sequence[Sequence[str]], number: int
) -> dict[str, list[float]]:
    """Mean probability of a response's tokens, for each case and reader that answers in tokens."""
    images = [case.pixels.load() for case in shown]
    task, tuned = list(opened.tasks.values())[number], opened.tuned
    described = [describe_images(tsm, images) for tsm in opened.tsms]
    frozen = None if opened.run.plan.needs.tunes_vlm_connector else tuned.vlm.encode(images)
    likely: dict[str, list[float]] = {}
    for reader in (reader for reader in opened.run.plan.readers if reader.is_probed):
        with using(tuned.vlm, reader.adapter), torch.no_grad(), tuned.vlm.reading():
            features = tuned.vlm.encode(images) if frozen is None else frozen
            questions = [
                Asking(task, features_of_image, [values[row] for values in described])
                for row, features_of_image in enumerate(features)
            ]
            embedded = embed_exemplars(tuned.exemplars, questions) if reader.with_exemplar else None
            (way,) = log_likelihoods(tuned.vlm, questions, embedded, [reader.with_exemplar], responses)
        likely[reader.name] = [float(np.exp(tokens).mean()) for (tokens,) in way.of_tokens]
    return likely


def _compared(own: NDArray[np.float64], other: NDArray[np.float64]) -> dict[str, Any]:
    edges = np.linspace(0, 1, BINS + 1)
    density = [np.histogram(values, edges)[0] / len(values) for values in (own, other)]
    above = (own[:, None] > other[None]).mean() + 0.5 * (own[:, None] == other[None]).mean()
    return {
        "own": float(own.mean()),
        "other": float(other.mean()),
        "overlap": float(np.minimum(*density).sum()),
        "auroc": float(above),
        "density": {"edges": edges.tolist(), "own": density[0].tolist(), "other": density[1].tolist()},
    }

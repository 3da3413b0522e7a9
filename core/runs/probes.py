"""Probing a finished run: do its readers tell pictures apart by one word, and do they contradict themselves?

Before and after tuning are two readers of one run: `vlm` beside those that were tuned.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, cast

import numpy as np
import torch

from core.case import Case, ImageSet, Split, Task
from core.draw import generator
from core.errors import RunError, SettingsError
from core.events import CasesRead, Report
from core.machine import hold
from core.models.lora import using
from core.readings.distribution import Asking, embed_exemplars
from core.readings.embedder import Embedder
from core.readings.probe_figures import probe_figures
from core.readings.probing import ProbeReplies, likeness, replies
from core.readings.reader import readers_to_plain
from core.runs.card import with_probes
from core.runs.opened import Opened
from core.runs.prepare import open_images
from core.runs.runfile import Run
from core.sets.box_words import Margins
from core.sets.facts import Yardsticks
from core.sets.sentences import CaseProbes, probes_of
from core.statistics.ends import INTERVALS
from core.training.tsm_stage import describe_images

CASES = 64
SPLIT: Split = "test"
CHANGED = "The images or labels have changed since the run was tuned, so it may have learned from some of these cases."
Replies = dict[str, list[ProbeReplies]]


def probe(
    opened: Opened,
    most: int = CASES,
    set_name: str | None = None,
    images: str | None = None,
    margins: Margins | None = None,
    watch: Report = lambda event: None,
) -> dict[str, Any]:
    """Probes test cases of the run's sets, or of one of them; keeps what came of it in the run's folder.

    `images` says where the run's own images lie now, if no longer where they lay when it was tuned."""
    began = time.perf_counter()
    joint_set = open_images(_moved(opened.run, images))
    chosen = {opened.set_number(set_name)} if set_name else set(range(len(joint_set.sets)))
    margins = margins or Margins()
    is_changed = set(joint_set.fingerprints().values()) != set(opened.folder.fingerprints().values())
    probes: dict[str, Any] = {
        "split": SPLIT,
        "intervals": INTERVALS,
        "most_cases": most,
        "margins": margins.model_dump(mode="json"),
        "made_for": asdict(opened.run.plan.aim),
        "reader_list": readers_to_plain(tuple(plan.reader for plan in opened.run.plan.readers)),
        "notes": [CHANGED] if is_changed else [],
        "sets": {
            image_set.name: _of_set(opened, image_set, most, margins, watch)
            for number, image_set in enumerate(joint_set.sets)
            if number in chosen
        },
    }
    probes["seconds"] = time.perf_counter() - began
    keep(opened, probes)
    return probes


def _moved(run: Run, images: str | None) -> Run:
    if images is None:
        return run
    if not isinstance(run.settings.images, str):
        raise SettingsError("The run was tuned on several sets, so --images can't say where they lie. Leave it out.")
    return replace(run, settings=run.settings.model_copy(update={"images": images}))


def keep(opened: Opened, probes: dict[str, Any]) -> None:
    """Beside the run's figures, and in its card."""
    folder = opened.folder
    try:
        with hold.released(folder.path):
            hold.take(folder.path)
            draft = folder.probes.with_suffix(".part")
            draft.write_text(json.dumps(probes, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            draft.replace(folder.probes)
            text = folder.card.read_text(encoding="utf-8")
            folder.card.write_text(with_probes(text, probes), encoding="utf-8")
    except OSError as error:
        raise RunError(
            f"What came of the probes can't be kept in {folder.path} ({error}). Free some space there, or copy the "
            "run to a folder that can be written to, and probe again."
        ) from error


def _of_set(opened: Opened, image_set: ImageSet, most: int, margins: Margins, watch: Report) -> dict[str, Any]:
    settings, yardsticks = opened.run.settings, Yardsticks.of(image_set)
    cases = _drawn(image_set.of(SPLIT), most, settings.seed)
    probed = [probes_of(case, yardsticks, margins, settings.seed) for case in cases]
    heard = read_probes(opened, image_set.task, probed, watch)
    blind = read_probes(opened, image_set.task, with_other_pictures(probed, settings.seed), watch)
    return probe_figures(
        probed,
        {reader: [of_case.scores for of_case in rows] for reader, rows in heard.items()},
        {reader: [of_case.scores for of_case in rows] for reader, rows in blind.items()},
        {
            reader: [of_case.leanings for of_case in rows]
            for reader, rows in heard.items()
            if any(of_case.leanings for of_case in rows)
        },
        settings.reading.draws,
        settings.seed,
    )


def _drawn(cases: Sequence[Case], most: int, seed: int) -> list[Case]:
    """At most so many, in the set's own order."""
    places = sorted(generator(seed, "probes").permutation(len(cases))[:most].tolist())
    return [cases[place] for place in places]


def with_other_pictures(probed: Sequence[CaseProbes], seed: int) -> list[CaseProbes]:
    """The pairs of every case before the picture of the next one in a drawn round, each picture once; a case that is
    alone has no other picture."""
    if len(probed) < 2:
        return [replace(probes, pairs=(), questions=()) for probes in probed]
    order = generator(seed, "other pictures").permutation(len(probed))
    next_of = dict(zip(order.tolist(), np.roll(order, -1).tolist(), strict=True))
    return [replace(probes, case=probed[next_of[place]].case, questions=()) for place, probes in enumerate(probed)]


def read_probes(opened: Opened, task: Task, probed: Sequence[CaseProbes], watch: Report) -> Replies:
    """The replies of every reader of the run to the probes of every case; a class head knows no captions, and
    controls are asked nothing else."""
    size = opened.run.settings.reading.batch_size
    probed_readers = [plan.name for plan in opened.run.plan.readers if plan.is_probed]
    names = "+".join(probed_readers)
    heard: Replies = {name: [] for name in probed_readers}
    for start in range(0, len(probed), size):
        part = probed[start : start + size]
        for reader, of_cases in _of_vlm(opened, task, part).items():
            heard[reader] += of_cases
        watch(CasesRead(split=SPLIT, readers=names, done=start + len(part), whole=len(probed)))
    return heard


def _of_vlm(opened: Opened, task: Task, probed: Sequence[CaseProbes]) -> Replies:
    tuned, plan = opened.tuned, opened.run.plan
    images = [probes.case.pixels.load() for probes in probed]
    described = [describe_images(tsm, images) for tsm in opened.tsms]
    frozen = None if plan.needs.tunes_vlm_connector else tuned.vlm.encode(images)
    heard: Replies = {}
    for adapter in dict.fromkeys(reader.adapter for reader in plan.readers if reader.is_probed):
        ways = [reader for reader in plan.readers if reader.adapter == adapter and reader.writes and reader.is_probed]
        flags = [way.with_exemplar for way in ways]
        with using(tuned.vlm, adapter), torch.no_grad(), tuned.vlm.reading():
            features = tuned.vlm.encode(images) if frozen is None else frozen
            questions = [
                Asking(task, image, [values[row] for values in described]) for row, image in enumerate(features)
            ]
            embedded = embed_exemplars(tuned.exemplars, questions) if any(flags) else None
            of_ways = replies(tuned.vlm, features, embedded, flags, probed) if ways else []
            heard |= {way.name: of_cases for way, of_cases in zip(ways, of_ways, strict=True)}
            heard |= {
                reader.name: likeness(tuned.vlm, cast(Embedder, tuned.heads[reader.embedder.name]), features, probed)
                for reader in plan.readers
                if reader.adapter == adapter and reader.embedder
            }
    return {reader.name: heard[reader.name] for reader in plan.readers if reader.name in heard}

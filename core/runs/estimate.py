"""Time and memory of a run before it is begun: its parts are loaded, and real steps made on some of its cases.

Every figure is measured here and multiplied by how often the run does it; nothing is looked up in a table. Cases are
taken at random, as the run takes them: others contradict them as often, so a step is as long. The largest is among
them, since it sets the length of its whole batch and with it the most memory.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from core.draw import evenly, generator
from core.events import CheckpointFetched
from core.machine.footprint import GIB, give_back, peak_gib
from core.machine.memory import allowed_bytes
from core.models import features
from core.models.features import FeatureStore
from core.models.lora import using
from core.models.seeing_tsm import SeeingTsm
from core.models.tsm import Tsm
from core.readings.rivals import rival_readers
from core.readings.writing import free_text
from core.runs.index import Space, index_cases, searching_plan
from core.runs.prepare import Parts, load_parts
from core.runs.rivals import rungs_of, seen_in_parts
from core.runs.runfile import Run
from core.sets.joint import Item, JointSet
from core.training.loop import STEPS_BETWEEN_CLEARINGS, Stage, make_step, new_optimiser
from core.training.method import ReaderPlan
from core.training.response import Tuned
from core.training.tsm_stage import CHUNK as DESCRIBED_AT_ONCE
from core.training.tsm_stage import Pictures, describe
from core.training.vlm_stage import RunCases, put_by, read_places

LOOKED_AT = 256
STEPS = STEPS_BETWEEN_CLEARINGS
"""As many as the run makes before it gives back what its allocator keeps in pieces."""
BATCHES = 3
WRITTEN_CASES = 2
TIMES_PREPARED = 2
"""A run prepares its pictures for a TSM once to train it and once to describe them; once more for folds, if any."""

Say = Callable[[str], None]


@dataclass
class _Clock:
    """Seconds by name; what stands for a part of the work is multiplied where it is named."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def of(self, name: str, times: float = 1.0) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.seconds[name] = self.seconds.get(name, 0.0) + (time.perf_counter() - begun) * times


@dataclass(frozen=True)
class _Trial:
    """A run's parts with the cases that stand for all: the largest training case and others, some to validate on."""

    parts: Parts
    shown: tuple[Item, ...]
    clock: _Clock
    say: Say
    seen_gib: list[float] = field(default_factory=list)
    """Peaks of parts of the run that are larger there than here."""
    notes: list[str] = field(default_factory=list)
    """What makes the run slower than it would have to be."""

    @property
    def run(self) -> Run:
        return self.parts.run

    def count(self, split: str) -> int:
        return sum(item.case.split == split for item in self.parts.items)

    @property
    def times(self) -> float:
        """As many cases of the run does each of those here stand for."""
        return len(self.parts.items) / len(self.shown)

    @property
    def times_encoded(self) -> float:
        """The same of pictures, each of which is encoded once."""
        return len(self.parts.items) / len({item.case.pixels.digest() for item in self.shown})

    @property
    def feature_bytes(self) -> int:
        """Of the budget for features, the share of those here."""
        return int(self.run.settings.features.budget_gib * GIB / self.times)


def estimate(run: Run, say: Say = lambda text: None) -> dict[str, Any]:
    """{"seconds", "parts", "steps", "seconds_per_step", "memory_gib", "available_gib", "fits", "device", …}."""
    clock = _Clock()
    with clock.of("loading"):
        say("Opening the images and the model.")
        parts = load_parts(run, report=lambda event: say(event.words) if isinstance(event, CheckpointFetched) else None)
        trial = _Trial(parts, _shown(parts), clock, say)
    tsms = [_timed_tsm(trial, number) for number in range(len(run.tsms))]
    with tempfile.TemporaryDirectory(prefix="vitask-estimate-") as folder:
        cases = _timed_cases(trial, tsms, Path(folder))
        tuned = parts.tuned(tsms)
        cases = _seen_by_heads(trial, tuned, cases, Path(folder))
        steps, per_step = _timed_stages(trial, tuned, cases)
        _time_readings(trial, tuned, cases)
        _time_index(trial, tuned, cases)
        _time_ladder(trial, tuned, cases)
    return _summary(trial, steps, per_step)


def _shown(parts: Parts) -> tuple[Item, ...]:
    """Training cases for some batches of any stage, and as many as are encoded at once; a batch to validate on."""
    run, learned = parts.run, parts.joint_set.items("train")
    batches = [run.settings.training.batch_size, *(settings.batch_size for _, settings in run.tsms)]
    first = largest(learned, parts.joint_set)
    others = [item for item in learned if item is not first]
    most = max(BATCHES * max(batches), features.CHUNK) - 1
    validated = _drawn(parts.joint_set.items("val"), run.settings.reading.batch_size, run)
    return (first, *_drawn(others, most, run), *validated)


def _drawn(items: Sequence[Item], most: int, run: Run) -> list[Item]:
    shuffled = generator(run.settings.seed, "estimate").permutation(len(items))
    return [items[int(place)] for place in shuffled[:most]]


def largest(items: Sequence[Item], joint_set: JointSet) -> Item:
    """The case with the most pixels and, among those, the longest answer, of some drawn evenly."""

    def size(item: Item) -> tuple[int, int]:
        width, height = item.case.pixels.load().size
        return width * height, len(joint_set.tasks[item.set].response(item.case.labels))

    return max((items[place] for place in evenly(range(len(items)), LOOKED_AT)), key=size)


def _timed_tsm(trial: _Trial, number: int) -> Tsm:
    """An untrained TSM; its training is timed by steps on the cases that stand for all."""
    parts, clock, name = trial.parts, trial.clock, trial.run.tsm_names[number]
    trial.say("Timing the TSM.")
    tsm = parts.new_tsm(number)
    folds = parts.folds()
    # What one sees through the VLM is read from the kept features, whose making is timed by itself.
    times_prepared = 0 if isinstance(tsm, SeeingTsm) else TIMES_PREPARED + bool(folds)
    with clock.of(name, times_prepared * trial.times):
        shown = Pictures(tsm, trial.shown)
    whole = parts.tsm_stage(number, tsm, shown.dealt(parts.items))
    stages = [whole, *(parts.tsm_stage(number, tsm, shown.dealt(parts.items), fold) for fold in folds)]
    per_step = _seconds_per_step(trial, parts.tsm_stage(number, tsm, shown))
    clock.seconds[name] += per_step * sum(stage.steps for stage in stages)
    evaluated = sum(stage.evaluations for stage in stages) * trial.count("val")
    described = evaluated + len(parts.items) + trial.count("train") * (len(stages) - 1)
    at_once = [place % len(trial.shown) for place in range(min(DESCRIBED_AT_ONCE, len(parts.items)))]
    with clock.of(name, described / len(at_once)):
        describe(tsm, shown, at_once)
    trial.seen_gib.append(peak_gib() + _gib_of_pictures(trial, shown))
    return tsm.eval()


def _gib_of_pictures(trial: _Trial, shown: Pictures) -> float:
    """What a TSM's pictures of the whole run take beyond those here: held in parts, then in one piece."""
    missing = len(trial.parts.items) - len(trial.shown)
    return 2 * missing * shown.pixels[:1].nbytes / GIB


def _timed_cases(trial: _Trial, tsms: Sequence[Tsm], folder: Path) -> RunCases:
    trial.say("Timing the image encoder.")
    with trial.clock.of("features", trial.times_encoded):
        store = trial.parts.features(trial.shown, folder, trial.feature_bytes, lambda done, whole: None)
    if not store.is_cached:
        trial.clock.seconds["features"] = 0.0  # encoded anew in every step, and timed there
    return trial.parts.cases(store, tsms)


def _seen_by_heads(trial: _Trial, tuned: Tuned, cases: RunCases, folder: Path) -> RunCases:
    once = _Clock()
    with once.of("features", trial.times_encoded):
        cases = trial.parts.with_own_features(cases, tuned, folder, trial.feature_bytes, lambda done, whole: None)
    if any(encoded.kept_bytes for encoded in cases.own.values()):
        trial.clock.seconds["features"] += once.seconds["features"]
    trial.notes.extend(
        f"What {name} sees does not all fit into features.budget_gib; of other images it is computed in every step."
        for name, encoded in cases.own.items()
        if not encoded.is_cached
    )
    return cases


def _timed_stages(trial: _Trial, tuned: Tuned, cases: RunCases) -> tuple[dict[str, int], dict[str, float]]:
    """Steps of every stage, and seconds of one; the stage with most losses goes first, so that memory is its."""
    parts, plans, hardest = trial.parts, trial.run.plan.stages, trial.parts.hardest_stage
    parts.judge_sharing(tuned, cases, hardest)
    none_kept = FeatureStore(parts.vlm, parts.items, True, None)
    whole = replace(cases, items=parts.items, features=none_kept, costed_by=cases)
    steps: dict[str, int] = {}
    per_step: dict[str, float] = {}
    for plan in sorted(plans, key=lambda plan: plan is not hardest):
        trial.say(f"Making {STEPS} steps of {plan.name}.")
        in_the_run = parts.stage(plan, tuned, whole)
        stage = parts.stage(plan, tuned, cases)
        steps[plan.name] = in_the_run.steps
        per_step[plan.name] = _seconds_per_step(trial, stage)
        trial.clock.seconds[plan.name] = per_step[plan.name] * in_the_run.steps
        _time_evaluations(trial, stage, in_the_run.evaluations)
    names = [plan.name for plan in plans]
    return {name: steps[name] for name in names}, {name: per_step[name] for name in names}


def _seconds_per_step(trial: _Trial, stage: Stage) -> float:
    """The median of some real steps, without the first, which also warms up."""
    give_back()
    optimiser = new_optimiser(stage)
    stage.module.train()
    seconds = []
    for step in range(STEPS):
        once = _Clock()
        with once.of("step"):
            make_step(stage, step, stage.module, optimiser, trial.parts.accelerator)
        seconds.append(once.seconds["step"])
    stage.module.eval()
    return statistics.median(seconds[1:])


def _time_evaluations(trial: _Trial, stage: Stage, evaluations: int) -> None:
    """The validation cases here stand for as many as each evaluation of the run reads."""
    most = trial.run.settings.training.validation_cases
    read_here = min(most, sum(item.case.split == "val" for item in trial.shown))
    read_in_the_run = min(most, trial.count("val"))
    assert stage.evaluate is not None
    with trial.clock.of(stage.name, evaluations * read_in_the_run / read_here):
        stage.evaluate()


def _time_readings(trial: _Trial, tuned: Tuned, cases: RunCases) -> None:
    """All validation and test cases by all readers, and some free text of each."""
    run, settings = trial.run, trial.run.settings.reading
    trial.say("Timing the readers.")
    places = cases.places("val")
    tuned.eval()
    for adapter in dict.fromkeys(reader.adapter for reader in run.plan.readers):
        ways = [reader for reader in run.plan.readers if reader.adapter == adapter]
        with trial.clock.of("readings", (trial.count("val") + trial.count("test")) / len(places)):
            read_places(tuned, cases, places, ways, settings.batch_size)
        written = min(settings.free_text, trial.count("test"))
        few = places[:WRITTEN_CASES]
        for way in (way for way in ways if written and way.writes_freely):
            exemplars = tuned.exemplars if way.with_exemplar else None
            with (
                trial.clock.of("readings", written / len(few)),
                using(tuned.vlm, adapter),
                torch.no_grad(),
                tuned.vlm.reading(),
            ):
                tokens = _written_tokens(trial.parts, way)
                free_text(tuned.vlm, put_by(way, cases.questions(few)), exemplars, way.with_exemplar, tokens)


def _time_index(trial: _Trial, tuned: Tuned, cases: RunCases) -> None:
    """Every case is laid into the space in which cases are found, where the method makes one."""
    plan = searching_plan(trial.run)
    if plan is None:
        return
    size = trial.run.settings.reading.batch_size
    with trial.clock.of("index", trial.times):
        index_cases(Space(tuned, plan), cases, size)


def _time_ladder(trial: _Trial, tuned: Tuned, cases: RunCases) -> None:
    """Every case goes through the untuned VLM once more, where simple rivals stand on its rungs."""
    reading = trial.run.settings.reading
    if reading.rivals != "ladder":
        return
    rungs = rungs_of([reader.name for reader in rival_readers(reading.rivals, has_tsm=False)])
    with trial.clock.of("simple rivals", trial.times):
        for _ in seen_in_parts(tuned.vlm, cases, rungs, reading.batch_size, lambda done: None):
            pass


def _written_tokens(parts: Parts, way: ReaderPlan) -> int:
    """An untuned model writes on; a tuned one has learned where an answer ends."""
    most = parts.run.settings.reading.most_tokens
    if way.adapter is None:
        return most
    answers = {parts.joint_set.tasks[item.set].response(item.case.labels) for item in parts.items}
    return min(most, max(len(parts.vlm.response(text)) for text in answers))


def _summary(trial: _Trial, steps: Mapping[str, int], per_step: Mapping[str, float]) -> dict[str, Any]:
    is_cuda = torch.cuda.is_available()
    memory, available = max([peak_gib(), *trial.seen_gib]), _available_gib(is_cuda)
    return {
        "seconds": sum(trial.clock.seconds.values()),
        "parts": trial.clock.seconds,
        "steps": dict(steps),
        "seconds_per_step": dict(per_step),
        "memory_gib": memory,
        "available_gib": available,
        "fits": memory <= available,
        "device": torch.cuda.get_device_name() if is_cuda else "cpu",
        "cases": len(trial.parts.items),
        "assumptions": [
            f"Every step is as slow as those on {sum(item.case.split == 'train' for item in trial.shown)} of "
            f"{trial.count('train')} training cases, the largest among them.",
            "Image features are not kept from an earlier run.",
            "No stage ends early, and nothing else uses this machine more than now.",
            *trial.notes,
        ],
    }


def _available_gib(is_cuda: bool) -> float:
    """What a run may take of what the machine has."""
    if is_cuda:
        return float(torch.cuda.get_device_properties(0).total_memory) / GIB
    return allowed_bytes() / GIB

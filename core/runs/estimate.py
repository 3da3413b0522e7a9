"""Time and memory of a run before it is begun: its parts are loaded, and real steps made on some of its cases.

Every figure is measured here and multiplied by how often the run does it; nothing is looked up in a table. Cases are
taken at random, as the run takes them: others contradict them as often, so a step is as long. The largest is among
them, since it sets the length of its whole batch and with it the most memory.
"""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from core.case import SPLITS
from core.draw import evenly, generator
from core.machine.footprint import GIB, give_back, peak_gib
from core.machine.memory import allowed_bytes
from core.models import features
from core.models.exemplar import Exemplars
from core.models.features import FeatureStore, open_features
from core.models.lora import attach, using
from core.models.tsm import Tsm
from core.models.vlm import Vlm
from core.readings.distribution import free_text
from core.runs.runfile import Run, settle
from core.runs.tune import gather_for
from core.sets.joint import Item, JointSet
from core.training.loop import STEPS_BETWEEN_CLEARINGS, Stage, make_step, new_optimiser
from core.training.method import ReaderPlan, StagePlan
from core.training.response import Tuned
from core.training.tsm_stage import CHUNK as DESCRIBED_AT_ONCE
from core.training.tsm_stage import Pictures, describe, new_tsm, tsm_stage
from core.training.vlm_stage import TOLERANCE, RunCases, first_batch, read_places, sharing_gap, vlm_stage

LOOKED_AT = 256
STEPS = STEPS_BETWEEN_CLEARINGS
"""As many as the run makes before it gives back what its allocator keeps in pieces."""
BATCHES = 3
WRITTEN_CASES = 2
TSM_EVALUATIONS = 5

Say = Callable[[str], None]


@dataclass
class _Clock:
    """Seconds by name; what stands for a part of the work is multiplied where it is told."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def of(self, name: str, times: float = 1.0) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.seconds[name] = self.seconds.get(name, 0.0) + (time.perf_counter() - begun) * times


@dataclass(frozen=True)
class _Parts:
    """A run's parts with the cases that stand for all: the largest training case and others, some to validate on."""

    run: Run
    joint_set: JointSet
    items: tuple[Item, ...]
    shown: tuple[Item, ...]
    accelerator: Any
    vlm: Vlm
    clock: _Clock
    say: Say
    seen_gib: list[float] = field(default_factory=list)
    """Peaks of parts of the run that are larger there than here."""

    def count(self, split: str) -> int:
        return sum(item.case.split == split for item in self.items)


def estimate(run: Run, say: Say = lambda text: None) -> dict[str, Any]:
    """{"seconds", "parts", "steps", "seconds_per_step", "memory_gib", "available_gib", "fits", "device", …}."""
    clock = _Clock()
    with clock.of("loading"):
        parts = _load(run, clock, say)
    tsms = [_tsm(parts, number) for number in range(len(run.tsms))]
    with tempfile.TemporaryDirectory(prefix="vitask-estimate-") as folder:
        tuned, cases = _tuned(parts, tsms, Path(folder))
        steps, per_step = _stages(parts, tuned, cases)
        _readings(parts, tuned, cases)
    return _told(parts, steps, per_step)


def _load(run: Run, clock: _Clock, say: Say) -> _Parts:
    from accelerate import Accelerator

    run = settle(run)
    torch.manual_seed(run.settings.seed)
    accelerator = Accelerator(mixed_precision="no")
    say("Opening the images.")
    joint_set = gather_for(run)
    items = tuple(item for split in SPLITS for item in joint_set.items(split))
    say("Loading the model.")
    vlm = run.family.load(run.vlm)
    vlm.base.to(accelerator.device)
    if run.settings.training.precision == "fp32":
        vlm.base.float()
    shown = (*_learned(run, joint_set), *_drawn(joint_set.items("val"), run.settings.reading.batch_size, run))
    return _Parts(run, joint_set, items, shown, accelerator, vlm, clock, say)


def _learned(run: Run, joint_set: JointSet) -> list[Item]:
    """Training cases for some batches of any stage, and as many as are encoded at once."""
    train = joint_set.items("train")
    batches = [run.settings.training.batch_size, *(settings.batch_size for _, settings in run.tsms)]
    first = largest(train, joint_set)
    others = [item for item in train if item is not first]
    return [first, *_drawn(others, max(BATCHES * max(batches), features.CHUNK) - 1, run)]


def _drawn(items: Sequence[Item], most: int, run: Run) -> list[Item]:
    shuffled = generator(run.settings.seed, "estimate").permutation(len(items))
    return [items[int(place)] for place in shuffled[:most]]


def largest(items: Sequence[Item], joint_set: JointSet) -> Item:
    """The case with the most pixels and, among those, the longest answer, of some drawn evenly."""

    def size(item: Item) -> tuple[int, int]:
        width, height = item.case.pixels.load().size
        return width * height, len(joint_set.tasks[item.set].response(item.case.labels))

    return max((items[place] for place in evenly(range(len(items)), LOOKED_AT)), key=size)


def _tsm(parts: _Parts, number: int) -> Tsm:
    """An untrained TSM; its training is timed by steps on the cases that stand for all."""
    run, clock = parts.run, parts.clock
    module, settings = run.tsms[number]
    parts.say("Timing the TSM.")
    name = run.tsm_names[number]
    tsm = new_tsm(module, settings, parts.joint_set).to(parts.accelerator.device)
    with clock.of(name, len(parts.items) / len(parts.shown)):
        shown = Pictures(tsm, parts.shown)
    training = run.settings.training
    stage = tsm_stage(name, tsm, parts.joint_set, shown, training.monitor, training.precision, run.settings.seed)
    batch = min(settings.batch_size, parts.count("train"))
    steps = max(settings.least_steps, round(settings.epochs * (parts.count("train") // batch)))
    clock.seconds[name] += _seconds_per_step(parts, stage) * steps
    at_once = [place % len(parts.shown) for place in range(min(DESCRIBED_AT_ONCE, len(parts.items)))]
    with clock.of(name, (TSM_EVALUATIONS * parts.count("val") + len(parts.items)) / len(at_once)):
        describe(tsm, shown, at_once)
    parts.seen_gib.append(peak_gib() + _gib_of_pictures(parts, shown))
    return tsm.eval()


def _gib_of_pictures(parts: _Parts, shown: Pictures) -> float:
    """What a TSM's pictures of the whole run take beyond those here: held in parts, then in one piece."""
    missing = len(parts.items) - len(parts.shown)
    return 2 * missing * shown.pixels[:1].nbytes / GIB


def _tuned(parts: _Parts, tsms: Sequence[Tsm], folder: Path) -> tuple[Tuned, RunCases]:
    run, vlm, needs = parts.run, parts.vlm, parts.run.plan.needs
    if run.settings.training.gradient_checkpointing:
        vlm.base.activation_checkpointing_enable()
    parts.say("Timing the image encoder.")
    unique = {item.case.pixels.digest() for item in parts.shown}
    with parts.clock.of("features", len(parts.items) / max(1, len(unique))):
        budget = int(run.settings.features.budget_gib * GIB * len(parts.shown) / max(1, len(parts.items)))
        frozen = not needs.tunes_vlm_connector
        store = open_features(vlm, parts.shown, folder, budget, frozen, lambda done, whole: None)
    if not store.is_cached:
        parts.clock.seconds["features"] = 0.0  # encoded anew in every step, and timed there
    exemplars = [describe(tsm, Pictures(tsm, parts.shown), range(len(parts.shown))) for tsm in tsms]
    cases = RunCases(parts.joint_set, parts.shown, store, exemplars)
    for name in dict.fromkeys(stage.adapter for stage in run.plan.stages):
        attach(vlm, run.settings.lora, name, needs.tunes_vlm_connector)
    carried = None
    if needs.exemplars:
        widths = [] if needs.is_constant else [tsm.width for tsm in tsms]
        carried = Exemplars(widths, vlm.hidden_size, needs.is_constant).to(vlm.device)
    return Tuned(vlm, carried), cases


def _stages(parts: _Parts, tuned: Tuned, cases: RunCases) -> tuple[dict[str, int], dict[str, float]]:
    """Steps of every stage, and seconds of one; the stage with most losses goes first, so that memory is its."""
    run, clock = parts.run, parts.clock
    hardest = max(run.plan.stages, key=lambda one: len(one.wanted.weights))
    tuned.vlm.peft.set_adapter(hardest.adapter)
    tuned.vlm.shares_prefix = sharing_gap(tuned, first_batch(cases, hardest, run.settings.seed), hardest) <= TOLERANCE
    whole = replace(cases, items=parts.items, features=FeatureStore(parts.vlm, parts.items, True, None))
    steps = {plan.name: _stage(parts, plan, tuned, whole).steps for plan in run.plan.stages}
    per_step: dict[str, float] = {}
    for plan in sorted(run.plan.stages, key=lambda one: one is not hardest):
        parts.say(f"Making {STEPS} steps of {plan.name}.")
        stage = _stage(parts, plan, tuned, cases)
        per_step[plan.name] = _seconds_per_step(parts, stage)
        clock.seconds[plan.name] = per_step[plan.name] * steps[plan.name]
        _evaluations(parts, stage, steps[plan.name])
    return steps, {plan.name: per_step[plan.name] for plan in run.plan.stages}


def _stage(parts: _Parts, plan: StagePlan, tuned: Tuned, cases: RunCases) -> Stage:
    settings = parts.run.settings
    plan = replace(plan, wanted=replace(plan.wanted, is_shared=tuned.vlm.shares_prefix))
    readers, size = parts.run.plan.readers, settings.reading.batch_size
    return vlm_stage(plan, tuned, cases, readers, settings.training, settings.seed, size, parts.accelerator)


def _seconds_per_step(parts: _Parts, stage: Stage) -> float:
    """The median of some real steps, without the first, which also warms up."""
    give_back()
    optimiser = new_optimiser(stage)
    stage.module.train()
    seconds = []
    for step in range(STEPS):
        once = _Clock()
        with once.of("step"):
            make_step(stage, step, stage.module, optimiser, parts.accelerator)
        seconds.append(once.seconds["step"])
    stage.module.eval()
    return statistics.median(seconds[1:])


def _evaluations(parts: _Parts, stage: Stage, steps: int) -> None:
    """The validation cases here stand for as many as each evaluation of the run reads."""
    here = sum(item.case.split == "val" for item in parts.shown)
    training = parts.run.settings.training
    read = min(training.validation_cases, parts.count("val"))
    times = math.ceil(steps / (training.evaluate_every or max(1, math.ceil(steps / 4))))
    assert stage.evaluate is not None
    with parts.clock.of(stage.name, times * read / max(1, here)):
        stage.evaluate()


def _readings(parts: _Parts, tuned: Tuned, cases: RunCases) -> None:
    """All validation and test cases by all readers, and some free text of each."""
    run, settings = parts.run, parts.run.settings.reading
    parts.say("Timing the readers.")
    places = cases.places("val")
    tuned.eval()
    for adapter in dict.fromkeys(reader.adapter for reader in run.plan.readers):
        ways = [reader for reader in run.plan.readers if reader.adapter == adapter]
        with parts.clock.of("readings", (parts.count("val") + parts.count("test")) / len(places)):
            read_places(tuned, cases, places, ways, settings.batch_size)
        written = min(settings.free_text, parts.count("test"))
        few = places[:WRITTEN_CASES]
        for way in ways if written else ():
            shown = tuned.exemplars if way.with_exemplar else None
            with parts.clock.of("readings", written / len(few)), using(tuned.vlm, adapter), torch.no_grad():
                with tuned.vlm.reading():
                    free_text(tuned.vlm, cases.questions(few), shown, way.with_exemplar, _written_tokens(parts, way))


def _written_tokens(parts: _Parts, way: ReaderPlan) -> int:
    """An untuned model writes on; a tuned one has learned where an answer ends."""
    most = parts.run.settings.reading.most_tokens
    if way.adapter is None:
        return most
    answers = {parts.joint_set.tasks[item.set].response(item.case.labels) for item in parts.items}
    return min(most, max(len(parts.vlm.response(text)) for text in answers))


def _told(parts: _Parts, steps: Mapping[str, int], per_step: Mapping[str, float]) -> dict[str, Any]:
    is_cuda = torch.cuda.is_available()
    memory, available = max([peak_gib(), *parts.seen_gib]), _available_gib(is_cuda)
    return {
        "seconds": sum(parts.clock.seconds.values()),
        "parts": parts.clock.seconds,
        "steps": dict(steps),
        "seconds_per_step": dict(per_step),
        "memory_gib": memory,
        "available_gib": available,
        "fits": memory <= available,
        "device": torch.cuda.get_device_name() if is_cuda else "cpu",
        "cases": len(parts.items),
        "assumptions": [
            f"Every step is as slow as those on {sum(i.case.split == 'train' for i in parts.shown)} of "
            f"{parts.count('train')} training cases, the largest among them.",
            "Image features are not kept from an earlier run.",
            "No stage ends early, and nothing else uses this machine more than now.",
        ],
    }


def _available_gib(is_cuda: bool) -> float:
    """What a run may take of what the machine has."""
    if is_cuda:
        return float(torch.cuda.get_device_properties(0).total_memory) / GIB
    return allowed_bytes() / GIB

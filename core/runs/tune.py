"""A whole run: images, TSMs, features, the stages of its method, readings, figures, card.

Everything that is finished is found in the run's folder and skipped, so the same call begins a run and resumes one.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from core.case import SPLITS
from core.draw import evenly
from core.errors import RunError
from core.events import CasesRead, Done, FeaturesEncoded, Report, Sharing
from core.machine import hold
from core.machine.footprint import peak_gib
from core.models.exemplar import Exemplars
from core.models.features import open_features
from core.models.lora import attach, connector_names, lora_targets, save_adapter, using
from core.models.tsm import Tsm
from core.models.vlm import Vlm
from core.readings import novelty, reading
from core.readings.answer import Answer
from core.readings.distribution import free_text
from core.readings.reader import readers_to_plain
from core.readings.reading import Reading
from core.readings.results import evaluate
from core.runs.card import card
from core.runs.folder import Folder, begin, look, writer
from core.runs.fusion import fuse
from core.runs.runfile import Run, settle
from core.sets.joint import Item, JointSet, gather, pictures, refuse_unreadable
from core.training.loop import train
from core.training.method import ReaderPlan, StagePlan
from core.training.response import Tuned
from core.training.tsm_stage import Pictures, answer, describe, new_tsm, tsm_stage
from core.training.vlm_stage import TOLERANCE, RunCases, first_batch, micro_batch, read_places, sharing_gap, vlm_stage

GIB = 2**30


@dataclass(frozen=True)
class Running:
    """What the parts of a run share while it goes on."""

    run: Run
    folder: Folder
    joint_set: JointSet
    items: tuple[Item, ...]
    accelerator: Any
    report: Report
    is_stopped: Callable[[], bool]
    vlm: Vlm
    began: float
    """On this process's clock: a resume begins anew."""

    def train(self, stage: Any, folder: Path) -> None:
        train(stage, folder, self.accelerator, self.report, self.is_stopped)


def tune(
    run: Run,
    out: Path,
    is_resumed: bool = False,
    watch: Report = lambda event: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Carries a run through to its figures; returns what metrics.json holds."""
    if Folder(out).plugged.is_file():
        raise RunError(
            f"{out} was made by `vitask plug`; tuning would replace its model. Use `vitask plug … --resume`."
        )
    with hold.released(out):
        running = start(run, out, is_resumed, watch, is_stopped)
        if running.folder.metrics.is_file():
            return dict(running.folder.kept(running.folder.metrics))
        tsms = [train_tsm(running, number) for number in range(len(run.tsms))]
        tuned, cases = _prepare(running, tsms)
        _stages(running, tuned, cases)
        if not running.accelerator.is_main_process:
            return {}
        _save_parts(running, tuned)
        return finish(running, tuned, cases, tsms)


def start(
    run: Run,
    out: Path,
    is_resumed: bool,
    watch: Report,
    is_stopped: Callable[[], bool],
    vlm: Vlm | None = None,
) -> Running:
    """Everything that can be refused is refused here, before the run's folder is made."""
    from accelerate import Accelerator

    began = time.perf_counter()
    run = settle(run)
    look(out, run, is_resumed)
    accelerator = Accelerator(mixed_precision="no")  # the training loop sees to it, run by run
    torch.manual_seed(run.settings.seed)
    joint_set = gather_for(run)
    vlm = vlm or run.family.load(run.vlm)
    vlm.base.to(accelerator.device)
    if run.settings.training.precision == "fp32":
        vlm.base.float()
    items = tuple(item for split in SPLITS for item in joint_set.items(split))
    if accelerator.is_main_process:
        if not is_resumed:
            refuse_unreadable(items)
            _refuse_misfits(run, joint_set, vlm, accelerator.num_processes)
        begin(out, run, joint_set, is_resumed, accelerator.num_processes)
    accelerator.wait_for_everyone()
    report = writer(out, watch) if accelerator.is_main_process else (lambda event: None)
    return Running(run, Folder(out), joint_set, items, accelerator, report, is_stopped, vlm, began)


def _refuse_misfits(run: Run, joint_set: JointSet, vlm: Vlm, processes: int) -> None:
    """Does in small what would fail later on: a TSM's checkpoint that is none, nothing to tune, too many processes,
    an encoder, a chat template and a tokenizer that do not fit each other."""
    learned = joint_set.items("train")
    for module, settings in run.tsms:
        new_tsm(module, settings, joint_set)
    lora_targets(vlm, run.settings.lora.layers)
    if run.plan.needs.tunes_vlm_connector:
        connector_names(vlm)
    micro_batch(run.settings.training, len(learned), processes)
    task = joint_set.tasks[learned[0].set]
    vlm.prompt(task.instruction(), vlm.encode(pictures(learned[:1]))[0].tokens.shape[0])
    vlm.response(task.answers[0])


def gather_for(run: Run) -> JointSet:
    settings = run.settings
    return gather(settings.images, settings.task, settings.split, settings.limit, settings.seed)


def cache_folder() -> Path:
    """Where features are kept between runs."""
    return Path(os.environ.get("VITASK_CACHE", Path.home() / ".cache" / "vitask"))


def train_tsm(running: Running, number: int, old: Tsm | None = None) -> Tsm:
    """A TSM trained on the run's cases, from the weights of an older one where there is one."""
    run, folder = running.run, running.folder.tsm(number)
    module, settings = run.tsms[number]
    torch.manual_seed(run.settings.seed + number)
    tsm = new_tsm(module, settings, running.joint_set, old).to(running.accelerator.device)
    shown = Pictures(tsm, running.items)
    stage = tsm_stage(
        folder.name,
        tsm,
        running.joint_set,
        shown,
        run.settings.training.monitor,
        run.settings.training.precision,
        run.settings.seed,
    )
    running.train(stage, folder)
    if running.accelerator.is_main_process:
        hold.check(folder)
        tsm.save(folder)
    return tsm.eval()


def known_cases(running: Running, tsms: Sequence[Tsm]) -> RunCases:
    """What is known of every case before tuning: features of its image, and each TSM's feature."""
    run = running.run

    def progress(done: int, whole: int) -> None:
        running.report(FeaturesEncoded(done=done, whole=whole))

    with running.accelerator.main_process_first():
        store = open_features(
            running.vlm,
            running.items,
            cache_folder() / "features",
            int(run.settings.features.budget_gib * GIB),
            not run.plan.needs.tunes_vlm_connector,
            progress,
        )
    exemplars = [describe(tsm, Pictures(tsm, running.items), range(len(running.items))) for tsm in tsms]
    return RunCases(running.joint_set, running.items, store, exemplars)


def _prepare(running: Running, tsms: Sequence[Tsm]) -> tuple[Tuned, RunCases]:
    run, needs, vlm = running.run, running.run.plan.needs, running.vlm
    if run.settings.training.gradient_checkpointing:
        vlm.base.activation_checkpointing_enable()
    cases = known_cases(running, tsms)
    for name in dict.fromkeys(stage.adapter for stage in run.plan.stages):
        torch.manual_seed(run.settings.seed)
        attach(vlm, run.settings.lora, name, needs.tunes_vlm_connector)
    torch.manual_seed(run.settings.seed)
    exemplars = None
    if needs.exemplars:
        widths = [] if needs.is_constant else [tsm.width for tsm in tsms]
        exemplars = Exemplars(widths, vlm.hidden_size, needs.is_constant).to(vlm.device)
    return Tuned(vlm, exemplars), cases


def _stages(running: Running, tuned: Tuned, cases: RunCases) -> None:
    run = running.run
    compare(running, tuned, cases, max(run.plan.stages, key=lambda one: len(one.wanted.weights)))
    for plan in run.plan.stages:
        torch.manual_seed(run.settings.seed)
        stage = vlm_stage(
            replace(plan, wanted=replace(plan.wanted, is_shared=tuned.vlm.shares_prefix)),
            tuned,
            cases,
            run.plan.readers,
            run.settings.training,
            run.settings.seed,
            run.settings.reading.batch_size,
            running.accelerator,
            beside=run.plan.stages,
        )
        running.train(stage, running.folder.stage(plan.name))


def compare(running: Running, tuned: Tuned, cases: RunCases, plan: StagePlan) -> None:
    """Looks on the first batch whether this architecture can share a prefix: no list of them is trusted."""
    tuned.vlm.peft.set_adapter(plan.adapter)
    gap = sharing_gap(tuned, first_batch(cases, plan, running.run.settings.seed), plan)
    tuned.vlm.shares_prefix = gap <= TOLERANCE
    sharing = Sharing(largest_relative_difference=gap, is_shared=tuned.vlm.shares_prefix)
    if running.accelerator.is_main_process:
        running.folder.keep_sharing(sharing)
    running.report(sharing)


def _save_parts(running: Running, tuned: Tuned) -> None:
    hold.check(running.folder.path)
    for name in dict.fromkeys(stage.adapter for stage in running.run.plan.stages):
        save_adapter(tuned.vlm, running.folder.adapter(name), name)
    if tuned.exemplars is not None:
        tuned.exemplars.save(running.folder.connector)


def finish(running: Running, tuned: Tuned, cases: RunCases, tsms: Sequence[Tsm]) -> dict[str, Any]:
    """Readings of both splits, figures of the test cases, the card."""
    settings = running.run.settings
    tuned.eval()
    read = {split: _read_split(running, tuned, cases, tsms, split) for split in ("val", "test")}
    notes = list(running.run.plan.departures)
    if settings.reading.late_fusion:
        weights = fuse(read, running.joint_set.sets)
        running.folder.fusion.write_text(json.dumps(weights) + "\n")
        notes += [
            f"Late fusion on {name}: the TSM's weight is {weight:.2f}, plain tuning's {1 - weight:.2f}, chosen on "
            "validation cases."
            for name, weight in weights.items()
        ]
    hold.check(running.folder.path)
    for split, found in read.items():
        reading.save(found, running.folder.readings(split))
    with using(tuned.vlm, None):
        novelty.of_run(cases.features).save(running.folder.novelty)
    results = evaluate(read["test"], running.folder.tasks(), settings.reading.draws, settings.seed)
    results["made_for"] = asdict(running.run.plan.aim)
    results["reader_list"] = readers_to_plain(running.run.readers)
    text = card(
        set={"sets": running.folder.sets()},
        settings=settings.model_dump(mode="json"),
        figures=results,
        environment=running.folder.kept(running.folder.environment),
        notes=notes,
    )
    (running.folder.path / "card.md").write_text(text, encoding="utf-8")
    hold.check(running.folder.path)
    draft = running.folder.metrics.with_suffix(".part")
    draft.write_text(json.dumps(results, indent=1) + "\n")
    draft.replace(running.folder.metrics)
    running.report(Done(seconds=time.perf_counter() - running.began, peak_memory_gib=peak_gib()))
    return results


def _read_split(running: Running, tuned: Tuned, cases: RunCases, tsms: Sequence[Tsm], split: str) -> list[Reading]:
    settings, plan = running.run.settings.reading, running.run.plan
    places = cases.places(split)
    found: dict[str, list[Reading]] = {}
    for adapter in dict.fromkeys(reader.adapter for reader in plan.readers):
        ways = [reader for reader in plan.readers if reader.adapter == adapter]

        def progress(done: int, names: str = "+".join(way.name for way in ways)) -> None:
            running.report(CasesRead(split=split, readers=names, done=done, whole=len(places)))

        told = read_places(tuned, cases, places, ways, settings.batch_size, progress)
        for way in ways:
            written = evenly(places, settings.free_text) if split == "test" else []
            texts = dict(zip(written, _texts(tuned, cases, written, way, settings.most_tokens), strict=True))
            found[way.name] = [
                _reading(cases, place, way.name, each.written(texts.get(place), cases.task(place)))
                for place, each in zip(places, told[way.name], strict=True)
            ]
    for number, tsm in enumerate(tsms):
        name = running.run.tsm_names[number]
        sets = [cases.items[place].set for place in places]
        likely = answer(tsm, cases.exemplars[number][places], sets, cases.joint_set.tasks)
        found[name] = [_reading(cases, place, name, Answer(each)) for place, each in zip(places, likely, strict=True)]
    names = [reader.name for reader in running.run.readers if reader.name in found]
    return [each for name in names for each in found[name]]


def _texts(tuned: Tuned, cases: RunCases, places: Sequence[int], way: ReaderPlan, most_tokens: int) -> list[str]:
    if not places:
        return []
    exemplars = tuned.exemplars if way.with_exemplar else None
    with using(tuned.vlm, way.adapter), torch.no_grad(), tuned.vlm.reading():
        return free_text(tuned.vlm, cases.questions(places), exemplars, way.with_exemplar, most_tokens)


def _reading(cases: RunCases, place: int, reader: str, answer: Answer) -> Reading:
    item = cases.items[place]
    return Reading.of(item.case, cases.joint_set.sets[item.set].name, reader, answer)

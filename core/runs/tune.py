"""A whole run: images, TSMs, features, the stages of its method, readings, figures, card.

Everything that is finished is found in the run's folder and skipped, so the same call begins a run and resumes one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from core.case import READ_SPLITS, Marks
from core.checks import leakage
from core.draw import evenly
from core.errors import DataError, RunError
from core.events import CasesRead, Done, Report, Sharing
from core.machine import hold
from core.machine.footprint import peak_gib
from core.models.lora import connector_names, lora_targets, save_adapter, using
from core.models.tsm import Tsm
from core.models.vlm import Vlm
from core.pictures.looks import look_at_all, refuse_problems
from core.readings import novelty, reading
from core.readings.answer import Answer
from core.readings.blank import beside_blank
from core.readings.calibration import calibrations_of
from core.readings.head import own_encoders
from core.readings.reader import Reader, readers_to_plain
from core.readings.reading import Reading
from core.readings.results import evaluate
from core.readings.worth import best_of_groups
from core.readings.writing import free_text
from core.runs.card import card
from core.runs.described import known_cases, train_tsm, what_tsms_know
from core.runs.folder import Folder, as_begun, begin, refuse_unfit, writer
from core.runs.fusion import fuse
from core.runs.helped import helped, worth
from core.runs.index import Space, add_recall, index_cases, searching_plan
from core.runs.prepare import Parts, feature_folder, load_parts
from core.runs.rivals import add_rivals
from core.runs.runfile import Run
from core.runs.running import Running
from core.sets.alike import Seen
from core.sets.joint import Item, pictures
from core.sets.overlap import overlap
from core.sets.split import SplitSettings
from core.training.heads import save_heads
from core.training.method import MarksWanted, ReaderPlan, StagePlan
from core.training.response import Tuned
from core.training.tsm_stage import tsm_answers
from core.training.vlm_stage import RunCases, micro_batch, put_by, read_places, tokens_a_case

ACCEPTING = (
    'Or have it go on all the same: “vitask tune … --accept-leakage "why"”, on the page Tune under Leakage, or '
    "“leakage: {accepted_by: a name, why: a reason}” in the run file. The card then tells it."
)


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
            f"{out} was made by “vitask plug”; tuning would replace its model. Use “vitask plug … --resume”."
        )
    with hold.released(out):
        running = start(run, out, is_resumed, watch, is_stopped)
        if running.folder.metrics.is_file():
            return dict(running.folder.kept(running.folder.metrics))
        tsms = [train_tsm(running, number) for number in range(len(run.tsms))]
        cases = known_cases(running, tsms)
        tuned = running.parts.tuned(tsms)
        cases = seen_by_heads(running, tuned, cases)
        judge_sharing(running, tuned, cases, running.parts.hardest_stage)
        for plan in running.run.plan.stages:
            running.train(running.parts.stage(plan, tuned, cases), running.folder.stage(plan.name))
        if not running.is_first:
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
    """Everything that can be refused is refused here, before the run's folder is made. What a VLM that is given learned
    from is known to whoever calls, and left out by them."""
    began = time.perf_counter()
    refuse_unfit(out, is_resumed)
    parts = load_parts(as_begun(run, out), vlm, watch)
    processes = parts.accelerator.num_processes
    seen = None
    if parts.accelerator.is_main_process:
        if not is_resumed:
            seen = Seen(look_at_all([item.case.pixels for item in parts.items]))
            refuse_problems(seen.looks)
            if vlm is None:
                _refuse_leakage(parts, seen)
            _refuse_misfits(parts, processes)
        begin(out, parts.run, parts.joint_set, is_resumed, processes)
    parts.accelerator.wait_for_everyone()
    report = writer(out, watch) if parts.accelerator.is_main_process else (lambda event: None)
    return Running(parts, Folder(out), report, is_stopped, began, seen)


def _refuse_leakage(parts: Parts, seen: Seen) -> None:
    settings = parts.run.settings
    leakage.refuse(leaks(parts.items, seen, settings.split), settings.leakage, ACCEPTING)


def leaks(items: Sequence[Item], seen: Seen, split: SplitSettings) -> leakage.Leakage:
    """What its splits share; near copies, and altered ones, only where they were to be kept together."""
    cases, sets = [item.case for item in items], [item.set for item in items]
    if split.near_copies and split.altered_copies:
        return leakage.leakage(cases, seen.ties, sets)
    return leakage.leakage_of_looks(cases, seen.looks if split.near_copies else None, sets, with_altered=False)


def _refuse_misfits(parts: Parts, processes: int) -> None:
    """Does in small what would fail later on: a checkpoint of a TSM or of a head that is none, nothing to tune, too
    many processes, an encoder, a chat template and a tokenizer that do not fit each other."""
    run, vlm, learned = parts.run, parts.vlm, parts.joint_set.items("train")
    for number in range(len(run.tsms)):
        parts.new_tsm(number)
    lora_targets(vlm, run.settings.lora.layers)
    if run.plan.needs.tunes_vlm_connector:
        connector_names(vlm)
    micro_batch(run.settings.training, len(learned), processes)
    for head in run.plan.heads:
        head.build(vlm.hidden_size)
    if run.plan.needs.marks is not None:
        refuse_without_places(run.plan.needs.marks, parts.joint_set.marks)
    task = parts.joint_set.tasks[learned[0].set]
    vlm.prompt(task.instruction(), vlm.encode(pictures(learned[:1]))[0].tokens.shape[0])
    vlm.response(task.answers[0])


def refuse_without_places(wanted: MarksWanted, of_sets: Sequence[Marks]) -> None:
    """A method that learns where things are needs a box or a mask to learn from."""
    boxed = {label for marks in of_sets for label in marks.boxed}
    strange = [label for label in wanted.labels if label not in boxed]
    if strange:
        raise DataError(
            f'No training case has a box of "{strange[0]}", which the method is to look for. '
            f"Labels with boxes: {', '.join(sorted(boxed)) or 'none'}. Change method.labels."
        )
    if not boxed and not (wanted.masks and any(marks.is_masked for marks in of_sets)):
        raise DataError(
            "This method learns where things are, and no training case has a box or a mask. Bring a set that has them "
            "(Pascal VOC, COCO, a table with boxes, a folder of masks), or choose another method."
        )


def seen_by_heads(running: Running, tuned: Tuned, cases: RunCases) -> RunCases:
    """The cases with what the heads' own encoders see in them."""
    budget_bytes, folder = running.feature_bytes, feature_folder()
    return running.parts.with_own_features(cases, tuned, folder, budget_bytes, running.report_encoded)


def judge_sharing(running: Running, tuned: Tuned, cases: RunCases, plan: StagePlan) -> None:
    gap = running.parts.judge_sharing(tuned, cases, plan)
    sharing = Sharing(largest_relative_difference=gap, is_shared=tuned.vlm.shares_prefix)
    if running.is_first:
        running.folder.keep_sharing(sharing)
    running.report(sharing)


def _save_parts(running: Running, tuned: Tuned) -> None:
    hold.check(running.folder.path)
    for name in dict.fromkeys(stage.adapter for stage in running.run.plan.stages):
        save_adapter(tuned.vlm, running.folder.adapter(name), name)
    save_beside(tuned, running.folder)


def save_beside(tuned: Tuned, folder: Folder) -> None:
    """What lies beside the adapters: the exemplars' connectors and the heads."""
    if tuned.exemplars is not None:
        tuned.exemplars.save(folder.connector)
    if len(tuned.heads):
        save_heads(tuned.heads, folder.heads)


def finish(
    running: Running, tuned: Tuned, cases: RunCases, tsms: Sequence[Tsm], more_notes: Sequence[str] = ()
) -> dict[str, Any]:
    """Readings of both splits, figures of the test cases, the card with what is to be noted."""
    settings = running.run.settings
    shared = leaks(cases.items, running.seen, settings.split)
    tuned.eval()
    read = {split: _read_split(running, tuned, cases, tsms, split) for split in READ_SPLITS}
    departures = running.run.departures({of.name: of.task for of in running.parts.joint_set.sets})
    notes = [
        *more_notes,
        *leakage.words(shared, settings.leakage),
        *departures,
        *_matched(running, tuned, cases),
        *what_tsms_know(running, cases, tsms),
        *_needed_beside(tuned),
    ]
    if settings.reading.late_fusion:
        weights = fuse(read, running.parts.joint_set.sets)
        running.folder.fusion.write_text(json.dumps(weights) + "\n")
        notes += [
            f"Late fusion on {name}: the TSM's weight is {weight:.2f}, plain tuning's {1 - weight:.2f}, chosen on "
            "validation cases."
            for name, weight in weights.items()
        ]
    rivals = add_rivals(running, tuned, cases, read)
    notes += [*rivals.notes, *rivals.left_out]
    readers = _in_order(running.run, read)
    hold.check(running.folder.path)
    for split, readings in read.items():
        reading.save(readings, running.folder.readings(split))
    with using(tuned.vlm, None):
        novelty.of_run(cases.features).save(running.folder.novelty)
    tasks = running.folder.tasks()
    calibrations = calibrations_of(read["val"], tasks)
    results = evaluate(read["test"], tasks, settings.reading.draws, settings.seed, calibrations)
    _index(running, tuned, cases, results)
    results["departures"] = list(departures)
    results["made_for"] = asdict(running.run.plan.aim)
    results["reader_list"] = readers_to_plain(readers)
    measured = {each.set for each in read["test"]}
    of_measured = {name: task for name, task in tasks.items() if name in measured}
    results["best"] = best_of_groups(read["val"], of_measured, readers)
    results["left_out"] = list(rivals.left_out)
    results["leakage"] = {**shared.as_json(), **settings.leakage.model_dump(mode="json")}
    text = card(
        set={"sets": running.folder.sets()},
        settings=settings.model_dump(mode="json"),
        figures=results,
        environment=running.folder.kept(running.folder.environment),
        notes=notes,
        helped=helped(running.run, results),
        worth=worth(running.run, results),
        overlap=overlap(cases.items, running.seen),
    )
    running.folder.card.write_text(text, encoding="utf-8")
    hold.check(running.folder.path)
    draft = running.folder.metrics.with_suffix(".part")
    draft.write_text(json.dumps(results, indent=1) + "\n")
    draft.replace(running.folder.metrics)
    running.report(Done(seconds=time.perf_counter() - running.began, peak_memory_gib=peak_gib()))
    return results


def _matched(running: Running, tuned: Tuned, cases: RunCases) -> list[str]:
    """In what stages that were to cost as much as others are matched, in numbers; nothing where another run made them,
    perhaps on other cases."""
    stages, sentences = () if running.folder.is_plugged else running.run.plan.stages, []
    for plan in (plan for plan in stages if plan.as_costly_as):
        costs = {
            stage.name: (running.parts.stage(stage, tuned, cases).steps, tokens_a_case(stage, tuned, cases))
            for stage in stages
            if stage is plan or stage.name in plan.as_costly_as
        }
        steps, tokens = costs.pop(plan.name)
        others = " and ".join(f"{of_stage} ({each:.1f})" for of_stage, (_, each) in costs.items())
        fewer = sum(of_stage for of_stage, _ in costs.values())
        sentences.append(
            f"{plan.name} was matched in tokens, not in steps: {steps:,} steps, {steps / fewer:.2f} times as many as "
            f"the {fewer:,} of {others}. A case's step puts {tokens:.1f} tokens through the language model, and there "
            "as many as stand in brackets. The TSM's own training, and image features, are not counted."
        )
    return sentences


def _in_order(run: Run, read: Mapping[str, list[Reading]]) -> tuple[Reader, ...]:
    """Puts readings into the order of the run's readers; returns those readers that answered."""
    order = {reader.name: place for place, reader in enumerate(run.readers)}
    for readings in read.values():
        readings.sort(key=lambda each: order[each.reader])
    answered = {each.reader for each in read["test"]}
    return tuple(reader for reader in run.readers if reader.name in answered)


def _needed_beside(tuned: Tuned) -> list[str]:
    """What the folder lacks that a reader of the run needs."""
    return [
        f"A part of the method sees the images with {encoder.name}, which stays as it came and is not in the run's "
        "folder: whoever reads with the run needs that checkpoint too, under its own licence."
        for encoder in own_encoders(tuned.heads)
    ]


def _index(running: Running, tuned: Tuned, cases: RunCases, results: dict[str, Any]) -> None:
    """Makes cases findable where the method can, and measures how well."""
    plan, settings = searching_plan(running.run), running.run.settings
    if plan is None:
        return
    space = Space(tuned, plan)

    def progress(done: int) -> None:
        running.report(CasesRead(split="all", readers="index", done=done, whole=len(cases.items)))

    index = index_cases(space, cases, settings.reading.batch_size, progress)
    index.save(running.folder.index)
    add_recall(results, space, cases, index, settings.reading.draws, settings.seed)


def _read_split(running: Running, tuned: Tuned, cases: RunCases, tsms: Sequence[Tsm], split: str) -> list[Reading]:
    settings, plan = running.run.settings.reading, running.run.plan
    places = cases.places(split)
    of_readers: dict[str, list[Reading]] = {}
    for adapter in dict.fromkeys(reader.adapter for reader in plan.readers):
        ways = [reader for reader in plan.readers if reader.adapter == adapter]

        def progress(done: int, names: str = "+".join(way.name for way in ways)) -> None:
            running.report(CasesRead(split=split, readers=names, done=done, whole=len(places)))

        answers = read_places(tuned, cases, places, ways, settings.batch_size, progress)
        for way in filter(running.run.is_shown_blank, ways):
            with using(tuned.vlm, adapter), torch.no_grad(), tuned.vlm.reading():
                answers[way.name] = beside_blank(tuned.vlm, answers[way.name], [cases.task(place) for place in places])
        for way in ways:
            written = evenly(places, settings.free_text) if split == "test" and way.writes_freely else []
            texts = dict(zip(written, _texts(tuned, cases, written, way, settings.most_tokens), strict=True))
            of_readers[way.name] = [
                _reading(cases, place, way.name, each.written(texts.get(place), cases.task(place)))
                for place, each in zip(places, answers[way.name], strict=True)
            ]
    for number, tsm in enumerate(tsms):
        name = running.run.tsm_names[number]
        sets = [cases.items[place].set for place in places]
        likely = tsm_answers(tsm, cases.exemplars[number][places], sets, cases.joint_set.tasks)
        of_readers[name] = [
            _reading(cases, place, name, Answer(each)) for place, each in zip(places, likely, strict=True)
        ]
    names = [reader.name for reader in running.run.readers if reader.name in of_readers]
    return [each for name in names for each in of_readers[name]]


def _texts(tuned: Tuned, cases: RunCases, places: Sequence[int], way: ReaderPlan, most_tokens: int) -> list[str]:
    if not places:
        return []
    exemplars = tuned.exemplars if way.with_exemplar else None
    with using(tuned.vlm, way.adapter), torch.no_grad(), tuned.vlm.reading():
        return free_text(tuned.vlm, put_by(way, cases.questions(places)), exemplars, way.with_exemplar, most_tokens)


def _reading(cases: RunCases, place: int, reader: str, answer: Answer) -> Reading:
    item = cases.items[place]
    return Reading.of(item.case, cases.joint_set.sets[item.set].name, reader, answer)

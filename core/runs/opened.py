"""A finished run, loaded again: its readers answer for new images, new wordings, other sets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from core.case import SPLITS, Case, Task
from core.catalog import TSMS, find
from core.errors import CoreError, ModelError, RunError, SettingsError, reason
from core.models.exemplar import load_exemplars
from core.models.features import FeatureStore
from core.models.lora import load_adapter, using
from core.models.seeing_tsm import SeeingTsm
from core.models.tsm import DESCRIPTION, Tsm, read_saved, refuse_other_head
from core.models.vlm import ImageFeatures, Vlm
from core.readings import novelty, rivals, taught, tsm_words
from core.readings.answer import Answer
from core.readings.blank import beside_blank
from core.readings.calibration import Calibration, for_set, kept_calibrations
from core.readings.distribution import Asking
from core.readings.head import See, own_encoders, seen_anew
from core.readings.mixing import mean
from core.readings.reader import FUSION, TSM, Reader
from core.readings.reading import Reading
from core.readings.taught import Taught
from core.readings.writing import free_text
from core.runs.folder import Folder
from core.runs.fusion import FUSED
from core.runs.prepare import load_vlm, open_images
from core.runs.rivals import rungs_of, seen_on
from core.runs.runfile import Run, read_run
from core.training.heads import load_heads
from core.training.method import ReaderPlan
from core.training.response import Tuned
from core.training.tsm_stage import describe_images, tsm_answers
from core.training.vlm_stage import put_by, read_ways

PLAIN_TEXT_TOKENS = 48


@dataclass(frozen=True)
class Opened:
    """Everything of a run that is needed to read."""

    run: Run
    folder: Folder
    tasks: dict[str, Task]
    tuned: Tuned
    tsms: tuple[Tsm, ...]
    rivals: tuple[Taught, ...] = ()
    """The simple ones, set by set; none in a run that has none."""

    @property
    def readers(self) -> tuple[Reader, ...]:
        """Those that answer for other pictures too; late fusion only where the run has told its weights, simple rivals
        only where it kept what they learned."""
        missing = {*rivals.NAMES} - {name for taught in self.rivals for name in taught.names}
        if not self.folder.fusion.is_file():
            missing.add(FUSION.name)
        return tuple(reader for reader in self.run.readers if reader.answers_anew and reader.name not in missing)

    @property
    def reader_names(self) -> tuple[str, ...]:
        return tuple(reader.name for reader in self.readers)

    def named(self, names: Iterable[str]) -> list[Reader]:
        """The readers of these names, in the order of the names."""
        by_name = {reader.name: reader for reader in self.readers}
        wanted = list(names)
        unknown = [name for name in wanted if name not in by_name]
        if unknown:
            raise SettingsError(f'The run has no reader called "{unknown[0]}". Known: {", ".join(by_name)}.')
        return [by_name[name] for name in wanted]

    def set_number(self, name: str | None) -> int:
        """Which of a joint run's questions is put; the first where none is named."""
        names = list(self.tasks)
        if name is not None and name not in names:
            raise SettingsError(f'The run was not tuned on a set called "{name}". Known: {", ".join(names)}.')
        return names.index(name) if name else 0

    def calibrations(self, number: int) -> Mapping[str, Calibration]:
        """The temperatures of its readers for one of its questions, as far as the run learned any."""
        kept = self.folder.kept(self.folder.metrics) if self.folder.metrics.is_file() else None
        return for_set(kept_calibrations(kept), list(self.tasks)[number])


@dataclass(frozen=True)
class Asked:
    """What is put to the readers: pictures, under one set's question, perhaps in other words."""

    images: Sequence[Image.Image]
    set: int = 0
    instruction: str | None = None
    free_text: bool = False
    is_measured: bool = False
    """Whether figures are made of the answers, for which they are scored in other ways too."""


def open_run(path: Path) -> Opened:
    """Loads the VLM, every adapter, the connectors and the TSMs of a finished run."""
    folder = Folder(path)
    tasks = folder.tasks()
    run = read_run(folder.settings)
    vlm = load_vlm(run, "cuda" if torch.cuda.is_available() else "cpu")
    vlm.shares_prefix = folder.shares_prefix()
    for name in dict.fromkeys(stage.adapter for stage in run.plan.stages):
        if not folder.adapter(name).is_dir():
            raise RunError(f"The run in {path} is not finished. Go on with it: “vitask tune … --out {path} --resume”.")
        load_adapter(vlm, folder.adapter(name), name)
    exemplars = load_exemplars(folder.connector, vlm.hidden_size) if run.plan.needs.exemplars else None
    tsms = tuple(load_tsm(folder.tsm(number), vlm).to(vlm.device) for number in range(len(run.tsms)))
    heads = load_heads(run.plan.heads, vlm.hidden_size, list(tasks.values()), folder.heads).to(vlm.device)
    tuned = Tuned(vlm, exemplars.to(vlm.device) if exemplars else None, heads)
    counts = [len(task.answers) for task in tasks.values()]
    kept = taught.load(folder.rivals, counts) if folder.rivals.is_file() else ()
    return Opened(run, folder, tasks, tuned.eval(), tsms, kept)


def load_tsm(folder: Path, vlm: Vlm) -> Tsm:
    """A TSM by the module that its folder names; one that looks through the VLM is given that."""
    saved = read_saved(folder)
    module = find(TSMS, saved.name, "TSM")
    refuse_other_head(saved, folder)
    try:
        tsm: Tsm = module.load(folder)
    except (LookupError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"What {folder / DESCRIPTION} says makes no {saved.name} ({reason(error)}). Copy the whole folder again, "
            "or name a folder that a finished TSM was saved to."
        ) from None
    if isinstance(tsm, SeeingTsm):
        tsm.look_through(vlm)
    return tsm.eval()


def read_pictures(opened: Opened, asked: Asked, readers: Iterable[str]) -> dict[str, list[Answer]]:
    """Every wanted reader's answers, picture by picture."""
    wanted = opened.named(readers)
    needed = {reader.name for reader in wanted} | ({*FUSED} if FUSION in wanted else set())
    needed |= {TSM.name} if rivals.MEAN in wanted else set()
    described = [
        describe_images(tsm, asked.images) for tsm in opened.tsms if any(reader.needs_tsm for reader in wanted)
    ]
    answers: dict[str, list[Answer]] = {}
    plans = [reader for reader in opened.run.plan.readers if reader.name in needed]
    if plans:
        frozen = None if opened.run.plan.needs.tunes_vlm_connector else opened.tuned.vlm.encode(list(asked.images))
        own = [seen_anew(own_encoders(opened.tuned.heads), image) for image in asked.images]
        words = _tsm_words(opened, asked, described) if any(reader.is_told for reader in plans) else None
        for adapter in dict.fromkeys(reader.adapter for reader in plans):
            ways = [reader for reader in plans if reader.adapter == adapter]
            answers |= _of_adapter(opened, asked, described, frozen, own, ways, words)
    for name, tsm, features in zip(opened.run.tsm_names, opened.tsms, described, strict=bool(described)):
        if name in needed:
            likely = tsm_answers(tsm, features, [asked.set] * len(features), list(opened.tasks.values()))
            answers[name] = [Answer(probabilities) for probabilities in likely]
    if FUSION in wanted:
        answers[FUSION.name] = _fused(opened, asked.set, *(answers[name] for name in FUSED))
    simple = [reader.name for reader in wanted if reader.name in rivals.NAMES]
    if simple:
        answers |= _of_rivals(opened, asked, described, answers.get(TSM.name, ()), simple)
    return {reader.name: answers[reader.name] for reader in wanted}


def _of_rivals(
    opened: Opened, asked: Asked, described: Sequence[Tensor], tsm: Sequence[Answer], names: Sequence[str]
) -> dict[str, list[Answer]]:
    """They are asked nothing in words, but for the state in which the question ends."""
    vlm, task = opened.tuned.vlm, list(opened.tasks.values())[asked.set]
    with using(vlm, None):
        shown = vlm.encode(list(asked.images))
    instructions = [asked.instruction or task.instruction()] * len(shown)
    seen = seen_on(rungs_of(names), vlm, shown, asked.images, instructions)
    if described:
        seen["tsm"] = torch.cat(list(described), dim=1).numpy()
    of_tsm = np.array([each.probabilities for each in tsm]) if tsm else None
    likely = opened.rivals[asked.set].answers(seen, task.kind, of_tsm, names)
    return {name: [Answer(tuple(row)) for row in rows.tolist()] for name, rows in likely.items()}


def unlike(opened: Opened, images: Sequence[Image.Image]) -> list[novelty.Unlikeness | str]:
    """How far each picture is from those that the run learned from; or why that can't be told, as of a run made before
    this was kept whose images are gone."""
    vlm = opened.tuned.vlm
    try:
        with using(vlm, None):
            return [*_novelty(opened).judge(vlm.encode(list(images)))]
    except CoreError as error:
        return [f"How unlike this picture is to those that the run learned from can't be told. {error}"] * len(images)


def _novelty(opened: Opened) -> novelty.Novelty:
    """As the run kept it; of a run that was made before this was kept, worked out from its images and kept now."""
    kept = opened.folder.novelty
    if kept.is_file():
        return novelty.load(kept)
    joint_set = open_images(opened.run)
    items = [item for split in SPLITS for item in joint_set.items(split)]
    learned = novelty.of_run(FeatureStore(opened.tuned.vlm, items, True, None))
    with suppress(OSError):  # somebody else's folder: it is worked out again the next time
        learned.save(kept)
    return learned


def _fused(opened: Opened, number: int, tsm: Sequence[Answer], plain: Sequence[Answer]) -> list[Answer]:
    weight = opened.folder.kept(opened.folder.fusion)[list(opened.tasks)[number]]
    of_tsm, of_plain = (np.array([each.probabilities for each in answers]) for answers in (tsm, plain))
    return [Answer(tuple(row.tolist())) for row in mean(of_tsm, of_plain, weight)]


def _tsm_words(opened: Opened, asked: Asked, described: Sequence[Tensor]) -> list[str]:
    """What the TSMs answer for each picture, as it ends a question."""
    tasks = list(opened.tasks.values())
    sets = [asked.set] * len(asked.images)
    answers = [tsm_answers(tsm, features, sets, tasks) for tsm, features in zip(opened.tsms, described, strict=True)]
    return tsm_words.of_cases([tasks[asked.set]] * len(sets), answers)


def _of_adapter(
    opened: Opened,
    asked: Asked,
    described: Sequence[Tensor],
    frozen: Sequence[ImageFeatures] | None,
    own: Sequence[Mapping[str, See]],
    ways: Sequence[ReaderPlan],
    words: Sequence[str] | None,
) -> dict[str, list[Answer]]:
    tuned, (name, task) = opened.tuned, list(opened.tasks.items())[asked.set]
    marks = opened.folder.marks()[name]
    answers: dict[str, list[Answer]] = {}
    with using(tuned.vlm, ways[0].adapter), torch.no_grad(), tuned.vlm.reading():
        features = tuned.vlm.encode(list(asked.images)) if frozen is None else frozen
        questions = [
            Asking(
                task,
                image,
                [values[row] for values in described],
                asked.instruction,
                marks,
                own[row],
                words[row] if words else "",
            )
            for row, image in enumerate(features)
        ]
        read = read_ways(tuned, questions, ways)
        for way in ways:
            mute = read[way.name]
            if asked.is_measured and opened.run.is_shown_blank(way):
                mute = beside_blank(tuned.vlm, mute, [task] * len(mute), asked.instruction)
            texts: Sequence[str | None] = [None] * len(mute)
            if asked.free_text and way.writes_freely:
                texts = free_text(
                    tuned.vlm, put_by(way, questions), tuned.exemplars, way.with_exemplar, PLAIN_TEXT_TOKENS
                )
            answers[way.name] = [each.written(text, task) for each, text in zip(mute, texts, strict=True)]
    return answers


def read_cases(opened: Opened, cases: Sequence[Case], set_name: str, asked: Asked) -> list[Reading]:
    """Readings of cases that the run never saw, as of an external set; `asked` carries everything but the pictures."""
    size = opened.run.settings.reading.batch_size
    readings: dict[str, list[Reading]] = {name: [] for name in opened.reader_names}
    for start in range(0, len(cases), size):
        part = cases[start : start + size]
        shown = replace(asked, images=[case.pixels.load() for case in part], is_measured=True)
        for name, answers in read_pictures(opened, shown, readings).items():
            readings[name] += [Reading.of(case, set_name, name, each) for case, each in zip(part, answers, strict=True)]
    return [each for rows in readings.values() for each in rows]

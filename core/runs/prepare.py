"""What comes before the first step, in one place for all who make steps: a run, its estimate, `vitask plug`.

A run does it for all of its cases, an estimate for some that stand for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from core.case import SPLITS
from core.events import Report
from core.models.download import fetch
from core.models.exemplar import Exemplars
from core.models.features import EncodedPictures, FeatureStore, Progress, open_features, open_own_features
from core.models.kept_features import feature_folder as feature_folder
from core.models.lora import attach
from core.models.spelled import refuse_unfit, spelled
from core.models.tsm import Tsm
from core.models.vlm import Vlm
from core.readings.embedder import OF_IMAGE
from core.readings.head import own_encoders
from core.runs.runfile import Run, with_own_precision
from core.sets.captions import CaptionSettings, caption, refuse_untold
from core.sets.joint import Item, JointSet, gather, pictures
from core.training.heads import new_heads
from core.training.loop import Stage
from core.training.method import StagePlan
from core.training.response import Tuned
from core.training.tsm_stage import Pictures, describe, new_tsm, tsm_stage
from core.training.unseen import Fold, folds
from core.training.vlm_stage import TOLERANCE, RunCases, first_batch, sharing_gap, vlm_stage


@dataclass(frozen=True)
class Parts:
    """A run's images and its VLM, opened and loaded; what is made of them is asked for in the order below."""

    run: Run
    joint_set: JointSet
    items: tuple[Item, ...]
    """Training cases first, then validation, then test."""
    accelerator: Any
    vlm: Vlm

    def new_tsm(self, number: int, old: Tsm | None = None) -> Tsm:
        """One of the run's TSMs before its training, with the weights of an older one where there is one."""
        module, settings = self.run.tsms[number]
        torch.manual_seed(self.run.settings.seed + number)
        return new_tsm(module, settings, self.joint_set, old, self.vlm).to(self.accelerator.device)

    def tsm_stage(self, number: int, tsm: Tsm, shown: Pictures, fold: Fold | None = None) -> Stage:
        """The training of that TSM, or of one like it from which a fold is held back."""
        name, settings = self.run.tsm_names[number], self.run.settings
        training, share, seed = settings.training, 1.0, settings.seed
        if fold is not None:
            name, share, shown = f"{name} without part {fold.number + 1}", fold.share, shown.dealt(fold.items)
        return tsm_stage(name, tsm, self.joint_set, shown, training.monitor, training.precision, seed, share)

    def folds(self) -> list[Fold]:
        """The training cases divided, where each is to be described by a TSM that learned without it."""
        return folds(self.items, self.run.settings.seed) if self.run.plan.needs.is_out_of_sample else []

    def features(self, items: Sequence[Item], folder: Path, budget_bytes: int, progress: Progress) -> FeatureStore:
        """What the VLM's image encoder sees in some cases, kept in the folder as far as the budget goes."""
        with self.accelerator.main_process_first():
            is_frozen = not self.run.plan.needs.tunes_vlm_connector
            return open_features(self.vlm, items, folder, budget_bytes, is_frozen, progress)

    def cases(self, features: FeatureStore, tsms: Sequence[Tsm]) -> RunCases:
        """Those cases with the feature that each trained TSM has of them."""
        items = features.items
        exemplars = [describe(tsm, Pictures(tsm, items, features), range(len(items))) for tsm in tsms]
        needs, seed = self.run.plan.needs, self.run.settings.seed
        cases = RunCases(self.joint_set, items, features, exemplars, needs.captions, seed=seed)
        return cases.told_by(tsms) if needs.tells_tsm else cases

    def tuned(self, tsms: Sequence[Tsm]) -> Tuned:
        """The VLM with the adapters of every stage, the connector that carries exemplars and the method's heads, all of
        them untrained."""
        run, needs = self.run, self.run.plan.needs
        for name in dict.fromkeys(stage.adapter for stage in run.plan.stages):
            torch.manual_seed(run.settings.seed)
            attach(self.vlm, run.settings.lora, name, needs.tunes_vlm_connector)
        torch.manual_seed(run.settings.seed)
        exemplars = None
        if needs.exemplars:
            widths = [] if needs.is_constant else [tsm.width for tsm in tsms]
            exemplars = Exemplars(widths, self.vlm.hidden_size, needs.is_constant).to(self.vlm.device)
        torch.manual_seed(run.settings.seed)
        heads = new_heads(run.plan.heads, self.vlm, self.joint_set.tasks).to(self.vlm.device)
        return Tuned(self.vlm, exemplars, heads)

    def with_own_features(
        self, cases: RunCases, tuned: Tuned, folder: Path, budget_bytes: int, progress: Progress
    ) -> RunCases:
        """The cases with what the heads' own encoders see in them, kept beside the VLM's features as far as the budget
        goes."""
        own: dict[str, EncodedPictures] = {}
        beside_bytes = cases.features.kept_bytes
        for encoder in own_encoders(tuned.heads):
            with self.accelerator.main_process_first():
                encoded = open_own_features(encoder, cases.items, folder, budget_bytes, progress, beside_bytes)
            own[encoder.name] = encoded
            beside_bytes += encoded.kept_bytes
        return replace(cases, own=own)

    @property
    def hardest_stage(self) -> StagePlan:
        """The one with most losses: what holds for it holds for all."""
        return max(self.run.plan.stages, key=lambda plan: len(plan.wanted.weights))

    def judge_sharing(self, tuned: Tuned, cases: RunCases, plan: StagePlan) -> float:
        """Looks on the first batch whether this architecture can share a prefix: no list of them is trusted.

        Has the VLM share it or not from here on; returns the largest relative difference that sharing made.
        """
        tuned.vlm.peft.set_adapter(plan.adapter)
        gap = sharing_gap(tuned, first_batch(cases, plan, self.run.settings.seed), plan)
        tuned.vlm.shares_prefix = gap <= TOLERANCE
        return gap

    def stage(self, plan: StagePlan, tuned: Tuned, cases: RunCases) -> Stage:
        """One stage of the method, over as much of its schedule as is its own."""
        settings = self.run.settings
        torch.manual_seed(settings.seed)
        return vlm_stage(
            replace(plan, wanted=replace(plan.wanted, is_shared=tuned.vlm.shares_prefix)),
            tuned,
            cases,
            self.run.plan.readers,
            settings.training,
            settings.seed,
            settings.reading.batch_size,
            self.accelerator,
            beside=self.run.plan.stages,
        )


def load_parts(run: Run, vlm: Vlm | None = None, report: Report = lambda event: None) -> Parts:
    """Settles the run's arithmetic, opens its images, has its checkpoints fetched where they are not here yet, and
    loads its VLM, where that isn't given."""
    from accelerate import Accelerator

    run = with_own_precision(run)
    accelerator = Accelerator(mixed_precision="no")  # the training loop sees to it, run by run
    torch.manual_seed(run.settings.seed)
    joint_set = open_images(run)
    with accelerator.main_process_first():
        for source in _checkpoints(run, with_vlm=vlm is None):
            fetch(source, report)
    vlm = vlm or load_vlm(run, accelerator.device)
    if run.settings.training.gradient_checkpointing:
        vlm.base.activation_checkpointing_enable()
    items = tuple(item for split in SPLITS for item in joint_set.items(split))
    parts = Parts(run, joint_set, items, accelerator, vlm)
    if run.plan.needs.captions is not None:
        _refuse_unfit_captions(parts, run.plan.needs.captions)
    return parts


def _refuse_unfit_captions(parts: Parts, settings: CaptionSettings) -> None:
    for image_set in parts.joint_set.sets:
        refuse_untold(image_set, settings)
    tasks, usual = parts.joint_set.tasks, parts.joint_set.usual_lengths
    words = (caption(item.case, tasks[item.set], settings, usual[item.set]) for item in parts.items)
    captions = (spelled(parts.vlm, called) for called in words)
    (image,) = parts.vlm.encode(pictures(parts.items[:1]))
    prompt = parts.vlm.prompt(OF_IMAGE, image.tokens.shape[0])
    refuse_unfit(parts.vlm, captions, len(prompt.head) + len(prompt.tail), parts.run.plan.needs.long_captions)


def open_images(run: Run) -> JointSet:
    """The run's cases, dealt to splits and limited as its settings say."""
    settings = run.settings
    return gather(settings.images, settings.task, settings.split, settings.limit, settings.seed)


def _checkpoints(run: Run, with_vlm: bool) -> list[str]:
    """The names or folders of what the run begins from."""
    settings = [*([run.vlm] if with_vlm else []), *(of_tsm for _, of_tsm in run.tsms)]
    of_models = [each.checkpoint for each in settings if hasattr(each, "checkpoint")]
    return [*of_models, *run.plan.needs.checkpoints]


def load_vlm(run: Run, device: torch.device | str) -> Vlm:
    """The run's VLM in the arithmetic that the run is trained in."""
    vlm: Vlm = run.family.load(run.vlm)
    vlm.base.to(device)
    if run.settings.training.precision == "fp32":
        vlm.base.float()
    return vlm

"""A run file: everything that a run depends on, checked before anything begins and frozen when it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import yaml
from pydantic import Field

from core.case import Task
from core.catalog import FAMILIES, METHODS, TSMS, chosen
from core.checks.leakage import LeakageSettings
from core.errors import SettingsError
from core.machine.precision import number_format_here, precision_here
from core.models.lora import LoraSettings
from core.readings.reader import Reader, tsm_readers
from core.readings.rivals import Rivals
from core.sets.split import SplitSettings, as_frozen
from core.settings import Settings
from core.training.method import Frame, Plan, ReaderPlan
from core.training.readers import PLAIN, readers_of_run
from core.training.settings import TrainingSettings
from core.yamls import read_yaml_file

Preset = Literal["quick", "balanced", "thorough"]
OtherScores = Literal["none", "untuned", "all"]
Block = Mapping[str, Any]
SET = "set.json"
"""Beside the settings of a run that has begun."""


PRESETS: Mapping[str, Block] = {
    "quick": {"training": {"steps": 100}},
    "balanced": {},
    "thorough": {"methods": {"vitask": {"stage_1_epochs": 3, "stage_2_epochs": 3}, "vanilla": {"epochs": 6}}},
}
"""For a family that has none of its own: balanced is what the settings say by themselves, an epoch a stage."""


class ReadingSettings(Settings):
    """How a tuned run is read and measured."""

    batch_size: int = Field(32, ge=1, le=4096, title="Cases at a time", description="While reading.")
    free_text: int = Field(
        64, ge=0, le=1_000_000, title="Free text", description="Of how many test cases each reader also writes freely."
    )
    most_tokens: int = Field(32, ge=1, le=4096, title="Longest free text", description="In tokens.")
    draws: int = Field(1000, ge=2, le=100_000, title="Bootstrap draws", description="For 95 % intervals.")
    other_scores: OtherScores = Field(
        "untuned",
        title="Scored in other ways",
        description="Figures also by the mean a token and by PMI, against a blank picture: of the untuned VLM, of all "
        "readers that answer in words and are told nothing by a TSM, or of none. What readers answer stays as it is.",
    )
    late_fusion: bool = Field(
        False,
        title="Control: late fusion",
        description="Also a reader that averages the probabilities of the TSM and of plain tuning; its weight is "
        "chosen on the validation cases.",
    )
    rivals: Rivals = Field(
        "quick",
        title="Simple rivals",
        description="Simple readers that learn from the same training cases, so that one sees whether the VLM is worth "
        "it. quick: the nearest training pictures, linear heads on the image features and on those of the TSM, and a "
        "mean with the TSM, all in seconds from features that are kept anyway; ladder: also linear heads on the image "
        "encoder and on the VLM's last layer, for which every case goes through the untuned VLM once more; none: no "
        "such readers.",
    )


class FeatureSettings(Settings):
    """Where features of the frozen image encoder are kept."""

    budget_gib: float = Field(
        8.0,
        ge=0,
        le=10_000,
        title="Disk for image features",
        description="In GiB, for all runs together: what was not used for longest makes room for what is new. What "
        "does not fit is made anew.",
    )


class RunSettings(Settings):
    """A whole run file. The blocks vlm, tsm and method are checked by the settings of what they name."""

    images: str | tuple[str, ...] = Field(title="Images", description="A path that a format recognises, or several.")
    task: dict[str, Any] = Field(
        default_factory=dict,
        title="Task",
        description="What the files don't say or what replaces it: modality, answers, kind, template, columns.",
    )
    limit: dict[str, int] = Field(
        default_factory=dict, title="Limit", description="At most so many cases of a split, drawn by class."
    )
    split: SplitSettings = Field(SplitSettings(), title="Split", description="For sets that bring no split.")
    leakage: LeakageSettings = Field(
        LeakageSettings(), title="Leakage", description="Who has it go on although it is measured on what it learns."
    )
    vlm: dict[str, Any] = Field(title="VLM", description="Its family, and what that family asks for.")
    tsm: tuple[dict[str, Any], ...] = Field(
        (), title="TSM", description="A task-specific model's name and settings; several for one exemplar token each."
    )
    method: dict[str, Any] = Field(title="Method", description="Its name, and its switches.")
    preset: Preset = Field(
        "balanced",
        title="Preset",
        description="Sets what is not set here: how long is trained and, for the starter, how. A run's card names what "
        "then differs from the published recipe.",
    )
    lora: LoraSettings = Field(LoraSettings(), title="LoRA", description="The adapter.")
    training: TrainingSettings = Field(TrainingSettings(), title="Training", description="How stages are trained.")
    reading: ReadingSettings = Field(ReadingSettings(), title="Reading", description="How readers are measured.")
    features: FeatureSettings = Field(FeatureSettings(), title="Features", description="Their cache.")
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Seed", description="Of everything that is drawn.")


@dataclass(frozen=True)
class Run:
    """Settings, with the modules that they name."""

    settings: RunSettings
    family: ModuleType
    vlm: Any
    tsms: tuple[tuple[ModuleType, Any], ...]
    plan: Plan

    @property
    def tsm_names(self) -> tuple[str, ...]:
        return tuple(reader.name for reader in tsm_readers(len(self.tsms)))

    def is_shown_blank(self, way: ReaderPlan) -> bool:
        """Whether a blank picture is put to the reader too, against which its answers are scored: to those that answer
        in words and are shown or told nothing of a TSM, which has no answer about a blank picture."""
        wanted = self.settings.reading.other_scores
        is_wanted = wanted == "all" or (wanted == "untuned" and way.adapter is None)
        return is_wanted and way.writes and not way.with_exemplar and not way.is_told

    @property
    def readers(self) -> tuple[Reader, ...]:
        """All that answer for a case when the run is finished."""
        reading = self.settings.reading
        return readers_of_run(self.plan, len(self.tsms), reading.late_fusion, reading.rivals)

    def departures(self, tasks: Mapping[str, Task]) -> tuple[str, ...]:
        """Where the run differs from what its method's paper prints, in sentences; `tasks` are its sets' by name."""
        return self.plan.departures_in(Frame(tasks, self.settings.training, len(self.tsms)))


def read_run(path: Path) -> Run:
    """A run file, or the settings.yaml of a run's folder."""
    return make_run(read_values(path))


def read_values(path: Path) -> dict[str, Any]:
    """What a run file says, before anything is checked or filled in; of a run's own folder, what it was begun with."""
    values = read_yaml_file(path, f"The run file {path}")
    if not isinstance(values, dict):
        raise SettingsError(f"{path} must hold settings like “images: …”, one a line.")
    if path.with_name(SET).is_file() and isinstance(values.get("split"), dict):
        return values | {"split": as_frozen(values["split"])}
    return values


def make_run(values: Block) -> Run:
    """Settings from plain values; a preset fills what is not set."""
    _, vlm = family = chosen(FAMILIES, values.get("vlm"), "family", "vlm")
    filled = _with_preset(values, family[0])
    settings = RunSettings.parse(filled, "")
    method = chosen(METHODS, settings.method, "name", "method")
    tsms = tuple(chosen(TSMS, block, "name", "tsm") for block in settings.tsm)
    run = Run(settings, family[0], vlm, tsms, Plan(*method))
    _refuse_misfits(run)
    return run


def with_own_precision(run: Run) -> Run:
    """The run with this machine's arithmetic written into its settings, so that a resume has the same."""
    settings = run.settings
    training = settings.training.model_copy(update={"precision": precision_here(settings.training.precision)})
    vlm = run.vlm.model_copy(update={"dtype": number_format_here(run.vlm.dtype)})
    blocks = {"training": training, "vlm": {**settings.vlm, "dtype": vlm.dtype}}
    return replace(run, settings=settings.model_copy(update=blocks), vlm=vlm)


def as_yaml(settings: RunSettings) -> str:
    return yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _with_preset(values: Block, family: ModuleType) -> dict[str, Any]:
    filled, tsm, named = dict(values), values.get("tsm"), values.get("preset", "balanced")
    tsms = [tsm] if isinstance(tsm, Mapping) else tsm or []
    preset = getattr(family, "PRESETS", PRESETS).get(named, {}) if isinstance(named, str) else {}
    filled["tsm"] = [_with_recipe(block, preset) for block in tsms] if isinstance(tsms, list | tuple) else tsms
    method = filled.get("method")
    has_epochs = isinstance(method, Mapping) and any(str(name).endswith("epochs") for name in method)
    for block in ("training", "lora", "reading"):
        if isinstance(filled.get(block, {}), Mapping):
            filled[block] = {**preset.get(block, {}), **filled.get(block, {})}
            if has_epochs and "steps" not in values.get(block, {}):
                filled[block].pop("steps", None)  # who names epochs means them
            if "steps" in values.get(block, {}) and "most_epochs" not in values[block]:
                filled[block].pop("most_epochs", None)  # and who names steps
    if isinstance(method, Mapping) and isinstance(method.get("name"), str):
        filled["method"] = {**preset.get("methods", {}).get(method["name"], {}), **method}
    return filled


def _with_recipe(block: Any, preset: Block) -> Any:
    """A TSM's settings, with what the preset says of one of its name."""
    recipes = preset.get("tsms", {})
    return {**recipes.get(block.get("name"), {}), **block} if isinstance(block, Mapping) else block


def _refuse_misfits(run: Run) -> None:
    if run.plan.needs.tsm and not run.tsms:
        raise SettingsError(
            "The method shows an exemplar to the model, or tells it what a TSM answers, and the run names no TSM for "
            "that. Add “tsm: {name: convnet}”, or leave that out (method.exemplar: false, method.tsm_in_words: no)."
        )
    if run.settings.reading.late_fusion and not (run.tsms and PLAIN in run.plan.readers):
        raise SettingsError(
            "reading.late_fusion averages the TSM with plain tuning, and this run lacks one of them. "
            "Add a tsm and method.baseline, or set reading.late_fusion to false."
        )

"""How a stage is trained: the settings of the one loop, and the pace that follows from them."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator

from core.machine.precision import Precision
from core.settings import Settings

Monitor = Literal["macro_f1", "accuracy", "balanced_accuracy", "log_loss"]

ContrastOn = Literal["all", "first_distinguishing"]
ExemplarsFrom = Literal["in_sample", "out_of_sample"]
Direction = Literal["student_first", "teacher_first"]


class TrainingSettings(Settings):
    """Defaults are ours, after the base model's published recipe: the paper is silent."""

    learning_rate: float = Field(4e-5, gt=0, le=1, title="Learning rate", description="The highest, for LoRA (ours).")
    connector_learning_rate: float = Field(
        1e-3,
        gt=0,
        le=1,
        title="Learning rate of the connector",
        description="Of what starts anew: the exemplar's connector, a method's heads (ours).",
    )
    weight_decay: float = Field(0.01, ge=0, le=1, title="Weight decay", description="Of AdamW (ours).")
    batch_size: int = Field(16, ge=2, le=4096, title="Batch size", description="Cases per step, over all devices.")
    micro_batch_size: int | None = Field(
        None,
        ge=2,
        le=4096,
        title="Cases at a time",
        description="Cases that go through the model at once; a step is made of several where memory is short. "
        "It changes no step. Where an image that contrasts is not among these, it is looked at beside them. Empty: the "
        "whole batch, or each process's share of it.",
    )
    steps: int | None = Field(
        None,
        ge=1,
        le=10_000_000,
        title="Steps a stage",
        description="Length of a stage, whatever its epochs say; plain tuning has as many as all others together. "
        "Empty: the method's epochs count. Steps matter more than anything else here.",
    )
    most_epochs: float | None = Field(
        None,
        gt=0,
        le=10_000,
        title="Epochs a stage, at most",
        description="Where steps are given, they end a stage after so many passes through the training cases: a small "
        "set is soon known by heart. Empty: no limit.",
    )
    least_steps: int = Field(
        1,
        ge=1,
        le=10_000_000,
        title="Steps a stage, at least",
        description="However few cases there are: before these the limit of epochs ends no stage.",
    )
    warm_up: float = Field(0.03, ge=0, le=1, title="Warm-up", description="Share of the steps with a rising rate.")
    schedule: Literal["cosine", "linear", "constant"] = Field(
        "cosine", title="Schedule", description="How the learning rate falls after the warm-up."
    )
    schedule_over: Literal["stages", "stage"] = Field(
        "stages",
        title="Schedule over",
        description="stages: one rise and fall over all stages that tune the same adapter (ours). stage: one each, as "
        "VITask is printed.",
    )
    clip: float = Field(1.0, gt=0, le=1000, title="Gradient clipping", description="Largest norm of a step's gradient.")
    precision: Precision = Field(
        "auto",
        title="Arithmetic",
        description="auto takes bf16 where the machine multiplies it in hardware, several times faster, else fp32.",
    )
    evaluate_every: int | None = Field(
        None, ge=1, title="Steps between evaluations", description="Empty: four times a stage."
    )
    checkpoint_every: int | None = Field(
        None, ge=1, title="Steps between checkpoints", description="Empty: at each evaluation."
    )
    keep_checkpoints: int = Field(
        1,
        ge=1,
        le=1000,
        title="Checkpoints kept",
        description="The newest ones of a running stage; the best is kept too.",
    )
    monitor: Monitor = Field(
        "macro_f1",
        title="Best by",
        description="The validation figure by which a stage's best weights are chosen; of equals the least log loss.",
    )
    weights_kept: Literal["best", "last"] = Field(
        "best",
        title="Weights kept",
        description="Of a stage: the best of those that were evaluated, or the last, whatever validation cases say.",
    )
    validation_cases: int = Field(
        400, ge=1, le=1_000_000, title="Validation cases", description="How many are read at an evaluation."
    )
    patience: int | None = Field(
        None,
        ge=1,
        le=1000,
        title="Patience",
        description="Evaluations without a better figure after which a stage ends early. Empty: never.",
    )
    gradient_checkpointing: bool = Field(
        False, title="Gradient checkpointing", description="Less memory, about a third slower."
    )

    @model_validator(mode="after")
    def _patience_waits_for_better_weights(self) -> TrainingSettings:
        if self.patience is not None and self.weights_kept == "last":
            raise ValueError(
                "patience waits for better weights, and weights_kept: last keeps the last ones; leave it out"
            )
        return self

    @property
    def shares_schedule(self) -> bool:
        return self.schedule_over == "stages"

    def steps_of(self, epochs: float, length: int, steps_per_epoch: float) -> int:
        """How long a stage is, of so many epochs, or `length` times the steps where these are given."""
        if self.steps is None:
            return max(1, round(epochs * steps_per_epoch))
        most = math.inf if self.most_epochs is None else math.ceil(self.most_epochs * steps_per_epoch)
        return int(min(self.steps, max(most, self.least_steps))) * length

    def micro_batch(self) -> int:
        return min(self.micro_batch_size or self.batch_size, self.batch_size)


def learning_share(step: int, steps: int, settings: TrainingSettings) -> float:
    """The share of the highest learning rate at a step, 0-based: a rise, then the schedule's fall towards 0."""
    rise = math.ceil(settings.warm_up * steps)
    if step < rise:
        return (step + 1) / rise
    if settings.schedule == "constant":
        return 1.0
    progress = (step - rise) / max(1, steps - rise)
    return 1 - progress if settings.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * progress))

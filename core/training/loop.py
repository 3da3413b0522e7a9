"""The one training loop: every stage of every method and TSM goes through it, on one process or several.

A step is made of micro-batches, spread over processes and then over time. Every loss is divided by how many numbers
it has in the whole step, and what is drawn for a step, as partners are, is drawn before it is cut: neither spreading
changes what a step computes, dropout apart. Where a loss holds all cases of a step against each other, every
micro-batch is looked at once before any of them is learned from.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from core.draw import generator
from core.errors import NumericError, StoppedError
from core.events import Evaluation, Report, StageDone, Step
from core.machine.footprint import give_back, held_gib, peak_gib
from core.machine.precision import precision_here
from core.training import checkpoints
from core.training.checkpoints import State
from core.training.contrastive import Beyond, Shown
from core.training.settings import TrainingSettings, learning_share

STEPS_BETWEEN_CLEARINGS = 5
"""Of memory: a hundredth of a step each, and what lies in pieces stays below a tenth."""

Figures = Mapping[str, float]


class Micro(Protocol):
    """Cases that go through the model at once: counted before the step begins, loaded when their turn comes."""

    def counts(self) -> Mapping[str, int]: ...

    def load(self) -> tuple[Any, ...]:
        """The arguments of the stage's module."""
        ...

    def names(self) -> list[str]: ...


@dataclass(frozen=True)
class Stage:
    """What the loop needs to know. `tensors` are what a checkpoint holds: all that changes, by name."""

    name: str
    module: nn.Module
    tensors: Mapping[str, Tensor]
    learning_rates: Mapping[str, float]
    weights: Mapping[str, float]
    steps: int
    micro_batches: Callable[[int], Sequence[Micro]]
    settings: TrainingSettings
    evaluate: Callable[[], Figures] | None = None
    is_chosen_by_figure: bool = True
    """Whether the weights with the best figure are kept; else the last."""
    facts: Mapping[str, float] = field(default_factory=dict)
    schedule: tuple[int, int] | None = None
    """Steps made before this stage, and in all, where several stages share one schedule."""
    steps_after: int | None = None
    """Of the stages that follow, where that is known: for the time left."""
    seed: int = 0
    """Of what is drawn while several processes train: each has dropout of its own."""
    paired_share: Callable[[int], float] | None = None
    """Of a step's cases, how many have a partner to be contrasted with; None where no loss contrasts."""
    show: Callable[..., Shown] | None = None
    """What a micro-batch shows to all others of its step, of the arguments of the module; None where they don't ask."""
    is_spread: bool = True
    """Where not, every process makes whole steps by itself: batch statistics are of the whole batch then."""

    @property
    def steps_between_evaluations(self) -> int:
        return self.settings.evaluate_every or max(1, math.ceil(self.steps / 4))

    @property
    def evaluations(self) -> int:
        """The last step's counts, whenever it comes."""
        return math.ceil(self.steps / self.steps_between_evaluations) if self.evaluate else 0

    def learning_share(self, step: int) -> float:
        """The share of the highest learning rate at a step of this stage."""
        before, whole = self.schedule or (0, self.steps)
        return learning_share(before + step, whole, self.settings)

    def trained(self) -> dict[str, nn.Parameter]:
        return {
            name: value
            for name, value in self.tensors.items()
            if isinstance(value, nn.Parameter) and value.requires_grad
        }

    def is_better(self, figures: Figures, state: State) -> bool:
        """Than the best so far: by the figure that is monitored, and where that is equal by the log loss."""
        value = figures[self.settings.monitor]
        if math.isnan(value):
            return False
        if state.best is None:
            return True
        if value == state.best:
            log_loss = figures.get("log_loss", math.nan)
            return state.best_log_loss is not None and log_loss < state.best_log_loss
        return value < state.best if self.settings.monitor == "log_loss" else value > state.best


def train(
    stage: Stage, folder: Path, accelerator: Any, report: Report, is_stopped: Callable[[], bool] = lambda: False
) -> None:
    """Trains a stage from its last checkpoint, or from the start, to its best weights in `folder/final`."""
    if checkpoints.is_finished(folder):
        checkpoints.load_weights(folder / "final", stage.tensors)
        stage.module.eval()
        return
    began = time.perf_counter()
    give_back()
    optimiser = new_optimiser(stage)
    state = _take_up(stage, folder, optimiser)
    module = accelerator.prepare(stage.module) if _spread_over(stage, accelerator) > 1 else stage.module
    module.train()
    pace = _Pace(state.step, stage.steps, stage.steps_after)
    while state.step < stage.steps and not _is_exhausted(stage, state):
        losses, cases = make_step(stage, state.step, module, optimiser, accelerator)
        state = replace(state, step=state.step + 1)
        report(pace.after(_step(stage, state, losses), cases))
        if state.step % STEPS_BETWEEN_CLEARINGS == 0:
            give_back()
        if stage.evaluate and (state.step % stage.steps_between_evaluations == 0 or state.step == stage.steps):
            state = _evaluate(stage, state, module, folder, accelerator, report)
        if _is_asked_anywhere(is_stopped(), accelerator):
            _save(stage, state, optimiser, folder, accelerator)
            raise StoppedError(
                f"The run was stopped in {stage.name} at step {state.step} and saved. Resume it any time."
            )
        if state.step % (stage.settings.checkpoint_every or stage.steps_between_evaluations) == 0:
            _save(stage, state, optimiser, folder, accelerator)
    _end(stage, state, folder, accelerator)
    report(
        StageDone(
            stage=stage.name,
            steps=state.step,
            best=state.best,
            best_step=state.best_step,
            seconds=time.perf_counter() - began,
            peak_memory_gib=peak_gib(),
        )
    )


def new_optimiser(stage: Stage) -> torch.optim.Optimizer:
    """AdamW, with a group for each learning rate; what has one axis only is not decayed."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in stage.trained().items():
        decay = stage.settings.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((stage.learning_rates[name], decay), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "lr": rate, "peak": rate, "weight_decay": decay}
            for (rate, decay), parameters in groups.items()
        ]
    )


def _take_up(stage: Stage, folder: Path, optimiser: torch.optim.Optimizer) -> State:
    whole = checkpoints.checkpoints(folder)
    return checkpoints.load(whole[-1], stage.tensors, optimiser) if whole else State()


def make_step(
    stage: Stage, step: int, module: nn.Module, optimiser: torch.optim.Optimizer, accelerator: Any
) -> tuple[dict[str, float], int]:
    """One optimiser step; the mean of every loss over the whole batch, and how many cases it had. Of a loss that has no
    number in it nothing is told: it is not 0."""
    share = stage.learning_share(step)
    for group in optimiser.param_groups:
        group["lr"] = group["peak"] * share
    micros, processes = stage.micro_batches(step), _spread_over(stage, accelerator)
    totals = _totals(micros)
    if processes > 1:  # drawn from the place in the run alone, so that no process has to remember what it drew
        torch.manual_seed(int(generator(stage.seed, stage.name, step, accelerator.process_index).integers(2**63)))
    mine = micros[accelerator.process_index :: processes] if processes > 1 else micros
    sums = dict.fromkeys(totals, torch.zeros((), device=accelerator.device))
    beyond = _look_beyond(stage, micros, mine, accelerator, processes)
    for place, micro in enumerate(mine):
        waits = place < len(mine) - 1 and processes > 1
        with accelerator.no_sync(module) if waits else nullcontext():
            with arithmetic(stage.settings.precision, accelerator.device):
                losses = module(*micro.load(), *beyond.before(place))
            means = {name: values.sum() / max(1, totals[name]) for name, values in losses.items()}
            whole = torch.stack([stage.weights[name] * mean for name, mean in means.items()]).sum()
            accelerator.backward(whole * processes)
        for name, mean in means.items():
            sums[name] = sums[name] + mean.detach()
    mean_losses = _gathered(sums, accelerator, processes)
    norm = nn.utils.clip_grad_norm_(stage.trained().values(), stage.settings.clip)
    _refuse_nonsense(stage, step, mean_losses | {"gradient": float(norm)}, micros)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    counted = {name: mean for name, mean in mean_losses.items() if totals[name]}
    return counted, sum(len(micro.names()) for micro in micros)


@dataclass(frozen=True)
class _Glance:
    """What the micro-batches of this process are told of all others, and the random state in which each was seen."""

    beyond: Sequence[Beyond] = ()
    random_states: Sequence[Mapping[str, Tensor]] = ()

    def before(self, place: int) -> tuple[Beyond, ...]:
        """The further argument of a micro-batch, which is run with the dropout with which it was seen."""
        if not self.beyond:
            return ()
        checkpoints.restore_random_states(self.random_states[place])
        return (self.beyond[place],)


def _look_beyond(
    stage: Stage, micros: Sequence[Micro], mine: Sequence[Micro], accelerator: Any, processes: int
) -> _Glance:
    """Runs every micro-batch of a step without gradients, where its losses need all of them: one alone needs none."""
    if stage.show is None or len(micros) == 1:
        return _Glance()
    shown, states = [], []
    for micro in mine:
        states.append(checkpoints.random_states())
        with torch.no_grad(), arithmetic(stage.settings.precision, accelerator.device):
            shown.append(stage.show(*micro.load()))
    places = range(accelerator.process_index, len(micros), processes) if processes > 1 else range(len(micros))
    every = _from_all(list(zip(places, shown, strict=True)), processes)
    return _Glance([Beyond(every, place) for place in places], states)


def _from_all(shown: list[tuple[int, Shown]], processes: int) -> list[Shown]:
    """What every process's micro-batches show, in the order of the step."""
    if processes > 1:
        from accelerate.utils import gather_object

        shown = gather_object([(place, {name: rows.cpu() for name, rows in part.items()}) for place, part in shown])
    return [part for _, part in sorted(shown, key=lambda placed: placed[0])]


def arithmetic(precision: str, device: torch.device) -> torch.autocast:
    """Not accelerate's own, which holds one precision for as long as a process lives."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision_here(precision) == "bf16")


def _spread_over(stage: Stage, accelerator: Any) -> int:
    return int(accelerator.num_processes) if stage.is_spread else 1


def _is_asked_anywhere(is_asked: bool, accelerator: Any) -> bool:
    """A signal may reach one process a step earlier than another: all of them leave together."""
    if accelerator.num_processes == 1:
        return is_asked
    processes_asked = torch.tensor(float(is_asked), device=accelerator.device)
    return bool(accelerator.reduce(processes_asked, "sum") > 0)


def _totals(micros: Sequence[Micro]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for micro in micros:
        for name, count in micro.counts().items():
            totals[name] = totals.get(name, 0) + count
    return totals


def _gathered(sums: dict[str, Tensor], accelerator: Any, processes: int) -> dict[str, float]:
    stacked = torch.stack(list(sums.values())).float()
    whole = accelerator.reduce(stacked, "sum") if processes > 1 else stacked
    return dict(zip(sums, whole.tolist(), strict=True))


def _refuse_nonsense(stage: Stage, step: int, values: Mapping[str, float], micros: Sequence[Micro]) -> None:
    wrong = [name for name, value in values.items() if not math.isfinite(value)]
    if wrong:
        names = [name for micro in micros for name in micro.names()]
        shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        what = "gradient" if wrong == ["gradient"] else f"loss {wrong[0]!r}"
        raise NumericError(
            f"The {what} is not a finite number in {stage.name} at step {step + 1}, on the cases {shown}. Begin a new "
            "run with a lower learning rate or training.precision fp32; look at these images if it stays."
        )


def _is_exhausted(stage: Stage, state: State) -> bool:
    patience = stage.settings.patience
    return patience is not None and state.evaluations_since_best >= patience


def _evaluate(stage: Stage, state: State, module: nn.Module, folder: Path, accelerator: Any, report: Report) -> State:
    assert stage.evaluate is not None
    module.eval()
    # Reading may draw random numbers or none: training must not notice.
    before = checkpoints.random_states()
    figures = dict(stage.evaluate())
    checkpoints.restore_random_states(before)
    module.train()
    figures = _from_first(figures, accelerator)
    defined = {name: value for name, value in figures.items() if not math.isnan(value)}
    report(Evaluation(stage=stage.name, step=state.step, figures=defined))
    if not stage.is_chosen_by_figure:
        return state
    if not stage.is_better(figures, state):
        return replace(state, evaluations_since_best=state.evaluations_since_best + 1)
    if accelerator.is_main_process:
        checkpoints.save_best(folder, state.step, stage.tensors)
    return replace(
        state,
        best=figures[stage.settings.monitor],
        best_step=state.step,
        evaluations_since_best=0,
        best_log_loss=defined.get("log_loss"),
    )


def _from_first(figures: dict[str, float], accelerator: Any) -> dict[str, float]:
    """The first process's figures, so that all decide alike."""
    if accelerator.num_processes == 1:
        return figures
    from accelerate.utils import broadcast_object_list

    held: list[Any] = [figures]
    broadcast_object_list(held)
    return dict(held[0])


def _save(stage: Stage, state: State, optimiser: torch.optim.Optimizer, folder: Path, accelerator: Any) -> None:
    if accelerator.is_main_process:
        checkpoints.save(folder, state, stage.tensors, optimiser, stage.settings.keep_checkpoints)
    accelerator.wait_for_everyone()


def _end(stage: Stage, state: State, folder: Path, accelerator: Any) -> None:
    accelerator.wait_for_everyone()
    if state.best_step is not None:
        checkpoints.load_weights(checkpoints.best_path(folder, state.best_step), stage.tensors)
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        checkpoints.finish(folder, stage.tensors, state)
    accelerator.wait_for_everyone()
    if not accelerator.is_main_process:
        checkpoints.load_weights(folder / "final", stage.tensors)
    stage.module.eval()


def _step(stage: Stage, state: State, losses: Mapping[str, float]) -> Step:
    return Step(
        stage=stage.name,
        step=state.step,
        steps=stage.steps,
        losses=dict(losses),
        learning_share=stage.learning_share(state.step - 1),
        paired_share=stage.paired_share(state.step - 1) if stage.paired_share else None,
        facts=dict(stage.facts),
    )


class _Pace:
    """Images per second over the last steps, time left, memory."""

    def __init__(self, done: int, steps: int, steps_after: int | None) -> None:
        self.steps = steps
        self.steps_after = steps_after
        self.marks: list[tuple[float, int, int]] = [(time.perf_counter(), done, 0)]

    def after(self, made: Step, cases: int) -> Step:
        """The step with what is known of its pace."""
        now, seen = time.perf_counter(), self.marks[-1][2] + cases
        self.marks = [*self.marks[-20:], (now, made.step, seen)]
        first, first_step, first_seen = self.marks[0]
        seconds = max(now - first, 1e-9)
        left = (self.steps - made.step) * (per_step := seconds / (made.step - first_step))
        pace = {
            "images_per_second": (seen - first_seen) / seconds,
            "seconds_left": left,
            "all_stages_seconds_left": None if self.steps_after is None else left + self.steps_after * per_step,
            "memory_gib": held_gib(),
        }
        return made.model_copy(update=pace)

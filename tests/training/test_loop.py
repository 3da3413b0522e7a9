"""The one training loop on a model of a few numbers: what a step computes, when a stage ends, what a resume repeats."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from math import nan
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import save_file
from torch import Tensor, nn

from core.errors import NumericError, RunError, StoppedError
from core.events import Evaluation, Event, StageDone, Step, plain
from core.training import checkpoints
from core.training import loop as training
from core.training.batches import Batches, in_parts
from core.training.loop import Stage, make_step, new_optimiser, train
from core.training.settings import TrainingSettings

INPUTS, WANTED = torch.randn(40, 3, generator=torch.Generator().manual_seed(1)), torch.linspace(-1, 1, 40)


class Toy(nn.Module):
    """A line with dropout. Every case has one number in `error`, those with a positive input one in `extra` too."""

    def __init__(self, dropout: float = 0.5) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.line, self.dropout = nn.Linear(3, 1), nn.Dropout(dropout)

    def forward(self, places: Tensor) -> dict[str, Tensor]:
        error = (self.line(self.dropout(INPUTS[places]))[:, 0] - WANTED[places]) ** 2
        return {"error": error, "extra": error[INPUTS[places, 0] > 0]}


@dataclass(frozen=True)
class Part:
    places: Sequence[int]

    def counts(self) -> Mapping[str, int]:
        return {"error": len(self.places), "extra": int((INPUTS[list(self.places), 0] > 0).sum())}

    def load(self) -> tuple[Any, ...]:
        return (torch.tensor(self.places),)

    def names(self) -> list[str]:
        return [f"case {place}" for place in self.places]


def stage(module: Toy, micro: int = 8, steps: int = 12, figures: Sequence[float] = (), **settings: object) -> Stage:
    """With figures, evaluations answer with these, one after the other."""
    order, chosen = Batches(40, 8, 0, "toy"), TrainingSettings.parse({"precision": "fp32"} | settings, "training")
    answers = iter(figures)
    return Stage(
        name="toy",
        module=module,
        tensors=dict(module.named_parameters()),
        learning_rates=dict.fromkeys(dict(module.named_parameters()), 0.05),
        weights={"error": 1.0, "extra": 0.5},
        steps=steps,
        micro_batches=lambda step: [Part(part) for part in in_parts(order.batch(step), micro)],
        settings=chosen,
        evaluate=(lambda: {chosen.monitor: next(answers)}) if figures else None,
    )


def accelerator() -> Any:
    return Accelerator(mixed_precision="no")


@dataclass
class OneOfTwo:
    """What a process of two is to the loop, without the other one."""

    process_index: int
    num_processes: int = 2
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def no_sync(self, module: nn.Module) -> nullcontext[None]:
        return nullcontext()

    def backward(self, loss: Tensor) -> None:
        loss.backward()

    def reduce(self, values: Tensor, how: str) -> Tensor:
        return values


def test_each_process_has_dropout_of_its_own_that_a_resume_repeats() -> None:
    told = []
    for process, drawn_before in ((0, 0), (0, 5), (1, 0)):
        module = Toy()
        made = replace(stage(module), micro_batches=lambda step: [Part(range(8)), Part(range(8))])
        torch.rand(drawn_before)
        told.append(make_step(made, 3, module, new_optimiser(made), OneOfTwo(process))[0]["error"])
    assert told[0] == told[1] != told[2]


def values(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in module.named_parameters()}


def run(made: Stage, folder: Path, is_stopped: Callable[[], bool] = lambda: False) -> list[Event]:
    events: list[Event] = []
    torch.manual_seed(0)
    train(made, folder, accelerator(), events.append, is_stopped)
    return events


def ended(events: Sequence[Event]) -> StageDone:
    last = events[-1]
    assert isinstance(last, StageDone)
    return last


def outcome(events: Sequence[Event]) -> StageDone:
    """How a stage ended, whatever it took."""
    return ended(events).model_copy(update={"seconds": None, "peak_memory_gib": None})


def steps_of(events: Sequence[Event]) -> list[Step]:
    return [event for event in events if isinstance(event, Step)]


def stopper(after: int) -> Callable[[], bool]:
    asked = iter(range(1, 10**6))
    return lambda: next(asked) >= after


@pytest.mark.parametrize("micro", [2, 3, 5])
def test_a_step_of_micro_batches_is_the_step_of_the_whole_batch(micro: int) -> None:
    """Though the parts have unequal shares of the numbers of each loss."""
    whole, parts = Toy(dropout=0.0), Toy(dropout=0.0)
    told = []
    for module, size in ((whole, 8), (parts, micro)):
        made = stage(module, size)
        told.append([make_step(made, step, module, new_optimiser(made), accelerator()) for step in range(3)])
    for (one, cases), (other, same) in zip(*told, strict=True):
        assert (cases, same) == (8, 8)
        assert other == pytest.approx(one, rel=1e-5)
    for name, value in values(whole).items():
        torch.testing.assert_close(values(parts)[name], value)


def test_a_step_tells_the_mean_of_each_loss_and_descends_their_weighted_sum() -> None:
    module = Toy(dropout=0.0)
    made, places = stage(module, warm_up=0.0, weight_decay=0.0), torch.tensor(Batches(40, 8, 0, "toy").batch(0))
    error, before = module(places)["error"], values(module)
    extra = error[INPUTS[places, 0] > 0]
    (error.mean() + 0.5 * extra.mean()).backward()
    downhill = {name: value.grad.sign() for name, value in module.named_parameters() if value.grad is not None}
    module.zero_grad()
    told, _ = make_step(made, 0, module, new_optimiser(made), accelerator())
    assert told == pytest.approx({"error": error.mean().item(), "extra": extra.mean().item()})
    for name, value in values(module).items():  # the first step of Adam is the learning rate, against the gradient
        torch.testing.assert_close(value, before[name] - 0.05 * downhill[name], atol=1e-5, rtol=0)


def test_matrices_decay_and_biases_do_not() -> None:
    groups = new_optimiser(stage(Toy(), weight_decay=0.3)).param_groups
    assert {group["params"][0].ndim: group["weight_decay"] for group in groups} == {2: 0.3, 1: 0.0}


def test_events_tell_every_step_with_its_losses_and_its_pace(tmp_path: Path) -> None:
    events = run(stage(Toy(), steps=4, schedule="linear", warm_up=0.25), tmp_path)
    steps = steps_of(events)
    assert [(event.step, event.steps) for event in steps] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [event.learning_share for event in steps] == pytest.approx([1.0, 1.0, 2 / 3, 1 / 3])
    names = {tuple(event.losses) for event in steps}
    assert names == {("error",), ("error", "extra")}, "of a step without a positive input nothing is told of `extra`"
    assert all((event.images_per_second or 0) > 0 and (event.memory_gib or 0) > 0 for event in steps)
    assert steps[-1].seconds_left == 0 and steps[-1].all_stages_seconds_left is None
    json.dumps([plain(event) for event in events], allow_nan=False)


def test_a_stage_tells_at_its_end_how_long_it_took_and_the_most_that_was_held(tmp_path: Path) -> None:
    events = run(stage(Toy(), steps=4), tmp_path)
    seconds, most = ended(events).seconds, ended(events).peak_memory_gib
    assert seconds and most and seconds > 0
    assert most >= max(event.memory_gib or 0 for event in steps_of(events)) > 0


def test_memory_that_lies_in_pieces_is_given_back_from_time_to_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr(training, "give_back", lambda: done.append("given back"))
    training.train(stage(Toy(), steps=12), tmp_path, accelerator(), lambda event: done.append(event.kind))
    before_steps = [done[:place].count("step") for place, what in enumerate(done) if what == "given back"]
    assert before_steps == [0, 5, 10]


def test_the_time_left_counts_the_stages_that_follow(tmp_path: Path) -> None:
    events = run(replace(stage(Toy(), steps=3), steps_after=6), tmp_path)
    first, *_, last = steps_of(events)
    assert first.all_stages_seconds_left == pytest.approx((first.seconds_left or 0) * (2 + 6) / 2)
    assert last.seconds_left == 0 < (last.all_stages_seconds_left or 0)


def test_a_stage_ends_early_when_patience_runs_out_and_keeps_its_best_weights(tmp_path: Path) -> None:
    module, seen, figures = Toy(), [], iter([0.1, 0.5, 0.4, 0.5, 0.9])

    def evaluate() -> dict[str, float]:
        seen.append(values(module))
        return {"macro_f1": next(figures)}

    events = run(replace(stage(module, evaluate_every=2, patience=2), evaluate=evaluate), tmp_path)
    assert [event.step for event in events if isinstance(event, Evaluation)] == [2, 4, 6, 8]
    assert outcome(events) == StageDone(stage="toy", steps=8, best=0.5, best_step=4)
    for name, value in values(module).items():
        assert torch.equal(value, seen[1][name])
        assert not torch.equal(value, seen[3][name])


def test_the_least_log_loss_is_the_best(tmp_path: Path) -> None:
    events = run(stage(Toy(), figures=[0.9, 0.4, nan, 0.5], evaluate_every=3, monitor="log_loss"), tmp_path)
    assert (ended(events).best, ended(events).best_step) == (0.4, 6)
    json.dumps([plain(event) for event in events], allow_nan=False)  # the undefined figure is left out


def tied(module: Toy, log_losses: Sequence[float], seen: list[dict[str, Tensor]]) -> Stage:
    """Every evaluation has the same macro F1; the log loss is these, one after the other."""
    answers = iter(log_losses)

    def evaluate() -> dict[str, float]:
        seen.append(values(module))
        return {"macro_f1": 0.8, "log_loss": next(answers)}

    return replace(stage(module, evaluate_every=3), evaluate=evaluate)


def test_of_equal_figures_the_one_of_the_least_log_loss_is_the_best(tmp_path: Path) -> None:
    module, seen = Toy(), list[dict[str, Tensor]]()
    events = run(tied(module, [1.2, 0.5, nan, 0.7], seen), tmp_path)
    assert (ended(events).best, ended(events).best_step) == (0.8, 6)
    assert all(torch.equal(value, seen[1][name]) for name, value in values(module).items())


def test_a_resumed_stage_decides_between_equal_figures_as_if_it_had_not_been_stopped(tmp_path: Path) -> None:
    log_losses = [0.9, 0.5, 0.7, 0.6]
    whole = run(tied(Toy(), log_losses, []), tmp_path / "whole")
    with pytest.raises(StoppedError):
        run(tied(Toy(), log_losses, []), tmp_path / "parts", stopper(after=7))
    resumed = run(tied(Toy(), log_losses[2:], []), tmp_path / "parts")
    assert outcome(resumed) == outcome(whole) and outcome(whole).best_step == 6


def test_the_newest_checkpoints_are_kept_with_the_best(tmp_path: Path) -> None:
    made = stage(Toy(), figures=[0.5, 0.9, 0.3, 0.2, 0.1, 0.1], evaluate_every=2, keep_checkpoints=2)
    with pytest.raises(StoppedError):
        run(made, tmp_path, stopper(after=9))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best-00000004", "step-00000008", "step-00000009"]


def test_a_finished_stage_keeps_its_final_weights_only_and_is_not_trained_again(tmp_path: Path) -> None:
    first = Toy()
    run(stage(first, figures=[0.5, 0.9, 0.3, 0.2], evaluate_every=3), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["final"]
    again = Toy()
    assert run(stage(again), tmp_path) == []
    assert all(torch.equal(value, values(first)[name]) for name, value in values(again).items())
    assert not again.training


@pytest.mark.parametrize("after", [1, 3, 4, 7, 11])
def test_a_stopped_stage_goes_on_as_if_it_had_not_been_stopped(after: int, tmp_path: Path) -> None:
    figures = [0.1, 0.3, 0.2, 0.4, 0.1, 0.1]
    whole, stopped, resumed = Toy(), Toy(), Toy()
    expected = run(stage(whole, figures=figures, evaluate_every=2), tmp_path / "whole")
    with pytest.raises(StoppedError, match=f"stopped in toy at step {after} and saved"):
        run(stage(stopped, figures=figures, evaluate_every=2), tmp_path / "parts", stopper(after))
    torch.rand(after)  # what a new process has drawn by then must not matter
    found = run(stage(resumed, figures=figures[after // 2 :], evaluate_every=2), tmp_path / "parts")
    assert losses(found) == losses(expected)[after:]
    assert outcome(found) == outcome(expected)
    assert all(torch.equal(value, values(whole)[name]) for name, value in values(resumed).items())


def losses(events: Sequence[Event]) -> list[Any]:
    return [step.losses for step in steps_of(events)]


def test_evaluating_changes_nothing_of_what_training_draws(tmp_path: Path) -> None:
    quiet, noisy = stage(Toy()), stage(Toy(), evaluate_every=2)
    noisy = replace(noisy, evaluate=lambda: {"macro_f1": float(torch.rand(())) * 0})
    assert losses(run(quiet, tmp_path / "quiet")) == losses(run(noisy, tmp_path / "noisy"))


def test_a_loss_that_is_no_number_names_the_cases_and_leaves_the_weights(tmp_path: Path) -> None:
    module = Toy(dropout=0.0)
    made = stage(module, micro=4)

    def poisoned(step: int) -> list[Part]:
        with torch.no_grad():
            if step == 2:
                module.line.bias.fill_(torch.inf)
        return [Part([0, 1, 2, 3]), Part([4, 5, 6, 7]), Part([8, 9])] if step == 2 else [Part([0, 1])]

    with pytest.raises(NumericError) as caught:
        run(replace(made, micro_batches=poisoned), tmp_path)
    message = str(caught.value)
    assert "loss 'error' is not a finite number in toy at step 3" in message
    assert "case 0, case 1" in message and "case 7 and 2 more" in message
    assert not (tmp_path / "final").exists()


def test_a_gradient_that_is_no_number_never_reaches_the_weights() -> None:
    class Steep(Toy):
        def forward(self, places: Tensor) -> dict[str, Tensor]:
            flat = (self.line(INPUTS[places])[:, 0] * 0).abs().sqrt()  # 0, and its slope is 0 * infinity
            return {"error": flat, "extra": flat[:0]}

    module = Steep()
    made, before = stage(module), values(module)
    with pytest.raises(NumericError, match="The gradient is not a finite number"):
        make_step(made, 0, module, new_optimiser(made), accelerator())
    assert all(torch.equal(value, before[name]) for name, value in values(module).items())


def test_a_full_disk_leaves_the_checkpoint_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = iter(range(100))

    def filling_up(tensors: dict[str, Tensor], path: Path, **more: Any) -> None:
        if next(room) >= 4:  # three files make a checkpoint
            path.write_bytes(b"half of it")
            raise OSError(28, "No space left on device")
        save_file(tensors, path, **more)

    whole, module = Toy(), Toy()
    run(stage(whole), tmp_path / "whole")
    monkeypatch.setattr("core.training.checkpoints.save_file", filling_up)
    with pytest.raises(RunError, match=r"No space left on device.*Free some space and resume"):
        run(stage(module, checkpoint_every=4), tmp_path / "parts")
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["step-00000004"]
    monkeypatch.undo()
    resumed = Toy()
    run(stage(resumed, checkpoint_every=4), tmp_path / "parts")
    assert all(torch.equal(value, values(whole)[name]) for name, value in values(resumed).items())


def test_a_process_that_is_killed_while_it_writes_leaves_the_checkpoint_before_it(tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        run(stage(Toy()), tmp_path, stopper(after=5))
    (tmp_path / "step-00000006.part").mkdir()
    (tmp_path / "step-00000006.part" / "weights.safetensors").write_bytes(b"half")
    assert [path.name for path in checkpoints.checkpoints(tmp_path)] == ["step-00000005"]
    module, whole = Toy(), Toy()
    run(stage(module), tmp_path)
    run(stage(whole), tmp_path / "whole")
    assert all(torch.equal(value, values(whole)[name]) for name, value in values(module).items())

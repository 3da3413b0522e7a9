"""Checkpoints of a running stage: weights, optimiser, random states, place in the data. Safetensors and JSON only.

A checkpoint is written beside its final name and renamed when it is whole, so that a run killed at any moment finds
the one before. Nothing here is ever unpickled.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.errors import RunError
from core.machine import hold

WEIGHTS = "weights.safetensors"
OPTIMISER = "optimiser.safetensors"
RANDOM = "random.safetensors"
STATE = "state.json"
DONE = "done.json"


@dataclass(frozen=True)
class State:
    """Where a stage stands: steps made, and the best validation figure so far."""

    step: int = 0
    best: float | None = None
    best_step: int | None = None
    evaluations_since_best: int = 0
    best_log_loss: float | None = None
    """Of the best so far, which decides between equal figures; None in checkpoints of before."""


def save(
    folder: Path, state: State, tensors: Mapping[str, Tensor], optimiser: torch.optim.Optimizer, keep: int
) -> None:
    """A checkpoint named after its step; older ones beyond `keep` go."""
    target = folder / f"step-{state.step:08d}"
    with _Draft(target) as draft:
        save_file(_plain(tensors), draft / WEIGHTS)
        save_file(_optimiser_tensors(tensors, optimiser), draft / OPTIMISER)
        save_file(random_states(), draft / RANDOM)
        (draft / STATE).write_text(json.dumps(asdict(state)))
    hold.check(folder)
    # A best one that no checkpoint speaks of any more goes after the checkpoint that replaced it is whole.
    outdated = [path for path in folder.glob("best-*") if path != best_path(folder, state.best_step)]
    for old in [*checkpoints(folder)[:-keep], *outdated]:
        shutil.rmtree(old)


def best_path(folder: Path, step: int | None) -> Path:
    return folder / f"best-{step or 0:08d}"


def save_best(folder: Path, step: int, tensors: Mapping[str, Tensor]) -> None:
    with _Draft(best_path(folder, step)) as draft:
        save_file(_plain(tensors), draft / WEIGHTS)


def finish(folder: Path, tensors: Mapping[str, Tensor], state: State) -> None:
    """The stage's final weights; the checkpoints on the way to them go."""
    with _Draft(folder / "final") as draft:
        save_file(_plain(tensors), draft / WEIGHTS)
        (draft / DONE).write_text(json.dumps(asdict(state)))
    for old in [*folder.glob("step-*"), *folder.glob("best-*")]:
        shutil.rmtree(old, ignore_errors=True)


def is_finished(folder: Path) -> bool:
    return (folder / "final" / DONE).is_file()


def checkpoints(folder: Path) -> list[Path]:
    """Whole checkpoints, the oldest first."""
    return sorted(path for path in folder.glob("step-*") if path.suffix != ".part" and path.is_dir())


def load_weights(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Fills live tensors with stored ones."""
    stored = _read(path / WEIGHTS)
    if stored.keys() != tensors.keys():
        raise RunError(f"{path} was written by other settings: its tensors differ. Start the run in an empty folder.")
    with torch.no_grad():
        for name, tensor in tensors.items():
            tensor.copy_(stored[name])


def load(path: Path, tensors: Mapping[str, Tensor], optimiser: torch.optim.Optimizer) -> State:
    """Takes up a checkpoint: weights, optimiser and random states, and where the stage stood."""
    load_weights(path, tensors)
    stored = _read(path / OPTIMISER)
    names = {id(tensor): name for name, tensor in tensors.items()}
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            name = names[id(parameter)]
            parts = {key.rpartition("/")[2]: value for key, value in stored.items() if key.rpartition("/")[0] == name}
            optimiser.state[parameter] = {
                key: value if key == "step" else value.to(parameter.device) for key, value in parts.items()
            }
    restore_random_states(_read(path / RANDOM))
    return _state(path / STATE)


def _state(path: Path) -> State:
    try:
        return State(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise _unreadable(path, error) from None


def random_states() -> dict[str, Tensor]:
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states |= {f"cuda.{number}": state for number, state in enumerate(torch.cuda.get_rng_state_all())}
    return states


def restore_random_states(states: Mapping[str, Tensor]) -> None:
    torch.set_rng_state(states["cpu"])
    for name, state in states.items():
        if name.startswith("cuda.") and int(name[5:]) < torch.cuda.device_count():
            torch.cuda.set_rng_state(state, int(name[5:]))


def _optimiser_tensors(tensors: Mapping[str, Tensor], optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    return {
        f"{name}/{key}": torch.as_tensor(value).detach().cpu().contiguous()
        for name, parameter in tensors.items()
        if isinstance(parameter, nn.Parameter)
        for key, value in optimiser.state.get(parameter, {}).items()
    }


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> RunError:
    return RunError(
        f"The checkpoint {path} can't be read ({error}). Remove the folder {path.parent.name}; "
        "the run goes on from what is before it."
    )


class _Draft:
    """A folder that gets its name only when everything in it is written to the disk."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.part = target.with_name(target.name + ".part")

    def __enter__(self) -> Path:
        hold.check(self.target)
        shutil.rmtree(self.part, ignore_errors=True)
        try:
            self.part.mkdir(parents=True)
        except OSError as error:
            raise self._unwritten(error) from error
        return self.part

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            try:
                self._name()
            except OSError as full:  # some disks tell only now that they are
                error = full
        if error is not None:
            shutil.rmtree(self.part, ignore_errors=True)
        if isinstance(error, (OSError, SafetensorError)):
            raise self._unwritten(error) from error

    def _name(self) -> None:
        for path in self.part.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        hold.check(self.target)
        shutil.rmtree(self.target, ignore_errors=True)
        self.part.rename(self.target)

    def _unwritten(self, error: Exception) -> RunError:
        return RunError(
            f"A checkpoint could not be written to {self.target.parent} ({error}). Free some space and resume: "
            "the checkpoint before it is untouched."
        )

"""What a checkpoint holds comes back exactly, and whatever can't be read is said in words that help."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from core.errors import RunError
from core.training import checkpoints
from core.training.checkpoints import State


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def tensors(module: nn.Module) -> dict[str, torch.Tensor]:
    return dict(module.named_parameters()) | dict(module.named_buffers())


def adamw(module: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(list(module.parameters()), lr=0.1)


def step(module: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    module(torch.randn(5, 3)).square().sum().backward()
    optimiser.step()
    optimiser.zero_grad()


def test_weights_optimiser_and_random_numbers_go_on_where_they_were(tmp_path: Path) -> None:
    one, other = model(), model()
    ours, theirs = adamw(one), adamw(other)
    step(one, ours)
    checkpoints.save(tmp_path, State(1, 0.5, 1, 0), tensors(one), ours, keep=1)
    step(one, ours)
    expected = torch.rand(3)
    torch.manual_seed(99)
    assert checkpoints.load(tmp_path / "step-00000001", tensors(other), theirs) == State(1, 0.5, 1, 0)
    step(other, theirs)
    assert torch.equal(torch.rand(3), expected)
    for name, value in tensors(one).items():
        assert torch.equal(tensors(other)[name], value), name


def test_a_checkpoint_is_safetensors_and_json_only(tmp_path: Path) -> None:
    module = model()
    checkpoints.save(tmp_path, State(1), tensors(module), adamw(module), keep=1)
    assert {path.suffix for path in (tmp_path / "step-00000001").iterdir()} == {".safetensors", ".json"}


@pytest.mark.parametrize("name", ["weights.safetensors", "optimiser.safetensors", "random.safetensors", "state.json"])
@pytest.mark.parametrize("content", [b"", b"{broken", None])
def test_a_broken_checkpoint_names_the_folder_to_remove(name: str, content: bytes | None, tmp_path: Path) -> None:
    module = model()
    checkpoints.save(tmp_path, State(7), tensors(module), adamw(module), keep=1)
    file = tmp_path / "step-00000007" / name
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    with pytest.raises(RunError, match=r"can't be read .*Remove the folder step-00000007; the run goes on"):
        checkpoints.load(tmp_path / "step-00000007", tensors(module), adamw(module))


def test_a_checkpoint_of_before_is_read_though_it_knows_no_log_loss(tmp_path: Path) -> None:
    module = model()
    checkpoints.save(tmp_path, State(9, 0.8, 6, 1, 0.4), tensors(module), adamw(module), keep=1)
    file = tmp_path / "step-00000009" / "state.json"
    assert checkpoints.load(file.parent, tensors(module), adamw(module)) == State(9, 0.8, 6, 1, 0.4)
    file.write_text('{"step": 9, "best": 0.8, "best_step": 6, "evaluations_since_best": 1}')
    assert checkpoints.load(file.parent, tensors(module), adamw(module)) == State(9, 0.8, 6, 1, None)


def test_weights_of_other_settings_are_refused(tmp_path: Path) -> None:
    module = model()
    checkpoints.save_best(tmp_path, 3, tensors(module))
    with pytest.raises(RunError, match="written by other settings"):
        checkpoints.load_weights(checkpoints.best_path(tmp_path, 3), dict(module.named_parameters()))


def test_a_place_where_nothing_can_be_written_is_said_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "stage-1").write_text("a file where the folder should be")
    module = model()
    with pytest.raises(RunError, match="A checkpoint could not be written"):
        checkpoints.save(tmp_path / "stage-1", State(1), tensors(module), adamw(module), keep=1)


def test_the_best_weights_that_no_checkpoint_speaks_of_any_more_go(tmp_path: Path) -> None:
    module = model()
    optimiser = adamw(module)
    for number in (1, 2):
        checkpoints.save_best(tmp_path, number, tensors(module))
        checkpoints.save(tmp_path, State(number, 0.1 * number, number), tensors(module), optimiser, keep=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best-00000002", "step-00000002"]

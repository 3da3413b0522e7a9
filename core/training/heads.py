"""The heads of a method: made when a run begins, kept in its folder, restored when it is opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import nn

from core.case import Task
from core.errors import ModelError
from core.models.own_weights import reading_weights
from core.models.vlm import Vlm
from core.readings.head import Head
from core.training.method import HeadPlan


def new_heads(plans: Sequence[HeadPlan], vlm: Vlm, tasks: Sequence[Task]) -> nn.ModuleDict:
    """Each of them, untrained, under its name."""
    heads = _built(plans, vlm.hidden_size, tasks)
    for head in heads.values():
        head.begin(vlm)
    return nn.ModuleDict(heads)


def _built(plans: Sequence[HeadPlan], hidden_size: int, tasks: Sequence[Task]) -> dict[str, Head]:
    heads = {plan.name: plan.build(hidden_size) for plan in plans}
    for head in heads.values():
        head.prepare_for(tasks)
    return heads


def save_heads(heads: nn.ModuleDict, path: Path) -> None:
    save_file({name: value.detach().cpu().contiguous() for name, value in heads.state_dict().items()}, path)


def load_heads(plans: Sequence[HeadPlan], hidden_size: int, tasks: Sequence[Task], path: Path) -> nn.ModuleDict:
    """As they were saved."""
    heads = nn.ModuleDict(_built(plans, hidden_size, tasks))
    if not plans:
        return heads
    if not path.is_file():
        raise ModelError(
            f"{path} is missing, and with it what the run learned to say. Copy the whole folder of the run."
        )
    with reading_weights(path):
        heads.load_state_dict(load_file(path))
    return heads

"""The exemplar: a TSM's feature, carried by a small connector into the language model as one extra token.

Axes: B cases, D feature width of a TSM, E exemplar tokens (one a TSM), H hidden size of the language model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.errors import ModelError
from core.models.own_weights import reading_weights

CONSTANT = "constant"


class Connector(nn.Module):
    """LayerNorm, Linear(D, H), GELU, Linear(H, H): ours, the paper does not say."""

    def __init__(self, width: int, hidden_size: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.rise = nn.Linear(width, hidden_size)
        self.settle = nn.Linear(hidden_size, hidden_size)

    def forward(self, feature: Tensor) -> Tensor:
        embedded: Tensor = self.settle(nn.functional.gelu(self.rise(self.norm(feature))))
        return embedded


class Exemplars(nn.Module):
    """One connector for each TSM, or, as a control, one learned token that is the same for every case."""

    def __init__(self, widths: Sequence[int], hidden_size: int, is_constant: bool = False) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.is_constant = is_constant
        self.connectors = nn.ModuleList([] if is_constant else [Connector(width, hidden_size) for width in widths])
        self.constant = nn.Parameter(torch.randn(1, hidden_size) * 0.02) if is_constant else None

    def forward(self, features: Sequence[Tensor], cases: int) -> Tensor:
        """[B, E, H] from each TSM's features [B, D], wherever these lie."""
        if self.constant is not None:
            return self.constant.expand(cases, 1, -1)
        device = next(self.parameters()).device
        pairs = zip(self.connectors, features, strict=True)
        return torch.stack([connect(of_tsm.to(device)) for connect, of_tsm in pairs], dim=1)

    def save(self, path: Path) -> None:
        tensors = {name: value.detach().cpu().contiguous() for name, value in self.state_dict().items()}
        widths = CONSTANT if self.is_constant else ",".join(str(width) for width in self.widths)
        # One entry only: safetensors writes several in an order of its own, and equal runs shall give equal bytes.
        save_file(tensors, path, metadata={"widths": widths})


def load_exemplars(path: Path, hidden_size: int) -> Exemplars:
    """Connectors as they were saved."""
    if not path.is_file():
        raise ModelError(f"{path} is missing, so the exemplar can't be carried in. Copy the whole folder of the run.")
    with reading_weights(path):
        with safe_open(path, framework="pt") as stored:
            saved_widths = (stored.metadata() or {}).get("widths", "")
        widths = [int(width) for width in saved_widths.split(",") if width.isdecimal()]
        exemplars = Exemplars(widths, hidden_size, saved_widths == CONSTANT)
        exemplars.load_state_dict(load_file(path))
    return exemplars

"""Features of a frozen image encoder, computed once an image and kept in a memory-mapped file.

A file is keyed by the images' hashes, the encoder's weights and the preprocessing, so a stale one is never used. It is
written in one go and renamed, and every chunk is encoded with the same neighbours, so what is read back is the same
bit for bit. Axes: N image tokens, H hidden, K deeper layers (Qwen3-VL).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from core.errors import RunError
from core.material import Item, pictures
from core.vlm import ImageFeatures, Vlm

CHUNK = 64
Progress = Callable[[int, int], None]


class FeatureStore:
    """Features of some cases by their place in the list: from the file where it fits the budget, else computed anew."""

    def __init__(self, vlm: Vlm, items: Sequence[Item], is_frozen: bool, opened: _File | None) -> None:
        self.vlm = vlm
        self.items = items
        self.is_frozen = is_frozen
        self._file = opened
        self._row: dict[str, int] = opened.rows if opened else {}

    @property
    def is_cached(self) -> bool:
        return self._file is not None

    def of(self, places: Sequence[int]) -> list[ImageFeatures]:
        items = [self.items[place] for place in places]
        if self._file is None:
            return _encoded(self.vlm, pictures(items), self.is_frozen)
        return [self._file.read(self._row[item.case.pixels.digest()]).to(self.vlm.device) for item in items]


def open_features(
    vlm: Vlm, items: Sequence[Item], folder: Path, budget_bytes: int, is_frozen: bool, progress: Progress
) -> FeatureStore:
    """A store for these cases, filled if it has to be."""
    unique = {item.case.pixels.digest(): item for item in items}
    if not is_frozen or not unique or not _fits(vlm, list(unique.values()), budget_bytes):
        return FeatureStore(vlm, items, is_frozen, None)
    key = hashlib.sha256("\n".join([encoder_key(vlm), *unique]).encode()).hexdigest()[:32]
    path = folder / f"{key}.features"
    kept = _open(path)
    if kept is None:
        _write(vlm, unique, path, progress)
        kept = _File(path)
    return FeatureStore(vlm, items, is_frozen, kept)


def _open(path: Path) -> _File | None:
    """What was kept, where it is whole."""
    try:
        return _File(path)
    except (OSError, ValueError, KeyError):
        return None


def _encoded(vlm: Vlm, images: Sequence[Image.Image], is_frozen: bool) -> list[ImageFeatures]:
    """As what is kept was encoded: without dropout, and a frozen encoder in the arithmetic of its weights."""
    was_training = vlm.base.training
    vlm.base.eval()
    try:
        # A tuned connector is held in float32 behind an encoder that may not be.
        mixes = not is_frozen and vlm.base.dtype == torch.bfloat16
        with torch.autocast(vlm.device.type, torch.bfloat16, enabled=mixes):
            return vlm.encode(images, with_gradients=not is_frozen and torch.is_grad_enabled())
    finally:
        vlm.base.train(was_training)


def encoder_key(vlm: Vlm) -> str:
    """Names the encoder's weights and the preprocessing."""
    decoder = {id(value) for value in vlm.base.get_decoder().parameters()}
    whole = hashlib.blake2b(json.dumps(vlm.image_processor.to_dict(), sort_keys=True, default=str).encode())
    for name, value in vlm.base.named_parameters():
        if id(value) not in decoder and "lora_" not in name:
            whole.update(name.encode())
            whole.update(value.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return whole.hexdigest()


class _File:
    def __init__(self, path: Path) -> None:
        about = json.loads(path.with_suffix(".json").read_text())
        self.rows: dict[str, int] = {digest: row for row, digest in enumerate(about["digests"])}
        self.starts: list[int] = about["starts"]
        self.grids: list[Any] = about["grids"]
        self.layers, self.hidden = about["layers"], about["hidden"]
        self.dtype = getattr(torch, about["dtype"])
        stored = np.int16 if self.dtype == torch.bfloat16 else np.float32
        self.data = np.memmap(path, dtype=stored, mode="r").reshape(self.starts[-1], self.layers, self.hidden)

    def read(self, row: int) -> ImageFeatures:
        raw = torch.from_numpy(np.array(self.data[self.starts[row] : self.starts[row + 1]]))
        values = raw.view(torch.bfloat16) if self.dtype == torch.bfloat16 else raw
        grid = None if self.grids[row] is None else tuple(self.grids[row])
        deeper = values[:, 1:].transpose(0, 1).contiguous() if self.layers > 1 else None
        return ImageFeatures(values[:, 0].contiguous(), grid, deeper)


def _write(vlm: Vlm, unique: dict[str, Item], path: Path, progress: Progress) -> None:
    items = list(unique.values())
    starts, grids, layers = [0], [], 1
    draft = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".json").unlink(missing_ok=True)
        with draft.open("wb") as file:
            for begin in range(0, len(items), CHUNK):
                for one in vlm.encode(pictures(items[begin : begin + CHUNK])):
                    stacked = _stacked(one)
                    layers = stacked.shape[1]
                    file.write(_bytes(stacked))
                    starts.append(starts[-1] + stacked.shape[0])
                    grids.append(one.grid)
                progress(min(begin + CHUNK, len(items)), len(items))
        about = {
            "digests": list(unique),
            "starts": starts,
            "grids": grids,
            "layers": layers,
            "hidden": vlm.hidden_size,
            "dtype": str(_kept(vlm.base.dtype)).removeprefix("torch."),
        }
        draft.replace(path)
        listing = path.with_suffix(f".{os.getpid()}.list")
        listing.write_text(json.dumps(about))
        listing.replace(path.with_suffix(".json"))
    except OSError as error:
        if draft.is_file():
            draft.unlink()
        raise RunError(
            f"Image features could not be kept in {path.parent} ({error}). Free space, or lower features.budget_gib."
        ) from error


def _kept(dtype: torch.dtype) -> torch.dtype:
    return torch.bfloat16 if dtype == torch.bfloat16 else torch.float32


def _stacked(one: ImageFeatures) -> Tensor:
    deeper = [] if one.deeper is None else list(one.deeper)
    return torch.stack([one.tokens, *deeper], dim=1)


def _bytes(values: Tensor) -> bytes:
    kept = values.detach().to("cpu", _kept(values.dtype)).contiguous()
    return kept.view(torch.int16 if kept.dtype == torch.bfloat16 else torch.int32).numpy().tobytes()


def _fits(vlm: Vlm, items: list[Item], budget_bytes: int) -> bool:
    """Judged by the first picture: pictures of one set are of a size."""
    first = _stacked(vlm.encode(pictures(items[:1]))[0])
    return len(items) * len(_bytes(first)) <= budget_bytes

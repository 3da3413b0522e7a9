"""Features of a frozen image encoder, computed once an image and kept in a file, read only as far as is asked for. The
VLM's is one; a method's head may bring another.

A file is keyed by the images' hashes, the encoder's weights and the preprocessing, so a stale one is never used. It is
written in one go and renamed, and every chunk is encoded with the same neighbours, so what is read back is the same
bit for bit. The budget is for the whole folder: what was not used for longest makes room for a new file. Whoever has
that open still reads it, as POSIX keeps an unlinked file for as long. Axes: N image tokens, H hidden, K deeper layers
(Qwen3-VL).
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import copy
from pathlib import Path
from typing import Any, Protocol, Self

import torch
from PIL import Image
from torch import Tensor

from core.errors import RunError
from core.models.kept_features import KEPT
from core.models.vlm import ImageFeatures, Vlm
from core.sets.joint import Item, pictures

CHUNK = 64
OWN_CHUNK, OWN_FILE = 4, 64
"""Encoders of heads may take half a minute for a picture: after so many it is told how far they are, and a file of so
many is kept."""
DAY_SECONDS = 24 * 60 * 60
"""A draft that was not written to for so long was left by a process that was killed."""
Progress = Callable[[int, int], None]


class Encoder(Protocol):
    """What a frozen encoder has to say of itself for its features to be kept."""

    @property
    def device(self) -> torch.device: ...

    @property
    def dtype(self) -> torch.dtype: ...

    @property
    def hidden_size(self) -> int: ...

    def encode(self, images: Sequence[Image.Image]) -> list[ImageFeatures]: ...


class OwnEncoder(Encoder, Protocol):
    """One that a head has beside the VLM's."""

    @property
    def name(self) -> str:
        """Of its checkpoint: heads that name the same one share it."""
        ...

    def key(self) -> str:
        """Names its weights and how it lays out pictures."""
        ...


class EncodedPictures:
    """What an encoder sees in some cases, by their place in the list: from files where it fits the budget, else
    computed anew."""

    def __init__(self, encoder: Encoder, items: Sequence[Item], files: Sequence[_File]) -> None:
        self.encoder = encoder
        self.items = items
        self._row = {digest: (file, row) for file in files for digest, row in file.rows.items()}
        self.kept_bytes = sum(file.bytes for file in files)

    @property
    def is_cached(self) -> bool:
        """Whether nothing has to be computed anew."""
        return bool(self._row) and all(item.case.pixels.digest() in self._row for item in self.items)

    def of(self, places: Sequence[int]) -> list[ImageFeatures]:
        items = [self.items[place] for place in places]
        return [self._of_item(item) for item in items] if self._row else self._anew(pictures(items))

    def dealt(self, items: Sequence[Item]) -> Self:
        """What is kept, for these cases: others, or in another order."""
        other = copy(self)
        other.items = items
        return other

    def _of_item(self, item: Item) -> ImageFeatures:
        digest = item.case.pixels.digest()
        if digest not in self._row:
            (features,) = self._anew(pictures([item]))
            return features
        file, row = self._row[digest]
        return file.read(row).to(self.encoder.device)

    def _anew(self, images: Sequence[Image.Image]) -> list[ImageFeatures]:
        return self.encoder.encode(images)


class FeatureStore(EncodedPictures):
    """What the VLM's encoder and connector see."""

    def __init__(self, vlm: Vlm, items: Sequence[Item], is_frozen: bool, opened: _File | None) -> None:
        super().__init__(vlm, items, [opened] if opened else [])
        self.vlm = vlm
        self.is_frozen = is_frozen

    def _anew(self, images: Sequence[Image.Image]) -> list[ImageFeatures]:
        return _encoded(self.vlm, images, self.is_frozen)


def open_features(
    vlm: Vlm, items: Sequence[Item], folder: Path, budget_bytes: int, is_frozen: bool, progress: Progress
) -> FeatureStore:
    """A store for these cases, filled if it has to be."""
    unique = _unique(items)
    if not (is_frozen and unique):
        return FeatureStore(vlm, items, is_frozen, None)
    room = budget_bytes - len(unique) * _bytes_each(vlm, unique)
    kept = _kept(vlm, encoder_key(vlm), unique, folder, room, progress, CHUNK) if room >= 0 else None
    return FeatureStore(vlm, items, is_frozen, kept)


def open_own_features(
    encoder: OwnEncoder,
    items: Sequence[Item],
    folder: Path,
    budget_bytes: int,
    progress: Progress,
    beside_bytes: int,
) -> EncodedPictures:
    """The same for the encoder of a head. `beside_bytes` of the budget hold what the same run needs too.

    In several files: what was computed before a run was killed is there when it goes on, and of what does not fit as
    much is kept as does.
    """
    unique, files = _unique(items), list[_File]()
    key, each = encoder.key(), _bytes_each(encoder, unique) if unique else 0
    for begin in range(0, len(unique), OWN_FILE):
        part = dict(list(unique.items())[begin : begin + OWN_FILE])
        room = budget_bytes - len(part) * each

        def tell(done: int, whole: int, begin: int = begin) -> None:
            progress(begin + done, len(unique))

        kept = None
        if room >= beside_bytes + sum(file.bytes for file in files):
            kept = _kept(encoder, key, part, folder, room, tell, OWN_CHUNK)
        if kept is None:
            break
        files.append(kept)
    return EncodedPictures(encoder, items, files)


def _unique(items: Sequence[Item]) -> dict[str, Item]:
    return {item.case.pixels.digest(): item for item in items}


def _kept(
    encoder: Encoder,
    key: str,
    unique: dict[str, Item],
    folder: Path,
    room_bytes: int,
    progress: Progress,
    at_once: int,
) -> _File | None:
    """The file of these pictures, written if it has to be; nothing where there is no room beside other files."""
    name = hashlib.sha256("\n".join([key, *unique]).encode()).hexdigest()[:32]
    path = folder / f"{name}{KEPT}"
    kept = _open(path)
    if kept is None and _made_room(path, room_bytes):
        _write(encoder, unique, path, progress, at_once)
        kept = _open(path)  # nothing, where another process took its room in this moment
    return kept


def _open(path: Path) -> _File | None:
    """What was kept, where it is whole; it counts as used now."""
    try:
        kept = _File(path)
    except (OSError, ValueError, KeyError):
        return None
    with suppress(OSError):  # another person's file: it can be read, not marked
        os.utime(path)
    return kept


def _made_room(path: Path, room_bytes: int) -> bool:
    """Removes other files, the least recently used first, until the rest fits; never what is being written."""
    others = [(used, size, other) for used, size, other in _stored(path.parent) if other != path]
    old = time.time() - DAY_SECONDS
    removable = [(used, size, other) for used, size, other in others if other.suffix == KEPT or used < old]
    left = sum(size for _, size, _ in others)
    if left - sum(size for _, size, _ in removable) > room_bytes:
        return False
    for _, size, other in removable:
        if left <= room_bytes:
            break
        with suppress(OSError):  # another person's, or in use where a system doesn't let go of such files
            other.unlink(missing_ok=True)
            left -= size
            other.with_suffix(".json").unlink(missing_ok=True)
    return left <= room_bytes


def _stored(folder: Path) -> list[tuple[float, int, Path]]:
    """When each file and each draft was last used, its bytes, and where it is; the longest unused first."""
    files = []
    for path in (*folder.glob(f"*{KEPT}"), *folder.glob("*.part")):
        with suppress(FileNotFoundError):  # removed by another process in this moment
            facts = path.stat()
            files.append((facts.st_mtime, facts.st_size, path))
    return sorted(files)


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
        self.token_bytes = self.layers * self.hidden * self.dtype.itemsize
        self.bytes = self.starts[-1] * self.token_bytes
        if path.stat().st_size != self.bytes:
            raise ValueError(f"{path} is not as long as its list says")
        # Not mapped: the pages of a map count as the run's memory, more with every image that is read.
        self.file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self.file)

    def read(self, row: int) -> ImageFeatures:
        start, end = (place * self.token_bytes for place in self.starts[row : row + 2])
        raw = os.pread(self.file, end - start, start)  # at a place: threads don't disturb each other
        values = torch.frombuffer(bytearray(raw), dtype=self.dtype).view(-1, self.layers, self.hidden)
        grid = None if self.grids[row] is None else tuple(self.grids[row])
        deeper = values[:, 1:].transpose(0, 1).contiguous() if self.layers > 1 else None
        return ImageFeatures(values[:, 0].contiguous(), grid, deeper)


def _write(encoder: Encoder, unique: dict[str, Item], path: Path, progress: Progress, at_once: int) -> None:
    items = list(unique.values())
    starts, grids, layers = [0], [], 1
    draft = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".json").unlink(missing_ok=True)
        with draft.open("wb") as file:
            for begin in range(0, len(items), at_once):
                for image in encoder.encode(pictures(items[begin : begin + at_once])):
                    stacked = _stacked(image)
                    layers = stacked.shape[1]
                    file.write(_bytes(stacked))
                    starts.append(starts[-1] + stacked.shape[0])
                    grids.append(image.grid)
                progress(min(begin + at_once, len(items)), len(items))
        about = {
            "digests": list(unique),
            "starts": starts,
            "grids": grids,
            "layers": layers,
            "hidden": encoder.hidden_size,
            "dtype": str(_kept_format(encoder.dtype)).removeprefix("torch."),
        }
        draft.replace(path)
        listing = path.with_suffix(f".{os.getpid()}.list")
        listing.write_text(json.dumps(about))
        listing.replace(path.with_suffix(".json"))
    except OSError as error:
        raise RunError(
            f"Image features could not be kept in {path.parent} ({error}). Free space, or lower features.budget_gib."
        ) from error
    finally:
        if draft.is_file():
            draft.unlink()


def _kept_format(dtype: torch.dtype) -> torch.dtype:
    return torch.bfloat16 if dtype == torch.bfloat16 else torch.float32


def _stacked(image: ImageFeatures) -> Tensor:
    deeper = [] if image.deeper is None else list(image.deeper)
    return torch.stack([image.tokens, *deeper], dim=1)


def _bytes(values: Tensor) -> bytes:
    kept = values.detach().to("cpu", _kept_format(values.dtype)).contiguous()
    return kept.view(torch.int16 if kept.dtype == torch.bfloat16 else torch.int32).numpy().tobytes()


def _bytes_each(encoder: Encoder, unique: dict[str, Item]) -> int:
    """Judged by the first picture: pictures of one set are of a size."""
    first = next(iter(unique.values()))
    return len(_bytes(_stacked(encoder.encode(pictures([first]))[0])))

"""Weights that a run learned, read from its folder: what is wrong with their file is told in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from core.errors import ModelError


@contextmanager
def reading_weights(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} can't be read ({error}). Copy the whole folder of the run again.") from None
    except RuntimeError as error:
        raise ModelError(
            f"{path} was made for another language model ({error}). Use it with the checkpoint that the run names."
        ) from None

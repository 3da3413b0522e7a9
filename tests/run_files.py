"""Runs small enough for tests: drawn pictures in class folders, a tiny checkpoint on the disk, a few steps a stage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from core.catalog import FAMILIES, find
from core.events import Event, Step, read
from core.models.vlm import Vlm
from core.runs.runfile import Run, make_run
from tests.contract.official import build

ANSWERS = ("dark", "light scar", "light")
SHADES = {"dark": 40, "light scar": 130, "light": 220}
Values = dict[str, Any]


@contextmanager
def calibrated_on_few() -> Iterator[None]:
    """Temperatures are learned on as few validation cases as these sets have."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("core.readings.calibration.LEAST_CASES", 1)
        yield


def draw(folder: Path, answers: Sequence[str] = ANSWERS, count: int = 14, seed: int = 0) -> Path:
    """Noise around a shade for each class, in class folders; 10 of 14 become training cases."""
    noise = np.random.default_rng(seed)
    for answer in answers:
        below = folder / answer.replace(" ", "_")
        below.mkdir(parents=True)
        for number in range(count):
            pixels = noise.normal(SHADES.get(answer, 128), 20, (28, 28, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(below / f"{number}.png")
    return folder


def draw_multi(folder: Path, count: int = 30, seed: int = 1) -> Path:
    """A manifest of pictures whose left half, right half or both are bright, or neither is."""
    noise, rows = np.random.default_rng(seed), ["image,labels"]
    (folder / "images").mkdir(parents=True)
    for number in range(count):
        left, right = number % 2, number // 2 % 2
        pixels = noise.normal(60, 20, (28, 28, 3))
        pixels[:, :14] += 120 * left
        pixels[:, 14:] += 120 * right
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / "images" / f"{number}.png")
        named = [name for name, has in (("left spot", left), ("right spot", right)) if has]
        rows.append(f"images/{number}.png,{'|'.join(named)}")
    (folder / "cases.csv").write_text("\n".join(rows) + "\n")
    (folder / "task.yaml").write_text("kind: multi\nanswers: [left spot, right spot]\nmodality: drawn spots\n")
    return folder


@lru_cache
def _tiny(name: str) -> Vlm:
    return build(name)


def save_tiny(folder: Path, name: str = "internvl") -> Path:
    vlm = _tiny(name)
    for part in (vlm.base, vlm.tokenizer, vlm.image_processor):
        part.save_pretrained(folder)
    return folder


def values(images: Path | Sequence[Path], checkpoint: Path, **more: Any) -> Values:
    """A run file's values; blocks in `more` are added to those here."""
    several = [str(one) for one in images] if isinstance(images, (list, tuple)) else str(images)
    usual: Values = {
        "images": several,
        "vlm": {"family": "internvl", "checkpoint": str(checkpoint)},
        "tsm": {"name": "convnet", "width": 8, "epochs": 2, "batch_size": 10, "least_steps": 10},
        "method": {"name": "vitask"},
        "lora": {"rank": 2, "dropout": 0.1},
        "training": {
            "steps": 2,
            "batch_size": 8,
            "learning_rate": 0.01,
            "connector_learning_rate": 0.01,
            "evaluate_every": 2,
        },
        "reading": {"free_text": 2, "most_tokens": 4, "draws": 20},
    }
    for name, block in more.items():
        usual[name] = {**usual[name], **block} if isinstance(block, dict) and name in usual else block
    return usual


def run(images: Path | Sequence[Path], checkpoint: Path, **more: Any) -> Run:
    return make_run(values(images, checkpoint, **more))


def write_run(file: Path, settings: Values) -> Path:
    file.write_text(yaml.safe_dump(settings))
    return file


def events(folder: Path) -> list[Event]:
    return list(read(folder / "events.jsonl"))


def steps(folder: Path, stage: str) -> dict[int, Step]:
    """The last telling of every step of a stage."""
    return {event.step: event for event in events(folder) if isinstance(event, Step) and event.stage == stage}


def weights(folder: Path) -> dict[str, bytes]:
    """What tuning leaves: adapters, connectors, TSMs, byte by byte."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.safetensors"))}


def family(name: str) -> Any:
    return find(FAMILIES, name, "family")

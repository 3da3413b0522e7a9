"""What step and reading are measured on: a small InternVL from a config, noise images, texts of fixed lengths."""

from __future__ import annotations

import hashlib
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import psutil
import torch
from PIL import Image

from core.case import Case, ImageSet, Split, Task
from core.catalog import FAMILIES, find
from core.machine.precision import number_format_here
from core.models.features import open_features
from core.models.pretrained import suit_training
from core.models.tiny import chatml, tiny_tokenizer
from core.models.vlm import Vlm
from core.sets.joint import Item, JointSet
from core.training.vlm_stage import RunCases

Size = Literal["tiny", "small", "2b"]
Say = Callable[[str], None]
BATCH = 16
IMAGE_TOKENS, INSTRUCTION_TOKENS, RESPONSE_TOKENS = 256, 40, 12
TSM_WIDTH = 128
VISION: dict[Size, dict[str, int]] = {
    "tiny": {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2},
    "small": {"hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 6, "num_attention_heads": 4},
    "2b": {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16},
}
TEXT: dict[Size, dict[str, int]] = {
    "tiny": {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": 512,
    },
    "small": {
        "hidden_size": 512,
        "intermediate_size": 1408,
        "num_hidden_layers": 6,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "vocab_size": 32_000,
    },
    "2b": {
        "hidden_size": 1536,
        "intermediate_size": 8960,
        "num_hidden_layers": 28,
        "num_attention_heads": 12,
        "num_key_value_heads": 2,
        "vocab_size": 151_680,
    },
}


@dataclass(frozen=True)
class Noise:
    """A picture of noise that depends on its number alone."""

    number: int

    def load(self) -> Image.Image:
        values = np.random.default_rng(self.number).integers(0, 255, (448, 448, 3), dtype=np.uint8)
        return Image.fromarray(values)

    def digest(self) -> str:
        return hashlib.sha256(f"noise {self.number}".encode()).hexdigest()


def new_vlm(size: Size) -> Vlm:
    """Random weights in the numbers that this machine is quick with; 256 image tokens."""
    from transformers import InternVLConfig, InternVLForConditionalGeneration
    from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil

    tokenizer = tiny_tokenizer(
        ["<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>"], chatml("<IMG_CONTEXT>\n"), "<|im_end|>"
    )
    config = InternVLConfig(
        vision_config={"image_size": [448, 448], "patch_size": [14, 14], **VISION[size]},
        text_config={"model_type": "qwen2", "max_position_embeddings": 4096, **TEXT[size]},
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
    )
    torch.manual_seed(0)
    dtype = getattr(torch, number_format_here())
    base: Any = InternVLForConditionalGeneration(config).to(dtype).eval().requires_grad_(False)
    suit_training(base)
    images = GotOcr2ImageProcessorPil(size={"height": 448, "width": 448}, crop_to_patches=False)
    vlm = Vlm(base, tokenizer, images, find(FAMILIES, "internvl", "family").ANATOMY, f"{size} InternVL")
    vlm.base.to("cuda" if torch.cuda.is_available() else "cpu")
    return vlm


def new_cases(vlm: Vlm, folder: Path) -> RunCases:
    """Two batches of training cases with 8 labels; instruction and response have the lengths that are measured."""
    task = Task(modality="x", answers=tuple(_of_length(vlm, RESPONSE_TOKENS, f"label {n}") for n in range(8)))
    task = task.model_copy(update={"template": _instruction(vlm)})
    splits: list[Split] = [*["train" for _ in range(2 * BATCH)], "val", "test"]  # type: ignore[list-item]
    cases = tuple(Case(f"{n}", Noise(n), (task.answers[n % 8],), split) for n, split in enumerate(splits))
    joint_set = JointSet((ImageSet("noise", task, cases),))
    items = [Item(0, case) for case in cases]
    store = open_features(vlm, items, folder, 2**34, True, lambda done, whole: None)
    torch.manual_seed(1)
    return RunCases(joint_set, items, store, [torch.randn(len(items), TSM_WIDTH)])


def _of_length(vlm: Vlm, tokens: int, start: str) -> str:
    text = start
    while len(vlm.response(text)) < tokens:
        text += "x"
    return text


def _instruction(vlm: Vlm) -> str:
    text = "Name it"
    while len(vlm.prompt(text, IMAGE_TOKENS).tail) < INSTRUCTION_TOKENS:
        text += "?"
    return text


def clocked(do: Callable[[], object]) -> float:
    """Seconds that something takes, the device's work included."""
    began = clock()
    do()
    return clock() - began


def clock() -> float:
    """Seconds, once the device has done what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def alternate(ways: dict[str, Callable[[], float]], rounds: int, say: Say) -> dict[str, float]:
    """The median seconds of each way, taken in turns so that all meet the same machine."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, do in ways.items():
            taken = do()
            if number:  # the first round warms up
                seconds[name].append(taken)
        if number:
            say(
                f"round {number}/{rounds}: " + ", ".join(f"{name} {taken[-1]:.3f} s" for name, taken in seconds.items())
            )
    return {name: statistics.median(taken) for name, taken in seconds.items()}


@contextmanager
def peak_memory() -> Iterator[dict[str, Any]]:
    """What is held at most while something runs, beyond what was held before, in bytes."""
    held: dict[str, Any] = {}
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        yield held
        held["bytes"] = torch.cuda.max_memory_allocated() - before
        return
    process, is_over = psutil.Process(), threading.Event()
    before = process.memory_info().rss
    seen = [before]

    def watch() -> None:
        while not is_over.wait(0.002):
            seen.append(process.memory_info().rss)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    yield held
    is_over.set()
    watcher.join()
    held["bytes"] = max(seen) - before

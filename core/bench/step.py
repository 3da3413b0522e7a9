"""One full VITask stage-2 step beside a plain step of TRL's `SFTTrainer`, and beside three plain passes of ours.

All sides have the same model, cases, LoRA, batch and arithmetic, and make a whole step: forward, backward, clipping,
AdamW. Gradient checkpointing, which TRL switches on by default, is off on all sides: it would slow TRL down.
"""

from __future__ import annotations

import contextlib
import io
import json
import statistics
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.bench.cases import (
    BATCH,
    RESPONSE_TOKENS,
    TSM_WIDTH,
    Say,
    Size,
    alternate,
    clock,
    clocked,
    new_cases,
    new_vlm,
    peak_memory,
)
from core.bench.state import OwnState
from core.errors import SettingsError
from core.machine.precision import precision_here
from core.models.exemplar import Exemplars
from core.models.lora import LoraSettings, adapter_parameters, attach
from core.models.shared_prefix import Branches
from core.models.vlm import Vlm
from core.training.loop import Stage, make_step, new_optimiser
from core.training.losses import alignment_losses, contrast_losses, response_losses
from core.training.method import StagePlan
from core.training.response import Losses, Tuned, response_terms
from core.training.settings import TrainingSettings
from core.training.terms import ResponseBatch, aided_response, alignment, contrast, own_response
from core.training.vlm_stage import RunCases, in_float32, vlm_stage
from core.training.wanted import Wanted

TERMS = {"van": own_response(), "ep": aided_response(), "rda": alignment(), "crt": contrast()}
WANTED = Wanted(dict.fromkeys(TERMS, 1.0), lambda: TERMS)
PLAN = StagePlan("stage-2", "vitask", 1, WANTED)
STEPS_A_ROUND = 3
Make = Callable[[Size, Path], Callable[[], float]]


def measure(rounds: int, size: Size, say: Say) -> dict[str, Any]:
    """Seconds and peak memory of each side, their ratios, and how far sharing changes any gradient."""
    with tempfile.TemporaryDirectory() as folder:
        sides = {name: _apart(make, size, Path(folder)) for name, make in SIDES.items()}
        seconds = alternate(sides, rounds, say)
        del sides
        with OwnState():
            gap = gradient_gap(size, Path(folder))
    memory = {name: _in_a_process(name, size) for name in SIDES}
    for name, held in memory.items():
        say(f"{name}: {held / 2**20:.0f} MiB beyond the loaded model")
    return {
        "arithmetic": precision_here(),
        "seconds": seconds["vitask"],
        "seconds_of": seconds,
        "ratio_to_trl": seconds["vitask"] / seconds["trl"],
        "ratio_to_plain": seconds["vitask"] / seconds["plain"],
        "peak_memory_ratio_to_trl": memory["vitask"] / memory["trl"],
        "peak_memory_mib_of": {name: held / 2**20 for name, held in memory.items()},
        "largest_gradient_difference": gap,
    }


def _apart(make: Make, size: Size, folder: Path) -> Callable[[], float]:
    """A side whose steps meet accelerate as that side set it up: TRL's precision would be everybody's."""
    own = OwnState()
    with own:
        steps = make(size, folder)

    def steps_apart() -> float:
        with own:
            return steps()

    return steps_apart


class PlainPasses(nn.Module):
    """The method taken literally: three passes of the whole model, each of which encodes its images."""

    def __init__(self, tuned: Tuned, cases: RunCases) -> None:
        super().__init__()
        self.tuned = tuned
        pictures = [item.case.pixels.load() for item in cases.items]
        inputs = tuned.vlm.image_processor(images=pictures, return_tensors="pt")
        self.values = inputs["pixel_values"].to(tuned.vlm.device, tuned.vlm.base.dtype)
        self.places: list[int] = []

    def forward(self, batch: ResponseBatch, wanted: Wanted) -> Losses:
        own = list(range(len(batch)))
        others = [other for other in batch.others if other is not None]
        z_o = self._pass(batch, own, None)
        z_e = self._pass(batch, own, batch.exemplars)
        z_n = self._pass(batch, others, None)
        targets = torch.tensor([token for response in batch.responses for token in response], device=z_o.device)
        return {
            "van": response_losses(z_o, targets),
            "ep": response_losses(z_e, targets),
            "rda": alignment_losses(z_o, z_e),
            "crt": contrast_losses(z_o, z_n, targets),
        }

    def _pass(self, batch: ResponseBatch, shown: list[int], exemplars: Any) -> Tensor:
        vlm = self.tuned.vlm
        rows = [self.places[place] for place in shown]
        with torch.no_grad():
            features = vlm.base.get_image_features(pixel_values=self.values[rows]).pooler_output
        encoded = [replace(image, tokens=tokens) for image, tokens in zip(batch.features, features, strict=True)]
        embedded = None
        if exemplars is not None and self.tuned.exemplars is not None:
            embedded = self.tuned.exemplars(exemplars, len(batch))
        branches = Branches(vlm, encoded, embedded, is_shared=False)
        for row, (prompt, response) in enumerate(zip(batch.prompts, batch.responses, strict=True)):
            branches.add(row, prompt, response, with_exemplar=exemplars is not None)
        return branches.logits()


def _ours(size: Size, folder: Path, is_plain: bool) -> Callable[[], float]:
    from accelerate import Accelerator

    stage, cases, tuned = _stage(size, folder)
    plain = PlainPasses(tuned, cases) if is_plain else None
    accelerator = Accelerator(mixed_precision="no")
    optimiser = new_optimiser(stage)
    module: nn.Module = plain or tuned
    module.train()
    made = iter(range(10**9))

    def steps() -> float:
        def step() -> None:
            number = next(made)
            if plain is not None:
                plain.places = stage.micro_batches(number)[0].places  # type: ignore[attr-defined]
            make_step(stage, number, module, optimiser, accelerator)

        return statistics.median(clocked(step) for _ in range(STEPS_A_ROUND))

    return steps


def _stage(size: Size, folder: Path, dropout: float = 0.05) -> tuple[Stage, RunCases, Tuned]:
    from accelerate import Accelerator

    vlm = new_vlm(size)
    cases = new_cases(vlm, folder)
    attach(vlm, LoraSettings(dropout=dropout), "vitask")
    torch.manual_seed(2)
    tuned = Tuned(vlm, Exemplars([TSM_WIDTH], vlm.hidden_size).to(vlm.device))
    training = TrainingSettings(batch_size=BATCH, steps=10**6)
    accelerator = Accelerator(mixed_precision="no")
    return vlm_stage(PLAN, tuned, cases, [], training, 0, BATCH, accelerator), cases, tuned


def _trl(size: Size, folder: Path) -> Callable[[], float]:
    """`SFTTrainer` on the same cases; only its steps are timed, not its making of batches."""
    try:
        from datasets import Dataset
        from transformers import TrainerCallback
        from trl.trainer.sft_config import SFTConfig
        from trl.trainer.sft_trainer import SFTTrainer
    except ImportError as error:
        raise SettingsError(f"The comparison needs TRL, which is not installed ({error}). Run “make setup”.") from None
    vlm = new_vlm(size)
    cases = new_cases(vlm, folder)
    peft = _usual_peft(vlm)
    columns = _usual_columns(cases)

    class Clock(TrainerCallback):
        seconds: list[float]

        def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
            self.began = clock()

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            self.seconds.append(clock() - self.began)

    timer = Clock()
    numbered = {"input_ids": [[place] for place in range(2 * BATCH)], "labels": [[0]] * (2 * BATCH)}
    trainer = SFTTrainer(
        model=peft,
        args=SFTConfig(**_usual_settings(folder)),
        train_dataset=Dataset.from_dict(numbered),
        processing_class=vlm.tokenizer,
        data_collator=lambda chosen: {
            name: values[[case["input_ids"][0] for case in chosen]] for name, values in columns.items()
        },
        callbacks=[timer],
    )

    def steps() -> float:
        timer.seconds = []
        with contextlib.redirect_stdout(io.StringIO()):  # it prints its figures
            trainer.train()
        return statistics.median(timer.seconds)

    return steps


def _usual_peft(vlm: Vlm) -> Any:
    """LoRA of the same size, which casts its inputs as PEFT has it by itself."""
    peft = attach(vlm, LoraSettings(), "vitask")
    for module in vlm.base.modules():
        if hasattr(module, "cast_input_dtype_enabled"):
            module.cast_input_dtype_enabled = True
    return peft


def _usual_settings(folder: Path) -> dict[str, Any]:
    """Our batch and arithmetic, and nothing that would take time beside the steps."""
    return {
        "output_dir": str(folder / "trl"),
        "per_device_train_batch_size": BATCH,
        "max_steps": STEPS_A_ROUND,
        "bf16": precision_here() == "bf16",
        "use_cpu": not torch.cuda.is_available(),
        "gradient_checkpointing": False,
        "learning_rate": 4e-5,
        "report_to": "none",
        "save_strategy": "no",
        "logging_strategy": "no",
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "max_length": None,
        "dataset_kwargs": {"skip_prepare_dataset": True},
    }


def _usual_columns(cases: RunCases) -> dict[str, Tensor]:
    """Every training case as usual trainers want it: ids, labels at the response only, pixels."""
    vlm = cases.features.vlm
    batch = cases.batch(range(2 * BATCH), [None] * 2 * BATCH)
    texts = zip(batch.prompts, batch.responses, strict=True)
    ids = [[*prompt.head, *prompt.tail, *response] for prompt, response in texts]
    pictures = [item.case.pixels.load() for item in cases.items[: 2 * BATCH]]
    inputs = torch.tensor(ids)
    labels = inputs.clone()
    labels[:, :-RESPONSE_TOKENS] = -100
    pixels = vlm.image_processor(images=pictures, return_tensors="pt")["pixel_values"].to(vlm.base.dtype)
    return {"input_ids": inputs, "attention_mask": torch.ones_like(inputs), "labels": labels, "pixel_values": pixels}


SIDES: dict[str, Make] = {
    "vitask": lambda size, folder: _ours(size, folder, is_plain=False),
    "plain": lambda size, folder: _ours(size, folder, is_plain=True),
    "trl": _trl,
}


def gradient_gap(size: Size, folder: Path) -> float:
    """Largest relative difference of any gradient between shared and plain passes, in float32 without dropout."""
    _, cases, tuned = _stage(size, folder, dropout=0.0)
    # LoRA's second factor starts at zero, and a gradient through zero would hide differences.
    torch.manual_seed(3)
    for name, value in adapter_parameters(tuned.vlm, "vitask").items():
        if "lora_B" in name:
            nn.init.normal_(value, std=0.02)
    tuned.requires_grad_(False)
    trained = [*adapter_parameters(tuned.vlm, "vitask").values(), *tuned.exemplars.parameters()]  # type: ignore[union-attr]
    for value in trained:
        value.requires_grad_(True)
    batch = cases.batch([0, 1, 2, 3], [1, 2, 3, 0])
    gradients = []
    with in_float32(tuned.base):
        for is_shared in (True, False):
            losses = response_terms(tuned, batch, replace(WANTED, is_shared=is_shared))
            sum(of_cases.mean() for of_cases in losses.values()).backward()  # type: ignore[union-attr]
            gradients.append([value.grad.clone() for value in trained if value.grad is not None])
            for value in trained:
                value.grad = None
    return max(float((a - b).abs().max() / b.abs().max().clamp_min(1e-12)) for a, b in zip(*gradients, strict=True))


def _in_a_process(side: str, size: Size) -> float:
    """Peak memory of one side alone: allocators keep what other sides left."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "core.bench.step", side, size],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return float(json.loads(done.stdout.strip().splitlines()[-1])["bytes"])


def _memory_of(side: str, size: Size) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        steps = SIDES[side](size, Path(folder))
        with peak_memory() as held:
            steps()
    sys.stdout.write(json.dumps(held) + "\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    _memory_of(sys.argv[1], sys.argv[2])  # type: ignore[arg-type]

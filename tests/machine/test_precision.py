"""Which numbers a run is made with, on processors that multiply bfloat16 and on those that don't."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from core.errors import SettingsError
from core.families import starter
from core.machine import doctor
from core.machine.precision import SWITCH, number_format_here, precision_here
from core.runs.runfile import make_run, with_own_precision
from core.runs.tune import tune
from core.training.loop import arithmetic as autocast
from tests import run_files as tiny

AVX2 = {"avx2": True, "avx512_bf16": False, "amx_bf16": False, "architecture": "x86_64"}


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A machine without a GPU, whose processor has these instructions."""
    monkeypatch.delenv(SWITCH, raising=False)

    def has(capabilities: dict[str, Any]) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)

    return has


@pytest.mark.parametrize(
    ("capabilities", "precision", "number_format"),
    [
        (AVX2, "fp32", "float32"),
        (AVX2 | {"avx512_f": True}, "fp32", "float32"),
        (AVX2 | {"avx512_bf16": True}, "bf16", "bfloat16"),
        (AVX2 | {"amx_bf16": True}, "bf16", "bfloat16"),
        ({"neon": True, "bf16": True, "architecture": "aarch64"}, "bf16", "bfloat16"),
        ({"neon": True, "architecture": "aarch64"}, "fp32", "float32"),
    ],
)
def test_bfloat16_is_taken_where_a_processor_has_instructions_for_it(
    processor: Any, capabilities: dict[str, Any], precision: str, number_format: str
) -> None:
    processor(capabilities)
    assert precision_here() == precision
    assert number_format_here() == number_format
    assert starter.load(starter.Settings()).base.dtype == getattr(torch, number_format)
    assert autocast("auto", torch.device("cpu"))._enabled == (precision == "bf16")


def test_what_is_asked_for_is_taken(processor: Any) -> None:
    processor(AVX2)
    assert precision_here("bf16") == "bf16"
    assert number_format_here("bfloat16") == "bfloat16"


@pytest.mark.parametrize(("switch", "precision"), [("allow", "bf16"), ("refuse", "fp32")])
@pytest.mark.parametrize("capabilities", [AVX2, AVX2 | {"amx_bf16": True}])
def test_a_switch_decides_instead_of_the_processor(
    processor: Any, monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, Any], switch: str, precision: str
) -> None:
    processor(capabilities)
    monkeypatch.setenv(SWITCH, switch)
    assert precision_here() == precision
    assert number_format_here() == {"bf16": "bfloat16", "fp32": "float32"}[precision]
    assert f"{precision} ({SWITCH}={switch})" in doctor.number_format().found
    assert precision_here("fp32") == "fp32" and precision_here("bf16") == "bf16"


def test_a_switch_that_stands_between_is_refused(processor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "yes")
    with pytest.raises(SettingsError, match='Set it to "allow" or "refuse"'):
        precision_here()


def test_a_test_is_refused_bf16_until_it_asks_for_both() -> None:
    """Else one machine's tests would be of other numbers than another's."""
    assert os.environ[SWITCH] == "refuse" and precision_here() == "fp32"


@pytest.mark.slow
def test_what_asks_for_both_is_made_once_in_each() -> None:
    files = [str(Path(__file__).parents[1] / name) for name in ("runs/test_tune.py", "bench/test_bench.py")]
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n0", *files]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    single, mixed = ({line.replace(name, "") for line in listed if f"[{name}" in line} for name in ("fp32", "bf16"))
    assert single == mixed and len(single) > 10


@pytest.mark.slow
def test_a_run_goes_on_with_the_arithmetic_that_it_began_with(
    processor: Any, images: Path, checkpoint: Path, tmp_path: Path
) -> None:
    values = tiny.values(images, checkpoint, method={"name": "vanilla"}, tsm=[])
    processor(AVX2)
    tune(make_run(values), tmp_path / "run")
    kept = yaml.safe_load((tmp_path / "run" / "settings.yaml").read_text())
    assert (kept["vlm"]["dtype"], kept["training"]["precision"]) == ("float32", "fp32")
    processor(AVX2 | {"amx_bf16": True})
    settled = with_own_precision(make_run(kept))
    assert (settled.vlm.dtype, settled.settings.training.precision) == ("float32", "fp32")

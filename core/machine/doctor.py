"""What this machine can do and what is missing: the findings behind `vitask doctor`."""

from __future__ import annotations

import importlib.util
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import CoreError, reason
from core.limits import Limits, limits, variable
from core.machine.precision import SWITCH, precision_here
from core.machine.queue_server import OLDEST_VERSION, program, version_of

if TYPE_CHECKING:
    import torch

GIB = 2**30
OLDEST_PYTHON = (3, 11)
SMALLEST_MEMORY = 4 * GIB
SMALLEST_DISK = 2 * GIB
PRODUCT_SIDE = 512
STARTER = Path(__file__).parents[1] / "starter" / "weights" / "model.safetensors"


@dataclass(frozen=True)
class Line:
    """One finding. ok is None where it is neither good nor bad; advice is empty where none is needed."""

    name: str
    ok: bool | None
    found: str
    advice: str = ""


def examine(folder: Path = Path()) -> tuple[Line, ...]:
    """Everything that a run depends on; the folder is where runs will be written."""
    machine = (python(), libraries(), device(), number_format(), cores(), memory(), disk(folder), access(folder))
    return (*machine, queue_server(os.environ), starter(STARTER), video(), *bounds())


def bounds() -> tuple[Line, ...]:
    """Every limit on what people bring, with the variable that sets another."""
    usual, now = Limits(), limits()
    return tuple(
        Line(
            f"Limit: {field.title}",
            None,
            f"{getattr(now, name):,}{'' if getattr(now, name) == getattr(usual, name) else ', set by an admin'}",
            f"{field.description} Another: {variable(name)}.",
        )
        for name, field in Limits.model_fields.items()
    )


def python() -> Line:
    ok = sys.version_info >= OLDEST_PYTHON
    return Line(
        "Python", ok, platform.python_version(), "" if ok else "Install Python 3.11 or newer, then “make setup”."
    )


def libraries() -> Line:
    names = ("torch", "transformers", "peft", "accelerate")
    return Line("Libraries", True, ", ".join(f"{name} {version(name)}" for name in names))


def device() -> Line:
    import torch

    if torch.cuda.is_available():
        gpu = torch.cuda.get_device_properties(0)
        return Line("Device", True, f"{gpu.name}, {_gib(gpu.total_memory)}, {torch.cuda.device_count()} in all")
    if torch.backends.mps.is_available():
        return Line("Device", True, "Apple GPU (MPS)")
    advice = "Enough for the bundled starter. A model of a billion parameters or more wants a CUDA device."
    return Line("Device", None, f"CPU ({platform.machine()})", advice)


def number_format() -> Line:
    """Some processors are many times faster in bf16, others many times slower: what `auto` takes, and a measurement."""
    import torch

    where = "cuda" if torch.cuda.is_available() else "cpu"
    single, half = (_seconds_per_product(dtype, where) for dtype in (torch.float32, torch.bfloat16))
    measured = (
        f"{half * 1e3:.2f} ms in bf16, {single * 1e3:.2f} ms in fp32 for a product of {PRODUCT_SIDE}-wide matrices"
    )
    faster, taken = "bf16" if half < single else "fp32", precision_here()
    because = f" ({SWITCH}={os.environ[SWITCH]})" if os.environ.get(SWITCH) else ""
    advice = f"Set training.precision to {faster} here." if faster != taken else ""
    return Line("Number format", None, f"{taken}{because}; {measured}", advice)


def _seconds_per_product(dtype: torch.dtype, where: str) -> float:
    """The fastest of three, after one that warms up."""
    import torch

    matrix = torch.ones(PRODUCT_SIDE, PRODUCT_SIDE, dtype=dtype, device=where)
    seconds = []
    for _ in range(4):
        start = time.perf_counter()
        (matrix @ matrix)[0, 0].item()
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])


def cores() -> Line:
    import psutil
    import torch

    return Line("Processor cores", None, f"{psutil.cpu_count()}, of which torch uses {torch.get_num_threads()}")


def memory() -> Line:
    import psutil

    virtual = psutil.virtual_memory()
    ok = virtual.available >= SMALLEST_MEMORY
    advice = f"Close other programs: tuning the starter wants {_gib(SMALLEST_MEMORY)}." if not ok else ""
    return Line("Memory", ok, f"{_gib(virtual.available)} free of {_gib(virtual.total)}", advice)


def disk(folder: Path) -> Line:
    free = shutil.disk_usage(folder).free
    ok = free >= SMALLEST_DISK
    advice = f"Make room: checkpoints and cached features want {_gib(SMALLEST_DISK)} or more." if not ok else ""
    return Line("Disk", ok, f"{_gib(free)} free in {folder.resolve()}", advice)


def access(folder: Path) -> Line:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return Line("Write access", True, str(folder.resolve()))
    except OSError as error:
        return Line(
            "Write access", False, f"{folder.resolve()}: {error.strerror}", "Name a folder that you may write to."
        )


def queue_server(environment: Mapping[str, str]) -> Line:
    """The one that `vitask up` starts: an old one has holes that are known."""
    if environment.get("VITASK_REDIS"):
        advice = f"See to it that it is Valkey {_dotted(OLDEST_VERSION)} or newer, or a Redis with the same fixes."
        return Line("Queue server", None, "your own, as VITASK_REDIS says", advice)
    try:
        number = version_of(program())
    except (CoreError, OSError, subprocess.SubprocessError) as error:
        return Line("Queue server", False, reason(error), "Install the studio again, or name one in VITASK_REDIS.")
    ok = number >= OLDEST_VERSION
    advice = "" if ok else f"Install the studio again: {_dotted(OLDEST_VERSION)} closes holes that are known."
    return Line("Queue server", ok, f"Valkey {_dotted(number)}", advice)


def _dotted(number: Sequence[int]) -> str:
    return ".".join(map(str, number))


def starter(weights: Path) -> Line:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(weights, framework="np") as opened:
            shapes = [opened.get_slice(name).get_shape() for name in opened.keys()]
    except (OSError, SafetensorError) as error:
        advice = "Install the package again, or make the starter anew with “vitask starter build”."
        return Line("Starter", False, f"{weights.name} can't be read ({error})", advice)
    return Line("Starter", True, f"{sum(map(math.prod, shapes)) / 1e6:.1f} million parameters")


def video() -> Line:
    if importlib.util.find_spec("torchvision"):
        return Line("torchvision", None, f"{version('torchvision')}, not used")
    return Line("torchvision", None, "not installed: fine, pictures are prepared without it")


def _gib(count: int) -> str:
    return f"{count / GIB:.1f} GiB"

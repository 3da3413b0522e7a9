"""What a job's processes take of the machine: processor, memory, and the graphics card where there is one."""

from __future__ import annotations

import shutil
import subprocess
import time

import psutil

from core.records.progress import Progress
from worker.process import Process

SECONDS_BETWEEN_READINGS = 5.0
GIB, MIB = 2**30, 2**20
QUERY = ("--query-gpu=utilization.gpu,memory.used,memory.total", "--format=csv,noheader,nounits")


class Meters:
    def __init__(self) -> None:
        self._process: psutil.Process | None = None
        self._last = 0.0

    def watch(self, process: Process) -> None:
        self._process = psutil.Process(process.id)

    def read(self) -> Progress:
        """What it takes now; no news where the last reading is young or the process is gone."""
        if self._process is None or time.monotonic() - self._last < SECONDS_BETWEEN_READINGS:
            return Progress()
        self._last = time.monotonic()
        try:
            used = self._process.cpu_percent(), self._process.memory_info().rss
        except psutil.Error:
            return Progress()
        machine = {"cpu_percent": used[0], "rss_gib": used[1] / GIB, "ram_gib": psutil.virtual_memory().total / GIB}
        return Progress(meters=machine | _device())


def _device() -> dict[str, float]:
    """The first graphics card, as its driver tells it."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return {}
    try:
        printed = subprocess.run([tool, *QUERY], capture_output=True, text=True, timeout=2, check=True).stdout
        busy, used, whole = (float(part) for part in printed.splitlines()[0].split(","))
    except (subprocess.SubprocessError, OSError, ValueError, IndexError):
        return {}
    return {"gpu_percent": busy, "gpu_used_gib": used * MIB / GIB, "gpu_gib": whole * MIB / GIB}

"""The memory of this process: what it holds, the most that it ever held, and giving back what only its allocator keeps.

Steps ask for arrays of ever new sizes, and glibc keeps what they leave behind in pieces that the next ones don't fit: a
run held more with every stage, though nothing was in use any more. On a GPU torch's own allocator is told of instead.
"""

from __future__ import annotations

import ctypes
import resource
import sys
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import torch

GIB = 2**30
STATUS = Path("/proc/self/status")


def held_gib() -> float:
    """What this run holds: on the GPU where there is one, else of main memory."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / GIB
    return float(psutil.Process().memory_info().rss) / GIB


def peak_gib() -> float:
    """The most that this process has held."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_reserved() / GIB
    if STATUS.is_file():  # what getrusage tells begins at what the parent held
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / GIB
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / GIB


def give_back() -> None:
    """Returns free pages to the system, where the C library can: 10 to 30 milliseconds."""
    library = _c_library()
    if library is not None and not torch.cuda.is_available():
        library.malloc_trim(0)


@cache
def _c_library() -> Any:
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    return library if hasattr(library, "malloc_trim") else None  # musl has none

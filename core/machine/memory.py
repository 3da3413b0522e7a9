"""How much memory this machine has, and a bound on what one process may take of it.

The bound is on what a process may write to (RLIMIT_DATA). One on its whole address space (RLIMIT_AS) would also count
what is only mapped: libraries, an npz of many gigabytes read from the disk, what a graphics card's driver sets aside.
"""

from __future__ import annotations

import resource
from contextlib import suppress
from pathlib import Path

from core.limits import limits, raised

GROUPS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
CARD = Path("/dev/nvidiactl")


def machine_bytes() -> int:
    """The memory of the machine, or of the container where that is less."""
    import psutil

    sizes = [int(psutil.virtual_memory().total)]
    for file in GROUPS:
        with suppress(OSError, ValueError):  # not there, or "max"
            sizes.append(int(file.read_text()))
    return min(sizes)


def allowed_bytes() -> int:
    """What a check of an upload or a run may take."""
    return machine_bytes() * limits().memory_percent // 100


def has_card() -> bool:
    """Whether there is an NVIDIA card, told without loading anything."""
    return CARD.exists()


def bound(most_bytes: int) -> None:
    """Has every later allocation of this process and its children fail beyond this."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = most_bytes if hard == resource.RLIM_INFINITY else min(most_bytes, hard)
    with suppress(OSError, ValueError):  # where the system knows no such bound
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def bounded_at() -> int | None:
    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    return None if soft == resource.RLIM_INFINITY else soft


def is_exhausted(error: BaseException) -> bool:
    """Whether this says that there was no memory; torch says it in words of its own."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and ("can't allocate memory" in str(error) or "out of memory" in str(error))
    )


def exhausted() -> str:
    """In words for a person, once `is_exhausted`."""
    most = bounded_at()
    room = f" ({most / 2**30:,.1f} GiB)" if most else ""
    return (
        f"This needs more memory than this machine lets it have{room}. Make pictures smaller, the set smaller, or read "
        f"fewer cases at a time. {raised('memory_percent')}"
    )

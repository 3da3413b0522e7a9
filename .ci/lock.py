"""Writes constraints.txt and requirements.lock, so that two machines, and every image, get the same.

pip resolves without installing. constraints.txt has one version for everything that `make setup` installs, without the
accelerator libraries, which each torch wheel brings along itself. requirements.lock has what the image installs, with
the hashes of the index's wheels for its Python and processors: `pip install --require-hashes` takes nothing else.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

TARGET = ".[dev,bench,postgres,s3]"
OF_THE_PLATFORM = ("nvidia-", "cuda-", "triton")
HEADING = "# Made by `make lock`. Installing with `-c constraints.txt` gives the versions that the tests ran with.\n"
LOCK_HEADING = "# Made by `make lock`: what the image installs, by hash. It is for Python {} on Linux.\n"
IMAGE_PYTHON = "3.12"
IMAGE_EXTRAS = ("postgres", "s3")
MACHINES = ("x86_64",)
GLIBC = range(41, 4, -1)
"""Second numbers of the C library's version 2: the image's own, and the older ones that wheels are made for."""
Report = list[dict[str, Any]]


def report(*options: str) -> Report:
    """What pip would install. Wheels that happen to lie on this disk are left out: they may not be the index's."""
    here = {name: value for name, value in os.environ.items() if name != "PIP_FIND_LINKS"}
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--report", "-"]
    done = subprocess.run([*command, *options], check=True, stdout=subprocess.PIPE, text=True, env=here)
    installed: Report = json.loads(done.stdout)["install"]
    return installed


def pinned(item: dict[str, Any]) -> str:
    """A distribution's name as indexes write it, and its public version."""
    name = re.sub(r"[-_.]+", "-", item["metadata"]["name"]).lower()
    return f"{name}=={item['metadata']['version'].partition('+')[0]}"


def for_image(machine: str, wanted: list[str]) -> Report:
    """The same for the image's Python on one kind of processor, whose wheels alone are looked at."""
    with tempfile.TemporaryDirectory() as nowhere:
        tags = [f"manylinux_2_{glibc}_{machine}" for glibc in GLIBC] + [f"manylinux2014_{machine}"]
        platforms = [word for tag in tags for word in ("--platform", tag)]
        python = ["--python-version", IMAGE_PYTHON, "--only-binary", ":all:", "--target", nowhere]
        found = report("-c", "constraints.txt", *python, *platforms, *wanted)
    missing = sorted(lacking(found, machine) - {pinned(item).partition("==")[0] for item in found})
    return for_image(machine, [*wanted, *missing]) if missing else found


def lacking(found: Report, machine: str) -> set[str]:
    """What the distributions need on the image's Python: pip asks their conditions of the Python that it runs on."""
    image = {"python_version": IMAGE_PYTHON, "python_full_version": f"{IMAGE_PYTHON}.0", "platform_machine": machine}
    image |= {"sys_platform": "linux", "platform_system": "Linux", "extra": ""}
    needs = [Requirement(text) for item in found for text in item["metadata"].get("requires_dist", ())]
    kept = [need for need in needs if need.marker is None or need.marker.evaluate(image)]
    return {re.sub(r"[-_.]+", "-", need.name).lower() for need in kept}


def locked() -> Iterable[str]:
    """A line for each distribution of the image, with the hash of the wheel of each kind of processor."""
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(text for extra in IMAGE_EXTRAS for text in project["optional-dependencies"][extra]),
    ]
    hashes: dict[str, dict[str, str]] = {}
    for machine in MACHINES:
        for item in for_image(machine, [*wanted, *project_build()]):
            hashes.setdefault(pinned(item), {})[machine] = item["download_info"]["archive_info"]["hashes"]["sha256"]
    for name, by_machine in sorted(hashes.items()):
        only = "" if len(by_machine) == len(MACHINES) else f' ; platform_machine == "{next(iter(by_machine))}"'
        marks = "".join(f" \\\n    --hash=sha256:{digest}" for digest in sorted(set(by_machine.values())))
        yield f"{name}{only}{marks}\n"


def project_build() -> list[str]:
    """What builds the project itself, which the image does without the network."""
    build: list[str] = tomllib.loads(Path("pyproject.toml").read_text())["build-system"]["requires"]
    return build


def main() -> None:
    everything = {pinned(item) for item in report(TARGET)}
    kept = [pin for pin in everything if not pin.startswith(("vitask-studio==", *OF_THE_PLATFORM))]
    Path("constraints.txt").write_text(
        HEADING + "".join(f"{pin}\n" for pin in sorted(kept, key=lambda pin: pin.split("==")))
    )
    Path("requirements.lock").write_text(LOCK_HEADING.format(IMAGE_PYTHON) + "".join(locked()))


if __name__ == "__main__":
    main()

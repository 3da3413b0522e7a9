"""A whole studio, started as a person starts it, and somebody's browser."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from core.records.database import open_database
from core.records.place import Place
from tests.app.two_sets import TwoSets, disagree, furnish_two_sets
from tests.conftest import SHARED_DATA
from tests.let_in import open_door
from worker.redis import free_port

SECONDS_TO_START = 180
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_MS = 90_000
CASES = 300


@dataclass(frozen=True)
class Running:
    """A studio with workers, at an address of its own."""

    address: str
    data: Path


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    """`vitask up` on a fresh folder, ended by one Ctrl-C."""
    data = Path(tempfile.mkdtemp(prefix="vitask-browser-"))
    address = f"http://127.0.0.1:{(port := free_port())}"
    command = [
        sys.executable,
        "-m",
        "worker.up",
        "--data",
        str(data),
        "--port",
        str(port),
        "--no-browser",
        "--no-sample",
    ]
    known = {name: value for name, value in os.environ.items() if not name.startswith("VITASK_")}
    child = subprocess.Popen(command, env={**known, "OMP_NUM_THREADS": "1"})
    try:
        wait_for(f"{address}/ready", child)
        yield Running(address, data)
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(120)
        shutil.rmtree(data, ignore_errors=True)


@dataclass(frozen=True)
class Shown:
    """A studio without workers, at an address, with two sets to look at."""

    address: str
    room: TwoSets


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    room = furnish_two_sets(tmp_path_factory.mktemp("shown"))
    for of in (room.four, room.nine):
        disagree(room, of)
    address = f"http://127.0.0.1:{(port := free_port())}"
    environment = os.environ | room.studio.place.environment() | {"PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"}
    child = subprocess.Popen([sys.executable, "-m", "app.main", "--port", str(port)], env=environment)
    try:
        wait_for(f"{address}/health", child)
        yield Shown(address, room)
    finally:
        child.terminate()
        child.wait()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        # The system's, else the one that `make setup` had playwright fetch.
        where = next(filter(None, map(shutil.which, BROWSERS)), started.chromium.executable_path)
        if not Path(where).exists():
            pytest.skip("no Chromium on this machine, and `make setup` could not fetch one")
        browser = started.chromium.launch(executable_path=where, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any, running: Running) -> Iterator[Any]:
    """A fresh browser of a small laptop, let into the studio. What goes wrong in it unseen fails the test."""
    context = chromium.new_context(viewport={"width": 1366, "height": 768})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("response", lambda answer: wrong.append(f"{answer.status} {answer.url}") if answer.status >= 500 else None)
    open_door(page, running.address, open_database(Place.at(running.data)))
    yield page
    context.close()
    assert wrong == []


@pytest.fixture(scope="session")
def upload_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 real pictures in class folders where the machine has them, else the drawn sample's."""
    target = tmp_path_factory.mktemp("upload") / "scans.zip"
    real = SHARED_DATA / "mednist_64.zip"
    if real.exists():
        _some_of(real, target)
    else:
        _drawn(tmp_path_factory.mktemp("drawn"), target)
    return target


def is_within(page: Any) -> bool:
    """No sideways scrolling."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def wait_for(address: str, child: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end and child.poll() is None:
        try:
            with urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    raise AssertionError(f"The studio did not come up (exit code {child.poll()}).")


def _some_of(source: Path, target: Path) -> None:
    """As many of each class, the first ones."""
    classes: defaultdict[str, list[str]] = defaultdict(list)
    with zipfile.ZipFile(source) as whole, zipfile.ZipFile(target, "w") as part:
        for name in whole.namelist():
            if name.lower().endswith((".jpeg", ".jpg", ".png")):
                classes[name.rpartition("/")[0]].append(name)
        for names in classes.values():
            for name in names[: CASES // len(classes)]:
                part.writestr(name, whole.read(name))


def _drawn(folder: Path, target: Path) -> None:
    from PIL import Image

    with zipfile.ZipFile(target, "w") as made:
        for number in range(CASES):
            label = ("dark", "light", "middle")[number % 3]
            file = folder / f"{number}.png"
            Image.effect_noise((64, 64), 5 + 20 * (number % 3)).save(file)
            made.write(file, f"{label}/{number:03}.png")

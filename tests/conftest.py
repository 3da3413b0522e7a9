"""What every test starts from: offline, seeded, one thread a worker, the real image sets where a machine has them."""

from __future__ import annotations

import gc
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import numpy as np
import pytest

from core.bench.state import OwnState
from core.machine.precision import SWITCH

# Before any test module imports a library that reads them.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
os.environ.update(GRADIO_ANALYTICS_ENABLED="False", GRADIO_RUN_HISTORY="False")
os.environ.pop("HF_TOKEN", None)
# A look at a file is broken off after seconds, since the file may be endless: here it is the machine that halts.
os.environ["VITASK_LIMIT_SHOWN_SECONDS"] = "300"
# Whatever the processor has, the same tests run on every machine; those that ask for `arithmetic` run both ways.
os.environ[SWITCH] = "refuse"

# The same examples on every machine and at every hour, and no clock: a test that fails once fails again.
hypothesis.settings.register_profile(
    "house",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=100,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("house")

SLOW_TO_MAKE = {"builds", "finished"}
"""Fixtures that take many seconds: a test that asks for one of them is slow, however little it does itself."""
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def _seeded() -> None:
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:  # a test that does without it should not wait for it
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="module", params=[pytest.param("refuse", id="fp32"), pytest.param("allow", id="bf16")])
def arithmetic(request: pytest.FixtureRequest) -> Iterator[str]:
    """Once in the numbers of a machine without bf16 instructions and once in those of one that has them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SWITCH, request.param)
        yield {"refuse": "fp32", "allow": "bf16"}[request.param]


@pytest.fixture(autouse=True)
def _own_accelerate_state() -> Iterator[None]:
    """What a trainer leaves in accelerate's state, one for the whole process, ends with the test."""
    with OwnState():
        yield


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Features that tests make never land among a person's own."""
    os.environ["VITASK_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def shared_data() -> Path:
    """The folder of real image sets that some machines keep beside the repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real image sets are not on this machine (expected in ../shared/data)")
    return SHARED_DATA


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny VLM on the disk."""
    from tests import run_files

    return run_files.save_tiny(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn pictures in class folders."""
    from tests import run_files

    return run_files.draw(tmp_path_factory.mktemp("sets") / "shades")


@pytest.fixture(scope="session")
def finished(images: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One uninterrupted run, to be looked at and left as it is."""
    from core.runs.tune import tune
    from tests import run_files

    out = tmp_path_factory.mktemp("runs") / "whole"
    with run_files.calibrated_on_few():
        tune(run_files.run(images, checkpoint), out)
    return out


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and SLOW_TO_MAKE.intersection(item.fixturenames):
            item.add_marker(pytest.mark.slow)
    for_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if not for_gpu:
        return
    import torch

    if not torch.cuda.is_available():
        for item in for_gpu:
            item.add_marker(pytest.mark.skip(reason="no CUDA device here"))


def pytest_collection_finish() -> None:
    """All that is imported by now stays to the end: the garbage collector need not look through it again and again."""
    gc.freeze()

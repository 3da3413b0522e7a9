"""What all tests of the screen share."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
THEIRS = ("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module", autouse=True)
def _no_loop_left() -> Iterator[None]:
    """Closes what Gradio left open, so that nothing complains about it when the session ends."""
    yield
    for one in gc.get_objects():
        # Not isinstance, which asks an object for its class: some libraries' stand-ins answer that with a warning.
        if issubclass(type(one), asyncio.AbstractEventLoop) and not one.is_running() and not one.is_closed():
            one.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every gr.Blocks leaves an event loop open, which is noticed whenever memory is tidied up."""
    for item in items:
        if HERE in item.path.parents:
            for known in THEIRS:
                item.add_marker(pytest.mark.filterwarnings(known))

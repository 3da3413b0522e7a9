"""accelerate's state belongs to a whole process, and each trainer sets it its own way: here they are kept apart."""

from __future__ import annotations

import sys
from typing import Any

HELD = ("PartialState", "AcceleratorState", "GradientState")


class OwnState:
    """The state of one trainer: entered it is accelerate's, empty the first time; left, accelerate's is as before."""

    def __init__(self) -> None:
        self._away: list[dict[str, Any]] = [{} for _ in HELD]

    def __enter__(self) -> None:
        self._swap()

    def __exit__(self, *error: object) -> None:
        self._swap()

    def _swap(self) -> None:
        loaded = sys.modules.get("accelerate.state")  # what is not imported yet holds nothing
        for place, name in enumerate(HELD if loaded else ()):
            shared = getattr(loaded, name)._shared_state
            self._away[place], here = dict(shared), self._away[place]
            shared.clear()
            shared.update(here)

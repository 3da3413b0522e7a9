"""A run while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from core.events import FeaturesEncoded, Report
from core.machine.footprint import GIB
from core.pictures.looks import look_at_all
from core.runs.folder import Folder
from core.runs.prepare import Parts
from core.runs.runfile import Run
from core.sets.alike import Seen
from core.training.loop import Stage, train


@dataclass(frozen=True)
class Running:
    """A run while it goes on: its parts, its folder, who watches it and who may stop it."""

    parts: Parts
    folder: Folder
    report: Report
    is_stopped: Callable[[], bool]
    began: float
    """On this process's clock: a resume begins anew."""
    began_with: Seen | None = None
    """What was seen of its pictures, where it has just begun with them."""

    @property
    def run(self) -> Run:
        return self.parts.run

    @property
    def is_first(self) -> bool:
        """Of the processes that the run goes on in: the one that writes."""
        return bool(self.parts.accelerator.is_main_process)

    @property
    def feature_bytes(self) -> int:
        """What may be kept of features."""
        return int(self.run.settings.features.budget_gib * GIB)

    @cached_property
    def seen(self) -> Seen:
        """Of every picture, in the order of the parts' items: each is opened once for all who ask what it shows."""
        return self.began_with or Seen(look_at_all([item.case.pixels for item in self.parts.items]))

    def report_encoded(self, done: int, whole: int) -> None:
        self.report(FeaturesEncoded(done=done, whole=whole))

    def train(self, stage: Stage, folder: Path) -> None:
        train(stage, folder, self.parts.accelerator, self.report, self.is_stopped)

"""A run, as a job: the engine tunes in its own process, in the run's folder, and is resumed there after whatever."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from core import events
from core.errors import RunError
from core.records.jobs import Claimed
from core.records.payloads import Plug, Tune
from core.records.progress import Progress
from core.records.runs import runs
from core.records.tables import Run
from worker.context import Hands
from worker.engine import ENGINE, reached, resumed, write_settings
from worker.follow_file import Lines
from worker.meters import Meters
from worker.supervise import settle, supervise


def tune(hands: Hands, claimed: Claimed) -> None:
    _carry_out(hands, claimed, Tune.parse(claimed.payload, "payload"), partial(arguments, hands))


def arguments(hands: Hands, run: Run, folder: Path) -> list[str]:
    """The command that begins the run, or goes on with what an earlier try left."""
    file = hands.place.runs / f"{run.key}.yaml"
    write_settings(file, runs.settings_here(hands.place, run))
    return ["tune", str(file), "--out", str(folder), *resumed(folder)]


def finished(hands: Hands, run: Run, folder: Path) -> dict[str, Any] | None:
    """Keeps the figures and shares the files, where the run came to its end."""
    file = folder / "metrics.json"
    if not file.is_file():
        return None
    metrics = json.loads(file.read_text())
    hands.insist(lambda: runs.set_metrics(hands.database, run.id, metrics))
    hands.insist(lambda: runs.keep(hands.database, hands.place, run))
    return {"run": run.id}


def plug(hands: Hands, claimed: Claimed) -> None:
    """A run whose VLM is that of an older one, with another TSM."""
    payload = Plug.parse(claimed.payload, "payload")
    old = runs.named_run(hands.database, claimed.project_id, payload.of)

    def command(run: Run, folder: Path) -> list[str]:
        source = runs.run_folder(hands.database, hands.place, old)
        return ["plug", str(source), "--out", str(folder), "--tsm", payload.tsm, *resumed(folder)]

    _carry_out(hands, claimed, payload, command)


def _carry_out(hands: Hands, claimed: Claimed, payload: Tune, command: Callable[[Run, Path], list[str]]) -> None:
    run = runs.named_run(hands.database, claimed.project_id, payload.run)
    if run.job_id != claimed.id:
        raise RunError(f"Job {claimed.id} names a run that another job carries out. Queue a run of its own.")
    folder = hands.place.runs / run.key
    telling = Telling(hands, run, folder)
    ended = supervise(hands, claimed, ENGINE, command(run, folder), telling, telling.meters.watch)
    settle(hands, claimed, ended, lambda: finished(hands, run, folder))


class Telling:
    """Follows a run's events.jsonl; where its rows begin again from the first line, nothing is written twice."""

    def __init__(self, hands: Hands, run: Run, folder: Path) -> None:
        self.hands = hands
        self.run = run
        self.folder = folder
        self.meters = Meters()
        self._lines = Lines(folder / "events.jsonl")
        self._has_settings = False
        self._reached = ""

    def __call__(self, printed: Sequence[str]) -> Progress:
        self._take_settings()
        news = Progress()
        while lines := self._lines.next():
            runs.take_events(self.hands.database, self.run.id, self._lines.number, lines)
            self._lines.pass_by(lines)
            for line in lines:
                news = news.after(progress_of(line))
        if (at := reached(self.folder)) != self._reached:
            self._reached = at
            news = news.after(Progress(reached=at))
        return news.after(self.meters.read())

    def _take_settings(self) -> None:
        file = self.folder / "settings.yaml"
        if not self._has_settings and file.is_file():
            values = yaml.safe_load(file.read_text(encoding="utf-8"))
            if isinstance(values, dict):  # else it is being written just now
                runs.set_settings(self.hands.database, self.run.id, values)
                self._has_settings = True


def progress_of(line: str) -> Progress:
    """What a line of events.jsonl says about how far the run is; nothing where it can't be read."""
    match events.parse(line):
        case events.Step() as step:
            return Progress(
                done=step.step,
                whole=step.steps,
                seconds_left=step.all_stages_seconds_left,
                stage_seconds_left=step.seconds_left,
                images_per_second=step.images_per_second,
                memory_gib=step.memory_gib,
                text=f"{step.stage}, step {step.step} of {step.steps}",
            )
        case events.FeaturesEncoded(done=done, whole=whole):
            return Progress(done=done, whole=whole, seconds_left=None, text="Encoding images")
        case events.CasesRead(done=done, whole=whole, split=split):
            return Progress(done=done, whole=whole, seconds_left=None, text=f"Reading {split} cases")
    return Progress()

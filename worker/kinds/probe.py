"""Probing a finished run, as a job: the engine asks its readers, and what came of it is kept with the run."""

from __future__ import annotations

import json
from typing import Any

from core.records import jobs
from core.records.jobs import Claimed
from core.records.payloads import Probe
from core.records.progress import Progress
from core.records.runs import runs
from core.records.runs.outcomes import Probed
from core.records.sets.versions import version_folder
from worker.context import Hands
from worker.engine import ENGINE
from worker.supervise import settle, supervise


def probe(hands: Hands, claimed: Claimed) -> None:
    payload = Probe.parse(claimed.payload, "payload")
    run = runs.named_run(hands.database, claimed.project_id, payload.run)
    folder = runs.run_folder(hands.database, hands.place, run)
    images = version_folder(hands.place, run.version)
    jobs.progress(hands.database, claimed, Progress(text="Probing the readers"))
    arguments = ["probe", str(folder), "--images", str(images), "--cases", str(payload.cases)]
    ended = supervise(hands, claimed, ENGINE, arguments, lambda printed: Progress())

    def finish() -> dict[str, Any]:
        probes = json.loads((folder / "probes.json").read_text(encoding="utf-8"))
        hands.insist(lambda: runs.keep(hands.database, hands.place, run))
        return Probed(run=run.id, probes=probes).plain()

    settle(hands, claimed, ended, finish)

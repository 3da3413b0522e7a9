"""What people ask of a run: an estimate before it, its export and another TSM after it. Real workers and engines."""

from __future__ import annotations

import json
import zipfile

import pytest
import yaml

from core.errors import RunError
from core.records import jobs
from core.records.runs import runs
from core.records.runs.exports import export_file, exports, queue_export
from core.records.runs.outcomes import Estimated, outcome
from core.records.runs.probes import probings, queue_probing
from core.records.tables import Job
from tests.worker.conftest import Studio

pytestmark = pytest.mark.slow


def ended(studio: Studio, job_id: int) -> Job:
    def has_ended() -> bool:
        return jobs.job(studio.database, studio.who, job_id).state in ("done", "failed")

    studio.until(has_ended, f"the end of job {job_id}")
    return jobs.job(studio.database, studio.who, job_id)


def test_a_finished_run_can_be_taken_away_and_takes_another_tsm(studio: Studio) -> None:
    database, place, who = studio.database, studio.place, studio.who
    run = studio.queue(training={"steps": 2, "evaluate_every": 2})
    with pytest.raises(RunError, match="not finished"):
        queue_export(database, place, who, run.id)
    studio.work()
    studio.work("intake")
    assert studio.until_state(run, "done", "failed").error is None
    job_id = queue_export(database, place, who, run.id, is_merged=True)
    probing = queue_probing(database, place, who, run.id, 5)
    plugged = runs.queue_plug(database, place, who, run.id, "convnet")
    assert ended(studio, job_id).error is None
    (told,) = exports(database, who, run.id)
    zipped = export_file(database, place, who, job_id)
    assert (told.job_id, told.is_merged) == (job_id, True) and told.outcome is not None
    assert told.outcome.size == zipped.stat().st_size
    assert (told.outcome.largest_difference_in_probability or 0) < 1e-3
    with zipfile.ZipFile(zipped) as held:
        names = set(held.namelist())
        assert [name for name in names if str(place.data).encode() in held.read(name)] == []
        images = yaml.safe_load(held.read("settings.yaml"))["images"]
    assert images == runs.run(database, who, run.id).settings["images"], "which the studio finds by what is in it"
    assert {"adapter/adapter_model.safetensors", "connector.safetensors", "labels.json", "tsm/tsm.json"} <= names
    assert "merged/model.safetensors" in names and not any(name.endswith((".bin", ".pt", ".pkl")) for name in names)
    assert ended(studio, probing).error is None
    (probed,) = probings(database, who, run.id)
    assert probed.outcome is not None and probed.outcome.run == run.id
    (of_set,) = probed.outcome.probes["sets"].values()
    assert of_set["cases"] == 5 and {"vlm", "vitask+tsm"} <= set(of_set["presence"]["readers"])
    assert json.loads((runs.run_folder(database, place, run) / "probes.json").read_text()) == probed.outcome.probes
    assert studio.until_state(plugged, "done", "failed").error is None
    view = runs.run(database, who, plugged.id)
    assert view.copy_of == run.id and {"tsm", "vitask", "vitask+tsm"} <= set(view.figures)


def test_an_estimate_comes_from_a_real_step_on_the_version(studio: Studio) -> None:
    run = studio.queue()  # so that there is a version
    studio.work("intake")
    settings = {name: value for name, value in run.settings.items() if name != "images"}
    job_id = runs.queue_estimate(studio.database, studio.place, studio.who, run.version_id, settings)
    job = ended(studio, job_id)
    estimate = outcome(job, Estimated)
    assert job.error is None and estimate is not None
    assert estimate.seconds > 0 and estimate.memory_gib > 0
    assert set(estimate.steps) >= {"stage-1", "stage-2"}

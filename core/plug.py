"""Plugging in another TSM after tuning: the VLM and its adapters stay as they are.

A TSM of the same width that was started from the old one plugs straight in; any other gets a new connector, trained
alone. The new TSM by itself is always measured beside it: in the paper that row is missing.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from core.catalog import TSMS
from core.errors import RunError, SettingsError
from core.exemplar import Exemplars
from core.folder import Event, Folder
from core.method import Plan, StagePlan
from core.opened import Opened, load_tsm, open_run
from core.response import Wanted
from core.run import Running, finish, known_cases, start, train_tsm
from core.runfile import Run, make_run
from core.tsm import Tsm, read_saved
from core.tuning import vlm_stage

Connector = Literal["keep", "train"]
STAGE = "connector"


def plug(
    path: Path,
    tsm: str,
    out: Path,
    images: str | None = None,
    connector: Connector | None = None,
    watch: Callable[[Event], None] = lambda event: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """A new run folder with the old VLM and the new TSM; returns its figures."""
    opened = open_run(path)
    if not opened.run.plan.needs.tsm or len(opened.tsms) != 1:
        raise RunError(f"The run in {path} does not read with the exemplar of one TSM, so there is none to replace.")
    run = _with_tsm(opened.run, tsm, images)
    running = start(run, out, False, watch, is_stopped, opened.tuned.vlm)
    new = _trained(running, tsm, opened.tsms[0])
    if connector == "keep" and new.width != opened.tsms[0].width:
        raise SettingsError(
            f"The new TSM's feature is {new.width} wide, the old one's {opened.tsms[0].width}, so the connector "
            "does not fit. Leave --connector out to have a new one trained."
        )
    tuned, cases = opened.tuned, known_cases(running, [new])
    is_kept = connector == "keep" or (connector is None and _is_descended(tsm) and new.width == opened.tsms[0].width)
    if not is_kept:
        tuned.exemplars = Exemplars([new.width], tuned.vlm.hidden_size).to(tuned.vlm.device)
        plan = _connector_stage(run.plan)
        settings = run.settings
        running.train(
            vlm_stage(
                plan,
                tuned,
                cases,
                [reader for reader in run.plan.readers if reader.with_exemplar],
                settings.training,
                settings.seed,
                settings.reading.batch_size,
                running.accelerator,
                is_adapter_tuned=False,
            ),
            running.folder.stage(STAGE),
        )
    _copy_adapters(opened, running.folder)
    assert tuned.exemplars is not None
    tuned.exemplars.save(running.folder.connector)
    running.report({"kind": "plugged", "connector": "kept" if is_kept else "trained"})
    return finish(running, tuned, cases, [new])


def _with_tsm(run: Run, tsm: str, images: str | None) -> Run:
    """The old run's settings with the new TSM's, on the images that are wanted."""
    block = {"name": tsm}
    if Path(tsm).is_dir():
        block = dict(read_saved(Path(tsm)).settings)
    elif tsm not in TSMS:
        raise SettingsError(
            f'"{tsm}" is neither the folder of a trained TSM nor one of {", ".join(TSMS)}. Give one of the two.'
        )
    values = run.settings.model_dump(mode="json") | {"tsm": block}
    return make_run(values | ({"images": images} if images else {}))


def _trained(running: Running, tsm: str, old: Tsm) -> Tsm:
    """The TSM from its folder, or a new one trained from the old one where they are of a kind."""
    if Path(tsm).is_dir():
        new = load_tsm(Path(tsm)).to(running.accelerator.device)
        if new.answers != old.answers:
            raise RunError(
                f"The TSM in {tsm} knows {new.answers} answers, and the run {old.answers}. Train it on the run's."
            )
        new.save(running.folder.tsm(0))
        return new
    start_from = old if tsm == old.settings.name else None
    return train_tsm(running, 0, start_from)


def _is_descended(tsm: str) -> bool:
    """A TSM trained here by the old one's name began with the old one's weights; a folder tells nothing of that."""
    return not Path(tsm).is_dir()


def _connector_stage(plan: Plan) -> StagePlan:
    last = plan.stages[-1]
    return replace(last, name=STAGE, wanted=Wanted({"ep": 1.0}), trains_exemplars=True)


def _copy_adapters(opened: Opened, folder: Folder) -> None:
    for name in dict.fromkeys(stage.adapter for stage in opened.run.plan.stages):
        shutil.copytree(opened.folder.adapter(name), folder.adapter(name), dirs_exist_ok=True)

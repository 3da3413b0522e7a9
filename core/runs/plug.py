"""Plugging in another TSM after tuning: the VLM and its adapters stay as they are.

A TSM of the same width that was started from the old one plugs straight in; any other gets a new connector, trained
alone. The new TSM by itself is always measured beside it: in the paper that row is missing. Nothing is measured, and
nothing chosen by, that the VLM, or a TSM that comes from elsewhere, learned from before.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch

from core.case import Case, Split
from core.catalog import TSMS
from core.errors import DataError, RunError, SettingsError
from core.events import Plugged, Report
from core.layouts.question import Question
from core.machine import hold
from core.models.exemplar import Exemplars
from core.models.seeing_tsm import refuse_other_eyes
from core.models.tsm import Tsm, read_saved
from core.models.vlm import Vlm
from core.runs.described import known_cases, train_tsm
from core.runs.folder import Folder, as_begun
from core.runs.learned import NOT_KNOWN, VLM_NOT_KNOWN, keep_before, learned, learned_before, learned_by_tsm
from core.runs.opened import Opened, load_tsm, open_run
from core.runs.prepare import open_images
from core.runs.rivals import FEWEST_VALIDATED
from core.runs.runfile import Run, make_run
from core.runs.running import Running
from core.runs.tune import finish, judge_sharing, save_beside, seen_by_heads, start
from core.sets.joint import Item
from core.sets.learned_from import Learned, Unlearned, read_learned, unlearned, write_learned
from core.sets.split import NOT_LOOKED_FOR
from core.training.method import Plan, StagePlan
from core.training.response import Tuned
from core.training.terms import aided_response
from core.training.vlm_stage import RunCases, vlm_stage
from core.training.wanted import Wanted

Connector = Literal["keep", "train"]
STAGE = "connector"
LEARNER = "the VLM or a TSM that it reads with"


@dataclass(frozen=True)
class _Fresh:
    """The test and validation cases that neither the VLM nor a given TSM had learned from before; nothing of either
    where that can't have been."""

    tests: Unlearned | None = None
    choosing: Unlearned | None = None
    validated: Sequence[Item] = ()
    """All validation cases of the run."""

    @cached_property
    def suffices(self) -> bool:
        """Whether enough validation cases of each set are left to choose by."""
        left = {_named(case) for case in self.choosing.cases} if self.choosing else set()
        counts = dict.fromkeys((item.set for item in self.validated), 0)
        for item in self.validated:
            counts[item.set] += _named(item.case) in left
        return all(count >= FEWEST_VALIDATED for count in counts.values())

    def words(self) -> list[str]:
        """What was left out of what."""
        words = [] if self.tests is None else [self.tests.words("test cases", LEARNER)]
        if self.choosing is None or not self.choosing.left_out:
            return words
        if self.suffices:
            return [*words, self.choosing.words("validation cases, by which is chosen", LEARNER)]
        return [
            *words,
            f"{self.choosing.left_out:,} of {len(self.validated):,} validation cases show what {LEARNER} learned from, "
            "or its patients. Without them too few would be left to choose by, so what was chosen by validation cases "
            "suits these too well.",
        ]

    def of(self, cases: RunCases) -> RunCases:
        """The run's cases, of which no others are tested, and where these suffice no others chosen by."""
        left: dict[Split | None, Unlearned | None] = {"test": self.tests}
        if self.suffices:
            left["val"] = self.choosing
        kept = {split: {_named(case) for case in fresh.cases} for split, fresh in left.items() if fresh is not None}

        def is_kept(case: Case) -> bool:
            return case.split not in kept or _named(case) in kept[case.split]

        items = [
            item if is_kept(item.case) else replace(item, case=replace(item.case, split=None)) for item in cases.items
        ]
        return replace(cases, items=items)


def _named(case: Case) -> tuple[str, str]:
    return case.id, case.pixels.digest()


def plug(
    path: Path,
    tsm: str,
    out: Path,
    images: str | None = None,
    connector: Connector | None = None,
    watch: Report = lambda event: None,
    is_stopped: Callable[[], bool] = lambda: False,
    is_resumed: bool = False,
) -> dict[str, Any]:
    """A new run folder with the old VLM and the new TSM; returns its figures."""
    opened = open_run(path)
    old = _replaced(opened)
    run = as_begun(_with_tsm(opened, tsm, images), out)
    given = _given(tsm, old, opened.tuned.vlm, connector) if Path(tsm).is_dir() else None
    before = learned(opened.folder)
    known = before if images else learned_before(opened.folder)
    known |= learned_by_tsm(Path(tsm)) if given else Learned()
    fresh = _fresh(run, known)
    with hold.released(out):
        running = start(run, out, is_resumed, watch, is_stopped, opened.tuned.vlm)
        return _plugged(opened, running, tsm, given, connector, before, fresh, _notes(known, fresh))


def _fresh(run: Run, known: Learned) -> _Fresh:
    """All cases are where nothing is known that could have been learned from."""
    if not known.pictures:
        return _Fresh()
    joint_set = open_images(run)
    tests, validated = (joint_set.items(split) for split in ("test", "val"))
    measured = unlearned([item.case for item in tests], known)
    if tests and not measured.cases:
        raise DataError(
            "The VLM or its TSM learned from every test case of these images before, or from other pictures of its "
            "patient, so nothing could be measured. Give images that neither ever saw."
        )
    return _Fresh(measured, unlearned([item.case for item in validated], known), validated)


def _notes(known: Learned, fresh: _Fresh) -> list[str]:
    """For the card, which tells of no folder on this machine."""
    not_known = [doubt for doubt in known.doubts if doubt in NOT_KNOWN.doubts]
    return [*fresh.words(), *not_known, *(VLM_NOT_KNOWN.doubts if len(not_known) < len(known.doubts) else ())]


def _plugged(
    opened: Opened,
    running: Running,
    tsm: str,
    given: Tsm | None,
    connector: Connector | None,
    before: Learned,
    fresh: _Fresh,
    notes: Sequence[str],
) -> dict[str, Any]:
    """`before` is what the run learned from that the VLM is taken from."""
    old = opened.tsms[0]
    running.folder.plugged.write_text(json.dumps({"run": str(opened.folder.path), "tsm": tsm}) + "\n")
    keep_before(running.folder, before)
    goes_on = tsm == old.settings.name
    new = _placed(running, given, Path(tsm)) if given else _trained(running, old if goes_on else None, before)
    fits = _refuse_misfit(new.width, old, connector)
    tuned = opened.tuned
    cases = fresh.of(seen_by_heads(running, tuned, known_cases(running, [new])))
    # One trained here by the old one's name began with the old one's weights; a folder tells nothing of that.
    is_kept = fits and (connector == "keep" or (connector is None and goes_on))
    if not is_kept:
        torch.manual_seed(running.run.settings.seed)
        tuned.exemplars = Exemplars([new.width], tuned.vlm.hidden_size).to(tuned.vlm.device)
    judge_sharing(running, tuned, cases, running.run.plan.stages[-1])
    if not is_kept:
        _train_connector(running, tuned, cases)
    hold.check(running.folder.path)
    _copy_adapters(opened, running.folder)
    save_beside(tuned, running.folder)
    running.report(Plugged(connector="kept" if is_kept else "trained"))
    return finish(running, tuned, cases, [new], notes)


def _replaced(opened: Opened) -> Tsm:
    """The TSM that gives place, refused where there is not exactly one."""
    place, count = opened.folder.path, len(opened.tsms)
    if not (opened.run.plan.needs.tsm and opened.run.plan.needs.exemplars):
        raise RunError(
            f"The run in {place} does not read with the exemplar of a TSM, so there is none to replace. "
            "Choose a run whose method shows exemplars."
        )
    if count > 1:
        raise RunError(
            f"The run in {place} reads with the exemplars of {count} TSMs, and only a single one can be replaced. "
            "Tune anew with the TSMs that are wanted: “vitask tune”."
        )
    return opened.tsms[0]


def _with_tsm(opened: Opened, tsm: str, images: str | None) -> Run:
    """The old run's settings with the new TSM's, on the images that are wanted, under the old question."""
    old = opened.tsms[0].settings
    if Path(tsm).is_dir():
        block = dict(read_saved(Path(tsm)).settings)
    elif tsm in TSMS:
        block = old.model_dump(mode="json") if tsm == old.name else {"name": tsm}
    else:
        raise SettingsError(
            f'"{tsm}" is neither the folder of a trained TSM nor one of {", ".join(TSMS)}. Give one of the two.'
        )
    values = opened.run.settings.model_dump(mode="json") | {"tsm": block}
    if images:
        if len(opened.tasks) > 1:
            raise RunError("The run was tuned on several sets at once. Leave --images out to train on all of them.")
        # Columns and limits were those of the old files: of them only the question is put again. Near copies, which an
        # old run did not look for, are looked for.
        task = next(iter(opened.tasks.values())).model_dump(mode="json", include=set(Question.model_fields))
        split = values["split"] | dict.fromkeys(NOT_LOOKED_FOR, True)
        values |= {"images": images, "task": task, "limit": {}, "split": split}
    return make_run(values)


def _given(tsm: str, old: Tsm, vlm: Vlm, connector: Connector | None) -> Tsm:
    """A TSM that was trained elsewhere, refused before anything is made where it can't be used."""
    new = load_tsm(Path(tsm), vlm)
    refuse_other_eyes(read_saved(Path(tsm)), vlm)
    if new.answers != old.answers:
        raise RunError(
            f"The TSM in {tsm} knows {new.answers} answers, and the run {old.answers}. Train it on the run's."
        )
    _refuse_misfit(new.width, old, connector)
    return new


def _refuse_misfit(width: int, old: Tsm, connector: Connector | None) -> bool:
    """Whether the old connector fits; an error where it doesn't and is to be kept."""
    if width != old.width and connector == "keep":
        raise SettingsError(
            f"The new TSM's feature is {width} wide, the old one's {old.width}, so the connector does not fit. "
            "Leave --connector out to have a new one trained."
        )
    return width == old.width


def _placed(running: Running, given: Tsm, source: Path) -> Tsm:
    """With what it learned from, where that is known."""
    if running.is_first:
        folder = running.folder.tsm(0)
        given.save(folder)
        if (kept := read_learned(source)) is not None:
            write_learned(folder, kept)
    return given.to(running.parts.accelerator.device)


def _trained(running: Running, old: Tsm | None, before: Learned) -> Tsm:
    return train_tsm(running, 0, old, before if old else Learned())


def _train_connector(running: Running, tuned: Tuned, cases: RunCases) -> None:
    settings = running.run.settings
    plan = _connector_stage(running.run.plan, tuned.vlm.shares_prefix)
    stage = vlm_stage(
        plan,
        tuned,
        cases,
        [reader for reader in running.run.plan.readers if reader.with_exemplar],
        settings.training,
        settings.seed,
        settings.reading.batch_size,
        running.parts.accelerator,
        is_adapter_tuned=False,
    )
    running.train(stage, running.folder.stage(STAGE))


def _connector_stage(plan: Plan, is_shared: bool) -> StagePlan:
    wanted = Wanted({"ep": 1.0}, lambda: {"ep": aided_response()}, is_shared)
    return replace(plan.stages[-1], name=STAGE, wanted=wanted, trains_exemplars=True, heads=())


def _copy_adapters(opened: Opened, folder: Folder) -> None:
    for name in dict.fromkeys(stage.adapter for stage in opened.run.plan.stages):
        shutil.copytree(opened.folder.adapter(name), folder.adapter(name), dirs_exist_ok=True)

"""Probes of a run, as the page shows them and as programs are told of them."""

from __future__ import annotations

import re

import gradio as gr
import pytest

from app.pages.runs.acts import cancel_probes, probe_run, run_probes
from app.pages.runs.probing import ProbingTab, lay_out
from core.errors import CoreError, RunError, SettingsError
from core.readings.probe_figures import probe_figures
from core.records import jobs
from core.records.audit import entries
from core.records.erasing import erasing_sets
from core.records.runs.outcomes import Probed
from core.records.sets import sets
from core.statistics.ends import INTERVALS
from tests.app.furnished import Furnished, furnish
from tests.readings.test_probe_figures import BLIND, LEANINGS, PROBED, SCORES


@pytest.fixture
def room(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    return furnish(tmp_path_factory.mktemp("room"))


@pytest.fixture
def tab() -> ProbingTab:
    with gr.Blocks():
        return ProbingTab(lay_out())


def shown_of(tab: ProbingTab, room: Furnished) -> str:
    return str(tab.show(room.visit(), room.run_id)[tab.parts.probings])


def carry_out(room: Furnished, job_id: int) -> None:
    """As a worker leaves it."""
    claimed = jobs.claim(room.studio.database, job_id, "test")
    assert claimed is not None
    figures = probe_figures(PROBED, SCORES, BLIND, LEANINGS, 20, 0)
    probes = {"intervals": INTERVALS, "sets": {"pets <1>": figures}, "notes": ["Mind <the> gap."], "seconds": 65.0}
    jobs.finish(room.studio.database, claimed, Probed(run=room.run_id, probes=probes).plain())


def test_a_probing_is_asked_for_and_its_figures_are_shown(tab: ProbingTab, room: Furnished) -> None:
    assert "have not been probed" in shown_of(tab, room)
    assert "waiting" in str(tab.begin(room.visit(), room.run_id, 12)[tab.parts.probings])
    (waiting,) = run_probes(room.visit(), room.run_id)
    assert (waiting["state"], waiting["probes"]) == ("waiting", None)
    carry_out(room, waiting["job"])
    shown = shown_of(tab, room)
    assert "Composition: which of two captions is likelier (3 cases" in shown and "waiting" not in shown
    assert "Took 65 s" in shown
    assert re.search(r"1\.000 \[0\.\d{3}, 1\.000\]", shown), "all of few is not certain"
    assert (
        "1.000 (no interval: too few cases" in shown
        and "arXiv 2605.05810" in shown
        and "Mind &lt;the&gt; gap." in shown
    )
    (done,) = run_probes(room.visit(), room.run_id)
    assert done["probes"]["sets"]["pets <1>"]["presence"]["questions"] == 4
    assert entries(room.studio.database, room.who, room.visit().project)[0].action == "probe run"


def test_the_last_figures_stay_below_a_probing_that_failed(tab: ProbingTab, room: Furnished) -> None:
    carry_out(room, probe_run(room.visit(), room.run_id, 12))
    claimed = jobs.claim(room.studio.database, probe_run(room.visit(), room.run_id, 12), "test")
    assert claimed is not None
    jobs.fail(room.studio.database, claimed, "The disk is full. <Free> some space.")
    shown = shown_of(tab, room)
    assert shown.index("The disk is full. &lt;Free&gt; some space.") < shown.index("Composition")


def test_a_run_that_is_not_finished_offers_no_probing(tab: ProbingTab, room: Furnished) -> None:
    parts, waiting = tab.parts, room.queue("Second")
    for run_id, is_offered in ((waiting, False), (room.run_id, True), (None, False)):
        shown = tab.show(room.visit(), run_id)
        assert shown[parts.asking]["visible"] is is_offered
        assert ("Only a finished run can be probed" in shown[parts.probings]) is not is_offered


def test_a_run_whose_images_were_erased_says_why_it_is_not_probed_and_keeps_its_figures(
    tab: ProbingTab, room: Furnished
) -> None:
    carry_out(room, probe_run(room.visit(), room.run_id, 12))
    set_id = sets.version(room.studio.database, room.who, room.version_id).set_id
    erasing_sets.erase_set(room.studio.database, room.studio.place, room.who, set_id)
    shown = tab.show(room.visit(), room.run_id)
    assert shown[tab.parts.asking]["visible"] is False
    assert "images were erased" in shown[tab.parts.probings] and "Composition" in shown[tab.parts.probings]


def test_only_a_finished_run_is_probed_on_a_number_of_cases(room: Furnished, tab: ProbingTab) -> None:
    with pytest.raises(RunError, match="not finished"):
        probe_run(room.visit(), room.queue("Second"), 12)
    with pytest.raises(SettingsError, match="cases"):
        probe_run(room.visit(), room.run_id, 0)
    with pytest.raises(CoreError, match="No run is chosen"):
        tab.begin(room.visit(), None, 12)
    assert run_probes(room.visit(), room.run_id) == []


def test_probings_are_cancelled_whether_they_wait_or_are_carried_out(tab: ProbingTab, room: Furnished) -> None:
    carry_out(room, probe_run(room.visit(), room.run_id, 12))
    assert tab.show(room.visit(), room.run_id)[tab.parts.cancel]["visible"] is False
    at_work, waits = (probe_run(room.visit(), room.run_id, 12) for _ in range(2))
    claimed = jobs.claim(room.studio.database, at_work, "test")
    assert claimed is not None
    assert tab.show(room.visit(), room.run_id)[tab.parts.cancel]["visible"] is True
    shown = tab.cancel(room.visit(), room.run_id)
    assert jobs.stored(room.studio.database, waits).state == "cancelled"
    assert jobs.renew(room.studio.database, claimed) == "cancel" and shown[tab.parts.cancel]["visible"] is True
    assert "cancelling" in shown[tab.parts.probings] and "Composition" in shown[tab.parts.probings]
    jobs.cancelled(room.studio.database, claimed)
    assert tab.show(room.visit(), room.run_id)[tab.parts.cancel]["visible"] is False
    with pytest.raises(RunError, match="nothing to cancel"):
        cancel_probes(room.visit(), room.run_id)

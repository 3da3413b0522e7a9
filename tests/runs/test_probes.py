"""A finished run is probed: every reader answers, and what came of it lies in the folder, the card and the export."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from core.cli.main import main
from core.readings.probe_figures import NOTES
from core.runs.export import export
from core.runs.folder import Folder
from core.runs.opened import open_run
from core.runs.probes import CHANGED, probe, with_other_pictures
from core.sets.sentences import CaptionPair, CaseProbes, PresenceQuestion
from core.statistics.ends import INTERVALS
from tests import run_files
from tests.sets.test_facts import case_of

READERS = ["vlm", "vanilla", "vitask", "vitask+tsm"]


def called(capsys: pytest.CaptureFixture[str], code: int, *arguments: object) -> tuple[str, str]:
    capsys.readouterr()
    assert main(["probe", *(str(argument) for argument in arguments)]) == code
    captured = capsys.readouterr()
    return captured.out, captured.err


@pytest.fixture(scope="module")
def run(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that may be changed."""
    return shutil.copytree(finished, tmp_path_factory.mktemp("probed") / "run")


def test_every_vlm_reader_is_probed_and_the_same_is_said_again(run: Path) -> None:
    events: list[Any] = []
    probes = probe(open_run(run), watch=events.append)
    (of_set,) = probes["sets"].values()
    assert list(of_set["composition"]["readers"]) == list(of_set["presence"]["readers"]) == READERS
    assert list(of_set["composition"]["blind"]) == READERS
    # Class folders have labels and nothing else: a label that is there and one that is not, of each case.
    assert of_set["composition"]["pairs"] == {"all": 2 * of_set["cases"], "negation": 2 * of_set["cases"]}
    assert of_set["presence"]["questions"] == 3 * of_set["cases"]
    assert {"vanilla - vlm", "vitask - vlm"} <= set(of_set["presence"]["differences"])
    assert json.loads(Folder(run).probes.read_text())["sets"] == probes["sets"]
    assert events[-1].done == events[-1].whole == of_set["cases"]
    assert probe(open_run(run))["sets"] == probes["sets"] and probes["intervals"] == INTERVALS


def test_the_control_puts_every_pair_before_a_picture_of_another_case() -> None:
    pairs = [(CaptionPair("size", f"{number} large", f"{number} small"),) for number in range(9)]
    question = PresenceQuestion("eye", True, "Is there an eye?", "Is there no eye?")
    probed = [CaseProbes(case_of(name=str(number)), pairs[number], (question,)) for number in range(9)]
    other = with_other_pictures(probed, 3)
    assert [probes.pairs for probes in other] == pairs and not any(probes.questions for probes in other)
    shown = [probes.case.id for probes in other]
    assert sorted(shown) == [probes.case.id for probes in probed]
    assert not any(probes.case.id == before.case.id for probes, before in zip(other, probed, strict=True))
    assert shown == [probes.case.id for probes in with_other_pictures(probed, 3)]


def test_what_came_of_it_is_in_the_card_once_and_leaves_with_the_run(run: Path, tmp_path: Path) -> None:
    before = Folder(run).card.read_text().partition("\n\n## Probes\n")[0]
    probe(open_run(run), most=3)
    probe(open_run(run), most=4)
    card = Folder(run).card.read_text()
    assert card.startswith(before) and card.count("## Probes") == card.count("## Limits") == 1
    assert "(4 cases" in card and "(3 cases" not in card and NOTES[1] in card
    assert card.index("## Figures") < card.index("## Probes") < card.index("## Limits")
    export(run, tmp_path / "taken", is_merged=False)
    assert json.loads((tmp_path / "taken" / "probes.json").read_text())["most_cases"] == 4


def test_the_command_tells_people_and_programs(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, _ = called(capsys, 0, run, "--cases", 3, "--size", 0.5)
    assert "**Presence questions asked both ways (3 cases, 9 pairs)**" in text and "arXiv 2605.05810" in text
    out, _ = called(capsys, 0, run, "--cases", 3, "--json")
    probes = json.loads(out)
    assert probes["margins"] == {"middle": 0.05, "size": 0.1} and probes["most_cases"] == 3
    assert "middle" in called(capsys, 2, run, "--middle", 0.7)[1]
    assert "Known: shades" in called(capsys, 2, run, "--question", "other")[1]


def test_images_that_were_moved_are_named_and_changed_ones_are_told(
    run: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = shutil.copytree(run, tmp_path / "run")
    settings = (lost / "settings.yaml").read_text()
    (lost / "settings.yaml").write_text(settings.replace(str(images), str(tmp_path / "gone")))
    assert "gone" in called(capsys, 2, lost)[1]
    moved = shutil.copytree(images, tmp_path / "elsewhere")
    assert json.loads(called(capsys, 0, lost, "--images", moved, "--cases", 3, "--json")[0])["notes"] == []
    other = run_files.draw(tmp_path / "other", seed=5)
    assert json.loads(called(capsys, 0, lost, "--images", other, "--cases", 3, "--json")[0])["notes"] == [CHANGED]


def test_a_folder_that_is_no_finished_run_is_told(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = shutil.copytree(finished, tmp_path / "run")
    shutil.rmtree(begun / "adapter")
    assert "is not finished" in called(capsys, 2, begun)[1]

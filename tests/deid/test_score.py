"""The printed score finds what leaks and what is lost, and the de-identification passes it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from core.cli.main import main
from core.deid import score as scoring
from core.deid.planted import plant
from core.deid.score import CATEGORIES, score
from core.deid.upload import deidentify


@pytest.mark.slow
def test_the_drawn_set_is_de_identified_without_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["set", "check", "--deid", "--json"]) == 0
    scored = json.loads(capsys.readouterr().out)
    assert scored["failed"] == []
    assert list(scored["categories"]) == list(CATEGORIES)
    assert all(row["passed"] == row["total"] > 100 for row in scored["categories"].values())


def test_files_that_are_only_copied_fail_in_every_category_of_persons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "deidentify", lambda source, target, *_: shutil.copytree(source, target))
    monkeypatch.setattr(scoring, "RUNS", {"copying": scoring.RUNS["the basic profile"]})
    scored = score(tmp_path, people=1)
    names = ("text removed", "dates shifted", "uids consistent", "patient ids consistent")
    assert {name: scored.passed[name] for name in names} == dict.fromkeys(names, 0)
    assert not scored.is_good_enough()


def test_a_file_that_is_missing_counts_as_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def loses_one(source: Path, target: Path, *more: object) -> None:
        deidentify(source, target, *more)  # type: ignore[arg-type]
        next(target.rglob("*.dcm")).unlink()

    monkeypatch.setattr(scoring, "deidentify", loses_one)
    monkeypatch.setattr(scoring, "RUNS", {"losing": scoring.RUNS["the basic profile"]})
    scored = score(tmp_path, people=1)
    assert scored.total["pixels kept"] - scored.passed["pixels kept"] == 2
    assert any(failed.startswith("text kept: Modality of") for failed in scored.failed)
    assert not scored.is_good_enough()


def test_the_same_seed_plants_the_same_set(tmp_path: Path) -> None:
    first, second = (plant(tmp_path / name, people=2) for name in "ab")
    files = [
        {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        for folder in (first.folders[0], second.folders[0])
    ]
    assert files[0] == files[1] and len(files[0]) == 10

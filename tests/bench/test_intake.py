"""The bench of the intake: what it draws is a set, and what it measures is that set taken in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.bench import intake
from core.catalog import FORMATS, every
from core.checks.check import check
from core.cli.main import main
from core.sets.open import open_set
from core.sets.version import read_version


def test_drawn_pictures_all_differ_and_are_taken_in(tmp_path: Path) -> None:
    file = intake.draw(tmp_path / "set.zip", 70, 96)
    report = check(open_set(file, {}, every(FORMATS)))
    assert report.cases == 70 and report.classes == {"a": 35, "b": 35}
    assert not [finding for finding in report.findings if "duplicate" in finding.kind and finding.severity == "error"]
    assert not [finding for finding in report.findings if finding.kind == "near_duplicate"]
    assert intake.open_and_hash(file) == len(intake.take_in(file, tmp_path).seen) == 70
    kept = read_version(tmp_path / "version", str(tmp_path / "store"))
    assert len({case.pixels.digest() for case in kept.cases}) == 70


@pytest.mark.slow
def test_sizes_are_measured_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "intake", "--pictures", "20,40", "--side", "96", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["pictures"] for row in rows] == [20, 40]
    for row in rows:
        assert row["share"] == pytest.approx(row["intake_per_core_second"] / row["bare_per_core_second"])
        assert 0 < row["share"] < 1.5 and row["peak_mib"] > 20 and row["report_seconds"] > 0

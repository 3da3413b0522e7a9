"""A search from its first picture to its ranking, through the command that other programs call."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from core.catalog import USUAL
from core.cli.main import main
from core.errors import StoppedError
from core.events import FoldDone, ModelBegun
from core.runs.runfile import make_run
from core.suspects import Settings, search
from tests import run_files

pytestmark = pytest.mark.slow
COLUMNS = ["number", "case", "set", "given", "suggested", "score", "why", "group", "neighbours", "similarities"]
SOURCES = ["cleanlab", "tsm", "neighbours", "vlm", "disagreement", "duplicates"]
MISFILED = ("dark/light-0.png", "light/dark-0.png", "light/dark-1.png")
TSM = {"least_steps": 40, "learning_rate": 0.01}
FEW = Settings(folds=3, rounds=2)


@pytest.fixture(scope="module")
def misfiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn shades, three of them in the folder of another class, and one picture there twice."""
    folder = run_files.draw(tmp_path_factory.mktemp("sets") / "misfiled", count=20)
    for wrong in MISFILED:
        right = Path(wrong).stem.split("-")[0]
        number = 10 + int(wrong[-5])
        (folder / right / f"{number}.png").rename(folder / wrong)
    Image.open(folder / "light_scar" / "3.png").save(folder / "light" / "twice.png")
    return folder


@pytest.fixture(scope="module")
def searched(misfiled: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One uninterrupted search, to be looked at and left as it is."""
    out = tmp_path_factory.mktemp("searches") / "whole"
    search(run_files.run(misfiled, checkpoint, tsm=TSM), FEW, out)
    return out


def ranking(folder: Path) -> pa.Table:
    """Every case with what speaks against its label, as the folder of a search has it."""
    return pq.read_table(folder / "suspects.parquet")


def test_misfiled_pictures_lead_the_ranking(searched: Path) -> None:
    suspects, about = ranking(searched).to_pylist(), json.loads((searched / "suspects.json").read_text())
    assert len(suspects) == 61
    assert {suspect["case"] for suspect in suspects[:5]} >= set(MISFILED)
    first = next(suspect for suspect in suspects if suspect["case"] == MISFILED[0])
    assert (first["given"], first["suggested"]) == (["dark"], ["light"])
    assert "a TSM that never saw it answers “light”" in first["why"]
    assert 1 <= about["estimated_errors"] <= 8


def test_the_table_names_every_case_by_its_place_in_the_set(searched: Path) -> None:
    table = ranking(searched)
    assert table.column_names == [*COLUMNS, "probabilities", *(f"evidence.{name}" for name in SOURCES)]
    rows = table.to_pylist()
    assert sorted(row["number"] for row in rows) == list(range(61))
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    number = {row["case"]: row["number"] for row in rows}
    for row in rows:
        values = [row["score"], *(row[f"evidence.{name}"] for name in SOURCES), *row["similarities"]]
        assert all(value is None or 0 <= value <= 1 for value in values)
        assert row["number"] not in row["neighbours"] and len(row["neighbours"]) == len(row["similarities"]) == 10
        assert sum(row["probabilities"]) == pytest.approx(1)
    twice, original = (
        next(row for row in rows if row["case"] == name) for name in ("light/twice.png", "light_scar/3.png")
    )
    assert twice["group"] == original["group"] is not None
    assert twice["evidence.duplicates"] == 1
    assert number["light_scar/3.png"] not in twice["neighbours"]
    assert all(row["evidence.disagreement"] is None for row in rows)


def test_progress_is_told_fold_by_fold(searched: Path) -> None:
    folds = [event for event in run_files.events(searched) if isinstance(event, FoldDone)]
    assert [(each.fold, each.folds, each.done, each.whole) for each in folds] == [(n, 6, n, 6) for n in range(1, 7)]
    assert folds[-1].seconds_left == 0
    begun = [event for event in run_files.events(searched) if isinstance(event, ModelBegun)]
    assert [(event.model, event.models) for event in begun] == [(number, 6) for number in range(1, 7)]


def test_a_search_that_was_stopped_goes_on_to_the_same_ranking(
    searched: Path, misfiled: Path, checkpoint: Path, tmp_path: Path
) -> None:
    run, questions = run_files.run(misfiled, checkpoint, tsm=TSM), iter(range(10_000))
    with pytest.raises(StoppedError):
        search(run, FEW, tmp_path / "out", is_stopped=lambda: next(questions) > 100)
    finished = list((tmp_path / "out").rglob("fold-*.npz"))
    assert 1 <= len(finished) < 6
    search(run, FEW, tmp_path / "out", is_resumed=True)
    resumed = [event for event in run_files.events(tmp_path / "out") if isinstance(event, FoldDone)][-6:]
    lefts = [event.seconds_left for event in resumed]
    assert lefts == [None] * len(finished) + [left for left in lefts if left is not None], "no time of models found"
    assert ranking(tmp_path / "out").equals(ranking(searched))


def test_the_command_prints_every_case_as_one_object(
    misfiled: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = run_files.values(misfiled, checkpoint, tsm=TSM) | {
        "limit": {"train": 30},
        "suspects": {"folds": 2, "rounds": 1},
    }
    file = run_files.write_run(tmp_path / "run.yaml", values)
    assert main(["suspects", str(file), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed.keys() == {"suspects", "estimated_errors"}
    assert printed["suspects"][0].keys() == {"case", "given", "suggested", "score", "evidence"}
    assert list(printed["suspects"][0]["evidence"]) == SOURCES
    assert 30 < len(printed["suspects"]) < 61
    assert list(tmp_path.iterdir()) == [file]


def test_a_run_file_need_name_no_more_than_its_images(misfiled: Path, tmp_path: Path) -> None:
    """The usual TSM and VLM, and what the run file must hold for tuning is not asked for."""
    run = make_run({**USUAL, "images": str(misfiled)})
    assert [settings.name for _, settings in run.tsms] == ["convnet"] and run.vlm.family == "starter"


def test_the_folder_of_a_run_adds_what_its_readers_say(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["suspects", str(finished), "--out", str(tmp_path / "out"), "--json"]) == 0
    suspects = json.loads(capsys.readouterr().out)["suspects"]
    heard = {row["case"] for row in suspects if row["evidence"]["disagreement"] is not None}
    from core.readings import reading
    from core.runs.folder import Folder

    kept = {row.case for split in ("val", "test") for row in reading.load(Folder(finished).readings(split))}
    assert heard == kept and 0 < len(kept) < len(suspects)


@pytest.mark.parametrize("kind", ["multi", "ordinal"])
def test_other_kinds_of_labels_are_searched_too(kind: str, checkpoint: Path, tmp_path: Path) -> None:
    if kind == "multi":
        images, more = run_files.draw_multi(tmp_path / "spots", count=60), {}
        rows = (images / "cases.csv").read_text().splitlines()
        wrong, wanted = "images/7.png", ["left spot", "right spot"]
        rows[8] = f"{wrong},"  # both spots are there
        (images / "cases.csv").write_text("\n".join(rows) + "\n")
    else:
        images = run_files.draw(tmp_path / "shades", count=20)
        more = {"task": {"kind": "ordinal", "answers": ["dark", "light scar", "light"]}}
        wrong, wanted = "dark/99.png", ["light"]
        (images / "light" / "5.png").rename(images / wrong)
    run = run_files.run(images, checkpoint, tsm=TSM | {"width": 16, "least_steps": 120}, **more)
    ranked = search(run, Settings(folds=3, rounds=1), tmp_path / "out")
    place = [Path(suspect.case).as_posix() for suspect in ranked.suspects].index(wrong)
    assert place < 3
    assert ranked.suspects[place].given == (() if kind == "multi" else ("dark",))
    assert list(ranked.suspects[place].suggested) == wanted


def test_several_sets_are_searched_with_one_tsm(misfiled: Path, images: Path, checkpoint: Path, tmp_path: Path) -> None:
    run = run_files.run([misfiled, images], checkpoint, tsm=TSM)
    ranked = search(run, Settings(folds=2, rounds=1), tmp_path / "out")
    assert {suspect.set for suspect in ranked.suspects} == {"misfiled", "shades"}
    of_second = [suspect for suspect in ranked.suspects if suspect.set == "shades"]
    assert sorted(suspect.number for suspect in of_second) == list(range(len(of_second)))
    assert all(max(suspect.neighbours) < len(of_second) for suspect in of_second)


def test_a_handful_of_cases_is_searched_too_and_a_class_of_one_is_told_of(checkpoint: Path, tmp_path: Path) -> None:
    images = run_files.draw(tmp_path / "few", count=2)
    for path in list((images / "light").iterdir())[1:]:
        path.unlink()
    run = run_files.run(images, checkpoint, tsm={"least_steps": 3})
    ranked = search(run, Settings(folds=20, rounds=1), tmp_path / "out")
    assert len(ranked.suspects) == 5 and all(0 <= suspect.score <= 1 for suspect in ranked.suspects)
    alone = next(suspect for suspect in ranked.suspects if suspect.given == ("light",))
    assert "No other case is labelled “light”" in alone.why
    assert alone.evidence["tsm"] is None and alone.evidence["cleanlab"] is not None


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    capsys.readouterr()
    assert main(["suspects", *map(str, arguments)]) == 2
    return capsys.readouterr().err


def test_what_can_be_mended_is_told_in_words(
    searched: Path, misfiled: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values: dict[str, Any] = run_files.values(misfiled, checkpoint, tsm=TSM)
    plain = run_files.write_run(tmp_path / "plain.yaml", values)
    assert "--out" in refused(capsys, plain, "--resume")
    other = run_files.write_run(tmp_path / "other.yaml", values | {"suspects": {"folds": 4}})
    assert "other settings" in refused(capsys, other, "--out", searched, "--resume")
    odd = run_files.write_run(tmp_path / "odd.yaml", values | {"suspects": {"fold": 4}})
    assert "suspects.fold is not a setting here" in refused(capsys, odd)
    none = run_files.write_run(tmp_path / "none.yaml", values | {"tsm": [], "method": {"name": "vanilla"}})
    assert "names no TSM" in refused(capsys, none)


def test_a_terminated_search_leaves_its_folds_and_goes_on(misfiled: Path, checkpoint: Path, tmp_path: Path) -> None:
    values = run_files.values(misfiled, checkpoint, tsm=TSM | {"least_steps": 150}) | {
        "suspects": {"folds": 3, "rounds": 1}
    }
    file, out = run_files.write_run(tmp_path / "run.yaml", values), tmp_path / "out"
    command = [sys.executable, "-m", "core.cli", "suspects", str(file), "--out", str(out)]
    with subprocess.Popen(command, env=os.environ, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 600
        while not list(out.rglob("fold-1.npz")) and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(600) == 0
    assert not (out / "suspects.json").exists() and list(out.rglob("fold-1.npz"))
    assert subprocess.run([*command, "--resume"], env=os.environ, capture_output=True, check=False).returncode == 0
    assert ranking(out).num_rows == 61

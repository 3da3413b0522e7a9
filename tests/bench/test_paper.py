"""The paper's experiment end to end at tiny scale: cut-down sets over a server of this machine, a tiny checkpoint."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO, StringIO
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import pytest

from core.bench import paper
from core.bench.paper_figures import PRINTED, READERS, markdown, rows_of
from core.case import SPLITS, Task
from core.cli.main import main
from core.errors import StoppedError
from core.layouts import medmnist
from core.runs.runfile import make_run
from tests import run_files
from tests.local_server import Server, serving

SETS = ("bloodmnist", "breastmnist", "chestmnist")


def cut_down(facts: medmnist.Facts, seed: int) -> bytes:
    """A file laid out as the set's own, of three cases of each class in each split."""
    drawn, arrays = np.random.default_rng(seed), dict[str, Any]()
    classes = len(facts.answers)
    for split in SPLITS:
        places = np.repeat(np.arange(classes), 3)
        labels = np.eye(classes, dtype=np.uint8)[places] if facts.kind == "multi" else places[:, None].astype(np.uint8)
        shape = (len(places), 28, 28, 3) if facts.channels == 3 else (len(places), 28, 28)
        shade = (places * 200 // classes).reshape(-1, *[1] * (len(shape) - 1))
        arrays |= {
            f"{split}_images": (shade + drawn.integers(0, 50, shape)).astype(np.uint8),
            f"{split}_labels": labels,
        }
    file = BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The cut-down sets under their published names, in a table that has their checksums."""
    contents = {facts.name: cut_down(facts, number) for number, facts in enumerate(medmnist.SETS) if facts.name in SETS}
    sets = tuple(
        replace(facts, md5=(hashlib.md5(contents[facts.name]).hexdigest(), *facts.md5[1:]))
        if facts.name in contents
        else facts
        for facts in medmnist.SETS
    )
    monkeypatch.setattr(medmnist, "SETS", sets)
    with serving({f"/sets/{name}.npz": content for name, content in contents.items()}) as listening:
        yield listening


@pytest.mark.slow
def test_the_paper_is_one_command_away(
    server: Server, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "paper"
    shorter = run_files.write_run(
        tmp_path / "shorter.yaml",
        {
            "tsm": {"width": 8, "epochs": 1, "least_steps": 2},
            "reading": {"draws": 20, "free_text": 1, "most_tokens": 2},
        },
    )
    command = ["bench", "paper", "--vlm", str(checkpoint), "--tsm", "convnet", "--sets", "blood,breast,chest"]
    command += ["--size", "28", "--limit", "28", "--mirror", f"{server.address}/sets", "--run", str(shorter)]
    assert main([*command, "--out", str(out)]) == 0
    printed, noted = capsys.readouterr()
    assert "They take at most 0.1 GB in " in noted and "Licences: CC BY 4.0" in noted
    assert noted.index("Fetching chestmnist") < noted.index("A run takes about ")
    assert printed.strip() == (out / "paper.md").read_text().strip()

    metrics = json.loads((out / "seed-0/metrics.json").read_text())
    table = list(csv.DictReader(StringIO((out / "paper.csv").read_text())))
    for name in SETS:
        readers = metrics["sets"][f"{name}_28"]["readers"]
        of_set = [row for row in table if row["set"] == name]
        assert {row["reader"] for row in of_set} == set(readers) >= {"fusion", *READERS}
        for row in of_set:
            figure = {"Accuracy": "accuracy", "Macro F1": "macro_f1", "AUROC": "auroc"}[row["figure"]]
            own = readers[row["reader"]][figure]
            assert float(row["ours"]) == own["value"]
            assert [row[end] for end in ("low", "high")] == [
                "" if own[end] is None else str(own[end]) for end in ("low", "high")
            ]
    chest = [row["paper"] for row in table if (row["set"], row["reader"]) == ("chestmnist", "vitask+tsm")]
    assert chest == ["0.517", "0.129", ""]
    assert "without pathmnist, dermamnist" in printed and "28 pixels a side; the paper's have 224" in printed
    assert "at most so many cases were taken, by class: 28 train, 28 val, 28 test" in printed
    assert "tsm.width is 8; in the recipe it is 128." in printed and "images" not in printed
    assert (out / "seed-0/settings.yaml").read_text().count("_28.npz") == 3

    requests, written = len(server.ranges), (out / "seed-0/metrics.json").stat().st_mtime_ns
    assert requests == 3
    assert main([*command, "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["set"] == "bloodmnist"
    assert (len(server.ranges), (out / "seed-0/metrics.json").stat().st_mtime_ns) == (requests, written)


def test_a_wish_to_stop_ends_a_fetch_and_what_is_there_stays(server: Server, tmp_path: Path) -> None:
    """Twelve sets take hours to fetch, and nothing is learned before all are there."""
    wanted = paper.Wanted("nowhere", sets=["blood", "breast", "chest"], size=28)
    notes = list[str]()

    def run(is_stopped: Callable[[], bool]) -> None:
        with pytest.raises(StoppedError, match=r"the sets were fetched\. Run the same command again"):
            paper.run_all(wanted, tmp_path, f"{server.address}/sets", say=notes.append, is_stopped=is_stopped)

    run(lambda: True)
    assert not list(tmp_path.rglob("*.npz")) and not server.ranges, "nothing more is begun"
    run(lambda: len(notes) > 2)  # once the first set is being fetched
    assert [path.name for path in sorted(tmp_path.rglob("*.*"))] == ["bloodmnist_28.npz.part"]
    assert "Fetching breastmnist." not in notes


def test_what_is_printed_in_the_paper_adds_up_to_its_means() -> None:
    """The last row of its table, which nobody could type wrongly in step with all the others."""
    assert list(PRINTED) == [facts.name for facts in medmnist.SETS]
    printed = {"tsm": (0.816, 0.772), "vanilla": (0.742, 0.604), "vitask": (0.806, 0.710), "vitask+tsm": (0.847, 0.771)}
    for number, reader in enumerate(READERS):
        means = [mean(row[number][place] for row in PRINTED.values()) for place in (0, 1)]
        assert means == pytest.approx(printed[reader], abs=0.0006), reader


def test_the_recipe_is_the_printed_one_and_departs_from_nothing(tmp_path: Path) -> None:
    wanted = paper.Wanted("checkpoint")
    run = make_run(wanted.values([tmp_path / "blood.npz"], 0))
    tasks = {
        facts.name: Task(modality=facts.modality, answers=facts.answers, kind=facts.kind) for facts in medmnist.SETS
    }
    assert run.departures(tasks) == ()
    assert (run.settings.training.steps, run.settings.limit) == (None, {})
    sentences = list(paper.departures(wanted, run, run.departures(tasks)))
    assert [sentence.split(" ")[:2] for sentence in sentences] == [
        ["The", "VLM"],
        ["The", "TSM"],
        ["Learning", "rates,"],
    ]


def test_every_setting_that_is_laid_over_the_recipe_is_told(tmp_path: Path) -> None:
    over = {"training": {"steps": 10, "micro_batch_size": 4}, "method": {"align": 0}}
    file = run_files.write_run(tmp_path / "run.yaml", over)
    wanted = paper.Wanted("checkpoint", sets=("retina",), run_file=file)
    run = make_run(wanted.values([tmp_path / "retina.npz"], 0))
    sentences = list(paper.departures(wanted, run, run.departures({})))
    assert sentences[-3:] == [
        "Alignment was left out; as printed, both stages have it.",
        "method.align is 0.0; in the recipe it is 1.0.",
        "training.steps is 10; in the recipe it is not set.",
    ]


def test_ours_stands_beside_the_papers_set_by_set_and_in_the_mean() -> None:
    def reader(accuracy: float, f1: float) -> dict[str, Any]:
        values = {"accuracy": accuracy, "macro_f1": f1, "auroc": 0.9}
        return {name: {"value": value, "low": None, "high": None} for name, value in values.items()}

    def part(*pairs: tuple[str, float, float]) -> dict[str, Any]:
        return {"cases": 400, "readers": {name: reader(accuracy, f1) for name, accuracy, f1 in pairs}}

    sets = {
        "breastmnist_28": part(("tsm", 0.8, 0.7), ("probe", 0.5, 0.5)),
        "retinamnist_28": part(("tsm", 0.6, 0.4), ("probe", 0.3, 0.3)),
    }
    text = markdown(rows_of([{"sets": sets}], ["retinamnist", "breastmnist"]), ["None."])
    assert text.splitlines()[2:8] == [
        "| retinamnist | 400 | tsm | 0.600 | 0.472 | 0.400 | 0.424 | 0.900 |",
        "| retinamnist | 400 | probe | 0.300 | – | 0.300 | – | 0.900 |",
        "| breastmnist | 400 | tsm | 0.800 | 0.897 | 0.700 | 0.866 | 0.900 |",
        "| breastmnist | 400 | probe | 0.500 | – | 0.500 | – | 0.900 |",
        "| mean of 2 |  | tsm | 0.700 | 0.684 | 0.550 | 0.645 | 0.900 |",
        "| mean of 2 |  | probe | 0.400 | – | 0.400 | – | 0.900 |",
    ]
    assert text.endswith("Departures:\n\n- None.\n")

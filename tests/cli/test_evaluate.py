"""`vitask evaluate` on other sets: nothing that the run learned from, its own question, and no option is dropped."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from core.case import Case, ImageSet
from core.cli.main import main
from core.pictures.store import Store, StoredPixels
from core.readings import reading
from core.runs.export import export
from core.runs.folder import Folder
from core.runs.prepare import open_images
from core.runs.runfile import read_run
from core.sets.learned_from import FILE
from core.sets.version import write_version
from core.statistics.ends import UNDEFINED
from tests import run_files

ANSWERS = "dark, light, light scar"


def called(capsys: pytest.CaptureFixture[str], code: int, *arguments: object) -> tuple[str, str]:
    """What a call that ends with this code says, to standard output and to standard error."""
    capsys.readouterr()
    assert main(["evaluate", *(str(argument) for argument in arguments)]) == code
    captured = capsys.readouterr()
    return captured.out, captured.err


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    return json.loads(called(capsys, 0, *arguments, "--json")[0])


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    out, err = called(capsys, 2, *arguments)
    assert not out and len(err.strip().splitlines()) == 1
    return err


def own_cases(run: Path, split: str) -> list[Case]:
    return [item.case for item in open_images(read_run(Folder(run).settings)).items(split)]  # type: ignore[arg-type]


def own_task(run: Path) -> Any:
    return next(iter(Folder(run).tasks().values()))


def copied(cases: list[Case], folder: Path, suffix: str = ".png") -> Path:
    """Class folders with the pictures of some cases, saved anew."""
    for number, case in enumerate(cases):
        below = folder / case.labels[0].replace(" ", "_")
        below.mkdir(parents=True, exist_ok=True)
        case.pixels.load().save(below / f"copy {number}{suffix}")
    return folder


def table(folder: Path, *labels: str, split: str = "") -> Path:
    """A manifest of new grey pictures with these cells as labels, and perhaps a split for all."""
    noise = np.random.default_rng(5)
    folder.mkdir()
    rows = ["image,label" + (",split" if split else "")]
    for number, label in enumerate(labels):
        Image.fromarray(noise.integers(0, 255, (28, 28, 3), np.uint8)).save(folder / f"{number}.png")
        rows.append(f"{number}.png,{label}" + (f",{split}" if split else ""))
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder


def with_patients(folder: Path, named: str) -> Path:
    """Drawn class folders as a manifest in which every picture has a patient of its own."""
    pictures = sorted(folder.glob("*/*.png"))
    rows = [
        f"{picture.relative_to(folder)},{picture.parent.name.replace('_', ' ')},{named.format(number)}\n"
        for number, picture in enumerate(pictures)
    ]
    (folder / "labels.csv").write_text("image,label,patient\n" + "".join(rows))
    return folder


def left_out(**counts: int) -> dict[str, int]:
    return {"learned": 0, "near_learned": 0, "of_learned_patients": 0, "unlabelled": 0} | counts


def without_lists(finished: Path, folder: Path) -> Path:
    """A copy of a run of before TSMs were kept with what they learned from."""
    run = shutil.copytree(finished, folder)
    (run / "tsm" / FILE).unlink()
    return run


def test_a_set_that_the_run_learned_from_is_refused(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learned = own_cases(finished, "train") + own_cases(finished, "val")
    message = refused(capsys, finished, "--images", copied(learned, tmp_path / "again"))
    assert "The run learned from every picture of again" in message and "leave --images out" in message


def test_near_copies_of_what_the_run_learned_from_are_left_out_and_counted(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    external = run_files.draw(tmp_path / "mixed", count=2, seed=9)
    for number, case in enumerate([*own_cases(finished, "train")[:3], own_cases(finished, "test")[0]]):
        case.pixels.load().save(external / "dark" / f"again {number}.jpg", quality=85)
    output = printed(capsys, finished, "--images", external)
    assert output["cases"] == 7 and output["left_out"] == left_out(near_learned=3)
    out, _ = called(capsys, 0, finished, "--images", external)
    assert "Left out of 10 cases of mixed: 3 almost the same as a picture that the run learned from." in out


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_pictures_that_the_run_learned_from_are_left_out_and_counted(
    suffix: str, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    external = run_files.draw(tmp_path / "mixed", count=2, seed=9)
    copied([*own_cases(finished, "train")[:3], own_cases(finished, "val")[0]], external, suffix)
    output = printed(capsys, finished, "--images", external)
    assert output["cases"] == 6 and output["left_out"] == left_out(learned=4)
    out, _ = called(capsys, 0, finished, "--images", external)
    assert "Left out of 10 cases of mixed: 4 whose pictures the run learned from." in out


def test_other_pictures_of_patients_that_the_run_learned_from_are_left_out_and_counted(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own_table, run = with_patients(run_files.draw(tmp_path / "own"), "P{}"), without_lists(finished, tmp_path / "run")
    settings = yaml.safe_load((run / "settings.yaml").read_text())
    run_files.write_run(run / "settings.yaml", settings | {"images": str(own_table)})
    patients = {split: sorted({str(case.patient) for case in own_cases(run, split)}) for split in ("train", "test")}
    external = with_patients(run_files.draw(tmp_path / "mixed", count=2, seed=9), "elsewhere {}")
    rows = (external / "labels.csv").read_text()
    for number, patient in enumerate([*patients["train"][:2], patients["test"][0]]):
        rows = rows.replace(f"elsewhere {number}\n", f"{patient}\n")
    (external / "labels.csv").write_text(rows)
    output = printed(capsys, run, "--images", external)
    assert output["cases"] == 4 and output["left_out"] == left_out(of_learned_patients=2)
    note = "Left out of 6 cases of mixed: 2 of patients (by the names that the sets give them) of whom the run learned"
    assert any(note in each for each in output["notes"])


def test_what_was_exported_is_measured_on_another_set_as_the_run_is(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which readers are the best was chosen on validation cases, whose readings an export has for people alone."""
    export(finished, tmp_path / "taken", is_merged=False)
    other = run_files.draw(tmp_path / "elsewhere", count=4, seed=9)
    of_run, of_export = (printed(capsys, run, "--images", other) for run in (finished, tmp_path / "taken"))
    assert of_export["best"] == of_run["best"] and of_run["best"]["shades"].keys() == {"tuned", "simple"}
    assert of_export["cases"] == of_run["cases"] and of_export["readers"].keys() == of_run["readers"].keys()


def test_the_runs_own_test_pictures_may_be_measured_as_another_set(
    finished: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, stored = printed(capsys, finished, "--images", images), printed(capsys, finished)
    assert output["cases"] == stored["cases"] and output["left_out"]["learned"] == 42 - stored["cases"]
    assert output["readers"]["tsm"]["accuracy"] == stored["readers"]["tsm"]["accuracy"]


def test_what_a_run_learned_from_is_known_where_its_images_are_gone(
    images: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    settings = (run / "settings.yaml").read_text()
    (run / "settings.yaml").write_text(settings.replace(str(images), str(tmp_path / "gone")))
    external = copied(own_cases(finished, "train")[:3], run_files.draw(tmp_path / "mixed", count=2, seed=9))
    output = printed(capsys, run, "--images", external)
    assert output["cases"] == 6 and output["left_out"] == left_out(learned=3)
    assert not any("told" in note for note in output["notes"])


def test_a_run_of_before_whose_images_are_gone_says_that_it_cannot_tell(
    images: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = without_lists(finished, tmp_path / "run")
    settings = (run / "settings.yaml").read_text()
    (run / "settings.yaml").write_text(settings.replace(str(images), str(tmp_path / "gone")))
    output = printed(capsys, run, "--images", run_files.draw(tmp_path / "elsewhere", count=2, seed=9))
    assert output["cases"] == 6 and output["left_out"]["learned"] is None
    (note,) = output["notes"]
    assert "It can't be told whether the run in" in note and "gone" in note


def test_a_plugged_runs_model_learned_in_the_run_before_it(
    images: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plugged = shutil.copytree(finished, tmp_path / "plugged")
    settings = (plugged / "settings.yaml").read_text()
    elsewhere = run_files.draw(tmp_path / "elsewhere", seed=3)
    (plugged / "settings.yaml").write_text(settings.replace(str(images), str(elsewhere)))
    (plugged / "plugged.json").write_text(json.dumps({"run": str(finished), "tsm": "convnet"}))
    output = printed(capsys, plugged, "--images", images)
    assert output["left_out"]["learned"] == len(own_cases(finished, "train")) + len(own_cases(finished, "val"))


def test_a_run_whose_images_have_changed_says_so(
    images: Path, checkpoint: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = shutil.copytree(images, tmp_path / "shades")
    run_files.draw(tmp_path / "more", ("dark",), count=1, seed=8)
    shutil.copy(tmp_path / "more" / "dark" / "0.png", changed / "dark" / "new.png")
    run = without_lists(finished, tmp_path / "run")
    (run / "settings.yaml").write_text((run / "settings.yaml").read_text().replace(str(images), str(changed)))
    external = run_files.draw(tmp_path / "elsewhere", count=2, seed=9)
    for more in (("--images", external), ("--template", "So?")):
        (note,) = printed(capsys, run, *more)["notes"]
        assert "have changed since it was tuned" in note


@pytest.mark.parametrize("cell", ["dark|light", "dark; light scar"])
def test_a_case_with_two_labels_is_refused_where_the_run_asks_for_one(
    cell: str, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refused(capsys, finished, "--images", table(tmp_path / "two", "dark", cell, "light"))
    assert '"1.png" of two has 2 labels' in message and "exactly one" in message


def test_a_version_with_two_labels_is_refused_where_the_run_asks_for_one(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, task = Store(str(tmp_path / "version" / "store")), own_task(finished).model_copy(update={"kind": "multi"})
    stored = StoredPixels(store.url, store.put(run_files.draw(tmp_path / "one", ("dark",), 1, 7) / "dark" / "0.png"))
    kept = ImageSet("kept", task, (Case("a", stored, ("dark", "light")), Case("b", stored, ("dark",))))
    write_version(tmp_path / "version", kept)
    message = refused(capsys, finished, "--images", tmp_path / "version")
    assert '"a" has 2 labels, and the task asks for one. Give it one' in message


def test_unlabelled_cases_are_left_out_and_counted(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    external = table(tmp_path / "some", "dark", "", "light", "", "light scar")
    output = printed(capsys, finished, "--images", external)
    assert output["cases"] == 3 and output["left_out"] == left_out(unlabelled=2)
    out, _ = called(capsys, 0, finished, "--images", external)
    assert "Row 3 of labels.csv has no label and was left out." in out and "(1 more like this.)" in out


def test_a_set_without_any_label_is_refused(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(capsys, finished, "--images", table(tmp_path / "bare", "", ""))
    assert "bare has no labelled case" in message and "Give its cases their labels." in message


def test_a_set_of_one_class_is_measured(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    normals = run_files.draw(tmp_path / "normals", ("dark",), count=4, seed=9)
    output = printed(capsys, finished, "--images", normals)
    assert output["cases"] == 4
    for figures in output["readers"].values():
        assert figures["auroc"] == {"value": None, "low": None, "high": None, "why": UNDEFINED}
        assert 0 <= figures["accuracy"]["value"] <= 1
    out, _ = called(capsys, 0, finished, "--images", normals)
    row = next(line for line in out.splitlines() if line.startswith("| tsm |"))
    assert row.split(" | ")[5] == "–" and "nan" not in out
    assert 'Every case is labelled "dark".' in out


def test_a_set_of_one_foreign_class_is_refused(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = run_files.draw(tmp_path / "foreign", ("green",), count=2, seed=9)
    message = refused(capsys, finished, "--images", foreign)
    assert '"green/0.png" is in a class that the task does not list' in message and ANSWERS in message


def test_numbers_without_names_are_taken_in_the_order_of_the_runs_answers(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(4)
    for name, numbers in (("all", [0, 1, 2]), ("one", [1, 1])):
        file = tmp_path / f"{name}.npz"
        pictures = noise.integers(0, 255, (len(numbers), 28, 28), np.uint8)
        np.savez(file, test_images=pictures, test_labels=np.array(numbers, np.uint8)[:, None])
        output = printed(capsys, finished, "--images", file)
        assert output["cases"] == len(numbers)
        assert output["per_class"]["tsm"]["light"]["support"]["value"] == numbers.count(1)
        assert any("0 dark, 1 light, 2 light scar" in note for note in output["notes"])


def test_cases_counts_without_splits(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    external = run_files.draw(tmp_path / "elsewhere", count=4, seed=9)
    assert printed(capsys, finished, "--images", external, "--cases", 5)["cases"] == 5
    assert printed(capsys, finished, "--split", "val", "--cases", 3)["cases"] == 3
    message = refused(capsys, finished, "--images", external, "--cases", 2)
    assert "--cases 2 is fewer than the classes of elsewhere" in message


@pytest.mark.parametrize("number", ["0", "-3", "some", "1.5"])
def test_so_many_cases_cannot_be(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["evaluate", "run", f"--cases={number}"])
    assert left.value.code == 2
    assert f"argument --cases: a whole number from 1 on was expected, not '{number}'" in capsys.readouterr().err


def test_a_split_of_another_set_is_taken_or_refused(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    divided = table(tmp_path / "divided", "dark", "light", "light scar", split="val")
    assert printed(capsys, finished, "--images", divided, "--split", "val")["cases"] == 3
    assert "divided has no test cases" in refused(capsys, finished, "--images", divided, "--split", "test")
    assert printed(capsys, finished, "--images", divided)["cases"] == 3


def test_reliance_is_asked_in_other_words(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = "Analyze the given {modality} image. The possible diagnoses are:{label set}."
    plain, same, other = (
        printed(capsys, finished, "--reliance", *more)["readers"]["vitask"]["own"]
        for more in ((), ("--template", own), ("--template", "So?"))
    )
    assert plain == same != other


def test_reliance_needs_two_labels(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    normals = run_files.draw(tmp_path / "normals", ("dark",), count=2, seed=9)
    message = refused(capsys, finished, "--reliance", "--images", normals)
    assert "All cases of normals have the same label" in message


def test_a_joint_runs_stored_figures_are_told_for_the_set_that_is_named(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, rows = shutil.copytree(finished, tmp_path / "joint"), reading.load(Folder(finished).readings("test"))
    reading.save([*rows, *(replace(row, set="other") for row in rows[::2])], Folder(run).readings("test"))
    facts = json.loads(Folder(run).set.read_text())
    facts["sets"].append(facts["sets"][0] | {"name": "other"})
    Folder(run).set.write_text(json.dumps(facts))
    assert list(printed(capsys, run)["sets"]) == ["other", "shades"]
    assert printed(capsys, run, "--question", "shades") == printed(capsys, finished)
    assert 'a set called "third". Known: shades, other' in refused(capsys, run, "--question", "third")


def test_help_says_what_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["evaluate", "--help"])
    assert "Pictures that the run learned from" in " ".join(capsys.readouterr().out.split())

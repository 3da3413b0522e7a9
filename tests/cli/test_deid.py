"""`vitask set deid` and `vitask set add` of DICOM: what comes out, what is printed, and that it names nobody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.pixels.utils import pixel_array

from core.cli.main import main
from core.deid.burned_text import read_lines
from core.deid.shell_way import WAITING
from core.records.accounts import people
from core.records.database import open_database
from core.records.place import Place
from core.records.sets import sets
from tests.deid.burning import FAMILY, LAYING, burned, written_to
from tests.deid.made import keep_header, made_header


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    for number in range(1, 5):
        label = "nodule" if number % 2 else "normal"
        keep_header(tmp_path / "scans" / label / f"Mueller{number}.dcm", made_header(number, f"4815{number}23"))
    return tmp_path / "scans"


def test_a_folder_is_written_anew_with_the_key_that_was_named(
    scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, out = tmp_path / "site.key", tmp_path / "out"
    arguments = ["set", "deid", str(scans), str(out), "--key", str(key), "--option", "keep_patient"]
    assert main([*arguments, "--option", "dates=removed", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["files"], record["patients"]) == (4, 4)
    assert [code["code"] for code in record["codes"]] == ["113100", "113108"]
    assert key.stat().st_mode & 0o777 == 0o600
    headers = [dcmread(file) for file in out.rglob("*.dcm")]
    assert {header.PatientSex for header in headers} == {"F"}
    pseudonyms = {header.PatientID for header in headers}
    assert main([*arguments[:3], str(tmp_path / "again"), *arguments[4:]]) == 0
    assert {dcmread(file).PatientID for file in (tmp_path / "again").rglob("*.dcm")} == pseudonyms
    assert "113107" in capsys.readouterr().out


def test_an_option_that_is_none_and_a_folder_that_is_in_use_are_told(
    scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["set", "deid", str(scans), "--key", str(tmp_path / "key")]
    assert main([*arguments, str(tmp_path / "out"), "--option", "keep_names"]) == 2
    assert "--option.keep_names is not a setting here" in capsys.readouterr().err
    assert main([*arguments, str(scans)]) == 2
    assert "scans is not empty" in capsys.readouterr().err


def test_a_set_is_added_without_whose_it_is_unless_that_is_switched_off(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("VITASK_DATABASE", "VITASK_STORE", "VITASK_REDIS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VITASK_DATA", str(tmp_path / "data"))
    add = ["set", "add", str(scans), "--name"]
    assert main([*add, "slices"]) == 0
    capsys.readouterr()
    everything = b"".join(file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file())
    assert b"ueller" not in everything and b"481512" not in everything
    assert b"de-identified (113100, 113107; dates shifted)" in everything
    assert [path.name for path in (tmp_path / "data").iterdir() if path.name.startswith("deid-")] == []
    assert main([*add, "as they are", "--no-deid"]) == 0
    everything = b"".join(file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file())
    assert b"Mueller" in everything


def test_pictures_that_wait_are_no_part_of_it_until_somebody_says_what_becomes_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("VITASK_DATABASE", "VITASK_STORE", "VITASK_REDIS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VITASK_DATA", str(tmp_path / "data"))
    scans, out = tmp_path / "scans", tmp_path / "out"
    for number in range(4):
        texts = LAYING if number == 0 else ((12, 30 * number, "R"),)
        written_to(scans / ("dark", "light")[number % 2] / f"{number}.dcm", burned(texts))
    written_to(scans / "dark" / "head.dcm", burned((), RecognizableVisualFeatures="YES"))
    arguments = ["set", "deid", str(scans), str(out), "--json"]
    assert main(arguments) == 0
    waiting = json.loads(capsys.readouterr().out)["waiting"]
    assert sorted(held["reasons"] for held in waiting) == [["face"], ["person"]]
    assert len(list(out.glob("[a-z]*/*.dcm"))) == 3
    assert main(["set", "add", str(scans), "--name", "scans"]) == 2
    assert "2 pictures wait for a look" in capsys.readouterr().err
    assert main([*arguments, "--waiting", "mask"]) == 0
    (held,) = json.loads(capsys.readouterr().out)["waiting"]
    assert held["reasons"] == ["face"], "no mask hides a face"
    written = [pixel_array(dcmread(file)) for file in out.glob("[a-z]*/*.dcm")]
    assert len(list((out / WAITING).glob("*.dcm"))) == 1
    assert len(written) == 4
    assert not any(FAMILY in line.text for pixels in written for line in read_lines(pixels))
    assert main(["set", "add", str(scans), "--name", "scans", "--waiting", "reject"]) == 0
    assert "3 cases" in capsys.readouterr().out


def test_a_table_with_names_is_kept_without_them_at_the_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VITASK_DATA", str(tmp_path / "data"))
    folder = tmp_path / "cells"
    folder.mkdir()
    rows = ["file,label,patient,surname"]
    for number, name in enumerate(("Weber", "Novak", "Rossi", "Lang")):
        Image.new("L", (30, 20), 50 * number).save(folder / f"{name}.png")
        rows.append(f"{name}.png,{('dark', 'light')[number % 2]},{name}^X,{name}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    assert main(["set", "check", str(folder)]) == 0
    told = capsys.readouterr().out
    assert "The column “surname” holds what looks like names of people (4 cases)" in told and "Call cases" in told
    ways = ["--drop-column", "surname", "--pseudonyms", "--number-cases"]
    assert main(["set", "check", str(folder), "--drop-column", "mrn"]) == 2
    assert 'has no column "mrn"' in capsys.readouterr().err
    assert main(["set", "check", str(folder), *ways]) == 0
    assert "looks like" not in capsys.readouterr().out and (tmp_path / "data" / "deid.key").is_file()
    assert main(["set", "add", str(folder), "--name", "As it came"]) == 0
    warned = capsys.readouterr().err
    assert "The column “surname” holds" in warned and "The patients hold" in warned and "The names of cases" in warned
    assert main(["set", "add", str(folder), "--name", "Cells", *ways]) == 0
    assert "looks like" not in capsys.readouterr().err
    database = open_database(Place.from_environment())
    who = people.local(database)
    kept = {view.name: view.latest for view in sets.sets(database, who, who.projects[0])}
    listed = sets.cases(database, who, kept["Cells"].id).rows
    assert [(row.name, dict(row.columns)) for row in listed] == [(f"{number:06}", {}) for number in range(1, 5)]
    assert "Weber" not in repr(listed) and "patients by pseudonyms" in kept["Cells"].note


def test_patients_in_names_of_files_are_told_and_taken_at_the_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VITASK_DATA", str(tmp_path / "data"))
    for number in range(24):
        folder = tmp_path / "cells" / ("dark", "light")[number // 2 % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("L", (30, 20), 10 * number).save(folder / f"p{number // 2:02}_{number % 2}.png")
    what = "The names of 24 pictures begin with what may be the patient, like “p00” in “dark/p00_0.png”"
    assert main(["set", "check", str(tmp_path / "cells")]) == 0
    assert what in capsys.readouterr().out
    assert main(["set", "check", str(tmp_path / "cells"), "--patients-by-names"]) == 0
    assert "may be the patient" not in capsys.readouterr().out
    assert main(["set", "add", str(tmp_path / "cells"), "--name", "As it came"]) == 0
    assert what in (warned := capsys.readouterr().err) and "--patients-by-names" in warned
    assert main(["set", "add", str(tmp_path / "cells"), "--name", "Named", "--patients-by-names"]) == 0
    assert "may be the patient" not in capsys.readouterr().err
    database = open_database(Place.from_environment())
    who = people.local(database)
    kept = {view.name: view.latest for view in sets.sets(database, who, who.projects[0])}
    assert {row.patient for row in sets.cases(database, who, kept["As it came"].id).rows} == {None}
    named = [row.patient for row in sets.cases(database, who, kept["Named"].id).rows]
    assert sorted(filter(None, named)) == [f"p{number // 2:02}" for number in range(24)]

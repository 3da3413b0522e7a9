"""What tables and names of files say of persons is told, and what only looks a little like it is not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from core.case import Case, Finding, ImageSet, Task
from core.catalog import FORMATS, KEPT, every
from core.checks.mending import LeftOut, Mending
from core.deid.key import SiteKey
from core.deid.persons import identity_of_number
from core.deid.whose import FILES, PATIENTS, findings_of, taken_out, tellings, undecided, unnamed, words
from core.pictures.pixels import FilePixels
from core.sets.open import open_set
from tests.conftest import SHARED_DATA

KEY = SiteKey(b"k" * 32)
PEOPLE = ("Anna Weber", "Jan Novak", "Maria Rossi", "Peter Lang", "Julia Brandt", "Omar Haddad")
SETS = ("bccd.zip", "blood_28.npz", "mednist_64.zip", "pneumonia_28.npz", "retinamnist.npz")


def drawn(
    files: Sequence[str] = (),
    patients: Sequence[str | None] = (),
    reports: Sequence[str] = (),
    **columns: Sequence[str],
) -> ImageSet:
    """As many cases as the longest of these has entries."""
    count = max(len(cells) for cells in (files, patients, reports, *columns.values()))
    cases = [
        Case(
            files[number] if files else f"scan_{number}.png",
            FilePixels(Path(f"{number}.png")),
            ("a",),
            patient=patients[number] if patients else None,
            report=reports[number] if reports else None,
            more={name.replace("_", " "): cells[number] for name, cells in columns.items()},
        )
        for number in range(count)
    ]
    return ImageSet("drawn", Task(answers=("a", "b")), tuple(cases))


def told(image_set: ImageSet) -> list[tuple[str, str]]:
    return [(telling.place, telling.what) for telling in tellings(image_set)]


@pytest.mark.parametrize(
    ("header", "cells", "what"),
    [
        ("Patient_Name", ["Weber", "Novak", "Rossi"], "name"),
        ("Nachname", ["Weber", "Novak", "Rossi"], "name"),
        ("who", ["WEBER^ANNA", "NOVAK^JAN", "ROSSI^MARIA"], "name"),
        ("who", ["Weber, Anna", "Novak, Jan", "Rossi, Maria"], "name"),
        ("name", list(PEOPLE), "name"),
        ("seen_by", ["Dr. Weber", "Dr. Novak", "Prof. Rossi"], "name"),
        ("dob", ["12.03.1957", "01.04.1961", "1.1.1970"], "birth"),
        ("Date_of_Birth", ["1957-03-12", "1961-04-01", ""], "birth"),
        ("MRN", ["0012345", "0077812", "A-99812"], "number"),
        ("Accession_Number", ["ACC-20133", "ACC-20191"], "number"),
        ("x", ["123-45-6789", "987-65-4321"], "number"),
        ("notes", ["fine", "write to anna.weber@example.org", "fine"], "contact"),
        ("Telefon", ["0221 998877", "0221 112233"], "contact"),
        ("x", ["+49 221 998877", "+49 30 1122334", "(0221) 445566"], "contact"),
    ],
)
def test_a_column_that_names_somebody_is_told(header: str, cells: list[str], what: str) -> None:
    assert told(drawn(**{header: cells})) == [(header.replace("_", " "), what)]


# The columns of public sets, as their tables have them (a few rows each), and what else is easily mistaken.
@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("name", ["lymphocyte", "monocyte", "eosinophil"]),
        ("diagnosis", ["Melanoma, Nodular", "Melanoma, Nodular", "Nevus, Blue", "Nevus, Blue", "Nevus, Blue"]),
        ("dx_type", ["histo", "follow_up", "consensus"]),
        ("localization", ["lower extremity", "trunk", "face"]),
        ("lesion_id", ["HAM_0000118", "HAM_0002730", "HAM_0001466"]),
        ("isic_id", ["ISIC_0024306", "ISIC_0024307", "ISIC_0024308"]),
        ("Follow-up_#", ["0", "1", "2"]),
        ("OriginalImage_Width", ["2682", "2894", "2500"]),
        ("Patient_Age", ["58", "58", "59"]),
        ("PatientBirth", ["1932", "1945", "1951"]),
        ("StudyDate_DICOM", ["20140915", "20150716", "20140627"]),
        ("Projection", ["PA", "L", "AP_horizontal"]),
        ("scanner_name", ["Siemens Aera", "Philips Ingenia", "GE Discovery"]),
        ("file_name", ["a.png", "b.png", "c.png"]),
        ("anatom_site_general", ["anterior torso", "upper extremity", "head/neck"]),
        ("bbox", ["0.12 0.33 0.4 0.5", "0.2 0.1 0.9 0.8", "0 0 1 1"]),
        ("hash", ["d41d8cd98f00b204", "9e107d9d372bb682", "e4d909c290d0fb1c"]),
        ("score", ["123456.78", "99812.11", "5551212.0"]),
        ("institution", ["St. Vincent", "Mount Auburn", "St. Vincent"]),
        ("city", ["Lima", "Quito", "Lima"]),
        ("annotator", ["Mark 1", "Mark 2", "Mark 1"]),
        ("series_uid", ["1.2.840.113619.2.5.1762583153.215519", "1.2.840.113619.2.5.1762583153.215520"]),
    ],
)
def test_a_column_of_the_field_is_not_taken_for_a_persons(header: str, cells: list[str]) -> None:
    assert told(drawn(**{header: cells})) == []


@pytest.mark.parametrize(
    ("patients", "what"),
    [
        (["Weber^Anna", "Novak^Jan"], "name"),
        (list(PEOPLE), "name"),
        (["123-45-6789", "987-65-4321"], "number"),
        (["MRN 0012345", "MRN 0077812"], "number"),
        (["84512077", "10933812", "55120938"], "bare"),
        (["P0007", "P0008"], ""),
        (["HAM_0000118", "HAM_0002730"], ""),
        (["000001", "000002", "000003"], ""),
        (["1", "2", "17"], ""),
        (["sub-S03047", "sub-S03901"], ""),
        (["patient00001", "patient64540"], ""),
    ],
)
def test_patients_who_are_called_by_names_or_record_numbers_are_told(patients: list[str], what: str) -> None:
    assert told(drawn(patients=patients)) == ([(PATIENTS, what)] if what else [])


@pytest.mark.parametrize(
    ("files", "what"),
    [
        (["weber_anna.png", "novak_jan.png", "rossi_maria.png", "scan_4.png"], "name"),
        (["sick/Anna Weber 1.png", "sick/Jan Novak 2.png", "fine/Maria Rossi.png"], "name"),
        (["scan_19570312.png", "scan_19610401.png"], "date"),
        (["MRN0012345.png", "MRN0077812.png"], "number"),
        (["ISIC_0024306.jpg", "ISIC_0024307.jpg"], ""),
        (["00000013_005.png", "00000013_026.png"], ""),
        (["DRUSEN-1001666-1.jpeg", "CNV-4240465-12.jpeg"], ""),
        (["000000397133.jpg", "000000037777.jpg"], ""),
        (["A1_01-02-03.png", "A1_01-02-04.png"], ""),
        (["rose/1.png", "lily/2.png", "violet/3.png"], ""),
        (["10_left.jpeg", "10_right.jpeg"], ""),
        (["1.3.6.1.4.1.14519.5.2.1.6279.6001.179049373636438705059720603192.png"] * 2, ""),
    ],
)
def test_names_of_files_that_are_a_persons_are_told(files: list[str], what: str) -> None:
    assert told(drawn(files=files)) == ([(FILES, what)] if what else [])


def test_a_name_that_a_column_tells_is_found_in_names_of_files() -> None:
    """Which alone nobody could know: Weber and Brandt may be anything."""
    image_set = drawn(files=["brandt_1.png", "xy_2.png", "c.png"], Surname=["Brandt", "Weber", "Novak"])
    assert told(image_set) == [("Surname", "name"), (FILES, "name")]
    assert tellings(image_set)[1].cases == ("brandt_1.png",)


def test_a_report_names_somebody_where_it_says_so_itself() -> None:
    assert told(drawn(reports=["No change. MRN: 0012345", "Clear lungs."])) == [("report", "name")]
    assert told(drawn(reports=["Dr. Weber was told.", "Case 1: clear lungs.", "Patient is 58."])) == []


def test_the_report_says_where_and_never_what() -> None:
    image_set = drawn(patients=["Weber^Anna", "Novak^Jan"], MRN=["0012345", "0077812"])
    findings = findings_of(tellings(image_set))
    assert [(each.kind, each.severity, each.count) for each in findings] == [("names_somebody", "warning", 2)] * 2
    assert findings[0].message.startswith("The column “MRN” holds what looks like record numbers (2 cases).")
    assert "Drop the column “MRN”" in findings[0].message and "Put pseudonyms" in findings[1].message
    assert not any(secret in repr(findings) for secret in ("Weber", "Novak", "0012345"))


def test_what_is_decided_is_taken_out_and_told_no_more() -> None:
    trouble = Finding(
        "missing_image", "error", 1, 'Row 3 names "weber.png".', ("weber.png",), (("weber.png", "Row 3"),)
    )
    image_set = drawn(
        files=["weber_anna.png", "novak_jan.png", "rossi_maria.png"],
        patients=["Weber^Anna", "Weber^Anna", "Novak^Jan"],
        MRN=["0012345", "0012345", "0077812"],
        scanner=["A", "A", "B"],
    )
    image_set = ImageSet(image_set.name, image_set.task, image_set.cases, (trouble,))
    listed = tellings(image_set)
    assert len(listed) == 3
    mending = Mending(
        drops_columns=("MRN",), pseudonymizes=True, numbers_cases=True, leaves_out=("novak_jan.png",), divides_anew=True
    )
    kept, decided = taken_out(image_set, mending, lambda: KEY)
    assert [case.id for case in kept.cases] == ["000001", "000002", "000003"]
    weber = KEY.pseudonym(identity_of_number("weber^anna"))
    assert [case.patient == weber for case in kept.cases] == [True, True, False]
    assert dict(kept.cases[2].more) == {"scanner": "B"}
    assert decided.leaves_out == ("000002",) and decided.divides_anew
    assert not any(secret in repr(kept) for secret in ("eber", "ovak", "0012345"))
    assert undecided(listed, mending) == [] and tellings(kept) == []
    assert words(mending) == "1 column dropped, patients by pseudonyms, cases by numbers"
    (first, second) = unnamed([LeftOut("000002", "It was chosen."), LeftOut("weber.png", "Row 3 names it.")], kept)
    assert first.case == "000002" and "weber" not in repr(second)


def test_without_a_decision_nothing_is_changed_and_no_key_is_made() -> None:
    image_set = drawn(patients=["Weber^Anna", None])

    def no_key() -> SiteKey:
        raise AssertionError("nobody asked for pseudonyms")

    assert taken_out(image_set, Mending(), no_key) == (image_set, Mending())


@pytest.mark.parametrize("form", list(FORMATS), ids=str)
def test_no_example_of_a_format_is_said_to_name_somebody(form: str, tmp_path: Path) -> None:
    (layout,) = [each for each in every(FORMATS, KEPT) if each.__name__ == FORMATS[form]]
    assert tellings(layout.write_example(tmp_path / "example")) == []


@pytest.mark.parametrize("name", SETS)
def test_no_real_set_is_said_to_name_somebody(name: str) -> None:
    if not (SHARED_DATA / name).exists():
        pytest.skip(f"{name} is not on this machine")
    assert tellings(open_set(SHARED_DATA / name, {}, every(FORMATS))) == []

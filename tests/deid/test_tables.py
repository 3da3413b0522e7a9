"""Tables of an upload: they lose what names somebody, and still name the files and patients that are there."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest
from pydicom import dcmread

from core.deid.choices import Choices
from core.deid.columns import is_dropped
from core.deid.days import moved_date
from core.deid.upload import deidentify
from core.layouts.files import open_tree
from core.layouts.lookup import Lookup
from core.layouts.table import Table, read_table
from tests.deid.made import KEY, keep_header, made_header

PSEUDONYM = KEY.pseudonym("id:00481516:")
DAYS = KEY.days("id:00481516:")
SERIES = made_header().SeriesInstanceUID
LABELS = f"""file,Patient ID,patient_name,dob,exam date,series,label,notes,contact,age,referred by
scans/IM1.dcm,481516,"Müller, Änne",12.04.1953,03.08.2019,{SERIES},nodule,Dr. Okonkwo on 2019-08-03: 8 mm,a@b.org,97,Ben
IM2,00481516,Müller Änne,12.04.1953,2019-08-05 10:11,{SERIES},normal,nothing to see here,,45,Okonkwo
"""


def brought_in(folder: Path, text: str = LABELS, choices: Choices | None = None) -> Table:
    keep_header(folder / "upload" / "scans" / "IM1.dcm", made_header(1, "00481516"))
    keep_header(folder / "upload" / "scans" / "IM2", made_header(2, "00481516"))
    (folder / "upload" / "labels.csv").write_text(text, encoding="utf-8")
    deidentify(folder / "upload", folder / "out", choices or Choices(), KEY)
    return read_table((folder / "out" / "labels.csv").read_bytes(), "labels.csv")


def test_columns_that_name_somebody_go_and_the_others_stay(tmp_path: Path) -> None:
    table = brought_in(tmp_path)
    assert table.header == ("file", "Patient ID", "exam date", "series", "label", "notes", "age")
    (_, first), (_, second) = table.rows
    assert (first["Patient ID"], second["Patient ID"]) == (PSEUDONYM, PSEUDONYM)
    assert (first["label"], second["label"], second["notes"]) == ("nodule", "normal", "nothing to see here")
    assert (first["age"], second["age"]) == ("90", "45")
    assert "8 mm" in first["notes"] and "Okonkwo" not in first["notes"] and "2019" not in first["notes"]


def test_files_series_and_dates_still_fit_the_headers(tmp_path: Path) -> None:
    (_, first), (_, second) = brought_in(tmp_path).rows
    lookup = Lookup(open_tree(tmp_path / "out").files, "")
    headers = [dcmread(tmp_path / "out" / lookup.find(row["file"])) for row in (first, second)]
    assert [header.InstanceNumber for header in headers] == [1, 2]
    assert [row["series"] for row in (first, second)] == [header.SeriesInstanceUID for header in headers]
    day = moved_date("2019-08-03", DAYS)
    assert day and first["exam date"] == ".".join(reversed(day.split("-")))
    assert second["exam date"] == f"{moved_date('2019-08-05', DAYS)} 10:11"


def test_a_file_is_named_from_where_it_was_named_before(tmp_path: Path) -> None:
    """A table within a folder names files from there, and goes on doing so: the folder may be taken off later."""
    keep_header(tmp_path / "upload" / "export" / "scans" / "IM1.dcm", made_header(1))
    keep_header(tmp_path / "upload" / "export" / "scans" / "IM2", made_header(2))
    text = "file,label\nscans/IM1.dcm,nodule\nIM1.dcm,nodule\nexport\\scans\\IM2,normal\n./scans/IM2,normal\n"
    (tmp_path / "upload" / "export" / "labels.csv").write_text(text, encoding="utf-8")
    deidentify(tmp_path / "upload", tmp_path / "out", Choices(), KEY)
    table = read_table((tmp_path / "out" / "export" / "labels.csv").read_bytes(), "labels.csv")
    cells = [row["file"] for _, row in table.rows]
    names = [path.name for path in (tmp_path / "out").rglob("*.dcm")]
    assert [cell.rpartition("/")[0] for cell in cells] == ["scans", "", "export/scans", "scans"]
    assert {cell.rpartition("/")[2] for cell in cells} == set(names) and len(names) == 2


def test_dates_are_kept_or_removed_where_that_is_chosen(tmp_path: Path) -> None:
    kept = brought_in(tmp_path / "kept", choices=Choices(dates="kept"))
    assert kept.rows[0][1]["exam date"] == "03.08.2019"
    assert "exam date" not in brought_in(tmp_path / "removed", choices=Choices(dates="removed")).header


def test_a_column_of_names_goes_whatever_it_is_called(tmp_path: Path) -> None:
    table = brought_in(tmp_path, "file,who,accession\nIM1.dcm,Änne Müller,ACC7700\nIM2,A. Mueller,ACC7700\n")
    assert table.header == ("file",)
    assert "ller" not in (tmp_path / "out" / "labels.csv").read_text()


def test_short_cells_are_looked_through_too_and_figures_are_not(tmp_path: Path) -> None:
    text = "file;seen by;reach;follow-up;read on;area;share;label\n"
    text += "IM1.dcm;Dr. Schmitz;0171 1234567;-;03.11.21;12345678;0.12345678;T1-2\n"
    text += "IM2;x;x;2021-11-17;04.11.21;7654321;12,3456789;stage 3\n;;;-;;;;\n"
    table = brought_in(tmp_path, text)
    written = (tmp_path / "out" / "labels.csv").read_text()
    for name in ("Schmitz", "1234567;", "0171", "2021-11", ".11.21"):
        assert name not in written
    assert [(row["area"], row["share"], row["label"]) for _, row in table.rows[:2]] == [
        ("12345678", "0.12345678", "T1-2"),
        ("7654321", "12,3456789", "stage 3"),
    ]


def test_a_date_before_all_others_is_emptied(tmp_path: Path) -> None:
    """As programs write a day that nobody filled in."""
    table = brought_in(tmp_path, "file,read on,label\nIM1.dcm,0001-01-01,a\nIM2,2019-08-05,b\n")
    assert [row["read on"] for _, row in table.rows] == ["", moved_date("2019-08-05", DAYS)]


def test_an_excel_table_becomes_csv_and_is_named_without_persons(tmp_path: Path) -> None:
    keep_header(tmp_path / "upload" / "IM1.dcm", made_header(1))
    book = openpyxl.Workbook()
    book.active.append(["file", "label"])
    book.active.append(["IM1.dcm", "nodule"])
    book.save(tmp_path / "upload" / "Mueller.xlsx")
    deidentify(tmp_path / "upload", tmp_path / "out", Choices(), KEY)
    [table] = (tmp_path / "out").glob("*.csv")
    assert table.stem == KEY.mark("Mueller")
    [(_, row)] = read_table(table.read_bytes(), table.name).rows
    assert row["label"] == "nodule" and (tmp_path / "out" / row["file"]).is_file()


@pytest.mark.parametrize(
    ("header", "drops"),
    [
        ("Patient's Name", True), ("patientName", True), ("LAST_NAME", True), ("date of birth", True), ("DOB", True),
        ("e-mail", True), ("Phone number", True), ("Referring physician", True), ("accession_no", True), ("name", True),
        ("Name des Patienten", True), ("full name", True), ("Ansprechpartner", True),
        ("Nombre", True), ("Apellidos", True), ("Fecha de nacimiento", True), ("Nom du patient", True),
        ("Prénom", True), ("Date de naissance", True), ("nome do paciente", True), ("Data di nascita", True),
        ("Geboortedatum", True),
        ("Fødselsdato", True), ("Soyadi", True), ("Imię pacjenta", True), ("Прізвище", True), ("Дата рождения", True),
        ("Ім'я", True), ("患者姓名", True), ("电话", True), ("出生日期", True), ("氏名", True), ("생년월일", True),
        ("이름", True), ("الاسم", True), ("วันเกิด", True), ("Nº historia clínica", True),
        ("nombre de lésions", False), ("nom du fichier", False), ("Время", False), ("出生体重", False), ("AD", False),
        ("Diagnóstico", False), ("fecha", False), ("patient position", False), ("class name", False),
        ("filename", False), ("label", False), ("finding", False), ("birthmark", False),
    ],
)  # fmt: skip
def test_what_a_column_is_called_says_whether_it_names_somebody(header: str, drops: bool) -> None:
    assert is_dropped(header) is drops


def test_numbers_of_frames_stay_though_files_and_patients_are_called_so(tmp_path: Path) -> None:
    for number in (1, 2):
        keep_header(tmp_path / "upload" / "scans" / str(number), made_header(number, str(number)))
    text = "file,frame,label\nscans/1,2,nodule\nscans/1,1,normal\nscans/2,,normal\nscans/2,Müller,normal\n"
    (tmp_path / "upload" / "labels.csv").write_text(text, encoding="utf-8")
    deidentify(tmp_path / "upload", tmp_path / "out", Choices(), KEY)
    table = read_table((tmp_path / "out" / "labels.csv").read_bytes(), "labels.csv")
    assert [row["frame"] for _, row in table.rows] == ["2", "1", "", ""]

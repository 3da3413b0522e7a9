"""Tables of labels as people have them, and the words for what is wrong in them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import openpyxl
import pytest
from PIL import Image

from core.case import Box, Finding, ImageSet
from core.errors import DataError, SettingsError
from core.formats.class_folders import looks_like as looks_like_class_folders
from core.formats.manifest import Settings, looks_like, read, write_example
from core.pictures.pixels import FilePixels, ZipPixels


def listed(folder: Path, table: str | bytes, *pictures: str, name: str = "labels.csv") -> Path:
    """A folder with a table and pictures (1.png and 2.png where none are named)."""
    for place, picture in enumerate(pictures or ("1.png", "2.png")):
        file = folder / picture
        file.parent.mkdir(parents=True, exist_ok=True)
        content = BytesIO()
        Image.new("L", (20, 20), place).save(content, "PNG")
        file.write_bytes(content.getvalue())
    (folder / name).write_bytes(table.encode() if isinstance(table, str) else table)
    return folder


def findings_of(image_set: ImageSet) -> Mapping[str, Finding]:
    return {finding.kind: finding for finding in image_set.findings}


def labels(image_set: ImageSet) -> dict[str, tuple[str, ...]]:
    return {case.id: case.labels for case in image_set.cases}


def test_it_reads_what_it_writes(tmp_path: Path) -> None:
    example = write_example(tmp_path / "scans")
    assert read(tmp_path / "scans", Settings()) == example


def test_a_zip_with_an_outer_folder_reads_like_its_folder(tmp_path: Path) -> None:
    example = write_example(tmp_path / "scans")
    shutil.make_archive(str(tmp_path / "scans"), "zip", tmp_path, "scans")
    image_set = read(tmp_path / "scans.zip", Settings())
    assert image_set.cases[0].pixels == ZipPixels(tmp_path / "scans.zip", "scans/images/scan 0.png")
    assert (image_set.name, image_set.fingerprint()) == ("scans", example.fingerprint())


def test_the_table_itself_may_be_the_path(tmp_path: Path) -> None:
    listed(tmp_path, "image,label\n1.png,a\n2.png,b\n")
    listed(tmp_path, "image,label\n1.png,c\n2.png,d\n", name="second opinion.csv")
    image_set = read(tmp_path / "second opinion.csv", Settings())
    assert (image_set.name, labels(image_set)) == ("second opinion", {"1.png": ("c",), "2.png": ("d",)})


@pytest.mark.parametrize(
    "table",
    [
        "image,label\n1.png,Bénin\n2.png,malin\n",
        b"\xef\xbb\xbfimage,label\n1.png,B\xc3\xa9nin\n2.png,malin\n",
        "image;label\r\n1.png;Bénin\r\n2.png;malin\r\n".encode("latin-1"),
        "image\tlabel\n1.png\tBénin\n2.png\tmalin\n".encode("utf-16"),
        '\n"Image" , Label\n"1.png","Bénin"\n\n2.png, malin \n',
    ],
    ids=["utf-8", "byte order mark", "semicolons in latin-1", "tabs in utf-16", "quotes and blanks"],
)
def test_a_csv_is_read_however_it_was_saved(tmp_path: Path, table: str | bytes) -> None:
    image_set = read(listed(tmp_path, table), Settings())
    assert labels(image_set) == {"1.png": ("Bénin",), "2.png": ("malin",)}
    assert image_set.findings == ()


def test_excel_numbers_become_whole_again(tmp_path: Path) -> None:
    listed(tmp_path, "", "1.png", "2.png", "3.png")
    (tmp_path / "labels.csv").unlink()
    book = openpyxl.Workbook()
    for row in (
        ["File Name", "Class", "Patient ID", "age"],
        ["1", 0, 1.0, 61.5],
        ["2", 1.0, "2.0", None],
        [3, 10, None, 7],
    ):
        book.active.append(row)
    book.save(tmp_path / "my labels.xlsx")
    image_set = read(tmp_path, Settings())
    assert labels(image_set) == {"1.png": ("0",), "2.png": ("1",), "3.png": ("10",)}
    assert image_set.task.answers == ("0", "1", "10")
    assert [case.patient for case in image_set.cases] == ["1", "2", None]
    assert [case.more for case in image_set.cases] == [{"age": "61.5"}, {"age": ""}, {"age": "7"}]


def test_columns_are_found_by_common_names(tmp_path: Path) -> None:
    table = (
        "Image Index,Finding Labels,Patient.ID,Set,sex\n1.png,Mass|Nodule,7,validation,F\n2.png,No Finding,8,train,M\n"
    )
    image_set = read(listed(tmp_path, table), Settings())
    first, second = image_set.cases
    assert (image_set.task.kind, image_set.task.answers) == ("multi", ("Mass", "Nodule"))
    assert (first.labels, first.patient, first.split, first.more) == (("Mass", "Nodule"), "7", "val", {"sex": "F"})
    assert (second.labels, second.split) == ((), "train")


def test_columns_of_any_name_may_be_chosen(tmp_path: Path) -> None:
    listed(tmp_path, "scan,label,verdict\n1.png,x,a\n2.png,y,b\n", name="findings of May.csv")
    with pytest.raises(
        DataError, match=r"looks like the image. It has: scan, label, verdict. Set “Image column” \(“image”\) to one"
    ):
        read(tmp_path, Settings())
    image_set = read(tmp_path, Settings(image="scan", label="verdict"))
    assert looks_like(tmp_path)
    assert labels(image_set) == {"1.png": ("a",), "2.png": ("b",)}
    assert image_set.cases[0].more == {"label": "x"}


def test_a_set_column_about_something_else_is_kept_as_it_is(tmp_path: Path) -> None:
    image_set = read(listed(tmp_path, "image,label,set\n1.png,a,north\n2.png,b,south\n"), Settings())
    assert [(case.split, case.more) for case in image_set.cases] == [(None, {"set": "north"}), (None, {"set": "south"})]
    assert image_set.findings == ()


def test_a_single_label_may_hold_the_separator(tmp_path: Path) -> None:
    image_set = read(listed(tmp_path, "image,label\n1.png,a|b\n2.png,c\n"), Settings(kind="single"))
    assert labels(image_set) == {"1.png": ("a|b",), "2.png": ("c",)}


def test_columns_of_0_and_1_are_labels(tmp_path: Path) -> None:
    listed(tmp_path, "image,mass,node\n1.png,1,1.0\n2.png,0,0\n")
    image_set = read(tmp_path, Settings(label_columns=("mass", "node")))
    assert (image_set.task.kind, labels(image_set)) == ("multi", {"1.png": ("mass", "node"), "2.png": ()})
    assert image_set.findings == ()


def test_columns_with_one_1_in_each_row_make_a_single_task(tmp_path: Path) -> None:
    listed(tmp_path, "image,mass,node\n1.png,1,0\n2.png,,1\n")
    assert read(tmp_path, Settings(label_columns=("mass", "node"))).task.kind == "single"


def test_two_marks_in_a_single_task_are_told(tmp_path: Path) -> None:
    listed(tmp_path, "image,mass,node\n1.png,1,1\n2.png,0,0\n")
    findings = findings_of(read(tmp_path, Settings(label_columns=("mass", "node"), kind="single")))
    assert findings["several_labels"].message.startswith("Row 2 of labels.csv has 2 labels, a single task one.")
    assert findings["unlabelled"].cases == ("2.png",)


def test_a_set_whose_pictures_are_all_missing_says_so(tmp_path: Path) -> None:
    image_set = read(listed(tmp_path, "image,label\nx.png,a\ny.png,b\n"), Settings())
    with pytest.raises(DataError, match=r'Row 2 of labels.csv names "x.png", which is not in the folder.*1 more like'):
        image_set.stop_on_errors()


def test_something_else_than_0_or_1_is_told_with_its_row(tmp_path: Path) -> None:
    listed(tmp_path, "image,mass,node\n1.png,1,0\n2.png,maybe,1\n")
    finding = findings_of(read(tmp_path, Settings(label_columns=("mass", "node"))))["unreadable_label"]
    assert finding.message.startswith('Row 3 of labels.csv has "maybe" in the label column "mass"')


def test_a_sidecar_says_what_the_task_asks(tmp_path: Path) -> None:
    listed(tmp_path, "image,label\n1.png,mild\n2.png,severe\n")
    sidecar = "modality: fundus\nanswers: [none, mild, severe]\nkind: ordinal\ntemplate: 'How bad?{label set}'\n"
    (tmp_path / "task.yaml").write_text(sidecar)
    task = read(tmp_path, Settings()).task
    assert (task.kind, task.instruction()) == ("ordinal", "How bad? none, mild, severe")
    assert read(tmp_path, Settings(modality="eye")).task.modality == "eye"


@pytest.mark.parametrize(
    ("sidecar", "error", "message"),
    [
        ("modality: [", SettingsError, "task.yaml is not valid YAML"),
        ("modalty: fundus", SettingsError, "task.yaml.modalty is not a setting here"),
        ("answers: [mild, mild, severe]", SettingsError, "'mild' is listed twice"),
    ],
)
def test_a_wrong_sidecar_is_refused(tmp_path: Path, sidecar: str, error: type[Exception], message: str) -> None:
    listed(tmp_path, "image,label\n1.png,mild\n2.png,severe\n")
    (tmp_path / "task.yaml").write_text(sidecar)
    with pytest.raises(error, match=message):
        read(tmp_path, Settings())


def test_boxes_masks_and_reports_come_along(tmp_path: Path) -> None:
    boxes = json.dumps([{"label": "nucleus", "left": 0.25, "top": 0, "right": 0.5, "bottom": 1}]).replace('"', '""')
    table = f'image,label,boxes,mask,report\n1.png,a,"{boxes}",masks/m1.png,"Round, dark.\nNothing else."\n2.png,b,,,\n'
    image_set = read(listed(tmp_path, table, "1.png", "2.png", "masks/m1.png"), Settings())
    first, second = image_set.cases
    assert first.boxes == (Box("nucleus", 0.25, 0.0, 0.5, 1.0),)
    assert first.mask == FilePixels(tmp_path / "masks/m1.png")
    assert first.report == "Round, dark.\nNothing else."
    assert (second.boxes, second.mask, second.report) == ((), None, None)
    assert image_set.findings == ()


def test_boxes_are_known_of_all_cases_of_a_set_that_brings_some_and_of_none_in_others(tmp_path: Path) -> None:
    image_set = read(listed(tmp_path, "image,label,boxes\n1.png,a,\n2.png,b,[]\n"), Settings())
    assert [case.boxes for case in image_set.cases] == [None, None]


ROWS = {
    "missing_image": (
        "gone.png,b",
        'Row 4 of labels.csv names "gone.png", which is not in the folder. Add the image or',
    ),
    "duplicate_row": ("1.png,b", 'Row 4 of labels.csv names "1.png" again, after row 2. Keep one of the two;'),
    "unlabelled": ("3.png,NaN", "Row 4 of labels.csv has no label and was left out. Add its label"),
    "unknown_split": ("3.png,b,tset", 'Row 4 of labels.csv has the split "tset". Known: train'),
    "missing_mask": ("3.png,b,,gone.png", 'Row 4 of labels.csv names "gone.png", which is not in the folder'),
    "unreadable_boxes": ("3.png,b,,,oops", "Row 4 of labels.csv has boxes that can't be read (JSONDecodeError"),
}


@pytest.mark.parametrize("kind", ROWS)
def test_a_row_that_is_wrong_is_told_with_its_number(tmp_path: Path, kind: str) -> None:
    row, message = ROWS[kind]
    table = f"image,label,split,mask,boxes\n1.png,a,train\n2.png,b,test\n{row}\n"
    finding = findings_of(read(listed(tmp_path, table, "1.png", "2.png", "3.png"), Settings()))[kind]
    assert finding.message.startswith(message)
    assert finding.severity == ("warning" if kind == "unlabelled" else "error")
    assert finding.count == 1


def test_boxes_nested_without_end_are_told(tmp_path: Path) -> None:
    image_set = read(listed(tmp_path, f"image,label,boxes\n1.png,a,{'[' * 100_000}\n2.png,b,\n"), Settings())
    assert "boxes that can't be read (RecursionError" in findings_of(image_set)["unreadable_boxes"].message


def test_whole_paths_into_the_folder_and_broken_labels_are_understood(tmp_path: Path) -> None:
    table = f'image,label\n{tmp_path / "a" / "1.png"},"two\nlines"\n2.png,b\n'
    image_set = read(listed(tmp_path, table, "a/1.png", "2.png"), Settings()).stop_on_errors()
    assert [(case.id, case.labels) for case in image_set.cases] == [("a/1.png", ("two lines",)), ("2.png", ("b",))]


@pytest.mark.parametrize("path", ["../1.png", "/home/me/1.png", "C:\\scans\\1.png", "a/../../1.png", "~/1.png"])
def test_a_path_may_not_leave_the_folder(tmp_path: Path, path: str) -> None:
    image_set = read(listed(tmp_path, f"image,label\n{path},a\n2.png,b\n"), Settings())
    with pytest.raises(DataError, match="which is outside of the folder"):
        image_set.stop_on_errors()


def test_labels_outside_the_task_are_told(tmp_path: Path) -> None:
    image_set = read(listed(tmp_path, "image,label\n1.png,a\n2.png,B\n"), Settings(answers=("a", "b")))
    expected = 'Row 3 of labels.csv has the label "B", which the task does not list (a, b). Correct one.'
    assert findings_of(image_set)["unknown_label"].message == expected
    assert labels(image_set) == {"1.png": ("a",)}


def test_pictures_without_a_row_are_told(tmp_path: Path) -> None:
    image_set = read(
        listed(tmp_path, "image,label\n1.png,a\n2.png,b\n", "1.png", "2.png", "3.png", "4.png"), Settings()
    )
    expected = '"3.png" is not in labels.csv and was left out. Add a row if it belongs to the set. (1 more like this.)'
    assert findings_of(image_set)["unlisted_image"].message == expected


def test_an_empty_cell_of_a_multi_task_is_no_finding_with_a_word(tmp_path: Path) -> None:
    image_set = read(listed(tmp_path, "image,label\n1.png,a;b\n2.png,\n"), Settings())
    assert labels(image_set) == {"1.png": ("a", "b"), "2.png": ()}
    assert findings_of(image_set)["unlabelled"].severity == "note"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("image,label\n", "has no rows under its header"),
        (
            "image,opinion\n1.png,a\n",
            "no column that looks like the label. It has: image, opinion. Set “Label column”",
        ),
        ("image,label,label\n1.png,a,b\n", 'two columns called "label"'),
        ("image,label\n1.png,a,b\n", "Row 2 of labels.csv has 3 cells, the header 2"),
        ("image,label\n1.png,a\n2.png,a\n", 'In labels.csv every image has the label "a"'),
        ("image,label\n1.png,\n2.png,nan\n", "In labels.csv no image has a label"),
        ('image,label\n1.png,"' + "x" * 10_000_001 + '"\n', "can't be read as a table"),
    ],
)
def test_a_table_that_can_not_be_a_set_is_refused(tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(listed(tmp_path, table), Settings())


def test_a_named_column_must_exist(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'no column "dx"\. It has: image, label. Name one of these'):
        read(listed(tmp_path, "image,label\n1.png,a\n2.png,b\n"), Settings(label="dx"))


def test_a_damaged_excel_file_is_refused(tmp_path: Path) -> None:
    listed(tmp_path, b"not a workbook", name="labels.xlsx")
    with pytest.raises(DataError, match=r"labels\.xlsx is not a whole zip file"):
        read(tmp_path / "labels.xlsx", Settings())
    with ZipFile(tmp_path / "labels.xlsx", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(DataError, match=r"labels\.xlsx can't be read as an Excel file"):
        read(tmp_path / "labels.xlsx", Settings())


def test_the_likely_table_is_chosen_and_a_doubt_is_told(tmp_path: Path) -> None:
    listed(tmp_path, "image,label\n1.png,a\n2.png,b\n")
    listed(tmp_path, "image,true\n1.png,b\n", name="planted.csv")
    assert labels(read(tmp_path, Settings())) == {"1.png": ("a",), "2.png": ("b",)}
    (tmp_path / "labels.csv").rename(tmp_path / "mine.csv")
    with pytest.raises(DataError, match=r"several tables \(mine.csv, planted.csv\). Give the path of the right one"):
        read(tmp_path, Settings())


def test_only_a_table_that_names_pictures_looks_right(tmp_path: Path) -> None:
    listed(tmp_path / "other", "age,sex\n1,2\n", "a/1.png", "b/2.png")
    listed(tmp_path / "right", "image,label\n1.png,a\n", "a/1.png", "b/2.png")
    assert not looks_like(tmp_path / "other") and looks_like_class_folders(tmp_path / "other")
    assert looks_like(tmp_path / "right") and not looks_like_class_folders(tmp_path / "right")
    assert looks_like(tmp_path / "right/labels.csv")
    assert not looks_like(tmp_path / "right/none.csv")

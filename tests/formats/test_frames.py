"""Labels of single frames: rows of a table that name a frame of a DICOM file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.case import Finding, ImageSet
from core.checks.looked import look_over
from core.checks.mending import Mending, mend
from core.formats.dicom import Settings, read
from tests.dicom_files import drawn, saved


def film(file: Path, number: int, frames: int = 5, **values: object) -> None:
    """Frames of which each is of one level: 0, 700, 1400 ..."""
    pixels = np.arange(frames, dtype="<u2").repeat(400) * 700
    values = {"NumberOfFrames": frames, "PixelData": pixels.tobytes(), **values}
    saved(drawn(number, **values), file)


def read_table(folder: Path, text: str, **chosen: object) -> ImageSet:
    (folder / "labels.csv").write_text(text)
    return read(folder, Settings.parse(chosen, "images"))


def labels(image_set: ImageSet) -> dict[str, str]:
    return {case.id: " ".join(case.labels) for case in image_set.cases}


def findings_of(image_set: ImageSet) -> Mapping[str, Finding]:
    return {finding.kind: finding for finding in image_set.findings}


@pytest.mark.parametrize(("numbering", "third"), [("from 1", 3), ("from 0", 2)])
def test_a_row_is_about_the_frame_that_it_names(tmp_path: Path, numbering: str, third: int) -> None:
    """By hand, PS3.3 C.11.2.1.2: ((1400 - 1999.5) / 3999 + .5) * 255 is 89, the level of the third frame."""
    film(tmp_path / "a.dcm", 0, PatientID="P9")
    saved(drawn(1), tmp_path / "b.dcm")
    text = f"file,frame,label,split,patient,view\na.dcm,{third},thick,,,long\na.dcm,,thin,train,P1,short\n"
    text += "b.dcm,,thin,test,,\n"
    image_set = read_table(tmp_path, text, numbering=numbering)
    assert labels(image_set) == {f"a.dcm#{n}": "thick" if n == 3 else "thin" for n in (3, 1, 2, 4, 5)} | {
        "b.dcm": "thin"
    }
    third_frame = next(case for case in image_set.cases if case.id == "a.dcm#3")
    assert third_frame.pixels.load().getpixel((0, 0)) == 89
    assert (third_frame.split, third_frame.patient, third_frame.more["view"]) == ("train", "P1", "long")
    assert f"It is taken that {third - 2} is the first frame" in findings_of(image_set)["frames_named"].message


@settings(max_examples=40, deadline=None)
@given(
    of_frames=st.dictionaries(st.integers(1, 4), st.sampled_from("ab"), max_size=4),
    of_whole=st.sampled_from(["", "a", "b"]),
    first=st.sampled_from([0, 1]),
)
def test_what_is_written_of_frames_is_read_of_them(
    tmp_path_factory: pytest.TempPathFactory, of_frames: dict[int, str], of_whole: str, first: Literal[0, 1]
) -> None:
    folder = tmp_path_factory.mktemp("films")
    film(folder / "x", 0, 4)
    film(folder / "y", 1, 2)
    rows = [f"1.2.9.0,{frame - 1 + first},{label}" for frame, label in of_frames.items()]
    rows += [f"1.2.9.0,,{of_whole}"] if of_whole else []
    text = "\n".join(["SOPInstanceUID,frame,label", "1.2.9.1,,a", f"1.2.9.1,{first},b", *rows])
    image_set = read_table(folder, text, numbering=f"from {first}")
    expected = {f"x#{number}": of_frames.get(number, of_whole) for number in range(1, 5)}
    of_x = {name: label for name, label in labels(image_set).items() if name.startswith("x")}
    assert of_x == {name: label for name, label in expected.items() if label}
    without = findings_of(image_set).get("unnamed_frames")
    assert (without.count if without else 0) == (sum(not label for label in expected.values()) if of_frames else 0)


def test_rows_that_name_no_frame_are_told_with_their_numbers_and_what_to_do(tmp_path: Path) -> None:
    film(tmp_path / "a.dcm", 0, SeriesInstanceUID="1.2.3.1")
    film(tmp_path / "b.dcm", 1, SeriesInstanceUID="1.2.3.1")
    saved(drawn(2, SeriesInstanceUID="1.2.3.2"), tmp_path / "c.dcm")
    text = "file,frame,label\na.dcm,1,x\na.dcm,6,x\na.dcm,first,y\na.dcm,1,y\nb.dcm,5,y\nc.dcm,2,x\nc.dcm,1,x\n"
    image_set = read_table(tmp_path, text)
    findings = findings_of(image_set)
    assert findings["number_out_of_range"].message.startswith(
        'Row 3 of labels.csv names frame 6 of "a.dcm", which has frames 1 to 5. Correct it.'
    )
    assert findings["unreadable_number"].message.startswith('Row 4 of labels.csv has "first" in the column "frame"')
    assert findings["duplicate_row"].message.startswith('Row 5 of labels.csv names "a.dcm#1" again, after row 2. Keep')
    assert findings["unnamed_frames"].cases == tuple(
        [f"a.dcm#{frame}" for frame in (2, 3, 4, 5)] + [f"b.dcm#{frame}" for frame in (1, 2, 3, 4)]
    )
    assert "unlisted_image" not in findings
    mended = mend(look_over(image_set), Mending(leaves_out_unusable=True))
    assert [case.id for case in mended.looked.image_set.cases] == ["b.dcm#5", "c.dcm"]
    findings = findings_of(read_table(tmp_path, "series,frame,label\n1.2.3.1,2,x\n1.2.3.2,,x\n1.2.3.1,,y\n"))
    assert findings["several_files"].message == (
        "Row 2 of labels.csv names frame 2 of 2 files, and can mean that of one. Name its file."
    )


def test_a_row_about_a_frame_that_is_not_wanted_is_told(tmp_path: Path) -> None:
    film(tmp_path / "a.dcm", 0)
    film(tmp_path / "b.dcm", 1)
    text = "file,frame,label\na.dcm,3,x\na.dcm,4,y\nb.dcm,3,y\n"
    image_set = read_table(tmp_path, text, frames="middle")
    assert labels(image_set) == {"a.dcm#3": "x", "b.dcm#3": "y"}
    again = findings_of(read_table(tmp_path, text.replace("frame", "of_film")))["duplicate_row"]
    assert again.message.startswith('Row 3 of labels.csv names "a.dcm#1" again')
    assert again.message.partition("If rows")[2].startswith(" are about frames, choose the “Frame column” (“frame”).")
    note = findings_of(image_set)["frames_not_taken"]
    assert note.cases == ("a.dcm#4",) and "see “Frames” (“frames”)" in note.message
    assert "unnamed_frames" not in findings_of(image_set)


def test_a_column_of_frames_beside_single_pictures_is_one_of_ones_own(tmp_path: Path) -> None:
    """It says from where in a film they were taken; whoever means otherwise names the column."""
    for number in range(2):
        saved(drawn(number), tmp_path / f"{number}.dcm")
    text = "file,frame,label\n0.dcm,17,x\n1.dcm,34,y\n"
    image_set = read_table(tmp_path, text)
    assert [case.more["frame"] for case in image_set.cases] == ["17", "34"]
    findings = findings_of(read_table(tmp_path, "file,frame,label\n0.dcm,1,x\n1.dcm,34,y\n1.dcm,1,y\n", frame="frame"))
    assert '"1.dcm", which has frames 1 to 1' in findings["number_out_of_range"].message


def test_numbers_of_frames_are_no_patients(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        film(tmp_path / f"{number}.dcm", number, 3, PatientID=str(number))
    image_set = read_table(tmp_path, "file,frame,label\n1.dcm,1,x\n1.dcm,2,y\n1.dcm,3,y\n")
    assert labels(image_set) == {"1.dcm#1": "x", "1.dcm#2": "y", "1.dcm#3": "y"}

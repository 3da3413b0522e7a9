"""Text in pixels: what of it says who somebody is, and that it is gone after masking while all else stays."""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import dcmread
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID, JPEG2000Lossless, JPEGLSLossless, RLELossless

from core.deid.burned import find_written, mask, names_in, written_in
from core.deid.burned_masks import paint
from core.deid.burned_score import HIDDEN, KEPT, score_pixels
from core.deid.burned_text import Line, Spot, Word, read_lines
from core.deid.burned_words import Names, judge
from core.deid.score import Score
from core.errors import DataError
from tests.conftest import SHARED_DATA
from tests.deid.burning import FAMILY, GIVEN, RECORD, burned

DICOM = SHARED_DATA / "dicom"
HEADER = Names.of(["ZORLAMIR^TANEL", "H-4711238", "SENROS HOSPITAL"])


def verdicts(text: str, names: Names = HEADER) -> str:
    """A letter a word: p for a person's data, u for unsure, k for kept."""
    spot = Spot(0, 0, 1, 1)
    return "".join(verdict[0] for verdict in judge(Line(tuple(Word(word, spot) for word in text.split()), spot), names))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ZORLAMIR, TANEL", "pp"),
        ("Z0RLAM1R TANE1", "pp"),  # figures read for letters
        ("ZORLANIR", "p"),  # a letter read wrong
        ("ZORLA MIR", "pp"),  # in two pieces
        ("H4711238", "p"),
        ("Senros", "p"),
        ("12.03.1961", "p"),
        ("3/12/61", "p"),
        ("1961-03-12", "p"),
        ("12 MAR 1961", "ppp"),
        ("19610312", "p"),
        ("14:32:10", "p"),
        ("somebody@ward.example", "p"),
        ("ID: 4711", "pp"),
        ("Dr. Belva", "pp"),
        ("Lornel, Vama", "pp"),  # like a name, though the header has another
        ("KORVEL CLINIC", "pp"),
        ("ZORLAMIR TANEL HR 72 12.3 mm", "ppkkkk"),
        ("Name ZORLAMIR X HR 72", "pppkk"),
        ("12.3 mm", "kk"),
        ("HR 72", "kk"),
        ("HR72 12.3mm 120kVp", "kkk"),
        ("Vmax 1.40 m/s PG 7.8 mmHg", "kkkkkk"),
        ("TIS 0.4 MI 1.1", "kkkk"),
        ("R", "k"),
        ("L 5 cm", "kkk"),
        ("DR 60", "kk"),
        ("WL 40 WW 400", "kkkk"),
        ("127/1280", "k"),
        ("LYMPH NODE", "uu"),
    ],
)
def test_words_are_judged(text: str, expected: str) -> None:
    assert verdicts(text) == expected


def test_a_short_number_of_the_header_does_not_make_measurements_a_persons() -> None:
    assert verdicts("HR 120", Names.of(["120"])) == "kk"


def test_a_name_is_masked_and_a_measurement_beside_it_stays() -> None:
    dataset = burned([(12, 10, f"{FAMILY} {GIVEN} HR 72"), (12, 100, "12.3 mm")])
    before = pixel_array(dataset)
    names = names_in(dataset)
    found = [each.spot for each in find_written(dataset, names) if each.verdict == "person"]
    mask(dataset, found, names)
    after = pixel_array(dataset)
    assert [line.text.replace(" ", "") for line in read_lines(after)] == ["HR72", "12.3mm"]
    assert np.array_equal(before[40:], after[40:])
    assert dataset.BurnedInAnnotation == "NO"
    (code,) = dataset.DeidentificationMethodCodeSequence
    assert (code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning) == (
        "113101",
        "DCM",
        "Clean Pixel Data Option",
    )


def test_what_is_left_of_a_name_after_masking_is_masked_as_well() -> None:
    dataset = burned()
    mask(dataset, [Spot(12, 8, 40, 30)])  # only its beginning
    assert all(FAMILY[3:] not in line.text for line in read_lines(pixel_array(dataset)))


def test_every_frame_is_masked() -> None:
    dataset = burned(frames=3)
    paint(dataset, [Spot(10, 8, 120, 30)])
    frames = pixel_array(dataset)
    assert frames.shape == (3, 130, 240)
    assert all(len(np.unique(frame[8:30, 10:120])) == 1 for frame in frames)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless])
def test_colour_and_compression_survive_masking(syntax: UID) -> None:
    dataset = burned(photometric="RGB")
    before = pixel_array(dataset)
    dataset.compress(syntax, generate_instance_uid=False)
    paint(dataset, [Spot(10, 8, 120, 30)])
    file = BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    again = dcmread(BytesIO(file.getvalue()))
    after = pixel_array(again)
    assert (again.file_meta.TransferSyntaxUID, again.PhotometricInterpretation) == (syntax, "RGB")
    assert not after[8:30, 10:120].any()
    before[8:30, 10:120] = 0
    assert np.array_equal(before, after)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of pydicom, on files that are not as they should be
def test_every_file_there_is_is_painted_within_the_rectangle_alone() -> None:
    """Of pydicom's own and the shared ones: signed, planar, big-endian, palette, YBR, JPEG of every kind."""
    files = [*sorted((Path(pydicom.__file__).parent / "data").rglob("*.dcm")), *sorted(DICOM.glob("*.dcm"))]
    syntaxes = set()
    for file in files:
        dataset = dcmread(file, force=True)
        try:
            before = pixel_array(dataset)
            dataset.save_as(BytesIO())
        except Exception:  # no pixels, or none that pydicom decodes; or a header that it does not write again
            continue
        spot = Spot(dataset.Columns // 4, dataset.Rows // 4, dataset.Columns // 2, dataset.Rows // 2)
        if dataset.BitsAllocated == 1:
            with pytest.raises(DataError, match="one bit"):
                paint(dataset, [spot])
            continue
        paint(dataset, [spot])
        kept = BytesIO()
        dataset.save_as(kept)
        after = pixel_array(dcmread(BytesIO(kept.getvalue()), force=True))
        frames = int(dataset.get("NumberOfFrames") or 1)
        shape = (frames, dataset.Rows, dataset.Columns, -1)
        changed = (before.reshape(shape) != after.reshape(shape)).any(axis=(0, 3))
        assert not np.delete(changed, slice(spot.top, spot.bottom), axis=0).any(), file
        inside = after.reshape(shape)[:, spot.top : spot.bottom, spot.left : spot.right]
        assert len(np.unique(inside.reshape(-1, inside.shape[-1]), axis=0)) == 1, file
        syntaxes.add(dataset.file_meta.TransferSyntaxUID)
    assert len(syntaxes) > 5


@pytest.mark.skipif(not DICOM.is_dir(), reason="needs the shared DICOM files")
def test_text_of_a_real_ultrasound_is_found_and_its_measurements_are_kept() -> None:
    dataset = dcmread(DICOM / "US1_UNCR.dcm")
    names = names_in(dataset)
    before = pixel_array(dataset)
    found = {each.spot: each.verdict for each in written_in(before, names)}
    lines = {
        line.text: next(verdict for spot, verdict in found.items() if spot.meets(line.spot))
        for line in read_lines(before)
    }
    assert lines["BAPTIST MED CTR"] == "person"
    assert [lines[text] for text in lines if text.startswith("TIS")] == ["kept"]
    mask(dataset, [spot for spot, verdict in found.items() if verdict == "person"], names)
    after = pixel_array(dataset)
    assert "BAPTIST" not in " ".join(line.text for line in read_lines(after))
    assert np.array_equal(before[60:420, 100:], after[60:420, 100:])  # the picture itself


def test_nothing_leaks_and_nothing_is_lost_on_drawn_pictures() -> None:
    score = Score()
    score_pixels(score, 3)
    assert score.failed == []
    assert score.total == {HIDDEN: 12, KEPT: 15}


def test_a_score_counts_what_was_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.deid.burned_score.hide", lambda dataset: dataset)
    score = Score()
    score_pixels(score, 1)
    assert (score.passed[HIDDEN], score.total[HIDDEN]) == (0, 4)
    assert score.passed[KEPT] == score.total[KEPT] == 5
    assert not score.is_good_enough()


def test_without_the_extra_the_message_says_how_to_install_it() -> None:
    code = (
        "import sys; sys.modules['rapidocr'] = None\n"
        "import numpy as np\n"
        "from core.deid import burned_text\n"
        "from core.errors import SettingsError\n"
        "burned_text.can_read = lambda: False\n"
        "try: burned_text.read_lines(np.eye(64, dtype=np.uint8) * 255)\n"
        "except SettingsError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "pip install 'vitask-studio[ocr]'" in done.stdout


def test_a_record_number_of_the_header_is_among_its_names() -> None:
    assert names_in(burned()).name(RECORD)

"""The gate and the tray: what waits, what becomes of it, and that nothing is lost when everything stops in between."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.pixels.utils import pixel_array

from core.deid import gate as gates
from core.deid.burned_text import Spot, read_lines
from core.deid.gate import Gate
from core.deid.tray import JOURNAL, Tray
from core.deid.waiting import in_words, report_of_waiting
from core.errors import DataError
from tests.deid.burning import FAMILY, LAYING, burned, without_names, written_to

ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1"
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
AT = "2026-11-28T12:00:00"
PLAIN = ((12, 100, "HR 72 12.3 mm"),)


@pytest.fixture
def arriving(tmp_path: Path) -> Callable[..., Tray]:
    """Files go through the gate as de-identification writes them."""

    def through(**datasets: object) -> Tray:
        root, tray = tmp_path / "upload", Tray(tmp_path / "tray")
        gate = Gate(root, tray)
        for name, dataset in datasets.items():
            before = burned(texts=())
            after = without_names(dataset)  # type: ignore[arg-type]
            gate.look(before, after, f"{name}.dcm")
            written_to(root / f"{name}.dcm", after)
        gate.close()
        return tray

    return through


def left(tmp_path: Path) -> list[str]:
    return sorted(file.name for file in (tmp_path / "upload").glob("*.dcm"))


def test_a_name_in_pixels_waits_and_a_measurement_does_not(arriving: Callable[..., Tray], tmp_path: Path) -> None:
    tray = arriving(named=burned(), measured=burned(PLAIN), empty=burned(()))
    (held,) = tray.waiting()
    assert (held.place, held.reasons) == ("named.dcm", ("person",))
    assert left(tmp_path) == ["empty.dcm", "measured.dcm"]
    assert FAMILY.lower() not in (tmp_path / "tray" / JOURNAL).read_text().lower()
    (spot,) = held.found
    assert spot.meets(Spot(12, 10, 60, 24))
    assert tray.view(held.number, 0).is_file()


def test_a_name_of_the_header_alone_is_known_before_it_is_gone(tmp_path: Path) -> None:
    """One word in capitals is like nothing; only the header tells that it is the patient's."""
    root = tmp_path / "upload"
    texts = ((12, 10, FAMILY),)
    gate = Gate(root, Tray(tmp_path / "tray"))
    gate.look(burned(()), without_names(burned(texts)), "a.dcm")
    written_to(root / "a.dcm", without_names(burned(texts)))
    gate.close()
    assert gate.tray.waiting()[0].reasons == ("person",)
    other = tmp_path / "other"
    written_to(other / "a.dcm", without_names(burned(texts)))
    unseeded = Gate(other, Tray(tmp_path / "other tray"))
    unseeded.close()
    assert unseeded.tray.waiting()[0].reasons == ("text",)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"Modality": "US"}, "ultrasound"),
        ({"SOPClassUID": ULTRASOUND}, "ultrasound"),
        ({"SOPClassUID": CAPTURE}, "capture"),
        ({"BurnedInAnnotation": "YES"}, "marked"),
        ({"RecognizableVisualFeatures": "YES"}, "face"),
        ({"BodyPartExamined": "HEAD", "frames": 20}, "face"),
    ],
)
def test_what_may_show_somebody_waits_whether_it_can_be_read_or_not(
    arriving: Callable[..., Tray], monkeypatch: pytest.MonkeyPatch, header: dict[str, object], reason: str
) -> None:
    monkeypatch.setattr(gates, "can_read", lambda: False)
    tray = arriving(a=burned((), **header), b=burned())  # type: ignore[arg-type]
    assert [(held.place, held.reasons) for held in tray.waiting()] == [("a.dcm", (reason,))]


def test_slices_of_a_whole_head_wait_and_fewer_do_not(
    arriving: Callable[..., Tray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "FACE_SLICES", 4)
    head = {
        f"h{number}": burned((), SeriesDescription="Schädel nativ", SeriesInstanceUID="2.25.1") for number in range(4)
    }
    few = {f"f{number}": burned((), BodyPartExamined="BRAIN", SeriesInstanceUID="2.25.2") for number in range(3)}
    tray = arriving(**head, **few)
    assert {held.place[0] for held in tray.waiting()} == {"h"}
    assert len(tray.waiting()) == len(tray.alike(tray.waiting()[0])) == 4


def test_pixels_that_nobody_can_decode_wait(arriving: Callable[..., Tray]) -> None:
    damaged = burned(())
    damaged.PixelData = damaged.PixelData[:100]
    (held,) = arriving(a=damaged).waiting()
    assert held.reasons == ("damaged",)
    assert "can't be decoded" in held.why()


def test_what_was_decided_is_done_by_the_next_check(arriving: Callable[..., Tray], tmp_path: Path) -> None:
    tray = arriving(free=burned(), hidden=burned(), gone=burned())
    numbers = {held.place: held.number for held in tray.waiting()}
    tray.decide([numbers["free.dcm"]], "release", "reader", AT)
    tray.decide([numbers["hidden.dcm"]], "mask", "reader", AT)
    tray.decide([numbers["gone.dcm"]], "reject", "reader", AT)
    assert left(tmp_path) == []
    again = Tray(tmp_path / "tray")  # as after a restart
    Gate(tmp_path / "upload", again).close()
    assert left(tmp_path) == ["free.dcm", "hidden.dcm"]
    free, hidden = (dcmread(tmp_path / "upload" / name) for name in ("free.dcm", "hidden.dcm"))
    assert [FAMILY in " ".join(line.text for line in read_lines(pixel_array(each))) for each in (free, hidden)] == [
        True,
        False,
    ]
    assert np.array_equal(pixel_array(free)[60:], pixel_array(hidden)[60:])
    assert hidden.BurnedInAnnotation == "NO"
    assert list((tmp_path / "tray").iterdir()) == [tmp_path / "tray" / JOURNAL]
    assert [decision.by for decision in again.done.values()] == ["reader"] * 3
    Gate(tmp_path / "upload", Tray(tmp_path / "tray")).close()
    assert left(tmp_path) == ["free.dcm", "hidden.dcm"], "what was released waits no more"


def test_drawn_rectangles_are_masked_instead_of_found_ones(arriving: Callable[..., Tray], tmp_path: Path) -> None:
    tray = arriving(a=burned(PLAIN, Modality="US"))
    (held,) = tray.waiting()
    with pytest.raises(DataError, match="Nothing in this picture is marked"):
        tray.decide([held.number], "mask", "reader", AT)
    tray.decide([held.number], "mask", "reader", AT, [Spot(0, 0, 50, 40)])
    Gate(tmp_path / "upload", tray).close()
    pixels = pixel_array(dcmread(tmp_path / "upload" / "a.dcm"))
    assert len(np.unique(pixels[:40, :50])) == 1
    assert np.array_equal(pixels[90:], pixel_array(burned(PLAIN))[90:])


def test_what_can_t_be_masked_waits_again(
    arriving: Callable[..., Tray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tray = arriving(a=burned())

    def refuse(*_: object, **__: object) -> None:
        raise DataError("No encoder is there.")

    monkeypatch.setattr(gates, "mask", refuse)
    tray.decide([tray.waiting()[0].number], "mask", "reader", AT)
    Gate(tmp_path / "upload", tray).close()
    (held,) = Tray(tmp_path / "tray").waiting()
    assert held.reasons == ("person", "masking")
    assert held.why().endswith("No encoder is there.")
    assert left(tmp_path) == []


def test_alike_is_the_same_device_with_text_in_the_same_place(arriving: Callable[..., Tray]) -> None:
    lower = ((12, 60, LAYING[0][2]), LAYING[1])
    other = ((12, 10, "KORVEL, T"), LAYING[1])
    tray = arriving(
        a=burned(Manufacturer="Y"),
        b=burned(Manufacturer="Y"),
        c=burned(other, Manufacturer="Y"),
        lower=burned(lower, Manufacturer="Y"),
        device=burned(Manufacturer="Z"),
        more=burned((*LAYING, (90, 55, "Lornel, Vama")), Manufacturer="Y"),
    )
    first = tray.waiting()[0]
    assert [held.place for held in tray.alike(first)] == ["a.dcm", "b.dcm", "c.dcm"]


def test_nothing_slips_through_when_everything_stops_between_writing_and_holding(tmp_path: Path) -> None:
    root = tmp_path / "upload"
    gate = Gate(root, Tray(tmp_path / "tray"))
    gate.look(burned(()), without_names(burned()), "a.dcm")  # told; then it is written, and all stops
    written_to(root / "a.dcm", without_names(burned()))
    written_to(root / "b.dcm", without_names(burned()))  # written, and never looked at
    gate.look(burned(()), without_names(burned()), "never written.dcm")
    with (tmp_path / "tray" / JOURNAL).open("a") as journal:
        journal.write('{"looked": "b.d')  # broken off while it was written
    again = Gate(root, Tray(tmp_path / "tray"))
    again.close()
    assert sorted(held.place for held in again.tray.waiting()) == ["a.dcm", "b.dcm"]
    assert left(tmp_path) == []
    assert len(Tray(tmp_path / "tray").waiting()) == 2


def test_the_report_tells_how_many_wait_and_why(arriving: Callable[..., Tray], monkeypatch: pytest.MonkeyPatch) -> None:
    tray = arriving(a=burned(), b=burned((), Modality="US"))
    report = report_of_waiting(tray.waiting())
    assert report["waiting"] == 2
    (finding,) = report["findings"]
    assert (
        "2 pictures wait for a look: 1 because something is written in it that looks like a name" in finding["message"]
    )
    assert "1 because it is an ultrasound picture" in finding["message"]
    of_b = [held for held in tray.waiting() if held.place == "b.dcm"]
    assert in_words(of_b).startswith("One picture waits for a look because it is an ultrasound picture")
    assert in_words(of_b * 2).startswith("2 pictures wait for a look, each because it is an ultrasound picture")
    monkeypatch.setattr("core.deid.waiting.can_read", lambda: False)
    assert "vitask-studio[ocr]" in report_of_waiting(tray.waiting())["findings"][1]["message"]

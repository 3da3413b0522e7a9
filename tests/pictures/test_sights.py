"""What processes see of pictures, and keep of them, is what this one sees and keeps."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from PIL import Image

from core.case import Case, ImageSet, Task
from core.checks.check import report_of
from core.checks.looked import look_over
from core.errors import DataError
from core.machine import spread as spreading
from core.pictures.dicom import DicomPixels
from core.pictures.dicom_file import Source
from core.pictures.keeping import keep_all
from core.pictures.looks import look_at
from core.pictures.pixels import FilePixels
from core.pictures.sights import Wanted, sights_of, traces_of
from core.pictures.store import Store, encoded
from core.pictures.traces import trace_of
from tests.dicom_files import drawn, saved

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class DeadlyPixels:
    """Over which what decodes them ends the process."""

    name: str = "deadly.png"
    is_apart: ClassVar[bool] = True

    def load(self) -> Image.Image:
        os.abort()

    def digest(self) -> str:
        os.abort()


@pytest.fixture(autouse=True)
def by_two_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreading, "_is_worth_it", lambda seconds, done, whole: True)
    monkeypatch.setattr(spreading, "processes", lambda: 2)


@pytest.fixture
def pixels(tmp_path: Path) -> list[FilePixels | DicomPixels]:
    names = []
    for number in range(12):
        gradient = Image.linear_gradient("L").rotate(30 * number).resize((300, 280))
        names.append(tmp_path / f"{number}.{('png', 'jpg')[number % 2]}")
        gradient.convert(("L", "RGB")[number % 3 == 0]).save(names[-1])
    (tmp_path / "broken.png").write_bytes(names[0].read_bytes()[:200])
    (tmp_path / "none.png").write_bytes(b"")
    saved(drawn(7), tmp_path / "7.dcm")
    files = [*names, tmp_path / "broken.png", tmp_path / "none.png", tmp_path / "missing.png"]
    return [*map(FilePixels, files), DicomPixels(Source(tmp_path / "7.dcm"))]


def test_looks_and_traces_by_processes_are_those_of_this_one(pixels: list[FilePixels | DicomPixels]) -> None:
    sights = list(sights_of([Wanted(each, number % 2 == 0) for number, each in enumerate(pixels)]))
    assert [sight.look for sight in sights] == [look_at(each) for each in pixels]
    assert [bool(sight.look.problem) for sight in sights] == [False] * 12 + [True] * 3 + [False]
    for number, (sight, trace, each) in enumerate(zip(sights, traces_of(pixels), pixels, strict=True)):
        seen = trace_of(each)
        assert (trace is None) == (seen is None)
        for taken in (trace, sight.trace) if number % 2 == 0 else (trace,):
            assert taken is seen or (taken is not None and seen is not None)
            if taken and seen:
                assert taken.measures.tolist() == seen.measures.tolist()
                assert (taken.thumbnail, taken.kind) == (seen.thumbnail, seen.kind)


def test_what_is_kept_by_processes_is_what_is_kept_by_this_one(
    pixels: list[FilePixels | DicomPixels], tmp_path: Path
) -> None:
    readable = [*pixels[:12], pixels[-1]]
    store = Store(str(tmp_path / "store"))
    hashes = list(keep_all(readable, store))
    assert [store.get(sha256) for sha256 in hashes] == [encoded(each) for each in readable]
    with pytest.raises(DataError, match=r'missing.png" can\'t be read'):
        list(keep_all(pixels, store))


def test_a_picture_that_ends_its_process_is_named_and_the_rest_is_checked(
    pixels: list[FilePixels | DicomPixels], tmp_path: Path
) -> None:
    every = [*pixels[:6], DeadlyPixels(), *pixels[6:12]]
    cases = tuple(Case(f"case {number}", each, ("ab"[number % 2],)) for number, each in enumerate(every))
    looked = look_over(ImageSet("set", Task(answers=("a", "b")), cases))
    assert [each.case.id for each in looked.seen if each.look.problem] == ["case 6"]
    (finding,) = [finding for finding in report_of(looked).findings if finding.severity == "error"]
    assert finding.kind == "unreadable" and '"deadly.png" can\'t be read' in finding.message
    assert "SIGABRT" in finding.message
    with pytest.raises(DataError, match="deadly"):
        list(keep_all(every, Store(str(tmp_path / "store"))))

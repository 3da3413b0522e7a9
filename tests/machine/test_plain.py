"""What names pictures goes to another process and comes out the same; nothing else is made there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.machine.plain import from_plain, in_plain
from core.pictures.dicom import DicomPixels
from core.pictures.dicom_file import Source
from core.pictures.keeping import Arriving, Stored
from core.pictures.pixels import FilePixels, ZipPixels


@pytest.mark.parametrize(
    "value",
    [
        Arriving(ZipPixels(Path("/a b/ü.zip"), 'x"/1.png'), "/store", Stored("ab" * 32, 12)),
        Arriving(FilePixels(Path("/not utf-8 \udcff.png")), "s3://bucket/store"),
        DicomPixels(Source(Path("/a.zip"), ("inner.zip", "1"))),
        (None, 1, 0.5, True, ("x",)),
    ],
)
def test_it_comes_out_as_it_went_in(value: object) -> None:
    assert from_plain(json.loads(json.dumps(in_plain(value)))) == value


def test_nothing_but_a_dataclass_is_made() -> None:
    with pytest.raises(TypeError, match="no dataclass"):
        from_plain({"of": "subprocess:Popen", "is": ["true"]})
    with pytest.raises(TypeError, match="can't be said"):
        in_plain({1, 2})

"""Text in PNG and JPEG: it waits in the tray, masking hides it, and the picture stays what it was beside that."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from core.deid.burned_pictures import mask_picture, shades_of, written_in_picture
from core.deid.burned_text import Spot
from core.deid.gate import Gate
from core.deid.tray import Tray
from core.errors import DataError
from tests.deid.burning import LAYING, picture

PERSON = Spot(0, 0, 240, 40)


def kept(file: Path, mode: str = "RGB", turned: bool = False) -> Path:
    drawn = Image.fromarray(picture(LAYING)).convert(mode)
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".png":
        secret = PngInfo()
        secret.add_text("Comment", "Zorlamir")
        drawn.save(file, pnginfo=secret)
    else:
        exif = drawn.getexif()
        exif[0x010E] = "Zorlamir"
        if turned:
            exif[0x0112] = 6
            drawn = drawn.rotate(90, expand=True)
        drawn.save(file, quality=83, subsampling=0, exif=exif, comment=b"Zorlamir")
    return file


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "RGBA", "LA"])
def test_a_png_is_painted_where_it_is_said_and_nowhere_else(tmp_path: Path, mode: str) -> None:
    file = kept(tmp_path / "a.png", mode)
    before = shades_of(file)
    mask_picture(file, tmp_path / "b", [PERSON], is_read_again=False)
    after = shades_of(tmp_path / "b")
    assert after.shape == before.shape and not after[:40].any()
    assert np.array_equal(after[40:], before[40:])
    assert b"orlamir" not in (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_keeps_its_tables_and_its_colours(tmp_path: Path, mode: str) -> None:
    file = kept(tmp_path / "a.jpg", mode)
    mask_picture(file, tmp_path / "b", [PERSON], is_read_again=False)
    with Image.open(file) as before, Image.open(tmp_path / "b") as after:
        assert (after.format, after.mode, after.size) == ("JPEG", mode, before.size)
        assert after.quantization == before.quantization  # type: ignore[attr-defined]
    difference = shades_of(tmp_path / "b")[48:].astype(int) - shades_of(file)[48:]
    assert np.abs(difference).mean() < 0.5, "as near as the same tables bring it again"
    assert shades_of(tmp_path / "b")[:32].max() <= 16
    assert b"orlamir" not in (tmp_path / "b").read_bytes()


def test_a_jpeg_that_is_turned_by_its_exif_is_masked_as_people_see_it(tmp_path: Path) -> None:
    file = kept(tmp_path / "a.jpg", turned=True)
    assert shades_of(file).shape[:2] == (130, 240)
    mask_picture(file, tmp_path / "b", [PERSON], is_read_again=False)
    assert shades_of(tmp_path / "b").shape[:2] == (130, 240) and shades_of(tmp_path / "b")[:32].max() <= 16


def test_what_is_no_picture_can_not_be_masked(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"none")
    with pytest.raises(DataError, match="Reject it"):
        mask_picture(tmp_path / "a.png", tmp_path / "b", [PERSON], is_read_again=False)


@pytest.mark.slow
def test_names_in_pictures_wait_and_are_hidden_or_rejected(tmp_path: Path) -> None:
    root = tmp_path / "upload"
    for name in ("dark/a.png", "light/b.jpg", "dark/c.png"):
        kept(root / name)
    Image.fromarray(picture(((12, 100, "HR 72 12.3 mm"),))).save(root / "dark" / "measured.png")
    (root / "dark" / "broken.png").write_bytes(b"none")
    Gate(root, Tray(tmp_path / "tray")).close()
    assert Tray(tmp_path / "tray").looked == {}, "nobody asked for them to be read"
    Gate(root, Tray(tmp_path / "tray"), reads_pictures=True).close()
    tray = Tray(tmp_path / "tray")
    assert {held.place: held.reasons for held in tray.waiting()} == dict.fromkeys(
        ("dark/a.png", "light/b.jpg", "dark/c.png"), ("person",)
    )
    assert sorted(file.name for file in root.rglob("*.*")) == ["broken.png", "measured.png"]
    with Image.open(io.BytesIO(tray.view(1, 0).read_bytes())) as view:
        assert view.size == (240, 130)
    for held in tray.waiting():
        act = {"dark/a.png": "mask", "light/b.jpg": "mask", "dark/c.png": "reject"}[held.place]
        tray.decide([held.number], act, "anna", "2026-11-28")  # type: ignore[arg-type]
    Gate(root, tray, reads_pictures=True).close()
    assert Tray(tmp_path / "tray").waiting() == [] and not (root / "dark" / "c.png").exists()
    for name in ("dark/a.png", "light/b.jpg"):
        verdicts = [each.verdict for each in written_in_picture(shades_of(root / name))]
        assert verdicts and "person" not in verdicts, "the measurement stays"
    assert [file.name for file in (tmp_path / "tray").iterdir()] == ["journal.jsonl"]

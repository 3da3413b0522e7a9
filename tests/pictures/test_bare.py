"""What cameras and programs write beside pixels is not kept, and nothing else changes."""

from __future__ import annotations

from hashlib import sha256
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from core.pictures.bare import bare, bare_picture
from core.pictures.deep import Deep, Window, as_deep_png
from core.pictures.keeping import keep_all
from core.pictures.pixels import FilePixels, ZipPixels, decode, deep_in
from core.pictures.store import Store, StoredPixels, encoded

SECRET = b"Quillhammer"
SHADES = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)
PICTURE = Image.fromarray(SHADES)


def exif(turn: int) -> Image.Exif:
    made = Image.Exif()
    made[0x010E] = SECRET.decode()
    made[0x0112] = turn
    made.get_ifd(0x8825)[29] = SECRET.decode()
    made.get_ifd(0x8769)[37510] = SECRET
    return made


def written(kind: str, turn: int = 1, **values: object) -> bytes:
    file = BytesIO()
    if kind in ("PNG", "JPEG", "WEBP"):
        values["exif"] = exif(turn)
    if kind == "PNG":
        info = PngInfo()
        info.add_text("Name", SECRET.decode())
        info.add_text("Packed", SECRET.decode() * 9, zip=True)
        info.add_itxt("XML:com.adobe.xmp", SECRET.decode())
        values["pnginfo"] = info
    elif kind == "JPEG":
        values |= {"comment": SECRET, "xmp": SECRET}
    elif kind == "WEBP":
        values |= {"xmp": SECRET, "lossless": True}
    elif kind == "GIF":
        values["comment"] = SECRET
    elif kind == "TIFF":
        values["tiffinfo"] = {
            270: SECRET.decode(),
            315: SECRET.decode(),
            700: SECRET,
            50000: SECRET.decode(),
            274: turn,
        }
    PICTURE.save(file, kind, **values)
    content = file.getvalue() + (SECRET if kind != "TIFF" else b"")
    return content.replace(b"P6\n", b"P6\n#" + SECRET + b"\n", 1) if kind == "PPM" else content


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "PPM"])
@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_it_is_gone_and_every_pixel_lies_where_it_lay(kind: str, turn: int) -> None:
    content = written(kind, turn)
    kept = bare(content)
    assert SECRET in content and SECRET not in kept
    with Image.open(BytesIO(kept)) as opened:
        opened.load()
        assert SECRET.decode() not in repr((opened.info, dict(opened.getexif()), opened.getexif().get_ifd(0x8769)))
    assert np.array_equal(np.asarray(decode(kept, "kept")), np.asarray(decode(content, "came")))
    assert bare(kept) == kept
    if kind in ("PNG", "JPEG", "WEBP", "TIFF") and turn == 6:
        assert decode(kept, "kept").size == (24, 32)


def test_a_file_with_nothing_beside_its_pixels_stays_as_it_came() -> None:
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "PPM"):
        file = BytesIO()
        PICTURE.save(file, kind)
        assert bare(file.getvalue()) == file.getvalue(), kind


def test_a_colour_profile_and_the_windows_of_a_deep_picture_stay() -> None:
    deep = Deep(np.arange(600, dtype=np.uint16).reshape(20, 30), (Window("lung", -600, 1500),), 1.0, -1024.0, "HU")
    assert bare(as_deep_png(deep)) == as_deep_png(deep) and deep_in(bare(as_deep_png(deep)), "deep")
    for kind in ("PNG", "JPEG", "WEBP"):
        with Image.open(BytesIO(bare(written(kind, icc_profile=b"a profile" * 9)))) as opened:
            assert opened.info["icc_profile"] == b"a profile" * 9


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "PPM"])
def test_what_is_damaged_is_left_to_who_decodes_it(kind: str) -> None:
    content = written(kind)
    for end in range(0, len(content) - len(SECRET), 7):
        cut = content[:end]
        assert bare_picture(cut) is None or len(bare(cut)) <= len(cut) + 64
        assert bare(cut) or not cut


def test_files_of_folders_and_zips_are_kept_without_it_and_else_are_what_they_were(tmp_path: Path) -> None:
    """A run of before is of the same pictures: these are called by the bytes of their files."""
    content = written("JPEG")
    (tmp_path / "a.jpg").write_bytes(content)
    with ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a.jpg", "a.jpg")
    store = Store(str(tmp_path / "store"))
    for pixels in (FilePixels(tmp_path / "a.jpg"), ZipPixels(tmp_path / "a.zip", "a.jpg")):
        assert pixels.stored() == content and pixels.digest() == sha256(content).hexdigest()
        (kept,) = keep_all([pixels], store)
        assert store.get(kept) == bare(content) and SECRET not in store.get(kept)
    of_before = StoredPixels(store.url, store.put(content))
    assert encoded(of_before) == content

"""Pictures of every mode come out upright, in 8 bits; broken ones say what is wrong."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import struct
import zipfile
import zlib
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import DataError
from core.pictures.pixels import ArrayPixels, FilePixels, ZipPixels, decode, size_of


def stored(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def test_sixteen_bits_are_stretched_from_darkest_to_brightest() -> None:
    scan = Image.fromarray(np.array([[1000, 2000], [3000, 3040]], dtype=np.uint16))
    picture = decode(stored(scan), "scan")
    # (value - 1000) * 255 / 2040
    assert picture.mode == "L"
    assert np.asarray(picture).tolist() == [[0, 125], [250, 255]]


def test_sixteen_bits_of_one_value_are_black() -> None:
    picture = decode(stored(Image.fromarray(np.full((2, 2), 700, dtype=np.uint16))), "flat")
    assert np.asarray(picture).tolist() == [[0, 0], [0, 0]]


def test_floats_that_are_no_numbers_do_no_harm() -> None:
    scan = Image.fromarray(np.array([[0.0, np.nan], [5.0, 10.0]], dtype=np.float32))
    assert np.asarray(decode(stored(scan, "TIFF"), "scan")).tolist() == [[0, 0], [128, 255]]


def test_what_is_transparent_becomes_white() -> None:
    picture = decode(stored(Image.new("RGBA", (1, 1), (0, 0, 0, 0))), "clear")
    assert (picture.mode, picture.getpixel((0, 0))) == ("RGB", (255, 255, 255))


def test_grey_with_half_transparency_is_mixed_with_white() -> None:
    picture = decode(stored(Image.new("LA", (1, 1), (100, 51))), "grey")
    # 100 * 51/255 + 255 * 204/255
    assert (picture.mode, picture.getpixel((0, 0))) == ("L", 224)


def test_a_palette_becomes_its_colours() -> None:
    drawn = Image.new("P", (1, 1), 1)
    drawn.putpalette([0, 0, 0, 200, 10, 20])
    picture = decode(stored(drawn), "palette")
    assert (picture.mode, picture.getpixel((0, 0))) == ("RGB", (200, 10, 20))


def test_a_transparent_entry_of_a_palette_becomes_white() -> None:
    drawn = Image.new("P", (1, 1), 0)
    drawn.putpalette([9, 9, 9])
    assert decode(stored(drawn, transparency=0), "palette").getpixel((0, 0)) == (255, 255, 255)


def test_one_bit_becomes_black_and_white() -> None:
    picture = decode(stored(Image.fromarray(np.array([[False, True]]))), "mask")
    assert (picture.mode, np.asarray(picture).tolist()) == ("L", [[0, 255]])


def test_cmyk_becomes_colour() -> None:
    picture = decode(stored(Image.new("CMYK", (1, 1), (0, 255, 255, 0)), "TIFF"), "print")
    assert (picture.mode, picture.getpixel((0, 0))) == ("RGB", (255, 0, 0))


def test_a_camera_held_sideways_is_turned_upright() -> None:
    drawn = Image.fromarray(np.array([[10, 20], [30, 40], [50, 60]], dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it a quarter clockwise
    photo = stored(drawn, exif=exif)
    assert np.asarray(decode(photo, "photo")).tolist() == [[50, 30, 10], [60, 40, 20]]
    assert (size_of(photo, "photo"), size_of(stored(drawn), "photo")) == ((3, 2), (2, 3))
    with pytest.raises(DataError, match='"photo" can\'t be read as a picture'):
        size_of(b"no picture", "photo")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF"])
def test_a_truncated_picture_is_refused_by_name(kind: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8))
    whole = stored(noise.convert("RGB"), kind)
    with pytest.raises(DataError, match="scan 7"):
        decode(whole[: len(whole) // 2], "scan 7")


def test_text_is_not_a_picture() -> None:
    with pytest.raises(DataError, match="not a picture of a known kind"):
        decode(b"Patient was seen on Monday.", "notes.png")


def test_a_picture_that_would_fill_the_memory_is_refused() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    for side in (7_000, 10_000, 60_000):  # below and above Pillow's own bounds
        header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
        bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
        with pytest.raises(DataError, match="larger than 40 million pixels"):
            decode(bomb, "bomb")


def test_a_missing_file_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png"):
        FilePixels(tmp_path / "gone.png").load()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for read in (FilePixels(tmp_path / "pipe.png").load, FilePixels(tmp_path / "pipe.png").digest):
        with pytest.raises(DataError, match="not a file but a pipe"):
            read()


def test_a_member_of_a_zip_is_read_in_place(tmp_path: Path) -> None:
    content = stored(Image.new("L", (2, 2), 7))
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("a/1.png", content)
    pixels = ZipPixels(tmp_path / "set.zip", "a/1.png")
    assert pixels.load().getpixel((1, 1)) == 7
    assert pixels.digest() == sha256(content).hexdigest()
    assert [file.name for file in tmp_path.iterdir()] == ["set.zip"]


def test_a_zip_that_was_replaced_is_opened_anew(tmp_path: Path) -> None:
    pixels = ZipPixels(tmp_path / "set.zip", "1.png")
    for shade in (10, 20):
        with zipfile.ZipFile(tmp_path / "new.zip", "w") as archive:
            archive.writestr("1.png", stored(Image.new("L", (2, 2), shade)))
        (tmp_path / "new.zip").replace(pixels.zip)
        assert pixels.load().getpixel((0, 0)) == shade


def test_a_damaged_member_is_told_by_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("1.png", b"x" * 1000)
    content = bytearray((tmp_path / "set.zip").read_bytes())
    content[500] ^= 1
    (tmp_path / "set.zip").write_bytes(content)
    with pytest.raises(DataError, match=r'"1.png" of set.zip can\'t be read'):
        ZipPixels(tmp_path / "set.zip", "1.png").load()


def test_rows_of_an_array_are_pictures(tmp_path: Path) -> None:
    grey = np.arange(8, dtype=np.uint8).reshape(2, 2, 2)
    colour = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)
    np.savez(tmp_path / "set.npz", grey=grey, colour=colour, thin=grey[..., None])
    assert np.asarray(ArrayPixels(tmp_path / "set.npz", "grey", 1).load()).tolist() == [[4, 5], [6, 7]]
    assert np.asarray(ArrayPixels(tmp_path / "set.npz", "thin", 0).load()).tolist() == [[0, 1], [2, 3]]
    assert ArrayPixels(tmp_path / "set.npz", "colour", 1).load().getpixel((1, 0)) == (15, 16, 17)
    expected = sha256(bytes([4, 5, 6, 7]) + b"(2, 2)").hexdigest()
    assert ArrayPixels(tmp_path / "set.npz", "grey", 1).digest() == expected


def test_a_row_beyond_the_array_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", grey=np.zeros((2, 4, 4), dtype=np.uint8))
    for row in (2, -1):
        with pytest.raises(DataError, match="no row"):
            ArrayPixels(tmp_path / "set.npz", "grey", row).load()


def test_pixels_travel_to_other_processes(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for shade in range(40):
            archive.writestr(f"{shade}.png", stored(Image.new("L", (64, 64), shade)))
    every = [ZipPixels(tmp_path / "set.zip", f"{shade}.png") for shade in range(40)]
    assert pickle.loads(pickle.dumps(every)) == every
    assert shade_of(every[3]) == 3  # opened here first, so that forked processes inherit the open file
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(shade_of, every * 5, chunksize=1) == list(range(40)) * 5


def shade_of(pixels: ZipPixels) -> object:
    return pixels.load().getpixel((0, 0))

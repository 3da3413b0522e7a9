"""Files are looked through for somebody's pictures and name, also in zips, tables of other programs and headers."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from core.pictures.bare import bare
from core.sets.files_about import Sought, search
from core.sets.names_in_text import NamesInText

PICTURE = b"\x89PNG of somebody"
SOUGHT = Sought({sha256(PICTURE).hexdigest(): len(PICTURE)}, NamesInText((), ("P0003", "Müller")))


def in_excel(file: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["a.png", "P0003"])
    book.save(file.with_suffix(".xlsx"))


def in_parquet(file: Path) -> None:
    pq.write_table(pa.table({"image": [b"P0003"], "whose": ["P0003"]}), file.with_suffix(".parquet"))


def in_zip_in_zip(file: Path) -> None:
    inner = file.with_suffix(".inner")
    with ZipFile(inner, "w") as packed:
        packed.writestr("a/b.csv", "image,patient\nb.png,P0003\n")
    with ZipFile(file.with_suffix(".zip"), "w") as packed:
        packed.write(inner, "more.zip")
    inner.unlink()


def in_header(file: Path) -> None:
    file.with_suffix("").write_bytes(b"\0" * 128 + b"DICM" + b"\x10\x00\x20\x00LO\x06\x00P0003 " + b"pixels" * 1000)


NAMING: dict[str, Callable[[Path], object]] = {
    "excel": in_excel,
    "parquet": in_parquet,
    "zip in zip": in_zip_in_zip,
    "header": in_header,
    "path": lambda file: file.with_name("P0003_left.png").write_bytes(b"png"),
    "latin-1": lambda file: file.with_suffix(".csv").write_text("a;Müller;1", encoding="latin-1"),
    "utf-16": lambda file: file.with_suffix(".txt").write_text("\n" + "a\tMüller\t1", encoding="utf-16"),
    "broken zip": lambda file: file.with_suffix(".zip").write_bytes(b"PK\3\4 and then P0003"),
}


@pytest.mark.parametrize("how", NAMING)
def test_a_name_is_found(tmp_path: Path, how: str) -> None:
    NAMING[how](tmp_path / "file.x")
    assert search(tmp_path, SOUGHT) == "name"
    assert search(tmp_path, Sought(SOUGHT.sizes, NamesInText((), ("P9999",)))) is None


@pytest.mark.parametrize("content", ["P00030;XP0003", "P 0003", "mueller"])
def test_what_only_resembles_a_name_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "table.csv").write_text(content)
    assert search(tmp_path, SOUGHT) is None


def test_a_picture_is_found_with_what_a_camera_wrote_beside_it(tmp_path: Path) -> None:
    """None of which is kept in the store."""
    notes, file = PngInfo(), BytesIO()
    notes.add_text("Comment", "taken at noon " * 50)
    Image.new("L", (4, 4), 7).save(file, "PNG", pnginfo=notes)
    kept = bare(file.getvalue())
    sought = Sought({sha256(kept).hexdigest(): len(kept)}, NamesInText((), ()))
    (tmp_path / "x.png").write_bytes(file.getvalue())
    assert len(kept) < len(file.getvalue()) and search(tmp_path, sought) == "picture"
    Image.new("L", (4, 4), 8).save(tmp_path / "x.png", "PNG", pnginfo=notes)
    assert search(tmp_path, sought) is None


def test_a_picture_says_more_than_a_name_and_is_found_by_its_bytes_alone(tmp_path: Path) -> None:
    (tmp_path / "a P0003.txt").write_text("")
    with ZipFile(tmp_path / "b.zip", "w") as packed:
        packed.writestr("x.bin", PICTURE)
    assert search(tmp_path, SOUGHT) == "picture"
    assert search(tmp_path, SOUGHT, but={"b.zip"}) == "name"
    (tmp_path / "b.zip").unlink()
    (tmp_path / "c.png").write_bytes(PICTURE[::-1])
    assert search(tmp_path, SOUGHT) == "name", "as many bytes, and others"

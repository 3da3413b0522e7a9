"""Small files that grow: what an attacker sends, made by a few lines each."""

from __future__ import annotations

import struct
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image


def png(width: int, height: int, bits: int = 16, colour: int = 0) -> bytes:
    """A grey (colour 0), RGB (2) or RGBA (6) PNG that is black all over: 174 KB for 89 million pixels of 16 bits."""
    channels = {0: 1, 2: 3, 6: 4}[colour]
    row = b"\0" + bytes(width * channels * bits // 8)
    packer = zlib.compressobj(9)
    packed = [packer.compress(row) for _ in range(height)]
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    body = b"".join(packed) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def lying_jpeg(width: int, height: int) -> bytes:
    """A picture of 16 x 16 whose header says something else."""
    file = BytesIO()
    Image.new("L", (16, 16), 100).save(file, "JPEG")
    whole = file.getvalue()
    at = whole.index(b"\xff\xc0") + 5
    return whole[:at] + struct.pack(">HH", height, width) + whole[at + 4 :]


def many_frames(kind: str, frames: int, side: int = 64) -> bytes:
    file = BytesIO()
    first, *others = (Image.new("L", (side, side), shade % 256) for shade in range(frames))
    first.save(file, kind, save_all=True, append_images=others)
    return file.getvalue()


def laughs(levels: int, each: int = 9) -> str:
    """YAML whose last line stands for `each` ** `levels` words."""
    lines = ["a0: &a0 [lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * each)}]" for n in range(1, levels + 1)]
    return "\n".join(lines) + "\n"


def false_npz(file: Path, shape: tuple[int, ...], **arrays: object) -> Path:
    """An npz of which train_images has a header that claims this shape, and no numbers."""
    labels = np.array([[0], [1]] * 2, np.uint8)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as whole:
        for name, claimed in {"train_images": shape, "train_labels": None, **arrays}.items():
            with whole.open(f"{name}.npy", "w") as stream:
                if claimed is None:
                    np.lib.format.write_array(stream, labels)
                else:
                    header = {"descr": "|u1", "fortran_order": False, "shape": claimed}
                    np.lib.format.write_array_header_1_0(stream, header)
    return file


def zipped(file: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as whole:
        for name, content in members.items():
            whole.writestr(name, content)
    return file


def many_members(file: Path, count: int) -> Path:
    """A zip that lists so many files, all of which are the same 0 bytes: 59 bytes for each."""
    name = b"a/0000000.png"
    with file.open("wb") as whole:
        whole.write(struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, *[0] * 7, len(name), 0) + name)
        start = whole.tell()
        for number in range(count):
            entry = struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 20, 20, *[0] * 7, len(name), *[0] * 6)
            whole.write(entry + b"a/%07d.png" % number)
        end = whole.tell()
        whole.write(struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, end - start, start))
        whole.write(struct.pack("<4sIQI", b"PK\6\7", 0, end, 1))
        whole.write(struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0))
    return file


def zipped_rows(file: Path, rows: int) -> Path:
    """A zip whose table has so many rows, all alike."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as whole:
        whole.writestr("a/1.png", png(8, 8))
        with whole.open("labels.csv", "w", force_zip64=True) as table:
            table.write(b"image,label\n")
            for start in range(0, rows, 100_000):
                table.write(b"1.png,a\n" * min(100_000, rows - start))
    return file


def sheet(file: Path, rows: str, dimension: str = "A1:B2", strings: bytes = b"") -> Path:
    """An Excel file with these rows of XML and nothing that a person's would not have."""
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    members = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" '
        f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}.sharedStrings+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="s" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" '
        f'Type="{office}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><dimension ref="{dimension}"/>'
        f"<sheetData>{rows}</sheetData></worksheet>",
    }
    encoded = {name: content.encode() for name, content in members.items()}
    return zipped(file, encoded | {"xl/sharedStrings.xml": strings or f'<sst xmlns="{main}"/>'.encode()})

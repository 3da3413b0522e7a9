"""Pages of Parquet files are walked by their own headers, in which their sizes stand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.pictures.parquet import places_of
from core.pictures.parquet_pages import MOST_HEADER_BYTES, Pages


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("has_dictionary", [True, False])
@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
def test_pages_and_their_headers_are_what_the_directory_counts(
    tmp_path: Path, version: str, has_dictionary: bool, compression: str
) -> None:
    columns = {"a": [f"class {row % 7}" for row in range(9000)], "b": [[row] * (row % 3) for row in range(9000)]}
    options = {"data_page_version": version, "use_dictionary": has_dictionary, "compression": compression}
    more: dict[str, Any] = {"data_page_size": 3000, "row_group_size": 4000, "write_page_checksum": has_dictionary}
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table(columns), file, **options, **more)
    content, groups = file.read_bytes(), pq.read_metadata(file)
    walked = 0
    for group in range(3):
        for chunk in map(groups.row_group(group).column, range(2)):
            pages = Pages(content)
            unpacked = list(pages.sizes(*places_of(chunk)))
            walked += len(unpacked)
            assert sum(unpacked) + MOST_HEADER_BYTES - pages.left == chunk.total_uncompressed_size
    assert walked > 10


NESTED = b"\x1c" * 5000
LISTED = b"\x19" * 5000
MANY = b"\xff" * 8 + b"\x7f"


@pytest.mark.parametrize(
    "header", [b"", b"\x00", b"\xff" * 12, b"\x18\xff\xff\xff\x7f", b"\x15\x00\x15\x01\x15\x01\x00"]
)
def test_a_damaged_header_of_a_page_ends_the_walk(header: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        list(Pages(header).sizes(0, 9))
    with pytest.raises(ValueError, match="longer than any"):
        list(Pages(b"\x15\x00" * 999, left=100).sizes(0, 9))


@pytest.mark.parametrize(
    "header",
    [NESTED, LISTED, *(b"\x19" + bytes([0xF0 | kind]) + MANY for kind in (1, 3, 7)), b"\x1b" + MANY + b"\x13"],
)
def test_a_header_that_holds_more_than_any_ends_the_walk_soon(header: bytes) -> None:
    """Structs within structs, lists within lists, and 2^63 values of one byte, or of eight."""
    with pytest.raises(ValueError, match="damaged"):
        list(Pages(header).sizes(0, 9))

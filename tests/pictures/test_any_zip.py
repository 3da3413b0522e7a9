"""Whatever a zip holds or has become, it is read as it was written or refused with a sentence."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from core.errors import DataError
from core.layouts.files import open_tree
from core.pictures.zips import examine, read_member

PART = st.text("ab .~é", min_size=1, max_size=3) | st.sampled_from(["..", ".", "C:", "__MACOSX", "a.png", "con"])
NAMES = st.lists(PART, min_size=1, max_size=3).map("/".join)
SPOILT = st.sampled_from(["/{}", "../{}", "{}/../x", "C:{}", "{}\\x"])
MOST = 10_000


@contextmanager
def zipped(contents: Mapping[str, bytes], packed: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "set.zip"
        with zipfile.ZipFile(file, "w", packed) as archive:
            for name, content in contents.items():
                archive.writestr(name, content)
        yield file


def leads_out(name: str) -> bool:
    return name.startswith("/") or name[1:2] == ":" or ".." in name.split("/") or "\\" in name


@given(
    st.dictionaries(NAMES, st.binary(max_size=200), max_size=5),
    st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]),
)
def test_a_zip_gives_what_was_put_in_or_is_refused_for_a_name(contents: dict[str, bytes], packed: int) -> None:
    with zipped(contents, packed) as file:
        try:
            names = examine(file)
        except DataError as error:
            assert any(map(leads_out, contents))
            assert "Make the zip again" in str(error)
            return
        assert not any(map(leads_out, names))
        assert {name: read_member(file, name, MOST) for name in names} == contents


@given(NAMES, SPOILT)
def test_no_name_that_leads_out_of_a_zip_is_let_through(name: str, spoilt: str) -> None:
    with zipped({"fine.png": b"x", spoilt.format(name): b"x"}, zipfile.ZIP_STORED) as file:
        try:
            assert not any(map(leads_out, examine(file)))
        except DataError:
            return
    raise AssertionError(f"{spoilt.format(name)} was let through")


@given(
    st.dictionaries(st.sampled_from(["a/1.png", "a/2.png", "b.csv"]), st.binary(max_size=60), min_size=1),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8),
    st.integers(0, 40),
)
def test_a_damaged_zip_is_read_or_refused_and_nothing_else(
    contents: dict[str, bytes], spots: list[tuple[int, int]], cut: int
) -> None:
    with zipped(contents, zipfile.ZIP_DEFLATED) as file:
        whole = bytearray(file.read_bytes())
        for place, byte in spots:
            whole[place % len(whole)] = byte
        file.write_bytes(whole[: len(whole) - cut])
        try:
            tree = open_tree(file)
            for name in tree.files:
                assert len(tree.content(name, MOST)) <= MOST
        except DataError as error:
            assert str(error).endswith((".", ")"))

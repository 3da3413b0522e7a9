"""A zip is looked at before anything is read from it, and refused where it could do harm."""

from __future__ import annotations

import stat
import struct
import zipfile
from pathlib import Path

import pytest

from core.errors import DataError
from core.layouts.files import open_tree
from core.pictures.zips import examine


def zipped(path: Path, *names: str, content: bytes = b"x", compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name in names:
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("name", ["../up.png", "a/../../up.png", "/etc/up.png", "C:/up.png", "c:up.png"])
def test_a_zip_that_points_outside_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="points outside of it"):
        examine(zipped(tmp_path / "set.zip", "ok.png", name))


def test_a_zip_with_backslashes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a character that paths may not have"):
        examine(zipped(tmp_path / "set.zip", "a\\..\\up.png"))


def test_a_zip_with_a_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("a/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match="a link to another file"):
        examine(tmp_path / "set.zip")


def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    bomb = zipped(tmp_path / "set.zip", "a/1.png", content=bytes(101_000_000), compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(DataError, match="more than 200 times its size"):
        examine(bomb)


def test_a_bomb_of_members_that_share_their_bytes_is_refused(tmp_path: Path) -> None:
    zipped(tmp_path / "one.zip", "0", content=bytes(1_000_000), compression=zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        member = archive.getinfo("0")
        with zipfile.ZipFile(tmp_path / "set.zip", "w") as many:
            many.filelist += [member] * 300
            many._didModify = True  # type: ignore[attr-defined]
    with pytest.raises(DataError, match="more than 200 times its size"):
        examine(tmp_path / "set.zip")


def test_pictures_that_compress_well_are_no_bomb(tmp_path: Path) -> None:
    black = zipped(tmp_path / "set.zip", "a/1.bmp", content=bytes(1_000_000), compression=zipfile.ZIP_DEFLATED)
    assert examine(black) == ("a/1.bmp",)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused_unless_they_are_the_same(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as made:
        for content in (b"first", b"first"):
            made.writestr("a/1.png", content)
    assert examine(tmp_path / "set.zip") == ("a/1.png",)
    with zipfile.ZipFile(tmp_path / "set.zip", "a") as made:
        made.writestr("a/1.png", b"other")
    with pytest.raises(DataError, match=r'set\.zip holds "a/1\.png" twice, and not the same'):
        examine(tmp_path / "set.zip")


def test_a_locked_zip_is_refused(tmp_path: Path) -> None:
    content = bytearray(zipped(tmp_path / "set.zip", "1.png").read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 8 : entry + 10] = struct.pack("<H", 1)
    (tmp_path / "set.zip").write_bytes(content)
    with pytest.raises(DataError, match="locked with a password"):
        examine(tmp_path / "set.zip")


def test_an_unusual_compression_is_refused(tmp_path: Path) -> None:
    content = bytearray(zipped(tmp_path / "set.zip", "1.png").read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 10 : entry + 12] = struct.pack("<H", 9)  # Deflate64, as Windows writes for large files
    (tmp_path / "set.zip").write_bytes(content)
    with pytest.raises(DataError, match="unusual compression"):
        examine(tmp_path / "set.zip")


@pytest.mark.parametrize("keep", [0, 30, 60])
def test_a_damaged_zip_is_refused(tmp_path: Path, keep: int) -> None:
    zipped(tmp_path / "set.zip", "1.png", "2.png")
    (tmp_path / "set.zip").write_bytes((tmp_path / "set.zip").read_bytes()[:keep])
    with pytest.raises(DataError, match="not a whole zip file"):
        examine(tmp_path / "set.zip")


def test_what_systems_leave_behind_is_ignored(tmp_path: Path) -> None:
    names = ("a/2.png", "a/10.png", "__MACOSX/a/._2.png", "a/.DS_Store", ".git/1.png", "Thumbs.db", "desktop.ini")
    tree = open_tree(zipped(tmp_path / "set.zip", *names, "empty/"))
    assert tree.files == ("a/2.png", "a/10.png")
    assert tree.folders == ("a/", "empty/")


def test_a_folder_reads_like_a_zip_of_it(tmp_path: Path) -> None:
    (tmp_path / "set/a").mkdir(parents=True)
    (tmp_path / "set/.hidden").mkdir()
    for name in ("a/2.png", "a/10.png", "a/.DS_Store", ".hidden/1.png"):
        (tmp_path / "set" / name).write_bytes(b"x")
    (tmp_path / "set/empty").mkdir()
    tree = open_tree(tmp_path / "set")
    assert (tree.files, tree.folders) == (("a/2.png", "a/10.png"), ("a/", "empty/"))
    assert tree.content("a/2.png", 10) == b"x"


def test_a_link_that_leads_back_up_is_not_followed_for_ever(tmp_path: Path) -> None:
    (tmp_path / "set/a").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/1.png").write_bytes(b"x")
    (tmp_path / "set/a/loop").symlink_to(tmp_path / "set")
    (tmp_path / "set/b").symlink_to(tmp_path / "other")
    assert open_tree(tmp_path / "set").files == ("b/1.png",)

"""A set is fetched through broken connections, and a wrong file is never left behind."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import DataError, DownloadError
from core.layouts import medmnist
from core.layouts.medmnist_fetch import TRIES, fetch
from tests.local_server import Server, serving

CONTENT = bytes(range(256)) * 4000


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server on this machine, for a table in which CONTENT is BloodMNIST at 28 pixels."""
    md5 = hashlib.md5(CONTENT).hexdigest()
    sets = tuple(replace(facts, md5=(md5, *facts.md5[1:])) for facts in medmnist.SETS)
    monkeypatch.setattr(medmnist, "SETS", sets)
    with serving({"/blood.npz": CONTENT}) as listening:
        listening.address += "/blood.npz"
        yield listening


def fetched(
    server: Server, folder: Path, reported: list[tuple[int, int | None]] | None = None, name: str = "blood"
) -> Path:
    def report(done: int, total: int | None) -> None:
        if reported is not None:
            reported.append((done, total))

    return fetch(name, 28, folder, report, server.address, pause=lambda seconds: None).path


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_set_is_fetched_and_checked(server: Server, tmp_path: Path) -> None:
    reported: list[tuple[int, int | None]] = []
    path = fetched(server, tmp_path / "new", reported)
    assert path == tmp_path / "new/bloodmnist_28.npz"
    assert path.read_bytes() == CONTENT
    assert names(tmp_path / "new") == ["bloodmnist_28.npz"]
    assert reported[-1] == (len(CONTENT), len(CONTENT))
    assert reported == sorted(reported)


def test_the_licence_comes_with_the_file(server: Server, tmp_path: Path) -> None:
    licences = {
        name: fetch(name, 28, tmp_path, lambda *_: None, server.address).licence for name in ("bloodmnist", "derma")
    }
    assert licences == {"bloodmnist": "CC BY 4.0", "derma": "CC BY-NC 4.0"}


def test_a_file_that_is_there_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    fetched(server, tmp_path)
    fetched(server, tmp_path)
    assert len(server.ranges) == 1


def test_a_file_of_ones_own_with_that_name_is_left_alone(server: Server, tmp_path: Path) -> None:
    (tmp_path / "bloodmnist_28.npz").write_bytes(b"mine")
    with pytest.raises(DownloadError, match=r"exists and is not the published file\. Move it away"):
        fetched(server, tmp_path)
    assert (tmp_path / "bloodmnist_28.npz").read_bytes() == b"mine"


def test_what_was_broken_off_is_resumed(server: Server, tmp_path: Path) -> None:
    (tmp_path / "bloodmnist_28.npz.part").write_bytes(CONTENT[:1000])
    reported: list[tuple[int, int | None]] = []
    assert fetched(server, tmp_path, reported).read_bytes() == CONTENT
    assert server.ranges == ["bytes=1000-"]
    assert reported[0][0] > 1000 and reported[-1] == (len(CONTENT), len(CONTENT))


def test_a_part_that_is_whole_is_only_checked(server: Server, tmp_path: Path) -> None:
    (tmp_path / "bloodmnist_28.npz.part").write_bytes(CONTENT)
    assert fetched(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [f"bytes={len(CONTENT)}-"]


def test_a_part_that_is_too_long_is_begun_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "bloodmnist_28.npz.part").write_bytes(CONTENT + b"more")
    assert fetched(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges[1:] == [None]


def test_a_server_without_ranges_is_read_from_the_start(server: Server, tmp_path: Path) -> None:
    server.plan = ["no ranges"]
    (tmp_path / "bloodmnist_28.npz.part").write_bytes(b"something else")
    assert fetched(server, tmp_path).read_bytes() == CONTENT


def test_a_server_that_does_not_say_how_long_it_is_will_do(server: Server, tmp_path: Path) -> None:
    server.plan = ["unknown length"]
    reported: list[tuple[int, int | None]] = []
    assert fetched(server, tmp_path, reported).read_bytes() == CONTENT
    assert reported[-1] == (len(CONTENT), None)


def test_broken_connections_are_taken_up_where_they_broke(server: Server, tmp_path: Path) -> None:
    server.plan = ["503", "half", "nothing", "429", "half", "nothing"] + ["half"] * TRIES
    assert fetched(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges[:3] == [None, None, f"bytes={len(CONTENT) // 2}-"]


def test_a_connection_that_brings_nothing_is_given_up(server: Server, tmp_path: Path) -> None:
    server.plan = ["half"] + ["nothing"] * TRIES
    with pytest.raises(DownloadError, match=f"broke off {TRIES} times .*run it again: it goes on from there"):
        fetched(server, tmp_path)
    assert names(tmp_path) == ["bloodmnist_28.npz.part"]
    assert fetched(server, tmp_path).read_bytes() == CONTENT


def test_no_connection_is_told(tmp_path: Path) -> None:
    waits: list[float] = []
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:9/.* can't be reached .*Check the connection"):
        fetch("blood", 28, tmp_path, lambda *_: None, "http://127.0.0.1:9/blood.npz", pause=waits.append)
    assert waits == [2.0, 4.0, 8.0, 16.0]
    assert names(tmp_path) == []


def test_a_wrong_file_is_removed(server: Server, tmp_path: Path) -> None:
    server.plan = ["wrong"]
    with pytest.raises(DownloadError, match=r"is not the published file .MD5 [0-9a-f]{32}, expected"):
        fetched(server, tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize(("code", "reason"), [("404", "there is no such file"), ("403", "the server answers 403")])
def test_a_missing_file_is_told_at_once(server: Server, tmp_path: Path, code: str, reason: str) -> None:
    server.plan = [code]
    with pytest.raises(DownloadError, match=reason):
        fetched(server, tmp_path)
    assert (len(server.ranges), names(tmp_path)) == (1, [])


def test_too_little_room_is_told_before_anything_is_written(server: Server, tmp_path: Path) -> None:
    server.plan = ["huge"]
    with pytest.raises(DownloadError, match=r"too little room: the file takes 1,000,000,000.0 GB"):
        fetched(server, tmp_path)
    assert names(tmp_path) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a disk that is always full")
def test_a_disk_that_fills_up_is_told(server: Server, tmp_path: Path) -> None:
    (tmp_path / "bloodmnist_28.npz.part").symlink_to("/dev/full")
    with pytest.raises(DownloadError, match=r"the disk is full\. Make room or choose another folder"):
        fetched(server, tmp_path)


def test_a_folder_that_can_not_be_made_is_told(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("hello")
    with pytest.raises(DownloadError, match="can't be written"):
        fetched(server, tmp_path / "file/folder")


def test_unknown_names_sizes_and_addresses_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a MedMNIST set"):
        fetch("bloody", 28, tmp_path, lambda *_: None)
    with pytest.raises(DownloadError, match="comes in 28, 64, 128, 224 pixels, not 32"):
        fetch("blood", 32, tmp_path, lambda *_: None)
    with pytest.raises(DownloadError, match="is not a web address"):
        fetch("blood", 28, tmp_path, lambda *_: None, address="file:///etc/passwd")

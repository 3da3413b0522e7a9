"""A store keeps bytes by their content, in a folder and wherever fsspec reaches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
from PIL import Image

from core.errors import DataError
from core.pictures.pixels import ArrayPixels, FilePixels, ZipPixels
from core.pictures.store import Store, StoredPixels, as_png, encoded, key_of, open_store

NUMBERS = count()


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of a bucket in an S3 on loopback."""
    from boto3 import client
    from moto.server import ThreadedMotoServer
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()  # those of a server that was here before have its port
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**credentials, "AWS_ENDPOINT_URL": address}.items():
            patch.setenv(name, value)
        client("s3").create_bucket(Bucket="cells")
        yield "s3://cells"
    server.stop()


@pytest.fixture(params=["folder", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return Store(str(tmp_path / "store"))
    root = request.getfixturevalue("s3") if request.param == "s3" else "memory:/"
    return Store(f"{root}/store-{next(NUMBERS)}")


def test_what_is_put_comes_back_by_its_hash(store: Store, tmp_path: Path) -> None:
    sha256 = hashlib.sha256(b"cells").hexdigest()
    assert not store.exists(key_of(sha256))
    (tmp_path / "file").write_bytes(b"cells")
    assert store.put(b"cells") == store.put(tmp_path / "file") == sha256
    assert store.exists(key_of(sha256)) and store.get(sha256) == b"cells"
    assert store.is_local == ("://" not in store.url)


def test_a_folder_holds_each_content_once_and_nothing_half_written(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    with ThreadPoolExecutor(8) as threads:
        hashes = list(threads.map(store.put, [b"one" * 1000, b"two" * 1000] * 20))
    files = sorted(path.relative_to(tmp_path / "store").as_posix() for path in (tmp_path / "store").rglob("*.*"))
    kept = sorted(path.relative_to(tmp_path / "store").as_posix() for path in (tmp_path / "store").glob("*/*"))
    assert files == [] and kept == sorted(f"{sha256[:2]}/{sha256[2:]}" for sha256 in set(hashes))


def test_a_half_written_file_from_a_crash_is_written_again(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    sha256 = store.put(b"cells")
    (tmp_path / "store" / sha256[:2] / sha256[2:]).write_bytes(b"")
    with pytest.raises(DataError, match="damaged copy"):
        store.get(sha256)
    assert store.get(store.put(b"cells")) == b"cells"


def test_what_is_not_there_is_told(store: Store) -> None:
    with pytest.raises(DataError, match=r"does not hold .*Add it again"):
        store.get("ab" + "0" * 62)


def test_a_full_disk_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store._files, "write", full)
    with pytest.raises(DataError, match=r"is full\. Make room"):
        store.put(b"cells")


def test_files_are_kept_by_name_and_fetched_whole(store: Store, tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"w" * 10_000)
    assert not store.exists("runs/7/weights")
    store.send(tmp_path / "weights", "runs/7/weights")
    store.write("runs/7/card.md", b"old")
    store.write("runs/7/card.md", b"new")
    assert store.exists("runs/7/weights") and store.read("runs/7/card.md") == b"new"
    store.fetch("runs/7/weights", tmp_path / "deep" / "copy")
    assert (tmp_path / "deep" / "copy").read_bytes() == b"w" * 10_000
    with pytest.raises(DataError):
        store.fetch("runs/8/weights", tmp_path / "deep" / "other")
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["copy"]


def test_pictures_are_stored_as_they_came_and_rows_of_arrays_as_png(store: Store, tmp_path: Path) -> None:
    import zipfile

    import numpy as np

    Image.new("RGB", (8, 6), "red").save(tmp_path / "red.jpg")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(tmp_path / "red.jpg", "in/red.jpg")
    np.savez(tmp_path / "rows.npz", images=np.full((2, 6, 8), 9, np.uint8))
    jpeg = (tmp_path / "red.jpg").read_bytes()
    assert encoded(FilePixels(tmp_path / "red.jpg")) == jpeg
    assert encoded(ZipPixels(tmp_path / "all.zip", "in/red.jpg")) == jpeg
    row = StoredPixels(store.url, store.put(encoded(ArrayPixels(tmp_path / "rows.npz", "images", 1))))
    assert encoded(row).startswith(b"\x89PNG")
    assert row.load().tobytes() == bytes([9]) * 48 and row.load().mode == "L"
    assert row.digest() == hashlib.sha256(encoded(row)).hexdigest()
    with pytest.raises(DataError, match="can't be read"):
        encoded(FilePixels(tmp_path / "gone.png"))


def test_a_store_stays_open_for_a_process(tmp_path: Path) -> None:
    assert open_store(str(tmp_path)) is open_store(str(tmp_path))
    assert as_png(Image.new("L", (2, 2))).startswith(b"\x89PNG")

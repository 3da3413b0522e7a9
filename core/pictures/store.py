"""Where pictures are kept by their content: a folder, or any address that fsspec knows, like s3://bucket/folder.

What has the same bytes is kept once, under ab/cdef… for the SHA-256 abcdef…; other files have names of their own.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from threading import get_ident
from typing import Any, TypeVar

from PIL import Image

from core.case import Pixels
from core.errors import DataError, MissingError
from core.pictures.bare import bare
from core.pictures.pixels import Filed, decode

T = TypeVar("T")
SHA_256 = re.compile("[0-9a-f]{64}")


class Store:
    """Writes are whole or not at all; several processes may write the same thing at once."""

    def __init__(self, url: str) -> None:
        self.url = url if "://" in url else str(Path(url).expanduser().absolute())
        self._files: _Folder | _Remote = _Remote(self.url) if "://" in url else _Folder(Path(self.url))

    @property
    def is_local(self) -> bool:
        return isinstance(self._files, _Folder)

    def put(self, content: bytes | Path) -> str:
        """Keeps the content where it is not kept yet; returns its SHA-256."""
        stored = content.read_bytes() if isinstance(content, Path) else content
        sha256 = hashlib.sha256(stored).hexdigest()
        self._try(lambda: self._files.write_once(key_of(sha256), stored))
        return sha256

    def get(self, sha256: str) -> bytes:
        stored = self.read(key_of(sha256))
        if hashlib.sha256(stored).hexdigest() != sha256:
            raise DataError(f"The store {self.url} holds a damaged copy of {sha256}. Add the picture again.")
        return stored

    def write(self, key: str, content: bytes) -> None:
        """Keeps something under a name, over what had it before."""
        self._try(lambda: self._files.write(key, content))

    def read(self, key: str, most: int | None = None) -> bytes:
        """All of it, or so many bytes from its beginning."""
        return self._try(lambda: self._files.read(key, most))

    def exists(self, key: str) -> bool:
        return self.size(key) is not None

    def size(self, key: str) -> int | None:
        """Of what is kept there, in bytes; None where nothing is."""
        return self._try(lambda: self._files.size(key))

    def remove(self, key: str) -> None:
        """Where it is there; it may be kept anew afterwards."""
        self._try(lambda: self._files.remove(key))

    def keys(self) -> list[str]:
        """The names of all that is kept, in order; what is being written is none of it."""
        return sorted(key for key in self._try(self._files.keys) if not key.endswith(".part"))

    def send(self, path: Path, key: str) -> None:
        """Keeps a file of any size under a name."""
        self._try(lambda: self._files.send(path, key))

    def fetch(self, key: str, path: Path) -> None:
        """Writes what has a name to a file, which appears when it is whole."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = _draft(path)
        try:
            self._try(lambda: self._files.fetch(key, draft))
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)

    def _try(self, do: Callable[[], T]) -> T:
        try:
            return do()
        except FileNotFoundError as error:
            raise MissingError(f"The store {self.url} does not hold {error.filename or error}. Add it again.") from None
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise DataError(f"The store {self.url} is full. Make room and try again.") from None
            raise DataError(f"The store {self.url} can't be used ({error}). Check it and try again.") from None


@lru_cache(maxsize=8)
def _opened(url: str, process: int) -> Store:
    return Store(url)


def open_store(url: str) -> Store:
    """The store at an address, kept open for this process."""
    return _opened(url, os.getpid())


def key_of(sha256: str) -> str:
    """Where a content lies. Anything else than a SHA-256 is refused, lest it lead out of the store."""
    if not SHA_256.fullmatch(sha256):
        raise DataError(f'"{sha256[:80]}" is no SHA-256, by which pictures are kept. Have the studio write it again.')
    return f"{sha256[:2]}/{sha256[2:]}"


@dataclass(frozen=True)
class StoredPixels:
    """A picture in a store, by the SHA-256 of its stored bytes."""

    store: str
    sha256: str

    def __post_init__(self) -> None:
        key_of(self.sha256)

    @property
    def name(self) -> str:
        return self.sha256

    def load(self) -> Image.Image:
        return decode(self.stored(), self.name)

    def digest(self) -> str:
        return self.sha256

    def stored(self) -> bytes:
        return open_store(self.store).get(self.sha256)


def encoded(pixels: Pixels) -> bytes:
    """The file that is kept of a picture: where it was one without what was written beside its pixels, as it is where
    it was kept before; rows of arrays as PNG."""
    if isinstance(pixels, StoredPixels):
        return pixels.stored()
    return bare(pixels.stored()) if isinstance(pixels, Filed) else as_png(pixels.load())


def as_png(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.save(file, "PNG", compress_level=1)
    return file.getvalue()


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}-{get_ident()}.part")


class _Folder:
    """A store in a folder of this machine; plain calls, since a large set makes hundreds of thousands of them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write_once(self, key: str, content: bytes) -> None:
        if self.size(key) != len(content):
            self.write(key, content)

    def write(self, key: str, content: bytes) -> None:
        self._place(key, lambda draft: _fill(draft, content))

    def read(self, key: str, most: int | None = None) -> bytes:
        with open(f"{self.root}/{key}", "rb") as file:
            return file.read(most)

    def size(self, key: str) -> int | None:
        try:
            return os.stat(f"{self.root}/{key}").st_size
        except FileNotFoundError:
            return None

    def remove(self, key: str) -> None:
        (self.root / key).unlink(missing_ok=True)

    def keys(self) -> list[str]:
        return [path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file()]

    def send(self, path: Path, key: str) -> None:
        self._place(key, lambda draft: shutil.copyfile(path, draft))

    def fetch(self, key: str, path: Path) -> None:
        shutil.copyfile(self.root / key, path)

    def _place(self, key: str, fill: Callable[[str], Any]) -> None:
        target = f"{self.root}/{key}"
        draft = f"{target}.{os.getpid()}-{get_ident()}.part"
        try:
            try:
                fill(draft)
            except FileNotFoundError:
                os.makedirs(os.path.dirname(target), exist_ok=True)
                fill(draft)
            os.replace(draft, target)
        except OSError:
            Path(draft).unlink(missing_ok=True)
            raise


def _fill(draft: str, content: bytes) -> None:
    with open(draft, "wb", buffering=0) as file:
        file.write(content)


class _Remote:
    """A store that fsspec reaches; its writes appear when they are whole, as object stores do it."""

    def __init__(self, url: str) -> None:
        from fsspec.core import url_to_fs

        self.files, self.root = url_to_fs(url)

    def write_once(self, key: str, content: bytes) -> None:
        if self.size(key) != len(content):
            self.write(key, content)

    def write(self, key: str, content: bytes) -> None:
        self.files.pipe_file(f"{self.root}/{key}", content)

    def read(self, key: str, most: int | None = None) -> bytes:
        content: bytes = self.files.cat_file(f"{self.root}/{key}", end=most)
        return content

    def size(self, key: str) -> int | None:
        try:
            size: int = self.files.info(f"{self.root}/{key}", refresh=True)["size"]
            return size
        except FileNotFoundError:
            return None

    def remove(self, key: str) -> None:
        if self.size(key) is not None:
            self.files.rm_file(f"{self.root}/{key}")

    def keys(self) -> list[str]:
        root = self.root.rstrip("/") + "/"
        return [str(path).removeprefix(root) for path in self.files.find(self.root)]

    def send(self, path: Path, key: str) -> None:
        self.files.put_file(str(path), f"{self.root}/{key}")

    def fetch(self, key: str, path: Path) -> None:
        self.files.get_file(f"{self.root}/{key}", str(path))

"""Fetches a MedMNIST set: resumes what was broken off, checks it, and never leaves a wrong file behind."""

from __future__ import annotations

import errno
import hashlib
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from ssl import SSLError
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from core.errors import DownloadError
from core.layouts.medmnist import SIZES, facts_of

TRIES = 5  # in a row without a single new byte
TIMEOUT_SECONDS = 60
BLOCK_BYTES = 1 << 20

Report = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Fetched:
    """A checked file, and the licence under which its pictures may be used."""

    path: Path
    licence: str


class _Broken(Exception):
    """The connection broke or never came about; another try may help."""


def fetch(
    name: str,
    size: int,
    folder: Path,
    report: Report,
    address: str | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Fetched:
    """The npz of a set ("blood", "bloodmnist") at a size, as bloodmnist_64.npz in the folder.

    `report` is told the bytes so far, and of how many where the server says; `address` is a mirror's, for this file.
    """
    facts = facts_of(name)
    if size not in SIZES:
        raise DownloadError(
            f"{facts.name} comes in {', '.join(map(str, SIZES))} pixels, not {size}. Choose one of these."
        )
    target = folder / f"{facts.name}_{size}.npz"
    expected = facts.md5[SIZES.index(size)]
    if not target.exists():
        _download(address or facts.address(size), target, expected, report, pause)
    elif _md5(target) != expected:
        raise DownloadError(f"{target} exists and is not the published file. Move it away or choose another folder.")
    return Fetched(target, facts.licence)


def _download(address: str, target: Path, expected: str, report: Report, pause: Callable[[float], None]) -> None:
    if urlsplit(address).scheme not in ("http", "https"):
        raise DownloadError(f'"{address}" is not a web address. It begins with https:// or http://.')
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _read_to_end(address, part, report, pause)
        digest = _md5(part)
        if digest != expected:
            part.unlink()
            raise DownloadError(
                f"What {address} sent is not the published file (MD5 {digest}, expected {expected}). "
                "It was removed. Try again, or another address."
            )
        part.replace(target)
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
        raise DownloadError(f"{part} can't be written: {reason}. Make room or choose another folder.") from None


def _read_to_end(address: str, part: Path, report: Report, pause: Callable[[float], None]) -> None:
    """Reads on from where the part ends until it is whole."""
    failures = 0
    while True:
        before = _length(part)
        try:
            return _read_on(address, part, report)
        except _Broken as error:
            failures = 0 if _length(part) > before else failures + 1
            if failures >= TRIES:
                message = f"{address} can't be reached or broke off {TRIES} times ({error})."
                raise DownloadError(
                    f"{message} Check the connection and run it again: it goes on from there."
                ) from None
        pause(2.0**failures)


def _read_on(address: str, part: Path, report: Report) -> None:
    start = _length(part)
    headers = {"User-Agent": "vitask-studio"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        with urlopen(Request(address, headers=headers), timeout=TIMEOUT_SECONDS) as response:
            _append(response, part, start if response.status == 206 else 0, report)
    except HTTPError as error:
        with error:
            _judge_refusal(error, address, part, start)
    except (URLError, HTTPException, SSLError, ConnectionError, TimeoutError) as error:
        raise _Broken(str(getattr(error, "reason", error)) or type(error).__name__) from None


def _judge_refusal(error: HTTPError, address: str, part: Path, start: int) -> None:
    """What an answer other than "here it comes" means."""
    if error.code == 416:
        whole = re.search(r"/([0-9]+)", error.headers.get("Content-Range") or "")
        if whole and int(whole[1]) == start:
            return  # the part was whole already
        part.unlink()
        raise _Broken("the part that was there did not fit") from None
    if error.code == 429 or error.code >= 500:
        raise _Broken(f"the server answers {error.code}") from None
    reason = "there is no such file" if error.code in (404, 410) else f"the server answers {error.code}"
    raise DownloadError(f"{address}: {reason}. Check the address, or give a mirror's.") from None


def _append(response: HTTPResponse, part: Path, start: int, report: Report) -> None:
    length = response.headers.get("Content-Length")
    total = start + int(length) if length else None
    free = shutil.disk_usage(part.parent).free
    if total and total - start > free:
        need = f"{total / 1e9:,.1f} GB, {free / 1e9:,.1f} GB are free"
        raise DownloadError(
            f"{part.parent} has too little room: the file takes {need}. Make room or choose another folder."
        )
    done = start
    with part.open("ab" if start else "wb") as file:
        while block := response.read1(BLOCK_BYTES):
            file.write(block)
            done += len(block)
            report(done, total)
    if total is not None and done < total:
        raise _Broken(f"it ended after {done:,} of {total:,} bytes")


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()

"""Who writes in a folder of the engine: one process at a time, whatever was stopped, woken or handed on meanwhile.

The engine locks a file in the folder and writes into it who it is. The lock keeps others of this machine out, and
those of other machines where the file system passes locks on. Before each write the engine looks whether its name
still stands there, and leaves where it does not.

The engine of a worker carries the number of its lease. A higher number takes the folder over from a lower one that
still lives, as one does that was halted by SIGSTOP: it puts a file of its own in the place of the locked one, and ends
the other process where that runs on this machine. What a person started from a shell is never ended so.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from core.errors import RunError

FILE = "engine.lock"
LEASE = "VITASK_LEASE"
"""The environment's name for the number of a worker's lease; whoever starts the engine by hand has none."""
SECONDS_TO_END = 60.0
_holds: dict[Path, _Hold] = {}


class FolderHeld(RunError):
    """Another process writes in the folder."""


class FolderLost(RunError):
    """Another process has taken the folder over."""


@dataclass(frozen=True)
class Holder:
    """The process whose folder it is. `lease` is 0 where a person started it."""

    machine: str
    process: int
    born: float
    lease: int
    token: str

    @classmethod
    def this_process(cls) -> Holder:
        lease = int(os.environ.get(LEASE, 0))
        return cls(platform.node(), os.getpid(), psutil.Process().create_time(), lease, secrets.token_hex(8))

    def is_before(self, other: Holder) -> bool:
        """Whether the other's lease is a later one of the same job."""
        return 0 < self.lease < other.lease


@dataclass(frozen=True)
class _Hold:
    file: Path
    opened: int
    holder: Holder

    def check(self) -> None:
        if _holder(self.file) != self.holder:
            raise FolderLost(
                f"{self.file.parent} was taken over by another process, so this one writes nothing more there. "
                "Look at the run where it goes on."
            )


def take(folder: Path) -> None:
    """Keeps the folder to this process until `released`; a FolderHeld says who has it."""
    if folder in _holds:
        _drop(folder)
    with _one_at_a_time(folder):
        _holds[folder] = _taken(folder / FILE, Holder.this_process())


def refuse(folder: Path) -> None:
    """A FolderHeld where the folder could not be taken now; changes nothing."""
    file = folder / FILE
    if not file.is_file():
        return
    with _one_at_a_time(folder):
        opened = os.open(file, os.O_RDWR)
        try:
            if not _is_locked_here(opened):
                _refuse_living(file, Holder.this_process())
        finally:
            os.close(opened)


def check(path: Path) -> None:
    """Before something is written at a path: a FolderLost where the folder around it has another writer by now."""
    for folder, hold in _holds.items():
        if path.is_relative_to(folder):
            hold.check()


@contextmanager
def released(folder: Path) -> Iterator[None]:
    """Gives back at the end what was taken meanwhile."""
    try:
        yield
    finally:
        if folder in _holds:
            _drop(folder)


def _drop(folder: Path) -> None:
    hold = _holds.pop(folder)
    with suppress(FileNotFoundError), _one_at_a_time(folder):
        if _holder(hold.file) == hold.holder:
            hold.file.unlink()
    os.close(hold.opened)


def _taken(file: Path, me: Holder) -> _Hold:
    opened = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _is_locked_here(opened):
            before = _refuse_living(file, me)
            return _take_over(file, opened, before, me)
        _write(opened, me)
    except BaseException:
        os.close(opened)
        raise
    return _Hold(file, opened, me)


def _refuse_living(file: Path, me: Holder) -> Holder:
    """The one who has the folder, where that one must give way."""
    before = _holder(file)
    if before is None:
        raise FolderHeld(f"Another process is just beginning in {file.parent}. Wait a moment and look again.")
    if not before.is_before(me):
        by = "a worker of the studio" if before.lease else "another vitask command"
        raise FolderHeld(
            f"{file.parent} is being written by {by}: process {before.process} on {before.machine}. "
            "Wait until it has ended, or stop that run first. Nothing was changed."
        )
    return before


def _take_over(file: Path, locked: int, before: Holder, me: Holder) -> _Hold:
    draft = file.with_name(f".{FILE}.{me.token}")
    opened = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    _is_locked_here(opened)
    _write(opened, me)
    os.replace(draft, file)
    _end(before, locked)
    os.close(locked)
    return _Hold(file, opened, me)


def _end(before: Holder, locked: int) -> None:
    """Ends a process of this machine for certain: one that was halted within a write would finish it when woken."""
    if before.machine != platform.node():
        return
    with suppress(psutil.Error, ProcessLookupError, PermissionError):
        if psutil.Process(before.process).create_time() == before.born:
            leads = os.getpgid(before.process) == before.process
            (os.killpg if leads else os.kill)(before.process, signal.SIGKILL)
    end = time.monotonic() + SECONDS_TO_END
    while not _is_locked_here(locked):
        if time.monotonic() > end:
            raise FolderHeld(f"Process {before.process} does not end, and has the file {FILE} of this run. End it.")
        time.sleep(0.05)


def _is_locked_here(opened: int) -> bool:
    """Locks the file, or tells that another process has. Where there are no locks, only its content counts."""
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a network file system without locks
        return True
    return True


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Two that come at once take turns, so that the later lease has the last word."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def _holder(file: Path) -> Holder | None:
    # Opened anew each time: network file systems show what others wrote only then.
    try:
        return Holder(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _write(opened: int, me: Holder) -> None:
    os.ftruncate(opened, 0)
    os.pwrite(opened, json.dumps(asdict(me)).encode(), 0)
    os.fsync(opened)

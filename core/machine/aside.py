"""Work on what people brought, done aside: by a child process whose memory and time are bounded.

A file that is made to exhaust a machine costs the child its life, and nobody else anything. Both sides send a line of
JSON and the bytes that it announces; nothing is unpickled. A function for this takes bytes, then texts and numbers, and
gives plain values and bytes: `python -m core.machine.aside BYTES` carries out what its input names.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from queue import Empty, Queue
from typing import IO, Any

from core.errors import CoreError, DataError
from core.limits import limits, raised
from core.machine.memory import allowed_bytes, bound, exhausted

CHILDREN = 2
BYTES_PER_PIXEL = 16
"""Of a picture while it is decoded and written again: measured 12 for the greediest kind."""
BYTES_OF_ITS_OWN = 1 << 28

Answer = tuple[Any, bytes]


class BusyError(CoreError):
    """All children are at work, and go on to be."""


class LostError(DataError):
    """A file that cost a child its life, by time, memory, or what it did to a library."""


def most_bytes() -> int:
    """What a child may take: the largest picture or table, within what the machine allows."""
    picture = BYTES_PER_PIXEL * limits().pixels + 2 * limits().picture_bytes
    return min(allowed_bytes(), BYTES_OF_ITS_OWN + max(picture, 3 * limits().table_bytes))


class Aside:
    """Children that are started when they are first needed, and again after one was lost."""

    def __init__(self, children: int = CHILDREN) -> None:
        self._idle: Queue[_Child] = Queue()
        for _ in range(children):
            self._idle.put(_Child())

    def run(self, function: Callable[..., Answer], content: bytes = b"", *arguments: str | int) -> Answer:
        """What a function of ours makes of the content. A DataError where it can't, or takes too much for it."""
        try:
            child = self._idle.get(timeout=limits().shown_seconds)
        except Empty:
            raise BusyError("The studio is busy with other people's pictures. Try again in a moment.") from None
        try:
            return child.call(f"{function.__module__}:{function.__qualname__}", content, arguments)
        finally:
            self._idle.put(child)

    def close(self) -> None:
        """Ends the children that are idle; the others end with this process."""
        with suppress(Empty):
            while True:
                self._idle.get_nowait().end()


class _Child:
    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None

    def call(self, function: str, content: bytes, arguments: tuple[str | int, ...]) -> Answer:
        process = self._running()
        assert process.stdin is not None and process.stdout is not None
        deadline = threading.Timer(limits().shown_seconds, process.kill)
        deadline.start()
        try:
            _send(process.stdin, {"function": function, "arguments": arguments}, content)
            reply, made = _receive(process.stdout)
        except (OSError, EOFError):
            self.end()
            raise LostError(
                f"This file takes more time or memory than a look at it may. Make it smaller. {raised('shown_seconds')}"
            ) from None
        finally:
            deadline.cancel()
        if "error" in reply:
            raise DataError(reply["error"])
        return reply["value"], made

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def _running(self) -> subprocess.Popen[bytes]:
        if self.process is None or self.process.poll() is not None:
            self.end()
            self.process = subprocess.Popen(
                [sys.executable, "-m", "core.machine.aside", str(most_bytes())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
        return self.process


ASIDE = Aside()


def main() -> None:
    bound(int(sys.argv[1]))
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    with suppress(EOFError, BrokenPipeError):
        while True:
            question, content = _receive(questions)
            _send(answers, *_answered(question, content))


def _answered(question: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
    module, _, name = question["function"].partition(":")
    try:
        value, made = getattr(import_module(module), name)(content, *question["arguments"])
        return {"value": value}, made
    except CoreError as error:
        return {"error": str(error)}, b""
    except MemoryError:
        return {"error": exhausted()}, b""


def _send(stream: IO[bytes], plain: dict[str, Any], content: bytes) -> None:
    stream.write(json.dumps(plain | {"bytes": len(content)}).encode() + b"\n")
    stream.write(content)
    stream.flush()


def _receive(stream: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    line = stream.readline()
    if not line:
        raise EOFError
    plain: dict[str, Any] = json.loads(line)
    content = stream.read(plain["bytes"])
    if len(content) < plain["bytes"]:
        raise EOFError
    return plain, content


if __name__ == "__main__":
    main()

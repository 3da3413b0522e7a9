"""The same work on many things, spread over processes: pictures are decoded, hashed and kept by as many as there are
cores, and one that costs a process its life is named, not the end of all.

What is quickly done is done here, by threads: a process takes half a second to start. The others live no longer
than the work; questions and answers are lines of JSON.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from queue import Queue
from time import monotonic
from typing import Generic, TypeVar

from core.limits import held
from core.machine.aside import most_bytes
from core.machine.memory import allowed_bytes, bound, bounded_at
from core.machine.plain import Plain, from_plain, in_plain, name_of, named

T = TypeVar("T")
M = TypeVar("M")
MOST_PROCESSES = 8
SECONDS_TO_TRY, SECONDS_WORTH_IT = 0.5, 4.0
"""So long this process works alone; where more than so much is left then, others are started."""
SECONDS_A_PART = 0.1
LARGEST_PART = 64
TRIED_AT_ONCE = 64
SECONDS_TO_HAND_OVER = 0.001
"""Of what takes less, threads make no more in a second than this one alone."""
READY = b"ready\n"
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Work(Generic[T, M]):
    """What is made of each thing, how that is sent (`plain`, `read`), and what becomes of a thing that costs a process
    its life, in words why.

    `make` and `plain` are functions of a module, which another process can import, and things are what
    `core/machine/plain.py` can say. `is_apart` says of what they may be called elsewhere: where several things share
    what has to be opened for them, every process would open it.
    """

    make: Callable[[T], M]
    plain: Callable[[M], Plain]
    read: Callable[[Plain], M]
    lost: Callable[[T, str], M]
    is_apart: Callable[[T], bool]


def processes() -> int:
    """As many as there are cores for this process, and room for what each may take."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, MOST_PROCESSES, allowed_bytes() // most_bytes()))


def spread(work: Work[T, M], things: Sequence[T]) -> Generator[M]:
    """What is made of each, in order, as it is done. Whatever goes wrong is raised here as if nothing were spread."""
    with held():
        since, done = monotonic(), 0
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
            at_once, pace = 1, 0.0
            while done < len(things) and not _is_worth_it(monotonic() - since, done, len(things)):
                begun, batch = monotonic(), things[done : done + at_once]
                is_long = pace > SECONDS_TO_HAND_OVER  # decoders let other threads work; what is short they would delay
                for made in threads.map(work.make, batch) if is_long else map(work.make, batch):
                    done += 1
                    yield made
                at_once, pace = TRIED_AT_ONCE, (monotonic() - begun) / len(batch)
        if done < len(things):
            yield from _by_children(work, things[done:])


def _is_worth_it(seconds: float, done: int, whole: int) -> bool:
    is_long = seconds > SECONDS_TO_TRY and seconds / max(done, 1) * (whole - done) > SECONDS_WORTH_IT
    return is_long and processes() > 1


def _by_children(work: Work[T, M], things: Sequence[T]) -> Iterator[M]:
    count = processes()
    with ExitStack() as stack:
        crew = _Crew(work, count)
        stack.callback(crew.end)
        threads = stack.enter_context(ThreadPoolExecutor(count))
        stack.callback(threads.shutdown, wait=False, cancel_futures=True)
        stack.callback(
            crew.end
        )  # before all else, since threads wait for children; and after, for those begun meanwhile
        waiting: deque[Future[list[M]]] = deque()
        start = 0
        while waiting or start < len(things):
            while start < len(things) and len(waiting) < 3 * count:
                part = things[start : start + crew.part]
                waiting.append(threads.submit(crew.done, part))
                start += len(part)
            yield from waiting.popleft().result()


class _Crew(Generic[T, M]):
    """Children that do the work. A `part` is how many things a child is given at a time."""

    def __init__(self, work: Work[T, M], count: int) -> None:
        self.part = 1
        self._work = work
        self._is_over = False
        self._children = [_Child() for _ in range(count)]
        self._idle: Queue[_Child] = Queue()
        for child in self._children:
            self._idle.put(child)

    def done(self, things: Sequence[T]) -> list[M]:
        """What is made of each. What goes wrong with a child is tried here, and ends as it would without children."""
        if all(map(self._work.is_apart, things)):
            return self._elsewhere(things)
        return [
            self._elsewhere([thing])[0] if self._work.is_apart(thing) else self._work.make(thing) for thing in things
        ]

    def end(self) -> None:
        self._is_over = True
        for child in self._children:
            child.kill()

    def _elsewhere(self, things: Sequence[T], suspected: str = "") -> list[M]:
        """`suspected` says how a process ended that was at them: never is such a thing made here."""
        since = monotonic()
        try:
            replies = self._replies(things)
        except _UnstartableError:
            self._refuse_when_over()
            return [self._work.lost(thing, suspected) if suspected else self._work.make(thing) for thing in things]
        except _DeadError as error:
            self._refuse_when_over()
            if suspected:
                return [self._work.lost(thing, str(error)) for thing in things]
            return self._one_by_one(things, str(error))
        self._fit(len(things), monotonic() - since)
        both = zip(replies, things, strict=True)
        return [self._work.read(reply["made"]) if "made" in reply else self._work.make(thing) for reply, thing in both]

    def _replies(self, things: Sequence[T]) -> list[dict[str, Plain]]:
        """Of whichever child is idle, which is so again before anything else is tried: all might wait for one."""
        child = self._idle.get()
        try:
            self._refuse_when_over()
            return child.call(self._work.make, self._work.plain, things)
        finally:
            self._idle.put(child)

    def _one_by_one(self, things: Sequence[T], words: str) -> list[M]:
        """Which of them cost a child its life is seen when each is tried again alone; none where somebody ended it."""
        return [made for thing in things for made in self._elsewhere([thing], words)]

    def _refuse_when_over(self) -> None:
        """Children that are ended look like those that die, or can't be started."""
        if self._is_over:
            raise RuntimeError("nobody waits for this any more")

    def _fit(self, count: int, seconds: float) -> None:
        """Parts that take neither so long that nothing is heard of them, nor so little that sending them counts."""
        self.part = max(1, min(LARGEST_PART, 2 * count, int(count * SECONDS_A_PART / max(seconds, 1e-6))))


class _UnstartableError(Exception):
    """There is no room for another process, or it can't even begin."""


class _DeadError(Exception):
    """A child ended over what it was given; in words how."""


class _Child:
    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def call(self, make: Callable[[T], M], plain: Callable[[M], Plain], things: Sequence[T]) -> list[dict[str, Plain]]:
        question = json.dumps([name_of(make), name_of(plain), list(map(in_plain, things))]).encode() + b"\n"
        process = self._running()
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(question)
            process.stdin.flush()
            line = process.stdout.readline()
        except (OSError, ValueError):  # it ended before it heard all, or somebody closed it
            line = b""
        if not line.endswith(b"\n"):
            self.kill()
            raise _DeadError(_how(process.wait()))
        replies: list[dict[str, Plain]] = json.loads(line)
        return replies

    def kill(self) -> None:
        """Whoever waits for its answer hears that it ended."""
        if (process := self._process) is not None:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):
                    assert pipe is not None
                    pipe.close()
            process.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "core.machine.spread", str(_most_bytes())],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env=os.environ | ENVIRONMENT,
                )
            except OSError:
                raise _UnstartableError from None
            assert self._process.stdout is not None
            if self._process.stdout.readline() != READY:
                self.kill()
                raise _UnstartableError
        return self._process


def _most_bytes() -> int:
    return min(bounded_at() or most_bytes(), most_bytes())


def _how(code: int) -> str:
    """What ended a process, as far as it is known."""
    if code >= 0:
        return f"code {code}"
    with suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who stops is the parent; this ends with what it is sent
    bound(int(sys.argv[1]))
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    with suppress(BrokenPipeError), held():
        answers.write(READY)
        answers.flush()
        for question in questions:
            make, plain, things = json.loads(question)
            replies = [_reply(named(make), named(plain), from_plain(thing)) for thing in things]
            answers.write(json.dumps(replies).encode() + b"\n")
            answers.flush()


def _reply(make: Callable[[T], M], plain: Callable[[M], Plain], thing: T) -> dict[str, Plain]:
    """Whatever goes wrong goes wrong again where it is told."""
    try:
        return {"made": plain(make(thing))}
    except Exception:
        return {}


if __name__ == "__main__":
    main()

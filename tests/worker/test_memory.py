"""A job takes no more memory than the machine lets it have, and says so in words."""

from __future__ import annotations

import argparse
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from core.cli.main import main
from core.machine import memory
from core.machine.memory import allowed_bytes, machine_bytes
from core.records.place import Place
from worker import intake_child, process
from worker.child_job import ChildJob
from worker.engine import ENGINE
from worker.process import Process, most_bytes

WORDS = "This needs more memory than this machine lets it have"


def ended(target: str, *arguments: str) -> tuple[int | None, str]:
    child = Process(target, arguments, {})
    code = child.wait(300)
    return code, "\n".join(child.errors)


@pytest.mark.parametrize("percent", ["5", "50"])
def test_a_job_that_takes_too_much_fails_alone(percent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITASK_LIMIT_MEMORY_PERCENT", percent)
    assert allowed_bytes() == machine_bytes() * int(percent) // 100
    code, told = ended("timeit", "-n1", "-r1", f"bytearray({allowed_bytes()})")
    assert code == 1 and "MemoryError" in told
    assert ended("timeit", "-n1", "-r1", "bytearray(1000)")[0] == 0


def test_what_is_only_mapped_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large npz is read from the disk row by row, however little memory there is."""
    monkeypatch.setenv("VITASK_LIMIT_MEMORY_PERCENT", "5")
    file = tmp_path / "large"
    with file.open("wb") as made:
        made.truncate(allowed_bytes() * 2)
    mapped = f"import numpy; print(numpy.memmap({str(file)!r}, 'u1', 'r')[-1])"
    assert ended("timeit", "-n1", "-r1", mapped) == (0, "")
    assert np.memmap(file, "u1", "r").shape == (allowed_bytes() * 2,)


def test_a_run_on_a_card_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "has_card", lambda: True)
    assert most_bytes(ENGINE) == 0 and most_bytes("worker.intake_child") == allowed_bytes()
    monkeypatch.setattr(process, "has_card", lambda: False)
    assert most_bytes(ENGINE) == allowed_bytes(), "and one on the processor is not"


def test_the_memory_of_a_container_counts_where_it_is_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (given := tmp_path / "memory.max").write_text("1000000\n")
    (endless := tmp_path / "none").write_text("max\n")
    monkeypatch.setattr(memory, "GROUPS", (endless, tmp_path / "missing", given))
    assert machine_bytes() == 1_000_000


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test_a_command_that_had_too_little_says_so(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def do(asked: argparse.Namespace) -> None:
        raise error

    whole = argparse.ArgumentParser()
    whole.set_defaults(do=do)
    monkeypatch.setattr("core.cli.main.parser", lambda: whole)
    assert main([]) == 2
    assert capsys.readouterr().err.startswith(WORDS)


def test_an_upload_that_needs_too_much_is_refused_in_words(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def greedy(*asked: object) -> object:
        return bytearray(2**60)

    monkeypatch.setattr(Place, "from_environment", classmethod(lambda cls: place))
    monkeypatch.setattr(ChildJob, "read", lambda *given: SimpleNamespace(row=SimpleNamespace(kind="check")))
    monkeypatch.setitem(intake_child.KINDS, "check", greedy)
    monkeypatch.setattr("sys.argv", ["worker.intake_child", "1"])
    assert intake_child.main() == 2
    assert capsys.readouterr().err.startswith(WORDS)

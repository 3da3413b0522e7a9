"""The doctor's findings on machines that are well, short of something, or closed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from core.machine import doctor, queue_server


def test_a_machine_that_runs_the_tests_is_examined_without_a_fault(tmp_path: Path) -> None:
    lines = {line.name: line for line in doctor.examine(tmp_path)}
    assert lines["Python"].ok and lines["Write access"].ok
    assert "torch 2" in lines["Libraries"].found
    assert "bf16" in lines["Number format"].found


def test_every_fault_comes_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "SMALLEST_MEMORY", 2**60)
    monkeypatch.setattr(doctor, "SMALLEST_DISK", 2**60)
    monkeypatch.setattr(doctor, "OLDEST_PYTHON", (99, 0))
    faults = [doctor.python(), doctor.memory(), doctor.disk(Path())]
    assert [line.ok for line in faults] == [False, False, False]
    assert all(line.advice for line in faults)


def test_a_folder_that_does_not_take_files_is_a_fault(tmp_path: Path) -> None:
    in_the_way = tmp_path / "notes.txt"
    in_the_way.touch()
    line = doctor.access(in_the_way)
    assert line.ok is False
    assert "Not a directory" in line.found


def test_a_starter_that_was_cut_off_is_a_fault(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    save_file({"row": np.zeros((3000, 400), dtype=np.float32)}, weights)
    assert doctor.starter(weights).found == "1.2 million parameters"
    weights.write_bytes(weights.read_bytes()[:-1])
    line = doctor.starter(weights)
    assert line.ok is False and "vitask starter build" in line.advice


def test_a_queue_server_with_known_holes_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.queue_server({}).ok and "Valkey 9" in doctor.queue_server({}).found
    assert doctor.queue_server({"VITASK_REDIS": "redis://host"}).ok is None
    monkeypatch.setattr(doctor, "version_of", lambda server: (6, 2, 14))
    line = doctor.queue_server({})
    assert (line.ok, line.found) == (False, "Valkey 6.2.14") and "9.1.2 closes" in line.advice


def test_the_doctor_looks_at_the_queue_server(tmp_path: Path) -> None:
    assert "Queue server" in [line.name for line in doctor.examine(tmp_path)]


def test_a_machine_without_a_queue_server_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_server, "PACKAGE", "no_such_package")
    line = doctor.queue_server({})
    assert line.ok is False and "VITASK_REDIS" in line.advice


def test_looking_at_the_doctor_does_not_load_torch() -> None:
    code = "import sys, core.machine.doctor; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

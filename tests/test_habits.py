"""What runs before a commit and on a server is what people call: `make check` and `make test`, and nothing beside."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def recipe(target: str) -> list[list[str]]:
    """The commands of a target of the Makefile."""
    lines = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, flags=re.MULTILINE)
    assert lines is not None
    return [shlex.split(line.lstrip("\t@").replace("$(PYTHON)", ".venv/bin/python")) for line in lines[1].splitlines()]


def test_a_commit_is_held_to_commands_of_make_check() -> None:
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    hooks = [shlex.split(hook["entry"]) for hook in repository["hooks"]]
    called = [[word for word in command if word not in ("--check", "--force-exclude")] for command in hooks]
    checks = [[word for word in command if word != "--check"] for command in recipe("check")]
    assert repository["repo"] == "local"
    assert called == [command for command in checks if command in called]
    assert len(called) == 5


def test_the_workflow_runs_the_file_that_runs_make_check_and_make_test() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "checks.yaml").read_text(encoding="utf-8"))
    steps = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert steps == [".ci/run"]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-2:] == ["make check", "make test"]

"""What jobs that start the engine share: its module, its file of settings, the folder in which it goes on."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ENGINE = "core.cli"


def write_settings(file: Path, settings: Mapping[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True), encoding="utf-8")


def resumed(folder: Path) -> list[str]:
    """The command's end: to go on with what an earlier try left. What has not got that far is cleared away."""
    if (folder / "settings.yaml").is_file():
        return ["--resume"]
    if folder.exists():
        shutil.rmtree(folder)  # broken off before there was anything to go on with
    return []

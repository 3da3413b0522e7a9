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


def reached(folder: Path) -> str:
    """What a new try would go on from: stages and folds that are finished, the newest checkpoint of what is not."""
    finished = {path.parent.parent for path in folder.glob("**/final/done.json")}
    finished |= {path.with_suffix("") for path in folder.glob("folds/*/fold-*.npz") if ".part" not in path.suffixes}
    newest = {path.parent: path.name for path in sorted(folder.glob("**/step-*")) if not path.suffix}
    stages = [stage.relative_to(folder).as_posix() for stage in sorted(finished)]
    going = [
        f"step {int(name.removeprefix('step-'))} of {stage.relative_to(folder).as_posix()}"
        for stage, name in newest.items()
        if stage not in finished
    ]
    return ", ".join(stages + going)


def resumed(folder: Path) -> list[str]:
    """The command's end: to go on with what an earlier try left. What has not got that far is cleared away."""
    if (folder / "settings.yaml").is_file():
        return ["--resume"]
    if folder.exists():
        shutil.rmtree(folder)  # broken off before there was anything to go on with
    return []

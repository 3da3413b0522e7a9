"""Jobs around a run: its export as a zip, and the run file that an estimate is asked for."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from core.records.jobs import Claimed
from core.records.payloads import Estimate, Export
from core.records.runs import runs
from core.records.runs.exports import export_path, keep_export
from core.records.runs.outcomes import Exported
from core.records.sets.versions import named_version, version_folder
from core.sets.version import kept_name
from worker.child_protocol import LastObject
from worker.context import Hands
from worker.engine import ENGINE, write_settings
from worker.supervise import settle, supervise


def export(hands: Hands, claimed: Claimed) -> None:
    """The result says what was checked, and the zip's size."""
    payload = Export.parse(claimed.payload, "payload")
    run = runs.named_run(hands.database, claimed.project_id, payload.run)
    folder = runs.run_folder(hands.database, hands.place, run)
    zipped, listener = export_path(hands.place, claimed.id), LastObject()
    zipped.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=zipped.parent, prefix=".draft-") as draft:
        target = Path(draft) / "export"
        arguments = ["export", str(folder), "--to", str(target), "--json"]
        arguments += ["--merge"] if payload.merge else []
        ended = supervise(hands, claimed, ENGINE, arguments, listener)

        def finish() -> dict[str, Any] | None:
            if listener.result is None:
                return None
            name_images(target, kept_name(run.version.hash))
            whole = shutil.make_archive(str(Path(draft) / "whole"), "zip", target)
            Path(whole).replace(zipped)
            keep_export(hands.place, claimed.id)
            return Exported.model_validate(listener.result | {"size": zipped.stat().st_size, "run": run.id}).plain()

        settle(hands, claimed, ended, finish)


def name_images(folder: Path, name: str) -> None:
    """Has an exported run tell its images by what is in them: where they lay is this machine's own."""
    file = folder / "settings.yaml"
    place = yaml.safe_load(file.read_text(encoding="utf-8"))["images"]
    lain, named = (yaml.safe_dump({"images": images}, allow_unicode=True) for images in (place, name))
    for text in (file, folder / "card.md"):
        text.write_text(text.read_text(encoding="utf-8").replace(lain, named), encoding="utf-8")


@contextmanager
def run_file(hands: Hands, claimed: Claimed) -> Iterator[Path]:
    """The settings of an estimate as a file for the engine."""
    payload = Estimate.parse(claimed.payload, "payload")
    settings = dict(payload.settings)
    if payload.version is not None:
        version = named_version(hands.database, claimed.project_id, payload.version)
        settings["images"] = str(version_folder(hands.place, version))
    with tempfile.TemporaryDirectory(prefix="vitask-estimate-") as folder:
        file = Path(folder) / "run.yaml"
        write_settings(file, settings)
        yield file

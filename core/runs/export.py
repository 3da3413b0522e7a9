"""What leaves a run: adapter, connectors, TSM, label map, preprocessing, readings, on demand the merged model.

After a merge the folder is loaded again and its answers are compared with the run's own.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from core.case import READ_SPLITS
from core.errors import RunError
from core.models.lora import merged
from core.models.tsm import DESCRIPTION, WEIGHTS
from core.readings.calibration import kept_calibrations
from core.readings.reading import load
from core.readings.tables import readings_as_csv
from core.runs.opened import Asked, Opened, open_run, read_pictures
from core.sets.learned_from import FILE
from core.training.paragraph import citations, paragraph

MERGED = "merged"


def export(path: Path, target: Path, is_merged: bool) -> dict[str, Any]:
    """Copies the parts of a finished run into a new folder; returns what was checked."""
    if target.exists() and any(target.iterdir()):
        raise RunError(f"{target} is not empty. Choose a folder that doesn't exist yet.")
    opened = open_run(path)
    draft = target.with_name(target.name + ".part")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        _copy(opened, draft)
        checks = {"folder": str(target), **(_merge(opened, draft / MERGED) if is_merged else {})}
        draft.rename(target) if not target.exists() else _fill(draft, target)
    except OSError as error:
        raise RunError(
            f"The export could not be written to {target} ({error}). Free some space and try again."
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return checks


def _copy(opened: Opened, draft: Path) -> None:
    draft.mkdir(parents=True)
    folder = opened.folder
    for kept in folder.files:
        if kept.is_file():
            shutil.copy2(kept, draft / kept.name)
    for name in dict.fromkeys(stage.adapter for stage in opened.run.plan.stages):
        shutil.copytree(folder.adapter(name), draft / folder.adapter(name).name)
    for number in range(len(opened.tsms)):
        source = folder.tsm(number)
        (draft / source.name).mkdir()
        for part in (WEIGHTS, DESCRIPTION, FILE):
            if part != FILE or (source / part).is_file():
                shutil.copy2(source / part, draft / source.name / part)
    labels = {
        name: {"answers": list(task.answers), "kind": task.kind, "instruction": task.instruction()}
        for name, task in opened.tasks.items()
    }
    (draft / "labels.json").write_text(json.dumps(labels, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    opened.tuned.vlm.image_processor.save_pretrained(draft / "preprocessing")
    _write_up(opened, draft)


def _write_up(opened: Opened, draft: Path) -> None:
    """What every reader answered, and what a paper says of the run."""
    folder, settings = opened.folder, opened.run.settings.model_dump(mode="json")
    figures, environment = folder.kept(folder.metrics), folder.kept(folder.environment)
    for split in READ_SPLITS:
        if (stored := folder.readings(split)).is_file():
            text = readings_as_csv(load(stored), opened.tasks, kept_calibrations(figures))
            (draft / f"readings-{split}.csv").write_text(text, encoding="utf-8", newline="")
    words = paragraph(folder.sets(), settings, figures, environment)
    (draft / "methods.txt").write_text(words + "\n", encoding="utf-8")
    (draft / "citations.bib").write_text(citations(settings), encoding="utf-8")


def _merge(opened: Opened, folder: Path) -> dict[str, Any]:
    """The adapter added into the weights in float32, stored so, and compared with the adapter's own answers."""
    name = opened.run.plan.stages[-1].adapter
    vlm = opened.tuned.vlm
    reader = next(answer.name for answer in opened.run.plan.readers if answer.adapter == name)
    pictures = Asked([Image.linear_gradient("L"), Image.radial_gradient("L")])
    vlm.base.float()
    before = read_pictures(opened, pictures, [reader])[reader]
    model = merged(vlm, name)
    model.save_pretrained(folder)
    vlm.tokenizer.save_pretrained(folder)
    vlm.image_processor.save_pretrained(folder)
    settings = opened.run.vlm.model_copy(update={"checkpoint": str(folder), "dtype": "float32"})
    opened.tuned.vlm.base = opened.run.family.load(settings).base.to(vlm.device)
    after = read_pictures(opened, pictures, [reader])[reader]
    gap = max(
        abs(a - b)
        for answer, other in zip(before, after, strict=True)
        for a, b in zip(answer.probabilities, other.probabilities, strict=True)
    )
    if gap > 1e-3 or not torch.isfinite(torch.tensor(gap)):
        raise RunError(f"The merged model answers differently (by {gap:.1e}); it was not kept. Export without --merge.")
    return {"merged": MERGED, "largest_difference_in_probability": gap}


def _fill(draft: Path, target: Path) -> None:
    for part in draft.iterdir():
        part.rename(target / part.name)

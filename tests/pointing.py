"""The method of docs/adding.md that points, taken out of the document: in the catalog, and with its drawing."""

from __future__ import annotations

import csv
import importlib
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

import app.drawings
from core import catalog

ADDING = (Path(__file__).resolve().parents[1] / "docs" / "adding.md").read_text(encoding="utf-8")
SIDE, SPOT = 28, 8


def take_out(path: str) -> str:
    """The code of a file that the document shows."""
    found = re.findall(rf"```python\n# {re.escape(path)}\n(.*?)```", ADDING, flags=re.DOTALL)
    (code,) = found
    return str(code)


def installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Its one file, its one line and the file that draws it, for as long as a test lasts."""
    (folder / "drawings").mkdir(parents=True)
    (folder / "pointing_of_the_document.py").write_text(take_out("core/methods/pointing.py"), encoding="utf-8")
    (folder / "drawings" / "point.py").write_text(take_out("app/drawings/point.py"), encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    for name in ("pointing_of_the_document", "app.drawings.point"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(catalog.METHODS, "pointing", "pointing_of_the_document")
    monkeypatch.setattr(app.drawings, "__path__", [*app.drawings.__path__, str(folder / "drawings")])
    return importlib.import_module("pointing_of_the_document")


def draw(folder: Path, count: int = 40, seed: int = 0) -> Path:
    """A bright spot near a corner, high on a grey picture or low on a dark one, with a box around it; every eighth has
    none."""
    noise = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    rows = []
    for number in range(count):
        label, shade, corner = (("high", 130, 0), ("low", 40, SIDE - SPOT - 4))[number % 2]
        pixels = noise.normal(shade, 10, (SIDE, SIDE))
        left, top = (int(side) for side in corner + noise.integers(0, 4, 2))
        pixels[top : top + SPOT, left : left + SPOT] = 230
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).convert("RGB").save(folder / f"{number}.png")
        corners = {"left": left, "top": top, "right": left + SPOT, "bottom": top + SPOT}
        box = {"label": "spot"} | {name: float(value) / SIDE for name, value in corners.items()}
        rows.append((f"{number}.png", label, json.dumps([box]) if number % 8 else ""))
    with (folder / "cases.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "label", "boxes"), *rows])
    return folder

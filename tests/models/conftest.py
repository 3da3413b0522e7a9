"""A checkpoint of a small VLM on the disk, and copies of it to be spoiled."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.families import internvl


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("internvl")
    vlm = internvl.tiny()
    for part in (vlm.base, vlm.tokenizer, vlm.image_processor):
        part.save_pretrained(folder)
    return folder


@pytest.fixture
def checkpoint(original: Path, tmp_path: Path) -> Path:
    """A copy to be spoiled."""
    return shutil.copytree(original, tmp_path / "model")

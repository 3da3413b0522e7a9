"""Where image features are kept between runs, and having those of some pictures forgotten. Needs no torch."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from pathlib import Path

KEPT = ".features"
"""The end of a file's name; beside each lies a `.json` that lists its pictures by digest."""


def feature_folder() -> Path:
    return Path(os.environ.get("VITASK_CACHE", Path.home() / ".cache" / "vitask")) / "features"


def forget_features(folder: Path, pictures: Collection[str]) -> None:
    """Removes every file that holds features of one of these pictures; a run computes the others anew."""
    for listing in folder.glob("*.json"):
        try:
            digests = json.loads(listing.read_text(encoding="utf-8"))["digests"]
        except (OSError, ValueError, KeyError):
            continue  # removed by another process in this moment, or none of ours
        if not set(pictures).isdisjoint(digests):
            listing.with_suffix(KEPT).unlink(missing_ok=True)
            listing.unlink(missing_ok=True)

"""What lies somewhere is called by the format that reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.catalog import FORMATS, find
from core.sets.layout import format_at


@pytest.mark.parametrize("name", FORMATS)
def test_the_example_of_every_format_is_in_that_format(tmp_path: Path, name: str) -> None:
    find(FORMATS, name, "format").write_example(tmp_path / "set")
    holds_one = len(list((tmp_path / "set").iterdir())) == 1 and name in ("medmnist_npz", "parquet")
    place = next((tmp_path / "set").iterdir()) if holds_one else tmp_path / "set"
    assert format_at(b"", str(place)) == (name, b"")


def test_what_no_format_knows_has_no_name(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing to see")
    assert format_at(b"", str(tmp_path)) == ("", b"")

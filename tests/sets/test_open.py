"""A path is opened in the format that it is in, or the person is told what was found and what is understood."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from core import catalog
from core.catalog import every
from core.errors import DataError, SettingsError
from core.formats import class_folders
from core.sets.open import Format, open_set

FORMATS: tuple[Any, ...] = tuple(every(catalog.FORMATS, catalog.KEPT))


@pytest.mark.parametrize("layout", FORMATS, ids=[*catalog.FORMATS, *catalog.KEPT])
def test_each_format_is_told_from_the_others(tmp_path: Path, layout: Format) -> None:
    example = layout.write_example(tmp_path / "example")
    assert open_set(tmp_path / "example", None, FORMATS) == example


def test_a_path_may_be_relative_and_stays_valid_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class_folders.write_example(tmp_path / "example")
    monkeypatch.chdir(tmp_path)
    image_set = open_set("example", None, FORMATS)
    monkeypatch.chdir("/")
    assert image_set.cases[0].pixels.load().size == (20, 20)


def test_settings_reach_the_format(tmp_path: Path) -> None:
    class_folders.write_example(tmp_path / "example")
    assert open_set(tmp_path / "example", {"modality": "blood"}, FORMATS).task.modality == "blood"
    with pytest.raises(SettingsError, match=r"images\.separators is not a setting here"):
        open_set(tmp_path / "example", {"separators": ";"}, FORMATS)


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        open_set(path, None, FORMATS)
    return str(caught.value)


def test_what_is_not_understood_is_told_with_what_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty").mkdir()
    for number in range(7):
        (tmp_path / f"bare/{number}").mkdir(parents=True)
    ZipFile(tmp_path / "empty.zip", "w").close()
    assert "There is nothing at" in refusal(tmp_path / "gone.zip")
    told = refusal(tmp_path / "notes.txt")
    assert "(a file of the kind .txt). Known: " in told
    assert all(layout.TITLE in told for layout in FORMATS)
    assert "(an empty folder)" in refusal(tmp_path / "empty")
    assert "(a folder with 0, 1, 2, 3, 4 and 2 more)" in refusal(tmp_path / "bare")
    assert "(a file of the kind .zip)" in refusal(tmp_path / "empty.zip")


def test_a_dangerous_zip_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("a/../../up.png", b"x")
    assert "points outside of it" in refusal(tmp_path / "set.zip")
    (tmp_path / "text.zip").write_text("hello")
    assert "not a whole zip file" in refusal(tmp_path / "text.zip")


def test_a_set_is_named_after_its_file(tmp_path: Path) -> None:
    class_folders.write_example(tmp_path / "v1.2 blood")
    assert open_set(tmp_path / "v1.2 blood", None, FORMATS).name == "v1.2 blood"

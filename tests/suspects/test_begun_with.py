"""What a search was begun with stands in its folder whole, whenever it is ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import RunError
from core.suspects.folder import write_settings
from core.suspects.settings import Settings


def test_a_search_that_is_ended_while_it_writes_down_its_settings_goes_on_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, write = Settings(folds=3), Path.write_text

    def broken_off(file: Path, text: str) -> None:
        write(file, text[:1])
        raise KeyboardInterrupt

    write_settings(tmp_path, settings, is_resumed=False)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Path, "write_text", broken_off)
        write_settings(tmp_path, settings, is_resumed=True)
    write_settings(tmp_path, settings, is_resumed=True)
    with pytest.raises(RunError, match="begun with other settings"):
        write_settings(tmp_path, Settings(folds=4), is_resumed=True)

"""Pictures that programs send: base64, and what else is sent in its place."""

from __future__ import annotations

import base64

import pytest

from app.brought import sent_bytes
from core.errors import SettingsError

PICTURE = b"\x89PNG and more"
TEXT = base64.b64encode(PICTURE).decode()


@pytest.mark.parametrize("sent", [TEXT, f"data:image/png;base64,{TEXT}"])
def test_base64_is_read_also_as_a_data_url(sent: str) -> None:
    assert sent_bytes(sent) == PICTURE


@pytest.mark.parametrize(
    "sent", ["/tmp/scan", "scan.png", "./scans/a.JPEG", "~/scan", "C:\\scans\\a", "https://example.org/a", "../a.tif"]
)
def test_a_path_is_told_to_be_one(sent: str) -> None:
    with pytest.raises(SettingsError, match=r"names a file, which is on your machine.*base64"):
        sent_bytes(sent)


@pytest.mark.parametrize("sent", ["no base64!", "ä", "a"])
def test_what_is_neither_is_told(sent: str) -> None:
    with pytest.raises(SettingsError, match="is no base64"):
        sent_bytes(sent)

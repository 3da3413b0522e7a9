"""What a picture's address may ask for, and whose process decodes it."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from fastapi import FastAPI
from PIL import Image
from sqlalchemy import select, update

from app.main import create_app
from core.pictures.store import key_of, open_store
from core.records.tables import Case
from tests import bombs
from tests.app.furnished import furnish
from tests.app.test_gate import Rooms
from tests.let_in import TOKEN


@pytest.mark.slow
def test_a_picture_that_is_gone_is_missing_and_a_damaged_one_is_told_without_paths(tmp_path: Path) -> None:
    room = furnish(tmp_path)
    browser = Rooms(cast(FastAPI, create_app(room.studio.place)), room, 0, 0, 0).browser(TOKEN)
    with room.studio.database.reading() as session:
        gone, damaged = (
            Path(room.studio.place.store) / key_of(digest)
            for digest in session.scalars(select(Case.digest).order_by(Case.number).limit(2))
        )
    gone.unlink()
    damaged.write_bytes(b"damaged")
    for size in ("full", "thumb", "224"):
        for number, code, words in ((0, 404, "does not hold"), (1, 422, "damaged copy"), (99_999, 404, "no case")):
            answer = browser.get(f"/images/{room.version_id}/{number}?size={size}")
            assert (answer.status_code, words in answer.text) == (code, True), answer.text
            assert str(tmp_path) not in answer.text


@pytest.mark.slow
def test_no_size_and_no_stored_picture_takes_the_pages_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = furnish(tmp_path)
    browser = Rooms(cast(FastAPI, create_app(room.studio.place)), room, 0, 0, 0).browser(TOKEN)
    address = f"/images/{room.version_id}/0"
    for size in ("9999", "1025", "15", "00"):
        refused = browser.get(f"{address}?size={size}")
        assert refused.status_code == 422 and "16 to 1024 pixels a side" in refused.text
    assert browser.get(f"{address}?size=99999").status_code == 422
    assert browser.get(f"{address}?size=224").status_code == 200
    with room.studio.database.session() as session:  # as an earlier version of the studio may have kept it
        bomb = open_store(room.studio.place.store).put(bombs.png(9459, 9459))
        deep = open_store(room.studio.place.store).put(bombs.png(64, 64))
        session.execute(update(Case).where(Case.number == 0).values(digest=bomb))
        session.execute(update(Case).where(Case.number == 1).values(digest=deep))

    def not_here(*given: object, **more: object) -> None:
        raise AssertionError("decoded in the page's process")

    monkeypatch.setattr(Image.Image, "convert", not_here)
    monkeypatch.setattr("core.pictures.pixels.eight_bit", not_here)
    for size in ("thumb", "224", "full"):
        told = browser.get(f"{address}?size={size}")
        if size != "full":
            assert told.status_code == 422 and "larger than 40 million pixels" in told.text
        shown = browser.get(f"/images/{room.version_id}/1?size={size}")
        assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")

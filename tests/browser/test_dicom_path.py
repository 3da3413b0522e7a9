"""A zip of DICOM files with a table, as a hospital exports it, in a real browser: mapped, looked at in the tray,
checked, kept, and shown through windows of all its 12 bits."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.uid import CTImageStorage
from sqlalchemy import select

from core.deid.planted import Planted, plant
from core.pictures.deep import Shades
from core.pictures.pixels import deep_in
from core.pictures.store import key_of, open_store
from core.records.database import open_database
from core.records.place import Place
from core.records.tables import Case
from tests.browser.conftest import Running, is_within
from tests.browser.test_windows import drawn_on
from tests.deid.burning import FAMILY, LAYING, burned, written_to
from tests.dicom_files import drawn, saved
from tests.pictures.deep_drawn import ct

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
SIDE = 64
LEVELS = ct(SIDE).levels


def exported(folder: Path) -> tuple[Path, Planted]:
    """The planted files of two people, a slice of 12 bits, a picture with a name in it. The table's column of labels
    is called as nobody would guess."""
    planted = plant(folder / "planted", people=2)
    source = planted.folders[0]
    person = planted.people[0]
    whose = {
        "SOPClassUID": CTImageStorage,
        "PatientID": person.number,
        "PatientName": person.name,
        "Modality": "CT",
        "Rows": SIDE,
        "Columns": SIDE,
    }
    measures = {"RescaleSlope": 1, "RescaleIntercept": -1024, "RescaleType": "HU"}
    views = {"WindowCenter": [40, -600], "WindowWidth": [400, 1500]}
    saved(drawn(7, **whose, **measures, **views, PixelData=LEVELS.astype("<u2").tobytes()), source / "slice.dcm")
    written_to(source / "burned.dcm", burned(LAYING))
    rows = list(csv.reader((source / "labels.csv").read_text(encoding="utf-8").splitlines()))
    rows[0][rows[0].index("label")] = "what was seen"
    for name in ("slice.dcm", "burned.dcm"):
        more = {"file": name, "what was seen": "nodule"}
        rows.append([more.get(column, "") for column in rows[0]])
    table = io.StringIO()
    csv.writer(table).writerows(rows)
    with ZipFile(folder / "export.zip", "w") as made:
        for file in sorted(path for path in source.rglob("*") if path.is_file() and path.suffix != ".csv"):
            made.write(file, f"export/{file.relative_to(source)}")
        made.writestr("export/labels.csv", table.getvalue())
    return folder / "export.zip", planted


def through_window(center: float, width: float) -> Shades:
    """PS3.3, C.11.2.1.2.1, by hand."""
    measured: NDArray[np.float64] = LEVELS.astype(np.float64) - 1024
    share = np.clip((measured - (center - 0.5)) / (width - 1) + 0.5, 0, 1)
    return np.floor(share * 255 + 0.5).astype(np.uint8)


def test_an_export_is_mapped_released_checked_kept_and_seen_through_windows(
    running: Running, page: Any, tmp_path: Path
) -> None:
    upload, planted = exported(tmp_path)
    page.goto(f"{running.address}/image-sets?tab=add")
    page.locator("input[type=file]").first.set_input_files(str(upload))
    tray = page.locator("#waiting")
    tray.get_by_text("the last one").wait_for()
    page.wait_for_function("document.querySelector('#waiting img').naturalWidth === 240")
    page.keyboard.press("m")
    page.get_by_text("no column that looks like the label").wait_for()
    page.get_by_label("Label column", exact=True).click()
    page.get_by_role("option", name="what was seen").click()
    page.get_by_role("button", name="Check again").click()
    report = page.locator("#upload-report")
    report.get_by_text("10 cases, 2 labels").wait_for()
    assert "1 masked" in report.inner_text() and is_within(page)
    page.get_by_label("Name of the image set").fill("Export")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Add to my image sets").click()
    way = page.get_by_role("link", name="Look at its cases")
    version = int(way.get_attribute("href").rpartition("=")[2])
    page.goto(f"{running.address}/image-sets?version={version}&case={_number_of_slice(running, version)}")
    page.locator(".frame canvas").wait_for()
    np.testing.assert_array_equal(drawn_on(page), through_window(40, 400))
    page.locator(".panes").first.focus()
    for key, center, width in (("2", -600, 1500), ("3", 400, 1800), ("4", 40, 80), ("1", 40, 400)):
        page.keyboard.press(key)
        np.testing.assert_array_equal(drawn_on(page), through_window(center, width), err_msg=key)
    seen = page.content()
    secrets = {word for person in planted.people for words in person.secrets().values() for word in words}
    assert not [word for word in (*secrets, FAMILY) if word in seen]


def _number_of_slice(running: Running, version: int) -> int:
    """Of the case with the slice of 12 bits, by what is kept of it."""
    place = Place.at(running.data)
    with open_database(place).reading() as session:
        rows = session.execute(select(Case.number, Case.digest).where(Case.version_id == version)).all()
    for number, digest in rows:
        deep = deep_in(open_store(place.store).read(key_of(digest)), digest)
        if deep is not None and deep.levels.shape == LEVELS.shape:
            return int(number)
    raise AssertionError("The slice was not kept with its bits.")

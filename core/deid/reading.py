"""Reading files of any quality, and in silence: what pydicom would warn of quotes the values that nobody may see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from pydicom import config, dcmread
from pydicom.dataset import FileDataset

from core.pictures.dicom_file import QUIET

MARK_AT = 128


@contextmanager
def tolerant() -> Iterator[None]:
    """While this lasts nothing is checked against its kind of value, nor told to any log."""
    settings = config.settings
    before = settings.reading_validation_mode, settings.writing_validation_mode
    settings.reading_validation_mode = settings.writing_validation_mode = config.IGNORE
    try:
        with QUIET:
            yield
    finally:
        settings.reading_validation_mode, settings.writing_validation_mode = before


def dataset_in(content: bytes, header_only: bool = False) -> FileDataset | None:
    """The dataset of a file, or none where it can't be read."""
    try:
        dataset = dcmread(BytesIO(content), stop_before_pixels=header_only, force=True)
        return dataset if len(dataset) else None
    except MemoryError:
        raise
    except Exception:  # pydicom lets through whatever a damaged file makes its parsing raise
        return None

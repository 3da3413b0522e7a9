"""What is asked at the door of a studio: whether DICOM is de-identified before anything else looks at it, and how; and
whether other pictures are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from core.deid.choices import Choices

DEID = "deid"
"""Where these choices stand among the options of an upload."""


class Door(Choices):
    """On, until somebody says otherwise."""

    is_on: bool = Field(
        True,
        title="De-identify DICOM files",
        description="Before anything else looks at them. Switch it off only for files that name nobody any more.",
    )
    keeps_originals: bool = Field(
        False,
        title="Keep the originals with the upload",
        description="Until its files are removed. Else they are gone as soon as the de-identified ones are written.",
    )

    reads_pictures: bool = Field(
        False,
        title="Look for text in PNG and JPEG pictures",
        description="What looks like a name, a date or a number of somebody then waits for your look before anything "
        "is kept. It takes .2 to 1 second a picture (a thousand: 3 to 17 minutes) and wants the extra `ocr`; a zip is "
        "unpacked for it. DICOM is read in any case.",
    )

    def choices(self) -> Choices:
        return Choices(**{name: getattr(self, name) for name in Choices.model_fields})


def door_of(options: Mapping[str, Any]) -> tuple[dict[str, Any], Door]:
    """An upload's options: all others, and what is asked at the door."""
    rest = dict(options)
    return rest, Door.parse(rest.pop(DEID, None) or {}, DEID)

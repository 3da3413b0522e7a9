"""What is asked at the door of a studio: whether DICOM is de-identified before anything else looks at it, and how."""

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

    def choices(self) -> Choices:
        return Choices(**{name: getattr(self, name) for name in Choices.model_fields})


def door_of(options: Mapping[str, Any]) -> tuple[dict[str, Any], Door]:
    """An upload's options: all others, and what is asked at the door."""
    rest = dict(options)
    return rest, Door.parse(rest.pop(DEID, None) or {}, DEID)

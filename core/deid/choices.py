"""What is asked of the de-identification: PS3.15's basic profile, and options of CID 7050.

Not offered, since they could not be kept: clean graphics (overlays and drawn text are removed) and clean recognizable
visual features.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core.settings import Settings

Dates = Literal["shifted", "kept", "removed"]
BASIC = ("113100", "Basic Application Confidentiality Profile")


class Choices(Settings):
    """The basic profile with dates shifted, until somebody chooses otherwise."""

    dates: Dates = Field(
        "shifted",
        title="Dates",
        description="Shifted: each patient's dates by the same secret number of days, so that gaps and order stay. "
        "Removed: as the basic profile has it.",
    )
    keep_uids: bool = Field(
        False, title="Keep UIDs", description="Else they are replaced, the same one always by the same other one."
    )
    keep_device: bool = Field(
        False, title="Keep what names the device", description="Serial numbers, station names and the like."
    )
    keep_institution: bool = Field(False, title="Keep the institution", description="Its name, address and department.")
    keep_patient: bool = Field(
        False,
        title="Keep the patient's characteristics",
        description="Sex, age (from 90 on told as 90), size, weight, smoking and the like; no names or numbers.",
    )
    clean_descriptors: bool = Field(
        False,
        title="Keep descriptions, cleaned",
        description="Descriptions and comments stay without names, numbers, dates and other values of the header; "
        "a name that stands nowhere else in the header can't be recognized. Else they are removed.",
    )
    clean_structured: bool = Field(
        False,
        title="Keep structured content, cleaned",
        description="The content of reports item by item, cleaned in the same way. Else it is removed.",
    )
    keep_safe_private: bool = Field(
        False,
        title="Keep safe private attributes",
        description="Figures that makers keep for themselves (b values, scale factors) and that name nobody.",
    )

    def columns(self) -> tuple[str, ...]:
        """The columns of the profile's table that hold beside the basic one."""
        chosen = {
            "full_dates": self.dates == "kept",
            "modified_dates": self.dates == "shifted",
            "uids": self.keep_uids,
            "device": self.keep_device,
            "institution": self.keep_institution,
            "patient": self.keep_patient,
            "descriptors": self.clean_descriptors,
            "structured": self.clean_structured,
            "safe_private": self.keep_safe_private,
        }
        return tuple(column for column, is_chosen in chosen.items() if is_chosen)

    def codes(self) -> tuple[tuple[str, str], ...]:
        """What is written into (0012,0064): code values of CID 7050 with their meanings."""
        return (BASIC, *(CODES[column] for column in CODES if column in self.columns()))


CODES = {
    "structured": ("113104", "Clean Structured Content Option"),
    "descriptors": ("113105", "Clean Descriptors Option"),
    "full_dates": ("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
    "modified_dates": ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    "patient": ("113108", "Retain Patient Characteristics Option"),
    "device": ("113109", "Retain Device Identity Option"),
    "uids": ("113110", "Retain UIDs Option"),
    "safe_private": ("113111", "Retain Safe Private Option"),
    "institution": ("113112", "Retain Institution Identity Option"),
}

"""The whole way past the door without a studio: headers and tables first, then a look at the pixels."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from core.deid.acts import Act
from core.deid.choices import Choices
from core.deid.gate import Gate
from core.deid.key import SiteKey
from core.deid.record import Record
from core.deid.tray import Held, Tray
from core.deid.upload import OnFile, deidentify

WAITING = ".waiting"
"""Where pictures wait, in the folder of de-identified files; no format reads what is hidden."""


def deidentify_and_look(
    source: Path, target: Path, choices: Choices, key: SiteKey, act: Act | None, by: str, on_file: OnFile | None = None
) -> tuple[Record, Tray]:
    """Pictures that have to wait are taken out of the files, unless `act` says what becomes of them all."""
    gate = Gate(target, Tray(target / WAITING))
    record = deidentify(source, target, choices, key, on_file, gate.look)
    gate.close()
    for held in gate.tray.waiting() if act else ():
        if (wanted := _possible(held, act)) is not None:
            gate.tray.decide([held.number], wanted, by, datetime.now(UTC).isoformat())
    gate.close()
    return record, gate.tray


def _possible(held: Held, act: Act | None) -> Act | None:
    """Masking keeps a picture in which nothing was found; it makes no face of a head unknown, and reads nothing that
    can't be decoded: those wait still."""
    if act != "mask":
        return act
    if {"face", "damaged", "masking"} & set(held.reasons):
        return None
    return "mask" if held.found else "release"

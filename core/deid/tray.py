"""The tray: pictures that wait until a person has looked at them, in a folder beside the upload that they came with.

A journal of lines holds everything that happened, each added at once: whatever stops, nothing of it is lost and nothing
happens twice. It says where something is written in a picture and why it waits; never what is written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
from PIL import Image

from core.deid.acts import Act
from core.deid.burned import Written
from core.deid.burned_pictures import is_bare_picture
from core.deid.burned_text import Shades, Spot
from core.errors import DataError

Reason = Literal["ultrasound", "capture", "marked", "person", "text", "face", "damaged", "masking"]

WORDS: Mapping[Reason, str] = {
    "person": "something is written in it that looks like a name, a date or a number of somebody",
    "text": "something is written in it",
    "marked": "its header says that text is burned in",
    "ultrasound": "it is an ultrasound picture, and those often carry names",
    "capture": "it is a secondary capture, the picture of a screen or of paper",
    "face": "it belongs to a volume of a head, from which a face can be drawn",
    "damaged": "its pixels can't be decoded, so nobody knows what is written in them",
    "masking": "it could not be masked as somebody wished",
}
"""Why a picture waits, the weightiest first."""
JOURNAL = "journal.jsonl"
SHOWN_SIDE = 1024
ALIKE = 0.02
"""Of a picture's longer side: how far text may lie from where it lies in another that is alike."""


@dataclass(frozen=True)
class Held:
    """A picture that waits: where it lay, why it waits, and where in it something is written."""

    number: int
    place: str
    reasons: tuple[Reason, ...]
    written: tuple[Written, ...]
    width: int
    height: int
    frames: int
    views: int
    """As many pictures of it are kept to look at."""
    device: str
    series: str
    defect: str = ""
    """What went wrong, where something did."""

    @property
    def found(self) -> tuple[Spot, ...]:
        """What masking hides where nobody says otherwise: all that looks like somebody's data."""
        return tuple(each.spot for each in self.written if each.verdict == "person")

    def why(self) -> str:
        """In a sentence."""
        words = "; ".join(text for reason, text in WORDS.items() if reason in self.reasons)
        return f"{words[0].upper()}{words[1:]}.{f' {self.defect}' if self.defect else ''}"

    def plain(self) -> dict[str, Any]:
        """What programs are told of it."""
        return {
            "number": self.number,
            "file": self.place,
            "reasons": list(self.reasons),
            "why": self.why(),
            "size": [self.width, self.height],
            "frames": self.frames,
            "views": self.views,
            "device": self.device,
            "written": [[*asdict(each.spot).values(), each.verdict] for each in self.written],
        }

    def is_alike(self, other: Held) -> bool:
        """Whether another is of the same device and waits for the same reasons, with text of the same kinds in the same
        places. Slices of one volume of a head are alike too."""
        if (self.device, self.width, self.height, set(self.reasons)) != (
            other.device,
            other.width,
            other.height,
            set(other.reasons),
        ):
            return False
        if "face" in self.reasons and self.series != other.series:
            return False
        return _covers(self, other) and _covers(other, self)


@dataclass(frozen=True)
class Decision:
    """What becomes of a picture that waits, and who said so when."""

    number: int
    act: Act
    by: str
    at: str
    spots: tuple[Spot, ...] = ()


class Tray:
    """A folder with the pictures that wait and the journal of what happened to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.held: dict[int, Held] = {}
        self.decisions: dict[int, Decision] = {}
        self.done: dict[int, Decision] = {}
        self.looked: dict[str, str] = {}
        """Files that were looked at; of slices of heads the series."""
        for row in _rows(folder / JOURNAL):
            self._apply(row)

    def waiting(self) -> list[Held]:
        """Those about which nobody has decided yet."""
        return [each for number, each in self.held.items() if number not in self.decisions and number not in self.done]

    def one_waiting(self, number: int) -> Held:
        for each in self.waiting():
            if each.number == number:
                return each
        raise DataError(f"Picture {number} is not waiting, or not any more. Reload the list.")

    def alike(self, held: Held) -> list[Held]:
        """Those that wait and are alike, the picture itself among them."""
        return [each for each in self.waiting() if each.is_alike(held)]

    def file(self, number: int) -> Path:
        name = self.held[number].place
        return self.folder / (
            f"{number}{PurePosixPath(name).suffix.lower()}" if is_bare_picture(name) else f"{number}.dcm"
        )

    def view(self, number: int, view: int) -> Path:
        return self.folder / f"{number}-{view}.png"

    def hold(self, held: Held, views: Iterable[Shades]) -> None:
        """Tells that a file has to wait, and keeps what there is to look at. `resume` takes it out of the upload."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for number, shades in enumerate(views):
            picture = Image.fromarray(np.ascontiguousarray(shades))
            picture.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
            picture.save(self.view(held.number, number), "PNG")
        self._tell({"held": _plain(held)})

    def resume(self, root: Path) -> None:
        """Takes out of the upload what was told to wait. What is nowhere, since it was never written, waits no more."""
        for number, held in list(self.held.items()):
            if number in self.done or self.file(number).exists():
                continue
            if (root / held.place).exists():
                os.replace(root / held.place, self.file(number))
            elif number not in self.decisions:
                self._tell({"dropped": number})

    def forget(self, place: str) -> None:
        """What was told of a file that is written anew."""
        self.looked.pop(place, None)
        for number in [number for number, held in self.held.items() if held.place == place and number not in self.done]:
            self._tell({"dropped": number})

    def tell_looked(self, place: str, head: str) -> None:
        self._tell({"looked": place, "head": head})

    def decide(self, numbers: Collection[int], act: Act, by: str, at: str, spots: Iterable[Spot] = ()) -> None:
        """Keeps what somebody decided; it is carried out by the next check of the upload."""
        wanted = [[spot.left, spot.top, spot.right, spot.bottom] for spot in spots]
        for number in numbers:
            held = self.one_waiting(number)
            own = wanted or [[spot.left, spot.top, spot.right, spot.bottom] for spot in held.found]
            if act == "mask" and not own:
                raise DataError("Nothing in this picture is marked to be masked. Draw a rectangle first.")
            self._tell({"decided": number, "act": act, "by": by, "at": at, "spots": own if act == "mask" else []})

    def tell_done(self, number: int) -> None:
        self._tell({"done": number})
        for kept in (self.file(number), *(self.view(number, view) for view in range(self.held[number].views))):
            kept.unlink(missing_ok=True)

    def tell_failed(self, number: int, defect: str) -> None:
        """It waits again."""
        self._tell({"failed": number, "defect": defect})

    def next_number(self) -> int:
        return max(self.held, default=0) + 1

    def _tell(self, row: Mapping[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        _drop_broken_line(self.folder / JOURNAL)
        with (self.folder / JOURNAL).open("a", encoding="utf-8") as journal:
            journal.write(json.dumps(row) + "\n")
            journal.flush()
            os.fsync(journal.fileno())
        self._apply(row)

    def _apply(self, row: Mapping[str, Any]) -> None:
        if "looked" in row:
            self.looked[row["looked"]] = row["head"]
        elif "held" in row:
            held = _held(row["held"])
            self.held[held.number] = held
        elif "decided" in row:
            spots = tuple(Spot(*spot) for spot in row["spots"])
            self.decisions[row["decided"]] = Decision(row["decided"], row["act"], row["by"], row["at"], spots)
        elif "dropped" in row:
            self.looked.pop(self.held.pop(row["dropped"]).place, None)
            self.decisions.pop(row["dropped"], None)
        elif "done" in row:
            self.done[row["done"]] = self.decisions.pop(row["done"])
        elif "failed" in row:
            held = self.held[row["failed"]]
            reasons = (*held.reasons, *(() if "masking" in held.reasons else ("masking",)))
            facts = asdict(held) | {"reasons": reasons, "defect": row["defect"], "written": held.written}
            self.held[held.number] = Held(**facts)
            del self.decisions[held.number]


def _rows(journal: Path) -> list[dict[str, Any]]:
    """All lines but a last one that was broken off while it was written."""
    if not journal.is_file():
        return []
    *whole, _ = journal.read_text(encoding="utf-8").split("\n")
    try:
        return [json.loads(line) for line in whole if line]
    except ValueError:
        raise DataError("The list of pictures that wait is damaged. Discard the upload and bring it again.") from None


def _drop_broken_line(journal: Path) -> None:
    if journal.is_file() and (text := journal.read_bytes()) and not text.endswith(b"\n"):
        os.truncate(journal, text.rfind(b"\n") + 1)


def _plain(held: Held) -> dict[str, Any]:
    written = [
        [each.spot.left, each.spot.top, each.spot.right, each.spot.bottom, each.verdict] for each in held.written
    ]
    return asdict(held) | {"written": written}


def _held(row: Mapping[str, Any]) -> Held:
    written = tuple(Written(Spot(*corners), verdict) for *corners, verdict in row["written"])
    return Held(**{**row, "reasons": tuple(row["reasons"]), "written": written})


def _covers(held: Held, other: Held) -> bool:
    """Whether each text in one that is no measurement lies where there is one of its kind in the other."""
    reach = round(max(held.width, held.height) * ALIKE)
    return all(
        any(each.verdict == there.verdict and _is_beside(each.spot, there.spot, reach) for there in other.written)
        for each in held.written
        if each.verdict != "kept"
    )


def _is_beside(spot: Spot, other: Spot, reach: int) -> bool:
    """Whether two lie in the same line, and one over the other: names are of any length."""
    is_level = abs(spot.top - other.top) <= reach and abs(spot.bottom - other.bottom) <= reach
    return is_level and spot.left < other.right + reach and other.left < spot.right + reach

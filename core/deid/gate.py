"""Looks at the pixels of de-identified files, and holds in the tray what a person has to look at before it is kept."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.dataset import FileDataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from core.deid.burned import Written, find_written, frames_shown, mask, names_in
from core.deid.burned_pictures import is_bare_picture, mask_picture, shades_of, written_in_picture
from core.deid.burned_text import Shades, can_read
from core.deid.burned_words import Names
from core.deid.tray import Decision, Held, Reason, Tray
from core.errors import CoreError, DataError, reason

ULTRASOUND = ("1.2.840.10008.5.1.4.1.1.6.", "1.2.840.10008.5.1.4.1.1.3.")
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
HEAD = re.compile(
    r"head|brain|skull|face|facial|sinus|orbit|cranio|cranium|kopf|schaedel|schädel|hirn|neuro|\btmj\b|\biac\b|maxill",
    re.IGNORECASE,
)
ABOUT_PLACE = ("BodyPartExamined", "StudyDescription", "SeriesDescription", "ProtocolName")
FACE_SLICES = 20
"""A face can be drawn from so many slices of a head."""
OnFile = Callable[[int, int], None]


@dataclass(frozen=True)
class Looked:
    """What a look at a file showed."""

    reasons: tuple[Reason, ...]
    written: tuple[Written, ...] = ()
    views: tuple[Shades, ...] = ()
    defect: str = ""


class Gate:
    """Over the files of one upload: `look` as each is written into a folder `within` it, `close` once all are."""

    def __init__(self, root: Path, tray: Tray, within: str = "", reads_pictures: bool = False) -> None:
        """PNG and JPEG are looked at only where that is wished: it takes its time over each."""
        self.root, self.tray, self.within, self.reads_pictures = root, tray, within, reads_pictures
        self.can_read = can_read()

    def look(self, before: Dataset, after: Dataset, name: str) -> None:
        """At a file that is about to be written, de-identified. What its header said before is used here, and kept
        nowhere. A file that has to wait is taken out by `close`."""
        is_head = any(HEAD.search(str(before.get(keyword) or "")) for keyword in ABOUT_PLACE)
        place = str(Path(self.within) / name)
        self.tray.forget(place)  # it may have been looked at before everything stopped
        with quiet():
            self._look(_whole(after), place, names_in(before), is_head)

    def close(self, on_file: OnFile | None = None) -> None:
        """Takes out what has to wait. What was decided is carried out, files that nobody looked at before something
        stopped are looked at (whose names nobody has any more), and slices of whole heads are held."""
        self.tray.resume(self.root)
        rest = [file for file in self._files() if self._place(file) not in self.tray.looked]
        decisions = list(self.tray.decisions.values())
        whole = len(rest) + len(decisions)
        for done, file in enumerate(rest, 1):
            self._look_at_file(file)
            if on_file:
                on_file(done, whole)
        for done, decision in enumerate(decisions, len(rest) + 1):
            self._carry_out(decision)
            if on_file:
                on_file(done, whole)
        self._hold_heads()
        self.tray.resume(self.root)

    def _look_at_file(self, file: Path) -> None:
        if is_bare_picture(file.name):
            return self._look_at_picture(file)
        with quiet():
            self._look(dcmread(file), self._place(file), None, False)

    def _look_at_picture(self, file: Path) -> None:
        """What can't be decoded is told by the check."""
        place = self._place(file)
        try:
            shades = shades_of(file)
        except DataError:
            return self.tray.tell_looked(place, "")
        written = written_in_picture(shades) if self.can_read else ()
        verdicts = {each.verdict for each in written}
        if {"person", "unsure"} & verdicts:
            reasons: tuple[Reason, ...] = ("person",) if "person" in verdicts else ("text",)
            height, width = shades.shape[:2]
            held = Held(self.tray.next_number(), place, reasons, written, width, height, 1, 1, "", "")
            self.tray.hold(held, [shades])
        self.tray.tell_looked(place, "")

    def _look(self, dataset: FileDataset, place: str, names: Names | None, is_head: bool) -> None:
        if place in self.tray.looked:
            return
        if "Rows" not in dataset or "Columns" not in dataset:  # no picture
            return self.tray.tell_looked(place, "")
        is_head = is_head or any(HEAD.search(str(dataset.get(name) or "")) for name in ABOUT_PLACE)
        is_slice = is_head and dataset.get("Modality") in ("CT", "MR")
        looked = self._looked_at(dataset, names, is_slice)
        if looked.reasons:
            self._hold(dataset, place, looked)
        self.tray.tell_looked(place, str(dataset.get("SeriesInstanceUID") or "") if is_slice else "")

    def _looked_at(self, dataset: FileDataset, names: Names | None, is_slice: bool) -> Looked:
        reasons = _reasons(dataset, is_slice)
        if dataset.get("BitsAllocated") == 1:  # a mask
            return Looked(reasons)
        try:
            written = find_written(dataset, names or Names()) if self.can_read else ()
            verdicts = {each.verdict for each in written}
            if "person" in verdicts:
                reasons = ("person", *reasons)
            elif "unsure" in verdicts or (verdicts and names is None):
                reasons = ("text", *reasons)
            return Looked(reasons, written, tuple(frames_shown(dataset)) if reasons else ())
        except DataError as error:
            return Looked(("damaged", *reasons), defect=str(error))

    def _hold(self, dataset: Dataset, place: str, looked: Looked) -> None:
        maker = (dataset.get("Modality"), dataset.get("Manufacturer"), dataset.get("ManufacturerModelName"))
        held = Held(
            self.tray.next_number(),
            place,
            looked.reasons,
            looked.written,
            int(dataset.Columns),
            int(dataset.Rows),
            int(dataset.get("NumberOfFrames") or 1),
            len(looked.views),
            " ".join(str(words) for words in maker if words),
            str(dataset.get("SeriesInstanceUID") or ""),
            looked.defect,
        )
        self.tray.hold(held, looked.views)

    def _carry_out(self, decision: Decision) -> None:
        """A file whose masking does not succeed waits again."""
        held, target = self.tray.held[decision.number], self.root / self.tray.held[decision.number].place
        file = self.tray.file(held.number)
        if decision.act == "mask":
            draft = file.with_suffix(".masked")
            try:
                with quiet():
                    if is_bare_picture(held.place):
                        mask_picture(file, draft, decision.spots, self.can_read)
                    else:
                        _mask(file, draft, decision, self.can_read)
            except CoreError as error:
                draft.unlink(missing_ok=True)
                return self.tray.tell_failed(held.number, str(error))
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(draft, target)
        elif decision.act == "release" and file.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, target)
        self.tray.tell_done(held.number)

    def _hold_heads(self) -> None:
        """All slices of a series of a head that lie in the upload, where there are enough for a face."""
        series: dict[str, list[str]] = {}
        for place, head in self.tray.looked.items():
            if head:
                series.setdefault(head, []).append(place)
        settled = {held.place for held in self.tray.held.values()}
        for places in series.values():
            for place in places if len(places) >= FACE_SLICES else ():
                if place not in settled and (self.root / place).exists():
                    dataset = dcmread(self.root / place)
                    self._hold(dataset, place, Looked(("face",), (), _shown(dataset)))

    def _files(self) -> Iterator[Path]:
        for file in sorted((self.root / self.within).rglob("*")):
            is_hidden = any(part.startswith(".") for part in file.relative_to(self.root).parts)
            if file.is_file() and not is_hidden and self.tray.folder not in file.parents and self._is_looked_at(file):
                yield file

    def _is_looked_at(self, file: Path) -> bool:
        return self.reads_pictures if is_bare_picture(file.name) else _is_dicom(file)

    def _place(self, file: Path) -> str:
        return file.relative_to(self.root).as_posix()


def _reasons(dataset: Dataset, is_slice: bool) -> tuple[Reason, ...]:
    kind = str(dataset.get("SOPClassUID") or "")
    reasons: list[Reason] = []
    if str(dataset.get("BurnedInAnnotation") or "").upper() == "YES":
        reasons.append("marked")
    if dataset.get("Modality") == "US" or kind.startswith(ULTRASOUND):
        reasons.append("ultrasound")
    if kind.startswith(CAPTURE):
        reasons.append("capture")
    is_whole = is_slice and int(dataset.get("NumberOfFrames") or 1) >= FACE_SLICES
    if is_whole or str(dataset.get("RecognizableVisualFeatures") or "").upper() == "YES":
        reasons.append("face")
    return tuple(reasons)


def _shown(dataset: FileDataset) -> tuple[Shades, ...]:
    try:
        return tuple(frames_shown(dataset))
    except DataError:
        return ()


@contextmanager
def quiet() -> Iterator[None]:
    """What pydicom remarks on a file is not for people who bring a thousand."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _whole(dataset: Dataset) -> FileDataset:
    """With a syntax. A file without file meta says by the order of its bytes how it is read."""
    if not isinstance(dataset, FileDataset):
        raise DataError("What is de-identified is a file.")
    if "TransferSyntaxUID" not in dataset.file_meta:
        is_implicit, is_little = dataset.original_encoding
        explicit = ExplicitVRLittleEndian if is_little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if is_implicit else explicit
    return dataset


def _mask(file: Path, draft: Path, decision: Decision, can_read: bool) -> None:
    try:
        dataset = dcmread(file)
        mask(dataset, decision.spots, is_read_again=can_read)
        dataset.save_as(draft)
    except CoreError:
        raise
    except Exception as error:  # what pydicom raises on files that are not as they should be
        raise DataError(f"It can't be written again ({reason(error)}). Reject it.") from None


def _is_dicom(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(132)[128:] == b"DICM"

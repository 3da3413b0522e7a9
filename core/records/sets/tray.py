"""Pictures of an upload that wait for a person, who releases, masks or rejects them: whoever may add image sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from core.case import Finding
from core.deid.acts import ACTS, Act
from core.deid.burned_pictures import is_bare_picture
from core.deid.burned_text import Spot, can_read
from core.deid.gate import Gate, OnFile
from core.deid.tray import Held, Tray
from core.deid.waiting import looked_at, report_of_waiting, settled_words, unread
from core.records.access import NOT_THERE, NotAllowed, Who, allow
from core.records.audit import note
from core.records.database import Database
from core.records.place import Place
from core.records.sets.deidentified import RESULT, record_of
from core.records.sets.unpacked import unpack
from core.records.sets.uploads import UploadError, in_the_log, request_check, tray_folder, upload
from core.records.tables import Upload, now

MOST_NAMED = 100
"""Pictures named in a line of the audit log."""


def tray_of(place: Place, row: Upload) -> Tray:
    return Tray(tray_folder(place, row))


def gate_of(place: Place, row: Upload, within: str = "", reads_pictures: bool = False) -> Gate:
    """The gate over the files of an upload, or of a folder in it."""
    return Gate(place.uploads / row.key, tray_of(place, row), within, reads_pictures)


def close_tray(place: Place, row: Upload, reads_pictures: bool = False, on_file: OnFile | None = None) -> None:
    """Of an upload that was de-identified, or whose pictures are to be read: what was decided is carried out, and what
    has to wait is taken out."""
    if record_of(place, row) is not None:
        gate_of(place, row, RESULT, reads_pictures).close(on_file)
    elif reads_pictures and can_read():
        unpack(place, row)
        gate_of(place, row, reads_pictures=True).close(on_file)


def tray_findings(place: Place, row: Upload, reads_pictures: bool = False) -> tuple[Finding, ...]:
    """What the report says of pictures that waited, and of what nobody read."""
    if record_of(place, row) is None and not reads_pictures:
        return ()
    tray = tray_of(place, row)
    of_reading = [] if can_read() else [unread()]
    bare = sum(map(is_bare_picture, tray.looked))
    if bare:
        message = f"What is written in {bare:,} PNG and JPEG pictures was looked for."
        of_reading.append(Finding("read_pictures", "note", bare, message))
    return (*of_reading, *((looked_at(tray),) if tray.done else ()))


def tray_words(place: Place, row: Upload) -> str:
    """For the note of a version: what became of pictures that waited; nothing where none did."""
    tray = tray_of(place, row)
    return settled_words(tray) if tray.done else ""


def waiting(db: Database, place: Place, who: Who, upload_id: int) -> list[Held]:
    """The pictures of an upload that wait, in the order in which they came."""
    return tray_of(place, _allowed(db, who, upload_id)).waiting()


def held_view(db: Database, place: Place, who: Who, upload_id: int, number: int, view: int) -> bytes:
    """What there is to look at of a picture that waits: a frame, or one of its windows, as PNG."""
    tray = tray_of(place, _allowed(db, who, upload_id))
    try:
        return _shown(tray, number, view).read_bytes()
    except OSError:
        raise NotAllowed(NOT_THERE) from None


def settle(
    db: Database,
    place: Place,
    who: Who,
    upload_id: int,
    number: int,
    act: str,
    spots: Sequence[Sequence[int]] = (),
    with_alike: bool = False,
) -> list[int]:
    """Decides about a picture that waits, and about those that are alike where that is wished. Returns their numbers.

    Once none waits any more, the upload is checked again, which carries it out."""
    row = _allowed(db, who, upload_id)
    if row.state != "checked":
        raise UploadError(f"“{row.name}” is being looked at, or is kept already. Wait, and reload the page.")
    tray = tray_of(place, row)
    held = tray.one_waiting(number)
    numbers = [each.number for each in tray.alike(held)] if with_alike else [number]
    drawn = _spots(spots, held)
    tray.decide(numbers, _act(act), who.name, now().isoformat(), drawn)
    left = tray.waiting()
    with db.session() as session:
        if left:
            session.get_one(Upload, row.id).report = report_of_waiting(left)
        subject = f"{in_the_log(row)}: {_named(numbers)}"
        facts = {"pictures": len(numbers), "reasons": list(held.reasons), "rectangles": len(drawn or held.found)}
        note(session, who, f"{act} picture", row.project_id, subject, **facts)
    if not left:
        request_check(db, place, who, row.id, row.options)
    return numbers


def _allowed(db: Database, who: Who, upload_id: int) -> Upload:
    """What is written in a picture is for those alone who bring images."""
    row = upload(db, who, upload_id)
    allow(who, row.project_id, "work")
    return row


def _shown(tray: Tray, number: int, view: int) -> Path:
    if number not in [held.number for held in tray.waiting()]:
        raise NotAllowed(NOT_THERE)
    return tray.view(number, view)


def _act(act: str) -> Act:
    for each in ACTS:
        if each == act:
            return each
    raise UploadError(f"“{act}” can't be done with a picture that waits. Choose one of {', '.join(ACTS)}.")


def _spots(spots: Iterable[Sequence[int]], held: Held) -> list[Spot]:
    kept = []
    for corners in spots:
        if len(corners) != 4:
            raise UploadError("A rectangle has four numbers: left, top, right, bottom, in pixels.")
        left, top, right, bottom = (int(corner) for corner in corners)
        spot = Spot(max(left, 0), max(top, 0), min(right, held.width), min(bottom, held.height))
        if spot.left >= spot.right or spot.top >= spot.bottom:
            raise UploadError(
                f"The rectangle {left}, {top}, {right}, {bottom} holds nothing of a picture of {held.width} x "
                f"{held.height} pixels. Name left, top, right, bottom."
            )
        kept.append(spot)
    return kept


def _named(numbers: Sequence[int]) -> str:
    more = f" and {len(numbers) - MOST_NAMED:,} more" if len(numbers) > MOST_NAMED else ""
    return ", ".join(map(str, numbers[:MOST_NAMED])) + more

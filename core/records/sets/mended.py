"""What a check keeps beside an upload's files, and what is kept with a version of what was left out of it."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import NamedTuple, TypedDict

from core.case import Finding, ImageSet
from core.checks.looked import LookedAt, LookedSet, OnCase, look_over
from core.checks.mending import MOST_PAIRS, LeftOut, Mended, copy_pairs
from core.checks.shortcuts import Audit, audit, likely_drawn
from core.layouts.safe_csv import as_csv
from core.pictures.kept_looks import KeptLooks, keep_part, read_looks, write_looks
from core.pictures.kept_rows import read_rows, write_rows
from core.pictures.kept_traces import keep_part as keep_traces
from core.pictures.kept_traces import read_traces, write_traces
from core.pictures.shown import THUMB_PIXELS
from core.pictures.store import as_png, open_store
from core.records.access import NOT_THERE, NotAllowed, Who
from core.records.database import Database
from core.records.place import Place
from core.records.sets.uploads import check_folder, upload
from core.records.sets.versions import allowed_version
from core.records.tables import Upload, Version
from core.runs.forgotten import Gone

LOOKS, TRACES, STORED = "looks.parquet", "traces.parquet", "stored.parquet"
LIST, COPIES, CASES = "not used.csv", "copies", "cases.parquet"
OF_A_CHECK = frozenset({LOOKS, TRACES, STORED, CASES})
MOST_OF_A_FINDING = 6
"""Pictures of each finding that can be looked at beside it."""


class ShownCase(TypedDict):
    """A case with a thumbnail: the hash of what it shows, its labels and its split."""

    shown: str
    labels: list[str]
    split: str | None


def look_over_upload(place: Place, upload: Upload, image_set: ImageSet, on_case: OnCase | None = None) -> LookedSet:
    """A look at every picture of an upload; those that an earlier check looked at, also one that was broken off, are
    not opened again."""
    folder = check_folder(place, upload)
    file = folder / LOOKS
    kept = read_looks(file)
    before = len(kept.looks) + len(kept.misfits)

    def keep(fresh: KeptLooks) -> None:
        keep_part(file, fresh)
        keep_traces(folder / TRACES, fresh.traces)

    looked = look_over(image_set, on_case, kept, keep, likely_drawn(image_set))
    if len(kept.looks) + len(kept.misfits) > before:
        write_looks(file, kept)
    return looked


def audit_upload(place: Place, upload: Upload, looked: LookedSet) -> Audit:
    """What goes along with the labels of an upload; pictures that an earlier check measured are not opened again."""
    file = check_folder(place, upload) / TRACES
    kept = read_traces(file)
    before = len(kept)
    kept |= looked.traces
    audited = audit(looked, kept)
    if len(kept) > before or (kept and not file.exists()):
        write_traces(file, kept)
    return audited


def stored_file(place: Place, upload: Upload) -> Path:
    """Beside which it is noted what of an upload is in the store already."""
    return check_folder(place, upload) / STORED


class Listed(NamedTuple):
    """A case of an upload as its check read it: whose it is, and the hash of what it shows; "" where nobody knows."""

    case: str
    patient: str
    shown: str


def list_cases(place: Place, upload: Upload, looked: LookedSet) -> None:
    """Keeps whose its cases are, by which those of somebody who is erased are found."""
    rows = [Listed(each.case.id, str(each.case.patient or ""), each.look.shown) for each in looked.seen]
    write_rows(check_folder(place, upload) / CASES, Listed._fields, rows)


def listed_cases(place: Place, upload: Upload) -> list[Listed]:
    """None where no check came so far, or none since cases are listed."""
    return [Listed(*row) for row in read_rows(check_folder(place, upload) / CASES, Listed._fields)]


def keep_check(place: Place, upload: Upload, mended: Mended, findings: Iterable[Finding]) -> dict[str, ShownCase]:
    """The list of what is not used, and a thumbnail of every picture that somebody has to compare with its copy, and of
    the first that each finding names; tells which these are, by their cases."""
    folder = check_folder(place, upload)
    (folder / COPIES).mkdir(parents=True, exist_ok=True)
    rows = [(left, "left out") for left in mended.left_out] + [(left, "to be mended") for left in mended.unusable]
    (folder / LIST).write_text(_table(rows), encoding="utf-8")
    for pair in copy_pairs(mended.looked, mended.keeps)[:MOST_PAIRS]:
        for each in (pair.first, pair.second):
            _keep_thumbnail(folder / COPIES / f"{each.look.shown}.png", each)
    named = {case for finding in findings for case in finding.cases[:MOST_OF_A_FINDING]}
    pictured = [each for each in mended.looked.opened if each.case.id in named]
    for each in pictured:
        _keep_thumbnail(folder / COPIES / f"{each.look.shown}.png", each)
    return {
        each.case.id: {"shown": each.look.shown, "labels": list(each.case.labels), "split": each.case.split}
        for each in pictured
    }


def unused_cases(db: Database, place: Place, who: Who, upload_id: int) -> tuple[Upload, str]:
    """An upload, and the list of its cases that can't be used or are left out, as CSV."""
    row = upload(db, who, upload_id)
    return row, _read(check_folder(place, row) / LIST).decode()


def copy_thumbnail(db: Database, place: Place, who: Who, upload_id: int, shown: str) -> bytes:
    """A picture of an upload that has a copy, small, by the hash of what it shows; for those who may see the upload."""
    row = upload(db, who, upload_id)
    if not re.fullmatch("[0-9a-f]{64}", shown):
        raise NotAllowed(NOT_THERE)
    return _read(check_folder(place, row) / COPIES / f"{shown}.png")


def keep_left_out(place: Place, version: Version, left_out: Iterable[LeftOut]) -> None:
    """With the version: the cases that are not in it although they came, and why."""
    rows = [(left, "left out") for left in left_out]
    if rows:
        open_store(place.store).write(_key(version), _table(rows).encode())


def forget_left_out(place: Place, version: Version, gone: Gone) -> None:
    """Takes cases of somebody who is erased off the list of a version that is without them."""
    if not has_left_out(place, version):
        return
    rows = list(csv.reader(StringIO(open_store(place.store).read(_key(version)).decode())))
    kept = [row for row in rows if not gone.is_named_in(row)]
    if len(kept) < len(rows):
        open_store(place.store).write(_key(version), as_csv(kept[0], kept[1:]).encode())


def has_left_out(place: Place, version: Version) -> bool:
    return open_store(place.store).exists(_key(version))


def left_out_of(db: Database, place: Place, who: Who, version_id: int) -> tuple[Version, str]:
    """A version, and the list of what was left out of it, as CSV."""
    with db.reading() as session:
        version = allowed_version(session, who, version_id)
    if not has_left_out(place, version):
        raise NotAllowed(NOT_THERE)
    return version, open_store(place.store).read(_key(version)).decode()


def _key(version: Version) -> str:
    """Of this version alone: another project may have one with the same cases, and so the same hash."""
    return f"versions/{version.hash}/left out of {version.id}.csv"


def _table(rows: Iterable[tuple[LeftOut, str]]) -> str:
    return as_csv(
        ["case", "what is wrong", "what becomes of it"], ([left.case, left.reason, fate] for left, fate in rows)
    )


def _keep_thumbnail(file: Path, each: LookedAt) -> None:
    if not file.exists():
        small = each.case.pixels.load()
        small.thumbnail((THUMB_PIXELS, THUMB_PIXELS))
        file.write_bytes(as_png(small))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        raise NotAllowed(NOT_THERE) from None

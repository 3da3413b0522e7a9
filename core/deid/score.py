"""The printed score: how much of what was planted is gone, and how much of what should stay is there.

Every category is in `CATEGORIES`, with what it counts. What is missing counts as failed.
"""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from pydicom import dcmread
from pydicom.dataset import Dataset

from core.deid.choices import Choices
from core.deid.columns import plain_header
from core.deid.days import day_of
from core.deid.key import SiteKey
from core.deid.persons import texts_of
from core.deid.planted import KEPT_WORDS, Planted, Slice, plant
from core.deid.reading import tolerant
from core.deid.upload import DIRECTORY, deidentify
from core.errors import DataError
from core.layouts.files import open_tree
from core.layouts.lookup import Lookup
from core.layouts.table import read_table

CATEGORIES: Mapping[str, str] = {
    "text removed": "names, numbers, birth dates, places, phones, addresses and mail, in every byte that was written",
    "text kept": "attributes, words of descriptions, labels and columns that name nobody",
    "dates shifted": "dates moved by one number of days a patient, times of the day kept",
    "uids consistent": "UIDs exchanged, the same always for the same, references still found",
    "patient ids consistent": "one pseudonym a patient, over both uploads, in headers, names and tables",
    "pixels hidden": "names, dates and numbers drawn into pixels: nothing of them is read or seen after masking",
    "pixels kept": "pixel data as it came, byte by byte, in its syntax; measurements and all else beside a mask",
}
ENCODINGS = ("utf-8", "latin-1", "utf-16-le", "utf-16-be", "shift_jis", "gb18030")
KEPT_IN = {"SeriesDescription": "soft tissue", "ProtocolName": "kernel", "StudyDescription": "axial"}
DATES = ("StudyDate", "SeriesDate", "ContentDate", "InstanceCreationDate")
UIDS = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
RUNS = {
    "the basic profile": Choices(),
    "with descriptions and structured content cleaned": Choices(clean_descriptors=True, clean_structured=True),
}
KEY = SiteKey(b"of the drawn set alone, where nobody is")
MOST_LISTED = 20


@dataclass
class Score:
    """Of each category how many passed and how many there were, and which failed."""

    passed: Counter[str] = field(default_factory=Counter)
    total: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)

    def add(self, category: str, passes: bool, what: str) -> None:
        self.total[category] += 1
        self.passed[category] += passes
        if not passes:
            self.failed.append(f"{category}: {what}")

    def as_json(self) -> dict[str, object]:
        rows = {
            name: {"passed": self.passed[name], "total": self.total[name]} for name in CATEGORIES if self.total[name]
        }
        return {"categories": rows, "failed": self.failed}

    def is_good_enough(self, least: float = 0.999) -> bool:
        """Nothing leaks, and what should stay does but for one in a thousand."""
        kept = ("text kept", "pixels kept")
        return all(self.passed[name] >= (least if name in kept else 1) * self.total[name] for name in CATEGORIES)


def score(folder: Path, people: int = 8) -> Score:
    """Plants a set in a folder, de-identifies it in each way of `RUNS`, and looks what became of it."""
    planted, whole = plant(folder / "planted", people), Score()
    for number, (words, choices) in enumerate(RUNS.items()):
        outs = []
        for upload, source in enumerate(planted.folders):
            outs.append(folder / f"out {number}" / str(upload))
            deidentify(source, outs[-1], choices, KEY)
        _look(whole, planted, outs, choices, words)
    return whole


def _look(whole: Score, planted: Planted, outs: list[Path], choices: Choices, words: str) -> None:
    written = [_headers_in(out) for out in outs]
    pairs = [(made, written[upload].get(KEY.uid(made.uid))) for upload, made in planted.slices]
    for upload, out in enumerate(outs):
        _look_at_bytes(whole, planted, upload, out, words)
        _look_at_table(whole, [made for place, made in planted.slices if place == upload], out, words)
    for made, after in pairs:
        _look_at_kept(whole, made, after, choices, words)
        _look_at_dates(whole, made, after, words)
    _look_at_ids(whole, pairs, words)


def _headers_in(out: Path) -> dict[str, tuple[Path, Dataset]]:
    with tolerant():
        headers = [(file, dcmread(file)) for file in sorted(out.rglob("*.dcm"))]
        return {str(header.SOPInstanceUID): (file, header) for file, header in headers}


def _look_at_bytes(whole: Score, planted: Planted, upload: int, out: Path, words: str) -> None:
    """Every secret of every slice against everything that was written of its upload: names, headers, tables, record."""
    contents = b"\n".join(_plain_bytes(file, out) for file in sorted(out.rglob("*")) if file.is_file())
    is_listed = (out / "DICOMDIR").exists() or DIRECTORY.encode() in contents
    whole.add("text removed", not is_listed, f"the DICOMDIR of upload {upload} is still there ({words})")
    leaked: dict[tuple[str, str], bool] = {}
    for person in planted.people:
        for kind, spellings in person.secrets().items():
            leaked[person.number, kind] = any(_is_in(spelling, contents) for spelling in spellings)
    for place, made in planted.slices:
        for kind in made.person.secrets() if place == upload else ():
            passes = not leaked[made.person.number, kind]
            whole.add("text removed", passes, f"{kind} of person {made.person.number} is still there ({words})")


def _plain_bytes(file: Path, out: Path) -> bytes:
    content = file.read_bytes()
    name = str(file.relative_to(out)).encode()
    with tolerant():
        if file.suffix == ".dcm" and dcmread(file, stop_before_pixels=True).file_meta.TransferSyntaxUID.is_deflated:
            start = 132 + 12 + dcmread(file, stop_before_pixels=True).file_meta.FileMetaInformationGroupLength
            content += zlib.decompress(content[start:], -zlib.MAX_WBITS)
    return name + b"\n" + content


def _is_in(spelling: str, contents: bytes) -> bool:
    for encoding in ENCODINGS:
        try:
            if spelling.encode(encoding) in contents:
                return True
        except UnicodeEncodeError:
            continue
    return False


def _look_at_kept(whole: Score, made: Slice, pair: tuple[Path, Dataset] | None, choices: Choices, words: str) -> None:
    header = pair[1] if pair else Dataset()
    for keyword, value in made.kept.items():
        whole.add("text kept", str(header.get(keyword)) == value, f"{keyword} of {made.uid} ({words})")
    code = header.get("AnatomicRegionSequence") or [Dataset()]
    whole.add("text kept", code[0].get("CodeMeaning") == "Chest", f"a code's meaning of {made.uid} ({words})")
    if choices.clean_descriptors:
        comments = str(header.get("ImageComments", ""))
        for word in KEPT_WORDS.split():
            whole.add("text kept", word in comments, f'"{word}" in the comments of {made.uid} ({words})')
        for keyword, word in (
            ("SeriesDescription", "soft tissue"),
            ("ProtocolName", "kernel"),
            ("StudyDescription", "axial"),
        ):
            whole.add(
                "text kept", word in str(header.get(keyword, "")), f'"{word}" in {keyword} of {made.uid} ({words})'
            )
    whole.add(
        "text kept",
        pair is not None and made.label in pair[0].parts,
        f"the folder of {made.uid}, which is its label ({words})",
    )
    same = header.get("PixelData") == made.header.PixelData
    same = same and header.file_meta.TransferSyntaxUID == made.header.file_meta.TransferSyntaxUID
    whole.add("pixels kept", same, f"pixels of {made.uid} ({words})")


def _look_at_dates(whole: Score, made: Slice, pair: tuple[Path, Dataset] | None, words: str) -> None:
    header, days = pair[1] if pair else Dataset(), KEY.days(f"id:{made.person.number}:")
    for keyword in DATES:
        before, after = day_of(made.header[keyword].value), day_of(str(header.get(keyword, "")))
        passes = before is not None and after is not None and (after - before).days == days
        whole.add("dates shifted", passes, f"{keyword} of {made.uid} ({words})")
    moment = str(header.get("AcquisitionDateTime", ""))
    expected = f"{header.get('StudyDate')}101112.250000"
    whole.add("dates shifted", moment == expected, f"AcquisitionDateTime of {made.uid} ({words})")
    whole.add("dates shifted", not header.get("PatientBirthDate", "x"), f"birth date of {made.uid} ({words})")


def _look_at_ids(whole: Score, pairs: list[tuple[Slice, tuple[Path, Dataset] | None]], words: str) -> None:
    others: defaultdict[str, set[str]] = defaultdict(set)
    written = {str(pair[1].SOPInstanceUID) for _, pair in pairs if pair}
    names: defaultdict[str, set[str]] = defaultdict(set)
    for made, pair in pairs:
        header = pair[1] if pair else Dataset()
        for keyword in UIDS:
            others[str(made.header[keyword].value)].add(str(header.get(keyword, "")))
        names[made.person.number] |= {str(header.get("PatientID", "")), str(header.get("PatientName", ""))}
    for made, pair in pairs:
        header = pair[1] if pair else Dataset()
        for keyword in UIDS:
            old, new = str(made.header[keyword].value), str(header.get(keyword, ""))
            passes = new.startswith("2.25.") and len(new) <= 64 and others[old] == {new}
            whole.add("uids consistent", passes, f"{keyword} of {made.uid} ({words})")
        references = [str(uid) for uid in _references(header)]
        passes = len(references) == 1 and references[0] in written
        whole.add("uids consistent", passes, f"references of {made.uid} ({words})")
        mine = names[made.person.number]
        passes = len(mine) == 1 and sum(mine == each for each in names.values()) == 1 and "" not in mine
        whole.add("patient ids consistent", passes, f"patient of {made.uid} ({words})")
        named = pair is not None and pair[0].name.startswith(next(iter(mine)))
        whole.add("patient ids consistent", named, f"file name of {made.uid} ({words})")


def _references(header: Dataset) -> Iterator[str]:
    for item in header.get("SourceImageSequence") or ():
        yield from texts_of(item.get("ReferencedSOPInstanceUID"))


def _look_at_table(whole: Score, slices: list[Slice], out: Path, words: str) -> None:
    """The table still says of each file what it said, and by its new name."""
    file = out / "labels.csv"
    table = read_table(file.read_bytes(), file.name) if file.is_file() else None
    rows = [row for _, row in table.rows] if table else []
    lookup, tree = Lookup(open_tree(out).files, ""), out
    for place, made in enumerate(slices):
        row = rows[place] if place < len(rows) else {}
        header = _header_named(tree, lookup, row.get("file", ""))
        is_it = header is not None and header.SOPInstanceUID == KEY.uid(made.uid)
        whole.add("uids consistent", is_it, f"the file of {made.uid} in the table ({words})")
        same = is_it and header is not None and row.get("series uid") == header.SeriesInstanceUID
        whole.add("uids consistent", same, f"the series of {made.uid} in the table ({words})")
        same = is_it and header is not None and row.get("patient id") == header.PatientID
        whole.add("patient ids consistent", same, f"the patient of {made.uid} in the table ({words})")
        same = is_it and header is not None and row.get("scanned on", "").replace("-", "") == header.StudyDate
        whole.add("dates shifted", same, f"the date of {made.uid} in the table ({words})")
        for column, value in (("label", made.label), ("density", "0.73")):
            whole.add("text kept", row.get(column) == value, f"{column} of {made.uid} in the table ({words})")
        for word in KEPT_WORDS.split():
            kept = word in row.get("remark", "")
            whole.add("text kept", kept, f'"{word}" in the remark on {made.uid} in the table ({words})')
    dropped = {plain_header(header) for header in ("patient name", "date of birth", "contact")}
    left = dropped & {plain_header(header) for header in (table.header if table else ())}
    whole.add("text removed", table is not None and not left, f"columns of persons in the table ({words})")


def _header_named(out: Path, lookup: Lookup, name: str) -> Dataset | None:
    try:
        return cast(Dataset, dcmread(out / lookup.find(name), stop_before_pixels=True))
    except (DataError, OSError):
        return None

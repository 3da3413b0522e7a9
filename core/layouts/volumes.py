"""Volumes become slices, each with what a table says of it or else of its volume, and what should be known is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from core.case import Case, Finding, Pixels
from core.errors import DataError
from core.layouts.findings import Findings
from core.layouts.manifest_rows import Sheet
from core.layouts.parts import ROW_OF, Extent, PartColumn, PartRow, PartRows, by_part, not_taken, unnamed
from core.layouts.slice_choice import SliceChoice
from core.pictures.data_files import DataFile
from core.pictures.nifti import Header, MaskSlicePixels, SlicePixels, read_header
from core.pictures.pixels import FilePixels, ZipPixels


@dataclass
class Volumes:
    """The volumes of a set, while their slices are taken: what is chosen, and what was noticed on the way."""

    choice: SliceChoice
    findings: Findings = field(default_factory=Findings)
    within: dict[str, Sequence[int]] = field(default_factory=dict)
    """By volume, the slices that may be taken; and those that are."""
    taken_of: dict[str, list[int]] = field(default_factory=dict)
    _headers: dict[DataFile, Header | None] = field(default_factory=dict)
    _fitting: dict[tuple[str, DataFile], bool] = field(default_factory=dict)

    def header(self, file: DataFile, name: str) -> Header | None:
        """None, and a finding, where it can't be read."""
        if file not in self._headers:
            self._headers[file] = None
            try:
                self._headers[file] = read_header(file)
            except DataError as error:
                self.findings.add("unreadable_volume", "error", name, str(error))
        return self._headers[file]

    def taken(self, name: str, header: Header, rows: PartRows) -> list[int]:
        """The slices of a volume that become cases: of one that has rows for slices alone, some of those."""
        if name not in self.taken_of:
            self.within[name] = within = self._within(name, header)
            own = rows.parts.get(name)
            left = within if own is None or name in rows.wholes else [number for number in within if number in own]
            self.taken_of[name] = self.choice.spread(left)
        return self.taken_of[name]

    def fits(self, name: str, header: Header, mask: DataFile) -> bool:
        """Whether a mask has the voxels of its volume; one that can't be read is told, and does no harm."""
        if (name, mask) not in self._fitting:
            marks = self.header(mask, name)
            self._fitting[name, mask] = marks is None or _laid(marks) == _laid(header)
            if not self._fitting[name, mask]:
                message = f'The mask of "{name}" has other voxels than it has. Draw it on the volume itself, or '
                self.findings.add("mask_misfit", "error", name, f"{message}remove it.")
        return self._fitting[name, mask]

    def _within(self, name: str, header: Header) -> Sequence[int]:
        """The slices that may be taken; what should be known of the volume is told."""
        choice, add = self.choice, self.findings.add
        slices, time = header.slices(choice.plane), choice.called("time")
        if choice.time >= header.times:
            message = f'"{name}" has {header.times} points in time, of which {choice.time} is none; the first is 0. '
            add("no_such_time", "error", name, f"{message}Choose another one as {time}, or leave the volume out.")
            return ()
        if not choice.within(slices):
            message = f'"{name}" has {slices} {choice.plane} slices, none from {choice.first} on. '
            add("no_such_slice", "error", name, f"{message}Choose another {choice.called('first')}, or leave it out.")
            return ()
        if header.times > 1:
            message = f'"{name}" has {header.times} points in time, of which number {choice.time} (the first is 0) '
            add("points_in_time", "note", name, f"{message}was taken. Choose another one as {time}.")
        if not header.is_placed:
            message = f'"{name}" does not say how it lies in the body (no sform, no qform): its planes and its sides '
            add("unplaced_volume", "warning", name, message + "may be others. Look at its slices.")
        return choice.within(slices)


def by_slice(sheet: Sheet, volumes: Volumes) -> tuple[Sheet, PartRows]:
    """The table with rows that are about slices (`head.nii#12`) or whole volumes, and these rows."""
    column = PartColumn(sheet.table.name, sheet.columns["slice"], "slice", "volume", volumes.choice.counting())
    files, image = set(sheet.tree.pictures()), sheet.columns["image"]
    others = {name for role, name in sheet.columns.items() if role != "image"} | {*sheet.marks}

    def rows() -> Iterator[PartRow]:
        for number, cells in sheet.table.rows:
            named = cells.get(image, "")
            try:
                file = sheet.files.find(named)
            except DataError:
                file = named  # told when the rows become cases
            rest = {name: cell for name, cell in cells.items() if name != image or name in others}
            yield PartRow(number, rest, file, (file,))

    def extent_of(name: str) -> Extent | None:
        header = volumes.header(file_of(sheet.tree.pixels(name)), name) if name in files else None
        return volumes.choice.extent(header) if header else None

    own = {sheet.columns["label"], *sheet.marks}
    traced = by_part(rows(), column, extent_of, own, sheet.findings)
    places = {picture: row.file for picture, row in traced.of_picture.items() if row.file in files}
    columns = sheet.columns | {"image": ROW_OF}
    return replace(sheet, table=traced.table(sheet.table), columns=columns, file_of=places), traced


def slices_of(cases: Sequence[Case], rows: PartRows, volumes: Volumes) -> Iterator[Case]:
    """The slices of cases that are volumes, or are slices already where a row is about one."""
    patients = _patients(cases, rows, volumes.findings)
    for case in cases:
        row = rows.of_picture.get(case.id)
        name = row.file if row else case.id
        header = volumes.header(file_of(case.pixels), name)
        if header is None or (case.mask is not None and not volumes.fits(name, header, file_of(case.mask))):
            continue
        taken, own = volumes.taken(name, header, rows), rows.parts.get(name, frozenset())
        if row is None or row.part is None:
            numbers = [number for number in taken if number not in own]
        else:
            numbers = [row.part] if row.part in taken else []
        for number in numbers:
            yield _slice(case, f"{name}#{number}", number, patients[name], volumes.choice)


def notes_on_rows(rows: PartRows, volumes: Volumes) -> Iterator[Finding]:
    """Slices without rows, and rows whose slices are not taken; once `slices_of` has gone through the cases."""
    without: dict[str, list[str]] = {}
    left_over = []
    for name, within in volumes.within.items():
        own = rows.parts.get(name, frozenset())
        left_over += [f"{name}#{number}" for number in sorted(own - {*volumes.taken_of[name]})]
        if own and name not in rows.wholes:
            without[name] = [f"{name}#{number}" for number in within if number not in own]
    choice = ", ".join(map(volumes.choice.called, ("first", "last", "every", "count")))
    if rows.column:
        yield from unnamed(rows.column, without)
        yield from not_taken(rows.column, left_over, choice)


def file_of(pixels: Pixels) -> DataFile:
    if isinstance(pixels, ZipPixels):
        return DataFile(pixels.zip, pixels.member)
    assert isinstance(pixels, FilePixels)
    return DataFile(pixels.path)


def _slice(case: Case, name: str, number: int, patient: str, choice: SliceChoice) -> Case:
    where = choice.plane, number
    return replace(
        case,
        id=name,
        pixels=SlicePixels(file_of(case.pixels), *where, choice.time, choice.seen(), choice.is_square),
        patient=case.patient or patient,
        mask=MaskSlicePixels(file_of(case.mask), *where, choice.is_square) if case.mask else None,
        more={**case.more, "slice": str(number)},
    )


def _patients(cases: Sequence[Case], rows: PartRows, findings: Findings) -> dict[str, str]:
    """Whose each volume is where a row doesn't say: of a patient that another row of it names, or of its own."""
    named: dict[str, list[str]] = {}
    for case in cases:
        row = rows.of_picture.get(case.id)
        name = row.file if row else case.id
        named.setdefault(name, []).extend(filter(None, [case.patient]))
    for name, patients in named.items():
        if len(several := sorted({*patients})) > 1:
            message = f'The slices of "{name}" are of {len(several)} patients ({", ".join(several[:3])}). Correct the '
            findings.add("several_patients", "warning", name, f"{message}table if the volume is of one.")
    return {name: next(iter(patients), name) for name, patients in named.items()}


def _laid(header: Header) -> tuple[object, ...]:
    return header.shape, header.axes, header.is_reversed

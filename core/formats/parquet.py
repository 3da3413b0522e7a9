"""Parquet files, and folders as Hugging Face keeps data sets (`data/train-00000-of-00002.parquet`, or what
`save_to_disk` writes), with a column of pictures and columns of labels; a folder, a zip or a single file."""

from __future__ import annotations

import json
import posixpath
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from core.case import Case, ImageSet, Split
from core.errors import DataError
from core.layouts.files import Tree, holds_a_tree, open_tree, outer
from core.layouts.huggingface import Classes, classes_in_readme, classes_in_schema
from core.layouts.lookup import Lookup
from core.layouts.manifest import Columns, columns_of, separators_of, set_of
from core.layouts.manifest_rows import Sheet
from core.layouts.question import Question
from core.layouts.splits import split_named, split_of_folder
from core.layouts.table import Table, likely_column
from core.limits import limits, raised
from core.pictures.data_files import DataFile, in_our_words
from core.pictures.parquet import KIND, SUFFIXES, CellPixels, Rows, holds_pictures, open_rows
from core.pictures.pixels import ZipPixels
from core.sets.version import ABOUT

DATA = "data/"
TITLE = "Parquet with a column of pictures (a file, or a folder or zip of a Hugging Face data set)"


class Settings(Columns):
    """Which column says what, and how several labels are written."""


@dataclass(frozen=True)
class Part:
    """One of the files, and the split that it is called after."""

    file: DataFile
    name: str
    split: Split | None
    rows: Rows


@dataclass(frozen=True)
class Roles:
    """The columns that hold pictures and masks ("" for none), those of plain values, and the classes of numbers."""

    image: str
    mask: str
    plain: tuple[str, ...]
    classes: Classes

    def header(self) -> tuple[str, ...]:
        return (self.image, *filter(None, [self.mask]), *self.plain)


def looks_like(path: Path) -> bool:
    if path.is_file() and path.suffix.lower() in SUFFIXES:
        return True
    if not holds_a_tree(path):
        return False
    tree = open_tree(path)
    is_kept = any(posixpath.basename(name) == ABOUT for name in tree.files)
    return bool(_tables(tree)) and not tree.pictures() and not is_kept


def read(path: Path, settings: Settings) -> ImageSet:
    tree = _within(open_tree(path)) if holds_a_tree(path) else Tree(path.parent, (path.name,), ())
    parts = [_part(tree, name) for name in _tables(tree)]
    _refuse_configurations(tree, parts)
    roles = _roles(parts[0], settings, classes_in_readme(tree))
    table = _table(path.name, parts, roles)
    if not table.rows:
        raise DataError(f"{path.name} has no rows. Add a row for each picture.")
    chosen = settings.model_copy(update={"image": roles.image, "mask": roles.mask, "label": _label(settings, roles)})
    sheet = _sheet(path, table, chosen)
    label = sheet.columns["label"]
    name = path.stem if path.is_file() else path.name
    image_set = set_of(sheet, settings, name, () if settings.answers else roles.classes.get(label, ()))
    places = {part.name: part for part in parts}
    return image_set.with_cases(_in_place(case, places, roles) for case in image_set.cases)


def write_example(folder: Path) -> ImageSet:
    """Four grey pictures in two files, with classes as numbers whose names the schema has."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    (folder / "data").mkdir(parents=True)
    features = {"image": {"_type": "Image"}, "label": {"names": ["dark", "light"], "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    cases = []
    for split in ("train", "test"):
        name = f"data/{split}-00000-of-00001.parquet"
        pictures = [{"bytes": _grey(40 + 150 * label), "path": None} for label in (0, 1)]
        table = pa.table({"image": pictures, "label": [0, 1], "scanner": ["A", "B"]})
        pq.write_table(table.replace_schema_metadata(metadata), folder / name)
        for row, label in enumerate(("dark", "light")):
            pixels = CellPixels(DataFile(folder / name), "image", row)
            more = {"scanner": "AB"[row]}
            cases.append(Case(f"{name}#{row + 1}", pixels, (label,), split_named(split), more=more))
    cases.sort(key=lambda case: case.id)
    return ImageSet(folder.name, Question().task(folder.name, ("dark", "light")), tuple(cases))


def _grey(shade: int) -> bytes:
    file = BytesIO()
    Image.new("L", (20, 20), shade).save(file, "PNG")
    return file.getvalue()


def _within(tree: Tree) -> Tree:
    """The tree without the folders around it that are not a part of a data set's layout."""
    while (around := outer(tree.files)) and around != DATA and not split_named(around.rstrip("/")):
        tree = tree.below(around)
    return tree


def _tables(tree: Tree) -> list[str]:
    return [name for name in tree.files if name.lower().endswith(SUFFIXES)]


def _part(tree: Tree, name: str) -> Part:
    pixels = tree.pixels(name)
    file = DataFile(pixels.zip, pixels.member) if isinstance(pixels, ZipPixels) else DataFile(pixels.path)
    stem = posixpath.basename(name).partition(".")[0]
    split = split_named(stem) or split_named(stem.partition("-")[0]) or split_of_folder(name)
    return Part(file, name, split, open_rows(file))


def _refuse_configurations(tree: Tree, parts: Sequence[Part]) -> None:
    """The same pictures prepared in several ways lie in folders of their own, with the same names of files."""
    folders: defaultdict[str, list[str]] = defaultdict(list)
    for part in parts:
        folder, base = posixpath.split(part.name)
        if not split_of_folder(part.name):
            folders[base].append(folder or ".")
    for several in folders.values():
        if len(several) > 1:
            raise DataError(
                f"{tree.name} holds several configurations of a data set ({several[0]}, {several[1]}). Bring one."
            )


def _roles(first: Part, settings: Settings, in_readme: Classes) -> Roles:
    schema = first.rows.schema
    names = [str(name) for name in schema.names]
    if len(names) > limits().columns or len(set(names)) < len(names):
        raise DataError(f"{first.name} has too many columns, or two of the same name. Leave some out.")
    pictures = [name for name in names if holds_pictures(schema.field(name).type)]
    image = settings.image or likely_column(pictures, "image") or next(iter(pictures), "")
    mask = settings.mask or likely_column([name for name in pictures if name != image], "mask")
    for column in filter(None, [image, mask]):
        if column not in pictures:
            raise DataError(f'The column "{column}" of {first.name} holds no pictures. Columns: {", ".join(names)}.')
    if not image:
        raise DataError(
            f"{first.name} has no column of pictures, but {', '.join(names)}. A column of pictures holds their files "
            "(bytes, or {bytes, path} as Hugging Face has it). Put them in, or bring a table beside the pictures."
        )
    plain = tuple(name for name in names if name not in pictures and _is_plain(schema.field(name).type))
    return Roles(image, mask, plain, {**in_readme, **classes_in_schema(schema.metadata)})


def _is_plain(kind: Any) -> bool:
    """Numbers, words, dates, and lists of numbers or words."""
    import pyarrow as pa

    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return not pa.types.is_list(kind.value_type) and _is_plain(kind.value_type)
    if pa.types.is_dictionary(kind):
        return _is_plain(kind.value_type)
    checks = ("is_integer", "is_floating", "is_boolean", "is_string", "is_large_string", "is_date", "is_timestamp")
    return any(getattr(pa.types, check)(kind) for check in checks)


def _label(settings: Settings, roles: Roles) -> str:
    """What is set or called so; else the only column of classes."""
    if settings.label or settings.label_columns or likely_column(roles.plain, "label"):
        return settings.label
    of_classes = [column for column in roles.plain if column in roles.classes]
    return of_classes[0] if len(of_classes) == 1 else ""


def _table(name: str, parts: Sequence[Part], roles: Roles) -> Table:
    """The plain columns of all files as text, with the place of each row's picture."""
    if (count := sum(part.rows.count for part in parts)) > limits().rows:
        raise DataError(f"{name} has {count:,} rows, more than {limits().rows:,}. Split the set. {raised('rows')}")
    rows: list[tuple[int, dict[str, str]]] = []
    characters = 0
    for part in parts:
        for row in _rows_of(part, roles):
            characters += sum(map(len, row.values()))
            if characters > limits().table_bytes:
                raise DataError(
                    f"The columns of {name} hold more than {limits().table_bytes / 1e6:,.0f} MB beside the pictures. "
                    f"Leave some out. {raised('table_bytes')}"
                )
            rows.append((len(rows) + 1, row))
            if len(rows) > count:
                raise DataError(f"{part.name} holds more rows than it claims. Write it again.")
    return Table(name, roles.header(), tuple(rows))


def _rows_of(part: Part, roles: Roles) -> Iterator[dict[str, str]]:
    with in_our_words(part.file, KIND, "its rows"):
        lacking = [column for column in roles.header() if column not in part.rows.schema.names]
        if lacking:
            raise DataError(f'{part.name} has no column "{lacking[0]}", which other files have. Make them alike.')
        for column in filter(None, [roles.image, roles.mask]):
            if not holds_pictures(part.rows.schema.field(column).type):
                raise DataError(
                    f'The column "{column}" of {part.name} holds no pictures, as in other files. Make them alike.'
                )
        wanted = [*roles.plain, *filter(None, [roles.mask])] or [roles.image]
        first = 1
        for batch in part.rows.batches(wanted):
            cells = {column: _texts(batch.column(column), roles.classes.get(column)) for column in roles.plain}
            drawn = batch.column(roles.mask).is_valid().to_pylist() if roles.mask else ()
            for place in range(batch.num_rows):
                case = f"{part.name}#{first + place}"
                row = {roles.image: case, **{column: texts[place] for column, texts in cells.items()}}
                yield row | ({roles.mask: case if drawn[place] else ""} if roles.mask else {})
            first += batch.num_rows


def _texts(cells: Any, classes: Sequence[str] | None) -> list[str]:
    return [_text(value, classes) for value in cells.to_pylist()]


def _text(value: Any, classes: Sequence[str] | None) -> str:
    """A value as a cell of a table has it. The number of a class becomes its name; none, and -1, become nothing."""
    if isinstance(value, list):
        return json.dumps([_text(each, classes) for each in value if each is not None], ensure_ascii=False)
    if value is None:
        return ""
    if classes and isinstance(value, int):
        return classes[value] if 0 <= value < len(classes) else "" if value == -1 else str(value)
    if isinstance(value, bool):
        return str(int(value))
    return value.isoformat() if isinstance(value, date) else str(value)


def _sheet(path: Path, table: Table, settings: Settings) -> Sheet:
    ids = [row[settings.image] for _, row in table.rows]
    # A file with these names is nowhere: what stands for it is put in its place once the rows are read.
    tree = Tree(path, tuple(ids), (), suffixes=frozenset())
    separators = separators_of(settings, settings)
    return Sheet(tree, table, Lookup(ids, ""), columns_of(table, settings), settings.label_columns, separators)


def _in_place(case: Case, parts: Mapping[str, Part], roles: Roles) -> Case:
    name, _, number = case.id.rpartition("#")
    part, row = parts[name], int(number) - 1
    mask = CellPixels(part.file, roles.mask, row) if case.mask is not None else None
    return replace(
        case,
        pixels=CellPixels(part.file, roles.image, row),
        mask=mask,
        split=case.split or part.split,
    )

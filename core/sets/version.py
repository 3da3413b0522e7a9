"""A version of an image set on the disk: what is asked, every case and its labels; pictures are in a store.

version.json (name, hash, task)  cases.parquet (a row a case)

Neither names a store: these files may come from anywhere, and whoever wrote them does not choose what is read.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.case import Box, Case, ImageSet, Task, with_negatives
from core.errors import DataError
from core.layouts.splits import split_named
from core.pictures.store import StoredPixels, open_store

ABOUT, MANIFEST = "version.json", "cases.parquet"
STORE = "store"
FORMAT = 2
TELLS_WHO_LOOKED = {b"boxes": b"null where nobody looked"}
"""In a file of cases in which those without boxes are told from those on which nobody looked for any."""
KEPT = "studio:"
DATA = "~/.local/share/vitask-studio"
"""Where a studio keeps its things unless it is told."""


@dataclass(frozen=True)
class About:
    """What version.json holds. `rows` is the hash of the cases alone, `hash` of everything."""

    name: str
    task: Task
    rows: str
    cases: int

    @property
    def hash(self) -> str:
        text = json.dumps([self.name, self.task.model_dump(mode="json"), self.rows], ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def kept_name(version_hash: str) -> str:
    """How a run file names a version that the studio keeps: by what is in it, not by where it lies."""
    return f"{KEPT}{version_hash}"


def kept_folder(name: str) -> Path:
    """Where the studio of this machine keeps the version of that name, fetched from its store if need be."""
    version_hash = name.removeprefix(KEPT)
    if not re.fullmatch(r"[0-9a-f]{64}", version_hash):
        raise DataError(f'"{name}" names no version of the studio. Save the run file again on the page Tune.')
    data = Path(os.environ.get("VITASK_DATA") or DATA).expanduser().absolute()
    folder = data / "versions" / version_hash
    if not (folder / ABOUT).is_file():
        if not (store := os.environ.get("VITASK_STORE")):
            raise DataError(
                f"The studio in {data} holds no version {version_hash[:12]}…. Name the data folder of the studio that "
                "the run file was saved in, with --data or VITASK_DATA, or let “images:” name your own files."
            )
        fetch_version(folder, store)
    return folder


def fetch_version(folder: Path, store: str) -> None:
    """A version that was written on another machine."""
    for name in (MANIFEST, ABOUT):
        open_store(store).fetch(f"versions/{folder.name}/{name}", folder / name)


def hash_rows(cases: Iterable[Case]) -> str:
    """Of everything that is kept of the cases, their pictures by their own hashes."""
    whole = hashlib.sha256()
    for case in cases:
        mask = case.mask.digest() if case.mask else None
        row = [
            case.id,
            case.pixels.digest(),
            case.labels,
            case.split,
            case.patient,
            _hashed(case.boxes),
            mask,
            case.report,
        ]
        text = json.dumps([*row, sorted(case.more.items())], ensure_ascii=False)
        whole.update(text.encode("utf-8", "surrogatepass") + b"\n")
    return whole.hexdigest()


def _hashed(boxes: Sequence[Box] | None) -> list[Any]:
    """Nobody looked is what no boxes at all were, before the two were told apart."""
    return [] if boxes is None else [list(vars(box).values()) for box in boxes] or ["none"]


def write_version(folder: Path, image_set: ImageSet) -> About:
    """Writes a set whose pictures are in the store; the folder appears when it is whole."""
    about = About(image_set.name, image_set.task, hash_rows(image_set.cases), len(image_set.cases))
    folder.mkdir(parents=True, exist_ok=True)
    _write_rows(folder / MANIFEST, image_set.cases)
    write_about(folder, about)
    return about


def write_about(folder: Path, about: About) -> None:
    facts = {
        "format": FORMAT,
        "name": about.name,
        "hash": about.hash,
        "rows": about.rows,
        "cases": about.cases,
        "task": about.task.model_dump(mode="json"),
    }
    draft = folder / f".{ABOUT}.{os.getpid()}.part"
    draft.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(folder / ABOUT)


def read_about(folder: Path) -> About:
    """What a folder holds."""
    try:
        facts = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        return About(facts["name"], Task.parse(facts["task"], ABOUT), facts["rows"], facts["cases"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder / ABOUT} can't be read ({error}). Have the studio write the version again.") from None


def read_version(folder: Path, store: str | None = None) -> ImageSet:
    """The set, its pictures in this store; where none is given, in the one that `store_of` finds."""
    about = read_about(folder)
    cases = _read_rows(folder / MANIFEST, store or store_of(folder))
    return ImageSet(about.name, about.task, cases, version=about.hash)


def box_labels(folder: Path) -> tuple[str, ...]:
    """Of all boxes of a version, each once, by name."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    boxes = pc.list_flatten(pq.read_table(folder / MANIFEST, columns=["boxes"])["boxes"])
    return tuple(sorted(pc.unique(pc.struct_field(boxes, "label")).to_pylist()))


def store_of(folder: Path) -> str:
    """Where a version's pictures are: within it if it was taken away whole, else in the studio's own store.

    The studio tells its engine the store; in a shell it lies where `Place` puts it, beside the folder of versions.
    """
    if (folder / STORE).is_dir():
        return str(folder / STORE)
    return os.environ.get("VITASK_STORE") or str(folder.absolute().parent.parent / STORE)


def _write_rows(path: Path, cases: Iterable[Case]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    listed = list(cases)
    text, texts = pa.string(), pa.list_(pa.string())
    corner = pa.float64()
    box_type = pa.struct(
        [("label", text), ("left", corner), ("top", corner), ("right", corner), ("bottom", corner)],
    )
    columns = {
        "case": pa.array([case.id for case in listed], text),
        "picture": pa.array([case.pixels.digest() for case in listed], text),
        "labels": pa.array([case.labels for case in listed], texts),
        "split": pa.array([case.split for case in listed], text),
        "patient": pa.array([case.patient for case in listed], text),
        "boxes": pa.array(
            [None if case.boxes is None else [vars(box) for box in case.boxes] for case in listed], pa.list_(box_type)
        ),
        "mask": pa.array([case.mask.digest() if case.mask else None for case in listed], text),
        "report": pa.array([case.report for case in listed], text),
        "more": pa.array([list(case.more.items()) or None for case in listed], pa.map_(text, text)),
    }
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    pq.write_table(pa.table(columns, metadata=TELLS_WHO_LOOKED), draft)
    draft.replace(path)


def _read_rows(path: Path, store: str) -> tuple[Case, ...]:
    """Files that do not tell whether somebody looked for boxes are of whole sets that had some, or none at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        columns: list[list[Any]] = [table[name].to_pylist() for name in _COLUMNS]
    except (OSError, KeyError, pa.ArrowException) as error:
        raise DataError(f"{path} can't be read ({error}). Have the studio write the version again.") from None
    cases = tuple(
        Case(
            name,
            StoredPixels(store, picture),
            tuple(labels),
            split_named(split) if split else None,
            patient,
            None if boxes is None else tuple(Box(**box) for box in boxes),
            StoredPixels(store, mask) if mask else None,
            report,
            dict(more or ()),
        )
        for name, picture, labels, split, patient, boxes, mask, report, more in zip(*columns, strict=True)
    )
    return cases if TELLS_WHO_LOOKED.items() <= (table.schema.metadata or {}).items() else with_negatives(cases)


_COLUMNS = ("case", "picture", "labels", "split", "patient", "boxes", "mask", "report", "more")

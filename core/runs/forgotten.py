"""Taking cases out of the folder of a run: what was read of them, and what was kept of their pictures.

The weights stay what they are: nothing that was learned from a picture is unlearned by this.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from pathlib import Path

import numpy as np

from core.errors import RunError, reason
from core.readings.nearest import Index, load_index
from core.sets.learned_from import FILE, read_learned, without, write_learned

READINGS, INDEX, TSMS = "readings/*.parquet", "index.safetensors", "tsm*"
FEATURES = ("novelty.safetensors", "rivals.safetensors", "out-of-sample/*")
"""Of pictures, without their names: nobody can tell whose each is."""
NAMED = (READINGS, INDEX, FILE, *FEATURES)
"""All that is looked at, of what a run keeps. `core.runs.folder` calls it the same, and takes long to be imported."""


@dataclass(frozen=True)
class Gone:
    """Cases by their names, what their pictures show (as `learned.parquet` has it), and whose they are."""

    cases: frozenset[str]
    shown: frozenset[str] = frozenset()
    patients: frozenset[str] = frozenset()

    def is_named_in(self, content: object) -> bool:
        """Whether a text of this JSON is such a name, or holds one as a word of its own: a name of digits alone may be
        any number in a sentence."""
        if isinstance(content, str):
            return content in self._names or self._word.search(content) is not None
        if isinstance(content, dict):
            return any(map(self.is_named_in, (*content.keys(), *content.values())))
        return isinstance(content, list) and any(map(self.is_named_in, content))

    @cached_property
    def _names(self) -> frozenset[str]:
        return self.cases | self.patients

    @cached_property
    def _word(self) -> re.Pattern[str]:
        words = sorted((name for name in self._names if name and not name.isdecimal()), key=len, reverse=True)
        return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)" if words else r"(?!)")


def forget_cases(folder: Path, gone: Gone) -> list[str]:
    """What is changed or removed below the folder, by name. Doing it twice does no harm."""
    changed = [*_features(folder), *_rows(folder, gone), *_index(folder, gone), *_learned(folder, gone)]
    return [file.relative_to(folder).as_posix() for file in changed]


def _features(folder: Path) -> Iterator[Path]:
    """All go; what answers by them is told no more: simple rivals, and how unlike a picture is to those that were
    learned from."""
    for file in (file for pattern in FEATURES for file in sorted(folder.glob(pattern))):
        if file.is_dir():
            shutil.rmtree(file)
        else:
            file.unlink()
            yield file


def _rows(folder: Path, gone: Gone) -> Iterator[Path]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    for file in sorted(folder.glob(READINGS)):
        try:
            table = pq.read_table(file)
        except (OSError, pa.ArrowException) as error:
            raise RunError(
                f"The readings at {file} can't be read ({reason(error)}), so nobody can be taken out of them. Have the "
                "run erased as well."
            ) from None
        named = pc.is_in(table["case"], pa.array(sorted(gone.cases), pa.string()))
        whose = pc.is_in(table["patient"], pa.array(sorted(gone.patients), pa.string()))
        kept = table.filter(pc.invert(pc.or_(named, whose)))
        if len(kept) < len(table):
            draft = file.with_suffix(".part")
            pq.write_table(kept, draft)
            draft.replace(file)
            yield file


def _index(folder: Path, gone: Gone) -> Iterator[Path]:
    file = folder / INDEX
    index = load_index(file) if file.is_file() else Index(np.zeros((0, 0), np.float32), ())
    is_kept = [each.case not in gone.cases and each.patient not in gone.patients for each in index.indexed]
    if not all(is_kept):
        Index(index.vectors[is_kept], tuple(compress(index.indexed, is_kept))).save(file)
        yield file


def _learned(folder: Path, gone: Gone) -> Iterator[Path]:
    for kept_in in (folder, *sorted(folder.glob(TSMS))):
        learned = read_learned(kept_in)
        if learned is not None and (left := without(learned, gone.shown, gone.patients)) is not learned:
            write_learned(kept_in, left)
            yield kept_in / FILE

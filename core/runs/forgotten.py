"""Taking cases out of the folder of a run: what was read of them, and what was kept of their pictures.

The weights stay what they are: nothing that was learned from a picture is unlearned by this.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import RunError, reason
from core.readings.nearest import Index, load_index
from core.sets.learned_from import FILE, read_learned, without, write_learned
from core.sets.names_in_text import ERASED, NamesInText

READINGS, INDEX, TSMS = "readings/*.parquet", "index.safetensors", "tsm*"
FEATURES = ("novelty.safetensors", "rivals.safetensors", "out-of-sample/*")
"""Of pictures, without their names: nobody can tell whose each is."""
WRITTEN = ("card.md", "metrics.json", "settings.yaml")
"""In which the reason stands for which leakage was accepted."""
NAMED = (READINGS, INDEX, FILE, *FEATURES, *WRITTEN)
"""All that is looked at, of what a run keeps. `core.runs.folder` calls it the same, and takes long to be imported."""


@dataclass(frozen=True)
class Gone:
    """Cases by their names, what their pictures show (as `learned.parquet` has it), and whose they are."""

    cases: frozenset[str]
    shown: frozenset[str] = frozenset()
    patients: frozenset[str] = frozenset()
    telling: frozenset[str] = frozenset()
    """Of `shown` what is not of one shade: nobody else's picture shows the same by chance."""
    pictures: frozenset[str] = frozenset()
    """The files of these, by SHA-256."""

    def is_named_in(self, content: object) -> bool:
        """Whether a text of this JSON is such a name, or holds one as a word of its own."""
        if isinstance(content, str):
            return content in self.cases or content in self.patients or self.names.are_in(content)
        if isinstance(content, dict):
            return any(map(self.is_named_in, (*content.keys(), *content.values())))
        return isinstance(content, list) and any(map(self.is_named_in, content))

    def without(self, content: Any) -> Any:
        """This JSON with something else wherever one of its texts, but for keys, names them."""
        if isinstance(content, str):
            is_name = content in self.cases or content in self.patients
            return ERASED if is_name else self.names.without(content)
        if isinstance(content, dict):
            return {key: self.without(value) for key, value in content.items()}
        return list(map(self.without, content)) if isinstance(content, list) else content

    @cached_property
    def names(self) -> NamesInText:
        return NamesInText(self.cases, self.patients)


def forget_cases(folder: Path, gone: Gone) -> list[str]:
    """What is changed or removed below the folder, by name. Doing it twice does no harm."""
    changed = [*_features(folder), *_rows(folder, gone), *_index(folder, gone), *_learned(folder, gone)]
    return [file.relative_to(folder).as_posix() for file in changed]


def forget_words(files: Iterable[Path], words: str, gone: Gone) -> list[Path]:
    """Takes the names out of these words, wherever they stand in the files, wrapped or not. Returns those that are
    changed."""
    spellings = {words, json.dumps(words)[1:-1]}
    changed = list[Path]()
    for file in files:
        before = after = file.read_text(encoding="utf-8") if file.is_file() else ""
        for spelling in filter(str.strip, spellings):
            wrapped = r"\s+".join(map(re.escape, spelling.split()))
            after = re.sub(wrapped, lambda place: gone.names.without(place[0]), after)
        if after != before:
            draft = file.with_suffix(".part")
            draft.write_text(after, encoding="utf-8")
            draft.replace(file)
            changed.append(file)
    return changed


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

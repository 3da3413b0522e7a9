"""A version that the studio wrote is read with its own question, or with another that its labels fit."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.case import Case, ImageSet, Task
from core.errors import DataError
from core.formats.studio_version import Settings, looks_like, read, write_example
from core.pictures.store import Store, StoredPixels
from core.sets.version import ABOUT, MANIFEST, write_version


def test_it_reads_what_it_writes(tmp_path: Path) -> None:
    written = write_example(tmp_path / "cells")
    assert looks_like(tmp_path / "cells")
    image_set = read(tmp_path / "cells", Settings())
    assert image_set == written
    assert [case.pixels.load().getpixel((0, 0)) for case in image_set.cases] == [40, 191, 42, 193, 44, 195]
    assert image_set.fingerprint() == written.fingerprint()


def test_a_version_and_its_store_can_be_moved_together(tmp_path: Path) -> None:
    write_example(tmp_path / "cells")
    shutil.move(tmp_path / "cells", tmp_path / "elsewhere")
    assert read(tmp_path / "elsewhere", Settings()).cases[1].pixels.load().size == (20, 20)


def test_another_question_is_put_where_its_answers_fit(tmp_path: Path) -> None:
    write_example(tmp_path)
    task = read(tmp_path, Settings(modality="microscopy", template="What is it?")).task
    assert (task.modality, task.template, task.answers) == ("microscopy", "What is it?", ("dark", "light"))
    turned = read(tmp_path, Settings(answers=("light", "dark", "grey"))).task
    assert turned.answers == ("light", "dark", "grey")
    with pytest.raises(DataError, match=r'"1\.png" has the label light, which is not among the answers'):
        read(tmp_path, Settings(answers=("dark", "grey")))


def test_several_labels_of_a_case_do_not_fit_a_question_for_one(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    pixels = StoredPixels(store.url, store.put(b"picture"))
    both = Task(answers=("a", "b"), kind="multi")
    write_version(tmp_path, ImageSet("s", both, (Case("1", pixels, ("a", "b")), Case("2", pixels, ()))))
    assert [case.labels for case in read(tmp_path, Settings()).cases] == [("a", "b"), ()]
    with pytest.raises(DataError, match=r'"1" has 2 labels, and the task asks for one'):
        read(tmp_path, Settings(kind="single"))


def test_the_hash_changes_with_anything_that_is_kept(tmp_path: Path) -> None:
    written = write_example(tmp_path / "example")
    first, *rest = written.cases
    changes = [
        replace(first, labels=("light",)),
        replace(first, split="test"),
        replace(first, patient=None),
        replace(first, boxes=()),
        replace(first, mask=None),
        replace(first, report="Dark."),
        replace(first, more={}),
        replace(first, pixels=rest[0].pixels),
    ]
    sets = [written, *(replace(written, cases=(changed, *rest)) for changed in changes)]
    sets += [replace(written, name="other"), replace(written, task=written.task.model_copy(update={"modality": "x"}))]
    hashes = [write_version(tmp_path / str(n), changed).hash for n, changed in enumerate(sets)]
    assert len(set(hashes)) == len(sets)
    assert write_version(tmp_path / "again", written).hash == hashes[0]


def test_a_version_tells_cases_without_boxes_from_those_on_which_nobody_looked(tmp_path: Path) -> None:
    first, *rest = write_example(tmp_path).cases
    cases = (first, replace(rest[0], boxes=()), *(replace(case, boxes=None) for case in rest[1:]))
    mixed = replace(read(tmp_path, Settings()), cases=cases)
    hashes = {write_version(tmp_path, mixed).hash}
    assert [case.boxes for case in read(tmp_path, Settings()).cases] == [first.boxes, (), None, None, None, None]
    hashes.add(write_version(tmp_path, replace(mixed, cases=(first, replace(rest[0], boxes=None), *cases[2:]))).hash)
    assert len(hashes) == 2


def test_in_a_version_that_does_not_tell_all_were_looked_at_where_some_have_boxes(tmp_path: Path) -> None:
    written = write_example(tmp_path)
    table = pq.read_table(tmp_path / MANIFEST)
    boxes = pa.array([row or None for row in table["boxes"].to_pylist()], table["boxes"].type)
    older = table.set_column(table.schema.get_field_index("boxes"), "boxes", boxes).replace_schema_metadata(None)
    pq.write_table(older, tmp_path / MANIFEST)
    assert read(tmp_path, Settings()) == written and written.cases[1].boxes == ()
    nowhere = pa.nulls(len(boxes), boxes.type)
    pq.write_table(older.set_column(older.schema.get_field_index("boxes"), "boxes", nowhere), tmp_path / MANIFEST)
    assert [case.boxes for case in read(tmp_path, Settings()).cases] == [None] * 6


@pytest.mark.parametrize("file", [ABOUT, MANIFEST])
def test_a_damaged_version_is_told(tmp_path: Path, file: str) -> None:
    write_example(tmp_path)
    (tmp_path / file).write_bytes(b"{")
    with pytest.raises(DataError, match=rf"{file} can't be read"):
        read(tmp_path, Settings())


def test_a_version_says_nothing_of_where_its_pictures_are(tmp_path: Path) -> None:
    write_version(tmp_path, ImageSet("s", Task(answers=("a", "b")), ()))
    assert set(json.loads((tmp_path / ABOUT).read_text())) == {"format", "name", "hash", "rows", "cases", "task"}

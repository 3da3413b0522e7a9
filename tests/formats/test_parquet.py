"""Parquet and Hugging Face folders as people have them: shards, classes as numbers, Arrow files, masks, damage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from core.case import ImageSet
from core.catalog import FORMATS, every
from core.checks.check import check
from core.errors import DataError
from core.formats.parquet import Settings, looks_like, read, write_example
from core.pictures import parquet as cells
from core.pictures.store import encoded
from core.sets.open import open_set


def png(shade: int, mode: str = "L") -> bytes:
    file = BytesIO()
    Image.new(mode, (20, 20), shade).save(file, "PNG")
    return file.getvalue()


def table(shades: Sequence[int], **columns: Sequence[Any]) -> pa.Table:
    return pa.table({"image": [{"bytes": png(shade), "path": f"{shade}.png"} for shade in shades], **columns})


def classes(column: str, *names: str) -> dict[str, str]:
    features = {column: {"names": list(names), "_type": "ClassLabel"}}
    return {"huggingface": json.dumps({"info": {"features": features}})}


def written(file: Path, rows: pa.Table, **options: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, file, **options)
    return file


def shades_of(image_set: ImageSet) -> list[int]:
    return [int(np.asarray(case.pixels.load())[0, 0]) for case in image_set.cases]


def test_it_reads_what_it_writes_as_folder_zip_and_file(tmp_path: Path) -> None:
    example = write_example(tmp_path / "cells")
    assert open_set(tmp_path / "cells", None, every(FORMATS)) == example
    shutil.make_archive(str(tmp_path / "cells"), "zip", tmp_path, "cells")
    assert open_set(tmp_path / "cells.zip", None, every(FORMATS)).fingerprint() == example.fingerprint()
    lone = open_set(tmp_path / "cells/data/train-00000-of-00001.parquet", None, every(FORMATS))
    assert [(case.labels, case.split) for case in lone.cases] == [(("dark",), "train"), (("light",), "train")]
    assert encoded(example.cases[0].pixels) == png(40)
    assert not [each for each in check(example).findings if each.severity == "error"]


def test_shards_make_one_set_with_the_splits_of_their_names(tmp_path: Path) -> None:
    for name, shades in {
        "train-00000-of-00002": [1, 2],
        "train-00001-of-00002": [3],
        "validation-00000-of-00001": [4],
        "test": [5],
    }.items():
        written(tmp_path / "set" / "data" / f"{name}.parquet", table(shades, label=["ab"[s % 2] for s in shades]))
    image_set = read(tmp_path / "set", Settings())
    assert dict(zip(shades_of(image_set), (case.split for case in image_set.cases), strict=True)) == {
        1: "train",
        2: "train",
        3: "train",
        4: "val",
        5: "test",
    }
    assert [case.id for case in image_set.of("train")] == [
        "data/train-00000-of-00002.parquet#1",
        "data/train-00000-of-00002.parquet#2",
        "data/train-00001-of-00002.parquet#1",
    ]


def test_every_picture_is_its_own_row_over_row_groups_and_threads(tmp_path: Path) -> None:
    """Looked at in any order; of 8 groups no two are confused."""
    shades = list(range(40, 240))
    file = written(
        tmp_path / "a.parquet", table(shades, label=[f"c{shade % 3}" for shade in shades]), row_group_size=27
    )
    image_set = read(file, Settings())
    assert shades_of(image_set) == shades
    assert [shades_of(image_set.with_cases([image_set.cases[row]])) for row in (199, 0, 80, 27, 26)] == [
        [239],
        [40],
        [120],
        [67],
        [66],
    ]
    assert check(image_set).cases == 200


def test_numbers_of_classes_become_their_names_in_their_order(tmp_path: Path) -> None:
    rows = table([10, 20, 30, 40], grade=[2, 0, 2, -1])
    file = written(tmp_path / "a.parquet", rows.replace_schema_metadata(classes("grade", "none", "mild", "severe")))
    image_set = read(file, Settings(kind="ordinal"))
    assert image_set.task.answers == ("none", "mild", "severe")
    assert [case.labels for case in image_set.cases] == [("severe",), ("none",), ("severe",)]
    assert [(each.kind, each.cases) for each in image_set.findings] == [("unlabelled", ("a.parquet#4",))]


def test_the_readme_names_the_classes_where_the_files_do_not(tmp_path: Path) -> None:
    written(tmp_path / "set/data/train.parquet", table([10, 20], label=[1, 0]))
    front = "dataset_info:\n  features:\n  - name: image\n    dtype: image\n  - name: label\n    dtype:\n"
    front += "      class_label:\n        names:\n          '0': cat\n          '1': dog\n"
    (tmp_path / "set/README.md").write_text(f"---\n{front}---\n# A set\n")
    assert [case.labels for case in read(tmp_path / "set", Settings()).cases] == [("dog",), ("cat",)]


def test_lists_are_several_labels_and_columns_of_marks_too(tmp_path: Path) -> None:
    rows = table([10, 20, 30], label=[[0, 1], [], [1]], mass=[True, False, True], cyst=[0, 0, 1])
    features = {"label": {"feature": {"names": ["mass, left", "cyst"], "_type": "ClassLabel"}, "_type": "Sequence"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    file = written(tmp_path / "a.parquet", rows.replace_schema_metadata(metadata))
    image_set = read(file, Settings())
    assert image_set.task.kind == "multi"
    assert [case.labels for case in image_set.cases] == [("mass, left", "cyst"), (), ("cyst",)]
    image_set = read(file, Settings(label_columns=("mass", "cyst")))
    assert [case.labels for case in image_set.cases] == [("mass",), (), ("mass", "cyst")]


def test_other_columns_name_patients_splits_and_masks_or_are_kept(tmp_path: Path) -> None:
    rows = table(
        [10, 20, 30],
        label=["a", "b", "a"],
        patient=[7, 7, 8],
        split=["train", "train", "test"],
        mask=[{"bytes": png(255), "path": None}, None, None],
        age=[61.0, None, 50.5],
        embedding=[[[0.5]], [[0.5]], [[0.5]]],
    )
    image_set = read(written(tmp_path / "a.parquet", rows), Settings())
    assert [(case.patient, case.split, dict(case.more)) for case in image_set.cases] == [
        ("7", "train", {"age": "61.0"}),
        ("7", "train", {"age": ""}),
        ("8", "test", {"age": "50.5"}),
    ]
    masks = [case.mask for case in image_set.cases]
    assert masks[0] is not None and masks[1:] == [None, None]
    assert np.asarray(masks[0].load()).min() == 255


@pytest.mark.parametrize("kind", ["stream", "file"])
def test_what_save_to_disk_writes_is_read_in_place(tmp_path: Path, kind: str) -> None:
    rows = table([10, 20, 30], label=[0, 1, 1]).replace_schema_metadata(classes("label", "x", "y"))
    for split in ("train", "test"):
        (tmp_path / "set" / split).mkdir(parents=True)
        (tmp_path / "set" / split / "state.json").write_text("{}")
        file = str(tmp_path / "set" / split / "data-00000-of-00001.arrow")
        with pa.ipc.new_stream(file, rows.schema) if kind == "stream" else pa.ipc.new_file(file, rows.schema) as out:
            out.write_table(rows, max_chunksize=2)
    image_set = open_set(tmp_path / "set", None, every(FORMATS))
    assert shades_of(image_set) == [10, 20, 30] * 2
    assert [(case.labels, case.split) for case in image_set.cases][2:4] == [(("y",), "test"), (("x",), "train")]


def test_packed_arrow_is_refused(tmp_path: Path) -> None:
    rows = pa.table({"image": [bytes(100_000)], "label": ["a"]})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(str(tmp_path / "a.arrow"), rows.schema, options=options) as out:
        out.write_table(rows)
    with pytest.raises(DataError, match=r"a\.arrow.*packed within; save it as Parquet"):
        read(tmp_path / "a.arrow", Settings())


def test_a_row_without_a_picture_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    rows = pa.table(
        {
            "image": [{"bytes": png(9), "path": None}, {"bytes": None, "path": "there.png"}, None],
            "label": ["a", "b", "a"],
        }
    )
    image_set = read(written(tmp_path / "a.parquet", rows), Settings())
    (unreadable,) = [each for each in check(image_set).findings if each.kind == "unreadable"]
    assert unreadable.cases == ("a.parquet#2", "a.parquet#3")
    assert "names a file elsewhere" in unreadable.troubles[0][1]


def test_a_picture_that_is_too_long_is_refused_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITASK_LIMIT_PICTURE_BYTES", "100000")
    rows = pa.table({"image": [png(7), bytes(100_001), png(9)], "label": ["a", "b", "a"]})
    image_set = read(written(tmp_path / "a.parquet", rows), Settings())
    assert [int(np.asarray(image_set.cases[row].pixels.load())[0, 0]) for row in (0, 2)] == [7, 9]
    with pytest.raises(DataError, match="VITASK_LIMIT_PICTURE_BYTES"):
        image_set.cases[1].pixels.load()


def same_again(value: Any, rows: int) -> pa.Array:
    """A column that Parquet stores once."""
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([value]))


def test_a_kilobyte_of_labels_that_are_gigabytes_is_refused_in_little_memory(tmp_path: Path) -> None:
    labels = same_again("y" * 1_000_000, 2000)
    rows = pa.table({"image": [png(7)] * 2000, "label": labels})
    file = written(tmp_path / "a.parquet", rows, compression="zstd", store_schema=False)
    assert file.stat().st_size < 20_000
    before = pa.default_memory_pool().max_memory()
    with pytest.raises(DataError, match="hold more than 128 MB beside the pictures"):
        read(file, Settings())
    assert pa.default_memory_pool().max_memory() <= max(before, 400_000_000)


def varint(number: int, size: int) -> bytes:
    """As Thrift writes it, in so many bytes."""
    return bytes(number * 2 >> 7 * place & 127 | (place < size - 1) << 7 for place in range(size))


def test_what_pages_hold_counts_and_not_what_the_directory_says(tmp_path: Path) -> None:
    rows = pa.table({"image": [png(7)] * 600, "label": same_again("y" * 4_000_000, 600)})
    file = written(tmp_path / "a.parquet", rows, compression="zstd", store_schema=False)
    claimed = pq.read_metadata(file).row_group(0).column(1).total_uncompressed_size
    content = file.read_bytes()
    assert content.count(varint(claimed, 4)) == 1
    file.write_bytes(content.replace(varint(claimed, 4), varint(100, 4)))
    assert pq.read_metadata(file).row_group(0).column(1).total_uncompressed_size == 100
    before = pa.default_memory_pool().max_memory()
    with pytest.raises(DataError, match="hold more than 128 MB beside the pictures"):
        read(file, Settings())
    assert pa.default_memory_pool().max_memory() <= max(before, 400_000_000)


def test_a_page_that_is_longer_than_any_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITASK_LIMIT_TABLE_BYTES", "2000000")
    rows = pa.table({"image": [png(7), bytes(3_000_000)], "label": ["a", "y" * 3_000_000]})
    file = written(tmp_path / "a.parquet", rows, use_dictionary=False)
    with pytest.raises(
        DataError, match=r'"a.parquet" has a page of 3 MB beside its pictures.* VITASK_LIMIT_TABLE_BYTES'
    ):
        read(file, Settings())


def test_a_kilobyte_of_pictures_that_are_gigabytes_is_told_once_and_not_unpacked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "BOMB_BYTES", 10_000_000)
    large = pa.table({"image": same_again(bytes(8_000_000), 40), "label": ["a", "b"] * 20})
    pictures = read(written(tmp_path / "a.parquet", large, store_schema=False), Settings()).cases
    before = pa.default_memory_pool().max_memory()
    for case in (pictures[0], pictures[39]):
        with pytest.raises(DataError, match=r"row (1|40) \(it unpacks to over 200 times its size"):
            case.pixels.load()
    assert pa.default_memory_pool().max_memory() <= max(before, 100_000_000)
    assert cells._laid_out.cache_info().hits >= 1


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"url": ["x.png", "y.png"], "label": ["a", "b"]}, "has no column of pictures, but url, label"),
        ({"image": [b"x", b"y"], "grade of it": ["a", "b"]}, "no column that looks like the label"),
        ({"image": [b"x", b"y"], "label": ["a", "a"]}, 'every image has the label "a"'),
        ({"image": pa.array([], pa.binary()), "label": pa.array([], pa.string())}, "has no rows"),
    ],
)
def test_what_lacks_is_named(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(written(tmp_path / "a.parquet", pa.table(columns)), Settings())


def test_several_configurations_and_other_columns_are_refused(tmp_path: Path) -> None:
    for folder in ("full", "cropped"):
        written(tmp_path / "set" / folder / "train-00000-of-00001.parquet", table([1], label=["a"]))
    with pytest.raises(DataError, match=r"several configurations of a data set \(cropped, full\)"):
        read(tmp_path / "set", Settings())
    written(tmp_path / "other/train-1.parquet", table([1], label=["a"]))
    written(tmp_path / "other/train-2.parquet", table([1], diagnosis=["a"]))
    with pytest.raises(DataError, match=r'train-2\.parquet has no column "label"'):
        read(tmp_path / "other", Settings())


def test_a_file_whose_pictures_are_words_is_refused(tmp_path: Path) -> None:
    """A schema may say so of any of the files; the first decides which column has the pictures."""
    written(tmp_path / "a.parquet", table([1], label=["a"]))
    written(tmp_path / "b.parquet", pa.table({"image": ["words"], "label": ["b"]}))
    with pytest.raises(DataError, match=r'column "image" of b\.parquet holds no pictures'):
        read(tmp_path, Settings())


def test_more_rows_than_are_allowed_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = pa.table({"image": [b""] * 101, "label": ["a"] * 101})
    file = written(tmp_path / "a.parquet", rows)
    monkeypatch.setenv("VITASK_LIMIT_ROWS", "100")
    monkeypatch.setattr(cells._ParquetRows, "batches", lambda *_: pytest.fail("rows were read"))
    with pytest.raises(DataError, match=r"has 101 rows, more than 100.*VITASK_LIMIT_ROWS"):
        read(file, Settings())


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    content = written(tmp_path / "a.parquet", table([1, 2], label=["a", "b"])).read_bytes()
    for name, damaged in {"cut.parquet": content[:-20], "empty.parquet": b"", "pdf.parquet": b"%PDF-1.7"}.items():
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(DataError, match=name):
            open_set(tmp_path / name, None, every(FORMATS))


def test_a_version_of_the_studio_and_tables_beside_pictures_are_something_else(tmp_path: Path) -> None:
    written(tmp_path / "kept/cases.parquet", table([1], label=["a"]))
    assert looks_like(tmp_path / "kept")
    (tmp_path / "kept/version.json").write_text("{}")
    written(tmp_path / "pictures/labels.parquet", table([1], label=["a"]))
    (tmp_path / "pictures/1.png").write_bytes(b"")
    assert not looks_like(tmp_path / "kept") and not looks_like(tmp_path / "pictures")

"""Large arrays are mapped from the disk, wherever they are stored, and read the same as small ones."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError
from core.pictures import npz
from core.pictures.npz import Array, open_array

ROWS = np.arange(60, dtype=np.uint8).reshape(5, 4, 3)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("rows", [ROWS, np.asfortranarray(ROWS)])
def test_an_array_too_large_for_memory_is_mapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, save: Callable[..., None], rows: Array
) -> None:
    save(tmp_path / "set.npz", other=np.zeros(3), rows=rows)
    monkeypatch.setattr(npz, "IN_MEMORY_BYTES", 8)
    mapped = open_array(tmp_path / "set.npz", "rows")
    assert isinstance(mapped, np.memmap)
    assert mapped.tolist() == ROWS.tolist()
    assert [file.name for file in tmp_path.iterdir()] == ["set.npz"]


def test_a_small_array_is_read_once(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", rows=ROWS)
    assert open_array(tmp_path / "set.npz", "rows") is open_array(tmp_path / "set.npz", "rows")


def test_a_missing_key_is_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", rows=ROWS)
    with pytest.raises(DataError, match=r'"images" of set.npz can\'t be read'):
        open_array(tmp_path / "set.npz", "images")


@pytest.mark.parametrize("limit", [1 << 30, 8])
def test_pickled_objects_are_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    np.savez(tmp_path / "set.npz", rows=np.array([{"a": 1}, None]))
    monkeypatch.setattr(npz, "IN_MEMORY_BYTES", limit)
    with pytest.raises(DataError, match="can't be read"):
        open_array(tmp_path / "set.npz", "rows")


def test_many_threads_open_an_array_once(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "set.npz", rows=np.zeros((200, 64, 64), np.uint8))
    with ThreadPoolExecutor(8) as threads:
        opened = list(threads.map(lambda _: open_array(tmp_path / "set.npz", "rows"), range(64)))
    assert len({id(rows) for rows in opened}) == 1


def test_arrays_of_as_many_sets_as_a_joint_run_goes_over_are_each_opened_once(tmp_path: Path) -> None:
    """Twelve files of six arrays, gone over in turn as random batches do it."""
    keys = [f"{split}_{kind}" for split in ("train", "val", "test") for kind in ("images", "labels")]
    files = [tmp_path / f"{number}.npz" for number in range(12)]
    for file in files:
        np.savez_compressed(file, allow_pickle=False, **{key: np.zeros((2, 3, 3), np.uint8) for key in keys})
    first, again = ([open_array(file, key) for file in files for key in keys] for _ in range(2))
    assert all(array is same for array, same in zip(first, again, strict=True))

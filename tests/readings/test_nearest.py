"""The index: exact, in order, of wanted cases only, and the same after it was kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import RunError
from core.readings.nearest import Index, Indexed, highest, load_index


def drawn(cases: int, width: int = 8) -> Index:
    vectors = np.random.default_rng(0).normal(size=(cases, width)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = [
        Indexed("cells", f"case {n}", ("train", "test")[n % 2], ("bean",), None if n % 3 else "P1")
        for n in range(cases)
    ]
    return Index(vectors, tuple(rows))


def test_the_nearest_come_first_with_their_cosines() -> None:
    index = drawn(200)
    query = index.vectors[17]
    cosines = index.vectors.astype(np.float64) @ query
    near = index.nearest(query, 10)
    assert [each.indexed.case for each in near] == [f"case {n}" for n in np.argsort(-cosines)[:10]]
    assert near[0].indexed.case == "case 17" and near[0].cosine == pytest.approx(1, abs=1e-6)
    assert [each.cosine for each in near] == pytest.approx(sorted(cosines, reverse=True)[:10], abs=1e-6)


def test_only_wanted_cases_are_given_and_as_many_as_there_are() -> None:
    index = drawn(12)
    near = index.nearest(index.vectors[0], 50, lambda each: each.split == "test" and each.patient is None)
    assert {each.indexed.case for each in near} == {f"case {n}" for n in (1, 5, 7, 11)}
    assert index.nearest(index.vectors[0], 5, lambda each: False) == []


def test_equal_scores_keep_their_order() -> None:
    assert highest(np.array([0.5, 0.9, 0.5, 0.9], dtype=np.float32), 3) == [1, 3, 0]
    assert highest(np.array([], dtype=np.float32), 3) == []


def test_it_is_the_same_after_it_was_kept_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    index = drawn(9)
    index.save(tmp_path / "index.safetensors")
    again = load_index(tmp_path / "index.safetensors")
    assert again.indexed == index.indexed and np.array_equal(again.vectors, index.vectors)
    again.save(tmp_path / "second.safetensors")
    assert (tmp_path / "index.safetensors").read_bytes() == (tmp_path / "second.safetensors").read_bytes()


@pytest.mark.parametrize("content", [b"", b"{}", b"\x00" * 40])
def test_a_damaged_index_is_told_with_what_to_do(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "index.safetensors").write_bytes(content)
    with pytest.raises(RunError, match="Remove it: it is made anew"):
        load_index(tmp_path / "index.safetensors")

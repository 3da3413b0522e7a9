"""The index: exact, in order, of wanted cases only, and the same after it was kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import RunError
from core.readings import nearest
from core.readings.nearest import Index, Indexed, highest, load_index, load_neighbours


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
    near = index.nearest(index.vectors[0], 50, index.wanted(["test"], but_case="case 5", but_patient="P1"))
    assert {each.indexed.case for each in near} == {f"case {n}" for n in (1, 7, 11)}
    assert index.nearest(index.vectors[0], 5, np.zeros(12, dtype=bool)) == []
    assert len(index.nearest(index.vectors[0], 50, index.wanted())) == 12


@pytest.mark.parametrize("spread", [1.0, 0.05, 0.001], ids=["drawn", "close", "closer than float16 tells apart"])
def test_a_large_index_gives_what_looking_at_every_vector_gives(spread: float, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    vectors = (np.ones(64) + spread * random.normal(size=(3000, 64))).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = tuple(Indexed("cells", f"case {n}", ("train", "test")[n % 2], (), None) for n in range(3000))
    index, query = Index(vectors, rows), vectors[:3].sum(0) / np.linalg.norm(vectors[:3].sum(0))
    for wanted in (None, index.wanted(["test"])):
        exact = index.nearest(query, 20, wanted)
        monkeypatch.setattr(nearest, "LARGE", 10)
        near = index.nearest(query, 20, wanted)
        monkeypatch.undo()
        assert [each.cosine for each in near] == pytest.approx([each.cosine for each in exact], abs=1e-6)
        if spread > 0.01:  # nearer ones are one to float32 too
            assert [each.indexed for each in near] == [each.indexed for each in exact]


def test_float16_is_never_farther_off_than_is_allowed_for() -> None:
    random = np.random.default_rng(2)
    for width in (16, 256, 4096):
        vectors = torch.from_numpy(np.abs(random.normal(size=(500, width)))).float()
        vectors = torch.nn.functional.normalize(vectors, dim=1)
        rough = (vectors.half() @ vectors[3].half()).float()
        assert float((rough - vectors @ vectors[3]).abs().max()) < nearest.ERROR


def test_each_case_has_its_nearest_ones_of_other_patients(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    index = drawn(30)
    monkeypatch.setattr(nearest, "AT_ONCE", 7)
    index.save(tmp_path / "index.safetensors")
    near = load_neighbours(tmp_path / "index.safetensors")
    for row, own in enumerate(index.indexed):
        cosines = index.vectors @ index.vectors[row]
        fitting = [n for n in np.argsort(-cosines) if n != row and not (own.patient and row % 3 == n % 3)]
        assert [each.indexed.case for each in near.of(own.case)] == [f"case {n}" for n in fitting[:8]]
        assert [each.cosine for each in near.of(own.case)] == pytest.approx(cosines[fitting[:8]].tolist(), abs=1e-6)
    assert near.of("nobody") == []
    monkeypatch.setattr(nearest, "LARGE", 10)
    assert index.neighbours().of("case 1") == []


def test_few_cases_have_as_many_neighbours_as_there_are() -> None:
    assert len(drawn(4).neighbours().of("case 1")) == 3
    assert drawn(1).neighbours().of("case 0") == []


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

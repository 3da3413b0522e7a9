"""The table of MedMNIST's facts agrees with itself and finds sets by name and by number."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from core.errors import DataError
from core.layouts.medmnist import SETS, SIZES, facts_counted, facts_named, facts_of


def test_no_two_sets_share_a_name_a_checksum_or_their_numbers() -> None:
    sums = [md5 for facts in SETS for md5 in facts.md5]
    assert len({facts.name for facts in SETS}) == len({facts.counts for facts in SETS}) == len(SETS) == 12
    assert len(set(sums)) == 48
    assert all(re.fullmatch("[0-9a-f]{32}", md5) for md5 in sums)


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("organa_28", "organamnist"),
        ("OrganSMNIST", "organsmnist"),
        ("oct-mnist 64", "octmnist"),
        ("path", "pathmnist"),
        ("bloodmnist-64", "bloodmnist"),
        ("bloodmnist_224", "bloodmnist"),
        ("bloodmnist (1)", "bloodmnist"),
        ("BreastMNIST_128 (2)", "breastmnist"),
    ],
)
def test_a_file_name_finds_its_set(stem: str, name: str) -> None:
    facts = facts_named(stem)
    assert facts is not None and facts.name == name


@pytest.mark.parametrize(
    "stem",
    [
        *("pathology", "chestxray", "organ", "my_blood", "tissues", ""),
        *("blood_cells", "breast-us-2024", "path_slides", "chest_ct", "derma_mine", "pneumonia_vs_covid"),
        *("blood_32", "blood_280", "bloodmnist_64_mine", "retina (a)"),
    ],
)
def test_a_name_that_only_begins_alike_is_another_set(stem: str) -> None:
    assert facts_named(stem) is None


def test_numbers_of_cases_find_their_set() -> None:
    facts = facts_counted({"train": 1080, "val": 120, "test": 400})
    assert facts is not None and facts.name == "retinamnist"
    assert facts_counted({"train": 1080, "val": 120}) is None


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(DataError, match=r'"bloodmist" is not a MedMNIST set. Known: pathmnist, chestmnist'):
        facts_of("bloodmist")


def test_the_table_says_what_was_published(shared_data: Path) -> None:
    published = json.loads((shared_data / "medmnist.json").read_text(encoding="utf-8"))
    kinds = {"multi-label, binary-class": "multi", "ordinal-regression": "ordinal"}
    for facts in SETS:
        expected = published.pop(facts.name)
        assert (facts.modality, list(facts.answers)) == (expected["modality"], expected["labels"])
        assert (facts.kind, facts.channels) == (kinds.get(expected["task"], "single"), expected["channels"])
        assert (list(facts.counts), facts.licence) == (list(expected["cases"].values()), expected["licence"])
        for size, md5 in zip(SIZES, facts.md5, strict=True):
            assert expected["files"][str(size)] == {"url": facts.address(size), "md5": md5}
    assert published == {}

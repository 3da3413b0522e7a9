"""What every source of evidence promises: a doubt of every label, or none, that the label itself had no part in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.case import Kind
from core.catalog import SOURCES, find
from core.readings.answer import Answer
from core.readings.reading import Reading
from core.sets.alike import Alike
from core.suspects.evidence import Evidence, Floats, Near, ReviewedSet, Source, doubt
from tests.suspects.reviewed import ANSWERS, Shade, reviewed_set

KINDS: tuple[Kind, ...] = ("single", "multi", "ordinal")
COUNT, NEAREST, ROUNDS = 24, 4, 2
COPIES = ((0, 1, 2), (5, 9))
ALONE = COUNT - 1
"""The only case whose label nobody else has, where a case has one."""
READ = range(6, 14)
"""The cases that the run's readers answered for: it did not learn from these."""
every_source = pytest.mark.parametrize("name", SOURCES)
every_kind = pytest.mark.parametrize("kind", KINDS)


def source_of(name: str) -> Source:
    source: Source = find(SOURCES, name, "source")
    return source


def labels_of(kind: Kind) -> list[list[str]]:
    if kind == "multi":
        return [[name for place, name in enumerate(ANSWERS) if number >> place & 1] for number in range(COUNT)]
    return [[ANSWERS[number % 2]] if number != ALONE else [ANSWERS[2]] for number in range(COUNT)]


def probabilities(kind: Kind, seed: int) -> Floats:
    drawn: Floats = np.random.default_rng(seed).uniform(0.05, 0.95, (COUNT, len(ANSWERS)))
    return drawn if kind == "multi" else drawn / drawn.sum(1, keepdims=True)


def readings(kind: Kind) -> dict[str, list[Reading]]:
    said = {reader: probabilities(kind, seed) for seed, reader in enumerate(("vlm", "tsm", "vanilla", "vitask"), 10)}
    return {
        reader: [
            Reading("set", f"{number}.png", "test", reader, (), None, Answer(tuple(rows[number].tolist())))
            for number in READ
        ]
        for reader, rows in said.items()
    }


def everything(kind: Kind, labels: list[list[str]] | None = None) -> ReviewedSet:
    """All that can be known of a set: every source has something to go by."""
    drawn = np.random.default_rng(0)
    places = np.stack([[(number + step) % COUNT for step in range(3, 3 + NEAREST)] for number in range(COUNT)])
    places[4, -1] = -1  # this case has one neighbour less
    return reviewed_set(
        labels or labels_of(kind),
        [probabilities(kind, seed) for seed in range(ROUNDS)],
        kind,
        pixels=[Shade(10 * number) for number in range(COUNT)],
        near=[Near(places, drawn.uniform(0.1, 1, places.shape)) for _ in range(ROUNDS)],
        copies=Alike(COPIES),
        fold_of=np.arange(COUNT) % 4,
        vision=drawn.normal(size=(COUNT, 6)).astype(np.float32),
        readings=readings(kind),
    )


def speak(name: str, seen: ReviewedSet) -> Evidence:
    evidence = source_of(name).gather_evidence(seen)
    assert evidence is not None
    return evidence


@every_source
def test_a_source_has_a_title_and_says_what_it_goes_by(name: str) -> None:
    source = source_of(name)
    assert source.TITLE and source.TITLE[0].isupper() and not source.TITLE.endswith(".")
    assert source.ABOUT[0].isupper() and source.ABOUT.endswith(".")


@every_kind
@every_source
def test_every_label_is_doubted_from_0_to_1_or_not_at_all(name: str, kind: Kind) -> None:
    evidence = speak(name, everything(kind))
    assert evidence.against.shape == (COUNT,)
    heard = ~np.isnan(evidence.against)
    assert heard.any()
    assert ((evidence.against[heard] >= 0) & (evidence.against[heard] <= 1)).all()


@every_kind
@every_source
def test_what_is_likely_is_a_distribution_from_which_the_doubt_follows(name: str, kind: Kind) -> None:
    seen = everything(kind)
    evidence = speak(name, seen)
    if evidence.likely is None:
        return
    assert evidence.likely.shape == (COUNT, len(ANSWERS))
    heard = ~np.isnan(evidence.likely).any(1)
    assert (np.isnan(evidence.against) == ~heard).all()
    assert ((evidence.likely[heard] >= 0) & (evidence.likely[heard] <= 1)).all()
    if kind != "multi":
        assert evidence.likely[heard].sum(1) == pytest.approx(1)
    assert evidence.against[heard] == pytest.approx(doubt(evidence.likely, seen.given, kind)[heard])


@every_kind
@every_source
def test_the_same_is_said_again_and_nothing_that_is_known_is_changed(name: str, kind: Kind) -> None:
    seen = everything(kind)
    assert seen.vision is not None
    arrays: list[NDArray[Any]] = [seen.vision, seen.fold_of, seen.apart, seen.given, seen.is_alone, *seen.rounds]
    for array in (*arrays, *(near.places for near in seen.near), *(near.cosines for near in seen.near)):
        array.setflags(write=False)
    first, again, anew = speak(name, seen), speak(name, seen), speak(name, everything(kind))
    for other in (again, anew):
        np.testing.assert_array_equal(first.against, other.against)
        if first.likely is not None and other.likely is not None:
            np.testing.assert_array_equal(first.likely, other.likely)


@every_kind
@every_source
def test_what_is_likely_for_a_case_does_not_come_from_its_own_label(name: str, kind: Kind) -> None:
    """Each case that has a say is given another label, and nothing else: what is likely for it stays as it was."""
    seen = everything(kind)
    evidence = speak(name, seen)
    if evidence.likely is None:  # evidence alone compares with the label
        return
    asked = [number for number in np.flatnonzero(~np.isnan(evidence.against)) if number != ALONE]
    assert asked
    for number in asked:
        labels = labels_of(kind)
        labels[number] = [answer for answer in ANSWERS if answer not in labels[number]][:1]
        mislabelled = speak(name, everything(kind, labels))
        assert mislabelled.likely is not None
        assert mislabelled.likely[number] == pytest.approx(evidence.likely[number], abs=1e-9), number


@every_source
def test_where_little_is_known_a_source_says_nothing_or_keeps_its_promise(name: str) -> None:
    evidence = source_of(name).gather_evidence(
        replace(everything("single"), copies=Alike(()), vision=None, readings={})
    )
    if evidence is not None:
        assert evidence.against.shape == (COUNT,)
        assert np.nanmin(evidence.against) >= 0 and np.nanmax(evidence.against) <= 1


@pytest.mark.parametrize(
    ("name", "silent"),
    [
        ("cleanlab", set()),
        ("tsm", {ALONE}),
        ("neighbours", {ALONE}),
        ("vlm", {ALONE}),
        ("disagreement", set(range(COUNT)) - set(READ)),
        ("duplicates", set(range(COUNT)) - {number for group in COPIES for number in group}),
    ],
)
def test_a_source_is_silent_where_it_has_no_say_and_nowhere_else(name: str, silent: set[int]) -> None:
    evidence = speak(name, everything("single"))
    assert set(np.flatnonzero(np.isnan(evidence.against)).tolist()) == silent

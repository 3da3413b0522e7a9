"""A blind first look by one reader: nothing that tells the label before a verdict, the first and the last word kept."""

from __future__ import annotations

import csv
import io
import json

import pytest

from core.case import ImageSet
from core.errors import SettingsError
from core.records.access import NotAllowed, Who
from core.records.database import Database
from core.records.place import Place
from core.records.review import agreement, corrections, exports, queue, reviews, verdicts
from core.records.review.agreement import MODELS, OWN_LAST, SET, Pair
from core.records.review.queue import NOWHERE, Filter, SuspectView
from core.records.sets import sets
from tests.records.search import Room, room

ALL = Filter(state="all")


@pytest.fixture
def alone(database: Database, place: Place, who: Who, cells: ImageSet) -> Room:
    return room(database, place, who, cells, has_first_look=True)


def seen(alone: Room, rank: int, who: Who | None = None) -> SuspectView:
    return queue.suspect(alone.db, who or alone.anna, alone.review_id, rank)


def say(alone: Room, rank: int, action: str, *labels: str) -> None:
    new = list(labels) if action == "change" else None
    verdicts.decide(alone.db, alone.anna, alone.review_id, [rank], action, new)


def test_nothing_tells_the_label_before_the_reader_has_looked(alone: Room) -> None:
    for view in (seen(alone, 1), queue.next_suspect(alone.db, alone.anna, alone.review_id, ALL)):
        assert view is not None and view.is_veiled and view.rank == 1
        hidden = (view.name, view.given, view.suggested, view.why, view.evidence, view.probabilities, view.neighbours)
        assert not any(hidden) and view.group is None and view.others == ()
    say(alone, 1, "change", "light")
    shown = seen(alone, 1)
    assert not shown.is_veiled and (shown.given, shown.suggested) == (("dark",), ("light",)) and shown.why
    assert shown.mine is not None and shown.mine.labels == ("light",)
    assert seen(alone, 1, alone.ben).is_veiled, "everybody looks for themselves"
    assert seen(alone, 1, alone.ben).others == ()


def test_a_hidden_label_can_not_be_kept_nor_cases_be_decided_together(alone: Room) -> None:
    with pytest.raises(SettingsError, match="hidden until you have looked"):
        say(alone, 1, "keep")
    with pytest.raises(SettingsError, match="one at a time"):
        verdicts.decide(alone.db, alone.anna, alone.review_id, [1, 2], "change", ["dark"])
    with pytest.raises(SettingsError, match="looked at by itself"):
        queue.group(alone.db, alone.anna, alone.review_id, 1)
    for where in (Filter(label="dark"), Filter(suggested="dark"), Filter(source="cleanlab")):
        with pytest.raises(SettingsError, match="can't be chosen by them"):
            queue.next_suspect(alone.db, alone.anna, alone.review_id, where)
    assert verdicts.history(alone.db, alone.anna, alone.review_id) == []
    say(alone, 1, "unsure")
    say(alone, 1, "keep")  # it is shown now


def test_what_was_taken_back_stays_the_first_look(alone: Room) -> None:
    say(alone, 1, "change", "light")
    verdicts.undo(alone.db, alone.anna, alone.review_id)
    assert not seen(alone, 1).is_veiled and seen(alone, 1).mine is None
    say(alone, 1, "keep")
    looks = {pair.second: pair for pair in agreement.agreement(alone.db, alone.anna, alone.review_id).first_looks}
    assert (looks[SET].observed, looks[MODELS].observed, looks[OWN_LAST].observed) == (0.0, 1.0, 0.0)


def test_first_looks_are_held_against_the_set_the_models_and_the_last_word(alone: Room) -> None:
    # Odd ranks are dark and even ones light; at ranks 1 to 4 the models say the other. The reader sees dark everywhere
    # but at rank 4, changes rank 2 to light once it is shown, is unsure of rank 6, and wants rank 5 to go.
    for rank in (1, 2, 3):
        say(alone, rank, "change", "dark")
    say(alone, 4, "change", "light")
    say(alone, 2, "keep")
    say(alone, 6, "unsure")
    say(alone, 5, "exclude")
    pairs = {pair.second: pair for pair in agreement.agreement(alone.db, alone.anna, alone.review_id).first_looks}
    assert {pair.first for pair in pairs.values()} == {"anna, first look"}
    # With the set: 3 of 4 agree. By chance (3/4)(2/4) + (1/4)(2/4) = 1/2, so kappa is (3/4 - 1/2) / (1/2) = 1/2.
    assert (pairs[SET].n, pairs[SET].observed, pairs[SET].kappa) == (4, 0.75, 0.5)
    # With the models, who say light, dark, light, dark: 1 of 4, and kappa (1/4 - 1/2) / (1/2) = -1/2.
    assert (pairs[MODELS].n, pairs[MODELS].observed, pairs[MODELS].kappa) == (4, 0.25, -0.5)
    # With the last word, of the five on which there is one: 4 of 5.
    assert (pairs[OWN_LAST].n, pairs[OWN_LAST].observed) == (5, 0.8)
    low, high = interval(pairs[SET])
    assert -1 <= low < 0.5 < high <= 1


def interval(pair: Pair) -> tuple[float, float]:
    assert pair.low is not None and pair.high is not None
    return pair.low, pair.high


def test_an_export_tells_first_and_last_words_apart(alone: Room) -> None:
    say(alone, 1, "change", "light")
    say(alone, 1, "keep")
    file = exports.exported(alone.db, alone.place, alone.admin, alone.review_id, "csv")[1].decode()
    rows = list(csv.DictReader(io.StringIO(file)))
    assert [(row["action"], row["is_first_look"]) for row in rows] == [("change", "True"), ("keep", "False")]
    whole = json.loads(exports.exported(alone.db, alone.place, alone.admin, alone.review_id, "json")[1])
    assert whole["has_first_look"] and [row["is_first_look"] for row in whole["verdicts"]] == [True, False]
    assert [pair["second"] for pair in whole["agreement"]["first_looks"]] == [SET, MODELS, OWN_LAST]


def test_other_reviews_hide_nothing_and_have_no_first_looks(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    plain = room(database, place, who, cells)
    assert not reviews.review(plain.db, plain.anna, plain.review_id).has_first_look
    assert not seen(plain, 1).is_veiled and seen(plain, 1).given == ("dark",)
    say(plain, 1, "change", "light")
    assert agreement.agreement(plain.db, plain.anna, plain.review_id).first_looks == ()
    with pytest.raises(SettingsError, match="for one reader"):
        reviews.queue_review(database, place, who, plain.version_id, readers=2, has_first_look=True)


def found(alone: Room, text: str, who: Who | None = None) -> SuspectView | None:
    return queue.next_suspect(alone.db, who or alone.anna, alone.review_id, Filter(state="all", text=text))


def test_no_case_is_found_by_a_name_that_is_hidden(alone: Room) -> None:
    """Files are often named by what is on them: whoever may ask for a name sees which cases have it."""
    name = alone_names(alone)[0]
    assert found(alone, name) is None
    assert queue.progress(alone.db, alone.anna, alone.review_id, Filter(state="all", text=name)).matching == 0
    say(alone, 1, "change", "light")
    shown = found(alone, name)
    assert shown is not None and (shown.rank, shown.name) == (1, name)
    assert queue.progress(alone.db, alone.anna, alone.review_id, Filter(state="mine", text=name)).matching == 1
    assert found(alone, name, alone.ben) is None


def alone_names(alone: Room) -> list[str]:
    return [row.name for row in sets.cases(alone.db, alone.anna, alone.version_id).rows]


def test_the_place_of_a_hidden_case_in_its_set_is_hidden_too(alone: Room) -> None:
    """Sets are often sorted by label. The picture is had by its rank."""
    assert (seen(alone, 3).number, seen(alone, 3).digest) == (NOWHERE, "")
    assert queue.place_of(alone.db, alone.anna, alone.review_id, 3) == (alone.version_id, 2)
    with pytest.raises(NotAllowed):
        queue.place_of(alone.db, alone.stranger, alone.review_id, 3)
    with pytest.raises(NotAllowed):
        queue.place_of(alone.db, alone.anna, alone.review_id, 11)
    say(alone, 3, "unsure")
    assert seen(alone, 3).number == 2


def test_what_others_said_stays_hidden_from_whoever_is_still_to_look(alone: Room) -> None:
    say(alone, 1, "unsure")
    say(alone, 2, "change", "dark")

    def what_ben_sees() -> tuple[set[int], set[int], set[int]]:
        disputed = agreement.disputed(alone.db, alone.ben, alone.review_id)
        rows = json.loads(exports.exported(alone.db, alone.place, alone.ben, alone.review_id, "json")[1])
        changes = corrections.preview(alone.db, alone.ben, alone.review_id)
        agreed = {row["rank"] for row in rows["consensus"]}
        assert agreed == {row["rank"] for row in rows["verdicts"]}
        return {suspect.rank for suspect in disputed}, agreed, {change.number + 1 for change in changes}

    assert what_ben_sees() == (set(), set(), set())
    verdicts.decide(alone.db, alone.ben, alone.review_id, [2], "change", ["dark"])
    assert what_ben_sees() == (set(), {2}, {2})
    verdicts.decide(alone.db, alone.ben, alone.review_id, [1], "unsure")
    assert what_ben_sees() == ({1}, {1, 2}, {2})


def test_whoever_settles_and_reads_nothing_sees_all_that_others_said(alone: Room) -> None:
    say(alone, 1, "unsure")
    (disputed,) = agreement.disputed(alone.db, alone.admin, alone.review_id)
    assert (disputed.rank, disputed.given) == (1, ("dark",))
    agreement.settle(alone.db, alone.admin, alone.review_id, 1, "keep")
    say(alone, 4, "unsure")
    assert [suspect.rank for suspect in agreement.disputed(alone.db, alone.admin, alone.review_id)] == [4]
    verdicts.decide(alone.db, alone.admin, alone.review_id, [2], "unsure")
    assert [suspect.rank for suspect in agreement.disputed(alone.db, alone.admin, alone.review_id)] == [2]
    for rank in (4, 5):  # disputed or not is what a reader may not learn before their own verdict
        with pytest.raises(SettingsError, match="own verdict on this case first"):
            agreement.settle(alone.db, alone.admin, alone.review_id, rank, "keep")
    assert agreement.settle(alone.db, alone.admin, alone.review_id, 2, "keep").rank == 2

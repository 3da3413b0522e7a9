"""Agreement between people and with the models, by hand; and who settles what."""

from __future__ import annotations

from collections import Counter

import pytest

from core.case import ImageSet
from core.errors import SettingsError
from core.records import audit
from core.records.access import NotAllowed, Who
from core.records.database import Database
from core.records.place import Place
from core.records.review import agreement, queue, verdicts
from core.records.review.agreement import Consensus, Labelled, model_weight, weighed
from core.records.review.queue import Filter
from core.records.review.standing import Voice
from core.statistics.kappa import Kappa, cohen
from tests.records.search import Room, room

YES, NO = ("yes",), ("no",)
FIFTY: dict[Labelled, int] = {(YES, YES): 20, (YES, NO): 5, (NO, YES): 10, (NO, NO): 15}


@pytest.fixture
def blind(database: Database, place: Place, who: Who, cells: ImageSet) -> Room:
    return room(database, place, who, cells, readers=2)


def decide(searched: Room, who: Who, decisions: dict[int, tuple[str, str]]) -> None:
    for rank, (action, label) in decisions.items():
        verdicts.decide(searched.db, who, searched.review_id, [rank], action, [label] if label else None)


def vote(action: str, label: str = "", confidence: str = "sure", given: str = "dark") -> Voice:
    return Voice(1, 1, action, (given,), (label,) if label else None, confidence, "")


def test_kappa_of_fifty_cases_by_hand() -> None:
    """20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: p_o 0.7, p_e 0.5 · 0.6 + 0.5 · 0.4 = 0.5, so kappa 0.4.

    Its standard error is sqrt(0.7 · 0.3 / 50) / 0.5 = 0.1296, half the interval 1.96 of them: 0.2540.
    """
    kappa = cohen(FIFTY)
    assert kappa.n == 50
    assert [kappa.observed, kappa.kappa] == pytest.approx([0.7, 0.4])
    assert [kappa.low, kappa.high] == pytest.approx([0.1460, 0.6540], abs=1e-4)


def test_kappa_agrees_with_scikit_learn_on_three_answers() -> None:
    from sklearn.metrics import cohen_kappa_score

    first, second = list("aabbccabca"), list("aabcccabba")
    assert cohen(Counter(zip(first, second, strict=True))).kappa == pytest.approx(cohen_kappa_score(first, second))


def test_kappa_of_cases_that_all_agree_is_not_told_as_certain() -> None:
    """One each of two answers: p_e 0.5. Wilson's interval of 2 of 2 begins at 2 / (2 + 3.8415) = 0.3424, and of 0 of 2
    ends at 0.6576: kappas of (0.3424 - 0.5) / 0.5 = -0.3152 and 0.3152."""
    alike, apart = cohen({("a", "a"): 1, ("b", "b"): 1}), cohen({("a", "b"): 1, ("b", "a"): 1})
    assert (alike.kappa, alike.high, apart.kappa, apart.low) == (1, 1, -1, -1)
    assert [alike.low, apart.high] == pytest.approx([-0.3152, 0.3152], abs=1e-4)
    assert agreement.model_weight({1: {(("a",), ("a",)): 1, (("b",), ("b",)): 1}}) == 0


def test_kappa_is_undefined_without_cases_and_where_both_say_one_thing_only() -> None:
    assert cohen({}) == Kappa(0, None, None, None, None)
    assert cohen({("a", "a"): 5}) == Kappa(5, 1.0, None, None, None)


@pytest.mark.parametrize(
    ("verdicts", "suggested", "model", "expected"),
    [
        # 1 for keep against 1/3 for light, to which the model adds 1/2: 1 of 11/6.
        ([vote("keep"), vote("change", "light", "guess")], "light", 0.5, Consensus("keep", None, 6 / 11)),
        # 2/3 for keep against 1/3 + 1/2.
        (
            [vote("keep", "", "fairly"), vote("change", "light", "guess")],
            "light",
            0.5,
            Consensus("change", ("light",), 5 / 9),
        ),
        # Nobody named what the models suggest, so they have no say: 1 of 2.
        ([vote("keep"), vote("exclude")], "light", 0.5, Consensus("keep", None, 1 / 2)),
        # The models suggest the given label: 1 + 1/2 of 2 1/2.
        ([vote("exclude"), vote("keep")], "dark", 0.5, Consensus("keep", None, 3 / 5)),
        # Whoever is unsure counts, and votes for nothing: 1/3 of 4/3.
        ([vote("unsure"), vote("exclude", "", "guess")], "dark", 0.5, Consensus("exclude", None, 1 / 4)),
        ([vote("unsure"), vote("unsure")], "light", 0.5, Consensus("unsure", None, 0.0)),
    ],
)
def test_a_consensus_by_hand(verdicts: list[Voice], suggested: str, model: float, expected: Consensus) -> None:
    consensus = weighed(verdicts, (suggested,), model)
    assert (consensus.action, consensus.labels) == (expected.action, expected.labels)
    assert consensus.certainty == pytest.approx(expected.certainty)


def test_models_weigh_as_much_as_they_surely_agree_with_people() -> None:
    """The fifty cases from above, looked at by two people: kappa is surely above 0.146."""
    first = {both: times for both, times in FIFTY.items() if both[0] == YES}
    second = {both: times for both, times in FIFTY.items() if both[0] == NO}
    assert model_weight({1: first, 2: second}) == pytest.approx(0.1460, abs=1e-4)
    assert model_weight({1: {(YES, YES): 1}}) == 0, "one case says nothing"
    turned: dict[Labelled, int] = {
        (labels, NO if suggested == YES else YES): times for (labels, suggested), times in FIFTY.items()
    }
    assert model_weight({1: turned}) == 0, "and models that contradict people get no say"


def test_people_are_compared_with_each_other_and_with_the_models(blind: Room) -> None:
    """On ranks 1 to 8 anna keeps all but 1 and 2; ben agrees but on 8, and is unsure about 7."""
    changed = {1: ("change", "light"), 2: ("change", "dark")}
    decide(blind, blind.anna, changed | dict.fromkeys((3, 4, 5, 6, 7, 8, 9), ("keep", "")))
    decide(blind, blind.ben, changed | dict.fromkeys((3, 4, 5, 6), ("keep", "")) | {7: ("unsure", "")})
    decide(blind, blind.ben, {8: ("change", "dark")})
    agreed = agreement.agreement(blind.db, blind.anna, blind.review_id)
    (pair,) = agreed.pairs
    assert (pair.first, pair.second, pair.n) == ("anna", "ben", 7), "9 is hidden, and about 7 ben says nothing"
    assert pair.observed == pytest.approx(6 / 7)
    # The labels are light, dark, dark, light, dark, light, and light against dark on 8.
    anna = [
        ("change", "light"),
        ("change", "dark"),
        *[("keep", outcome) for outcome in ("dark", "light", "dark", "light")],
    ]
    expected = cohen(Counter([*((outcome, outcome) for outcome in anna), (("keep", "light"), ("change", "dark"))]))
    assert (pair.kappa, pair.low, pair.high) == (expected.kappa, expected.low, expected.high)
    # The models suggest another label for 1 to 4 and the given one for the rest: anna follows but on 3 and 4.
    assert [(pair.first, pair.second, pair.n) for pair in agreed.models] == [
        ("anna", "the models", 8),
        ("ben", "the models", 7),
    ]
    assert [pair.observed for pair in agreed.models] == pytest.approx([6 / 8, 4 / 7])


def test_a_consensus_of_a_review_is_that_of_its_standing_verdicts(blind: Room) -> None:
    decide(blind, blind.anna, {1: ("change", "light"), 2: ("keep", ""), 5: ("keep", "")})
    decide(blind, blind.ben, {1: ("change", "light"), 2: ("exclude", "")})
    consensuses = agreement.consensus(blind.db, blind.anna, blind.review_id)
    assert consensuses.keys() == {1, 2}, "5 has one verdict, and that is nobody else's business yet"
    assert consensuses[1] == Consensus("change", ("light",), 1.0)
    assert (consensuses[2].action, consensuses[2].certainty) == ("keep", 0.5), (
        "too few cases for the models to have a weight"
    )
    models = agreement.agreement(blind.db, blind.anna, blind.review_id).models
    assert [(pair.first, pair.n) for pair in models] == [("anna", 2), ("ben", 1)], (
        "models can't say that a case should go"
    )


def test_disputes_are_settled_by_a_researcher_and_what_people_said_stays(blind: Room) -> None:
    db, review_id = blind.db, blind.review_id
    decide(blind, blind.anna, {1: ("keep", ""), 2: ("unsure", ""), 3: ("keep", ""), 4: ("keep", "")})
    decide(blind, blind.ben, {1: ("exclude", ""), 2: ("unsure", ""), 3: ("keep", "")})
    assert [suspect.rank for suspect in agreement.disputed(db, blind.admin, review_id)] == [1, 2]
    assert {verdict.person for verdict in agreement.disputed(db, blind.admin, review_id)[0].others} == {"anna", "ben"}
    with pytest.raises(NotAllowed, match="As reviewer"):
        agreement.settle(db, blind.anna, review_id, 1, "keep")
    with pytest.raises(NotAllowed):
        agreement.settle(db, blind.stranger, review_id, 1, "keep")
    with pytest.raises(SettingsError, match="settled as unsure"):
        agreement.settle(db, blind.admin, review_id, 1, "unsure")
    with pytest.raises(SettingsError, match="nothing to settle"):
        agreement.settle(db, blind.admin, review_id, 3, "exclude")
    made = agreement.settle(db, blind.admin, review_id, 1, "change", ["light"], "looked at twice")
    assert (made.is_settlement, made.action, made.labels, made.person) == (True, "change", ("light",), "first")
    assert [suspect.rank for suspect in agreement.disputed(db, blind.admin, review_id)] == [2]
    assert audit.entries(db, blind.admin, blind.admin.projects[0])[0].action == "settle"
    assert [verdict.action for verdict in verdicts.history(db, blind.anna, review_id, 1)] == [
        "keep",
        "exclude",
        "change",
    ]
    assert verdicts.undo(db, blind.admin, review_id) == [], "a settlement is changed by another one only"
    verdicts.decide(db, blind.ben, review_id, [1], "unsure")
    assert queue.progress(db, blind.ben, review_id, Filter()).disputed == 1, "settled stays settled"


def test_a_stranger_learns_nothing(blind: Room) -> None:
    for ask in (agreement.agreement, agreement.disputed, agreement.consensus):
        with pytest.raises(NotAllowed):
            ask(blind.db, blind.stranger, blind.review_id)

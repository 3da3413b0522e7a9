"""What readers' replies to probes are worth, with intervals: composition (is the true one of two captions the likelier
one?) and presence questions asked both ways (how often does a reader contradict itself?).

Patients are resampled, or cases where patients are unknown: all that was asked about a case stays together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.readings.results import as_markdown
from core.readings.statement import mean_of
from core.readings.tables import IN_BRACKETS, Table, of_before, of_readers
from core.sets.facts import FACT_KINDS
from core.sets.sentences import CaseProbes
from core.statistics.intervals import compared_pairs, in_brackets, measured

Plain = dict[str, Any]
Columns = dict[str, NDArray[np.float64]]
ALL = "all"
PRESENCE_TITLES = {"contradictions": "Contradicts itself", "accuracy": "Right answers", "yes": "Says yes"}
NOTES = (
    "Composition: the share of pairs of captions, which differ in one word, of which the reader finds the true one "
    "likelier, as an answer to “Describe this picture in one sentence.” Ties count half; guessing is right in half. "
    "Likelihoods are not divided by length, so where the two words are of unlike length or frequency it is not the "
    "picture alone that decides: what is as good with another case's picture was not seen.",
    "Presence: “Is there …?” and “Is there no …?” of every label, answered by yes or no, whichever is likelier. A "
    "reader contradicts itself where it says yes to both or no to both. General models do so in about 30 % of such "
    "pairs on chest X-rays (arXiv 2605.05810).",
)
Pairs = Sequence[Sequence[tuple[float, float]]]
"""Two numbers for each pair or question of each case."""


@dataclass(frozen=True)
class _ProbeRows:
    """One kind of probe over all cases: a row for each pair or question, and the group that it is resampled with."""

    groups: list[str]
    columns_of: Mapping[str, Columns]
    """By reader."""
    draws: int
    seed: int

    def figures(self, chosen: Mapping[str, str]) -> Plain:
        """{"readers", "differences"} of some columns, which get the names given here."""
        if not self.groups:
            return {"readers": {}, "differences": {}}
        weighted = {
            reader: mean_of({name: columns[column].tolist() for column, name in chosen.items()})
            for reader, columns in self.columns_of.items()
        }
        drawn_on = (len(self.groups), self.groups, self.draws, self.seed)
        return {
            "readers": {
                reader: {name: figure.plain() for name, figure in measured(figures, *drawn_on).items()}
                for reader, figures in weighted.items()
            },
            "differences": {
                f"{later} - {earlier}": {name: figure.plain() for name, figure in differences.items()}
                for (later, earlier), differences in compared_pairs(weighted, *drawn_on).items()
            },
        }


def probe_figures(
    probed: Sequence[CaseProbes],
    scores: Mapping[str, Pairs],
    blind_scores: Mapping[str, Pairs],
    leanings: Mapping[str, Pairs],
    draws: int,
    seed: int,
) -> Plain:
    """From the replies of readers, case by case: scores of captions, the same where another case's picture was shown,
    leanings of those that can be asked questions."""
    return {
        "cases": len(probed),
        "patients": len({probes.case.patient for probes in probed if probes.case.patient}) or None,
        "composition": _composition(probed, scores, blind_scores, draws, seed),
        "presence": _presence(probed, leanings, draws, seed),
    }


def tables(probes: Mapping[str, Any]) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """For people: a title, the heads of the columns, a row for each reader; set by set."""
    for name, of_set in probes["sets"].items():
        of = f" of {name}" if len(probes["sets"]) > 1 else ""
        composition, presence = of_set["composition"], of_set["presence"]
        if composition["readers"]:
            counts = composition["pairs"]
            heads = [
                f"{title} ({counts[kind]}{' pairs' if kind == ALL else ''})"
                for kind, title in composition["titles"].items()
            ]
            title = f"Composition: which of two captions is likelier ({of_set['cases']} cases{of})"
            yield title, ["reader", *heads], _rows(composition["readers"], composition["titles"])
            yield (
                f"The same pairs, with another case's picture{of}",
                ["reader", *heads],
                _rows(composition["blind"], composition["titles"]),
            )
        if presence["readers"]:
            title = f"Presence questions asked both ways ({of_set['cases']} cases{of}, {presence['questions']} pairs)"
            yield title, ["reader", *presence["titles"].values()], _rows(presence["readers"], presence["titles"])
            heads = ["label (pairs)", *presence["readers"]]
            yield f"Contradicts itself, by label{of}", heads, _by_label(presence, "contradictions")
            yield f"Right answers, by label{of}", heads, _by_label(presence, "accuracy")


def probe_tables(probes: Mapping[str, Any], titles: Mapping[str, str]) -> Iterator[Table]:
    """To take away: composition, the same with another case's picture, presence; set by set."""
    which = IN_BRACKETS + of_before(probes)
    for number, (name, of_set) in enumerate(probes["sets"].items()):
        note, suffix = f"n = {of_set['cases']:,} test cases of {name}. {which}", str(number or "")
        composition, presence = of_set["composition"], of_set["presence"]
        parts = (
            ("composition", "Which of two captions is likelier", composition, composition["readers"]),
            ("blind", "The same captions with another case's picture", composition, composition["blind"]),
            ("presence", "Presence asked both ways", presence, presence["readers"]),
        )
        for kind, title, probed, readers in parts:
            if readers:
                yield of_readers(f"probe-{kind}{suffix}", title, note, probed["titles"], readers, titles)


def probes_as_markdown(probes: Mapping[str, Any]) -> str:
    return "\n\n".join(f"**{title}**\n\n{as_markdown(heads, rows)}" for title, heads, rows in tables(probes)) + "\n"


def probe_notes(probes: Mapping[str, Any]) -> list[str]:
    """What has to be known beside the figures."""
    return [*probes["notes"], *NOTES, *_examples(probes)]


def _examples(probes: Mapping[str, Any]) -> Iterator[str]:
    """A pair of each kind, the true caption first."""
    for of_set in probes["sets"].values():
        for kind, (true, false) in of_set["composition"]["examples"].items():
            yield f"{of_set['composition']['titles'][kind]}, for example: “{true}” is true, “{false}” is not."


def _rows(readers: Mapping[str, Any], titles: Mapping[str, str]) -> list[list[str]]:
    return [[reader, *(in_brackets(figures.get(name)) for name in titles)] for reader, figures in readers.items()]


def _by_label(presence: Mapping[str, Any], figure: str) -> list[list[str]]:
    return [
        [f"{label} ({of_label['questions']})", *(in_brackets(row[figure]) for row in of_label["readers"].values())]
        for label, of_label in presence["labels"].items()
    ]


def _composition(
    probed: Sequence[CaseProbes],
    scores: Mapping[str, Pairs],
    blind_scores: Mapping[str, Pairs],
    draws: int,
    seed: int,
) -> Plain:
    kinds = np.array([pair.kind for probes in probed for pair in probes.pairs], dtype=object)
    present = [kind for kind in FACT_KINDS if kind in kinds]
    titles: dict[str, str] = {ALL: "All", **{kind: FACT_KINDS[kind] for kind in present}}
    pairs: dict[str, int] = {ALL: len(kinds), **{kind: int((kinds == kind).sum()) for kind in present}}
    groups = _groups(probed, lambda probes: len(probes.pairs))
    own, blind = (
        _ProbeRows(groups, {reader: _wins(of_cases, kinds, present) for reader, of_cases in heard.items()}, draws, seed)
        for heard in (scores, blind_scores)
    )
    columns = {name: name for name in titles}
    examples = {pair.kind: [pair.true, pair.false] for probes in reversed(probed) for pair in probes.pairs}
    return {
        "titles": titles,
        "pairs": pairs,
        "examples": {kind: examples[kind] for kind in present},
        **own.figures(columns),
        "blind": blind.figures(columns)["readers"],
    }


def _wins(of_cases: Pairs, kinds: NDArray[np.object_], present: Sequence[str]) -> Columns:
    """1 where the true caption scores higher, 0 where the false one does, half at a tie."""
    ahead = np.array([true - false for of_case in of_cases for true, false in of_case])
    wins = (np.sign(ahead) + 1) / 2
    return {ALL: wins, **{kind: np.where(kinds == kind, wins, np.nan) for kind in present}}


def _presence(probed: Sequence[CaseProbes], leanings: Mapping[str, Pairs], draws: int, seed: int) -> Plain:
    labels = [about.label for probes in probed for about in probes.questions]
    truth = np.array([about.is_there for probes in probed for about in probes.questions], dtype=bool)
    columns_of = {reader: _answered(of_cases, truth, labels) for reader, of_cases in leanings.items()}
    rows = _ProbeRows(_groups(probed, lambda probes: len(probes.questions)), columns_of, draws, seed)
    return {
        "titles": PRESENCE_TITLES,
        "questions": len(labels),
        **rows.figures({name: name for name in PRESENCE_TITLES}),
        "labels": {
            label: {
                "questions": labels.count(label),
                "readers": rows.figures({f"{name} of {label}": name for name in PRESENCE_TITLES})["readers"],
            }
            for label in dict.fromkeys(labels)
        },
    }


def _answered(of_cases: Pairs, truth: NDArray[np.bool_], labels: Sequence[str]) -> Columns:
    """Of every question with its opposite: whether the same was said to both, the share of right answers, of yes."""
    yes = np.array([leaning for of_case in of_cases for leaning in of_case], dtype=np.float64).reshape(-1, 2) > 0
    right = np.stack([yes[:, 0] == truth, yes[:, 1] == ~truth], axis=1)
    values = {"contradictions": yes[:, 0] == yes[:, 1], "accuracy": right.mean(1), "yes": yes.mean(1)}
    columns = {name: column.astype(np.float64) for name, column in values.items()}
    for label in dict.fromkeys(labels):
        is_its = np.array([of_question == label for of_question in labels])
        columns |= {f"{name} of {label}": np.where(is_its, columns[name], np.nan) for name in PRESENCE_TITLES}
    return columns


def _groups(probed: Sequence[CaseProbes], count: Callable[[CaseProbes], int]) -> list[str]:
    """A patient's name, or a case's where the patient is unknown, for each pair or question."""
    names = [f"patient {probes.case.patient}" if probes.case.patient else f"case {probes.case.id}" for probes in probed]
    return [name for name, probes in zip(names, probed, strict=True) for _ in range(count(probes))]

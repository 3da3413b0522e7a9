"""The same answers scored in other ways than by the sum of their tokens' log-probabilities, for which an answer of many
or rare tokens pays whatever the picture shows. Off the main distribution: figures beside it, and columns on Compare.

- the mean a token: log p(answer | picture) / its tokens, the one that ends it included;
- PMI, pointwise mutual information: log p(answer | picture) - log p(answer | a blank picture), under the same prompt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.case import Task
from core.readings.answer import Answer, softmax
from core.statistics import metrics
from core.statistics.effect import signed
from core.statistics.intervals import Figure, Groups, in_brackets
from core.statistics.metrics import Labels

MEAN, PMI = "length_normalised", "pmi"
TITLES = {MEAN: "length-normalised", PMI: "PMI"}
FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "auroc")
DECIDING = "macro_f1"
ABOUT = (
    "Length-normalised: the mean log-probability a token; PMI: the log-probability less that before a blank picture. "
    "The difference in macro F1 is to the sum, which is what the reader answers by everywhere else."
)
Scores = tuple[float, ...]


def other_scores(answer: Answer) -> dict[str, Scores]:
    """Of every candidate, by the name of the score: PMI where it is known what is said of a blank picture."""
    tokens = answer.token_log_likelihoods
    scores = {MEAN: tuple(sum(of_candidate) / len(of_candidate) for of_candidate in tokens)} if tokens else {}
    if tokens and answer.blank:
        scores[PMI] = tuple(sum(seen) - unseen for seen, unseen in zip(tokens, answer.blank, strict=True))
    return scores


def tables(results: Mapping[str, Any]) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """For people: a title, the heads of the columns, a row for each reader and score; set by set."""
    for set_name, of_set in (results.get("sets") or {"": results}).items():
        rows = [
            [f"{reader} ({TITLES[score]})", *_cells(measured)]
            for reader, of_reader in (of_set.get("other_scores") or {}).items()
            for score, measured in of_reader.items()
        ]
        if rows:
            title = f"Scored in other ways{f', {set_name}' if set_name else ''}"
            yield (
                title,
                ["reader", *(metrics.TITLES[figure] for figure in FIGURES), f"{metrics.TITLES[DECIDING]}, difference"],
                rows,
            )


def figures_of_scores(
    answers: Sequence[Answer], labels: Labels, task: Task, groups: Groups, draws: int, seed: int
) -> dict[str, Any]:
    """By score: its figures, and how they differ from those of the sum. Of readers that read a blank picture too."""
    if task.kind == "multi" or not all(answer.blank for answer in answers):
        return {}
    drawn_on = (labels, task.kind, task.answers, groups, draws, seed)
    by_sum = [answer.probabilities for answer in answers]
    return {
        score: {
            "figures": _plain(metrics.figures(likely, *drawn_on)),
            "differences": _plain(metrics.paired(likely, by_sum, *drawn_on)),
        }
        for score in TITLES
        for likely in [[softmax(other_scores(answer)[score]) for answer in answers]]
    }


def _plain(figures: Mapping[str, Figure]) -> dict[str, Any]:
    return {name: figure.plain() for name, figure in figures.items() if name in FIGURES}


def _cells(measured: Mapping[str, Any]) -> list[str]:
    gap = measured["differences"][DECIDING]
    difference = signed(gap["value"], gap["low"], gap["high"], gap.get("why"))
    return [*(in_brackets(measured["figures"].get(figure)) for figure in FIGURES), difference]

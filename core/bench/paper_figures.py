"""What arXiv 2410.06456 prints, beside what a run here measures.

The figures are those of the paper's main table, all readers on the twelve sets, with InternVL2-2B at 224 pixels; the
number of that table was not noted down when it was read. Of the ablations, the incomplete instructions and the
external sets no figure was noted down, so none stands here. AUROC is not in the paper.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from core.bench.curve_figures import Mean, mean_of
from core.layouts.medmnist import facts_named
from core.layouts.safe_csv import as_csv
from core.readings.results import as_markdown
from core.statistics.metrics import TITLES
from core.statistics.rounding import rounded

SOURCE = "arXiv 2410.06456, main table (InternVL2-2B, 224 pixels)"
FIGURES = ("accuracy", "macro_f1", "auroc")
PRINTED_FIGURES = ("accuracy", "macro_f1")
READERS = ("tsm", "vanilla", "vitask", "vitask+tsm")
"""The columns of the paper's table by our names."""
PRINTED: Mapping[str, tuple[tuple[float, float], ...]] = {
    "pathmnist": ((0.933, 0.926), (0.926, 0.896), (0.939, 0.911), (0.953, 0.937)),
    "chestmnist": ((0.533, 0.095), (0.523, 0.024), (0.513, 0.102), (0.517, 0.129)),
    "dermamnist": ((0.846, 0.792), (0.770, 0.499), (0.810, 0.633), (0.877, 0.772)),
    "octmnist": ((0.934, 0.941), (0.726, 0.704), (0.853, 0.846), (0.952, 0.952)),
    "pneumoniamnist": ((0.968, 0.965), (0.886, 0.873), (0.888, 0.872), (0.931, 0.923)),
    "retinamnist": ((0.472, 0.424), (0.590, 0.370), (0.625, 0.457), (0.632, 0.522)),
    "breastmnist": ((0.897, 0.866), (0.744, 0.524), (0.846, 0.798), (0.865, 0.828)),
    "bloodmnist": ((0.987, 0.990), (0.931, 0.818), (0.983, 0.864), (0.991, 0.870)),
    "tissuemnist": ((0.697, 0.681), (0.569, 0.419), (0.643, 0.538), (0.761, 0.690)),
    "organamnist": ((0.934, 0.950), (0.828, 0.801), (0.924, 0.917), (0.955, 0.950)),
    "organcmnist": ((0.869, 0.898), (0.778, 0.742), (0.889, 0.871), (0.920, 0.908)),
    "organsmnist": ((0.726, 0.737), (0.635, 0.578), (0.758, 0.710), (0.809, 0.765)),
}
"""Accuracy and macro F1 of each reader, by set."""
Results = Mapping[str, Any]
"""Of a run: what its metrics.json holds."""


@dataclass(frozen=True)
class Row:
    """A reader on a set: ours over seeds, and the paper's where it has such a reader."""

    set: str
    cases: int
    reader: str
    ours: Mapping[str, Mean]
    printed: Mapping[str, float]

    def cells(self) -> list[str]:
        own = {name: self.ours[name].words() if name in self.ours else "–" for name in FIGURES}
        pairs = [(own[name], _words(self.printed, name)) for name in PRINTED_FIGURES]
        return [self.set, f"{self.cases:,}", self.reader, *(cell for pair in pairs for cell in pair), own["auroc"]]


def printed(name: str, reader: str) -> dict[str, float]:
    """What the paper has of a reader on a set, by figure; nothing where it has no such reader."""
    if reader not in READERS or name not in PRINTED:
        return {}
    return dict(zip(PRINTED_FIGURES, PRINTED[name][READERS.index(reader)], strict=True))


def rows_of(of_seeds: Sequence[Results], names: Sequence[str]) -> list[Row]:
    """All readers of these sets, named as MedMNIST names them, in the order of the runs."""
    rows = []
    for name in names:
        parts = [_of_set(results, name, len(names)) for results in of_seeds]
        measured = [part["readers"] for part in parts]
        for reader in measured[0]:
            means = {figure: _mean(measured, reader, figure) for figure in FIGURES}
            ours = {figure: each for figure, each in means.items() if each is not None}
            rows.append(Row(name, parts[0]["cases"], reader, ours, printed(name, reader)))
    return rows


def _of_set(results: Results, name: str, sets: int) -> Mapping[str, Any]:
    """A run of one set tells its figures at once, a joint run by what its files are called, in an order of its own."""
    if sets == 1:
        return results
    by_file: Mapping[str, Mapping[str, Any]] = results["sets"]
    return next(part for file, part in by_file.items() if (facts := facts_named(file)) and facts.name == name)


def _mean(of_seeds: Sequence[Mapping[str, Any]], reader: str, figure: str) -> Mean | None:
    figures = [each for readers in of_seeds if (each := readers[reader].get(figure)) and each["value"] is not None]
    return mean_of(figures, 0, 1)


def markdown(rows: Sequence[Row], departures: Sequence[str]) -> str:
    """Ours beside the paper's, set by set, then the means over these sets, then what was done otherwise."""
    head = ["set", "test cases", "reader"]
    for name in PRINTED_FIGURES:
        head += [TITLES[name], "paper"]
    table = as_markdown([*head, TITLES["auroc"]], [*(row.cells() for row in rows), *_means(rows)])
    listed = "\n".join(f"- {sentence}" for sentence in departures)
    about = (
        f"Paper: {SOURCE}. Ours: with 95 % intervals over test cases and, of several seeds, between them. A case of "
        "several labels is right where all of them are, in both. Research use only."
    )
    return f"{table}\n\n{about}\n\nDepartures:\n\n{listed}\n"


def _means(rows: Sequence[Row]) -> Iterator[list[str]]:
    """Of readers that are measured on all sets; the paper's over the same sets."""
    names = list(dict.fromkeys(row.set for row in rows))
    for reader in dict.fromkeys(row.reader for row in rows):
        own = [row for row in rows if row.reader == reader]
        if len(own) < len(names) or len(names) < 2:
            continue
        cells = []
        for name in PRINTED_FIGURES:
            cells += [_average([row.ours.get(name) for row in own]), _words(_printed_means(own), name)]
        cells.append(_average([row.ours.get("auroc") for row in own]))
        yield [f"mean of {len(names)}", "", reader, *cells]


def _average(means: Sequence[Mean | None]) -> str:
    values = [each.value for each in means if each is not None]
    return rounded(mean(values)) if len(values) == len(means) else "–"


def _printed_means(rows: Sequence[Row]) -> dict[str, float]:
    if not all(row.printed for row in rows):
        return {}
    return {name: mean(row.printed[name] for row in rows) for name in PRINTED_FIGURES}


def _words(figures: Mapping[str, float], name: str) -> str:
    return rounded(figures[name]) if name in figures else "–"


def in_rows(rows: Sequence[Row]) -> list[dict[str, object]]:
    """A row for each set, reader and figure, in numbers."""
    return [
        {
            "set": row.set,
            "test cases": row.cases,
            "reader": row.reader,
            "figure": TITLES[name],
            "seeds": each.seeds,
            "ours": each.value,
            "low": each.low,
            "high": each.high,
            "paper": row.printed.get(name),
        }
        for row in rows
        for name, each in row.ours.items()
    ]


def as_table(rows: Sequence[Row]) -> str:
    """The same for a spreadsheet."""
    numbers = in_rows(rows)
    return as_csv(list(numbers[0]), [list(row.values()) for row in numbers])

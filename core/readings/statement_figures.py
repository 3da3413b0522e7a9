"""What readers said beside their distributions is worth, kind by kind, and how readers differ in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.readings.reading import Reading
from core.readings.statement import Statement, statement_in
from core.statistics.intervals import Difference, Figure, Weighted, compared_pairs, in_brackets, measured

Plain = dict[str, Any]


def statement_figures(readers: Mapping[str, Sequence[Reading]], draws: int, seed: int) -> Plain:
    """Of readers that read the same cases in the same order. Cases whose reference is not known are not measured."""
    kinds = dict.fromkeys(type(statement) for rows in readers.values() for row in rows for statement in row.answer.said)
    return {kind.KIND: _of_kind(kind, readers, draws, seed) for kind in kinds}


def tables(results: Mapping[str, Any]) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """For people: a title, the heads of the columns, a row for each reader; kind by kind, set by set."""
    for set_name, of_set in (results.get("sets") or {"": results}).items():
        for kind in (of_set.get("statements") or {}).values():
            title = f"{kind['title']} ({kind['cases']} cases with a reference{f' of {set_name}' if set_name else ''})"
            rows = [
                [reader, *(in_brackets(figures.get(name)) for name in kind["titles"])]
                for reader, figures in kind["readers"].items()
            ]
            yield title, ["reader", *kind["titles"].values()], rows


def _of_kind(kind: type[Statement], readers: Mapping[str, Sequence[Reading]], draws: int, seed: int) -> Plain:
    speakers = {
        name: rows
        for name, rows in readers.items()
        if all(statement_in(row.answer.said, kind) is not None for row in rows)
    }
    measurable = [
        place
        for place, row in enumerate(next(iter(speakers.values()), ()))
        if statement_in(row.references, kind) is not None
    ]
    weighted = {
        name: _weighted(kind, [rows[place] for place in measurable]) for name, rows in speakers.items() if measurable
    }
    patients = [next(iter(speakers.values()))[place].patient for place in measurable]
    drawn_on = (len(measurable), patients, draws, seed)
    return {
        "title": kind.TITLE,
        "titles": dict(kind.FIGURES),
        "cases": len(measurable),
        "readers": {name: _plain(measured(figures, *drawn_on)) for name, figures in weighted.items()},
        "differences": {
            f"{later} - {earlier}": _plain(differences)
            for (later, earlier), differences in compared_pairs(weighted, *drawn_on).items()
        },
    }


def _weighted(kind: type[Statement], rows: Sequence[Reading]) -> Weighted:
    statements = [statement_in(row.answer.said, kind) for row in rows]
    references = [statement_in(row.references, kind) for row in rows]
    return kind.measured(
        [statement for statement in statements if statement], [statement for statement in references if statement]
    )


def _plain(figures: Mapping[str, Figure] | Mapping[str, Difference]) -> Plain:
    return {name: figure.plain() for name, figure in figures.items()}

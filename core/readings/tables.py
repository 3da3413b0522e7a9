"""What is taken away of a run as tables: as people read them, and as numbers for a program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import Any

from core.case import Task
from core.layouts.safe_csv import as_csv
from core.readings.answer import entropy, likeliest
from core.readings.benefit import Benefit, Duel, about_bands, duel_words
from core.readings.calibration import Calibration, Calibrations, for_set
from core.readings.meaning import has_several_labels
from core.readings.reading import Reading
from core.readings.sureness import TITLES as SURENESS
from core.readings.worth import Worth, worths
from core.statistics.effect import in_print
from core.statistics.ends import INTERVALS
from core.statistics.intervals import in_brackets
from core.statistics.metrics import TITLES
from core.statistics.rounding import rounded

BY_LABEL = {
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "PPV",
    "npv": "NPV",
    "auroc": "AUROC",
}
FOUR_CELLS = ("TP", "FN", "FP", "TN")
ABOUT_FOUR_CELLS = (
    "Cases by label: TP has the label and was answered so, FN has it and was not, FP has it not and was answered so, "
    "TN neither."
)
IN_BRACKETS = "95 % intervals over patients, or over cases where patients are unknown, in brackets."
OF_BEFORE = " They are percentiles of a bootstrap, as of all runs then, and narrower than they should be of few cases."
WHOSE_ENDS = {False: "this pair alone", True: "all pairs at once"}
Plain = Mapping[str, Any]
Cell = str | float | int | None


@dataclass(frozen=True)
class Table:
    """`heads` and `rows` are for print; `columns` and `cells` say it in numbers, an end of an interval a column."""

    name: str
    title: str
    note: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]

    def as_csv(self) -> str:
        return as_csv(self.columns, self.cells)


def tables_of(results: Plain, benefits: Sequence[Benefit], titles: Mapping[str, str]) -> tuple[Table, ...]:
    """What there is of them: paired differences, figures, figures by label, confusion."""
    parts, which = results.get("sets") or {"": results}, IN_BRACKETS + of_before(results)
    made = (
        _differences(benefits, worths(results), titles, which),
        _figures(parts, titles, which),
        _by_label(parts, titles, which),
        _confusion(parts, titles),
        *_calibrated(parts, titles, which),
        *_said(parts, titles, which),
    )
    return tuple(table for table in made if table.rows)


def of_before(results: Plain) -> str:
    """What has to be said of the intervals of runs that kept others; nothing of those of today."""
    return "" if results.get("intervals") == INTERVALS else OF_BEFORE


def readings_as_csv(
    readings: Iterable[Reading], tasks: Mapping[str, Task], calibrations: Calibrations = MappingProxyType({})
) -> str:
    """A row a reading: what was answered, and the probability of every answer, raw and calibrated."""
    answers = tuple(dict.fromkeys(chain.from_iterable(task.answers for task in tasks.values())))
    head = ("set", "case", "split", "patient", "reference label", "reader", "answer", "entropy bits", "free text")
    columns = [f"p({answer})" for answer in answers]
    if any(calibrations.values()):
        columns += [f"calibrated p({answer})" for answer in answers]
    rows = (
        _reading_row(reading, tasks[reading.set], answers, for_set(calibrations, reading.set)) for reading in readings
    )
    return as_csv([*head, *columns], ([*row, *[None] * (len(head) + len(columns) - len(row))] for row in rows))


def _reading_row(
    reading: Reading, task: Task, answers: Sequence[str], calibrations: Mapping[str, Calibration]
) -> list[Cell]:
    likely = dict(zip(task.answers, reading.answer.probabilities, strict=True))
    answer = likeliest(reading.answer.probabilities, task)
    row: list[Cell] = [reading.set, reading.case, reading.split, reading.patient, "; ".join(reading.labels)]
    row += [reading.reader, "; ".join(answer), round(entropy(reading.answer.probabilities, task), 6)]
    row += [reading.answer.text, *(likely.get(answer) for answer in answers)]
    if reading.reader in calibrations:
        calibrated = calibrations[reading.reader].of(reading.answer.probabilities, task.kind).tolist()
        row += map(dict(zip(task.answers, calibrated, strict=True)).get, answers)
    return row


def _duels(benefit: Benefit, worth: Sequence[Worth]) -> tuple[Duel, ...]:
    """With that of the best readers last of those over answers, where it is none of them."""
    best = [each.duel for each in worth if each.set == benefit.set]
    more = [duel for duel in best if benefit.duel(duel.reader, duel.rival) is None]
    return (*benefit.duels, *more, *benefit.beside)


def _differences(benefits: Sequence[Benefit], worth: Sequence[Worth], titles: Mapping[str, str], which: str) -> Table:
    rows, cells = [], []
    for benefit in benefits:
        for duel in _duels(benefit, worth):
            gap, names = duel.deciding, [titles.get(name, name) for name in (duel.reader, duel.rival)]
            values = ["–" if value is None else rounded(value) for value in (gap.value, gap.of_rival)]
            figure = gap.title if duel.cases == benefit.cases else f"{gap.title} (n = {duel.cases:,})"
            rows.append((*_set(benefit.set), *names, figure, *values, in_print(gap.words()), duel_words(duel)))
            whose = (benefit.set, duel.reader, duel.rival)
            ends = [
                (each.value, each.of_rival, each.difference, each.low, each.high, each.why, WHOSE_ENDS[each.is_band])
                for each in duel.gaps
            ]
            cells += [(*whose, each.title, duel.cases, *row) for each, row in zip(duel.gaps, ends, strict=True)]
    cases = ", ".join(f"{benefit.cases:,}" for benefit in benefits)
    heads = ("Reader", "Against", "Figure", "Reader's", "Other's", "Difference", "In words")
    columns = (
        "set",
        "reader",
        "against",
        "figure",
        "cases",
        "value",
        "of the other",
        "difference",
        "low",
        "high",
        "why no interval",
        "interval of",
    )
    has_fewer = any(duel.cases != benefit.cases for benefit in benefits for duel in benefit.beside)
    but = ", where none stands beside the figure" if has_fewer else ""
    note = (
        f"n = {cases} test cases{but}. Paired differences on the same cases and draws. {which}{about_bands(benefits)}"
    )
    has_sets = any(benefit.set for benefit in benefits)
    return Table(
        "differences",
        "Whether it helped",
        note,
        (*_set("Set" if has_sets else ""), *heads),
        tuple(rows),
        columns,
        tuple(cells),
    )


def _figures(parts: Mapping[str, Plain], titles: Mapping[str, str], which: str) -> Table:
    shown = [name for name in TITLES if any(name in row for part in parts.values() for row in part["readers"].values())]
    rows, cells = [], []
    for set_name, part in parts.items():
        for reader, figures in part["readers"].items():
            rows.append((*_set(set_name), titles.get(reader, reader), *(in_brackets(figures.get(n)) for n in shown)))
            ends = chain.from_iterable(_ends(figures.get(name)) for name in shown)
            cells.append((set_name, reader, part.get("cases"), *ends))
    columns = ("set", "reader", "cases", *chain.from_iterable(map(_columns, shown)))
    heads = (*_set("Set" if any(parts) else ""), "Reader", *(TITLES[name] for name in shown))
    return Table("figures", "Figures of the test cases", _note(parts, which), heads, tuple(rows), columns, tuple(cells))


def _by_label(parts: Mapping[str, Plain], titles: Mapping[str, str], which: str) -> Table:
    rows, cells = [], []
    for set_name, part in parts.items():
        for reader, labels in part.get("per_class", {}).items():
            for label, figures in labels.items():
                count = round(figures["support"]["value"])
                shown = (in_brackets(figures.get(name)) for name in BY_LABEL)
                rows.append((*_set(set_name), titles.get(reader, reader), label, f"{count:,}", *shown))
                ends = chain.from_iterable(_ends(figures.get(name)) for name in BY_LABEL)
                cells.append((set_name, reader, label, count, *ends))
    columns = ("set", "reader", "label", "cases", *chain.from_iterable(map(_columns, BY_LABEL)))
    heads = (*_set("Set" if any(parts) else ""), "Reader", "Label", "n", *BY_LABEL.values())
    return Table("labels", "Figures label by label", _note(parts, which), heads, tuple(rows), columns, tuple(cells))


def _confusion(parts: Mapping[str, Plain], titles: Mapping[str, str]) -> Table:
    cells = tuple(
        (set_name, reader, label, answer, count)
        for set_name, part in parts.items()
        for reader, counts in part.get("confusion", {}).items()
        for label, answer, count in _counts(list(part["per_class"][reader]), counts)
    )
    tables = [
        (set_name, titles.get(reader, reader), list(part["per_class"][reader]), counts)
        for set_name, part in parts.items()
        for reader, counts in part.get("confusion", {}).items()
        if counts
    ]
    is_by_label = any(has_several_labels(counts) for *_, counts in tables)
    most = max((len(labels) for *_, labels, _ in tables), default=0)
    answers = tuple(FOUR_CELLS) if is_by_label else tuple(str(place + 1) for place in range(most))
    rows = tuple(
        (*_set(set_name), reader, *row, *[""] * (len(answers) + 1 - len(row)))
        for set_name, reader, labels, counts in tables
        for row in (_by_four_cells if is_by_label else _matrix)(labels, counts)
    )
    heads = (*_set("Set" if any(parts) else ""), "Reader", "Reference label", *answers)
    columns = ("set", "reader", "reference label", "answer", "cases")
    about = ABOUT_FOUR_CELLS if is_by_label else "The columns are the answers, by the numbers of the labels."
    note = f"n = {_cases(parts)} test cases. {about}"
    return Table("confusion", "Reference labels and answers", note, heads, rows, columns, cells)


def _matrix(labels: Sequence[str], counts: Sequence[Any]) -> Iterator[tuple[str, ...]]:
    """A row a reference label, a column an answer."""
    for number, (label, row) in enumerate(zip(labels, counts, strict=True), 1):
        yield (f"{number} {label}", *(f"{count:,}" for count in row))


def _by_four_cells(labels: Sequence[str], counts: Sequence[Any]) -> Iterator[tuple[str, ...]]:
    """A row a label, against all that is not it."""
    for place, label in enumerate(labels):
        (neither, alarms), (missed, right) = counts[place] if has_several_labels(counts) else _against(place, counts)
        yield (label, *(f"{count:,}" for count in (right, missed, alarms, neither)))


def _against(place: int, counts: Sequence[Any]) -> tuple[tuple[int, int], tuple[int, int]]:
    """A label's table of 2 x 2 out of the counts of all labels."""
    right, whole = counts[place][place], sum(map(sum, counts))
    missed, alarms = sum(counts[place]) - right, sum(row[place] for row in counts) - right
    return (whole - right - missed - alarms, alarms), (missed, right)


def _counts(labels: Sequence[str], counts: Sequence[Any]) -> Iterator[tuple[str, str, int]]:
    if counts and has_several_labels(counts):
        for label, table in zip(labels, counts, strict=True):
            for there, row in zip((f"not {label}", label), table, strict=True):
                yield from ((there, answer, count) for answer, count in zip((f"not {label}", label), row, strict=True))
        return
    for label, row in zip(labels, counts, strict=True):
        yield from ((label, answer, count) for answer, count in zip(labels, row, strict=True))


def _calibrated(parts: Mapping[str, Plain], titles: Mapping[str, str], which: str) -> Iterator[Table]:
    """How far probabilities can be believed, raw and calibrated: a table a set."""
    heads = {"temperature": "Temperature"} | {
        f"{figure}_{way}": f"{title}, {way}" for figure, title in SURENESS.items() for way in ("raw", "calibrated")
    }
    for number, (set_name, part) in enumerate(parts.items()):
        calibrated = part.get("calibration") or {}
        if calibrated:
            of_set = f" of {set_name}" if set_name else ""
            validated = next(iter(calibrated.values()))["cases"]
            note = f"n = {part['cases']:,} test cases{of_set}; temperatures by {validated:,} validation cases. {which}"
            readers = {
                reader: {"temperature": {"value": row["temperature"], "low": None, "high": None}}
                | {f"{figure}_{way}": row[way][figure] for figure in SURENESS for way in ("raw", "calibrated")}
                for reader, row in calibrated.items()
            }
            yield of_readers(f"calibration{number or ''}", "Raw and calibrated", note, heads, readers, titles)


def _said(parts: Mapping[str, Plain], titles: Mapping[str, str], which: str) -> Iterator[Table]:
    """Boxes, masks and whatever else readers say beside an answer: a table a kind and set."""
    for number, (set_name, part) in enumerate(parts.items()):
        for kind, said in (part.get("statements") or {}).items():
            of_set = f" of {set_name}" if set_name else ""
            note = f"n = {said['cases']:,} test cases{of_set} with a reference. {which}"
            table_name = f"said-{kind}{number or ''}"
            yield of_readers(table_name, said["title"], note, said["titles"], said["readers"], titles)


def of_readers(
    name: str,
    title: str,
    note: str,
    figures: Mapping[str, str],
    readers: Mapping[str, Mapping[str, Plain]],
    titles: Mapping[str, str],
) -> Table:
    """A row a reader, a column a figure."""
    rows = tuple(
        (titles.get(reader, reader), *(in_brackets(measured.get(figure)) for figure in figures))
        for reader, measured in readers.items()
    )
    cells = tuple(
        (reader, *chain.from_iterable(_ends(measured.get(figure)) for figure in figures))
        for reader, measured in readers.items()
    )
    columns = ("reader", *chain.from_iterable(map(_columns, figures)))
    return Table(name, title, note, ("Reader", *figures.values()), rows, columns, cells)


def _set(name: str) -> tuple[str, ...]:
    return (name,) if name else ()


def _cases(parts: Mapping[str, Plain]) -> str:
    return ", ".join(f"{part.get('cases', 0):,}" for part in parts.values())


def _note(parts: Mapping[str, Plain], which: str) -> str:
    return f"n = {_cases(parts)} test cases. {which}"


def _columns(figure: str) -> tuple[str, ...]:
    return (figure, f"{figure} low", f"{figure} high", f"{figure} why no interval")


def _ends(figure: Plain | None) -> tuple[Cell, ...]:
    return tuple((figure or {}).get(end) for end in ("value", "low", "high", "why"))

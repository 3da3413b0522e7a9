"""What may go along with a label: every column of a set, where cases come from, and what is measured of pictures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from unicodedata import normalize

import numpy as np

from core.case import Case
from core.checks.along import Places, binned
from core.layouts.classes import class_named
from core.layouts.splits import split_named
from core.pictures.traces import MEASURES, Trace

MOST_VALUES = 12
LEAST_CASES = 5
"""A value that fewer cases have is one with all other rare ones."""
MOSTLY = 0.9
PREFIX = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Property:
    """A property of every case: of what place, what is measured there, and in which bin each case is. `is_beside` what
    a picture shows: such a one is explained by nothing in the picture."""

    place: str
    name: str
    bins: Places
    is_beside: bool


def beside_pictures(cases: Sequence[Case], traces: Sequence[Trace], answers: Sequence[str]) -> list[Property]:
    """Columns, where cases come from, and their files: whatever varies and is no label itself."""
    columns = dict.fromkeys(name for case in cases for name in case.more)
    texts = {f'column "{name}"': [case.more.get(name, "").strip() for case in cases] for name in columns}
    texts["patient's prefix"] = [_prefix(case.patient) for case in cases]
    texts["kind of file"] = [trace.kind for trace in traces]
    folders = [_folder(case.id, answers) for case in cases]
    if not _is_the_label(folders, cases):
        texts["source folder"] = folders
    of_texts = [
        Property(place, "value", bins, True)
        for place, values in texts.items()
        if not _names_labels(values, cases) and (bins := _bins(values)) is not None
    ]
    return [*of_texts, *_measured(traces, "file")]


def in_pictures(traces: Sequence[Trace]) -> list[Property]:
    """What is seen at the border."""
    return list(_measured(traces, "border"))


def of_middle(traces: Sequence[Trace]) -> list[Property]:
    return list(_measured(traces, "middle"))


def _measured(traces: Sequence[Trace], where: str) -> Iterator[Property]:
    measures = np.stack([trace.measures for trace in traces]).astype(np.float64)
    for column, measure in enumerate(MEASURES):
        if measure.where == where and np.ptp(measures[:, column]) > 0:
            yield Property(measure.place, measure.name, binned(measures[:, column]), where == "file")


def _bins(values: Sequence[str]) -> Places | None:
    """None for what is the same in all cases, or almost another in each, as a name is."""
    numbers = [_number(value) for value in values]
    has_numbers = sum(number is not None for number in numbers) >= MOSTLY * len(values)
    if has_numbers and len(set(numbers)) > MOST_VALUES:
        least = min(number for number in numbers if number is not None)
        return binned(np.array([least - 1 if number is None else number for number in numbers]))
    counts = Counter(values)
    common = [value for value, count in counts.most_common(MOST_VALUES - 1) if count >= LEAST_CASES]
    if len(counts) < 2 or sum(counts[value] for value in common) < len(values) / 2:
        return None
    places = {value: place for place, value in enumerate(common)}
    bins = np.array([places.get(value, len(common)) for value in values], np.int64)
    return bins if len(np.unique(bins)) > 1 else None


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _prefix(patient: str | None) -> str:
    match = PREFIX.match(patient or "")
    return match.group() if match else ""


def _folder(name: str, answers: Sequence[str]) -> str:
    """The folders above a file that are called neither after a label nor after a split."""
    labels = {_plain(label) for label in answers}
    parts = name.split("/")[:-1]
    return "/".join(part for part in parts if _plain(part) not in labels and split_named(part) is None)


def _names_labels(values: Sequence[str], cases: Sequence[Case]) -> bool:
    """Whether a column is the labels told once more."""
    pairs = zip(values, cases, strict=True)
    same = sum(_plain(value) in {_plain(label) for label in case.labels} for value, case in pairs)
    return same >= MOSTLY * len(cases)


def _is_the_label(values: Sequence[str], cases: Sequence[Case]) -> bool:
    """Whether each value has a label of its own, as folders do that labels were read from under other names."""
    pairs = {(value, case.labels) for value, case in zip(values, cases, strict=True)}
    return len(pairs) == len(set(values)) == len({labels for _, labels in pairs})


def _plain(text: str) -> str:
    """As labels are compared, which folders and columns may spell with underscores."""
    return class_named(normalize("NFC", text)).casefold()

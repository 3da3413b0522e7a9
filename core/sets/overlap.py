"""What training and test have in common, and the sets of a joint run: the same pictures, near copies, patients."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

from core.pictures.looks import Look
from core.sets.alike import picture_ties
from core.sets.joint import Item

Groups = list[list[int]]
SAME, NEAR, PATIENTS = "The same picture", "Almost the same picture", "A patient (by the names that the sets give)"


def overlap(items: Sequence[Item], looks: Sequence[Look]) -> list[str]:
    """A sentence for everything that was looked for in these cases and their pictures, also where nothing was found;
    cases without a split take no part."""
    dealt = [(item, look) for item, look in zip(items, looks, strict=True) if item.case.split]
    return _of_dealt([item for item, _ in dealt], [look for _, look in dealt])


def _of_dealt(items: Sequence[Item], looks: Sequence[Look]) -> list[str]:
    has_patients = any(item.case.patient for item in items)
    groups = {
        SAME: _groups([None if look.problem else look.shown for look in looks]),
        NEAR: _near(looks),
        PATIENTS: _groups([item.case.patient for item in items]),
    }
    sentences = []
    for where, places in _divisions(items):
        for title, alike in groups.items():
            if title == PATIENTS and not has_patients:
                outcome = "not looked for, since no case names its patient"
            else:
                outcome = _outcome(items, [group for group in alike if len({places[row] for row in group}) > 1])
            sentences.append(f"{title} in more than one {where}: {outcome}.")
    unread = sum(bool(look.problem) for look in looks)
    return [*sentences, *([f"Not looked at: {unread:,} pictures that can't be opened."] if unread else [])]


def _divisions(items: Sequence[Item]) -> list[tuple[str, list[Hashable]]]:
    """What cases are divided into, and the part of each: splits, and the sets where there are several."""
    splits: list[Hashable] = [item.case.split for item in items]
    sets: list[Hashable] = [item.set for item in items]
    return [("split", splits), *([("of the sets", sets)] if len(set(sets)) > 1 else [])]


def _groups(names: Iterable[Hashable]) -> Groups:
    """The rows of each name."""
    rows: defaultdict[Hashable, list[int]] = defaultdict(list)
    for row, name in enumerate(names):
        if name:
            rows[name].append(row)
    return list(rows.values())


def _near(looks: Sequence[Look]) -> Groups:
    """Pairs that do not show exactly the same."""
    rows: defaultdict[Hashable, list[int]] = defaultdict(list)
    for row, ties in picture_ties(looks).items():
        for tie in ties:
            rows[tie].append(row)
    return [pair for pair in rows.values() if len(pair) == 2 and looks[pair[0]].shown != looks[pair[1]].shown]


def _outcome(items: Sequence[Item], spanning: Groups) -> str:
    rows = {row for group in spanning for row in group}
    if not rows:
        return "none found"
    tests = sum(items[row].case.split == "test" for row in rows)
    return f"{len(rows):,} cases, {tests:,} of them test cases"

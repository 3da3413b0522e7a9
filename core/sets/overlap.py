"""What training and test have in common, and the sets of a joint run: the same pictures, near copies, patients."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

from core.sets.alike import Seen, is_near, members
from core.sets.joint import Item

Groups = list[list[int]]
SAME, NEAR, PATIENTS = "The same picture", "Almost the same picture", "A patient (by the names that the sets give)"


def overlap(items: Sequence[Item], seen: Seen) -> list[str]:
    """A sentence for everything that was looked for in these cases and their pictures, also where nothing was found;
    cases without a split take no part."""
    dealt = [(item, look) if item.case.split else None for item, look in zip(items, seen.looks, strict=True)]
    has_patients = any(pair and pair[0].case.patient for pair in dealt)
    groups = {
        SAME: _groups([None if pair is None or pair[1].problem else pair[1].shown for pair in dealt]),
        NEAR: [pair for pair in _near(seen) if all(dealt[row] for row in pair)],
        PATIENTS: _groups([pair and pair[0].case.patient for pair in dealt]),
    }
    sentences = []
    for where, places in _divisions(items):
        for title, alike in groups.items():
            if title == PATIENTS and not has_patients:
                outcome = "not looked for, since no case names its patient"
            else:
                outcome = _outcome(items, [group for group in alike if len({places[row] for row in group}) > 1])
            sentences.append(f"{title} in more than one {where}: {outcome}.")
    unread = sum(bool(pair and pair[1].problem) for pair in dealt)
    return [*sentences, *([f"Not looked at: {unread:,} pictures that can't be opened."] if unread else [])]


def _divisions(items: Sequence[Item]) -> list[tuple[str, list[Hashable]]]:
    """What cases are divided into, and the part of each: splits, and the sets where there are several."""
    splits: list[Hashable] = [item.case.split for item in items]
    sets: list[Hashable] = [item.set for item in items]
    of_dealt = {item.set for item in items if item.case.split}
    return [("split", splits), *([("of the sets", sets)] if len(of_dealt) > 1 else [])]


def _groups(names: Iterable[Hashable]) -> Groups:
    """The rows of each name."""
    rows: defaultdict[Hashable, list[int]] = defaultdict(list)
    for row, name in enumerate(names):
        if name:
            rows[name].append(row)
    return list(rows.values())


def _near(seen: Seen) -> Groups:
    """Pairs that do not show exactly the same."""
    pairs = [places for tie, places in members(seen.ties).items() if is_near(tie)]
    return [pair for pair in pairs if seen.looks[pair[0]].shown != seen.looks[pair[1]].shown]


def _outcome(items: Sequence[Item], spanning: Groups) -> str:
    rows = {row for group in spanning for row in group}
    if not rows:
        return "none found"
    tests = sum(items[row].case.split == "test" for row in rows)
    return f"{len(rows):,} cases, {tests:,} of them test cases"

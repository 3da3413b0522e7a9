"""docs/architecture.md is true: its rooms are those of the import-linter, its arrows those of the imports."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
LAYERS: Mapping[str, list[set[str]]] = {
    contract["containers"][0]: [set(re.findall(r"\w+", layer)) for layer in contract["layers"]]
    for contract in CONTRACTS
    if contract["type"] == "layers"
}
Arrow = tuple[str, str]


def listed_rooms(heading: str) -> list[set[str]]:
    """The first column of the table with this heading, a set a row."""
    table = PAGE.partition(f"| {heading} | what it holds |\n|---|---|\n")[2].partition("\n\n")[0]
    return [set(re.findall(r"`(\w+)`", row.split("|")[1])) for row in table.splitlines()]


@cache
def arrows() -> frozenset[Arrow]:
    """From each room of `core` to those that its modules import."""
    graph = grimp.build_graph("core", cache_dir=None)
    places = [
        (importer.split(".")[1], imported.split(".")[1])
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
        if "." in importer and "." in imported
    ]
    return frozenset((upper, lower) for upper, lower in places if upper != lower)


def without_those_that_follow(every: frozenset[Arrow]) -> set[Arrow]:
    """The arrows that no longer way replaces."""

    def below(room: str) -> set[str]:
        direct = {lower for upper, lower in every if upper == room}
        return direct.union(*map(below, direct))

    return {
        (upper, lower)
        for upper, lower in every
        if not any(lower in below(other) for above, other in every if above == upper and other != lower)
    }


def test_the_rooms_of_the_science_are_listed_as_the_linter_holds_them() -> None:
    assert listed_rooms("room") == LAYERS["core"]


def test_the_upper_rooms_of_screen_and_hands_are_listed_as_the_linter_holds_them() -> None:
    screen, hands = listed_rooms("room of `app`"), listed_rooms("room of `worker`")
    assert screen == LAYERS["app"][: len(screen)]
    assert hands == LAYERS["worker"][: len(hands)]
    assert len(screen) > 3 and len(hands) > 3


def test_the_drawing_has_every_arrow_between_rooms_and_no_other() -> None:
    drawing = PAGE.partition("```mermaid\ngraph TD\n")[2].partition("```")[0]
    drawn = dict.fromkeys(tuple(line.strip().split(" --> ")) for line in drawing.splitlines())
    expected = without_those_that_follow(arrows())
    assert drawing == "".join(f"  {upper} --> {lower}\n" for upper, lower in sorted(expected))
    assert len(drawn) == len(expected) > 20


def test_every_file_and_folder_that_the_page_names_is_there() -> None:
    named = re.findall(r"(?:core|app|worker|docs|tests)/[\w/]+(?:\.\w+)?", PAGE)
    assert [path for path in named if not (ROOT / path).exists()] == []
    assert len(named) > 20

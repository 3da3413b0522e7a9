"""A table's words for a file lead to that file, or to a reason."""

from __future__ import annotations

import pytest

from core.errors import DataError
from core.layouts.lookup import Lookup

FILES = ("tables/1.png", "images/1.png", "images/scan.2.jpg", "images/a/é.png", "images/b/twin.png", "c/twin.png")


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ("1.png", "tables/1.png"),  # beside the table comes first
        ("images/1.png", "images/1.png"),
        ("images\\1.png", "images/1.png"),
        ("./images//1.png", "images/1.png"),
        ("scan.2.jpg", "images/scan.2.jpg"),
        ("scan.2", "images/scan.2.jpg"),
        ("a/e\u0301.png", "images/a/é.png"),  # the accent as a letter of its own, as macOS spells it
        ("b/twin", "images/b/twin.png"),
    ],
)
def test_a_file_is_found_by_what_it_is_called(named: str, meant: str) -> None:
    assert Lookup(FILES, "tables").find(named) == meant


def test_a_whole_path_is_understood_where_it_leads_into_the_set() -> None:
    lookup = Lookup(FILES, "tables", "/home/me/set")
    assert lookup.find("/home/me/set/images/a/é.png") == "images/a/é.png"
    assert Lookup(FILES, "", r"C:\set").find(r"C:\set\images\1.png") == "images/1.png"
    for outside in ("/home/me/set/../1.png", "/home/me/1.png", "/home/me/settings/1.png"):
        with pytest.raises(DataError, match="outside of the folder"):
            lookup.find(outside)


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ("scan", "not in the folder"),
        ("can.2.jpg", "not in the folder"),
        ("", "not in the folder"),
        ("twin.png", "in several places"),
        ("../1.png", "outside of the folder"),
    ],
)
def test_what_is_not_one_file_is_told(named: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        Lookup(FILES, "tables").find(named)

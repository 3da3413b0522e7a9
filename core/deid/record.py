"""What was done to an upload, action by action, with the profile's codes: no value that was there before is in it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from core.deid.choices import Choices
from core.deid.profile import EDITION
from core.layouts.safe_csv import as_csv

FOLDER = ".deid"
"""Beside the files, where no format looks."""
JSON, CSV = "record.json", "record.csv"
MOST_NAMED = 3
LIST_OF_OLD_NAMES = "a DICOMDIR: a list of the files under their old names, without which they are read as well"
"""Not written anew: in such a list files are called by eight capitals, digits or underlines for each folder, and ours
keep the folders that are their labels."""
COLUMNS = ("path", "keyword", "profile", "action", "count")


class Action(NamedTuple):
    """Of an attribute: where it stands, its code in the profile's table, and what became of it.

    The path names the tags from the outermost sequence on. The action is D (a dummy), Z (emptied), X (removed),
    K (kept), C (cleaned or shifted) or U (another UID); the profile's code is empty for what its table does not name.
    """

    path: str
    keyword: str
    profile: str
    action: str


Actions = Counter[Action]


@dataclass(frozen=True)
class LeftOut:
    """A file that was not taken on: its number among those of the upload, in their order, and why."""

    number: int
    reason: str


@dataclass
class Record:
    """Of an upload, or of the part that is done."""

    choices: Choices
    software: str
    key: str = ""
    """The fingerprint of the site's key."""
    name: str = ""
    """What the upload is called, unless that names somebody."""
    files: int = 0
    patients: set[str] = field(default_factory=set)
    """Their pseudonyms."""
    left_out: list[LeftOut] = field(default_factory=list)
    perhaps_the_same: list[tuple[str, ...]] = field(default_factory=list)
    """Pseudonyms that share a study, or a name and birth date."""
    actions: Actions = field(default_factory=Counter)

    def as_json(self) -> dict[str, object]:
        return {
            "profile": f"PS3.15 Table E.1-1, basic profile, edition {EDITION}",
            "software": self.software,
            "key": self.key,
            "words": self.words(),
            "name": self.name,
            "codes": [{"code": code, "meaning": meaning} for code, meaning in self.choices.codes()],
            "choices": self.choices.model_dump(mode="json"),
            "files": self.files,
            "patients": len(self.patients),
            "left_out": [vars(left) for left in self.left_out],
            "perhaps_the_same": [list(pseudonyms) for pseudonyms in self.perhaps_the_same],
            "actions": [dict(zip(COLUMNS, row, strict=True)) for row in self.rows()],
        }

    def rows(self) -> list[tuple[str, str, str, str, int]]:
        return [(*action, count) for action, count in sorted(self.actions.items())]

    def words(self) -> str:
        """For the note of a version: by what profile and options it was done."""
        codes = ", ".join(code for code, _ in self.choices.codes())
        return f"de-identified ({codes}; dates {self.choices.dates})"

    def doubts(self) -> str:
        """About whom nobody knows whether they are one; nothing where everybody is told apart."""
        return doubts_about(self.perhaps_the_same)

    def totals(self) -> Mapping[str, int]:
        """How often each action was taken."""
        totals: Counter[str] = Counter()
        for action, count in self.actions.items():
            totals[action.action] += count
        return dict(sorted(totals.items()))

    def write(self, target: Path) -> None:
        """As CSV and JSON, into the folder that lies hidden in the target's. The last is there whole or not at all:
        it says that all is done."""
        folder = target / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CSV).write_text(as_csv(COLUMNS, self.rows()), encoding="utf-8")
        part = folder / f"{JSON}.part"
        part.write_text(json.dumps(self.as_json(), indent=1), encoding="utf-8")
        part.replace(folder / JSON)


def doubts_about(groups: Sequence[Sequence[str]]) -> str:
    if not groups:
        return ""
    more = f" and {len(groups) - MOST_NAMED:,} more" if len(groups) > MOST_NAMED else ""
    named = "; ".join(", ".join(group) for group in groups[:MOST_NAMED]) + more
    return (
        f"{sum(map(len, groups)):,} pseudonyms may be of fewer patients: some share a study, or a name and birth date, "
        f"with another record number or issuer ({named}). One patient with two pseudonyms may stand in two splits: if "
        "they are the same, give their files one number (PatientID, IssuerOfPatientID) and bring them again."
    )

"""Readers: who answers for a case, under which title and colour, and what has to be there for it to answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from core.readings.colours import BROWN, PINK

Group = Literal["simple", "untuned", "tuned"]
GROUPS: tuple[Group, ...] = get_args(Group)
"""In the order in which pages show them: what needs no tuned VLM, the VLM as it came, and what was tuned."""


@dataclass(frozen=True)
class Reader:
    """A name for files and commands; title and colour are what pages show of it."""

    name: str
    title: str
    colour: str
    needs_tsm: bool = False
    sees_exemplar: bool = False
    """Whether an extra token stands in its question: a TSM's feature, or the constant that stands in for one."""
    embeds: bool = False
    """Whether it lays pictures and words into one space: then the run has an index, in which cases are found."""
    has_words: bool = True
    """Whether it answers in words; one that does not says numbers alone, and writes nothing freely."""
    answers_anew: bool = True
    """Whether it answers for pictures beside the run's own cases too."""
    about: str = ""
    """In a sentence what it is, for those who see it for the first time."""
    group: Group = "tuned"


UNTUNED_NAME = "vlm"
TSM = Reader(
    "tsm",
    "the TSM alone",
    PINK,
    needs_tsm=True,
    about="The small task-specific model by itself: its class head answers, no language model takes part.",
    group="simple",
)
FUSION = Reader(
    "fusion",
    "the TSM and plain tuning, averaged",
    BROWN,
    needs_tsm=True,
    about="A control: the probabilities of both, averaged with a weight that was chosen on validation cases.",
)


def tsm_readers(count: int) -> tuple[Reader, ...]:
    """The TSMs of a run by themselves, in the order in which its settings name them."""
    more = (replace(TSM, name=f"tsm-{number}", title=f"TSM {number} alone") for number in range(2, count + 1))
    return (TSM, *more) if count else ()


def unknown_reader(name: str) -> Reader:
    """One that answered, and of which nothing else is known any more."""
    return Reader(name, "another reader", BROWN)


def readers_to_plain(readers: tuple[Reader, ...]) -> list[dict[str, Any]]:
    return [asdict(reader) for reader in readers]


def readers_from_plain(rows: list[Mapping[str, Any]]) -> tuple[Reader, ...]:
    return tuple(Reader(**{"group": usual_group(str(row["name"])), **row}) for row in rows)


def usual_group(name: str) -> Group:
    """Of readers that runs of before groups name."""
    if name == TSM.name or name.startswith(f"{TSM.name}-"):
        return "simple"
    return "untuned" if name == UNTUNED_NAME else "tuned"


def in_groups(readers: Iterable[Reader]) -> list[Reader]:
    """The same readers group by group, in their own order within each."""
    return sorted(readers, key=lambda reader: GROUPS.index(reader.group))

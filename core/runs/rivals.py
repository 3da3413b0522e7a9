"""The simple rivals of a run: taught when everything else has been read, mostly from what is there anyway.

Features of the image are those that the language model is given; only where the whole ladder is wanted does every case
go through the untuned VLM once more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.case import READ_SPLITS
from core.draw import evenly
from core.events import CasesRead
from core.models.lora import using
from core.models.vlm import ImageFeatures, Vlm
from core.readings import taught
from core.readings.answer import Answer
from core.readings.ladder import on_encoder, on_last
from core.readings.novelty import summary
from core.readings.reader import TSM
from core.readings.reading import Reading, hot_labels
from core.readings.rivals import RUNGS, Rung, rival_readers
from core.readings.taught import MOST_NUMBERS, MOST_VOTERS, Seen, Some, Taught, teach
from core.runs.running import Running
from core.sets.joint import pictures
from core.training.response import Tuned
from core.training.vlm_stage import RunCases

FEWEST_LEARNED, FEWEST_VALIDATED = 10, 5
NO_TSM = "The run has no TSM, so no simple reader takes one's features or answers."
Read = Mapping[str, list[Reading]]


@dataclass(frozen=True)
class Added:
    """What a run says of its rivals: what was chosen of them, and which it has not and why."""

    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def add_rivals(running: Running, tuned: Tuned, cases: RunCases, read: Read) -> Added:
    """Adds them to the readings of both splits, and keeps in the run's folder what they learned."""
    wanted, has_tsm = running.run.settings.reading.rivals, bool(running.run.tsms)
    if wanted == "none":
        return Added()
    if why := _why_none(cases, is_free=wanted == "quick"):
        return Added(left_out=(f"There are no simple rivals beside the TSM: {why}",))
    readers = rival_readers(wanted, has_tsm)
    names, titles = [reader.name for reader in readers], {reader.name: reader.title for reader in readers}
    seen = _seen_by(running, tuned, cases, names)
    notes, of_sets = list[str](), list[Taught]()
    for number, image_set in enumerate(cases.joint_set.sets):
        kind, places = image_set.task.kind, _places(cases, number, "train")
        drawn = evenly(places, most_learned(seen, names))
        learned = _some(cases, seen, drawn)
        places_of = {split: own for split in READ_SPLITS if (own := _places(cases, number, split))}
        of_split = {split: _some(cases, seen, own, read[split]) for split, own in places_of.items()}
        of_set = teach(learned, of_split["val"], kind, names)
        of_sets.append(of_set)
        fewer = "" if len(drawn) == len(places) else f", from {len(drawn):,} of {len(places):,} training cases"
        notes.append(f"Simple rivals on {image_set.name}{fewer}, chosen on validation cases: {of_set.words(titles)}.")
        for split, some in of_split.items():
            split_cases = cases.cases(places_of[split])
            for name, likely in of_set.answers(some.seen, kind, some.tsm, names).items():
                rows = zip(split_cases, likely.tolist(), strict=True)
                read[split].extend(Reading.of(case, image_set.name, name, Answer(tuple(row))) for case, row in rows)
    taught.save(of_sets, running.folder.rivals)
    return Added(tuple(notes), () if has_tsm else (NO_TSM,))


def _why_none(cases: RunCases, is_free: bool) -> str:
    """Nothing where they can be taught."""
    for number, image_set in enumerate(cases.joint_set.sets):
        learned, validated = (len(_places(cases, number, split)) for split in ("train", "val"))
        if learned < FEWEST_LEARNED or validated < FEWEST_VALIDATED:
            return (
                f"{image_set.name} has {learned} training and {validated} validation cases, and {FEWEST_LEARNED} and "
                f"{FEWEST_VALIDATED} are the fewest to learn from and to choose on."
            )
    if is_free and not cases.features.is_cached:
        remedy = "Raise features.budget_gib, or set" if cases.features.is_frozen else "They change while it learns: set"
        return (
            "image features of this run are not kept, so they would cost a pass of the image encoder. "
            f"{remedy} reading.rivals to ladder."
        )
    return ""


def most_learned(seen: Seen, names: Collection[str]) -> int:
    """Of how many training cases the features fit in what they may take."""
    widths = [sum(seen[rung].shape[1] for rung in RUNGS[name]) for name in RUNGS if name in names]
    return min(MOST_VOTERS, MOST_NUMBERS // max(widths, default=1))


def rungs_of(names: Collection[str]) -> set[Rung]:
    """Where features are taken for these rivals."""
    return {"connector", *(rung for name in names for rung in RUNGS.get(name, ()))}


def seen_on(
    rungs: Collection[Rung],
    vlm: Vlm,
    shown: Sequence[ImageFeatures],
    images: Sequence[Image.Image],
    instructions: Sequence[str],
) -> dict[Rung, NDArray[np.float32]]:
    """Features of some pictures at each rung of the untuned VLM; those of TSMs are none of its rungs. `images` may be
    left empty where the encoder's are not asked for."""
    with using(vlm, None):
        seen: dict[Rung, NDArray[np.float32]] = {"connector": summary(shown)}
        if "encoder" in rungs:
            seen["encoder"] = on_encoder(vlm, images)
        if "last" in rungs:
            seen["last"] = on_last(vlm, shown, instructions)
    return seen


def _seen_by(running: Running, tuned: Tuned, cases: RunCases, names: Collection[str]) -> Seen:
    """Of all cases of the run, in their order."""
    rungs, whole = rungs_of(names), len(cases.items)

    def progress(done: int) -> None:
        running.report(CasesRead(split="all", readers="simple rivals", done=done, whole=whole))

    size = running.run.settings.reading.batch_size
    parts = list(seen_in_parts(tuned.vlm, cases, rungs, size, progress))
    seen: dict[Rung, NDArray[np.float32]] = {rung: np.concatenate([part[rung] for part in parts]) for rung in parts[0]}
    if "tsm" in rungs:
        seen["tsm"] = np.concatenate([of_tsm.numpy() for of_tsm in cases.exemplars], axis=1)
    return seen


def seen_in_parts(
    vlm: Vlm, cases: RunCases, rungs: Collection[Rung], size: int, progress: Callable[[int], None]
) -> Iterator[Seen]:
    """Features of all cases at each rung, so many cases at a time."""
    whole = len(cases.items)
    for start in range(0, whole, size):
        places = range(start, min(start + size, whole))
        images = pictures([cases.items[place] for place in places]) if "encoder" in rungs else []
        instructions = [cases.task(place).instruction() for place in places]
        with using(vlm, None):
            shown = cases.features.of(places)
        yield seen_on(rungs, vlm, shown, images, instructions)
        progress(places.stop)


def _places(cases: RunCases, number: int, split: str) -> list[int]:
    return [place for place in cases.places(split) if cases.items[place].set == number]


def _some(cases: RunCases, seen: Seen, places: Sequence[int], readings: Sequence[Reading] = ()) -> Some:
    """The cases at these places of a set; what its TSM says of them is among their readings."""
    task, name = cases.task(places[0]), cases.joint_set.sets[cases.items[places[0]].set].name
    of_tsm = [each.answer.probabilities for each in readings if (each.reader, each.set) == (TSM.name, name)]
    rows = {rung: features[list(places)] for rung, features in seen.items()}
    return Some(rows, hot_labels(cases.cases(places), task), np.array(of_tsm) if of_tsm else None)

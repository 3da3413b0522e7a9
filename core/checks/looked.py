"""A set together with a look at each of its pictures and masks: what checking and mending decide by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic

from core.case import Case, ImageSet
from core.errors import DataError
from core.pictures.kept_looks import KeptLooks, mask_place, place_of
from core.pictures.kept_traces import KeptTraces
from core.pictures.looks import Look
from core.pictures.masks import misfit
from core.pictures.sights import Wanted, sights_of
from core.sets.alike import alterations

MASKS_AT_ONCE = 4
KEEP_SECONDS = 5.0

OnCase = Callable[[int, int], None]


@dataclass(frozen=True)
class LookedAt:
    """A case, what its picture looks like, and what is wrong with its mask ("" where nothing is)."""

    case: Case
    look: Look
    misfit: str = ""


@dataclass(frozen=True)
class LookedSet:
    """A set whose pictures were looked at, a look for each of its cases, and the traces that were taken on the way."""

    image_set: ImageSet
    seen: tuple[LookedAt, ...]
    traces: KeptTraces = field(default_factory=dict, compare=False, repr=False)

    @property
    def opened(self) -> list[LookedAt]:
        return [each for each in self.seen if not each.look.problem]

    def of(self, image_set: ImageSet, seen: Iterable[LookedAt]) -> LookedSet:
        """What is left of it: the set with just these of its cases."""
        listed = tuple(seen)
        return LookedSet(image_set.with_cases(each.case for each in listed), listed, self.traces)


def look_over(
    image_set: ImageSet,
    on_case: OnCase | None = None,
    kept: KeptLooks | None = None,
    keep: Callable[[KeptLooks], None] | None = None,
    traced: Iterable[Case] = (),
) -> LookedSet:
    """Opens every picture and mask that are not in `kept` yet, and puts them there; with their traces those that are to
    be `traced`.

    `on_case` is told how many pictures are done, and of how many; `keep` is given, every few seconds, what was seen
    since the last time, so that whoever is broken off need not see it again.
    """
    memory = KeptLooks() if kept is None else kept
    places = [place_of(case.pixels) for case in image_set.cases]
    new = {place: case.pixels for place, case in zip(places, image_set.cases, strict=True) if place not in memory.looks}
    wanted = {place_of(case.pixels) for case in traced}
    sights = sights_of([Wanted(pixels, place in wanted) for place, pixels in new.items()])
    fresh, since = KeptLooks(), monotonic()
    for done, (place, sight) in enumerate(zip(new, sights, strict=True), start=1):
        memory.looks[place] = fresh.looks[place] = sight.look
        if sight.trace:
            memory.traces[place] = fresh.traces[place] = sight.trace
        if on_case:
            on_case(done, len(new))
        if keep and monotonic() - since > KEEP_SECONDS:
            keep(fresh)
            fresh, since = KeptLooks(), monotonic()
    looks = [memory.looks[place] for place in places]
    with ThreadPoolExecutor(MASKS_AT_ONCE) as threads:
        misfits = list(threads.map(lambda case, look: _misfit(case, look, memory), image_set.cases, looks))
    return LookedSet(image_set, tuple(map(LookedAt, image_set.cases, looks, misfits)), memory.traces)


def exact_groups(seen: Sequence[LookedAt]) -> list[list[LookedAt]]:
    """Pictures that show exactly the same, where there are several."""
    groups: defaultdict[str, list[LookedAt]] = defaultdict(list)
    for each in seen:
        groups[each.look.shown].append(each)
    return [group for group in groups.values() if len(group) > 1]


@dataclass(frozen=True)
class CopiedPicture:
    """Two different pictures that show almost the same, and how one was altered."""

    first: LookedAt
    second: LookedAt
    alteration: str


def near_copies(seen: Sequence[LookedAt]) -> list[CopiedPicture]:
    """Different files that show almost the same; blank pictures, which all look alike, are left out."""
    first: dict[str, LookedAt] = {}
    for each in seen:
        if not each.look.is_blank:
            first.setdefault(each.look.shown, each)
    kept = list(first.values())
    altered = alterations([each.look for each in kept])
    return [CopiedPicture(kept[row], kept[other], altered[row, other]) for row, other in sorted(altered)]


def _misfit(case: Case, look: Look, memory: KeptLooks) -> str:
    if case.mask is None or look.problem:
        return ""
    place = mask_place(case.mask, look.size)
    if place not in memory.misfits:
        memory.misfits[place] = _trouble_of_mask(case, look) or ""
    return memory.misfits[place]


def _trouble_of_mask(case: Case, look: Look) -> str | None:
    try:
        return misfit(case.mask.load(), look.size) if case.mask else None
    except DataError as error:
        return f"can't be used. {error}"

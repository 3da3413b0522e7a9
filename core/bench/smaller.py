"""A set cut down to fewer training cases: nested, with the same test cases in all, kept so that runs can name them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.case import Case, ImageSet, Pixels
from core.errors import RunError, SettingsError
from core.pictures.store import StoredPixels, encoded, open_store
from core.runs.runfile import RunSettings
from core.sets.joint import gather
from core.sets.nested import nested_order
from core.sets.split import classes
from core.sets.version import ABOUT, store_of, write_version

SPLIT_SEED = 0
"""Of the splits and of what a limit takes of them: the same test cases for every seed."""
LEAST_VALIDATED = 20
LEAST_OF_A_CLASS = 2


@dataclass(frozen=True)
class Source:
    """A set whose splits are dealt, once for all that is cut out of it, and the folder in which these are kept."""

    image_set: ImageSet
    folder: Path
    stored: dict[Pixels, StoredPixels] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.image_set.name

    @property
    def whole(self) -> int:
        """All training cases."""
        return len(self.image_set.of("train"))

    def validated(self, cases: int) -> int:
        """How many validation cases go with so many training cases: the set's own share, but enough to choose by."""
        there = self.image_set.of("val")
        shown = len(classes(there, range(len(there))))
        least = max(LEAST_VALIDATED, LEAST_OF_A_CLASS * shown)
        return min(len(there), max(least, round(len(there) * cases / self.whole)))

    def smaller(self, cases: int, seed: int) -> ImageSet:
        """With so many training cases, among which are those of every smaller number with this seed."""
        listed = self.image_set.cases
        wanted = len(classes(listed, [place for place, case in enumerate(listed) if case.split == "train"]))
        if cases < wanted:
            raise SettingsError(f"{self.name} has {wanted} classes to learn, more than {cases} cases. Raise --cases.")
        kept = {place for place, case in enumerate(listed) if case.split == "test"}
        kept.update(nested_order(listed, "train", seed)[:cases])
        kept.update(nested_order(listed, "val", seed)[: self.validated(cases)])
        return self.image_set.with_cases(listed[place] for place in sorted(kept))

    def keep_smaller(self, cases: int, seed: int) -> Path:
        """The same as a version on the disk, written once; all cases are the same for every seed."""
        name = "all" if cases >= self.whole else f"{cases}-seed-{seed}"
        folder = self.folder / "cases" / name
        if not (folder / ABOUT).is_file():
            chosen = self.smaller(cases, seed)
            write_version(folder, chosen.with_cases(self._stored(case, store_of(folder)) for case in chosen.cases))
        return folder.absolute()

    def _stored(self, case: Case, store: str) -> Case:
        mask = case.mask and self._put(case.mask, store)
        return replace(case, pixels=self._put(case.pixels, store), mask=mask)

    def _put(self, pixels: Pixels, store: str) -> StoredPixels:
        if pixels not in self.stored:
            self.stored[pixels] = StoredPixels(store, open_store(store).put(encoded(pixels)))
        return self.stored[pixels]


def open_source(images: str, settings: RunSettings, folder: Path) -> Source:
    """Splits and limits as the settings say, whatever the seed of a run. What was begun in the folder goes on only with
    the same images and labels."""
    (image_set,) = gather(images, settings.task, settings.split, settings.limit, SPLIT_SEED).sets
    note, fingerprint = folder / "source.json", image_set.fingerprint()
    if note.is_file() and json.loads(note.read_text())["fingerprint"] != fingerprint:
        raise RunError(
            f"The images, labels or limits of {images} are others than when {folder} was begun. "
            "Put them back as they were, or choose another folder by --out."
        )
    folder.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps({"name": image_set.name, "fingerprint": fingerprint}) + "\n")
    return Source(image_set, folder)

"""What an intake costs beside the least it could: opening every picture and hashing its file and what it shows.

Both are told in pictures for a second of processor time, which is what a core can do whatever else the machine is at.
"""

from __future__ import annotations

import hashlib
import resource
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from PIL import Image

from core.catalog import FORMATS, every
from core.checks.check import report_of
from core.checks.looked import LookedSet, look_over
from core.checks.shortcuts import audit, likely_drawn
from core.pictures.keeping import keep_all
from core.pictures.store import Store, StoredPixels
from core.sets.open import open_set
from core.sets.version import write_version

CLASSES = ("a", "b")
MIB = 1 << 20
GRAIN = 8
"""As many shades in a row make a drawn picture: enough that no two of a hundred thousand are alike by chance."""


@dataclass(frozen=True)
class Figures:
    """Of one size of set: pictures for a second of processor time, seconds that went by, and the memory of this process
    at its most."""

    pictures: int
    bare: float
    intake: float
    wall_seconds: float
    report_seconds: float
    peak_mib: float

    @property
    def share(self) -> float:
        """How much of the bare loop's throughput the intake reaches."""
        return self.intake / self.bare

    def as_row(self) -> dict[str, float]:
        return {
            "pictures": self.pictures,
            "bare_per_core_second": self.bare,
            "intake_per_core_second": self.intake,
            "share": self.share,
            "wall_seconds": self.wall_seconds,
            "report_seconds": self.report_seconds,
            "peak_mib": self.peak_mib,
        }


def measure(counts: Sequence[int], side: int, note: Callable[[str], None]) -> list[Figures]:
    """An intake of so many drawn JPEGs each, in a process of its own, so that memory is that set's alone."""
    rows = []
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            file = draw(Path(folder) / "set.zip", count, side)
            note(f"{count:,} pictures, {file.stat().st_size / 1e6:,.0f} MB")
            command = [sys.executable, "-m", "core.bench.intake", str(file), folder]
            printed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
            rows.append(Figures(count, *map(float, printed.split())))
    return rows


def draw(file: Path, count: int, side: int) -> Path:
    """A zip of class folders of JPEGs, no two alike."""
    draws = np.random.default_rng(1)
    with zipfile.ZipFile(file, "w") as made:
        for number in range(count):
            shades = draws.normal(128, 30, (GRAIN, GRAIN)).clip(0, 255).astype(np.uint8)
            picture = Image.fromarray(shades).resize((side, side), Image.Resampling.BICUBIC).convert("RGB")
            content = BytesIO()
            picture.save(content, "JPEG", quality=90)
            made.writestr(f"{CLASSES[number % 2]}/{number}.jpg", content.getvalue())
    return file


def open_and_hash(file: Path) -> int:
    """The least that an intake can do; how many pictures there were."""
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        for name in names:
            content = archive.read(name)
            hashlib.sha256(content).hexdigest()
            hashlib.sha256(Image.open(BytesIO(content)).tobytes()).hexdigest()  # to convert it would copy it
    return len(names)


def take_in(file: Path, folder: Path) -> LookedSet:
    """A check but for its report, and an adding: every picture looked at, kept in a store, and the version's files."""
    opened = open_set(file, {}, every(FORMATS))
    looked = look_over(opened, traced=likely_drawn(opened))
    store = Store(str(folder / "store"))
    hashes = keep_all([case.pixels for case in opened.cases], store)
    cases = [
        replace(case, pixels=StoredPixels(store.url, sha256)) for case, sha256 in zip(opened.cases, hashes, strict=True)
    ]
    write_version(folder / "version", opened.with_cases(cases))
    return looked


def markdown(rows: Sequence[Figures]) -> str:
    lines = [
        "| pictures | bare loop / s | intake / s | share | seconds | report, seconds | MiB |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        speed = f"{row.bare:,.0f} | {row.intake:,.0f} | {row.share:.2f}"
        seconds = f"{row.wall_seconds:,.1f} | {row.report_seconds:,.1f}"
        lines.append(f"| {row.pictures:,} | {speed} | {seconds} | {row.peak_mib:,.0f} |")
    return "\n".join(lines)


def _bare(file: Path) -> float:
    """Pictures for a second of processor time."""
    since = processor_seconds()
    return open_and_hash(file) / (processor_seconds() - since)


def processor_seconds() -> float:
    """Of this process and of those that it started and that have ended."""
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def peak_mib() -> float:
    """The memory of this process at its most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MIB


def main() -> None:
    file, folder = map(Path, sys.argv[1:])
    with tempfile.TemporaryDirectory() as small:  # what is imported on first use is no picture's cost
        few = take_in(draw(Path(small) / "set.zip", 4, 64), Path(small))
        report_of(few, audit(few))
    before = _bare(file)
    began, since = perf_counter(), processor_seconds()
    looked = take_in(file, folder)
    intake, seconds = len(looked.seen) / (processor_seconds() - since), perf_counter() - began
    report_of(looked, audit(looked))
    report_seconds = perf_counter() - began - seconds
    peak = peak_mib()
    bare = median([before, _bare(file), _bare(file)])
    sys.stdout.write(f"{bare} {intake} {seconds} {report_seconds} {peak}\n")


if __name__ == "__main__":
    main()

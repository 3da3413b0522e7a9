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
from time import perf_counter, process_time

import numpy as np
from PIL import Image

from core.catalog import FORMATS, every
from core.pictures.store import Store, StoredPixels, encoded
from core.sets.looked import look_over
from core.sets.open import open_set
from core.sets.version import write_version

CLASSES = ("a", "b")
MIB = 1 << 20
LIKE = 64
"""So many different textures are drawn; each picture is one of them with a corner of its own."""


@dataclass(frozen=True)
class Figures:
    """Of one size of set: pictures for a second of processor time, and the most memory that the intake took."""

    pictures: int
    bare: float
    intake: float
    wall_seconds: float
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
            bare, intake, wall, peak = map(float, printed.split())
            rows.append(Figures(count, bare, intake, wall, peak))
    return rows


def draw(file: Path, count: int, side: int) -> Path:
    """A zip of class folders of JPEGs, no two alike."""
    noise = np.random.default_rng(1).normal(128, 20, (LIKE, side // 8, side // 8)).clip(0, 255).astype(np.uint8)
    textures = [Image.fromarray(each).resize((side, side), Image.Resampling.BICUBIC).convert("RGB") for each in noise]
    with zipfile.ZipFile(file, "w") as made:
        for number in range(count):
            picture = textures[number % LIKE].copy()
            for digit in range(6):  # six squares whose shades are the number's digits
                picture.paste((number // 10**digit % 10 * 25,) * 3, (digit * 16, 0, digit * 16 + 16, 16))
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
            hashlib.sha256(Image.open(BytesIO(content)).convert("RGB").tobytes()).hexdigest()
    return len(names)


def take_in(file: Path, folder: Path) -> int:
    """A check and an adding: every picture looked at, kept in a store, and the version's files."""
    looked = look_over(open_set(file, {}, every(FORMATS)))
    store = Store(str(folder / "store"))
    kept = [StoredPixels(store.url, store.put(encoded(case.pixels))) for case in looked.image_set.cases]
    cases = [replace(case, pixels=pixels) for case, pixels in zip(looked.image_set.cases, kept, strict=True)]
    return write_version(folder / "version", looked.image_set.with_cases(cases)).cases


def markdown(rows: Sequence[Figures]) -> str:
    lines = ["| pictures | bare loop / s | intake / s | share | seconds | MiB |", "|---|---|---|---|---|---|"]
    for row in rows:
        speed = f"{row.bare:,.0f} | {row.intake:,.0f} | {row.share:.2f}"
        lines.append(f"| {row.pictures:,} | {speed} | {row.wall_seconds:,.1f} | {row.peak_mib:,.0f} |")
    return "\n".join(lines)


def _timed(do: Callable[[], int]) -> tuple[float, float]:
    """Units for a second of processor time, and seconds that went by."""
    cpu, wall = process_time(), perf_counter()
    count = do()
    return count / (process_time() - cpu), perf_counter() - wall


def main() -> None:
    file, folder = map(Path, sys.argv[1:])
    with tempfile.TemporaryDirectory() as small:  # what is imported on first use is no picture's cost
        take_in(draw(Path(small) / "set.zip", 4, 64), Path(small))
    intake, wall = _timed(lambda: take_in(file, folder))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MIB
    bare, _ = _timed(lambda: open_and_hash(file))
    sys.stdout.write(f"{bare} {intake} {wall} {peak}\n")


if __name__ == "__main__":
    main()

"""Where a method helps: whole runs over training cases and over steps, over seeds, all on the same test cases.

A point is a run of its own in a folder of its own. A point that is done is read, one that was broken off goes on, so
the same command begins a curve, resumes it and draws it anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

import yaml

from core.bench.curve_figures import Finished, Point, csv_of_means, csv_of_runs, curves_of, markdown
from core.bench.curve_picture import picture
from core.bench.resumed import GO_ON, tuned
from core.bench.smaller import Source, open_source
from core.catalog import USUAL
from core.errors import RunError, SettingsError, StoppedError
from core.events import Report
from core.runs.folder import Folder
from core.runs.runfile import Block, Run, as_yaml, make_run, read_run, read_values
from core.statistics.rounding import duration

OF_THE_SET = ("images", "task", "limit", "split", "seed")
"""What a run file says of the cases; a point's own cases are dealt before its run begins."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """What a curve goes over. No number of cases, None, stands for all of them; without steps there are those of the
    run file, which has none where epochs count, or end stages of few cases earlier."""

    seeds: Sequence[int]
    cases: Sequence[int | None]
    steps: Sequence[int]

    def pairs(self, whole: int, usual_steps: int | None) -> list[tuple[int, int | None]]:
        """Cases and steps of every point of a set: all cases with the most steps, all steps with the most cases."""
        counts = sorted({min(count or whole, whole) for count in self.cases})
        lengths: list[int | None] = [*sorted(set(self.steps))] or [usual_steps]
        return list(
            dict.fromkeys([*((count, lengths[-1]) for count in counts), *((counts[-1], length) for length in lengths)])
        )


@dataclass(frozen=True)
class Planned:
    """A point that is to be measured, with what its run says beside its images and steps."""

    source: Source
    point: Point
    usual: Block

    @property
    def folder(self) -> Path:
        length = () if self.point.steps is None else ("steps", self.point.steps)
        name = "-".join(map(str, ("cases", self.point.cases, *length, "seed", self.point.seed)))
        return self.source.folder / name

    def run(self) -> Run:
        images = self.source.keep_smaller(self.point.cases, self.point.seed)
        values = {**self.usual, "images": str(images), "seed": self.point.seed}
        if self.point.steps is not None:
            training = values.get("training", {})
            length = {"steps": self.point.steps, "most_epochs": None}  # who names steps means them
            values["training"] = {**(training if isinstance(training, Mapping) else {}), **length}
        return make_run(values)


@dataclass(frozen=True)
class _Clock:
    """How long points took, by their set: what is asked and answered there takes its time, whatever the cases."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def took(self, planned: Planned, seconds: float) -> None:
        self.seconds.setdefault(planned.point.set, []).append(seconds)

    def words(self, left: Sequence[Planned]) -> str:
        """How long the points that are left will take."""
        every = [seconds for of_set in self.seconds.values() for seconds in of_set]
        whole = sum(mean(self.seconds.get(each.point.set, every)) for each in left)
        count = f"{len(left)} points are" if len(left) > 1 else "1 point is"
        return f"{count} left, about {duration(whole)}." if left else "That was the last point."


def run_all(
    sets: Sequence[str],
    wanted: Wanted,
    run_file: Path | None,
    out: Path,
    watch: Report = lambda event: None,
    say: Say = lambda text: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> list[Finished]:
    """All points of all sets; tables and picture are written after each, so that a curve that is stopped is one too."""
    planned = plan(sets, wanted, run_file, out)
    done: list[Finished] = []
    clock = _Clock()
    for number, each in enumerate(planned):
        if is_stopped():
            raise StoppedError(f"Stopped before point {number + 1} of {len(planned)}. {GO_ON}")
        results = _kept(each)
        if results is None:
            say(f"Point {number + 1} of {len(planned)}: {each.point.words()}.")
            began = time.perf_counter()
            results = tuned(each.run(), each.folder, watch, is_stopped)
            seconds = time.perf_counter() - began
            clock.took(each, seconds)
            left = [other for other in planned[number + 1 :] if _kept_file(other) is None]
            say(f"It took {duration(seconds)}. {clock.words(left)}")
        done.append(Finished(each.point, results))
        if clock.seconds:
            write(done, out)
    write(done, out)
    return done


def plan(sets: Sequence[str], wanted: Wanted, run_file: Path | None, out: Path) -> list[Planned]:
    """Seed by seed, so that whole curves are there early."""
    usual = {**USUAL, **(read_values(run_file) if run_file else {})}
    own = {name: value for name, value in usual.items() if name not in OF_THE_SET}
    stems = [Path(images).stem for images in sets]
    if len(set(stems)) < len(stems):
        raise SettingsError("Two of the sets are called alike, so their points could not be told apart. Rename one.")
    settings = [make_run({**usual, "images": images}).settings for images in sets]
    sources = [
        open_source(images, of_set, out / stem) for images, of_set, stem in zip(sets, settings, stems, strict=True)
    ]
    training = settings[0].training
    usual_steps = training.steps if training.most_epochs is None else None
    return [
        Planned(source, _point(source, cases, steps, seed), own)
        for seed in wanted.seeds
        for source in sources
        for cases, steps in wanted.pairs(source.whole, usual_steps)
    ]


def _point(source: Source, cases: int, steps: int | None, seed: int) -> Point:
    return Point(source.name, cases, source.validated(cases), len(source.image_set.of("test")), steps, seed)


def _kept_file(planned: Planned) -> Path | None:
    metrics = Folder(planned.folder).metrics
    return metrics if metrics.is_file() else None


def _kept(planned: Planned) -> dict[str, Any] | None:
    """What a point that is done has measured, if it was begun with the same settings."""
    if _kept_file(planned) is None:
        return None
    folder = Folder(planned.folder)
    begun = read_run(folder.settings)  # with today's defaults, where an earlier version knew fewer settings
    was, now = (yaml.safe_load(as_yaml(run.settings)) for run in (begun, planned.run()))
    for block, name in (("training", "precision"), ("vlm", "dtype")):  # the machine's own
        now[block][name] = was[block].get(name)
    if changed := [key for key in now if key not in ("images", "split") and was[key] != now[key]]:
        raise RunError(
            f"The point in {folder.path} was measured with other settings ({', '.join(changed)} differ). "
            "Use the run file that it was begun with, or choose another folder by --out."
        )
    return dict(folder.kept(folder.metrics))


def write(done: Sequence[Finished], out: Path) -> None:
    """Tables and picture of what is done."""
    curves = curves_of(done)
    texts = {"curve.md": markdown(curves), "curve.csv": csv_of_means(curves), "runs.csv": csv_of_runs(done)}
    drawn = picture(curves)
    files = {name: text.encode() for name, text in texts.items()}
    files |= {"curve.svg": drawn.as_svg().encode(), "curve.png": drawn.as_png()}
    for name, content in files.items():
        draft = out / f".{name}.part"
        draft.write_bytes(content)
        draft.replace(out / name)

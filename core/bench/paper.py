"""The experiment of arXiv 2410.06456 in one go: sets fetched, a joint run a seed, the paper's figures beside ours.

Whatever was fetched or learned already is found again, so the same command begins it and goes on with it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.bench.paper_figures import Row, as_table, markdown, rows_of
from core.bench.resumed import GO_ON, tuned
from core.case import SPLITS
from core.errors import StoppedError
from core.events import Report
from core.layouts.medmnist import SETS, Facts, facts_of
from core.layouts.medmnist_fetch import fetch
from core.runs.estimate import estimate
from core.runs.folder import Folder
from core.runs.runfile import Block, Run, make_run, read_values
from core.statistics.rounding import duration

RECIPE = Path(__file__).with_name("paper.yaml")
SIZE = 224
"""Pixels of the paper's pictures."""
GB = 1e9
CONVNET = "convnet"
OF_THE_MACHINE = ("training.precision", "training.micro_batch_size", "training.gradient_checkpointing", "vlm.dtype")
"""What changes the speed or the memory of a run and not what it learns, but for rounding."""
GIVEN = ("images", "limit", "seed", "vlm.checkpoint", "vlm.family", "features.budget_gib")
"""What the recipe leaves to whoever runs it; told in words of its own."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """What is run: a checkpoint, which sets, how much of them, and how often."""

    vlm: str
    tsm: str | None = None
    """A backbone's checkpoint, `convnet`, or that of the recipe."""
    sets: Sequence[str] = tuple(facts.name for facts in SETS)
    size: int = SIZE
    limit: int | None = None
    seeds: Sequence[int] = (0,)
    run_file: Path | None = None
    """Settings that are laid over the recipe's."""

    @property
    def facts(self) -> list[Facts]:
        return list(dict.fromkeys(map(facts_of, self.sets)))

    def values(self, images: Sequence[Path], seed: int) -> dict[str, Any]:
        """Of the run file of a seed."""
        over = read_values(self.run_file) if self.run_file else {}
        recipe = read_values(RECIPE)
        recipe["vlm"] = {**recipe["vlm"], "checkpoint": self.vlm}
        if self.tsm is not None:
            recipe["tsm"] = {"name": CONVNET} if self.tsm == CONVNET else {**recipe["tsm"], "checkpoint": self.tsm}
        limits = {"limit": dict.fromkeys(SPLITS, self.limit)} if self.limit else {}
        laid_over = {name: _laid(recipe.get(name), block) for name, block in over.items()}
        return {**recipe, **laid_over, **limits, "images": list(map(str, images)), "seed": seed}


def _laid(under: Any, over: Any) -> Any:
    """A block's settings one by one; what is no block, or another one, as a whole."""
    if (
        isinstance(under, Mapping)
        and isinstance(over, Mapping)
        and over.get("name", under.get("name")) == under.get("name")
    ):
        return {**under, **over}
    return over


@dataclass(frozen=True)
class Outcome:
    rows: list[Row]
    departures: list[str]


def run_all(
    wanted: Wanted,
    out: Path,
    mirror: str | None = None,
    watch: Report = lambda event: None,
    say: Say = lambda text: None,
    on_bytes: Callable[[int, int | None], None] = lambda done, whole: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Outcome:
    """A run for each seed, over all sets at once, as in the paper; paper.md and paper.csv after each."""
    folder = out / "sets"
    say(_disk(wanted, folder))

    def go_on() -> None:
        if is_stopped():
            raise StoppedError(f"Stopped before all of the sets were fetched. {GO_ON}")

    def on_part(done: int, whole: int | None) -> None:
        on_bytes(done, whole)
        go_on()

    images = list[Path]()
    for facts in wanted.facts:
        go_on()
        images.append(_fetched(facts, wanted.size, folder, mirror, say, on_part))
    of_seeds: list[dict[str, Any]] = []
    outcome = Outcome([], [])
    for number, seed in enumerate(wanted.seeds):
        if is_stopped():
            raise StoppedError(f"Stopped before seed {seed}. {GO_ON}")
        run, place = make_run(wanted.values(images, seed)), out / f"seed-{seed}"
        if not number and not Folder(place).settings.is_file():
            say(_hours(run, len(wanted.seeds), say))
        say(f"Seed {seed}, {number + 1} of {len(wanted.seeds)}: in {place}.")
        of_seeds.append(tuned(run, place, watch, is_stopped))
        names = [facts.name for facts in wanted.facts]
        outcome = Outcome(rows_of(of_seeds, names), list(departures(wanted, run, of_seeds[0]["departures"])))
        (out / "paper.md").write_text(markdown(outcome.rows, outcome.departures), encoding="utf-8")
        (out / "paper.csv").write_text(as_table(outcome.rows), encoding="utf-8")
    return outcome


def _disk(wanted: Wanted, folder: Path) -> str:
    """What is told before anything is fetched."""
    missing = [facts for facts in wanted.facts if not _file(folder, facts, wanted.size).is_file()]
    place = next(parent for parent in (folder, *folder.absolute().parents) if parent.is_dir())
    free = shutil.disk_usage(place).free / GB
    if not missing:
        return f"All {len(wanted.facts)} sets are in {folder}."
    most = sum(facts.most_bytes(wanted.size) for facts in missing) / GB
    licences = sorted({facts.licence for facts in missing})
    return (
        f"To be fetched at {wanted.size} pixels: {', '.join(facts.name for facts in missing)}. They take at most "
        f"{most:,.1f} GB in {folder} (their pixels, before compression), which has {free:,.1f} GB free, and as much in "
        f"{tempfile.gettempdir()} while a run has them open. Licences: {', '.join(licences)}. Ctrl-C stops; what was "
        "fetched stays."
    )


def _file(folder: Path, facts: Facts, size: int) -> Path:
    return folder / f"{facts.name}_{size}.npz"


def _fetched(
    facts: Facts, size: int, folder: Path, mirror: str | None, say: Say, on_bytes: Callable[[int, int | None], None]
) -> Path:
    address = f"{mirror.rstrip('/')}/{facts.file(size)}" if mirror else None
    if not _file(folder, facts, size).is_file():
        say(f"Fetching {facts.name}.")
    return fetch(facts.name, size, folder, on_bytes, address).path


def _hours(run: Run, seeds: int, say: Say) -> str:
    """What is told before anything is learned: real steps are made on some cases, and multiplied."""
    estimated = estimate(run, say)
    whole = f", {duration(estimated['seconds'] * seeds)} for {seeds} seeds" if seeds > 1 else ""
    have = f" of {estimated['available_gib']:,.1f} GiB" if estimated["available_gib"] else ""
    fits = "" if estimated["fits"] else " It does not fit: lower training.micro_batch_size in a file given by --run."
    features = run.settings.features.budget_gib
    return (
        f"A run takes about {duration(estimated['seconds'])} here ({estimated['device']}){whole}, and "
        f"{estimated['memory_gib']:,.1f} GiB{have} of memory.{fits} Features of pictures take up to {features:g} GiB "
        "of disk."
    )


def departures(wanted: Wanted, run: Run, of_run: Sequence[str]) -> Iterator[str]:
    """Where this is not what the paper did, in sentences; the run itself says where its method departs."""
    yield f"The VLM is {wanted.vlm} in its transformers form; the paper's is InternVL2-2B."
    tsms = " and ".join(str(getattr(settings, "checkpoint", settings.name)) for _, settings in run.tsms)
    yield f"The TSM is {tsms}, trained here; the paper's own is not at hand."
    yield (
        "Learning rates, LoRA, batch size and the weights of the losses are ours, since the paper does not print them "
        "(docs/method.md)."
    )
    there = {facts.name for facts in wanted.facts}
    if missing := [facts.name for facts in SETS if facts.name not in there]:
        yield f"Learned from {len(wanted.facts)} sets of the paper's 12 together; without {', '.join(missing)}."
    if wanted.size != SIZE:
        yield f"The pictures have {wanted.size} pixels a side; the paper's have {SIZE}."
    if run.settings.limit:
        limits = ", ".join(f"{count:,} {split}" for split, count in run.settings.limit.items())
        yield f"Of each set at most so many cases were taken, by class: {limits}; the paper took all."
    yield from of_run
    yield from _of_settings(wanted, run)


def _of_settings(wanted: Wanted, run: Run) -> Iterator[str]:
    """Every setting that the given file changed."""
    plain = Wanted(wanted.vlm, wanted.tsm, wanted.sets, wanted.size, wanted.limit)
    recipe = make_run(plain.values([Path(images) for images in run.settings.images], run.settings.seed))
    was, now = (dict(_flat(_filled_in(each))) for each in (recipe, run))
    for name in sorted(was.keys() | now.keys()):
        if was.get(name) != now.get(name) and name not in (*GIVEN, *OF_THE_MACHINE):
            here, printed = ("not set" if value is None else value for value in (now.get(name), was.get(name)))
            yield f"{name} is {here}; in the recipe it is {printed}."


def _filled_in(run: Run) -> dict[str, Any]:
    """A run's settings with the defaults of what they name."""
    blocks = {"vlm": run.vlm.model_dump(mode="json"), "method": run.plan.settings.model_dump(mode="json")}
    tsms = [settings.model_dump(mode="json") for _, settings in run.tsms]
    return {**run.settings.model_dump(mode="json"), **blocks, "tsm": tsms}


def _flat(block: Block, before: str = "") -> Iterator[tuple[str, object]]:
    for name, value in block.items():
        parts = value if isinstance(value, list) and all(isinstance(part, Mapping) for part in value) else [value]
        for number, part in enumerate(parts):
            called = f"{before}{name}" if number == 0 else f"{before}{name}-{number + 1}"
            if isinstance(part, Mapping):
                yield from _flat(part, f"{called}.")
            else:
                yield called, part

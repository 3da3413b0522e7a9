"""`vitask tune`, and `vitask demo`, which tunes the bundled starter on the bundled sample set."""

from __future__ import annotations

import argparse
import getpass
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.catalog import USUAL
from core.cli import output, studio
from core.cli.commands import Commands

if TYPE_CHECKING:
    from core.runs.runfile import Run

DEMO: dict[str, Any] = {**USUAL, "preset": "quick"}


def add(commands: Commands) -> None:
    tune = commands.add_parser("tune", help="tune as a run file says", example="vitask tune run.yaml --out runs/blood")
    tune.add_argument("run", type=Path, metavar="RUN.yaml")
    tune.add_argument("--out", type=Path, required=True, metavar="DIR", help="the run's folder")
    studio.add_data(tune)
    tune.add_argument(
        "--accept-leakage",
        metavar="WHY",
        help="go on although it is measured on pictures or patients that it learns from; the card tells who and why",
    )
    tune.add_argument("--resume", action="store_true", help="go on with the run in that folder")
    tune.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    tune.set_defaults(do=do_tune)
    demo = commands.add_parser(
        "demo", help="tune the bundled starter on the bundled sample set and print its readers", example="vitask demo"
    )
    demo.add_argument("--out", type=Path, metavar="DIR", help="keep the run in this folder")
    demo.set_defaults(do=do_demo)
    sample = commands.add_parser(
        "sample", help="write the bundled sample set, which is drawn, into a folder", example="vitask sample cells"
    )
    sample.add_argument("folder", type=Path, metavar="DIR")
    sample.add_argument("--seed", type=int, default=0)
    sample.set_defaults(do=do_sample)


def do_tune(arguments: argparse.Namespace) -> None:
    from core.readings.results import table
    from core.runs.helped import helped, worth
    from core.runs.runfile import read_run
    from core.runs.tune import tune

    studio.use_data(arguments)
    run = read_run(arguments.run) if arguments.accept_leakage is None else _accepting(arguments)
    with output.watching() as watch, stopping() as is_stopped:
        results = tune(run, arguments.out, arguments.resume, watch, is_stopped)
    if not results:  # a process beside the main one
        return
    if arguments.json:
        output.plain(results)
    else:
        output.out("\n".join(["", table(results), *worth(run, results), *helped(run, results)]))
        output.out(f"Research use only. The run is in {arguments.out}; its card is card.md.")


def _accepting(arguments: argparse.Namespace) -> Run:
    """The run, with the reason that was given under the name of whoever has the shell."""
    from core.runs.runfile import make_run, read_values

    accepted = {"accepted_by": getpass.getuser(), "why": arguments.accept_leakage}
    return make_run({**read_values(arguments.run), "leakage": accepted})


def do_demo(arguments: argparse.Namespace) -> None:
    from core.readings.results import table
    from core.runs.helped import helped, worth
    from core.runs.runfile import make_run
    from core.runs.tune import tune
    from core.sample import write

    folder = Path(tempfile.mkdtemp(prefix="vitask-demo-"))
    try:
        output.note("Drawing the sample set: cells drawn by a program, no medical data.")
        run = make_run(DEMO | {"images": str(write(folder / "sample"))})
        with output.watching() as watch, stopping() as is_stopped:
            results = tune(run, arguments.out or folder / "run", watch=watch, is_stopped=is_stopped)
        output.out("\n".join(["", table(results), *worth(run, results), *helped(run, results), ""]))
        output.out(
            "vlm: the untuned model; vanilla: plain tuning; tsm: the small classifier; vitask: tuned with its help,"
        )
        output.out("reading alone; vitask+tsm: reading with its exemplar. Drawn cells, research use only.")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def do_sample(arguments: argparse.Namespace) -> None:
    from core.errors import DataError
    from core.sample import write

    if arguments.folder.exists() and any(arguments.folder.iterdir()):
        raise DataError(f"{arguments.folder} is not empty. Choose a folder that doesn't exist yet.")
    output.out(
        f"The sample set is in {write(arguments.folder, arguments.seed)}. Everything in it is drawn by a program."
    )


@contextmanager
def stopping() -> Iterator[Callable[[], bool]]:
    """SIGTERM, and the first Ctrl-C, ask a run to save and leave; a second Ctrl-C interrupts it at once."""
    is_wanted = False

    def note_stop(number: int, frame: object) -> None:
        nonlocal is_wanted
        is_wanted = True
        again = " Press Ctrl-C again to leave at once." if number == signal.SIGINT else ""
        output.note(f"Stopping: saving after this step.{again}")
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, note_stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: is_wanted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

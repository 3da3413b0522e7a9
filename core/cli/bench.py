"""`vitask bench`: what a step, a reading, an intake, a search and whole runs cost and are worth, each beside what it is
compared to; where that helps; and how often intervals hold the truth."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.cli import output
from core.cli.commands import Commands
from core.cli.tune import stopping


def add(commands: Commands) -> None:
    actions = commands.add_parser(
        "bench",
        help="measure a step, a reading, whole runs, or intervals",
        example="vitask bench table bloodmnist --seeds 3",
    ).add_subparsers(metavar="WHAT", required=True)
    step = actions.add_parser("step", help="a full VITask step beside a usual trainer's plain one")
    step.add_argument("--rounds", type=int, default=5, help="alternating rounds; medians are told")
    read = actions.add_parser("read", help="reading 8 candidate answers beside generating, and one by one")
    read.add_argument("--rounds", type=int, default=5)
    for command, do in ((step, do_step), (read, do_read)):
        command.add_argument("--size", choices=("small", "2b"), default="small", help="of the randomly initialised VLM")
        command.add_argument("--json", action="store_true")
        command.set_defaults(do=do)
    table = actions.add_parser("table", help="the readers of whole runs, over seeds")
    table.add_argument(
        "--ablation", action="store_true", help="also VITask with each of its parts left out: five runs instead of one"
    )
    _add_trials(table, "runs", Path("bench-table"), do_table)
    _add_curve(actions.add_parser("curve", help="where it helps: all readers over training cases and over steps"))
    _add_paper(actions.add_parser("paper", help="the experiment of arXiv 2410.06456, its figures beside ours"))
    suspects = actions.add_parser("suspects", help="planted label errors, and how well they are found")
    suspects.add_argument("--noise", default="uniform-5,uniform-10,confused-10", metavar="uniform-10,confused-10")
    suspects.add_argument(
        "--retrain", action="store_true", help="also what a TSM gains by the first suspects put right"
    )
    _add_trials(suspects, "searches", Path("bench-suspects"), do_suspects)
    intake = actions.add_parser("intake", help="taking in sets of pictures beside opening and hashing them alone")
    intake.add_argument("--pictures", default="1000,10000", metavar="1000,10000", help="sets of so many drawn JPEGs")
    intake.add_argument("--side", type=int, default=256, help="of each, in pixels; at least 16")
    intake.add_argument("--json", action="store_true")
    intake.set_defaults(do=do_intake)
    copies = actions.add_parser("copies", help="finding near copies among very many drawn pictures")
    copies.add_argument("--pictures", default="10000,100000", metavar="100000,1000000", help="so many at a time")
    copies.add_argument("--json", action="store_true")
    copies.set_defaults(do=do_copies)
    intervals = actions.add_parser("intervals", help="how often 95 %% intervals hold the truth, in simulation")
    intervals.add_argument(
        "--cells", default="", metavar="NAME,NAME", help="some of the kinds of test sets; usually all"
    )
    intervals.add_argument(
        "--readers",
        type=int,
        metavar="N",
        help="instead: how often any two of so many equally good readers are told apart",
    )
    intervals.add_argument("--sets", type=int, default=1000, help="simulated test sets of each kind")
    intervals.add_argument("--seed", type=int, default=0, help="of the simulated test sets")
    intervals.add_argument("--processes", type=int, default=1)
    intervals.add_argument("--json", action="store_true")
    intervals.set_defaults(do=do_intervals)


def _add_curve(curve: argparse.ArgumentParser) -> None:
    curve.description = (
        "Whole runs with fewer and with more training cases, and with fewer and with more steps, all measured on the "
        "same test cases. DIR then holds curve.svg, curve.png, curve.md, curve.csv and runs.csv, written anew after "
        "each run. Stopped by Ctrl-C or killed, the same command goes on where it was."
    )
    curve.add_argument("--cases", default="50,200,800,all", metavar="50,200,all", help="training cases")
    curve.add_argument(
        "--steps",
        default="",
        metavar="20,80,320",
        help="steps a stage, with the most cases; the cases then go with the most steps. Usually as the run file says",
    )
    _add_trials(curve, "runs", Path("bench-curve"), do_curve)


def _add_paper(paper: argparse.ArgumentParser) -> None:
    paper.description = (
        "Fetches the twelve sets of arXiv 2410.06456, checked by their MD5, tunes one model on all of them by the "
        "printed recipe, measures every reader, and writes paper.md and paper.csv into DIR: ours beside the paper's, "
        "and below it what was done otherwise. What it takes is told first: the disk before anything is fetched, the "
        "hours before anything is learned. Stopped by Ctrl-C or killed, the same command goes on where it was."
    )
    paper.add_argument("--vlm", required=True, metavar="CHECKPOINT", help="a folder, or a name on the hub")
    paper.add_argument("--tsm", metavar="CHECKPOINT", help="an image backbone, or convnet; usually the recipe's ViT")
    paper.add_argument("--sets", default="", metavar="blood,retina", help="some of the twelve; usually all")
    paper.add_argument("--size", type=int, default=224, choices=(28, 64, 128, 224), help="pixels a side")
    paper.add_argument("--limit", type=output.count, metavar="N", help="at most so many cases of each split of a set")
    paper.add_argument("--seeds", default="0", metavar="0,1,2", help="a run each")
    paper.add_argument("--run", type=Path, metavar="RUN.yaml", help="settings that replace the recipe's; they are told")
    paper.add_argument("--mirror", metavar="ADDRESS", help="where the npz files are too, under their published names")
    paper.add_argument("--out", type=Path, default=Path("bench-paper"), metavar="DIR", help="where all of it is kept")
    paper.add_argument("--json", action="store_true")
    paper.set_defaults(do=do_paper)


def _add_trials(command: argparse.ArgumentParser, trials: str, folder: Path, do: Callable[..., None]) -> None:
    """What the commands have in common that try sets over seeds."""
    command.add_argument("sets", nargs="+", metavar="SET")
    command.add_argument("--seeds", default="0", metavar="0,1,2")
    command.add_argument(
        "--run", type=Path, metavar="RUN.yaml", help=f"settings of the {trials}; images and seed are replaced"
    )
    command.add_argument("--out", type=Path, default=folder, metavar="DIR", help=f"where {trials} are kept and resumed")
    command.add_argument("--json", action="store_true")
    command.set_defaults(do=do)


def do_step(arguments: argparse.Namespace) -> None:
    from core.bench.step import measure

    _print_figures(arguments, measure(arguments.rounds, arguments.size, output.note))


def do_read(arguments: argparse.Namespace) -> None:
    from core.bench.read import measure

    _print_figures(arguments, measure(arguments.rounds, arguments.size, output.note))


def do_intake(arguments: argparse.Namespace) -> None:
    from core.bench.intake import markdown, measure

    counts = [_whole(text, "--pictures") for text in arguments.pictures.split(",")]
    rows = measure(counts, max(16, arguments.side), output.note)
    _print_rows(arguments, [row.as_row() for row in rows], markdown(rows))


def do_copies(arguments: argparse.Namespace) -> None:
    from core.bench.copies import markdown, measure

    counts = [_whole(text, "--pictures") for text in arguments.pictures.split(",")]
    rows = measure(counts, output.note)
    _print_rows(arguments, [row.as_row() for row in rows], markdown(rows))


def do_table(arguments: argparse.Namespace) -> None:
    from core.bench.table import markdown, run_all

    with output.watching() as watch:
        rows = run_all(arguments.sets, _seeds(arguments.seeds), arguments.run, arguments.out, watch, arguments.ablation)
    _print_rows(arguments, rows, markdown(rows))


def do_curve(arguments: argparse.Namespace) -> None:
    from core.bench.curve import Wanted, run_all
    from core.bench.curve_figures import curves_of, markdown, runs_in_rows

    cases = [None if text == "all" else _whole(text, "--cases") for text in arguments.cases.split(",")]
    steps = [_whole(text, "--steps") for text in arguments.steps.split(",") if arguments.steps]
    wanted = Wanted(_seeds(arguments.seeds), cases, steps)
    with output.watching() as watch, stopping() as is_stopped:
        done = run_all(arguments.sets, wanted, arguments.run, arguments.out, watch, output.note, is_stopped)
    _print_rows(arguments, runs_in_rows(done), markdown(curves_of(done)))
    output.note(f"The picture is in {arguments.out / 'curve.svg'}, and curve.png beside it.")


def do_paper(arguments: argparse.Namespace) -> None:
    from core.bench.paper import Wanted, run_all
    from core.bench.paper_figures import in_rows, markdown

    named = {"sets": arguments.sets.split(",")} if arguments.sets else {}
    wanted = Wanted(
        arguments.vlm,
        arguments.tsm,
        size=arguments.size,
        limit=arguments.limit,
        seeds=_seeds(arguments.seeds),
        run_file=arguments.run,
        **named,
    )
    with output.watching() as watch, stopping() as is_stopped:
        outcome = run_all(
            wanted, arguments.out, arguments.mirror, watch, output.note, output.telling_bytes(), is_stopped
        )
    if arguments.json:
        output.plain({"rows": in_rows(outcome.rows), "departures": outcome.departures})
    else:
        output.out(markdown(outcome.rows, outcome.departures))
        output.note(f"Research use only. Tables and runs are in {arguments.out}.")


def do_suspects(arguments: argparse.Namespace) -> None:
    from core.bench.suspects import markdown, run_all

    noises = arguments.noise.split(",")
    with output.watching() as watch:
        rows = run_all(
            arguments.sets, noises, _seeds(arguments.seeds), arguments.run, arguments.out, arguments.retrain, watch
        )
    _print_rows(arguments, rows, markdown(rows))


def do_intervals(arguments: argparse.Namespace) -> None:
    from core.bench import intervals, pairs
    from core.bench.intervals import CELLS
    from core.errors import SettingsError

    cells = arguments.cells.split(",") if arguments.cells else list(CELLS)
    if strange := [name for name in cells if name not in CELLS]:
        raise SettingsError(f'There is no cell "{strange[0]}". Choose among: {", ".join(CELLS)}.')
    simulated = (arguments.sets, arguments.seed, arguments.processes, output.note)
    if arguments.readers is None:
        rows = intervals.run_all(cells, *simulated)
        _print_rows(arguments, rows, intervals.markdown(rows))
    elif arguments.readers < 3:
        raise SettingsError("--readers must be 3 or more: two make one pair, of which nothing has to be corrected.")
    else:
        rows = pairs.run_all(cells, arguments.readers, *simulated)
        _print_rows(arguments, rows, pairs.markdown(rows))


def _seeds(text: str) -> list[int]:
    from core.errors import SettingsError

    try:
        return [int(seed) for seed in text.split(",")]
    except ValueError:
        raise SettingsError(f"--seeds must be whole numbers with commas, like 0,1,2, not {text!r}.") from None


def _whole(text: str, option: str) -> int:
    from core.errors import SettingsError

    if not text.isdecimal() or int(text) < 1:
        raise SettingsError(f"{option} must be whole numbers from 1 on with commas, like 50,200, not {text!r}.")
    return int(text)


def _print_rows(arguments: argparse.Namespace, rows: list[dict[str, Any]], table: str) -> None:
    if arguments.json:
        output.plain({"rows": rows})
    else:
        output.out(table)


def _print_figures(arguments: argparse.Namespace, figures: dict[str, Any]) -> None:
    if arguments.json:
        output.plain(figures)
        return
    for name, value in figures.items():
        output.out(f"{name}: {_plain(value)}")


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(inner)}" for name, inner in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)

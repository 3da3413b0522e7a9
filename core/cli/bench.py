"""`vitask bench`: what a step, a reading and whole runs cost and are worth, each beside what it is compared to."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.cli import output


def add(commands: Any) -> None:
    actions = commands.add_parser("bench", help="measure a step, a reading, or whole runs").add_subparsers(
        metavar="WHAT", required=True
    )
    step = actions.add_parser("step", help="a full VITask step beside a usual trainer's plain one")
    step.add_argument("--rounds", type=int, default=5, help="alternating rounds; medians are told")
    read = actions.add_parser("read", help="reading 8 candidate answers beside generating, and one by one")
    read.add_argument("--rounds", type=int, default=5)
    for one, do in ((step, do_step), (read, do_read)):
        one.add_argument("--size", choices=("small", "2b"), default="small", help="of the randomly initialised VLM")
        one.add_argument("--json", action="store_true")
        one.set_defaults(do=do)
    table = actions.add_parser("table", help="the readers of whole runs, over seeds")
    table.add_argument("sets", nargs="+", metavar="SET")
    table.add_argument("--seeds", default="0", metavar="0,1,2")
    table.add_argument(
        "--run", type=Path, metavar="RUN.yaml", help="settings of the runs; images and seed are replaced"
    )
    table.add_argument(
        "--out", type=Path, default=Path("bench-table"), metavar="DIR", help="where runs are kept and resumed"
    )
    table.add_argument(
        "--ablation", action="store_true", help="also VITask with each of its parts left out: five runs instead of one"
    )
    table.add_argument("--json", action="store_true")
    table.set_defaults(do=do_table)
    suspects = actions.add_parser("suspects", help="planted label errors, and how well they are found")
    suspects.add_argument("sets", nargs="+", metavar="SET")
    suspects.add_argument("--noise", default="uniform-5,uniform-10,confused-10", metavar="uniform-10,confused-10")
    suspects.add_argument("--seeds", default="0", metavar="0,1,2")
    suspects.add_argument(
        "--run", type=Path, metavar="RUN.yaml", help="settings of the searches; images and seed are replaced"
    )
    suspects.add_argument(
        "--out", type=Path, default=Path("bench-suspects"), metavar="DIR", help="where searches are kept and resumed"
    )
    suspects.add_argument(
        "--retrain", action="store_true", help="also what a TSM gains by the first suspects put right"
    )
    suspects.add_argument("--json", action="store_true")
    suspects.set_defaults(do=do_suspects)


def do_step(asked: argparse.Namespace) -> None:
    from core.bench.step import measure

    _tell(asked, measure(asked.rounds, asked.size, output.note))


def do_read(asked: argparse.Namespace) -> None:
    from core.bench.read import measure

    _tell(asked, measure(asked.rounds, asked.size, output.note))


def do_table(asked: argparse.Namespace) -> None:
    from core.bench.table import markdown, run_all

    with output.watching() as watch:
        rows = run_all(asked.sets, _seeds(asked.seeds), asked.run, asked.out, watch, asked.ablation)
    _tell_rows(asked, rows, markdown(rows))


def do_suspects(asked: argparse.Namespace) -> None:
    from core.bench.suspects import markdown, run_all

    noises = asked.noise.split(",")
    with output.watching() as watch:
        rows = run_all(asked.sets, noises, _seeds(asked.seeds), asked.run, asked.out, asked.retrain, watch)
    _tell_rows(asked, rows, markdown(rows))


def _seeds(told: str) -> list[int]:
    from core.errors import SettingsError

    try:
        return [int(seed) for seed in told.split(",")]
    except ValueError:
        raise SettingsError(f"--seeds must be whole numbers with commas, like 0,1,2, not {told!r}.") from None


def _tell_rows(asked: argparse.Namespace, rows: list[dict[str, Any]], table: str) -> None:
    if asked.json:
        output.plain({"rows": rows})
    else:
        output.out(table)


def _tell(asked: argparse.Namespace, measured: dict[str, Any]) -> None:
    if asked.json:
        output.plain(measured)
        return
    for name, value in measured.items():
        output.out(f"{name}: {_plain(value)}")


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(one)}" for name, one in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)

"""`vitask probe`: captions that differ in one word, and questions asked both ways, put to a run's readers."""

from __future__ import annotations

import argparse
from pathlib import Path

from core.cli import output
from core.cli.commands import Commands


def add(commands: Commands) -> None:
    probe = commands.add_parser(
        "probe",
        help="do readers see what one word says, and do they contradict themselves?",
        example="vitask probe runs/blood --cases 64",
    )
    probe.add_argument("run", type=Path, metavar="DIR")
    probe.add_argument("--cases", type=output.count, metavar="N", help="at most so many test cases of each set; 64")
    probe.add_argument("--question", metavar="SET", help="only this set of a joint run")
    probe.add_argument("--images", metavar="PATH", help="where the run's own images lie now, if they were moved")
    probe.add_argument(
        "--middle",
        type=float,
        metavar="SHARE",
        help="a box is on neither side whose centre is this near to the middle line; .05 of the picture",
    )
    probe.add_argument(
        "--size", type=float, metavar="SHARE", help="a box is large or small from this much beside the median; .1"
    )
    probe.add_argument("--json", action="store_true")
    probe.set_defaults(do=do)


def do(arguments: argparse.Namespace) -> None:
    from core.readings.probe_figures import probe_notes, probes_as_markdown
    from core.runs.opened import open_run
    from core.runs.probes import CASES, probe
    from core.sets.box_words import Margins

    chosen = {name: getattr(arguments, name) for name in Margins.model_fields}
    margins = Margins.parse({name: share for name, share in chosen.items() if share is not None}, "")
    opened = open_run(arguments.run)
    with output.watching() as watch:
        probes = probe(opened, arguments.cases or CASES, arguments.question, arguments.images, margins, watch)
    if arguments.json:
        output.plain(probes)
        return
    output.out(probes_as_markdown(probes))
    for note in probe_notes(probes):
        output.out(note)
    output.out(f"Kept in {opened.folder.probes} and in the run's card. 95 % intervals. Research use only.")

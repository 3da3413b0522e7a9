"""`vitask read`: what every reader of a run says of some images, with its whole response distribution."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.cli import output
from core.cli.commands import Commands
from core.statistics.rounding import rounded


def add(commands: Commands) -> None:
    read = commands.add_parser(
        "read",
        help="what the readers of a run say of images",
        example="vitask read runs/blood cell.png --readers tsm,vitask",
    )
    read.add_argument("run", type=Path, metavar="DIR")
    read.add_argument("images", type=Path, nargs="+", metavar="IMAGE")
    read.add_argument("--readers", metavar="A,B", help="only these, like tsm,vitask")
    read.add_argument("--question", metavar="SET", help="which set's question a joint run is asked")
    read.add_argument("--instruction", metavar="TEXT", help="ask in other words")
    read.add_argument("--json", action="store_true")
    read.set_defaults(do=do)


def do(arguments: argparse.Namespace) -> None:
    from core.pictures.pixels import FilePixels
    from core.readings.answer import conclusion_to_plain
    from core.readings.calibration import concluded
    from core.readings.novelty import plain
    from core.runs.opened import Asked, open_run, read_pictures, unlike

    pictures = [FilePixels(path).load() for path in arguments.images]
    opened = open_run(arguments.run)
    number = opened.set_number(arguments.question)
    task = list(opened.tasks.values())[number]
    readers = arguments.readers.split(",") if arguments.readers else opened.reader_names
    read = read_pictures(opened, Asked(pictures, number, arguments.instruction, free_text=True), readers)
    unlikeness = [plain(judged) for judged in unlike(opened, pictures)]
    # Of other words no temperature is known.
    kept = {} if arguments.instruction else opened.calibrations(number)
    rows = [
        {
            "image": str(path),
            "unlike": unlikeness[row],
            "readers": {
                name: {"answers": list(task.answers)}
                | conclusion_to_plain(concluded(of_images[row], task, kept.get(name)))
                for name, of_images in read.items()
            },
        }
        for row, path in enumerate(arguments.images)
    ]
    if arguments.json:
        output.plain({"images": rows})
        return
    for row in rows:
        output.out(_table(row))
    for reader in opened.named(readers):
        if not reader.has_words:
            output.out(f"{reader.name} writes nothing: {reader.title} has no words.")
    scaled = [reader.name for reader in opened.named(readers) if reader.embeds]
    but = f", but those of {', '.join(scaled)} by its learned temperature" if scaled else ""
    if not kept.keys() & read.keys():
        why = "; the temperatures of the run are of its own question" if arguments.instruction else ""
        output.out(f"Raw scores, not calibrated{but}{why}. Research use only.")
        return
    cases = max(calibration.cases for calibration in kept.values())
    output.out(
        f"Raw scores{but}; in brackets as calibrated by one temperature a reader, learned on {cases:,} validation "
        "cases. Research use only."
    )


def _table(row: dict[str, Any]) -> str:
    from core.readings.statement import statements_from_plain

    lines = [f"**{row['image']}**", "", row["unlike"]["text"], ""]
    names = list(row["readers"])
    lines += ["| answer | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for place, answer in enumerate(row["readers"][names[0]]["answers"]):
        values = " | ".join(_probability(row["readers"][name], place) for name in names)
        lines.append(f"| {answer} | {values} |")
    written = [f'{name} writes: "{row["readers"][name]["text"]}"' for name in names if row["readers"][name]["text"]]
    statements = [
        f"{name}, {statement.TITLE.lower()}: {statement.words()}"
        for name in names
        for statement in statements_from_plain(row["readers"][name]["said"])
    ]
    return "\n".join([*lines, "", *written, *statements, ""])


def _probability(of_reader: dict[str, Any], place: int) -> str:
    raw, calibrated = rounded(of_reader["probabilities"][place]), of_reader["calibrated"]
    return f"{raw} ({rounded(calibrated[place])})" if calibrated else raw

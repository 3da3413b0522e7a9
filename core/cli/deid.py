"""`vitask set deid`: a folder, zip or file of DICOM, written anew without whose it is."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cli import output
from core.errors import DataError, SettingsError
from core.sets.version import KEPT

if TYPE_CHECKING:
    from core.deid.choices import Choices

MOST_LISTED = 20
CATEGORY_WIDTH = 24


def add_to_sets(actions: Any) -> None:
    """`vitask set deid`, among the other things to do with sets."""
    deid = actions.add_parser(
        "deid",
        help="write DICOM files anew without whose they are (PS3.15), with a record of every action",
        description="Writes what a folder, zip or file of DICOM holds into a new folder, de-identified by the basic "
        "profile of PS3.15, with tables beside it. The record lies in .deid within it. Broken off, it goes on.",
    )
    deid.add_argument("path", type=Path, metavar="IN")
    deid.add_argument("to", type=Path, metavar="OUT", help="a new folder, or the one in which it was broken off")
    add_choices(deid)
    deid.add_argument("--json", action="store_true", help="the record as one JSON object on standard output")
    deid.set_defaults(do=do_deid)


def add_choices(parser: argparse.ArgumentParser) -> None:
    from core.deid.acts import ACTS
    from core.deid.choices import Choices

    names = ", ".join(Choices.model_fields)
    parser.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="the site's key, made there where there is none; else deid.key in the data folder",
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help=f"like dates=kept; may be given again: {names}",
    )
    parser.add_argument(
        "--waiting",
        choices=ACTS,
        help="what becomes of pictures that somebody should look at: ultrasound, text burned in, faces; else they wait",
    )


def choices_from(arguments: argparse.Namespace) -> Choices:
    from core.deid.choices import Choices

    values: dict[str, str | bool] = {}
    for option in arguments.option:
        name, sign, value = option.partition("=")
        values[name.strip()] = value.strip() if sign else True
    return Choices.parse(values, "--option")


def key_file(arguments: argparse.Namespace) -> Path:
    """As it was named, else in the data folder, where the studio has it."""
    return Path(arguments.key).expanduser() if arguments.key is not None else key_in_data_folder()


def key_in_data_folder() -> Path:
    from core.deid.key import NAME
    from core.sets.version import DATA

    folder = Path(os.environ.get("VITASK_DATA") or DATA).expanduser()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / NAME


@contextmanager
def at_the_door(path: Path, arguments: argparse.Namespace, data: Path) -> Iterator[tuple[Path, str]]:
    """What is kept instead of a path that holds DICOM, and what the version's note says of it; the path stays as it is.

    The de-identified files lie in the data folder while they are read.
    """
    from core.deid.key import NAME, site_key
    from core.deid.shell_way import deidentify_and_look
    from core.deid.source import holds_dicom
    from core.deid.waiting import in_words

    if arguments.no_deid or str(arguments.path).startswith(KEPT) or not path.exists() or not holds_dicom(path):
        yield path, ""
        return
    choices, key = choices_from(arguments), site_key(arguments.key or data / NAME)
    with tempfile.TemporaryDirectory(prefix="deid-", dir=data) as folder:
        with output.counting("files") as on_file:
            target = Path(folder) / (path.stem or "set")
            record, tray = deidentify_and_look(path, target, choices, key, arguments.waiting, "local", on_file)
        if waiting := tray.waiting():
            raise DataError(
                f"{in_words(waiting)} Bring the set in the studio, where somebody can look at them, or say with "
                "--waiting release, mask or reject what becomes of them all."
            )
        for left in record.left_out:
            output.note(f"left out: file {left.number} ({left.reason})")
        if doubts := record.doubts():
            output.note(doubts)
        yield target, record.words()


def do_score(arguments: argparse.Namespace) -> None:
    """`vitask set check --deid`: what becomes of a drawn set in which it is known what names somebody."""
    from core.deid.burned_score import score_pixels
    from core.deid.score import CATEGORIES, score

    with tempfile.TemporaryDirectory(prefix="deid-") as folder:
        scored = score(Path(folder))
    score_pixels(scored)
    if arguments.json:
        output.plain(scored.as_json())
    else:
        for category, counted in CATEGORIES.items():
            passed, total = scored.passed[category], scored.total[category]
            share = f"{100 * passed / total:.2f} %" if total else ""
            output.out(f"{category:{CATEGORY_WIDTH}}{passed:>7,} / {total:,} {share:>9}   {counted}")
        for failed in scored.failed[:MOST_LISTED]:
            output.out(f"failed: {failed}")
    if not scored.is_good_enough():
        counts = f"{len(scored.failed):,} of {scored.total.total():,} checks failed"
        raise DataError(f"{counts}. Don't rely on the de-identification, and report this.")


def do_deid(arguments: argparse.Namespace) -> None:
    from core.deid.burned_text import can_read
    from core.deid.key import site_key
    from core.deid.shell_way import WAITING, deidentify_and_look
    from core.deid.waiting import in_words, unread

    if not arguments.path.exists():
        raise SettingsError(f'There is nothing at "{arguments.path}". Check the path.')
    choices, key = choices_from(arguments), site_key(key_file(arguments))
    with output.counting("files") as on_file:
        source, target = arguments.path.expanduser().absolute(), arguments.to.expanduser()
        record, tray = deidentify_and_look(source, target, choices, key, arguments.waiting, "local", on_file)
    if arguments.json:
        output.plain(record.as_json() | {"waiting": [held.plain() for held in tray.waiting()]})
        return
    codes = ", ".join(f"{code} {meaning}" for code, meaning in choices.codes())
    actions = ", ".join(f"{count:,} {action}" for action, count in record.totals().items())
    output.out(f"{record.files:,} files of {len(record.patients):,} patients are in {arguments.to}: {codes}.")
    output.out(f"Actions: {actions or 'none'}. Each with its code is in {arguments.to}/.deid/record.csv.")
    for left in record.left_out:
        output.out(f"left out: file {left.number} ({left.reason})")
    if doubts := record.doubts():
        output.out(doubts)
    if waiting := tray.waiting():
        output.out(f"{in_words(waiting)} They lie in {arguments.to}/{WAITING}; --waiting says what becomes of them.")
    if not can_read():
        output.out(unread().message)
    output.out("The originals are where they were.")

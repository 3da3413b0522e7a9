"""`vitask set`: what a set holds and what is wrong with it; MedMNIST sets to download; boxes and masks to take away.

What is done with the sets of a studio is in `studio` and `kept`, with pictures that wait for a look in `tray`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cli import deid, kept, mending, output, reading, studio, tray
from core.cli.commands import Commands

if TYPE_CHECKING:
    from core.case import ImageSet


def add(commands: Commands) -> None:
    actions = commands.add_parser(
        "set",
        help="check an image set, fetch one, or keep one; rename, archive or erase one that is kept",
        example="vitask set check smears.zip",
    ).add_subparsers(metavar="ACTION", required=True)
    check = actions.add_parser("check", help="what a set holds and what is wrong with it")
    check.add_argument("path", metavar="PATH", nargs="?")
    check.add_argument(
        "--deid", action="store_true", help="instead: score the de-identification on a drawn set with planted names"
    )
    check.add_argument("--json", action="store_true")
    check.add_argument("--report", type=Path, metavar="FILE", help="write it too: a page (.html), or .json")
    check.add_argument(
        "--thumbnails", action="store_true", help="put small pictures of what is found into the page: of patients"
    )
    reading.add_reading(check)
    mending.add_mending(check)
    check.set_defaults(do=do_check)
    fetch = actions.add_parser("fetch", help="download a MedMNIST set, checked by its MD5")
    fetch.add_argument("name", metavar="NAME", help="like bloodmnist")
    fetch.add_argument("--size", type=int, default=28, choices=(28, 64, 128, 224))
    fetch.add_argument("--to", type=Path, default=Path(), metavar="DIR")
    fetch.set_defaults(do=do_fetch)
    export = actions.add_parser("export", help="boxes and masks as a COCO file, which names the images as the set does")
    export.add_argument("path", metavar="PATH", help="a set, or a version of the studio (studio:HASH)")
    export.add_argument("--to", type=Path, required=True, metavar="FILE", help="like annotations.json")
    reading.add_reading(export)
    export.set_defaults(do=do_export)
    deid.add_to_sets(actions)
    studio.add_to_sets(actions)
    kept.add_to_sets(actions)
    tray.add_to_sets(actions)


def do_check(arguments: argparse.Namespace) -> None:
    from core.catalog import FORMATS, KEPT, every
    from core.checks.check import report_of
    from core.checks.shortcuts import audit
    from core.errors import DataError, SettingsError
    from core.sets.open import open_set

    if arguments.deid:
        deid.do_score(arguments)
        return
    if arguments.path is None:
        raise SettingsError("Say which set: vitask set check PATH. Or --deid for the score of the de-identification.")
    _refuse_unwritable(arguments)
    image_set = open_set(arguments.path, reading.reading_from(arguments), every(FORMATS, KEPT))
    with output.counting("pictures") as on_case:
        mended = mending.mend_as_decided(image_set, mending.mending_from(arguments), on_case, is_audited=True)
    report = report_of(mended.looked, audit(mended.looked)).as_json()
    if arguments.report:
        _write_report(arguments, mended.looked.image_set, report)
    if arguments.json:
        output.plain(report | ({"left_out": [vars(left) for left in mended.left_out]} if mended.left_out else {}))
    else:
        _print_report(mended.looked.image_set, report)
        mending.tell_left_out(mended)
    if errors := sum(finding["severity"] == "error" for finding in report["findings"]):
        without = f" --leave-out-unusable keeps the rest without {len(mended.unusable):,}." if mended.unusable else ""
        raise DataError(f"Errors to mend before tuning on this set: {errors}. They are listed above.{without}")


def _refuse_unwritable(arguments: argparse.Namespace) -> None:
    """Before pictures are looked at, which may take long."""
    from core.errors import SettingsError

    if arguments.report and arguments.report.suffix not in (".html", ".json"):
        raise SettingsError(f"--report writes a page (.html) or .json, not {arguments.report.name}.")
    if arguments.thumbnails and (arguments.report is None or arguments.report.suffix != ".html"):
        raise SettingsError("--thumbnails puts pictures into a page. Add --report FILE.html.")


def _write_report(arguments: argparse.Namespace, image_set: ImageSet, report: dict[str, Any]) -> None:
    from core.checks.report_file import as_html, as_json, pictures_of
    from core.errors import DataError, reason

    if arguments.report.suffix == ".json":
        text = as_json(image_set.name, report)
    else:
        text = as_html(image_set.name, report, pictures_of(image_set, report) if arguments.thumbnails else None)
    try:
        arguments.report.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(
            f"{arguments.report} can't be written ({reason(error)}). Name a file in a folder that is there."
        ) from None


def _print_report(image_set: ImageSet, report: dict[str, Any]) -> None:
    output.out(f"{image_set.name}: {report['cases']} cases, {image_set.task.modality}, {image_set.task.kind}")
    if image_set.task.mirrored:
        output.out(f"mirrored pictures mean the same: {image_set.task.mirrored}")
    for title in ("classes", "splits"):
        counts = ", ".join(f"{name} {count}" for name, count in report[title].items())
        output.out(f"{title}: {counts or 'none given; tuning divides the set'}")
    for finding in report["findings"]:
        output.out(f"{finding['severity']}: {finding['message']}")
    if not report["findings"]:
        output.out("Nothing to mend was found.")


def do_export(arguments: argparse.Namespace) -> None:
    from core.catalog import FORMATS, KEPT, every
    from core.errors import DataError, reason
    from core.layouts.coco import set_as_coco
    from core.sets.open import open_set

    image_set = open_set(arguments.path, reading.reading_from(arguments), every(FORMATS, KEPT)).stop_on_errors()
    text = set_as_coco(image_set)
    try:
        with arguments.to.open("w", encoding="utf-8") as file:
            file.writelines(text)
    except OSError as error:
        raise DataError(
            f"{arguments.to} can't be written ({reason(error)}). Name a file in a folder that is there."
        ) from None
    drawn_on = [case for case in image_set.cases if case.boxes is not None or case.mask is not None]
    images, drawn = len(drawn_on), sum(len(case.boxes or ()) + (case.mask is not None) for case in drawn_on)
    output.out(f"{arguments.to} has {drawn:,} boxes and masks of {images:,} images. Put it beside the images.")


def do_fetch(arguments: argparse.Namespace) -> None:
    from core.layouts.medmnist_fetch import fetch

    with output.counting("bytes") as report:
        fetched = fetch(arguments.name, arguments.size, arguments.to, report)
    output.out(f"{fetched.path} is whole. Licence of its pictures: {fetched.licence}. Not for clinical use.")

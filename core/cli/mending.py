"""How a shell says what is decided about a set: the same choices for `vitask set check` and `vitask set add`."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from core.cli import output
from core.errors import SettingsError

if TYPE_CHECKING:
    from core.case import ImageSet
    from core.checks.looked import OnCase
    from core.checks.mending import Mended, Mending

MOST_LISTED = 20


def add_mending(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--leave-out-unusable", action="store_true", help="keep the rest without the cases in error")
    parser.add_argument("--one-of-copies", action="store_true", help="of exact copies with one label keep the first")
    parser.add_argument(
        "--leave-out-kind",
        action="append",
        default=[],
        metavar="KIND",
        help="leave out every picture that a finding of this kind names, like blank; may be given again",
    )
    parser.add_argument(
        "--divide-anew", action="store_true", help="draw the split anew, patients, copies and near copies together"
    )
    parser.add_argument(
        "--drop-column", action="append", default=[], metavar="NAME", help="a column that is not kept; again for more"
    )
    parser.add_argument(
        "--patients-by-names",
        action="store_true",
        help="what names of files begin with is the patient, where nothing else names one; `vitask set check` tells",
    )
    parser.add_argument(
        "--pseudonyms", action="store_true", help="patients by pseudonyms, made with deid.key in the data folder"
    )
    parser.add_argument("--number-cases", action="store_true", help="cases by numbers, not by the names of files")
    parser.add_argument("--leave-out", action="append", default=[], metavar="CASE", help="may be given again")
    parser.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="OLD=NEW",
        help="call a label otherwise; two with one name become one, and OLD= drops it; may be given again",
    )


def mending_from(arguments: argparse.Namespace) -> Mending:
    from core.checks.mending import Mending

    labels = {}
    for named in arguments.label:
        old, sign, new = named.partition("=")
        if not sign:
            raise SettingsError(f'--label takes OLD=NEW, not "{named}".')
        labels[old] = new
    return Mending(
        leaves_out_unusable=arguments.leave_out_unusable,
        leaves_out=tuple(arguments.leave_out),
        keeps_one_copy=arguments.one_of_copies,
        leaves_out_kinds=tuple(arguments.leave_out_kind),
        divides_anew=arguments.divide_anew,
        labels=labels,
        drops_columns=tuple(arguments.drop_column),
        names_patients=arguments.patients_by_names,
        pseudonymizes=arguments.pseudonyms,
        numbers_cases=arguments.number_cases,
    )


def mend_as_decided(
    image_set: ImageSet, mending: Mending, on_case: OnCase | None = None, is_audited: bool = False
) -> Mended:
    """The set as it is kept. Every picture is looked at, and traced on the way where an audit follows."""
    from core.checks.file_names import patients_by_names
    from core.checks.looked import look_over
    from core.checks.mending import mend
    from core.checks.shortcuts import likely_drawn
    from core.cli.deid import key_in_data_folder
    from core.deid.key import site_key
    from core.deid.whose import findings_of, taken_out, tellings, undecided, unnamed

    _refuse_unknown(image_set, mending)
    image_set, naming = patients_by_names(image_set, mending)
    findings = (*findings_of(undecided(tellings(image_set), mending)), *((naming.finding(),) if naming else ()))
    kept, named = taken_out(image_set, mending, lambda: site_key(key_in_data_folder()))
    traced = likely_drawn(kept) if is_audited else ()
    looked = look_over(replace(kept, findings=(*findings, *kept.findings)), on_case, traced=traced)
    mended = mend(looked, named)
    return replace(mended, left_out=unnamed(mended.left_out, kept)) if mending.numbers_cases else mended


def warn_of_persons(image_set: ImageSet, mending: Mending) -> None:
    """Where tables and names of files look like somebody's, before they are kept; and where they may name patients whom
    the set does not."""
    from core.checks.file_names import patients_by_names
    from core.deid.whose import findings_of, tellings, undecided

    image_set, naming = patients_by_names(image_set, mending)
    for finding in findings_of(undecided(tellings(image_set), mending)):
        output.note(finding.message)
    if naming:
        output.note(f"{naming.finding().message} (--patients-by-names)")


def words_of(mended: Mended, mending: Mending) -> str:
    from core.deid.whose import words

    return "; ".join(filter(None, (words(mending), mended.words())))


def _refuse_unknown(image_set: ImageSet, mending: Mending) -> None:
    for what, names, there in (
        ("case", mending.leaves_out, {case.id for case in image_set.cases}),
        ("label", mending.labels, set(image_set.task.answers)),
        ("column", mending.drops_columns, {"report", *(name for case in image_set.cases for name in case.more)}),
    ):
        for name in names:
            if name not in there:
                raise SettingsError(f'{image_set.name} has no {what} "{name}". “vitask set check” names them all.')


def tell_left_out(mended: Mended) -> None:
    for left in mended.left_out[:MOST_LISTED]:
        output.out(f"left out: {left.case}: {left.reason}")
    if len(mended.left_out) > MOST_LISTED:
        output.out(f"left out: {len(mended.left_out) - MOST_LISTED:,} more")

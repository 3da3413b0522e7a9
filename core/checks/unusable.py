"""Cases that can't be used as they are: each an error of its own, so that it can be left out and the rest kept."""

from __future__ import annotations

from collections.abc import Iterator

from core.case import Finding
from core.checks.looked import LookedSet
from core.layouts.findings import error_of_each, pictures_are


def unusable(looked: LookedSet) -> Iterator[Finding]:
    """What the looks at pictures and masks show, beside what reading the set brought to light."""
    bad = [(each.case.id, each.look.problem) for each in looked.seen if each.look.problem]
    if bad:
        yield error_of_each("unreadable", bad)
    unfit = [(each.case.id, f'The mask of "{each.case.id}" {each.misfit}') for each in looked.opened if each.misfit]
    if unfit:
        yield error_of_each("mask_unfit", unfit)
    bare = [each.case.id for each in looked.seen if not each.case.labels]
    if bare and looked.image_set.task.kind != "multi":
        message = f"{pictures_are(bare)} without a label. Give labels or remove them."
        yield error_of_each("unlabelled", [(case, "It has no label.") for case in bare], message)

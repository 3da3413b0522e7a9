"""Sets whose pictures come with boxes around what is on them: which objects are there is the question that they ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.case import NO_FINDING, Box, Case, ImageSet, Split
from core.sets.files import Tree, natural
from core.sets.findings import Findings
from core.sets.question import Question

OVERSHOOT = 1.0
"""So many pixels may a side lie outside by rounding, and is set back."""


@dataclass(frozen=True)
class Drawn:
    """A box as a file has it: its corners in pixels, whatever they are."""

    label: str
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class BoxedPicture:
    """A picture's file, its size in pixels, and what was drawn around on it."""

    file: str
    width: float
    height: float
    drawn: Sequence[Drawn] = field(default=())
    split: Split | None = None


def boxed_set(tree: Tree, pictures: Sequence[BoxedPicture], question: Question, findings: Findings) -> ImageSet:
    """Cases in the pictures' order; of kind multi where some picture has several labels or none. Where there is but one
    kind of object, the question is whether it is there."""
    boxes = {picture.file: _boxes(picture, findings) for picture in pictures}
    labels = {file: tuple(dict.fromkeys(box.label for box in of_file)) for file, of_file in boxes.items()}
    used = sorted({label for names in labels.values() for label in names}, key=natural)
    if len(used) == 1 and not question.answers:
        labels = {file: names or (NO_FINDING,) for file, names in labels.items()}
        used = list(dict.fromkeys([*used, *(name for names in labels.values() for name in names)]))
    is_single = all(len(names) == 1 for names in labels.values())
    task = question.task(tree.name, used, "single" if is_single else "multi")
    unknown = sorted({label for label in used if label not in task.answers})
    for label in unknown:
        message = (
            f'Boxes are labelled "{label}", which the task does not list ({", ".join(task.answers)}). Correct one.'
        )
        findings.add("unknown_label", "error", label, message)
    cases = tuple(
        Case(
            picture.file,
            tree.pixels(picture.file),
            task.in_order(labels[picture.file]),
            picture.split,
            boxes=boxes[picture.file],
        )
        for picture in pictures
    )
    return ImageSet(tree.name, task, cases, findings.listed())


def _boxes(picture: BoxedPicture, findings: Findings) -> tuple[Box, ...]:
    """Those that are boxes on this picture; each other one is told, and left out."""
    kept = []
    for number, drawn in enumerate(picture.drawn, start=1):
        trouble = _trouble(drawn, picture.width, picture.height)
        if trouble:
            kind, words = trouble
            message = f'Box {number} of "{picture.file}" ({drawn.label}) {words} and was left out. Correct it.'
            findings.add(kind, "warning", picture.file, message)
        else:
            across = [min(max(side / picture.width, 0.0), 1.0) for side in (drawn.left, drawn.right)]
            down = [min(max(side / picture.height, 0.0), 1.0) for side in (drawn.top, drawn.bottom)]
            kept.append(Box(drawn.label, across[0], down[0], across[1], down[1]))
    return tuple(kept)


def _trouble(drawn: Drawn, width: float, height: float) -> tuple[str, str] | None:
    """The kind of what is wrong with a box, and in words."""
    corners = f"{drawn.left:g}, {drawn.top:g} to {drawn.right:g}, {drawn.bottom:g}"
    if drawn.right < drawn.left or drawn.bottom < drawn.top:
        return "box_turned_round", f"ends before it begins ({corners})"
    if not (drawn.right > drawn.left and drawn.bottom > drawn.top):
        return "box_without_area", f"has no area ({corners})"
    over = max(-drawn.left, -drawn.top, drawn.right - width, drawn.bottom - height)
    if over > OVERSHOOT:
        return "box_outside", f"lies outside of the picture of {width:g} x {height:g} pixels ({corners})"
    return None

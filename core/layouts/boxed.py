"""Sets whose pictures come with boxes around what is on them: which objects are there is the question that they ask."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field

from core.case import NO_FINDING, Box, Case, ImageSet, Pixels, Split, Task, with_negatives
from core.errors import DataError
from core.layouts.files import Tree, natural
from core.layouts.findings import Findings
from core.layouts.question import Question
from core.layouts.splits import split_of_folder
from core.pictures.pixels import size_of

OVERSHOOT = 1.0
"""So many pixels may a side lie outside by rounding, and is set back."""
BEGINNING = 64_000
"""Of a picture's file: where its size stands."""


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
    """A picture's file, its size in pixels as the boxes take it, what was drawn around on it, what else is there."""

    file: str
    width: float
    height: float
    drawn: Sequence[Drawn] = field(default=())
    boxless: Sequence[str] = field(default=())
    mask: Pixels | None = None
    split: Split | None = None
    patient: str | None = None


def boxed_set(tree: Tree, pictures: Sequence[BoxedPicture], question: Question, findings: Findings) -> ImageSet:
    """Cases in the pictures' order; of kind multi where some picture has several labels or none. Where there is but one
    kind of object, the question is whether it is there.

    What a file names is on the picture, also where its box is none.
    """
    boxes = {picture.file: _boxes(tree, picture, findings) for picture in pictures}
    labels = {picture.file: tuple(dict.fromkeys(_named(picture))) for picture in pictures}
    used = sorted({label for names in labels.values() for label in names}, key=natural)
    if NO_FINDING in question.answers or (len(used) == 1 and not question.answers):
        labels = {file: names or (NO_FINDING,) for file, names in labels.items()}
        used = list(dict.fromkeys([*used, *(name for names in labels.values() for name in names)]))
    is_single = all(len(names) == 1 for names in labels.values())
    task = question.task(tree.name, used, "single" if is_single else "multi")
    for file, names in labels.items():
        _tell_misfit(file, names, task, findings)
    cases = with_negatives(
        Case(
            picture.file,
            tree.pixels(picture.file),
            task.in_order(labels[picture.file]),
            picture.split or split_of_folder(picture.file),
            picture.patient,
            boxes=boxes[picture.file] or None,
            mask=picture.mask,
        )
        for picture in pictures
    )
    return ImageSet(tree.name, task, cases, findings.listed())


def tell_unlisted(tree: Tree, listed: Container[str], words: str, findings: Findings) -> None:
    """Pictures that no file says anything about."""
    for name in tree.pictures():
        if name not in listed:
            findings.add("unlisted_image", "warning", name, f'"{name}" {words}')


def _named(picture: BoxedPicture) -> Iterator[str]:
    yield from (drawn.label for drawn in picture.drawn)
    yield from picture.boxless


def _tell_misfit(file: str, names: Sequence[str], task: Task, findings: Findings) -> None:
    """What the question has no place for."""
    listed = ", ".join(task.answers)
    unknown = [name for name in names if name not in task.answers]
    if unknown:
        message = f'"{file}" has a "{unknown[0]}" on it, which the task does not list ({listed}). Correct one.'
        findings.add("unknown_label", "error", file, message)
    elif len(names) > 1 and task.kind != "multi":
        message = f'"{file}" has {len(names)} kinds of objects on it, a {task.kind} task one. Set “kind” to multi.'
        findings.add("several_labels", "error", file, message)
    elif not names and task.kind != "multi":
        message = f'"{file}" has no object on it, and a {task.kind} task asks for one. Set “kind” to multi.'
        findings.add("unlabelled", "error", file, message)


def _boxes(tree: Tree, picture: BoxedPicture, findings: Findings) -> tuple[Box, ...]:
    """Those that are boxes on this picture; each other one is told, and left out."""
    size = _true_size(tree, picture.file) if picture.drawn or picture.mask else None
    if size is not None and size != (picture.width, picture.height):
        true, meant = (f"{width:g} x {height:g}" for width, height in (size, (picture.width, picture.height)))
        message = (
            f'"{picture.file}" is {true} pixels large (upright), and what is drawn on it is for {meant}. Correct one.'
        )
        findings.add("size_differs", "error", picture.file, message)
        return ()
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


def _true_size(tree: Tree, file: str) -> tuple[int, int] | None:
    """The upright picture's width and height, where the beginning of its file tells them."""
    try:
        return size_of(tree.content(file, BEGINNING, only_beginning=True), file)
    except DataError:
        return None


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

"""What a reader says of a blank picture: how likely each answer is to it before it has seen anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from core.case import Task
from core.models.vlm import Vlm
from core.readings.answer import Answer
from core.readings.distribution import Asking, log_likelihoods

GREY, SIDE = 127, 448


def blank_scores(vlm: Vlm, task: Task, instruction: str | None = None) -> tuple[float, ...]:
    """The log-probability of every candidate answer, under the same prompt and with the adapter in use."""
    (features,) = vlm.encode([Image.new("RGB", (SIDE, SIDE), (GREY, GREY, GREY))])
    question = Asking(task, features, instruction=instruction)
    (way,) = log_likelihoods(vlm, [question], None, [False], [task.candidates()])
    return tuple(sum(tokens) for tokens in way.of_tokens[0])


def beside_blank(
    vlm: Vlm, answers: Sequence[Answer], tasks: Sequence[Task], instruction: str | None = None
) -> list[Answer]:
    """The answers with what is said of a blank picture, which is read once a task; of several labels as they are."""
    scores = {task: blank_scores(vlm, task, instruction) for task in dict.fromkeys(tasks) if task.kind != "multi"}
    return [replace(answer, blank=scores.get(task, ())) for answer, task in zip(answers, tasks, strict=True)]

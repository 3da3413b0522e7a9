"""A class head: logits of every answer, linear in the state in which the question ends, instead of words.

Axes: B questions, H hidden size, C answers of all tasks of a run, set after set.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.case import Case, Task
from core.models.shared_prefix import states_of_questions
from core.models.tsm import tsm_losses, tsm_probabilities
from core.models.vlm import Vlm
from core.readings.answer import Answer
from core.readings.distribution import Asking
from core.readings.head import Head


class ClassHead(Head):
    """One number for each answer; each task has columns of its own, equal tasks the same."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__(nn.Identity())
        self.hidden_size = hidden_size
        self.tasks: tuple[Task, ...] = ()

    def prepare_for(self, tasks: Sequence[Task]) -> None:
        self.tasks = tuple(tasks)
        self.module = nn.Linear(self.hidden_size, sum(len(task.answers) for task in tasks))

    def columns(self, task: Task) -> slice:
        """Where the answers of a task stand."""
        place = self.tasks.index(task)
        start = sum(len(before.answers) for before in self.tasks[:place])
        return slice(start, start + len(task.answers))

    def losses(self, outputs: Tensor, cases: Sequence[Case], tasks: Sequence[Task]) -> Tensor:
        """Cross-entropy of one label, the mean of binary ones of several, [B]; of logits [B, C]."""
        return torch.stack(
            [
                tsm_losses(logits[None, self.columns(task)], _target(case, task).to(logits.device), task.kind)[0]
                for logits, case, task in zip(outputs, cases, tasks, strict=True)
            ]
        )

    def answers(self, vlm: Vlm, questions: Sequence[Asking]) -> list[Answer]:
        """A softmax over the answers of each question's task, or a sigmoid each where there may be several."""
        images, instructions = [each.features for each in questions], [each.asked() for each in questions]
        with torch.no_grad():
            outputs = self(states_of_questions(vlm, images, instructions))
        rows = zip(outputs, (question.task for question in questions), strict=True)
        likely = [tsm_probabilities(logits[None, self.columns(task)], task.kind)[0] for logits, task in rows]
        return [Answer(tuple(row.tolist())) for row in likely]


def _target(case: Case, task: Task) -> Tensor:
    """As the loss of one case takes it: the place of its label, or 0/1 for every answer."""
    if task.kind == "multi":
        return torch.tensor([[int(answer in case.labels) for answer in task.answers]])
    return torch.tensor([task.answers.index(case.labels[0])])

"""What a person may say about a task that the files of a set don't say."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from core.case import COMMA, TEMPLATE, Kind, Mirrored, Separator, Task
from core.errors import DataError
from core.settings import Settings


class Question(Settings):
    """The settings that every format has. What is left empty is taken from the files."""

    modality: str = Field("", title="Modality", description="What kind of picture it is, as in “chest X-ray”.")
    answers: tuple[str, ...] = Field(
        (), title="Candidate answers", description="Every label that an image may have, in the order for prompts."
    )
    kind: Kind | None = Field(
        None,
        title="Kind of labels",
        description="single: exactly one label; multi: any number; ordinal: one, and their order has a meaning.",
    )
    template: str = Field(
        "", title="Instruction", description="What the model is asked; {modality} and {label set} are filled in."
    )
    separator: Separator | None = Field(
        None, title="Between labels", description="What stands between labels in the question; a comma if left empty."
    )

    mirrored: Mirrored | None = Field(
        None, title="Mirrored pictures mean the same", description=Task.model_fields["mirrored"].description
    )

    def over(self, other: Question) -> Question:
        """These choices, and the other's where nothing was chosen here."""
        chosen = {name: getattr(self, name) or getattr(other, name) for name in Question.model_fields}
        return Question.model_validate(chosen)

    def task(self, source: str, answers: Sequence[str], kind: Kind = "single", modality: str = "medical") -> Task:
        """The task, from what was chosen here and else from what the files say."""
        names = tuple(self.answers or answers)
        if len(set(names)) < 2:
            lack = f'every image has the label "{names[0]}"' if names else "no image has a label"
            raise DataError(f"In {source} {lack}. A task needs two labels to choose from: add images of another one.")
        values = {"modality": self.modality or modality, "answers": names, "kind": self.kind or kind}
        worded = {"template": self.template or TEMPLATE, "separator": self.separator or COMMA}
        return Task.parse(values | worded | {"mirrored": self.mirrored}, "task")

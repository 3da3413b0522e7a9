"""The currency of choices: one frozen class per thing, from which forms, help, checks and stored files are made."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import SettingsError


class Settings(BaseModel):
    """Base of every settings class. A field has a title and a help sentence, and a range where it is a number."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=False, protected_namespaces=())

    @classmethod
    def parse(cls, values: Any, where: str) -> Self:
        """Settings from plain values; what is wrong is told with its place, like `training.batch_size`."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise SettingsError(explain(error, where, cls)) from None

    @classmethod
    def called(cls, name: str) -> str:
        """A field as a page and a file of settings call it: “Image column” (“image”)."""
        return f"“{cls.model_fields[name].title}” (“{name}”)"


def explain(error: ValidationError, where: str, cls: type[BaseModel]) -> str:
    """The first problem of a validation in a person's words, and how many more there are."""
    first, *others = error.errors()
    place = ".".join([where, *(str(part) for part in first["loc"])]).strip(".")
    fields = ", ".join(cls.model_fields)
    if first["type"] == "extra_forbidden":
        text = f"{place} is not a setting here. Known: {fields}. Correct the name or remove it."
    elif first["type"] == "missing":
        text = f"{place} is missing. Add it."
    else:
        reason = first["msg"].removeprefix("Value error, ")
        given = f", not {first['input']!r}" if len(repr(first["input"])) < 80 else ""
        text = f"{place}: {reason[0].lower()}{reason[1:]}{given}. Change the value."
    return text + (f" ({len(others)} more problems.)" if others else "")

"""How far a job is: what its worker tells, its row keeps and pages show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError


class Progress(BaseModel):
    """What is not known is None. Of news only what was told counts, also that something is no longer known."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)  # rows of other versions may tell more

    text: str | None = None
    done: int | None = None
    whole: int | None = None
    seconds_left: float | None = None
    stage_seconds_left: float | None = None
    images_per_second: float | None = None
    memory_gib: float | None = None
    meters: Mapping[str, float] | None = None
    """What the job takes of its machine."""
    reached: str | None = None
    """What a new try would go on from."""

    @property
    def share(self) -> float:
        """Done of the whole, 0 where that is not known."""
        return (self.done or 0) / self.whole if self.whole else 0.0

    def after(self, news: Progress) -> Progress:
        """What is known once the news has come; what it does not name stays."""
        changes = {name: getattr(news, name) for name in news.model_fields_set}
        return self.model_copy(update=changes)

    def plain(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_unset=True)


def progress_from_plain(values: Mapping[str, Any]) -> Progress:
    """As a row or a child process tells it; a fact that can't be read is left out."""
    try:
        return Progress.model_validate(values)
    except ValidationError as error:
        unreadable = {each["loc"][0] for each in error.errors()}
        return Progress.model_validate({name: fact for name, fact in values.items() if name not in unreadable})

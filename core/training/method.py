"""The contract of a tuning method: the stages that it goes through and the readers that come of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from core.case import Task
from core.readings.reader import Reader
from core.readings.statement import Statement
from core.sets.captions import CaptionSettings
from core.settings import Settings
from core.training.settings import TrainingSettings
from core.training.wanted import Wanted

if TYPE_CHECKING:
    from core.readings.head import Head


@dataclass(frozen=True)
class HeadPlan:
    """A part of a method's own on top of the VLM, kept with the run; `build` makes it for the language model's hidden
    size, and imports torch itself."""

    name: str
    build: Callable[[int], Head] = field(compare=False)


@dataclass(frozen=True)
class StagePlan:
    """One stage: which adapter it tunes, by which losses, for how long. Stages of one adapter follow each other."""

    name: str
    adapter: str
    epochs: float
    wanted: Wanted
    trains_exemplars: bool = False
    length: int = 1
    """How many times the run's `training.steps`, where those are given."""
    trains_adapter: bool = True
    """Where not, it stays as it begins, which changes nothing, and only heads learn."""
    heads: tuple[HeadPlan, ...] = ()
    """Those that learn here."""
    head_parts: tuple[str, ...] = ("",)
    """How the names of those of their weights begin that learn here."""
    as_costly_as: tuple[str, ...] = ()
    """Stages whose tokens this one is to put through the language model, in as many steps as that takes."""
    batches_of: str = ""
    """Of the stage whose cases this one sees in the same order; empty: an order of its own."""
    is_chosen_by_figure: bool = True
    """Whether the best weights on validation cases are kept; where what is learned is no answer, the last are."""


@dataclass(frozen=True)
class ReaderPlan:
    """One reader, and with which adapter (or none) the model is it."""

    reader: Reader
    adapter: str | None
    heads: tuple[HeadPlan, ...] = ()
    """Those that speak when it reads."""
    embedder: HeadPlan | None = None
    """Of a reader that lays pictures and words into one space: it answers by cosine with what each answer is called and
    writes nothing, and the run has an index, in which cases are found."""
    classifier: HeadPlan | None = None
    """Of a reader that answers by a class head: it has no words either."""

    is_shuffled: bool = False
    """Whether it sees the exemplar of another case: a control, by which no weights are chosen."""
    is_told: bool = False
    """Whether its question ends in what the TSMs answer."""

    @property
    def name(self) -> str:
        return self.reader.name

    @property
    def writes(self) -> bool:
        """Whether it answers in words."""
        return self.embedder is None and self.classifier is None

    @property
    def writes_freely(self) -> bool:
        return self.writes and not self.is_shuffled

    @property
    def is_probed(self) -> bool:
        """Whether other questions than the set's own are put to it, and other pictures shown."""
        return self.classifier is None and not self.is_shuffled and not self.is_told

    @property
    def with_exemplar(self) -> bool:
        return self.reader.sees_exemplar


@dataclass(frozen=True)
class Paper:
    """Where a method was published; a method's module names its own as `PAPER`, for the citation of its runs."""

    arxiv: str
    year: int
    authors: str
    """As BibTeX has them."""
    title: str


@dataclass(frozen=True)
class Aim:
    """The reader that a run is made for, and the one that it has to be better than: no test case chooses them."""

    reader: str
    baseline: str


@dataclass(frozen=True)
class MarksWanted:
    """What a method wants of a set's boxes and masks: boxes of these labels (of any, where none is named), masks."""

    labels: tuple[str, ...] = ()
    masks: bool = False


@dataclass(frozen=True)
class Needs:
    """What a method needs beside the cases."""

    tsm: bool = False
    exemplars: bool = False
    is_constant: bool = False
    tells_tsm: bool = False
    """Whether questions may end in what the TSMs answer."""
    is_out_of_sample: bool = False
    """Whether no training case is shown the exemplar of a TSM that learned from it."""
    tunes_vlm_connector: bool = False
    marks: MarksWanted | None = None
    """Boxes or masks, where it learns from them."""
    checkpoints: tuple[str, ...] = ()
    """What its heads open beside the VLM, by name or folder: fetched before anything else where it is not here yet."""
    captions: CaptionSettings | None = None
    """Where captions of its cases come from, if it learns from any."""
    long_captions: bool = False


class Method(Protocol):
    """What a module in core/methods offers."""

    TITLE: str
    TERMS: Mapping[str, str]
    """The losses by name, with a title each: every one is a curve."""
    SAYS: tuple[type[Statement], ...]
    """The kinds of what its readers may say beside their distributions."""

    @property
    def Settings(self) -> type[Settings]: ...

    def needs(self, settings: Any) -> Needs: ...

    def stages(self, settings: Any) -> tuple[StagePlan, ...]: ...

    def readers(self, settings: Any) -> tuple[ReaderPlan, ...]: ...

    def aim(self, settings: Any) -> Aim:
        """Which of its readers figures are shown of where there is room for one, and beside which other one."""
        ...

    def departures(self, settings: Any) -> tuple[str, ...]:
        """Where the settings differ from the published recipe, in sentences for the run's card."""
        ...


@dataclass(frozen=True)
class Frame:
    """What a run gives to its method, and a paper may print too: the question of each set by its name, how stages are
    trained, how many TSMs there are."""

    tasks: Mapping[str, Task]
    training: TrainingSettings
    tsms: int


@dataclass(frozen=True)
class Plan:
    """A method with its settings."""

    method: Method
    settings: Any
    stages: tuple[StagePlan, ...] = field(init=False)
    readers: tuple[ReaderPlan, ...] = field(init=False)
    needs: Needs = field(init=False)
    aim: Aim = field(init=False)
    departures: tuple[str, ...] = field(init=False)
    heads: tuple[HeadPlan, ...] = field(init=False)
    """Each of them once: those that learn, in that order, then those that only speak."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", self.method.stages(self.settings))
        object.__setattr__(self, "readers", self.method.readers(self.settings))
        object.__setattr__(self, "needs", self.method.needs(self.settings))
        object.__setattr__(self, "aim", self.method.aim(self.settings))
        object.__setattr__(self, "departures", self.method.departures(self.settings))
        learn = [head for stage in self.stages for head in stage.heads]
        speak = [head for reader in self.readers for head in reader.heads]
        object.__setattr__(self, "heads", tuple(dict.fromkeys([*learn, *speak])))

    def departures_in(self, frame: Frame) -> tuple[str, ...]:
        """Of the method's own settings, and of what the run gives to it: where the paper prints anything of that, the
        method's module has a `departures_of_run`, as it has a `PAPER`."""
        of_run = getattr(self.method, "departures_of_run", None)
        return self.departures + (tuple(of_run(self.settings, frame)) if of_run else ())

    @property
    def aimed(self) -> tuple[str, ...]:
        """The readers of the tuned model that a run is made for: however that one is asked, controls apart."""
        adapter = next(reader.adapter for reader in self.readers if reader.name == self.aim.reader)
        return tuple(reader.name for reader in self.readers if reader.adapter == adapter and not reader.is_shuffled)


def departures_of_controls(label_smoothing: float, tunes_vlm_connector: bool) -> tuple[str, ...]:
    """What a run's card says of the two controls that methods share."""
    sentences = []
    if label_smoothing:
        sentences.append(
            f"Targets of the response without exemplar were smoothed by {label_smoothing:g}; as printed, not."
        )
    if tunes_vlm_connector:
        sentences.append("The VLM's own connector was tuned too; as printed, it is frozen.")
    return tuple(sentences)

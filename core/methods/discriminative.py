"""Discriminative fine-tuning (arXiv 2412.04378, "VladVA"): pictures and words in one space, to find the like of this.

Symmetric InfoNCE over short captions, and the next token of long captions, which continue where a picture was summed
up; soft prompts and LoRA learn, the vision encoder does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from core.readings.colours import BLUE
from core.readings.reader import Reader
from core.sets.captions import CaptionSettings
from core.training.method import Aim, HeadPlan, Needs, Paper, ReaderPlan, StagePlan
from core.training.readers import UNTUNED
from core.training.wanted import Wanted

if TYPE_CHECKING:
    from core.readings.embedder import Embedder
    from core.training.terms import Term

TITLE = "Discriminative fine-tuning"
PAPER = Paper(
    "2412.04378",
    2024,
    "Ouali, Yassine and others",
    "VladVA: Discriminative Fine-tuning of LVLMs",
)
TERMS = {"pair": "Pictures against captions", "next": "Long captions, word by word"}
SAYS = ()
ADAPTER = "discriminative"
EMBEDDING = Reader(
    "embedding",
    "the tuned VLM, by likeness",
    BLUE,
    embeds=True,
    about="Answers by how near each answer's name lies to the picture; its learned temperature calibrates it.",
)


class Settings(CaptionSettings):
    name: Literal["discriminative"] = Field(
        "discriminative", title="Method", description="Makes cases searchable by words and by pictures."
    )
    epochs: float = Field(4, gt=0, le=1000, title="Epochs", description="How often every case is seen (ours).")
    soft_prompt: bool = Field(
        True,
        title="Soft prompts",
        description="Learns the prompts after pictures and texts, from words that begin them.",
    )
    lora: bool = Field(True, title="LoRA", description="Tunes the language model by LoRA, as the run's settings say.")
    next_token: bool = Field(
        True,
        title="Long captions",
        description="Also learns to write captions of 30 to 500 tokens, which continue where a picture is summed up.",
    )

    @model_validator(mode="after")
    def _a_column_is_named(self) -> Settings:
        if self.captions == "column" and not self.caption_column:
            raise ValueError("captions from a column need its name; give caption_column")
        return self


def needs(settings: Settings) -> Needs:
    return Needs(captions=settings, long_captions=settings.next_token)


def stages(settings: Settings) -> tuple[StagePlan, ...]:
    weights = {"pair": 1.0, **({"next": 1.0} if settings.next_token else {})}
    wanted = Wanted(weights, partial(_terms, settings.soft_prompt, settings.next_token))
    embedder = _embedder_plan(settings)
    return (StagePlan("pairs", ADAPTER, settings.epochs, wanted, heads=(embedder,), trains_adapter=settings.lora),)


def readers(settings: Settings) -> tuple[ReaderPlan, ...]:
    return (UNTUNED, ReaderPlan(EMBEDDING, ADAPTER, embedder=_embedder_plan(settings)))


def aim(settings: Settings) -> Aim:
    return Aim(EMBEDDING.name, baseline=UNTUNED.name)


def departures(settings: Settings) -> tuple[str, ...]:
    return tuple(_departures(settings))


def _departures(settings: Settings) -> Iterator[str]:
    if not settings.soft_prompt:
        yield "Soft prompts were left out; as printed, one is learned for pictures and one for texts."
    if not settings.lora:
        yield "LoRA was left out; as printed, the language model is tuned by it."
    if not settings.next_token:
        yield "Long captions were left out; as printed, their next-token loss is added to the contrastive one."


def _embedder_plan(settings: Settings) -> HeadPlan:
    return HeadPlan("embedder", partial(_embedder, settings.soft_prompt))


def _embedder(has_soft_prompts: bool, hidden_size: int) -> Embedder:
    from core.readings.embedder import Embedder

    return Embedder(hidden_size, has_soft_prompts)


def _terms(has_soft_prompts: bool, has_long_captions: bool) -> Mapping[str, Term]:
    from core.training.pairs import caption_terms

    return caption_terms(has_soft_prompts, has_long_captions)

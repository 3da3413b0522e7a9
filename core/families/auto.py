"""Whatever `AutoModelForImageTextToText` opens: by the family that knows its architecture, else as an ordinary one."""

from __future__ import annotations

from types import ModuleType
from typing import Literal

from PIL import Image
from pydantic import Field

from core.catalog import FAMILIES, find
from core.errors import ModelError
from core.models.pretrained import load_checkpoint, model_type
from core.models.tiny import SIZE, TEXT, VISION, chat_template, tiny_model, tiny_tokenizer
from core.models.vlm import PROBE, Anatomy, Vlm, VlmSettings

TITLE = "Any other model"
MODEL_TYPES: tuple[str, ...] = ()
ANATOMY = Anatomy()
PROBE_SIDE = 64


class Settings(VlmSettings):
    family: Literal["auto"] = Field(
        "auto", title="Family", description="Finds out by itself what a checkpoint's architecture needs."
    )


def load(settings: Settings) -> Vlm:
    kind = model_type(settings.checkpoint)
    family = specialist(kind)
    if family is not None:
        chosen = family.Settings(**settings.model_dump(exclude={"family"}))
        return family.load(chosen)  # type: ignore[no-any-return]
    vlm = load_checkpoint(settings, ANATOMY)
    try_out(vlm, kind)
    return vlm


def specialist(kind: str) -> ModuleType | None:
    """The family that says of itself that it knows this architecture."""
    modules = (find(FAMILIES, name, "family") for name in FAMILIES)
    return next((module for module in modules if kind in module.MODEL_TYPES), None)


def try_out(vlm: Vlm, kind: str) -> None:
    """Lays out one question, so that an architecture which is no ordinary one is refused before a run begins."""
    picture = Image.new("RGB", (PROBE_SIDE, PROBE_SIDE), (90, 120, 150))
    try:
        features = vlm.encode([picture])
        vlm.prompt(PROBE, len(features[0].tokens))
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, RuntimeError) as error:
        raise ModelError(
            f"The architecture {kind!r} of {vlm.name} takes its images in a way of its own ({error}), and no family "
            f"knows it. Choose a checkpoint of one of these families: {', '.join(FAMILIES)}."
        ) from error


def tiny() -> Vlm:
    """LLaVA 1.5: two layers, random weights, 28-pixel images of 16 tokens."""
    from transformers import LlavaConfig, LlavaForConditionalGeneration
    from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil

    closing = "{{ '</s>' if message['role'] == 'assistant' else ' ' }}"
    template = chat_template("{{ message['role'] | upper }}: ", "<image>\n", closing, "ASSISTANT:")
    special = ["<s>", "</s>", "<image>"]
    tokenizer = tiny_tokenizer(special, template, "</s>", bos_token="<s>", image_token="<image>")
    config = LlavaConfig(
        vision_config={"model_type": "clip_vision_model", "projection_dim": VISION["hidden_size"], **VISION},
        text_config={"model_type": "llama", "vocab_size": len(tokenizer), **TEXT},
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    images = LlavaImageProcessorPil(size={"shortest_edge": VISION["image_size"]}, crop_size=SIZE)
    return Vlm(tiny_model(LlavaForConditionalGeneration, config), tokenizer, images, ANATOMY, "tiny llava")

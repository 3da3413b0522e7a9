"""Gemma 3 and MedGemma: the tokens of an image see each other both ways; most layers see only the last few tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field
from torch import Tensor

from core.models.pretrained import load_checkpoint
from core.models.tiny import SIZE, TEXT, VISION, chat_template, tiny_model, tiny_tokenizer
from core.models.vlm import Anatomy, ImageFeatures, Vlm, VlmSettings, render_chat

TITLE = "Gemma 3 / MedGemma"
MODEL_TYPES = ("gemma3",)
START, IMAGE, END = "<start_of_image>", "<image_soft_token>", "<end_of_image>"


def render(vlm: Vlm, instruction: str, image_tokens: int) -> str:
    """The template only marks the image's place; its tokens stand between two markers and empty lines."""
    return render_chat(vlm, instruction, 1).replace(START, f"\n\n{START}{IMAGE * image_tokens}{END}\n\n", 1)


def plain_extras(features: Sequence[ImageFeatures], image_slots: Tensor, answer_slots: Tensor) -> dict[str, Any]:
    return {"token_type_ids": image_slots.long()}


ANATOMY = Anatomy(sees="image", render=render, plain_extras=plain_extras)


class Settings(VlmSettings):
    family: Literal["gemma3"] = Field("gemma3", title="Family", description="Gemma 3 and MedGemma, 4B and larger.")
    checkpoint: str = Field(
        "google/medgemma-4b-it",
        title="Checkpoint",
        description="A hub name ending in -it, or a folder. The hub asks for the model's terms to be accepted first.",
    )


def load(settings: Settings) -> Vlm:
    return load_checkpoint(settings, ANATOMY, do_pan_and_scan=False)


def tiny() -> Vlm:
    """A sliding layer that sees 16 tokens and a full one, random weights, 28-pixel images of 4 tokens."""
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration
    from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil

    special = ["<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>", START, IMAGE, END]
    template = "{{ bos_token }}" + chat_template(
        "<start_of_turn>{{ 'model' if message['role'] == 'assistant' else message['role'] }}\n",
        START,
        "<end_of_turn>\n",
        "{{ '<start_of_turn>model\n' }}",
    )
    names = {"bos_token": "<bos>", "boi_token": START, "image_token": IMAGE, "eoi_token": END}
    tokenizer = tiny_tokenizer(special, template, "<eos>", **names)
    config = Gemma3Config(
        vision_config={"model_type": "siglip_vision_model", **VISION},
        text_config={
            "vocab_size": len(tokenizer),
            "head_dim": 8,
            "query_pre_attn_scalar": 8,
            "sliding_window": 16,
            "layer_types": ["sliding_attention", "full_attention"],
            **TEXT,
        },
        mm_tokens_per_image=4,
        boi_token_index=tokenizer.convert_tokens_to_ids(START),
        eoi_token_index=tokenizer.convert_tokens_to_ids(END),
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
    )
    images = Gemma3ImageProcessorPil(size=SIZE, do_pan_and_scan=False)
    return Vlm(tiny_model(Gemma3ForConditionalGeneration, config), tokenizer, images, ANATOMY, "tiny gemma3")

"""PaliGemma 1 and 2: everything before the answer sees everything else there; no chat, the instruction stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from core.models.pretrained import load_checkpoint
from core.models.tiny import SIZE, TEXT, VISION, tiny_model, tiny_tokenizer
from core.models.vlm import Anatomy, ImageFeatures, Vlm, VlmSettings

TITLE = "PaliGemma"
MODEL_TYPES = ("paligemma",)
IMAGE = "<image>"


def render(vlm: Vlm, instruction: str, image_tokens: int) -> str:
    return f"{IMAGE * image_tokens}{vlm.tokenizer.bos_token}{instruction}\n"


def plain_extras(features: Sequence[ImageFeatures], image_slots: Tensor, answer_slots: Tensor) -> dict[str, Any]:
    return {"token_type_ids": answer_slots.long()}


def next_tokens(vlm: Vlm, hidden: Tensor) -> Tensor:
    """PaliGemma 2 bends its logits so that none leaves the range of its cap."""
    logits: Tensor = vlm.base.get_output_embeddings()(hidden)
    cap = getattr(vlm.text_config, "final_logit_softcapping", None)
    return logits if cap is None else torch.tanh(logits / cap) * cap


ANATOMY = Anatomy(sees="prefix", first_position=1, render=render, plain_extras=plain_extras, next_tokens=next_tokens)


class Settings(VlmSettings):
    family: Literal["paligemma"] = Field("paligemma", title="Family", description="PaliGemma 1 and 2.")
    checkpoint: str = Field(
        "google/paligemma2-3b-mix-224",
        title="Checkpoint",
        description="A hub name, or a folder. The hub asks for the model's terms to be accepted first.",
    )


def load(settings: Settings) -> Vlm:
    return load_checkpoint(settings, ANATOMY)


def tiny() -> Vlm:
    """PaliGemma 2: a sliding and a full layer, capped logits, random weights, 28-pixel images of 16 tokens."""
    from transformers import PaliGemmaConfig, PaliGemmaForConditionalGeneration
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    tokenizer = tiny_tokenizer([IMAGE, "<bos>", "<eos>"], None, "<eos>", bos_token="<bos>", image_token=IMAGE)
    config = PaliGemmaConfig(
        vision_config={"model_type": "siglip_vision_model", **VISION},
        text_config={
            "model_type": "gemma2",
            "vocab_size": len(tokenizer),
            "head_dim": 8,
            "query_pre_attn_scalar": 8,
            "sliding_window": 12,
            "layer_types": ["sliding_attention", "full_attention"],
            **TEXT,
        },
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
        projection_dim=TEXT["hidden_size"],
        hidden_size=TEXT["hidden_size"],
    )
    images = SiglipImageProcessorPil(size=SIZE)
    return Vlm(tiny_model(PaliGemmaForConditionalGeneration, config), tokenizer, images, ANATOMY, "tiny paligemma")

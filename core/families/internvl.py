"""InternVL in its transformers form: one tile an image instead of up to twelve, no processor that wants videos."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field

from core.tiny import CHATML, TEXT, tiny_tokenizer
from core.vlm import Anatomy, Vlm, VlmSettings, load_checkpoint

TITLE = "InternVL"
ANATOMY = Anatomy()
SPECIAL = ["<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>"]


class Settings(VlmSettings):
    family: Literal["internvl"] = Field("internvl", title="Family", description="InternVL 2.5 and later.")
    checkpoint: str = Field(
        "OpenGVLab/InternVL3-1B-hf", title="Checkpoint", description="A hub name ending in -hf, or a folder."
    )


def load(settings: Settings) -> Vlm:
    return load_checkpoint(settings, ANATOMY, crop_to_patches=False)


def tiny() -> Vlm:
    """Two layers, random weights, 28-pixel images of 4 tokens."""
    from transformers import InternVLConfig, InternVLForConditionalGeneration
    from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil

    tokenizer = tiny_tokenizer(SPECIAL, CHATML.replace("IMAGE", "<img><IMG_CONTEXT></img>\n"), "<|im_end|>")
    config = InternVLConfig(
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": [28, 28],
            "patch_size": [7, 7],
        },
        text_config={"model_type": "qwen2", "vocab_size": len(tokenizer), **TEXT},
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        downsample_ratio=0.5,
    )
    config._attn_implementation = "eager"
    torch.manual_seed(0)
    images = GotOcr2ImageProcessorPil(size={"height": 28, "width": 28}, crop_to_patches=False)
    return Vlm(
        InternVLForConditionalGeneration(config).eval().requires_grad_(False), tokenizer, images, ANATOMY, "internvl"
    )

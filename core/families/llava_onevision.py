"""LLaVA-OneVision: one square tile an image and a line end after it, as the family itself does where it has several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from PIL import Image
from pydantic import Field

from core.models.pretrained import load_checkpoint
from core.models.tiny import SIZE, TEXT, VISION, chatml, tiny_model, tiny_tokenizer
from core.models.vlm import Anatomy, ImageFeatures, Vlm, VlmSettings

TITLE = "LLaVA-OneVision"
MODEL_TYPES = ("llava_onevision",)
IMAGE = "<image>"


def encode(vlm: Vlm, images: Sequence[Image.Image]) -> list[ImageFeatures]:
    """A single image would be cut into tiles, images of one conversation are not: so one is added and dropped again."""
    several = [image.convert("RGB") for image in (*images, images[-1])]
    inputs = vlm.image_processor(images=[several], return_tensors="pt").to(vlm.device)
    output = vlm.base.get_image_features(
        pixel_values=inputs["pixel_values"][:-1].to(vlm.base.dtype),
        image_sizes=inputs["image_sizes"][:-1],
        batch_num_images=inputs["batch_num_images"],
    )
    return [ImageFeatures(tokens) for tokens in output.pooler_output]


ANATOMY = Anatomy(encode=encode)


class Settings(VlmSettings):
    family: Literal["llava_onevision"] = Field(
        "llava_onevision", title="Family", description="LLaVA-OneVision in its transformers form."
    )
    checkpoint: str = Field(
        "llava-hf/llava-onevision-qwen2-0.5b-ov-hf",
        title="Checkpoint",
        description="A hub name ending in -hf, or a folder.",
    )


def load(settings: Settings) -> Vlm:
    return load_checkpoint(settings, ANATOMY)


def tiny() -> Vlm:
    """Two layers, random weights, 28-pixel images of 16 tokens and a line end."""
    from transformers import LlavaOnevisionConfig, LlavaOnevisionForConditionalGeneration
    from transformers.models.llava_onevision.image_processing_pil_llava_onevision import LlavaOnevisionImageProcessorPil

    special = ["<|im_start|>", "<|im_end|>", IMAGE, "<video>"]
    tokenizer = tiny_tokenizer(special, chatml(IMAGE + "\n"), "<|im_end|>", image_token=IMAGE, video_token="<video>")
    side = VISION["image_size"]
    tiles = [[side, side], [side, 2 * side], [2 * side, side]]
    config = LlavaOnevisionConfig(
        vision_config={"model_type": "siglip_vision_model", **VISION},
        text_config={"model_type": "qwen2", "vocab_size": len(tokenizer), **TEXT},
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        image_grid_pinpoints=tiles,
    )
    images = LlavaOnevisionImageProcessorPil(size=SIZE, image_grid_pinpoints=tiles)
    model = tiny_model(LlavaOnevisionForConditionalGeneration, config)
    return Vlm(model, tokenizer, images, ANATOMY, "tiny llava-onevision")

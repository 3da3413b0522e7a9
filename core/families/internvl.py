"""InternVL in its transformers form: one tile an image instead of up to twelve, no processor that wants videos."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core.models.pretrained import load_checkpoint
from core.models.tiny import SIZE, TEXT, VISION, chatml, tiny_model, tiny_tokenizer
from core.models.vlm import Anatomy, Vlm, VlmSettings, render_chat

TITLE = "InternVL"
MODEL_TYPES = ("internvl",)
START, IMAGE, END = "<img>", "<IMG_CONTEXT>", "</img>"


def render(vlm: Vlm, instruction: str, image_tokens: int) -> str:
    """Most templates leave it to the processor to put the image between its markers; the starter's does it itself."""
    text = render_chat(vlm, instruction, image_tokens)
    run = IMAGE * image_tokens
    return text if START + run in text else text.replace(run, START + run + END)


ANATOMY = Anatomy(render=render)


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

    special = ["<|im_start|>", "<|im_end|>", START, END, IMAGE, "<video>"]
    names = {"start_image_token": START, "end_image_token": END, "context_image_token": IMAGE, "video_token": "<video>"}
    tokenizer = tiny_tokenizer(special, chatml(IMAGE + "\n"), "<|im_end|>", **names)
    side = VISION["image_size"], VISION["patch_size"]
    config = InternVLConfig(
        vision_config=VISION | {"image_size": [side[0]] * 2, "patch_size": [side[1]] * 2},
        text_config={"model_type": "qwen2", "vocab_size": len(tokenizer), **TEXT},
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        downsample_ratio=0.5,
    )
    images = GotOcr2ImageProcessorPil(size=SIZE, crop_to_patches=False)
    return Vlm(tiny_model(InternVLForConditionalGeneration, config), tokenizer, images, ANATOMY, "tiny internvl")

"""SmolVLM: small enough for a CPU. An image is one square; cutting it into many tiles is switched off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from PIL import Image
from pydantic import Field

from core.models.pretrained import load_checkpoint
from core.models.tiny import TEXT, VISION, chat_template, tiny_model, tiny_tokenizer
from core.models.vlm import Anatomy, ImageFeatures, Vlm, VlmSettings, render_chat

TITLE = "SmolVLM"
MODEL_TYPES = ("smolvlm",)
BORDER, WHOLE, IMAGE = "<fake_token_around_image>", "<global-img>", "<image>"


def render(vlm: Vlm, instruction: str, image_tokens: int) -> str:
    run = IMAGE * image_tokens
    return render_chat(vlm, instruction, image_tokens).replace(run, BORDER + WHOLE + run + BORDER, 1)


def encode(vlm: Vlm, images: Sequence[Image.Image]) -> list[ImageFeatures]:
    """A flat list would be taken for the images of one conversation, whose features come back as one."""
    inputs = vlm.image_processor(images=[[image.convert("RGB")] for image in images], return_tensors="pt")
    output = vlm.base.get_image_features(
        pixel_values=inputs["pixel_values"].to(vlm.device),
        pixel_attention_mask=inputs["pixel_attention_mask"].to(vlm.device),
    )
    return [ImageFeatures(tokens) for tokens in output.pooler_output]


ANATOMY = Anatomy(render=render, encode=encode)


class Settings(VlmSettings):
    family: Literal["smolvlm"] = Field("smolvlm", title="Family", description="SmolVLM and SmolVLM2.")
    checkpoint: str = Field(
        "HuggingFaceTB/SmolVLM2-500M-Video-Instruct",
        title="Checkpoint",
        description="A hub name ending in -Instruct, or a folder.",
    )


def load(settings: Settings) -> Vlm:
    return load_checkpoint(settings, ANATOMY, do_image_splitting=False)


def tiny() -> Vlm:
    """Two layers, random weights, 28-pixel images of 4 tokens."""
    from transformers import SmolVLMConfig, SmolVLMForConditionalGeneration
    from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

    special = ["<|im_start|>", "<end_of_utterance>", BORDER, WHOLE, IMAGE]
    template = "{{ bos_token }}" + chat_template(
        "{{ message['role'] | capitalize }}{{ ':' if message['content'][0]['type'] == 'image' else ': ' }}",
        IMAGE,
        "<end_of_utterance>\n",
        "Assistant:",
    )
    tokenizer = tiny_tokenizer(special, template, "<end_of_utterance>", bos_token="<|im_start|>")
    config = SmolVLMConfig(
        vision_config=VISION,
        text_config={
            "model_type": "llama",
            "vocab_size": len(tokenizer),
            "pad_token_id": tokenizer.pad_token_id,
            **TEXT,
        },
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        scale_factor=2,
    )
    side = VISION["image_size"]
    images = SmolVLMImageProcessorPil(
        size={"longest_edge": 2 * side}, max_image_size={"longest_edge": side}, do_image_splitting=False
    )
    return Vlm(tiny_model(SmolVLMForConditionalGeneration, config), tokenizer, images, ANATOMY, "tiny smolvlm")

"""Qwen-VL, from Qwen2-VL to Qwen3-VL: images keep their shape, and positions count their rows and columns.

Qwen3-VL also hands features of earlier encoder layers to the first layers of its language model ("deepstack").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from PIL import Image
from pydantic import Field
from torch import Tensor

from core.models.pretrained import load_checkpoint
from core.models.tiny import TEXT, VISION, chatml, tiny_model, tiny_tokenizer
from core.models.vlm import Anatomy, ImageFeatures, Prompt, Vlm, VlmSettings

TITLE = "Qwen-VL"
MODEL_TYPES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")
START, IMAGE, END, VIDEO = "<|vision_start|>", "<|image_pad|>", "<|vision_end|>", "<|video_pad|>"


def encode(vlm: Vlm, images: Sequence[Image.Image]) -> list[ImageFeatures]:
    inputs = vlm.image_processor(images=[image.convert("RGB") for image in images], return_tensors="pt")
    grids = inputs["image_grid_thw"].to(vlm.device)
    output = vlm.base.get_image_features(pixel_values=inputs["pixel_values"].to(vlm.device), image_grid_thw=grids)
    layers = getattr(output, "deepstack_features", None) or []
    deeper = [torch.stack(of_image) for of_image in zip(*layers, strict=True)]
    return [
        ImageFeatures(tokens, tuple(grids[image].tolist()), deeper[image] if deeper else None)
        for image, tokens in enumerate(output.pooler_output)
    ]


def positions(vlm: Vlm, prompt: Prompt, features: ImageFeatures) -> tuple[Tensor, int]:
    """An image of 4 x 6 tokens takes 6 positions, not 24: text goes on after its longer side."""
    ids = torch.tensor([prompt.head])
    kinds = (ids == vlm.image_token).int()
    position_ids, _ = vlm.base.model.get_rope_index(ids, kinds, image_grid_thw=torch.tensor([features.grid]))
    return position_ids[:, 0], int(position_ids.max()) + 1


def deepstack(features: Sequence[ImageFeatures], image_slots: Tensor) -> dict[str, Any]:
    stacks = [image.deeper for image in features if image.deeper is not None]
    if not stacks:
        return {}
    return {"visual_pos_masks": image_slots, "deepstack_visual_embeds": list(torch.cat(stacks, dim=1))}


ANATOMY = Anatomy(encode=encode, head_positions=positions, decoder_extras=deepstack)


class Settings(VlmSettings):
    family: Literal["qwen_vl"] = Field("qwen_vl", title="Family", description="Qwen2-VL, Qwen2.5-VL and Qwen3-VL.")
    checkpoint: str = Field(
        "Qwen/Qwen3-VL-2B-Instruct", title="Checkpoint", description="A hub name ending in -Instruct, or a folder."
    )
    image_tokens: int = Field(
        256,
        ge=1,
        le=16384,
        title="Tokens an image",
        description="About how many tokens every image becomes: more show finer detail and cost more time and memory.",
    )


def load(settings: Settings) -> Vlm:
    vlm = load_checkpoint(settings, ANATOMY)
    vlm.image_processor.size = pixels_for(settings.image_tokens, vlm.image_processor)
    return vlm


def pixels_for(image_tokens: int, image_processor: Any) -> dict[str, int]:
    """The area that every image is scaled to. The processor calls areas edges."""
    area = image_tokens * (image_processor.patch_size * image_processor.merge_size) ** 2
    return {"shortest_edge": area, "longest_edge": area}


def tiny() -> Vlm:
    """Qwen3-VL: two layers, random weights, about 6 tokens an image."""
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    tokenizer = _tokenizer()
    config = Qwen3VLConfig(
        vision_config=_VISION | {"num_position_embeddings": 16, "deepstack_visual_indexes": [0, 1]},
        text_config={"head_dim": 8, **_text(tokenizer), "rope_parameters": _ROPE | {"mrope_interleaved": True}},
        **_ids(tokenizer),
    )
    return _assembled(Qwen3VLForConditionalGeneration, config, tokenizer, "tiny qwen3-vl")


def tiny_older() -> Vlm:
    """Qwen2.5-VL at the same size."""
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    tokenizer = _tokenizer()
    config = Qwen2_5_VLConfig(
        vision_config=_VISION | {"window_size": 28, "fullatt_block_indexes": [1]},
        text_config={**_text(tokenizer), "rope_parameters": _ROPE},
        **_ids(tokenizer),
    )
    return _assembled(Qwen2_5_VLForConditionalGeneration, config, tokenizer, "tiny qwen2.5-vl")


_ROPE = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1]}
_VISION = {
    "depth": VISION["num_hidden_layers"],
    "hidden_size": VISION["hidden_size"],
    "intermediate_size": VISION["intermediate_size"],
    "num_heads": VISION["num_attention_heads"],
    "patch_size": VISION["patch_size"],
    "out_hidden_size": TEXT["hidden_size"],
}


def _tokenizer() -> Any:
    special = ["<|im_start|>", "<|im_end|>", START, END, IMAGE, VIDEO]
    return tiny_tokenizer(special, chatml(START + IMAGE + END), "<|im_end|>")


def _text(tokenizer: Any) -> dict[str, Any]:
    return {"vocab_size": len(tokenizer), "bos_token_id": None, "eos_token_id": tokenizer.eos_token_id, **TEXT}


def _ids(tokenizer: Any) -> dict[str, Any]:
    names = {
        "image_token_id": IMAGE,
        "video_token_id": VIDEO,
        "vision_start_token_id": START,
        "vision_end_token_id": END,
    }
    return {name: tokenizer.convert_tokens_to_ids(token) for name, token in names.items()}


def _assembled(kind: Any, config: Any, tokenizer: Any, name: str) -> Vlm:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    images = Qwen2VLImageProcessorPil(patch_size=VISION["patch_size"])
    images.size = pixels_for(6, images)
    return Vlm(tiny_model(kind, config), tokenizer, images, ANATOMY, name)

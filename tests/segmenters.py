"""Tiny SAM and SAM 2 models with random weights, made offline and saved as checkpoints are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from core.models.tiny import tiny_model

SIDE = 32
DECODER: dict[str, Any] = {
    "hidden_size": 16,
    "mlp_dim": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "attention_downsample_rate": 2,
    "iou_head_hidden_dim": 16,
    "iou_head_depth": 2,
}
PROMPTS: dict[str, Any] = {"hidden_size": 16, "image_size": SIDE, "mask_input_channels": 4}
SEGMENTERS = ("sam", "sam2", "sam2_video")


def sam() -> Any:
    from transformers import SamConfig, SamModel

    vision = {
        "hidden_size": 16,
        "output_channels": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": SIDE,
        "patch_size": 4,
        "window_size": 4,
        "global_attn_indexes": [1],
        "mlp_dim": 32,
        "num_pos_feats": 8,
    }
    config = SamConfig(
        vision_config=vision, prompt_encoder_config={**PROMPTS, "patch_size": 4}, mask_decoder_config=DECODER
    )
    return tiny_model(SamModel, config)


def _sam2_parts() -> dict[str, Any]:
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 8,
        "image_size": [SIDE, SIDE],
        "patch_kernel_size": [3, 3],
        "patch_stride": [2, 2],
        "patch_padding": [1, 1],
        "window_positional_embedding_background_size": [4, 4],
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 1, 2, 2],
        "window_size_per_stage": [4, 4, 4, 4],
        "global_attention_blocks": [3],
    }
    vision = {
        "backbone_config": backbone,
        "backbone_channel_list": [64, 32, 16, 8],
        "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
        "fpn_hidden_size": 16,
    }
    return {
        "vision_config": vision,
        "prompt_encoder_config": {**PROMPTS, "patch_size": 8},
        "mask_decoder_config": DECODER,
    }


def sam2() -> Any:
    from transformers import Sam2Config, Sam2Model

    return tiny_model(Sam2Model, Sam2Config(**_sam2_parts()))


def sam2_video() -> Any:
    """As it is handed out: with the parts that follow objects through a video."""
    from transformers import Sam2VideoConfig, Sam2VideoModel

    memory: dict[str, Any] = {
        "memory_attention_hidden_size": 16,
        "memory_attention_num_layers": 1,
        "memory_attention_feed_forward_hidden_size": 16,
        "memory_encoder_hidden_size": 16,
        "memory_encoder_output_channels": 8,
        "mask_downsampler_embed_dim": 16,
        "memory_fuser_num_layers": 1,
        "memory_fuser_embed_dim": 16,
        "memory_fuser_intermediate_dim": 16,
        "memory_attention_rope_feat_sizes": [4, 4],
    }
    return tiny_model(Sam2VideoModel, Sam2VideoConfig(**_sam2_parts(), image_size=SIDE, **memory))


def save(name: str, folder: Path) -> Path:
    """A checkpoint's folder: configuration, weights, and how pictures are laid out."""
    {"sam": sam, "sam2": sam2, "sam2_video": sam2_video}[name]().save_pretrained(folder)
    values = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25]}
    (folder / "preprocessor_config.json").write_text(json.dumps(values))
    return folder

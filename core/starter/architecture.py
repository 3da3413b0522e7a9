"""The shape of the starter: InternVL with a small vision transformer and a small Qwen2."""

from __future__ import annotations

import torch
from transformers import (
    GenerationConfig,
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLVisionConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
)
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil

from core.starter.tokenizer import END, END_OF_TEXT, IMAGE, START

SIDE, PATCH, WIDTH = 64, 8, 256
IMAGE_TOKENS = (SIDE // PATCH // 2) ** 2
MEAN, SPREAD = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)


def config(tokenizer: PreTrainedTokenizerFast) -> InternVLConfig:
    ids = tokenizer.get_vocab()
    vision = InternVLVisionConfig(
        hidden_size=WIDTH,
        num_hidden_layers=6,
        num_attention_heads=8,
        intermediate_size=WIDTH * 4,
        attention_bias=True,
        image_size=(SIDE, SIDE),
        patch_size=(PATCH, PATCH),
        layer_scale_init_value=1.0,
        use_mean_pooling=True,
    )
    text = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=640,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=1024,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        tie_word_embeddings=True,
        bos_token_id=ids[START],
        eos_token_id=ids[END],
        pad_token_id=ids[END_OF_TEXT],
    )
    return InternVLConfig(
        vision_config=vision,
        text_config=text,
        image_token_id=ids[IMAGE],
        image_seq_length=IMAGE_TOKENS,
        downsample_ratio=0.5,
        tie_word_embeddings=True,
    )


def new(tokenizer: PreTrainedTokenizerFast) -> InternVLForConditionalGeneration:
    """Random weights. Positions start as large as the patches: from zero, a short training hardly finds them."""
    model: InternVLForConditionalGeneration = InternVLForConditionalGeneration._from_config(
        config(tokenizer), attn_implementation="eager"
    )
    torch.nn.init.normal_(model.model.vision_tower.embeddings.position_embeddings, std=0.2)
    ids = tokenizer.get_vocab()
    model.generation_config = GenerationConfig(eos_token_id=ids[END], pad_token_id=ids[END_OF_TEXT], do_sample=False)
    return model


def image_processor() -> GotOcr2ImageProcessorPil:
    """The processor that InternVL uses, set to a single tile."""
    return GotOcr2ImageProcessorPil(
        size={"height": SIDE, "width": SIDE}, image_mean=list(MEAN), image_std=list(SPREAD), crop_to_patches=False
    )

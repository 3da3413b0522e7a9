"""Parts for tiny models with random weights, built offline: what contract tests and quick trials run on."""

from __future__ import annotations

from typing import Any

import torch

SEED = 0
TEXT: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "rms_norm_eps": 1e-6,
}
VISION: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 7,
}
SIZE = {"height": VISION["image_size"], "width": VISION["image_size"]}


def chat_template(opening: str, image: str, closing: str, generation: str) -> str:
    """A template that writes every turn alike: `opening` (a Jinja text), its parts, `closing`."""
    return (
        "{% for message in messages %}" + opening + "{% for part in message['content'] %}"
        "{% if part['type'] == 'image' %}" + image + "{% else %}{{ part['text'] }}{% endif %}{% endfor %}"
        "" + closing + "{% endfor %}{% if add_generation_prompt %}" + generation + "{% endif %}"
    )


def chatml(image: str) -> str:
    return chat_template(
        "<|im_start|>{{ message['role'] }}\n", image, "<|im_end|>\n", "{{ '<|im_start|>assistant\n' }}"
    )


def tiny_tokenizer(special: list[str], template: str | None, end: str, **named: str) -> Any:
    """A byte-level tokenizer: 256 bytes and the special tokens, able to spell any text.

    Tokens that an architecture knows by a name of its own (`image_token`, `bos_token`) are given by that name.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={byte: place for place, byte in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([*special, "<pad>"])
    bos = {name: named.pop(name) for name in ("bos_token",) if name in named}
    if bos and template:  # as Llama and Gemma do; where there is no template, the family puts it in itself
        first = bos["bos_token"]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{first} $A", special_tokens=[(first, tokenizer.token_to_id(first))]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=end,
        pad_token="<pad>",
        chat_template=template,
        extra_special_tokens=named,
        **bos,
    )


def tiny_model(kind: Any, config: Any) -> Any:
    """Random weights, the same each time, and large enough for every part to show in the outputs."""
    config._attn_implementation = "eager"
    torch.manual_seed(SEED)
    model = kind(config)
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, mean=float("norm" in name and parameter.ndim == 1), std=0.2)
    return model.eval().requires_grad_(False)

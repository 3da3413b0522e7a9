"""The tiny models of all families, and what transformers' own processors make of the same image and question."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image
from torch import Tensor

from core.catalog import FAMILIES, find
from core.models.shared_prefix import Branches
from core.models.vlm import Vlm

OLDER_QWEN = "qwen_vl (2.5)"
NAMES = (*FAMILIES, OLDER_QWEN)
QUESTION = "What is this?"
PROCESSORS: dict[str, tuple[str, dict[str, Any]]] = {
    "auto": (
        "LlavaProcessor",
        {"patch_size": 7, "num_additional_image_tokens": 1, "vision_feature_select_strategy": "default"},
    ),
    "internvl": ("InternVLProcessor", {"video_processor": None, "image_seq_length": 4}),
    "qwen_vl": ("Qwen3VLProcessor", {"video_processor": None}),
    OLDER_QWEN: ("Qwen2_5_VLProcessor", {"video_processor": None}),
    "smolvlm": ("SmolVLMProcessor", {"video_processor": None, "image_seq_len": 4}),
    "llava_onevision": ("LlavaOnevisionProcessor", {"video_processor": None, "num_image_tokens": 16}),
    "gemma3": ("Gemma3Processor", {"image_seq_length": 4}),
    "paligemma": ("PaliGemmaProcessor", {}),
}


def build(name: str) -> Vlm:
    """A fresh tiny model, to be changed at will."""
    family = find(FAMILIES, "qwen_vl" if name == OLDER_QWEN else name, "family")
    vlm: Vlm = family.tiny_older() if name == OLDER_QWEN else family.tiny()
    return vlm


@lru_cache
def tiny(name: str) -> Vlm:
    """One that tests share and leave as it is."""
    return build(name)


def pictures() -> list[Image.Image]:
    """Square, wide and high, so that families which keep the shape lay out different grids."""
    noise = np.random.default_rng(7)
    return [Image.fromarray(noise.integers(0, 256, (h, w, 3), np.uint8)) for h, w in ((28, 28), (28, 60), (70, 30))]


def processor(name: str, vlm: Vlm) -> Any:
    """The official one, which is content without the video processor that would need torchvision."""
    kind, options = PROCESSORS[name]
    official: Any = getattr(transformers, kind)

    class Still(official):  # type: ignore[misc]
        def check_argument_for_proper_class(self, name: str, argument: Any) -> Any:
            return None if argument is None else super().check_argument_for_proper_class(name, argument)

    if name == "smolvlm":  # it refuses to start without a package that spells the number of a video's frames
        smolvlm: Any = import_module("transformers.models.smolvlm.processing_smolvlm")
        smolvlm.num2words = str
    if name == "paligemma":
        vlm.image_processor.image_seq_length = 16
    return Still(image_processor=vlm.image_processor, tokenizer=vlm.tokenizer, **options)


def inputs(name: str, vlm: Vlm, image: Image.Image, answer: str | None = None) -> dict[str, Tensor]:
    """One image and the question as the family's own processor puts them; with an answer, as it does for training."""
    if name == "paligemma":
        suffix = None if answer is None else [answer]
        made = processor(name, vlm)(images=[image], text=["<image>" + QUESTION], suffix=suffix)
        return {key: torch.tensor(np.array(value)) for key, value in made.items() if key != "labels"}
    turns = conversation(answer)
    text = vlm.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=answer is None)
    if name == "starter":
        return _with_markers(vlm, image, text)
    if name == "llava_onevision":
        return _one_tile(processor(name, vlm), image, text)
    bos, options = vlm.tokenizer.bos_token, {"crop_to_patches": False} if name == "internvl" else {}
    add = bos is None or not text.startswith(bos)
    made = processor(name, vlm)
    return dict(made(images=[image], text=[text], return_tensors="pt", add_special_tokens=add, **options))


def conversation(answer: str | None) -> list[dict[str, Any]]:
    asked = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": QUESTION}]}
    return [asked] + ([{"role": "assistant", "content": [{"type": "text", "text": answer}]}] if answer else [])


def _with_markers(vlm: Vlm, image: Image.Image, text: str) -> dict[str, Tensor]:
    """The starter needs no processor: its template writes the markers, its configuration says how many tokens."""
    run = "<IMG_CONTEXT>" * vlm.base.config.image_seq_length
    pixels = vlm.image_processor(images=[image], return_tensors="pt")["pixel_values"]
    return {**vlm.tokenizer(text.replace("<IMG_CONTEXT>", run), return_tensors="pt"), "pixel_values": pixels}


def _one_tile(made: Any, image: Image.Image, text: str) -> dict[str, Tensor]:
    """LLaVA-OneVision leaves out its tiles for images of one conversation only, so the image is given twice."""
    twice = made.image_processor(images=[[image, image]], return_tensors="pt")
    run = made.replace_image_token({"batch_num_images": [2]}, 0)
    text_inputs = made.tokenizer(text.replace("<image>", run), return_tensors="pt")
    return {
        **text_inputs,
        "pixel_values": twice["pixel_values"][:1],
        "image_sizes": twice["image_sizes"][:1],
        "batch_num_images": twice["batch_num_images"],
    }


def official_logits(name: str, vlm: Vlm, image: Image.Image, answer: str) -> Tensor:
    """What the model itself says at every token of the answer, [T, V]."""
    with torch.no_grad():
        logits = vlm.base(**inputs(name, vlm, image, answer)).logits[0]
    features = vlm.encode([image])[0]
    prompt = vlm.prompt(QUESTION, len(features.tokens))
    start = len(prompt.head) + len(prompt.tail) - 1
    return torch.as_tensor(logits[start : start + len(vlm.response(answer))])


def ask(
    vlm: Vlm,
    asked: Sequence[tuple[int, str, bool]],
    exemplars: Tensor | None = None,
    is_shared: bool = True,
) -> list[Tensor]:
    """Logits [T, V] of every (image, answer, with exemplar), all in one batch over the three pictures."""
    features = vlm.encode(pictures())
    prompts = [vlm.prompt(QUESTION, len(one.tokens)) for one in features]
    branches = Branches(vlm, features, exemplars, is_shared)
    rows = [
        branches.add(image, prompts[image], vlm.response(answer), with_exemplar)
        for image, answer, with_exemplar in asked
    ]
    logits = branches.logits()
    return [logits[row] for row in rows]

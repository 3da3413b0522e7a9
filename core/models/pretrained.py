"""Opens checkpoints: from a folder or the hub, from safetensors only, never with foreign code."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from core.errors import ModelError, reason
from core.machine.precision import number_format_here
from core.models.checkpoint_rules import forget_implementations, refuse_untrusted
from core.models.vlm import Anatomy, Vlm, VlmSettings

PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
EXPECTED = (
    "the name of an image-text-to-text checkpoint that this machine can reach, or a folder with config.json, tokenizer "
    "files and *.safetensors"
)


def load_checkpoint(settings: VlmSettings, anatomy: Anatomy, **image_options: Any) -> Vlm:
    """Any checkpoint or folder that `AutoModelForImageTextToText` opens."""
    from transformers import AutoImageProcessor, AutoTokenizer

    source = settings.checkpoint
    with opening(source):
        base = _weights(settings, configuration(source))
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        images = AutoImageProcessor.from_pretrained(source, backend="pil", trust_remote_code=False, **image_options)
        _complete_tokenizer(tokenizer, source)
    if settings.attention == "auto":
        suit_training(base)
    vlm = Vlm(base.eval().requires_grad_(False), tokenizer, images, anatomy, source)
    vlm.fuses_attention = settings.attention != "eager"
    return vlm


def model_type(source: str) -> str:
    """What a checkpoint's configuration calls its architecture."""
    with opening(source):
        return str(configuration(source).model_type)


def configuration(source: str) -> Any:
    """A checkpoint's own, once nothing in it would bring code, and without what it says of attention."""
    from transformers import AutoConfig

    look_at_folder(Path(source))
    config = AutoConfig.from_pretrained(source, trust_remote_code=False)
    refuse_untrusted(source, config, lambda name: file_of(source, name))
    return forget_implementations(config)


def suit_training(base: Any) -> None:
    """Eager attention in the language model on a CPU, where its backward is faster; no encoder goes backward."""
    if not torch.cuda.is_available():
        base.get_decoder().set_attn_implementation("eager")


def look_at_folder(folder: Path) -> None:
    """Says what a folder lacks before transformers says it in its own words."""
    if not folder.is_dir():
        return
    if not (folder / "config.json").is_file():
        raise ModelError(f"The folder {folder} holds no config.json, so it is not a checkpoint. Give a model's folder.")
    if any(folder.glob("*.safetensors")):
        return
    pickled = sorted(path.name for pattern in PICKLED for path in folder.glob(pattern))
    if pickled:
        raise ModelError(
            f"The folder {folder} holds its weights as {pickled[0]}, a pickled file that could run code when opened. "
            "Only safetensors are read: convert it with the tool that made it, then try again."
        )
    raise ModelError(
        f"The folder {folder} holds no weights (*.safetensors). Copy the whole checkpoint, then try again."
    )


@contextmanager
def opening(source: str, expected: str = EXPECTED) -> Iterator[None]:
    """Says what goes wrong with a checkpoint in our words, and what was expected."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"The model {source!r} could not be opened ({reason(error)}). Give {expected}.") from error


def refuse_incomplete(source: str, loading_info: Any) -> None:
    """Where weights are missing transformers would go on with random numbers in their place."""
    if loading_info["missing_keys"]:
        missing = sorted(loading_info["missing_keys"])
        raise ModelError(
            f"The weights of {source!r} lack {missing[0]} and {len(missing) - 1} more. "
            "Copy the whole checkpoint, or choose the one that its configuration belongs to."
        )


def _weights(settings: VlmSettings, config: Any) -> Any:
    from transformers import AutoModelForImageTextToText

    opened: Any = AutoModelForImageTextToText.from_pretrained(
        settings.checkpoint,
        config=config,
        dtype=getattr(torch, number_format_here(settings.dtype)),
        # Where nothing is asked for, transformers takes sdpa, except for architectures that can't.
        attn_implementation=None if settings.attention == "auto" else settings.attention,
        use_safetensors=True,
        trust_remote_code=False,
        output_loading_info=True,
    )
    base, loading_info = opened
    refuse_incomplete(settings.checkpoint, loading_info)
    return base


def _complete_tokenizer(tokenizer: Any, source: str) -> None:
    """Older checkpoints keep the chat template with their processor: look for it there."""
    if getattr(tokenizer, "chat_template", None):
        return
    for name in ("chat_template.jinja", "chat_template.json"):
        text = file_of(source, name)
        if text is not None:
            tokenizer.chat_template = json.loads(text)["chat_template"] if name.endswith(".json") else text
            return


def file_of(source: str, name: str) -> str | None:
    from transformers.utils.hub import cached_file

    try:
        path = cached_file(source, name)
    except OSError as error:
        logging.getLogger(__name__).debug("no %s with %s: %s", name, source, error)
        return None
    return Path(path).read_text(encoding="utf-8") if path else None

"""LoRA on the language model of a VLM: adapters by name, so that one loaded model serves every tuned reader."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import nn

from core.errors import ModelError
from core.models.checkpoint_rules import refuse_untrusted_adapter
from core.models.vlm import Vlm
from core.settings import Settings

CONNECTORS = ("multi_modal_projector", "connector", "merger", "mm_projector")
ATTENTION = re.compile(r"(^|_)(q|k|v|o|qkv|out)(_proj)?$|attn")


class LoraSettings(Settings):
    """Low-rank adaptation. Defaults are ours, after the base model's published recipe: the paper is silent."""

    rank: int = Field(16, ge=1, le=1024, title="Rank", description="Width of the low-rank update (ours).")
    alpha: float = Field(32, gt=0, le=4096, title="Alpha", description="The update is scaled by alpha / rank (ours).")
    dropout: float = Field(0.05, ge=0, lt=1, title="Dropout", description="Dropout before the update (ours).")
    layers: Literal["all", "attention"] = Field(
        "all", title="Layers", description="All linear layers of the language model, or those of its attention only."
    )


def lora_targets(vlm: Vlm, layers: Literal["all", "attention"] = "all") -> str:
    """A pattern that matches exactly the full names of the language model's linear layers."""
    decoder = vlm.base.get_decoder()
    prefix = next(name for name, module in vlm.base.named_modules() if module is decoder)
    # Where an adapter sits already, a layer's own weights have moved one level down, beside the adapter's.
    linear = [
        name.removesuffix(".base_layer")
        for name, module in decoder.named_modules()
        if isinstance(module, nn.Linear) and "lora_" not in name
    ]
    wanted = [name for name in linear if layers == "all" or ATTENTION.search(name.rsplit(".", 1)[-1])]
    if not wanted:
        raise ModelError(
            f"No linear layer of {vlm.name}'s language model could be found to tune ({len(linear)} in all). "
            "Choose all layers, or a checkpoint with an ordinary transformer as its language model."
        )
    shapes = sorted({re.sub(r"\\\.\d+\\\.", r"\\.\\d+\\.", re.escape(name)) for name in wanted})
    return re.escape(f"{prefix}." if prefix else "") + "(" + "|".join(shapes) + ")"


def attach(vlm: Vlm, settings: LoraSettings, name: str, with_connector: bool = False) -> Any:
    """Puts a fresh adapter into the language model and returns the PEFT model that knows all adapters.

    With the connector, the adapter has a copy of its own of what carries image features into the language model.
    """
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,  # type: ignore[arg-type]
        lora_dropout=settings.dropout,
        target_modules=lora_targets(vlm, settings.layers),
        modules_to_save=connector_names(vlm) if with_connector else None,
    )
    if vlm.peft is None:
        vlm.peft = get_peft_model(vlm.base, config, adapter_name=name)
    else:
        vlm.peft.add_adapter(name, config)
    _leave_inputs(vlm)
    _hold_in_float32(vlm, name)
    return vlm.peft


def connector_names(vlm: Vlm) -> list[str]:
    """The modules that carry image features into the language model."""
    names = [name for name, _ in vlm.base.named_modules() if name.rpartition(".")[2] in CONNECTORS]
    if not names:
        raise ModelError(f"The connector of {vlm.name} could not be found. Set method.tune_vlm_connector to false.")
    return names


def _hold_in_float32(vlm: Vlm, name: str) -> bool:
    """Small steps would be lost on a bfloat16 copy of the connector; False where the adapter has none."""
    copies = [module.modules_to_save[name] for module in vlm.base.modules() if hasattr(module, "modules_to_save")]
    for copy in copies:
        copy.float()
    return bool(copies)


def _leave_inputs(vlm: Vlm) -> None:
    """PEFT would copy every layer's input to float32, which autocast then undoes: a quarter of a small model's step."""
    for module in vlm.base.modules():
        if hasattr(module, "cast_input_dtype_enabled"):
            module.cast_input_dtype_enabled = False


def load_adapter(vlm: Vlm, folder: Path, name: str) -> None:
    """An adapter as it was saved; nothing of it is trained any further."""
    from peft import PeftModel, set_peft_model_state_dict
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not (folder / "adapter_model.safetensors").is_file():
        raise ModelError(f"{folder} holds no adapter_model.safetensors. Copy the whole folder of the run.")
    refuse_untrusted_adapter(folder)
    try:
        if vlm.peft is None:
            vlm.peft = PeftModel.from_pretrained(vlm.base, folder, adapter_name=name)
        else:
            vlm.peft.load_adapter(folder, adapter_name=name)
        _leave_inputs(vlm)
        if _hold_in_float32(vlm, name):  # what was stored in float32 has just been rounded
            set_peft_model_state_dict(vlm.peft, load_file(folder / "adapter_model.safetensors"), adapter_name=name)
    except (OSError, SafetensorError, TypeError) as error:
        raise ModelError(
            f"The adapter in {folder} can't be read ({error}). Copy the whole folder of the run."
        ) from None
    except (RuntimeError, ValueError) as error:
        raise ModelError(
            f"The adapter in {folder} does not fit {vlm.name} ({error}). Use the checkpoint that its run names."
        ) from error


def save_adapter(vlm: Vlm, folder: Path, name: str) -> None:
    """adapter_config.json and adapter_model.safetensors, straight into the folder."""
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    state = get_peft_model_state_dict(vlm.peft, adapter_name=name)
    tensors = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = vlm.peft.peft_config[name]
    was, config.inference_mode = config.inference_mode, True
    config.base_model_name_or_path = vlm.name
    config.save_pretrained(folder)
    config.inference_mode = was


def adapter_parameters(vlm: Vlm, name: str) -> dict[str, nn.Parameter]:
    own = (f".{name}.", f".modules_to_save.{name}.")
    return {
        key: value for key, value in vlm.base.named_parameters() if ("lora_" in key and own[0] in key) or own[1] in key
    }


@contextmanager
def using(vlm: Vlm, name: str | None) -> Iterator[None]:
    """Reads with one adapter, or with none of them; afterwards all is as it was, and what is trained too."""
    if vlm.peft is None:
        yield
        return
    active, trained = vlm.peft.active_adapter, [value.requires_grad for value in vlm.base.parameters()]
    try:
        if name is None:
            with vlm.peft.disable_adapter():
                yield
        else:
            vlm.peft.set_adapter(name)
            yield
    finally:
        vlm.peft.set_adapter(active)
        for value, was_trained in zip(vlm.base.parameters(), trained, strict=True):
            value.requires_grad_(was_trained)


def merged(vlm: Vlm, name: str) -> Any:
    """The base model itself with the adapter added into its weights, in float32 so that little is lost."""
    vlm.base.to(torch.float32)
    vlm.peft.set_adapter(name)
    model = vlm.peft.merge_and_unload(adapter_names=[name])
    vlm.peft = None
    return model

"""What of a checkpoint is believed: weights in safetensors, beside their configuration, and nothing that brings code.

A configuration may name kernels to fetch, an adapter's base, an index any file. All of it is looked at before
anything is loaded, whether the checkpoint is a folder or comes from the hub.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from core.errors import ModelError

INDEX = "model.safetensors.index.json"
ONLY_SAFETENSORS = "Only safetensors files that lie beside the configuration are opened."
WEIGHTS_FILE = re.compile(r"[\w.-]+\.safetensors")
WEIGHTS_OR_INDEX = re.compile(r"[\w.-]+\.safetensors(\.index\.json)?")
HUB_FOLDERS = ("snapshots", "blobs")
# What an adapter of ours is made of; of anything else only peft's own defaults are taken.
ADAPTER_CHOICES = ("r", "lora_alpha", "lora_dropout", "target_modules", "modules_to_save", "inference_mode")
ADAPTER_NOTES = ("base_model_name_or_path", "auto_mapping", "peft_version", "revision", "task_type")
Files = Callable[[str], str | None]
"""The text of one of a checkpoint's files by its name, or None where it has none."""


def refuse_untrusted(source: str, config: Any, files: Files) -> None:
    """ModelError where loading would open, fetch or run anything but safetensors and what describes them."""
    if files("adapter_config.json") is not None:
        raise ModelError(
            f"The checkpoint {source!r} is an adapter and names another model that would be fetched in its place. "
            "Give a whole model: merge the adapter into its base with the tool that made it."
        )
    for part in _parts(config.to_dict()):
        _refuse_part(source, part)
    index = files(INDEX)
    if index is not None:
        _refuse_strange_files(source, index)
    if Path(source).is_dir():
        _refuse_links(Path(source))


def forget_implementations(config: Any) -> Any:
    """The configuration without what it says of attention and experts: such a name may be code on the hub."""
    config._attn_implementation = None
    config._experts_implementation = None
    for name in config.sub_configs:
        part = getattr(config, name, None)
        if part is not None:
            forget_implementations(part)
    return config


def without_implementations(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same for the values of a configuration that is still to be made."""
    return {
        name: without_implementations(value) if isinstance(value, dict) else value
        for name, value in values.items()
        if not name.lstrip("_").startswith(("attn_implementation", "experts_implementation"))
    }


def refuse_untrusted_adapter(folder: Path) -> None:
    """ModelError where an adapter is anything but the plain LoRA that this project saves."""
    from peft import LoraConfig

    file = folder / "adapter_config.json"
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        is_lora = values.get("peft_type") == "LORA"
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(
            f"The adapter in {folder} can't be read ({error}). Copy the whole folder of the run."
        ) from None
    usual = {"peft_type": "LORA", **json.loads(json.dumps(LoraConfig().to_dict(), default=str))}
    own = {*ADAPTER_CHOICES, *ADAPTER_NOTES, "peft_type"}
    strange = [name for name, value in values.items() if name not in own and value and value != usual.get(name)]
    if strange or not is_lora:
        raise ModelError(
            f"The adapter in {folder} is no LoRA as runs save it ({', '.join(strange) or 'another kind'} is set), so "
            "it is not opened. Give the folder of a run."
        )


def _parts(values: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A configuration and all that are nested in it."""
    yield values
    for value in values.values():
        if isinstance(value, dict):
            yield from _parts(value)


def _refuse_part(source: str, values: Mapping[str, Any]) -> None:
    if values.get("quantization_config") or values.get("compression_config"):
        raise ModelError(
            f"The weights of {source!r} are quantised, which needs code that is not part of this project. "
            "Choose the checkpoint with whole weights."
        )
    named = values.get("transformers_weights")
    if named is not None and not WEIGHTS_OR_INDEX.fullmatch(str(named)):
        raise ModelError(f"The configuration of {source!r} names {named!r} as weights. {ONLY_SAFETENSORS}")


def _refuse_strange_files(source: str, index: str) -> None:
    try:
        files = sorted({str(name) for name in json.loads(index)["weight_map"].values()})
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ModelError(f"The {INDEX} of {source!r} can't be read ({error}). Copy the whole checkpoint.") from None
    strange = [name for name in files if not WEIGHTS_FILE.fullmatch(name)]
    if strange:
        raise ModelError(f"The {INDEX} of {source!r} names {strange[0]!r}. {ONLY_SAFETENSORS}")


def _refuse_links(folder: Path) -> None:
    """A link to somewhere else; the hub's own cache alone is made of links, to blobs beside its snapshots."""
    home = folder.resolve()
    allowed = [home]
    if home.parent.name == HUB_FOLDERS[0]:
        allowed.append(home.parent.parent / HUB_FOLDERS[1])
    for file in home.iterdir():
        if not any(file.resolve().is_relative_to(place) for place in allowed):
            raise ModelError(
                f"{file.name} in the checkpoint's folder {folder} is a link to another place. "
                "Put the file itself there."
            )

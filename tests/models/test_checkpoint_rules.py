"""Crafted checkpoints: whatever their files name, nothing of it is loaded, imported or fetched."""

from __future__ import annotations

import json
import pickle
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from core.errors import ModelError
from core.families import auto, internvl
from core.models.lora import LoraSettings, attach, load_adapter, save_adapter
from core.tsms import backbone

INDEX = "model.safetensors.index.json"
CODE = "import pathlib; pathlib.Path(__file__).with_name('ran').touch()\n"


@pytest.fixture(autouse=True)
def reached(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Hosts that were looked up, kernels and pickles that were asked for: none, at the end of every test."""
    wanted: list[str] = []

    def note(kind: str, answer: Any = None) -> Callable[..., Any]:
        def noted(*names: Any, **_: Any) -> Any:
            wanted.append(f"{kind} {names[0]}")
            raise OSError(f"no {kind} here")

        return noted

    monkeypatch.setattr(socket, "getaddrinfo", note("host"))
    monkeypatch.setattr(torch, "load", note("pickle"))
    monkeypatch.setattr(transformers.modeling_utils, "lazy_import_flash_attention", note("kernel"))
    yield wanted
    assert wanted == []


def change(file: Path, **values: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def opened(folder: Path) -> Any:
    return auto.load(auto.Settings(checkpoint=str(folder), dtype="float32"))


def indexed(checkpoint: Path, name: str) -> None:
    """The weights behind an index, all in the file of this name."""
    names = load_file(checkpoint / "model.safetensors").keys()
    (checkpoint / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": dict.fromkeys(names, name)}))
    (checkpoint / "model.safetensors").rename(checkpoint / "other.safetensors")


def test_an_index_of_safetensors_beside_it_opens(checkpoint: Path) -> None:
    indexed(checkpoint, "other.safetensors")
    assert opened(checkpoint).image_token > 0


@pytest.mark.parametrize(
    "name",
    [
        "pytorch_model.bin",
        "../outside.safetensors",
        "/etc/passwd",
        "part/x.safetensors",
        "a.safetensors.bin",
        "x.pt",
        "",
    ],
)
def test_an_index_that_names_anything_else_is_refused_unopened(checkpoint: Path, name: str) -> None:
    indexed(checkpoint, name)
    shutil.copy(checkpoint / "other.safetensors", checkpoint.parent / "outside.safetensors")
    (checkpoint / "pytorch_model.bin").write_bytes(pickle.dumps({"weights": 1}))
    with pytest.raises(ModelError, match="Only safetensors files that lie beside"):
        opened(checkpoint)


@pytest.mark.parametrize("content", ["[]", "{", '{"weight_map": 3}', '{"weight_map": ["a.bin"]}'])
def test_an_index_that_is_none_is_refused(checkpoint: Path, content: str) -> None:
    (checkpoint / INDEX).write_text(content)
    with pytest.raises(ModelError, match="Copy the whole checkpoint"):
        opened(checkpoint)


@pytest.mark.parametrize("name", ["adapter_model.bin", "../outside.safetensors", "weights.bin", "/tmp/x.safetensors"])
def test_a_configuration_that_names_its_weights_elsewhere_is_refused(checkpoint: Path, name: str) -> None:
    change(checkpoint / "config.json", transformers_weights=name)
    with pytest.raises(ModelError, match="Only safetensors files that lie beside"):
        opened(checkpoint)


def test_a_link_out_of_the_folder_is_refused(checkpoint: Path) -> None:
    outside = checkpoint.parent / "outside.safetensors"
    (checkpoint / "model.safetensors").rename(outside)
    (checkpoint / "model.safetensors").symlink_to(outside)
    with pytest.raises(ModelError, match=r"model\.safetensors in the checkpoint's folder .* is a link"):
        opened(checkpoint)


def test_the_links_of_the_hubs_own_cache_are_followed(checkpoint: Path) -> None:
    blobs, snapshot = checkpoint.parent / "cache" / "blobs", checkpoint.parent / "cache" / "snapshots" / "abc"
    shutil.copytree(checkpoint, blobs)
    snapshot.mkdir(parents=True)
    for file in blobs.iterdir():
        (snapshot / file.name).symlink_to(file)
    assert opened(snapshot).image_token > 0


@pytest.mark.parametrize("name", ["someone/kernel", "flash_attention_2", "kernels-community/flash-attn3", "paged|sdpa"])
@pytest.mark.parametrize("key", ["_attn_implementation", "attn_implementation", "_attn_implementation_internal"])
def test_attention_that_a_configuration_names_is_never_obeyed(checkpoint: Path, key: str, name: str) -> None:
    config = json.loads((checkpoint / "config.json").read_text())
    nested = {part: config[part] | {key: name} for part in ("text_config", "vision_config")}
    change(checkpoint / "config.json", **{key: name, "_experts_implementation": name}, **nested)
    base = opened(checkpoint).base
    taken = {part._attn_implementation for part in (base.config, base.config.text_config, base.config.vision_config)}
    assert taken <= {"sdpa", "eager"}


@pytest.mark.parametrize("key", ["_attn_implementation", "attn_implementation"])
def test_a_backbone_takes_no_attention_from_its_configuration_either(tmp_path: Path, key: str) -> None:
    config = transformers.ViTConfig(
        hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8
    )
    transformers.ViTModel(config).save_pretrained(tmp_path / "vit")
    stored = {"size": {"height": 32, "width": 32}, "image_mean": [0.5] * 3, "image_std": [0.2] * 3}
    (tmp_path / "vit" / "preprocessor_config.json").write_text(json.dumps(stored))
    change(tmp_path / "vit" / "config.json", **{key: "someone/kernel"})
    tsm = backbone.build(backbone.Settings(checkpoint=str(tmp_path / "vit")), 2)
    assert isinstance(tsm, backbone.Backbone) and tsm.network.config._attn_implementation == "sdpa"
    tsm.save(tmp_path / "saved")
    description = next(file for file in (tmp_path / "saved").iterdir() if file.suffix == ".json")
    values = json.loads(description.read_text())
    values["preprocessing"]["config"][key] = "someone/kernel"
    description.write_text(json.dumps(values))
    again = backbone.load(tmp_path / "saved")
    assert isinstance(again, backbone.Backbone) and again.network.config._attn_implementation == "sdpa"


@pytest.mark.parametrize(
    "method", ["bitsandbytes", "fp8", "mxfp4", "gptq", "awq", "hqq", "quark", "compressed-tensors", "someone/method"]
)
def test_quantised_weights_are_refused_before_any_code_for_them(checkpoint: Path, method: str) -> None:
    change(checkpoint / "config.json", quantization_config={"quant_method": method, "load_in_4bit": True, "bits": 4})
    with pytest.raises(ModelError, match=r"are quantised|could not be opened"):
        opened(checkpoint)


@pytest.mark.parametrize("model_type", ["internvl", "someone_s_model"])
def test_code_that_comes_with_a_checkpoint_is_never_imported(checkpoint: Path, model_type: str) -> None:
    for name in ("modeling_x", "configuration_x", "tokenization_x", "processing_x"):
        (checkpoint / f"{name}.py").write_text(CODE)
    mapped = {
        "AutoConfig": "configuration_x.X",
        "AutoModelForImageTextToText": "modeling_x.X",
        "AutoTokenizer": ["tokenization_x.X", None],
        "AutoImageProcessor": "processing_x.X",
    }
    for file in ("config.json", "tokenizer_config.json", "preprocessor_config.json"):
        change(checkpoint / file, auto_map=mapped)
    change(checkpoint / "config.json", model_type=model_type)
    if model_type == "internvl":
        opened(checkpoint)
    else:
        with pytest.raises(ModelError, match="could not be opened"):
            opened(checkpoint)
    assert not (checkpoint / "ran").exists()
    assert not [name for name in sys.modules if name.endswith(("modeling_x", "configuration_x", "tokenization_x"))]


def test_an_adapter_that_names_another_base_is_refused_before_it_is_fetched(checkpoint: Path) -> None:
    adapter = {"base_model_name_or_path": "someone/base", "peft_type": "LORA"}
    (checkpoint / "adapter_config.json").write_text(json.dumps(adapter))
    with pytest.raises(ModelError, match="is an adapter and names another model"):
        opened(checkpoint)


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.__init__.__globals__ }}",
        "{% for k in cycler.__init__.__globals__ %}{{ k }}{% endfor %}",
        "{% include '/etc/passwd' %}",
        "{{ messages.append(1) }}",
    ],
)
def test_a_chat_template_reaches_nothing_outside_of_its_sandbox(checkpoint: Path, template: str) -> None:
    (checkpoint / "chat_template.jinja").write_text(template)
    with pytest.raises(ModelError):
        opened(checkpoint).prompt("What?", 4)


def test_files_that_could_be_unpickled_are_left_alone(checkpoint: Path) -> None:
    class Attack:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (checkpoint / "ran",))

    for name in (
        "pytorch_model.bin",
        "training_args.bin",
        "optimizer.pt",
        "vocab.pkl",
        "tokenizer.model",
        "spiece.model",
    ):
        (checkpoint / name).write_bytes(pickle.dumps(Attack()))
    opened(checkpoint)
    assert not (checkpoint / "ran").exists()


@pytest.mark.parametrize(
    "values",
    [
        {"megatron_config": {"x": 1}, "megatron_core": "antigravity"},
        {"peft_type": "PROMPT_TUNING"},
        {"init_lora_weights": "pissa"},
        {"layer_replication": [[0, 2]]},
        {"use_dora": True},
        {"someone_s_key": "x"},
        {"runtime_config": {"ephemeral_gpu_offload": True}},
    ],
)
def test_only_an_adapter_as_runs_save_it_is_opened(tmp_path: Path, values: dict[str, Any]) -> None:
    vlm = internvl.tiny()
    attach(vlm, LoraSettings(rank=2, alpha=4), "vitask")
    save_adapter(vlm, tmp_path, "vitask")
    load_adapter(internvl.tiny(), tmp_path, "vitask")
    change(tmp_path / "adapter_config.json", **values)
    with pytest.raises(ModelError, match="no LoRA as runs save it"):
        load_adapter(internvl.tiny(), tmp_path, "vitask")


def test_weights_of_an_adapter_that_are_no_safetensors_are_not_opened(tmp_path: Path) -> None:
    vlm = internvl.tiny()
    attach(vlm, LoraSettings(rank=2, alpha=4), "vitask")
    save_adapter(vlm, tmp_path, "vitask")
    tensors = load_file(tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_model.safetensors").unlink()
    (tmp_path / "adapter_model.bin").write_bytes(pickle.dumps(1))
    with pytest.raises(ModelError, match=r"holds no adapter_model\.safetensors"):
        load_adapter(internvl.tiny(), tmp_path, "vitask")
    save_file(tensors, tmp_path / "adapter_model.safetensors", metadata={"format": "pt"})
    load_adapter(internvl.tiny(), tmp_path, "vitask")

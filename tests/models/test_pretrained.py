"""A folder opens as a model or says what it lacks; nothing pickled is ever opened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from core.errors import ModelError
from core.families import auto, internvl, starter
from core.models.pretrained import load_checkpoint, suit_training
from core.models.vlm import Anatomy


def settings(folder: Path) -> internvl.Settings:
    return internvl.Settings(checkpoint=str(folder), dtype="float32")


def test_a_folder_without_configuration_is_refused(checkpoint: Path) -> None:
    (checkpoint / "config.json").unlink()
    with pytest.raises(ModelError, match=r"holds no config\.json"):
        internvl.load(settings(checkpoint))


def test_a_folder_without_weights_is_refused(checkpoint: Path) -> None:
    (checkpoint / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="holds no weights"):
        internvl.load(settings(checkpoint))


def test_pickled_weights_are_refused_unopened(checkpoint: Path) -> None:
    (checkpoint / "model.safetensors").unlink()
    (checkpoint / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    with pytest.raises(ModelError, match=r"pytorch_model\.bin, a pickled file"):
        internvl.load(settings(checkpoint))


def test_damaged_weights_are_refused(checkpoint: Path) -> None:
    (checkpoint / "model.safetensors").write_bytes(b"not a header")
    with pytest.raises(ModelError, match="could not be opened"):
        internvl.load(settings(checkpoint))


def test_weights_that_lack_a_part_are_refused(checkpoint: Path) -> None:
    weights = load_file(checkpoint / "model.safetensors")
    gone = next(name for name in weights if name.endswith("layers.1.mlp.up_proj.weight"))
    del weights[gone]
    save_file(weights, checkpoint / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lack .*layers\.1\.mlp\.up_proj\.weight and 0 more"):
        internvl.load(settings(checkpoint))


def test_a_configuration_that_no_architecture_has_is_refused(checkpoint: Path) -> None:
    (checkpoint / "config.json").write_text('{"model_type": "no_such_model"}')
    with pytest.raises(ModelError, match="no_such_model"):
        auto.load(auto.Settings(checkpoint=str(checkpoint)))


def test_a_name_that_cannot_be_reached_is_refused() -> None:
    with pytest.raises(ModelError, match="'nobody/no-model' could not be opened"):
        internvl.load(internvl.Settings(checkpoint="nobody/no-model"))


@pytest.mark.parametrize("name", ["chat_template.jinja", "chat_template.json"])
def test_a_chat_template_is_found_beside_the_tokenizer(checkpoint: Path, name: str) -> None:
    template = (checkpoint / "chat_template.jinja").read_text()
    (checkpoint / "chat_template.jinja").unlink()
    (checkpoint / name).write_text(json.dumps({"chat_template": template}) if name.endswith("json") else template)
    assert internvl.load(settings(checkpoint)).prompt("What?", 4) == internvl.tiny().prompt("What?", 4)


def test_a_checkpoint_without_chat_template_is_refused_when_it_is_asked(checkpoint: Path) -> None:
    (checkpoint / "chat_template.jinja").unlink()
    with pytest.raises(ModelError, match="brings no chat template"):
        internvl.load(settings(checkpoint)).prompt("What?", 4)


def test_an_image_processor_saved_with_its_processor_opens(checkpoint: Path) -> None:
    """As transformers 5 saves it: nested in processor_config.json."""
    alone = checkpoint / "preprocessor_config.json"
    nested = {"processor_class": "InternVLProcessor", "image_processor": json.loads(alone.read_text())}
    (checkpoint / "processor_config.json").write_text(json.dumps(nested))
    alone.unlink()
    assert dict(internvl.load(settings(checkpoint)).image_processor.size) == {"height": 28, "width": 28}


def test_weights_are_held_in_the_number_format_asked_for(checkpoint: Path) -> None:
    vlm = internvl.load(internvl.Settings(checkpoint=str(checkpoint), dtype="bfloat16"))
    assert {parameter.dtype for parameter in vlm.base.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize(
    ("attention", "encoder", "decoder"),
    [("auto", "sdpa", "eager"), ("eager", "eager", "eager"), ("sdpa", "sdpa", "sdpa")],
)
def test_attention_is_eager_where_its_backward_runs_on_a_cpu(
    attention: str, encoder: str, decoder: str, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    vlm = internvl.load(internvl.Settings.parse({"checkpoint": str(checkpoint), "attention": attention}, "vlm"))
    assert vlm.base.config.vision_config._attn_implementation == encoder
    assert vlm.text_config._attn_implementation == decoder
    vlm.base.set_attn_implementation("sdpa")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    suit_training(vlm.base)
    assert vlm.text_config._attn_implementation == "sdpa"


def test_the_starter_says_how_to_make_weights_that_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter, "WEIGHTS", tmp_path / "weights")
    with pytest.raises(ModelError, match="vitask starter build"):
        starter.load(starter.Settings())


def test_an_architecture_that_takes_images_its_own_way_is_refused_by_auto(checkpoint: Path) -> None:
    def encode(*_: object) -> list[object]:
        raise TypeError("missing argument 'image_grid'")

    vlm = load_checkpoint(settings(checkpoint), Anatomy(encode=encode))  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=r"'odd' of .* takes its images in a way of its own"):
        auto.try_out(vlm, "odd")

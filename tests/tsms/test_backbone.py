"""Backbones from folders: where each family's feature stands, what stays frozen, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from core.errors import ModelError
from core.models.tsm import tsm_losses
from core.tsms import backbone
from core.tsms.backbone import Backbone, Settings

SIZES: dict[str, Any] = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
SEEING: dict[str, Any] = SIZES | {"image_size": 32, "patch_size": 8}
STAGES: dict[str, Any] = {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1]}
BOTH: dict[str, Any] = {"text_config": SIZES | {"vocab_size": 99}, "vision_config": SEEING}


def checkpoint(folder: Path, model: str, config: Any) -> tuple[Path, Any]:
    """A random model, saved as its makers would, and the model itself."""
    network = getattr(transformers, model)(config).eval()
    network.save_pretrained(folder)
    stored = {"size": {"height": 32, "width": 32}, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]}
    (folder / "preprocessor_config.json").write_text(json.dumps(stored | {"resample": 2}))
    return folder, network


def vit(folder: Path) -> Path:
    return checkpoint(folder, "ViTModel", transformers.ViTConfig(**SEEING))[0]


def built(folder: Path, answers: int = 3, **settings: Any) -> Backbone:
    tsm = backbone.build(Settings(checkpoint=str(folder), **settings), answers)
    assert isinstance(tsm, Backbone)
    return tsm


def pixels() -> Tensor:
    return torch.randint(0, 256, (2, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def normalised() -> Tensor:
    mean, std = torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.2, 0.3, 0.4])
    return (pixels() / 255 - mean[:, None, None]) / std[:, None, None]


@pytest.mark.parametrize(
    ("model", "config"),
    [
        ("ViTModel", transformers.ViTConfig(**SEEING)),
        ("ViTForImageClassification", transformers.ViTConfig(**SEEING)),
        ("Dinov2Model", transformers.Dinov2Config(**SEEING)),
        ("DINOv3ViTModel", transformers.DINOv3ViTConfig(**SEEING)),
    ],
)
def test_a_vision_transformers_feature_is_its_first_token_after_the_last_norm(
    model: str, config: Any, tmp_path: Path
) -> None:
    folder, network = checkpoint(tmp_path, model, config)
    network = getattr(network, "vit", network)
    expected = network(pixel_values=normalised()).last_hidden_state[:, 0]
    torch.testing.assert_close(built(folder).eval().features(pixels()), expected)


def test_clips_feature_is_its_first_token_after_the_last_norm(tmp_path: Path) -> None:
    folder, network = checkpoint(tmp_path, "CLIPModel", transformers.CLIPConfig(**BOTH))
    tokens = network.vision_model(pixel_values=normalised()).last_hidden_state
    expected = network.vision_model.post_layernorm(tokens[:, 0])
    torch.testing.assert_close(built(folder).eval().features(pixels()), expected)


@pytest.mark.filterwarnings("ignore")
def test_siglips_feature_is_the_mean_of_its_tokens(tmp_path: Path) -> None:
    folder, network = checkpoint(tmp_path, "SiglipModel", transformers.SiglipConfig(**BOTH))
    expected = network.vision_model(pixel_values=normalised()).last_hidden_state.mean(1)
    torch.testing.assert_close(built(folder).eval().features(pixels()), expected)


@pytest.mark.parametrize(
    ("model", "config"),
    [
        ("ConvNextModel", transformers.ConvNextConfig(**STAGES)),
        ("ResNetModel", transformers.ResNetConfig(**STAGES, embedding_size=8, layer_type="basic")),
    ],
)
def test_a_convnets_feature_is_pooled(model: str, config: Any, tmp_path: Path) -> None:
    folder, network = checkpoint(tmp_path, model, config)
    expected = network(pixel_values=normalised()).pooler_output.flatten(1)
    tsm = built(folder).eval()
    assert tsm.width == 16
    torch.testing.assert_close(tsm.features(pixels()), expected)


def test_a_frozen_backbone_learns_in_its_head_alone(tmp_path: Path) -> None:
    config = transformers.ResNetConfig(**STAGES, embedding_size=8, layer_type="basic")
    tsm = built(checkpoint(tmp_path, "ResNetModel", config)[0], frozen=True).train()
    before = {name: value.clone() for name, value in tsm.network.state_dict().items()}
    tsm_losses(tsm.scores(pixels()), torch.tensor([0, 1]), "single").mean().backward()
    assert {name for name, weight in tsm.named_parameters() if weight.requires_grad} == {"head.weight", "head.bias"}
    assert tsm.head.weight.grad is not None
    assert all(torch.equal(value, before[name]) for name, value in tsm.network.state_dict().items())


def test_a_frozen_backbone_is_frozen_when_it_is_loaded_again(tmp_path: Path) -> None:
    tsm = built(vit(tmp_path / "checkpoint"), frozen=True)
    tsm.save(tmp_path / "tsm")
    again = backbone.load(tmp_path / "tsm").train()
    assert {name for name, weight in again.named_parameters() if weight.requires_grad} == {"head.weight", "head.bias"}
    assert torch.equal(again.features(pixels()), tsm.eval().features(pixels()))


def test_a_model_that_starts_from_an_older_one_has_its_scores(tmp_path: Path) -> None:
    old = built(vit(tmp_path)).train()
    with torch.no_grad():
        old.head.bias.add_(1)
    new = backbone.build(Settings(checkpoint=str(tmp_path)), 3, start=old)
    assert torch.equal(new.eval().scores(pixels()), old.eval().scores(pixels()))


def test_the_crop_is_the_image_side_where_there_is_one(tmp_path: Path) -> None:
    path = vit(tmp_path) / "preprocessor_config.json"
    values = json.loads(path.read_text()) | {"size": {"shortest_edge": 40}, "crop_size": 32, "do_center_crop": True}
    path.write_text(json.dumps(values))
    assert built(tmp_path).prepare([Image.new("L", (50, 20))]).shape == (1, 3, 32, 32)


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    (vit(tmp_path) / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"pytorch_model\.bin, a pickled file .* Only safetensors are read"):
        built(tmp_path)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    (vit(tmp_path) / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"holds no weights .* Copy the whole checkpoint"):
        built(tmp_path)


def test_a_checkpoint_that_lacks_weights_is_refused(tmp_path: Path) -> None:
    path = vit(tmp_path) / "model.safetensors"
    weights = load_file(path)
    del weights["layernorm.weight"]
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 of its weights, layernorm\.weight"):
        built(tmp_path)


def test_a_checkpoint_that_does_not_say_how_it_wants_images_is_refused(tmp_path: Path) -> None:
    (vit(tmp_path) / "preprocessor_config.json").write_text('{"size": 32}')
    with pytest.raises(ModelError, match=r"image_mean.* Add a preprocessor_config\.json"):
        built(tmp_path)


def test_a_checkpoint_that_is_asked_for_another_image_side_is_refused(tmp_path: Path) -> None:
    path = vit(tmp_path) / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"size": 48}))
    with pytest.raises(ModelError, match="could not be opened"):
        built(tmp_path)


def test_a_model_of_text_is_refused(tmp_path: Path) -> None:
    checkpoint(tmp_path, "BertModel", transformers.BertConfig(**SIZES, vocab_size=99))
    with pytest.raises(ModelError, match="does not read images"):
        built(tmp_path)


def test_a_model_without_a_feature_of_the_whole_image_is_refused(tmp_path: Path) -> None:
    config = transformers.ViTMAEConfig(**SEEING, decoder_num_hidden_layers=1, decoder_num_attention_heads=2)
    with pytest.raises(ModelError, match="A vit_mae gives no feature of a whole image"):
        built(checkpoint(tmp_path, "ViTMAEModel", config)[0])


def test_a_checkpoint_out_of_reach_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ModelError, match="this machine can reach"):
        built(Path("nobody/has-this-model"))

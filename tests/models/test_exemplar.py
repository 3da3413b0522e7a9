"""The connector by ten lines of arithmetic, one token a TSM, and what saving keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn.functional import gelu

from core.errors import ModelError
from core.models.exemplar import Connector, Exemplars, load_exemplars


def test_a_connector_is_norm_linear_gelu_linear() -> None:
    connector = Connector(4, 6)
    feature = torch.randn(3, 4)
    spread = feature.var(-1, keepdim=True, correction=0)
    normed = (feature - feature.mean(-1, keepdim=True)) / (spread + 1e-5).sqrt()
    raised = gelu(normed @ connector.rise.weight.T + connector.rise.bias)
    torch.testing.assert_close(connector(feature), raised @ connector.settle.weight.T + connector.settle.bias)


def test_every_tsm_has_a_token_of_its_own_in_their_order() -> None:
    exemplars = Exemplars([4, 7], 6)
    features = [torch.randn(3, 4), torch.randn(3, 7)]
    tokens = exemplars(features, 3)
    assert tokens.shape == (3, 2, 6)
    torch.testing.assert_close(tokens[:, 0], exemplars.connectors[0](features[0]))
    torch.testing.assert_close(tokens[:, 1], exemplars.connectors[1](features[1]))


def test_the_constant_prefix_is_one_learned_token_equal_for_every_case() -> None:
    exemplars = Exemplars([], 6, is_constant=True)
    tokens = exemplars([torch.randn(3, 4)], 3)
    assert tokens.shape == (3, 1, 6)
    assert torch.equal(tokens[0], tokens[2])
    tokens.sum().backward()
    assert [value.grad is not None for value in exemplars.parameters()] == [True]


@pytest.mark.parametrize(("widths", "is_constant"), [([4], False), ([4, 7], False), ([], True)])
def test_saved_connectors_say_the_same(widths: list[int], is_constant: bool, tmp_path: Path) -> None:
    exemplars = Exemplars(widths, 6, is_constant)
    exemplars.save(tmp_path / "connector.safetensors")
    again = load_exemplars(tmp_path / "connector.safetensors", 6)
    features = [torch.randn(3, width) for width in widths]
    assert torch.equal(again(features, 3), exemplars(features, 3))
    assert (again.widths, again.is_constant) == (tuple(widths), is_constant)


def test_a_connector_for_another_language_model_is_refused(tmp_path: Path) -> None:
    Exemplars([4], 6).save(tmp_path / "connector.safetensors")
    with pytest.raises(ModelError, match="made for another language model"):
        load_exemplars(tmp_path / "connector.safetensors", 8)


def test_a_missing_or_broken_file_is_said_in_plain_words(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is missing"):
        load_exemplars(tmp_path / "connector.safetensors", 6)
    (tmp_path / "connector.safetensors").write_bytes(b"not tensors")
    with pytest.raises(ModelError, match=r"can't be read .* Copy the whole folder"):
        load_exemplars(tmp_path / "connector.safetensors", 6)


def test_features_are_taken_from_wherever_they_lie() -> None:
    """A TSM's features of a run's cases are kept in main memory, whatever device the model is on."""
    exemplars = Exemplars([4], 8).to("meta")
    assert exemplars([torch.ones(2, 4)], 2).device.type == "meta"

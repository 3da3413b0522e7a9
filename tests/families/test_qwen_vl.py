"""Qwen-VL scales an image to about as many tokens as it is told, and counts positions along its longer side."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from core.families import qwen_vl
from core.families.qwen_vl import pixels_for

OF_QWEN_3 = SimpleNamespace(patch_size=16, merge_size=2)


def test_256_tokens_are_the_area_of_a_512_pixel_square() -> None:
    assert pixels_for(256, OF_QWEN_3) == {"shortest_edge": 512 * 512, "longest_edge": 512 * 512}


@pytest.mark.slow
def test_small_and_large_images_become_about_as_many_tokens() -> None:
    vlm = qwen_vl.tiny()
    vlm.image_processor.size = pixels_for(64, vlm.image_processor)
    sizes = [(28, 28), (900, 900), (300, 600), (20, 40)]  # of 1 : 2 are 5.7 x 11.3 tokens: fewer when scaled down
    assert [len(image.tokens) for image in vlm.encode([Image.new("RGB", size) for size in sizes])] == [64, 64, 55, 72]


def test_text_goes_on_after_the_longer_side_of_the_image() -> None:
    vlm = qwen_vl.tiny()
    (wide,) = vlm.encode([Image.new("RGB", (60, 28))])
    assert wide.grid == (1, 2, 6)  # in patches; two by two of them make a token, so 1 x 3 tokens
    prompt = vlm.prompt("What is this?", 3)
    positions, following = vlm.anatomy.head_positions(vlm, prompt, wide)
    start = len(prompt.head) - 4  # before the image's 3 tokens and its closing marker
    assert positions[:, start:].tolist() == [
        [start, start, start, start + 3],
        [start, start, start, start + 3],
        [start, start + 1, start + 2, start + 3],
    ]
    assert torch.equal(positions[:, :start], torch.arange(start).expand(3, -1))
    assert following == start + 4

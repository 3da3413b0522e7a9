"""Features of pictures at the rungs of the untuned VLM: its image encoder, its connector, its last layer.

Encoder and connector give many tokens a picture, of which mean and spread are kept as a direction; of the last layer
it is the state in which the question ends, where the answer would begin. Axes: N pictures, D features.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from core.errors import ModelError
from core.models.shared_prefix import states_of_questions
from core.models.vlm import ImageFeatures, Vlm
from core.readings.novelty import summary

Floats = NDArray[np.float32]


def on_encoder(vlm: Vlm, images: Sequence[Image.Image]) -> Floats:
    """[N, D]; one picture at a time, whatever tiles the architecture cuts it into."""
    with _outputs_of_encoder(vlm) as outputs:
        rows = []
        for image in images:
            outputs.clear()
            vlm.encode([image])
            tokens = torch.cat([output.reshape(-1, output.shape[-1]) for output in outputs])
            rows.append(ImageFeatures(tokens))
    return summary(rows)


def on_last(vlm: Vlm, shown: Sequence[ImageFeatures], instructions: Sequence[str]) -> Floats:
    """[N, H]"""
    with torch.no_grad(), vlm.reading():
        states: Floats = states_of_questions(vlm, shown, instructions).float().cpu().numpy()
    return states


@contextmanager
def _outputs_of_encoder(vlm: Vlm) -> Iterator[list[Tensor]]:
    """What the image encoder gives while this is open, as often as it is called."""
    encoder = vlm.base.get_encoder(modality="image")
    if not isinstance(encoder, torch.nn.Module) or encoder is vlm.base:
        raise ModelError(
            f"The image encoder of {vlm.name} can't be told from the rest of the model, so nothing can be learned from "
            "what it sees. Set reading.rivals to quick."
        )
    outputs: list[Tensor] = []

    def keep(module: torch.nn.Module, arguments: Any, output: Any) -> None:
        outputs.append(output[0] if isinstance(output, tuple) else output.last_hidden_state)

    hook = encoder.register_forward_hook(keep)
    try:
        yield outputs
    finally:
        hook.remove()

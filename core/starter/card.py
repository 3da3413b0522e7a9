"""The model card of the starter."""

from __future__ import annotations

from collections.abc import Mapping

from core.starter.exam import PICTURES
from core.starter.examples import SIZE, Batches

TEXT = """---
license: apache-2.0
pipeline_tag: image-text-to-text
library_name: transformers
---

# The VITask Studio starter

A very small vision-language model ({millions:.1f} million parameters, InternVL architecture), so that
everything in this project can be tried in minutes on a processor without a graphics card. **For research and
for trying things out. It is not a medical device and knows no medicine.**

## What it is

- Vision: a transformer of 6 layers, width 256, on 64 x 64 pictures in patches of 8; pixel shuffle to 16 image tokens.
- Language: Qwen2 of 4 layers, width 256, with its own byte-level tokenizer ({tokens} tokens). Chat format: ChatML.
- Opens with `AutoModelForImageTextToText`, `AutoTokenizer` and `AutoImageProcessor`.

## How it was made

From nothing, by `vitask starter build` (seed {seed}, {steps} steps of {batch} pictures, on processor cores
alone). Every picture was drawn by a program: plain forms, patterns, and forms in the look of stained
cells, chest X-rays, slices of a body, ultrasound, retinal layers, eye grounds, skin marks and tissue. What was
drawn is known, so captions, questions and right answers follow. **No photograph, no medical image and no text
from the web was used.** While it learned to answer, small heads that were thrown away afterwards read every
known fact, and a small copy of the picture, off the image tokens.

In a second part of {naming} steps the language model alone went on, the encoder held still. Tokens that the first part
had never met began anew. It was mostly asked to choose among names in a list (the right one where a name fitted the
drawing, any one where none did) and to say again the first, second, ... name of a list. So it can say any name that a
question lists, and about names that it does not know it answers nearly at random.

## What it can do

Describe drawings like those, and answer short questions about them. On {pictures} drawings that it had not seen:

| share right | |
|---|---|
{rows}

The last rows say where it is weak: it names the kind, the size and the main colours of a picture more surely than exact
counts, places and forms, and scenes of several plain forms it describes badly.

## What it cannot do

Anything else before it is tuned: it has never seen a photograph or a real medical image, does not know facts
about the world, and reads and writes only short English of the kind above. Answers about real images mean
nothing before tuning.

Licence: Apache-2.0.
"""


def card(parameters: int, data: Batches, naming: Batches, figures: Mapping[str, float]) -> str:
    """The page, with its figures filled in."""
    return TEXT.format(
        millions=parameters / 1e6,
        tokens=len(data.tokenizer),
        seed=data.seed,
        steps=len(data),
        naming=len(naming),
        batch=SIZE,
        pictures=PICTURES,
        rows="\n".join(f"| {topic} | {share:.2f} |" for topic, share in figures.items()),
    )

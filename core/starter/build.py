"""Makes the starter from nothing: draws pictures, asks about them, trains, writes a folder that transformers opens."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import InternVLForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutputWithPooling

from core.starter.architecture import IMAGE_TOKENS, WIDTH, image_processor, new
from core.starter.card import card
from core.starter.exam import PICTURES, examine
from core.starter.examples import IGNORED, Batch, Batches
from core.starter.questions import survey
from core.starter.tokenizer import train as train_tokenizer

STEPS, RATE, WARM_UP = 1200, 1e-3, 100
REPORT_EVERY = 10
SMALL = 32


class Heads(nn.Module):
    """Read everything that is known off the image tokens while the starter is built; thrown away afterwards.

    Without them the encoder learns only what the questions of the day ask about.
    """

    def __init__(self, facts: int, measures: int) -> None:
        super().__init__()
        self.facts = nn.Linear(WIDTH, facts)
        self.measures = nn.Linear(WIDTH, measures)
        self.pixels = nn.Linear(WIDTH, 3 * SMALL * SMALL // IMAGE_TOKENS)

    def loss(self, tokens: Tensor, batch: Batch) -> Tensor:
        middle = tokens.mean(1)
        facts = functional.binary_cross_entropy_with_logits(self.facts(middle), batch.facts, reduction="none")
        measures = functional.smooth_l1_loss(self.measures(middle), batch.measures, reduction="none", beta=0.1)
        seen = (facts * batch.facts_known).sum(1) / batch.facts.sum(1).clamp(min=1)
        measured = (measures * batch.measures_known).sum() / batch.measures_known.sum().clamp(min=1)
        small = functional.interpolate(batch.pixels, size=(SMALL, SMALL), mode="area")
        return 0.5 * seen.mean() + 4 * measured + functional.mse_loss(self.pixels(tokens), _tiles(small))


def _tiles(pictures: Tensor) -> Tensor:
    """[B, 3, S, S] cut into one tile per image token: [B, tokens, values]."""
    side = math.isqrt(IMAGE_TOKENS)
    rows = pictures.unflatten(3, (side, -1)).unflatten(2, (side, -1))
    return rows.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def losses(model: InternVLForConditionalGeneration, heads: Heads, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Next-token loss on the answers, the heads' loss, and the share of answer tokens that are right."""
    tokens = model.get_image_features(batch.pixels).pooler_output
    spoken = BaseModelOutputWithPooling(pooler_output=tokens[: len(batch.ids)])
    out = model.model(input_ids=batch.ids, mm_encoder_outputs={"image": spoken}, use_cache=False)
    rows, columns = (batch.labels[:, 1:] != IGNORED).nonzero(as_tuple=True)
    spare = -len(rows) % 512  # equal shapes again: see LENGTH
    rows, columns = functional.pad(rows, (0, spare)), functional.pad(columns, (0, spare))
    logits = model.lm_head(out.last_hidden_state[rows, columns]).float()
    wanted = batch.labels[rows, columns + 1]
    wanted[len(wanted) - spare :] = IGNORED
    right = (logits.argmax(-1) == wanted).sum() / (wanted != IGNORED).sum()
    return functional.cross_entropy(logits, wanted), heads.loss(tokens.float(), batch), right


def _optimiser(*modules: nn.Module) -> torch.optim.AdamW:
    parameters = [parameter for module in modules for parameter in module.parameters()]
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": 0.05},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.98))


def _rate(step: int, steps: int) -> float:
    """Share of the full rate: a straight warm-up, then half a cosine down to 2 %."""
    if step < WARM_UP:
        return (step + 1) / WARM_UP
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - WARM_UP) / max(1, steps - WARM_UP)))


def fit(model: InternVLForConditionalGeneration, data: Batches, say: Callable[[str], None]) -> None:
    """Trains the model on the batches, one step each."""
    heads = Heads(data.width, len(data.found.measures))
    optimiser = _optimiser(model, heads)
    began = time.monotonic()
    for step in range(len(data)):
        batch = data[step]
        for group in optimiser.param_groups:
            group["lr"] = RATE * _rate(step, len(data))
        with torch.autocast("cpu", torch.bfloat16):
            answers, seen, right = losses(model, heads, batch)
        optimiser.zero_grad()
        (answers + seen).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if step % REPORT_EVERY == 0 or step == len(data) - 1:
            left = (time.monotonic() - began) / (step + 1) * (len(data) - step - 1) / 60
            say(
                f"step {step + 1}/{len(data)}  loss {answers.item():.3f}  heads {seen.item():.3f}  "
                f"tokens right {right.item():.3f}  {left:.1f} min left"
            )


def build(out: Path, seed: int = 0, steps: int | None = None, say: Callable[[str], None] = lambda line: None) -> None:
    """Writes the starter and its card to a folder. Fewer steps make a worse one sooner."""
    torch.manual_seed(seed)
    found = survey(seed)
    tokenizer = train_tokenizer(found.captions)
    model = new(tokenizer)
    data = Batches(seed, steps or STEPS, found, tokenizer)
    say(f"{model.num_parameters() / 1e6:.1f} million parameters, {len(tokenizer)} tokens")
    model.train()
    fit(model, data, say)
    model.eval().to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    image_processor().save_pretrained(out)
    figures = examine(model.float(), tokenizer, seed, PICTURES if len(data) > WARM_UP else 4)
    (out / "MODEL_CARD.md").write_text(card(model.num_parameters(), data, figures), encoding="utf-8")

"""Makes the starter from nothing: draws pictures, asks about them, trains, writes a folder that transformers opens."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR
from transformers import InternVLForConditionalGeneration

from core.machine.precision import multiplies_bf16
from core.starter.architecture import IMAGE_TOKENS, WIDTH, image_processor, new
from core.starter.card import card
from core.starter.exam import PICTURES, examine
from core.starter.examples import IGNORED, Batch, Batches
from core.starter.muon import Muon
from core.starter.questions import survey
from core.starter.tokenizer import train as train_tokenizer

STEPS, NAMING_STEPS, RATE, MATRIX_RATE, WARM_UP = 1400, 1200, 2e-3, 0.01, 50
NAMING_SHARE = 0.3  # of the learning rates
FRESH_NORM = 1.5  # about that of the tokens that the first part has met
REPORT_EVERY = 20
SMALL = 32


class Heads(nn.Module):
    """Read everything that is known off the image tokens while the starter is built; thrown away afterwards.

    Without them the encoder learns only what the questions of the day ask about.
    """

    def __init__(self, values: Sequence[int], measures: int) -> None:
        """Values: how many each noun has, in the order in which the batches lay them out."""
        super().__init__()
        self.values = list(values)
        self.facts = nn.Linear(WIDTH, sum(values))
        self.measures = nn.Linear(WIDTH, measures)
        self.pixels = nn.Linear(WIDTH, 3 * SMALL * SMALL // IMAGE_TOKENS)

    def loss(self, tokens: Tensor, batch: Batch) -> Tensor:
        middle = tokens.mean(1)
        by_noun = self.facts(middle).split(self.values, 1)
        facts = torch.cat([logits.log_softmax(1) for logits in by_noun], 1)
        of_facts = -(facts * batch.facts).sum() / batch.facts.sum().clamp(min=1)
        measures = functional.smooth_l1_loss(self.measures(middle), batch.measures, reduction="none", beta=0.1)
        of_measures = (measures * batch.measures_known).sum() / batch.measures_known.sum().clamp(min=1)
        small = functional.interpolate(batch.pixels, size=(SMALL, SMALL), mode="area")
        of_pixels = functional.mse_loss(self.pixels(tokens), _tiles(small))
        total: Tensor = of_facts + 4 * of_measures + of_pixels
        return total


def _tiles(pictures: Tensor) -> Tensor:
    """[B, 3, S, S] cut into one tile per image token: [B, tokens, values]."""
    side = math.isqrt(IMAGE_TOKENS)
    rows = pictures.unflatten(3, (side, -1)).unflatten(2, (side, -1))
    tiles: Tensor = rows.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
    return tiles


def losses(model: InternVLForConditionalGeneration, heads: Heads | None, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Next-token loss on the answers, the heads' loss, and the share of answer tokens that are right."""
    out = model.model(input_ids=batch.ids, pixel_values=batch.pixels, use_cache=False)
    rows, columns = (batch.labels[:, 1:] != IGNORED).nonzero(as_tuple=True)
    spare = -len(rows) % 256  # equal shapes again: see LENGTH
    rows, columns = functional.pad(rows, (0, spare)), functional.pad(columns, (0, spare))
    logits = model.lm_head(out.last_hidden_state[rows, columns]).float()
    wanted = batch.labels[rows, columns + 1]
    wanted[len(wanted) - spare :] = IGNORED
    right = (logits.argmax(-1) == wanted).sum() / (wanted != IGNORED).sum()
    seen = heads.loss(out.image_hidden_states.float(), batch) if heads else torch.zeros(())
    return functional.cross_entropy(logits, wanted), seen, right


def _optimisers(model: nn.Module, heads: Heads | None) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, which learn about twice as fast with it; AdamW for all else."""
    share = 1.0 if heads else NAMING_SHARE
    learnt = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    inner = [p for name, p in learnt if p.ndim == 2 and "embed" not in name and "lm_head" not in name]
    chosen = {id(parameter) for parameter in inner}
    rest = [p for _, p in learnt if id(p) not in chosen] + list(heads.parameters() if heads else ())
    return [
        Muon(inner, lr=share * MATRIX_RATE, momentum=0.95, weight_decay=0.05),
        torch.optim.AdamW(rest, lr=share * RATE, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def _rate(step: int, steps: int) -> float:
    """Share of the full rate: a straight warm-up, then half a cosine down to 2 %."""
    if step < WARM_UP:
        return (step + 1) / WARM_UP
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - WARM_UP) / max(1, steps - WARM_UP)))


def fit(
    model: InternVLForConditionalGeneration, heads: Heads | None, data: Batches, say: Callable[[str], None]
) -> None:
    """Trains what is not frozen on the batches, one step each."""
    model.train()
    optimisers = _optimisers(model, heads)
    schedules = [LambdaLR(optimiser, lambda step: _rate(step, len(data))) for optimiser in optimisers]
    began = time.monotonic()
    for step in range(len(data)):
        with torch.autocast("cpu", torch.bfloat16, enabled=multiplies_bf16()):
            answers, seen, right = losses(model, heads, data[step])
        for optimiser in optimisers:
            optimiser.zero_grad()
        (answers + seen).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimiser, schedule in zip(optimisers, schedules, strict=True):
            optimiser.step()
            schedule.step()
        if step % REPORT_EVERY == 0 or step == len(data) - 1:
            left = (time.monotonic() - began) / (step + 1) * (len(data) - step - 1) / 60
            say(
                f"step {step + 1}/{len(data)}  loss {answers.item():.3f}  heads {seen.item():.3f}  "
                f"tokens right {right.item():.3f}  {left:.1f} min left"
            )


def teach_naming(model: InternVLForConditionalGeneration, data: Batches, say: Callable[[str], None]) -> None:
    """The second part: the language model alone learns to choose among names, from weights rounded to bfloat16."""
    model.float().requires_grad_(False)
    model.model.language_model.requires_grad_(True)
    torch.manual_seed(data.seed)
    _spread(model, data.unmet())
    fit(model, None, data, say)


def _spread(model: InternVLForConditionalGeneration, unmet: Sequence[int]) -> None:
    """Gives tokens that the first part never met a direction each: it has pushed all of them into one corner, where
    no later tuning of the layers before could tell one name from another."""
    rows: Any = model.get_input_embeddings().weight
    with torch.no_grad():
        fresh = functional.normalize(torch.randn(len(unmet), WIDTH))
        rows[list(unmet)] = FRESH_NORM * fresh


def build(out: Path, seed: int = 0, steps: int | None = None, say: Callable[[str], None] = lambda line: None) -> None:
    """Writes the starter and its card to a folder. Fewer steps make a worse one sooner."""
    torch.manual_seed(seed)
    surveyed = survey(seed)
    tokenizer = train_tokenizer(surveyed.captions)
    model = new(tokenizer)
    data = Batches(seed, steps or STEPS, surveyed, tokenizer)
    say(f"{model.num_parameters() / 1e6:.1f} million parameters, {len(tokenizer)} tokens")
    fit(model, Heads([len(values) for values in surveyed.values.values()], len(surveyed.measures)), data, say)
    names = Batches(seed, steps or NAMING_STEPS, surveyed, tokenizer, is_naming=True)
    teach_naming(model.bfloat16(), names, say)
    model.eval().bfloat16().save_pretrained(out)
    tokenizer.save_pretrained(out)
    image_processor().save_pretrained(out)
    figures = examine(model.float(), tokenizer, seed, PICTURES if len(data) > WARM_UP else 4)
    (out / "MODEL_CARD.md").write_text(card(model.num_parameters(), data, names, figures), encoding="utf-8")

"""A vision-language model as the methods see it: image features, prompts, and a language model over embeddings.

What differs from one architecture to the next is an `Anatomy`; its defaults fit most checkpoints that
`AutoModelForImageTextToText` opens, and a file in `families/` replaces only what is odd about its family.

Axes: B rows, L packed length, N image tokens, H hidden, V vocabulary, K position axes (1, or 3 for Qwen-VL).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from inspect import signature
from typing import Any, Literal

import torch
from jinja2 import TemplateError
from PIL import Image
from pydantic import Field
from torch import Tensor

from core.errors import ModelError, reason
from core.machine.precision import NumberFormat
from core.settings import Settings

Sees = Literal["causal", "image", "prefix"]
PROBE = "What is this?"


@dataclass(frozen=True)
class ImageFeatures:
    """What the frozen encoder and connector say of one image: [N, H], and what some families need beside it."""

    tokens: Tensor
    grid: tuple[int, int, int] | None = None
    deeper: Tensor | None = None

    def mean_and_spread(self) -> Tensor:
        """[2H] in float32: of its tokens, however many there are."""
        tokens = self.tokens.float()
        return torch.cat([tokens.mean(0), tokens.std(0, correction=0)])

    def to(self, device: torch.device | str) -> ImageFeatures:
        deeper = None if self.deeper is None else self.deeper.to(device)
        return replace(self, tokens=self.tokens.to(device), deeper=deeper)


@dataclass(frozen=True)
class Prompt:
    """Token ids of everything before an answer. The exemplar, where there is one, stands between head and tail."""

    head: tuple[int, ...]
    tail: tuple[int, ...]


class VlmSettings(Settings):
    """What every family asks for."""

    checkpoint: str = Field(
        title="Checkpoint",
        description="A model's name on the hub, or a folder that holds its configuration, tokenizer and safetensors.",
    )
    attention: Literal["auto", "eager", "sdpa"] = Field(
        "auto",
        title="Attention",
        description="How attention is computed; auto takes sdpa, but eager for training a language model on a CPU.",
    )
    dtype: NumberFormat = Field(
        "auto",
        title="Number format of frozen weights",
        description="bfloat16 is half the size; auto takes it where the machine multiplies it in hardware.",
    )


@dataclass(frozen=True)
class Anatomy:
    """What one architecture does its own way."""

    sees: Sees = "causal"
    first_position: int = 0
    render: Callable[[Vlm, str, int], str] = field(default=lambda vlm, text, count: render_chat(vlm, text, count))
    encode: Callable[[Vlm, Sequence[Image.Image]], list[ImageFeatures]] = field(
        default=lambda vlm, images: encode_images(vlm, images)
    )
    head_positions: Callable[[Vlm, Prompt, ImageFeatures], tuple[Tensor, int]] = field(
        default=lambda vlm, prompt, features: text_positions(vlm, prompt)
    )
    decoder_extras: Callable[[Sequence[ImageFeatures], Tensor], dict[str, Any]] = field(
        default=lambda features, image_slots: {}
    )
    plain_extras: Callable[[Sequence[ImageFeatures], Tensor, Tensor], dict[str, Any]] = field(
        default=lambda features, image_slots, answer_slots: {}
    )
    next_tokens: Callable[[Vlm, Tensor], Tensor] = field(default=lambda vlm, hidden: next_token_logits(vlm, hidden))


class Vlm:
    """A loaded model with its tokenizer and image processor. `base` may hold LoRA layers inside."""

    def __init__(self, base: Any, tokenizer: Any, image_processor: Any, anatomy: Anatomy, name: str) -> None:
        self.base = base
        self.tokenizer = tokenizer
        self.image_processor = image_processor
        self.anatomy = anatomy
        self.name = name
        self.peft: Any = None
        self.fuses_attention = True
        """False where eager attention was asked for by name: then it serves reading too."""
        self.shares_prefix = True
        """False once a comparison has shown that branches of this architecture must be read one by one."""
        self.image_token = int(base.config.image_token_id)
        self._prompt = lru_cache(maxsize=4096)(self._lay_out)
        self._response = lru_cache(maxsize=4096)(self._spell_out)

    @property
    def device(self) -> torch.device:
        device: torch.device = next(iter(self.base.parameters())).device
        return device

    @property
    def dtype(self) -> torch.dtype:
        """Of the frozen weights."""
        dtype: torch.dtype = self.base.dtype
        return dtype

    @property
    def text_config(self) -> Any:
        return self.base.config.get_text_config()

    @property
    def hidden_size(self) -> int:
        return int(self.text_config.hidden_size)

    @property
    def vocabulary_size(self) -> int:
        return int(self.base.get_output_embeddings().weight.shape[0])

    @property
    def window(self) -> int | None:
        """How many tokens the language model sees at once, where its configuration says so."""
        length = getattr(self.text_config, "max_position_embeddings", None)
        return int(length) if length else None

    @cached_property
    def special_tokens(self) -> dict[int, str]:
        return {place: token.content for place, token in self.tokenizer.added_tokens_decoder.items() if token.special}

    @cached_property
    def end_token(self) -> int:
        """The token that ends an answer: the one that closes a turn where the template has one."""
        after = self._around_answer[1].strip()
        ends = [token for token in self.special_tokens.values() if after.startswith(token)]
        token = max(ends, key=len) if ends else self.tokenizer.eos_token
        return int(self.tokenizer.convert_tokens_to_ids(token))

    @property
    def chats(self) -> bool:
        return bool(getattr(self.tokenizer, "chat_template", None))

    @cached_property
    def _around_answer(self) -> tuple[str, str]:
        """What a chat template writes before and after an answer."""
        if not self.chats:
            return "", ""
        before, _, after = self.chat(PROBE, "\x00").partition("\x00")
        return before, after

    def chat(self, instruction: str, answer: str | None = None) -> str:
        turns = _conversation(instruction, answer)
        try:
            return str(self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=answer is None))
        except (TemplateError, TypeError, ValueError) as error:  # whatever a checkpoint's author has written
            raise ModelError(
                f"The chat template of {self.name} can't be filled in ({reason(error)}). "
                "Choose another checkpoint, or mend it."
            ) from None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """The arithmetic of reading: bfloat16 where the frozen weights are, though adapters are float32.

        Attention is fused: where eager was taken, it was for its backward, and nothing goes backward here.
        """
        decoder = self.base.get_decoder()
        fuses = self.fuses_attention and decoder._supports_sdpa and decoder.config._attn_implementation == "eager"
        if fuses:
            decoder.set_attn_implementation("sdpa")
        try:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.base.dtype == torch.bfloat16):
                yield
        finally:
            if fuses:
                decoder.set_attn_implementation("eager")

    def encode(self, images: Sequence[Image.Image], with_gradients: bool = False) -> list[ImageFeatures]:
        """Features of every image; without gradients, unless the model's own connector is tuned."""
        with torch.set_grad_enabled(with_gradients):
            return self.anatomy.encode(self, images)

    def prompt(self, instruction: str, image_tokens: int) -> Prompt:
        return self._prompt(instruction, image_tokens)

    def response(self, text: str) -> tuple[int, ...]:
        """Token ids of an answer, with the token that ends it."""
        return self._response(text)

    def text(self, text: str) -> tuple[int, ...]:
        """Token ids of a text that stands alone, without an image: what only looks like one is left out."""
        return tuple(token for token in self._ids(text) if token != self.image_token)

    def _lay_out(self, instruction: str, image_tokens: int) -> Prompt:
        ids = self._ids(self.anatomy.render(self, instruction, image_tokens))
        image_places = [place for place, token in enumerate(ids) if token == self.image_token]
        if len(image_places) != image_tokens:
            raise ModelError(
                f"The prompt of {self.name} holds {len(image_places)} image tokens where its encoder returned "
                f"{image_tokens}. "
                "This checkpoint's tokenizer and chat template don't fit; choose another family or checkpoint."
            )
        end = image_places[-1] + 1
        closing = self.special_tokens.keys() - {self.tokenizer.bos_token_id}
        while end < len(ids) and ids[end] in closing:
            end += 1
        return Prompt(tuple(ids[:end]), tuple(ids[end:]))

    def _spell_out(self, answer: str) -> tuple[int, ...]:
        """An answer is cut into tokens where it stands: some templates put a space before it, some tokenizers too."""
        question = self.chat(PROBE) if self.chats else ""
        before = self._around_answer[0]
        whole = (before if before.startswith(question) else question) + answer
        prompt, ids = self._ids(question), self._ids(whole)
        if ids[: len(prompt)] != prompt:  # the answer would melt into the prompt's last token
            prompt, ids = [], self._ids(answer, bare=True)
        return (*ids[len(prompt) :], self.end_token)

    def _ids(self, text: str, bare: bool = False) -> list[int]:
        """As processors do it: a tokenizer adds its own first token unless the text has it."""
        bos = self.tokenizer.bos_token
        bare = bare or not text or (bos is not None and bos in text)
        return list(self.tokenizer(text, add_special_tokens=not bare)["input_ids"])

    def embed(self, ids: Tensor) -> Tensor:
        return self.base.get_input_embeddings()(ids)  # type: ignore[no-any-return]

    def decode(self, embeds: Tensor, masks: Mapping[str, Tensor], positions: Tensor, **extras: Any) -> Any:
        """The language model over embeddings [B, L, H] with masks [B, 1, L, L] added to its attention scores."""
        mask: Any = dict(masks) if len(masks) > 1 else next(iter(masks.values()))
        position_ids = positions[0] if positions.shape[0] == 1 else positions
        return self.base.get_decoder()(
            inputs_embeds=embeds, attention_mask=mask, position_ids=position_ids, **({"use_cache": False} | extras)
        )

    def decode_plainly(self, embeds: Tensor, attention: Tensor, positions: Tensor, **extras: Any) -> Tensor:
        """The whole model's own forward over one unshared sequence a row: [B, L, H]. The measure of all sharing."""
        position_ids = positions[0] if positions.shape[0] == 1 else positions
        output = self.base.model(
            inputs_embeds=embeds, attention_mask=attention, position_ids=position_ids, use_cache=False, **extras
        )
        return output.last_hidden_state  # type: ignore[no-any-return]

    def logits(self, hidden: Tensor) -> Tensor:
        return self.anatomy.next_tokens(self, hidden)

    def windows(self) -> dict[str, int | None]:
        """Kinds of attention layers and how far back each sees; None where it sees everything."""
        config = self.text_config
        window = getattr(config, "sliding_window", None)
        kinds = set(getattr(config, "layer_types", None) or ())
        if "sliding_attention" in kinds:
            return {"full_attention": None, "sliding_attention": window}
        return {"full_attention": window if not kinds else None}


def render_chat(vlm: Vlm, instruction: str, image_tokens: int) -> str:
    """The checkpoint's own chat template with one image, its placeholder written once for every feature."""
    if not vlm.chats:
        raise ModelError(
            f"{vlm.name} brings no chat template, so it can't be told how a question is put to it. "
            "Choose an instruction-tuned checkpoint, or a family that has a file of its own."
        )
    token = vlm.tokenizer.convert_ids_to_tokens(vlm.image_token)
    if not token:
        raise ModelError(
            f"The tokenizer of {vlm.name} has no token {vlm.image_token}, which stands for an image. "
            "Copy the whole checkpoint, the files of its tokenizer included."
        )
    return vlm.chat(instruction).replace(token, token * image_tokens, 1)


def _conversation(instruction: str, answer: str | None = None) -> list[dict[str, Any]]:
    question = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": instruction}]}
    if answer is None:
        return [question]
    return [question, {"role": "assistant", "content": [{"type": "text", "text": answer}]}]


def encode_images(vlm: Vlm, images: Sequence[Image.Image]) -> list[ImageFeatures]:
    """One tile an image through the encoder and the model's own connector, with whatever that asks for by name."""
    inputs = vlm.image_processor(images=[image.convert("RGB") for image in images], return_tensors="pt")
    accepted = signature(vlm.base.get_image_features).parameters
    taken = {name: value.to(vlm.device) for name, value in inputs.items() if name in accepted}
    taken["pixel_values"] = taken["pixel_values"].to(vlm.base.dtype)
    output = vlm.base.get_image_features(**taken)
    return [ImageFeatures(tokens.reshape(-1, tokens.shape[-1])) for tokens in output.pooler_output]


def next_token_logits(vlm: Vlm, hidden: Tensor) -> Tensor:
    return vlm.base.get_output_embeddings()(hidden)  # type: ignore[no-any-return]


def text_positions(vlm: Vlm, prompt: Prompt) -> tuple[Tensor, int]:
    first = vlm.anatomy.first_position
    return torch.arange(first, first + len(prompt.head))[None], first + len(prompt.head)

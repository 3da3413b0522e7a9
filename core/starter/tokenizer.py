"""The starter's tokenizer: byte-level pairs, so no text is unknown, and InternVL's chat words."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from core.starter.words import ANSWER_NAMES, MODALITY_NAMES, SENTENCES

END_OF_TEXT, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
IMAGE_START, IMAGE_END, IMAGE = "<img>", "</img>", "<IMG_CONTEXT>"
SPECIAL = (END_OF_TEXT, START, END, IMAGE_START, IMAGE_END, IMAGE)
# The names by which InternVL's processor asks for them. It wants one for videos too, which the starter does not take.
NAMED = {
    "bos_token": START,
    "start_image_token": IMAGE_START,
    "end_image_token": IMAGE_END,
    "context_image_token": IMAGE,
    "video_token": IMAGE,
}
SIZE = 2560

TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<img><IMG_CONTEXT></img>\\n' }}"
    "{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}{{ '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def vocabulary() -> list[str]:
    """The written word lists as training text; a name counts more than once so that it becomes one token or few."""
    return [text for name in (*ANSWER_NAMES, *MODALITY_NAMES) for text in (name, " " + name)] * 40 + list(
        SENTENCES
    ) * 10


def train(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Learns the pairs of the given texts and of the word lists."""
    engine = Tokenizer(models.BPE())
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    engine.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    engine.train_from_iterator([*vocabulary(), *texts], trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=engine,
        eos_token=END,
        pad_token=END_OF_TEXT,
        extra_special_tokens=NAMED,
        clean_up_tokenization_spaces=False,
        model_max_length=512,
        padding_side="left",
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer

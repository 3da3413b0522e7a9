"""The tokenizer: nothing is unknown to it, and its template writes InternVL's chat."""

from __future__ import annotations

from typing import Any

import pytest

from core.starter.tokenizer import SPECIAL, train


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train(["a small red circle on a pale green background"])


@pytest.mark.parametrize("text", ["pneumonia", "Größe: 3 µm — 標本 🩸", "  two  spaces\n\tand a tab ", "x" * 50])
def test_any_text_comes_back_as_it_was(tokenizer: Any, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_special_words_are_one_token_each_with_the_first_ids(tokenizer: Any) -> None:
    assert [tokenizer.encode(word) for word in SPECIAL] == [[place] for place in range(len(SPECIAL))]


def test_the_chat_template_writes_internvls_turns(tokenizer: Any) -> None:
    content = [{"type": "image"}, {"type": "text", "text": "What is it?"}]
    chat = [{"role": "user", "content": content}]
    assert tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True) == (
        "<|im_start|>user\n<img><IMG_CONTEXT></img>\nWhat is it?<|im_end|>\n<|im_start|>assistant\n"
    )
    chat.append({"role": "assistant", "content": "a cell"})
    assert tokenizer.apply_chat_template(chat, tokenize=False).endswith("<|im_start|>assistant\na cell<|im_end|>\n")


def test_names_of_diseases_take_few_tokens(tokenizer: Any) -> None:
    assert len(tokenizer.encode("pneumonia")) == 1
    assert len(tokenizer.encode(" erythroblast")) == 1

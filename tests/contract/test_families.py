"""Every family lays out what its own processor does, and says the same with and without a shared prefix."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from transformers import DynamicCache, LlavaConfig, LlavaForConditionalGeneration

from core.models.shared_prefix import Branches, learned_token
from core.models.tiny import TEXT, tiny_model
from core.models.vlm import Prompt, Vlm
from core.readings.ladder import on_encoder, on_last
from core.readings.novelty import summary
from tests.contract.official import NAMES, OLDER_QWEN, QUESTION, ask, inputs, official_logits, pictures, tiny

# @ is the run of image tokens, | the place of the exemplar.
PROMPTS = {
    "starter": "<|im_start|>user\n<img>@</img>|\nWhat is this?<|im_end|>\n<|im_start|>assistant\n",
    "auto": "<s>USER: @|\nWhat is this? ASSISTANT:",
    "internvl": "<|im_start|>user\n<img>@</img>|\nWhat is this?<|im_end|>\n<|im_start|>assistant\n",
    "qwen_vl": "<|im_start|>user\n<|vision_start|>@<|vision_end|>|What is this?<|im_end|>\n<|im_start|>assistant\n",
    OLDER_QWEN: "<|im_start|>user\n<|vision_start|>@<|vision_end|>|What is this?<|im_end|>\n<|im_start|>assistant\n",
    "smolvlm": "<|im_start|>User:<fake_token_around_image><global-img>@<fake_token_around_image>|"
    "What is this?<end_of_utterance>\nAssistant:",
    "llava_onevision": "<|im_start|>user\n@|\nWhat is this?<|im_end|>\n<|im_start|>assistant\n",
    "gemma3": "<bos><start_of_turn>user\n\n\n<start_of_image>@<end_of_image>|"
    "\n\nWhat is this?<end_of_turn>\n<start_of_turn>model\n",
    "paligemma": "@|<bos>What is this?\n",
}
ANSWERS = {"auto": " a scar</s>", "smolvlm": " a scar<end_of_utterance>", "gemma3": "a scar<end_of_turn>"} | {
    "paligemma": "a scar<eos>"
}
every_family = pytest.mark.parametrize("name", NAMES)


@every_family
def test_the_exemplar_stands_between_image_and_instruction(name: str) -> None:
    vlm = tiny(name)
    prompt = vlm.prompt(QUESTION, 5)
    text = vlm.tokenizer.decode(prompt.head) + "|" + vlm.tokenizer.decode(prompt.tail)
    image = vlm.tokenizer.convert_ids_to_tokens(vlm.image_token)
    assert text.replace(image * 5, "@") == PROMPTS[name]
    assert vlm.tokenizer.decode(vlm.response("a scar")) == ANSWERS.get(name, "a scar<|im_end|>")


@every_family
@pytest.mark.parametrize("image", range(3))
def test_prompts_equal_those_of_the_familys_own_processor(name: str, image: int) -> None:
    vlm, picture = tiny(name), pictures()[image]
    official = inputs(name, vlm, picture, "a scar")
    prompt = vlm.prompt(QUESTION, len(vlm.encode([picture])[0].tokens))
    ours = [*prompt.head, *prompt.tail, *vlm.response("a scar")]
    theirs = official["input_ids"][0].tolist()
    assert theirs[: len(ours)] == ours
    assert vlm.tokenizer.decode(theirs[len(ours) :]).strip() == ""


@every_family
@pytest.mark.parametrize("is_shared", [True, False], ids=["shared", "plain"])
def test_answers_get_the_logits_of_the_models_own_forward(name: str, is_shared: bool) -> None:
    vlm = tiny(name)
    asked = [(image, answer, False) for image in range(3) for answer in ("a scar", "no", "a scan")]
    with torch.no_grad():
        found = ask(vlm, asked, is_shared=is_shared)
    for (image, answer, _), logits in zip(asked, found, strict=True):
        torch.testing.assert_close(logits, official_logits(name, vlm, pictures()[image], answer), atol=1e-4, rtol=0)


@every_family
def test_a_shared_prefix_changes_nothing(name: str) -> None:
    vlm = tiny(name)
    exemplars = torch.randn(3, 2, vlm.hidden_size)
    asked = [
        (image, answer, with_exemplar)
        for image in range(3)
        for answer in ("a scar", "no")
        for with_exemplar in (False, True)
    ]
    with torch.no_grad():
        shared = ask(vlm, asked, exemplars, is_shared=True)
        plain = ask(vlm, asked, exemplars, is_shared=False)
    for ours, theirs in zip(shared, plain, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


@every_family
def test_an_exemplar_reaches_the_branches_that_have_it_and_no_others(name: str) -> None:
    vlm = tiny(name)
    asked = [(0, "no", False), (0, "no", True), (1, "no", False), (1, "no", True)]
    exemplars = torch.randn(3, 1, vlm.hidden_size)
    other = exemplars.clone()
    other[1] = torch.randn(1, vlm.hidden_size)
    with torch.no_grad():
        before, after = ask(vlm, asked, exemplars), ask(vlm, asked, other)
    moved = [float((one - two).abs().max()) for one, two in zip(before, after, strict=True)]
    assert moved[:3] == [0, 0, 0]
    assert moved[3] > 1e-2


@every_family
@pytest.mark.parametrize("is_shared", [True, False], ids=["shared", "plain"])
def test_a_learned_token_in_a_question_or_an_answer_is_its_embedding(name: str, is_shared: bool) -> None:
    vlm = tiny(name)
    features = vlm.encode(pictures()[:2])
    words = list(vlm.response("a scan of a scar"))
    learned = vlm.embed(torch.tensor(words)).detach().clone().requires_grad_()
    marks = [learned_token(number) for number in range(len(words))]

    def logits(asked: list[int], answered: list[int], embeddings: torch.Tensor | None) -> torch.Tensor:
        branches = Branches(vlm, features, None, is_shared, embeddings)
        slots = []
        for image, feature in enumerate(features):
            prompt = vlm.prompt("What is it?", feature.tokens.shape[0])
            slots += branches.add(image, replace(prompt, tail=(*prompt.tail, *asked)), [*answered, vlm.end_token])
        return branches.logits()[slots]

    as_words, as_tokens = logits(words, words, None), logits(marks, marks, learned)
    torch.testing.assert_close(as_tokens, as_words, atol=1e-4, rtol=0)
    as_tokens[-1].logsumexp(-1).backward()
    assert learned.grad is not None and (learned.grad.abs().amax(1) > 0).all()


@every_family
@pytest.mark.parametrize("is_shared", [True, False], ids=["shared", "plain"])
def test_a_text_without_an_image_ends_in_the_state_of_the_language_model_alone(name: str, is_shared: bool) -> None:
    vlm = tiny(name)
    texts = [vlm.text(text) for text in ("a scar", "a wide scar beside a spot", "no", "a scar")]
    features = vlm.encode(pictures())
    prompt = vlm.prompt(QUESTION, len(features[0].tokens))
    with torch.no_grad():
        branches = Branches(vlm, features, None, is_shared)
        (asked,) = branches.add(0, prompt, (vlm.end_token,))
        slots = [branches.add_text(text)[0] for text in texts]
        states = branches.hidden()
        alone = Branches(vlm, features, None, is_shared)
        (asked_alone,) = alone.add(0, prompt, (vlm.end_token,))
        torch.testing.assert_close(states[asked], alone.hidden()[asked_alone], atol=1e-4, rtol=0)
        for slot, text in zip(slots, texts, strict=True):
            ids = torch.tensor([text])
            types = {"token_type_ids": torch.zeros_like(ids)} if name in ("paligemma", "gemma3") else {}
            own = vlm.base.model(input_ids=ids, attention_mask=torch.ones_like(ids), **types).last_hidden_state[0, -1]
            torch.testing.assert_close(states[slot], own, atol=1e-4, rtol=0)
    assert slots[0] == slots[3] and len(set(slots)) == 3


@every_family
def test_learned_tokens_stand_in_texts_and_in_questions_about_images(name: str) -> None:
    vlm = tiny(name)
    features, text = vlm.encode(pictures()), vlm.text("a wide scar")
    prompt = vlm.prompt(QUESTION, len(features[0].tokens))
    spelled = torch.tensor([*prompt.tail, *text])
    learned = vlm.embed(spelled).detach()
    in_question = Prompt(prompt.head, tuple(map(learned_token, range(len(prompt.tail)))))
    in_text = tuple(map(learned_token, range(len(prompt.tail), len(spelled))))
    with torch.no_grad():
        states = []
        for question, words in ((prompt, text), (in_question, in_text)):
            branches = Branches(vlm, features, None, True, learned)
            slots = [*branches.add(0, question, (vlm.end_token,)), *branches.add_text(words)]
            states.append(branches.hidden()[slots])
    torch.testing.assert_close(*states, atol=1e-5, rtol=0)


@every_family
def test_another_image_gives_another_answer(name: str) -> None:
    with torch.no_grad():
        own, others = ask(tiny(name), [(0, "no", False), (1, "no", False)])
    assert float((own - others).abs().max()) > 1e-2


@every_family
def test_each_rung_of_the_ladder_is_found_and_tells_images_apart(name: str) -> None:
    vlm, images = tiny(name), [*pictures()[:2]]
    shown = vlm.encode(images)
    seen = on_encoder(vlm, images)
    assert seen.shape == on_encoder(vlm, images[:1]).repeat(2, axis=0).shape and abs(seen[0] - seen[1]).max() > 1e-3
    given = summary(shown)
    assert given.shape != seen.shape or abs(given - seen).max() > 1e-2, "the encoder's are not yet the connector's"
    last = on_last(vlm, shown, [QUESTION] * 2)
    assert last.shape == (2, vlm.hidden_size) and abs(last[0] - last[1]).max() > 1e-2
    (alone,) = on_last(vlm, shown[1:], [QUESTION])
    assert alone == pytest.approx(last[1], abs=1e-4)
    assert not vlm.base.get_encoder(modality="image")._forward_hooks, "nothing stays hooked in"


def hybrid() -> Vlm:
    """LLaVA over a language model whose first layer is a convolution: it takes in what stands before."""
    llava = tiny("auto")
    text = {"model_type": "lfm2", "layer_types": ["conv", "full_attention"], "vocab_size": len(llava.tokenizer)}
    config = llava.base.config.to_dict() | {"text_config": TEXT | text}
    model = tiny_model(LlavaForConditionalGeneration, LlavaConfig.from_dict(config))
    return Vlm(model, llava.tokenizer, llava.image_processor, llava.anatomy, "tiny hybrid")


def test_an_architecture_that_cannot_share_is_right_in_plain_passes_and_found_out_by_them() -> None:
    vlm, asked = hybrid(), [(image, answer, False) for image in range(3) for answer in ("a scar", "no")]
    with torch.no_grad():
        plain, shared = torch.cat(ask(vlm, asked, is_shared=False)), torch.cat(ask(vlm, asked))
    own = [official_logits("auto", vlm, pictures()[image], answer) for image, answer, _ in asked]
    torch.testing.assert_close(plain, torch.cat(own), atol=1e-4, rtol=0)
    assert float((shared - plain).abs().max()) > 1e-2


@pytest.mark.parametrize("name", ["internvl", "auto", "smolvlm", "llava_onevision"])
def test_the_exemplar_is_one_more_embedding_in_the_sequence(name: str) -> None:
    vlm, exemplar = tiny(name), torch.randn(3, 1, tiny(name).hidden_size)
    (features,) = vlm.encode(pictures()[1:2])
    prompt, response = vlm.prompt(QUESTION, len(features.tokens)), vlm.response("no")
    head = vlm.embed(torch.tensor(prompt.head))
    head[torch.tensor(prompt.head) == vlm.image_token] = features.tokens
    rest = vlm.embed(torch.tensor([*prompt.tail, *response]))
    whole = torch.cat([head, exemplar[1], rest])
    with torch.no_grad():
        expected = vlm.base(inputs_embeds=whole[None]).logits[0, -len(response) - 1 : -1]
        (found,) = ask(vlm, [(1, "no", True)], exemplar)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


@every_family
def test_writing_goes_on_as_the_models_own_generation_does(name: str) -> None:
    vlm, picture = tiny(name), pictures()[1]
    features = vlm.encode([picture])
    branches, cache, said = Branches(vlm, features), DynamicCache(), []
    branches.add(0, vlm.prompt(QUESTION, len(features[0].tokens)), (vlm.end_token,))
    with torch.no_grad():
        own = vlm.base.generate(**inputs(name, vlm, picture), max_new_tokens=12, do_sample=False, eos_token_id=None)
    with torch.no_grad(), vlm.reading():
        state, position = branches.begin(cache)
        for step in range(12):
            said.append(int(vlm.logits(state).argmax()))
            state, position = branches.go_on(said[-1], position, branches.packed_rows[0].length + step, cache)
    assert said == own[0, -12:].tolist()

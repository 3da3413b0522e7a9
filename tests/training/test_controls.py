"""Controls of a run: another case's exemplar, the TSM's answer in words, plain tuning of equal cost."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from core.training.settings import TrainingSettings
from core.training.terms import informed
from core.training.vlm_stage import read_places, tokens_a_case, vlm_stage
from tests.contract.test_methods import accelerator, prepared


def test_each_case_is_shown_the_exemplar_of_another_case_of_its_set_each_once() -> None:
    _, _, cases = prepared({"name": "vitask", "shuffled": True})
    strangers = cases.strangers(range(8))
    assert sorted(strangers.values()) == sorted(strangers) == list(range(8))
    assert all(place != other for place, other in strangers.items())
    assert strangers == cases.strangers(range(8)) != replace(cases, seed=1).strangers(range(8))
    assert cases.strangers([3]) == {3: 3}


def test_the_control_reads_as_if_the_exemplars_were_swapped_and_nothing_else() -> None:
    plan, tuned, cases = prepared({"name": "vitask", "shuffled": True})
    tuned.eval()
    aided, shuffled = plan.readers[-2:]
    assert (aided.name, shuffled.name) == ("vitask+tsm", "vitask+shuffled")
    read = read_places(tuned, cases, range(8), [aided, shuffled], 3)
    strangers = cases.strangers(range(8))
    (features,) = cases.exemplars
    swapped = replace(cases, exemplars=[features[[strangers[place] for place in range(8)]]])
    again = read_places(tuned, swapped, range(8), [aided], 3)["vitask+tsm"]
    for ours, wanted, own in zip(read["vitask+shuffled"], again, read["vitask+tsm"], strict=True):
        for heard, swapped_heard in zip(ours.token_log_likelihoods, wanted.token_log_likelihoods, strict=True):
            assert heard == pytest.approx(swapped_heard, abs=1e-4)
        assert ours.token_log_likelihoods[0] != pytest.approx(own.token_log_likelihoods[0], abs=1e-3)


def test_no_weights_are_chosen_by_it_and_no_run_is_made_for_it() -> None:
    plan, tuned, cases = prepared({"name": "vitask", "shuffled": True})
    validated = replace(cases, items=[replace(item, case=replace(item.case, split="val")) for item in cases.items])
    learned = replace(
        cases, items=[*cases.items, *validated.items], exemplars=[torch.cat([*cases.exemplars] * 2)], tsm_words=()
    )
    learned.features.items = learned.items
    stage = vlm_stage(plan.stages[-1], tuned, learned, plan.readers, TrainingSettings(), 0, 8, accelerator())
    assert stage.evaluate is not None
    validated_readers = {name.partition(" of ")[2] for name in stage.evaluate() if " of " in name}
    assert validated_readers == {"vitask", "vitask+tsm"} == set(plan.aimed)


def test_plain_tuning_puts_as_many_tokens_through_as_both_stages_by_hand() -> None:
    plan, tuned, cases = prepared({"name": "vitask", "baseline_length": "tokens", "contrast": 0})
    plain, first, second = plan.stages
    vlm, lengths = tuned.vlm, []
    for place in range(8):
        (image,) = cases.features.of([place])
        prompt = vlm.prompt(cases.task(place).instruction(), len(image.tokens))
        answer = len(vlm.response(cases.items[place].case.labels[0])) - 1  # the last token is asked for, not put in
        head, tail = len(prompt.head), len(prompt.tail)
        lengths.append((head + tail + answer, head + 2 * (tail + answer) + 1))  # the exemplar is a token of its own
    own, both = (sum(each) / 8 for each in zip(*lengths, strict=True))
    assert tokens_a_case(plain, tuned, cases) == own
    assert tokens_a_case(first, tuned, cases) == tokens_a_case(second, tuned, cases) == both
    settings = TrainingSettings(steps=50, batch_size=4)
    steps = {
        stage.name: vlm_stage(stage, tuned, cases, [], settings, 0, 8, accelerator(), beside=plan.stages).steps
        for stage in plan.stages
    }
    assert steps == {"vanilla": round(100 * both / own), "stage-1": 50, "stage-2": 50}
    tuned.vlm.shares_prefix = False
    assert (
        tokens_a_case(first, tuned, cases)
        == both
        + sum(
            len(vlm.prompt(cases.task(0).instruction(), len(image.tokens)).head)
            for image in cases.features.of(range(8))
        )
        / 8
    )


def test_what_the_tsm_answers_ends_the_question_of_its_own_stage() -> None:
    plan, tuned, cases = prepared({"name": "vanilla", "tsm_in_words": "in_sample"})
    assert [stage.name for stage in plan.stages] == ["vanilla", "told"]
    batch = cases.batch([1], [None])
    text = informed(batch, 0)
    question = tuned.vlm.tokenizer.decode(text.prompt.tail)
    plain = tuned.vlm.tokenizer.decode(batch.prompts[0].tail)
    assert "A classifier says: spot (0.90)." in question and "A classifier" not in plain
    assert question.replace(" A classifier says: spot (0.90).", "") == plain
    assert tuple(text.response) == batch.responses[0]

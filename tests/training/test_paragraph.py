"""The paragraph for a paper comes from the run's own settings, and names nothing that is not there."""

from __future__ import annotations

from typing import Any

import pytest

from core.catalog import METHODS
from core.statistics.ends import INTERVALS
from core.training.paragraph import citations, paragraph

SET: dict[str, Any] = {
    "name": "blood",
    "cases": {"train": 1200, "val": 10, "test": 20},
    "task": {"answers": ["monocyte", "platelet"], "modality": "blood smear"},
}
SETTINGS: dict[str, Any] = {
    "vlm": {"family": "internvl", "checkpoint": "some/model"},
    "tsm": [{"name": "convnet"}],
    "method": {"name": "vitask"},
    "lora": {"rank": 16, "alpha": 32, "dropout": 0.05},
    "training": {"learning_rate": 4e-5, "batch_size": 16, "steps": 60, "precision": "bf16"},
    "reading": {"draws": 1000},
    "seed": 7,
}
FIGURES = {"cases": 20, "patients": 12}


def test_it_says_what_was_done_in_the_runs_own_numbers() -> None:
    text = paragraph([SET], SETTINGS, FIGURES, {"packages": {"torch": "2.13"}, "device": "cpu"})
    assert text.startswith(
        "The vision-language model internvl some/model was tuned by VITask (arXiv 2410.06456) on blood (1,200 "
        "training, 10 validation, 20 test cases; blood smear; 2 labels)."
    )
    assert "LoRA (rank 16, alpha 32, dropout 0.05)" in text
    assert "AdamW (learning rate 4e-05, batches of 16, 60 steps a stage, bf16 arithmetic, seed 7)" in text
    assert "The task-specific model (convnet) was trained" in text
    assert "20 test cases of 12 patients" in text and "over patients (1,000 draws)" in text
    assert "torch 2.13; on a processor." in text


def test_where_patients_are_unknown_cases_were_drawn_and_epochs_are_told_where_no_steps_were_given() -> None:
    settings = SETTINGS | {"training": {"batch_size": 16}, "tsm": [], "method": {"name": "vanilla", "epochs": 2.0}}
    text = paragraph([SET], settings, {"cases": 20, "patients": None}, {})
    assert "over cases" in text and "epochs 2" in text and "task-specific" not in text and "arXiv" not in text


def test_of_several_labels_it_says_that_each_was_asked_for() -> None:
    several = SET | {"task": {"answers": ["nodule", "mass"], "modality": "film", "kind": "multi"}}
    text = paragraph([several], SETTINGS, FIGURES, {})
    assert "answered with every label that it found likelier than not" in text and "softmaxed" not in text
    both = paragraph([SET, several], SETTINGS, FIGURES, {})
    assert "likelier than not" in both and "softmaxed" in both


def test_a_model_that_answers_by_cosine_is_not_said_to_answer_by_its_words_and_lora_was_no_part_where_left_out() -> (
    None
):
    text = paragraph([SET], SETTINGS | {"method": {"name": "discriminative", "lora": False}}, FIGURES, {})
    assert "The untuned model answered with the label" in text and "The tuned model answered by the cosine" in text
    assert "LoRA" not in text and "the language model were frozen" in text


def test_a_model_with_a_class_head_is_not_said_to_answer_by_its_words() -> None:
    text = paragraph([SET], SETTINGS | {"method": {"name": "head"}}, FIGURES, {})
    assert "A vision-language model that answers in words answered with the label" in text
    assert "The model with a class head answered by a linear layer" in text


def test_mirrored_training_images_are_told_where_the_set_allowed_them_and_the_tsm_took_them() -> None:
    mirrored = SET | {"task": {**SET["task"], "mirrored": "sideways"}}
    followed, own = (SETTINGS | {"tsm": [{"name": "convnet", "flips": flips}]} for flips in ("as_set", "none"))
    assert "mirrored at random (left and right), where" in paragraph([mirrored], followed, FIGURES, {})
    assert "mirrored" not in paragraph([mirrored], own, FIGURES, {}) + paragraph([SET], followed, FIGURES, {})


def test_patients_are_counted_in_every_set_and_where_some_are_unknown_that_is_told() -> None:
    of_sets = {"cases": 5, "readers": {}, "sets": {"a": {"cases": 2, "patients": 1}, "b": {"cases": 3, "patients": 2}}}
    text = paragraph([SET, SET], SETTINGS, of_sets, {})
    assert "of 5 test cases by which" in text and "percentiles of a bootstrap over patients (1,000 draws)" in text
    some = paragraph([SET], SETTINGS, FIGURES | {"cases_without_patient": 3}, {})
    assert "20 test cases of 12 known patients" in some
    assert "over patients, and cases where those are unknown (1,000 draws)" in some


def test_which_intervals_they_are_is_told_of_new_figures_and_of_those_of_before() -> None:
    old, new = (paragraph([SET], SETTINGS, FIGURES | more, {}) for more in ({}, {"intervals": INTERVALS}))
    assert "are percentiles of a bootstrap over" in old and "Wilson" not in old
    assert "of shares are Wilson's" in new and "Satterthwaite" in new and "percentiles of a bootstrap" not in new


def test_how_probabilities_were_calibrated_is_told_where_they_were() -> None:
    assert "calibrated" not in paragraph([SET], SETTINGS, FIGURES, {})
    text = paragraph([SET], SETTINGS, {**FIGURES, "calibration": {"tsm": {"cases": 60, "temperature": 2.0}}}, {})
    assert "(arXiv 1706.04599), learned on 60 validation cases" in text


def test_of_an_old_run_only_what_is_known_is_told() -> None:
    text = paragraph([], {"vlm": {"family": "starter"}, "method": {"name": "tpo"}}, {}, {})
    assert text.startswith("The vision-language model starter was tuned by Task Preference Optimization (arXiv 2412.1")
    assert "None" not in text and "()" not in text


@pytest.mark.parametrize("method", METHODS)
def test_citations_name_the_methods_paper_where_it_has_one(method: str) -> None:
    text = citations({"method": {"name": method}})
    assert text.count("@misc{") == (1 if method in ("vanilla", "head") else 2) and "2106.09685" in text
    assert text.count("{") == text.count("}") and "version = {" in text


def test_bands_are_told_where_pairs_have_them() -> None:
    alone = {"value": 0.1, "low": 0.05, "high": 0.15}
    pairs = {"vitask - tsm": {"macro_f1": alone}, "vitask - vanilla": {"macro_f1": alone}}
    banded = pairs | {"vitask - tsm": {"macro_f1": alone | {"band_low": 0.01, "band_high": 0.19}}}
    texts = [paragraph([SET], SETTINGS, FIGURES | {"differences": each}, {}) for each in (pairs, banded)]
    assert [("for every pair at once (max-t)" in text) for text in texts] == [False, True]
    best = {"best": {"cells": {"tuned": "vitask", "simple": "tsm"}}}
    asked_for = paragraph([SET], SETTINGS, FIGURES | {"differences": banded} | best, {})
    assert "and that of the best tuned reader with the best simple one, both chosen on validation cases," in asked_for
    assert "best simple one" not in texts[1]

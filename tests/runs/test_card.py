"""The card of a run says what is known and lists what is not."""

from __future__ import annotations

from typing import Any

import yaml

from core.runs.card import card

TASK = {
    "modality": "blood smear",
    "kind": "single",
    "answers": ["monocyte", "platelet"],
    "template": "Name {label set}.",
}
CASES = {"train": 60, "val": 10, "test": 20}
SET = {"name": "blood", "version": "a1b2", "fingerprint": "c3d4", "cases": CASES, "task": TASK}
SURE = {"value": 0.9, "low": 0.85, "high": 0.95}
OPEN = {"value": None, "low": None, "high": None}
FIGURES: dict[str, Any] = {
    "cases": 20,
    "patients": 12,
    "cases_without_patient": 0,
    "readers": {"tsm": {"accuracy": SURE, "auroc": OPEN}, "vitask+tsm": {"accuracy": {**SURE, "value": 0.93}}},
}
SETTINGS = {"seed": 0, "tsm": [{"name": "convnet", "epochs": 5}]}
ENVIRONMENT = {"python": "3.11", "device": "cpu"}


def told(**other: Any) -> str:
    whole: dict[str, Any] = {
        "set": {"sets": [SET]},
        "settings": SETTINGS,
        "figures": FIGURES,
        "environment": ENVIRONMENT,
        "notes": ["Training stopped early."],
    }
    return card(**(whole | other))


def test_whether_it_helped_stands_below_the_figures_where_it_was_compared() -> None:
    assert "Did it help" not in told()
    assert (
        section(told(helped=["It helped: a.", "It did not: b."]), "Did it help?") == "It helped: a.\n\nIt did not: b."
    )


def section(text: str, title: str) -> str:
    return text.split(f"## {title}\n\n")[1].split("\n\n## ")[0].strip()


def test_the_card_opens_with_the_set_and_that_it_is_not_a_medical_device() -> None:
    first, _, warning = told().splitlines()[:3]
    assert first == "# Tuned on blood"
    assert "research use only" in warning and "Not a medical device" in warning


def test_the_images_are_told_by_version_cases_and_task() -> None:
    assert section(told(), "Images").splitlines() == [
        "- Set: blood",
        "- Version in the studio: `a1b2`",
        "- Fingerprint of what the run saw: `c3d4`",
        "- Cases: 60 train, 10 val, 20 test",
        "- Modality: blood smear",
        "- Kind of labels: single",
        "- Answers: monocyte, platelet",
        "- Instruction: Name {label set}.",
    ]


def test_what_stands_in_several_splits_or_sets_is_told_or_that_nobody_looked() -> None:
    sentences = ["The same picture in more than one split: none found.", "A patient in more than one split: 3 cases."]
    where = "In several splits or sets"
    assert section(told(overlap=sentences), where).splitlines() == [f"- {sentence}" for sentence in sentences]
    assert section(told(), where).endswith("stand in several splits or sets was not looked for.")


def test_every_reader_has_its_figures_with_intervals_and_undefined_ones_are_not_zero() -> None:
    rows = [line for line in section(told(), "Figures").splitlines() if line.startswith("| ")]
    tsm = [cell.strip() for cell in rows[1].strip("|").split("|")]
    assert tsm[0] == "tsm" and "0.900" in tsm[1] and "0.850" in tsm[1] and "0.950" in tsm[1]
    assert set(tsm[2:]) == {"\u2013"}
    assert rows[2].startswith("| vitask+tsm | 0.930")


def test_settings_and_environment_can_be_read_back() -> None:
    for title, values in (("Settings", SETTINGS), ("Environment", ENVIRONMENT)):
        block = section(told(), title).removeprefix("```yaml\n").removesuffix("```")
        assert yaml.safe_load(block) == values


def test_notes_are_limits() -> None:
    assert "- Training stopped early." in section(told(), "Limits")


def test_unknown_patients_are_a_limit() -> None:
    assert "Patients are not known" not in told()
    unknown = FIGURES | {"patients": None, "cases_without_patient": 20}
    assert "- Patients are not known, so" in section(told(figures=unknown), "Limits")


def test_partly_known_patients_are_a_limit_with_their_number() -> None:
    partly = FIGURES | {"patients": 9, "cases_without_patient": 3}
    assert "- The patients of 3 of 20 test cases are not known, so" in section(told(figures=partly), "Limits")
    joint = {"cases": 40, "readers": {}, "sets": {"blood": FIGURES, "pneumonia": partly}}
    assert "- The patients of 3 of 40 test cases are not known, so" in section(told(figures=joint), "Limits")


def test_a_joint_run_names_every_set() -> None:
    other = SET | {"name": "pneumonia"}
    joint = {"cases": 40, "readers": {}, "sets": {"blood": FIGURES, "pneumonia": FIGURES}}
    text = told(set={"sets": [SET, other]}, figures=joint)
    assert text.startswith("# Tuned on blood and pneumonia\n")
    assert section(text, "Figures").count("| tsm |") == 2
    assert "Patients are not known" not in text


def test_images_that_no_studio_keeps_have_no_version_and_lack_nothing() -> None:
    text = told(set={"sets": [SET | {"version": None}]})
    assert "Version" not in section(text, "Images")
    assert section(text, "Not recorded") == "- Nothing that this card asks for is missing."


def test_what_is_missing_is_listed() -> None:
    assert section(told(), "Not recorded") == "- Nothing that this card asks for is missing."
    bare = {"sets": [{"name": "blood"}]}
    text = told(set=bare, settings={}, figures={"cases": 0, "readers": {}}, environment={"device": None})
    assert section(text, "Not recorded").splitlines() == [
        "- figures",
        "- settings",
        "- fingerprint of blood",
        "- cases of blood",
        "- task of blood",
        "- device (environment)",
    ]
    assert section(text, "Figures") == "No reader was measured."

"""What a run learns from: sets opened, dealt to splits and cut; one head over several, each with its own answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from core.case import Task
from core.errors import DataError
from core.models.tsm import Tsm
from core.pictures.looks import Look, look_at_all, refuse_problems
from core.sets.joint import Item, JointSet, gather, shared_answers
from core.sets.split import SplitSettings
from core.training.loop import Stage
from core.training.tsm_stage import Pictures, allowed_answers, describe, hot_targets, new_tsm, tsm_answers, tsm_stage
from core.tsms import convnet
from tests import run_files

ONE = Task(answers=("a", "b", "c"))
TWO = Task(answers=("left spot", "right spot"), kind="multi")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> JointSet:
    folder = tmp_path_factory.mktemp("sets")
    return opened(run_files.draw(folder / "shades"), run_files.draw_multi(folder / "spots"))


def opened(*paths: Path, limits: dict[str, int] | None = None) -> JointSet:
    return gather([str(path) for path in paths], {}, SplitSettings(), limits or {}, 0)


def looks_at(items: Sequence[Item]) -> list[Look]:
    return look_at_all([item.case.pixels for item in items])


def test_a_run_does_not_begin_on_labels_that_would_be_said_alike(tmp_path: Path) -> None:
    spots = str(run_files.draw_multi(tmp_path / "spots"))
    question = {"answers": ["left spot", "right spot", "left spot, right spot"], "kind": "multi"}
    with pytest.raises(DataError, match="would be answered with the same words"):
        gather(spots, question, SplitSettings(), {}, 0)
    assert gather(spots, question | {"separator": "; "}, SplitSettings(), {}, 0).items("train")


def test_sets_share_a_head_in_their_order() -> None:
    assert shared_answers([ONE, TWO]) == [range(0, 3), range(3, 5)]


def test_only_the_answers_of_a_cases_own_set_are_allowed() -> None:
    assert allowed_answers([0, 1], [ONE, TWO]).int().tolist() == [[1, 1, 1, 0, 0], [0, 0, 0, 1, 1]]


def test_targets_stand_in_the_part_of_the_own_set(both: JointSet) -> None:
    items = both.items("train")
    hot = hot_targets(items, both.tasks)
    assert hot.shape == (len(items), 5)
    for row, item in zip(hot, items, strict=True):
        start = (0, 3)[item.set]
        answers = both.tasks[item.set].answers
        assert [answers[place - start] for place in np.flatnonzero(row)] == sorted(item.case.labels, key=answers.index)


def test_every_set_has_all_splits_and_a_number_of_its_own(both: JointSet) -> None:
    for split in ("train", "val", "test"):
        assert {item.set for item in both.items(split)} == {0, 1}
    assert [image_set.name for image_set in both.sets] == ["shades", "spots"]


def test_a_limit_holds_for_each_set(tmp_path: Path) -> None:
    joint_set = opened(
        run_files.draw(tmp_path / "one"), run_files.draw(tmp_path / "two"), limits={"train": 6, "test": 3}
    )
    assert [len(image_set.of("train")) for image_set in joint_set.sets] == [6, 6]
    assert [len(image_set.of("test")) for image_set in joint_set.sets] == [3, 3]


def test_no_images_and_no_test_cases_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"names no images\. Give a path"):
        gather([], {}, SplitSettings(), {}, 0)
    images = run_files.draw(tmp_path / "shades")
    with pytest.raises(DataError, match=r"shades has no test cases\. Give it some"):
        gather(str(images), {}, SplitSettings(test=0), {}, 0)


def test_an_unreadable_picture_is_found_before_anything_begins(tmp_path: Path) -> None:
    images = run_files.draw(tmp_path / "shades", count=6)
    items = opened(images).items("train")
    refuse_problems(looks_at(items))
    path = images / items[3].case.id
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match=path.name):
        refuse_problems(looks_at(items))


def test_a_tsm_answers_over_its_cases_own_answers_only(both: JointSet) -> None:
    tsm = new_tsm(convnet, convnet.Settings(width=8), both).eval()
    assert tsm.answers == 5
    items = both.items("val")
    shown = Pictures(tsm, items)
    answers = tsm_answers(tsm, describe(tsm, shown, range(len(items))), [item.set for item in items], both.tasks)
    with torch.no_grad():
        logits = tsm.scores(shown.pixels)
    for row, (item, likely) in enumerate(zip(items, answers, strict=True)):
        own = logits[row, :3].softmax(-1) if item.set == 0 else logits[row, 3:].sigmoid()
        assert likely == pytest.approx(own.tolist(), abs=1e-5)


def test_the_loss_of_a_joint_step_is_each_cases_own(both: JointSet) -> None:
    """Cross-entropy over the three answers of a single case, the mean over both of a multi case."""
    tsm = new_tsm(convnet, convnet.Settings(width=8, shift=0.0), both).eval()
    stage = stage_of(tsm, both)
    (micro,) = stage.micro_batches(0)
    with torch.no_grad():
        losses = stage.module(*micro.load())["tsm"].tolist()
    named = {(item.set, item.case.id): item for item in both.items("train")}
    items = [item for name in micro.names() for (_, case), item in named.items() if case == name]
    with torch.no_grad():
        logits = tsm.scores(Pictures(tsm, items).pixels).double()
    expected = []
    for item, row in zip(items, logits, strict=True):
        if item.set == 0:
            place = both.tasks[0].answers.index(item.case.labels[0])
            expected.append(-float(row[:3].log_softmax(-1)[place]))
        else:
            wanted = torch.tensor([float(name in item.case.labels) for name in both.tasks[1].answers])
            expected.append(
                -float((wanted * row[3:].sigmoid().log() + (1 - wanted) * (-row[3:]).sigmoid().log()).mean())
            )
    assert losses == pytest.approx(expected, abs=1e-4)


def stage_of(tsm: Tsm, joint_set: JointSet) -> Stage:
    items = [*joint_set.items("train"), *joint_set.items("val")]
    return tsm_stage("tsm", tsm, joint_set, Pictures(tsm, items), "macro_f1", "fp32", 0)


def test_a_tsm_trains_everything_of_it_that_can_learn_and_keeps_its_running_means(both: JointSet) -> None:
    tsm = new_tsm(convnet, convnet.Settings(width=8), both)
    stage = stage_of(tsm, both)
    assert set(stage.tensors) == set(tsm.state_dict())
    assert set(stage.trained()) == {name for name, _ in tsm.named_parameters()}
    assert not stage.is_spread


def test_items_of_several_sets_may_have_equal_names(tmp_path: Path) -> None:
    joint_set = opened(run_files.draw(tmp_path / "one"), run_files.draw(tmp_path / "two", seed=3))
    ids = [item.case.id for item in joint_set.items("train")]
    assert len(set(ids)) < len(ids)
    assert len({(item.set, item.case.id) for item in joint_set.items("train")}) == len(ids)
    assert isinstance(joint_set.items("val")[0], Item)

"""Events are written once and read once: what went into a file comes back, also from files of earlier versions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core import events
from core.events import Event

EVERY: list[Event] = [
    events.Step(stage="tsm", step=1, steps=9, losses={"van": 0.5}, seconds_left=0.0, facts={"ln_vocabulary": 2.5}),
    events.Evaluation(stage="tsm", step=1, figures={"accuracy": 1.0}),
    events.StageDone(stage="tsm", steps=9),
    events.CheckpointFetched(name="somebody/a-model", folder="cache", done=1, whole=4),
    events.FeaturesEncoded(done=1, whole=4),
    events.CasesRead(split="val", readers="vlm+tsm", done=0, whole=4),
    events.PicturesSeen(done=4, whole=4),
    events.ModelBegun(model=1, models=10),
    events.FoldDone(fold=1, folds=5, done=1, whole=10, seconds_left=3.5),
    events.Sharing(largest_relative_difference=1e-7, is_shared=True),
    events.Plugged(connector="kept"),
    events.Done(seconds=1.5),
]


def test_every_event_comes_back_as_it_was_written(tmp_path: Path) -> None:
    assert {type(event) for event in EVERY} == set(Event.__args__)
    file = tmp_path / "events.jsonl"
    file.write_text("".join(map(events.as_line, EVERY)))
    assert list(events.read(file)) == EVERY


def test_a_line_holds_its_kind_first_and_nothing_that_is_not_known() -> None:
    assert events.as_line(events.Done()) == '{"kind": "done"}\n'
    assert events.as_line(EVERY[2]) == '{"kind": "stage", "stage": "tsm", "steps": 9}\n'


def test_lines_of_version_0_1_are_read() -> None:
    line = (
        '{"kind": "step", "stage": "stage-2", "step": 1, "steps": 2, "losses": {"crt": 4.0}, "learning_share": 1.0, '
        '"images_per_second": 30.5, "seconds_left": 1.0, "memory_gib": 0.5, "ln_vocabulary": 6.25}'
    )
    step = events.parse(line)
    assert isinstance(step, events.Step)
    assert (step.losses, step.images_per_second, step.all_stages_seconds_left) == ({"crt": 4.0}, 30.5, None)
    assert step.facts == {"ln_vocabulary": 6.25}
    ended = events.parse('{"kind": "stage", "stage": "tsm", "steps": 4, "best": null, "best_step": null}')
    assert ended == events.StageDone(stage="tsm", steps=4)


@pytest.mark.parametrize("line", ["", "[]", "7", '{"kind": "st', '{"stage": "tsm"}', '{"kind": "boxes", "done": 1}'])
def test_what_was_broken_off_or_comes_from_a_later_version_is_no_event(line: str) -> None:
    assert events.parse(line) is None


def test_a_later_version_may_tell_more_of_an_event() -> None:
    assert events.parse(json.dumps({"kind": "done", "seconds": 2.0, "watts": 300})) == events.Done(seconds=2.0)


def test_an_event_can_not_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        EVERY[-1].seconds = 2.0  # type: ignore[misc, union-attr]

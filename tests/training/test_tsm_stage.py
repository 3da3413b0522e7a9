"""A TSM in the training loop: each set of a run says how its own pictures may be mirrored."""

from __future__ import annotations

import torch

from core.case import Case, ImageSet, Mirrored, Task
from core.sets.joint import JointSet
from core.training.tsm_stage import Pictures, tsm_stage
from core.tsms import convnet
from tests.contract.test_methods import Drawn

COUNT = 32


def image_set(name: str, mirrored: Mirrored | None, first: int) -> ImageSet:
    labels = ("round", "oval")
    cases = tuple(Case(f"{name} {n}", Drawn(first + n), (labels[n % 2],), "train") for n in range(COUNT))
    return ImageSet(name, Task(answers=labels, mirrored=mirrored), cases)


def test_pictures_are_mirrored_as_their_own_set_allows() -> None:
    joint_set = JointSet((image_set("told", "sideways", 0), image_set("silent", None, COUNT)))
    items = joint_set.items("train")
    settings = convnet.Settings(shift=0, width=8, batch_size=2 * COUNT)
    tsm = convnet.build(settings, 4, native=28)
    shown = Pictures(tsm, items)
    stage = tsm_stage("tsm", tsm, joint_set, shown, "macro_f1", "fp32", seed=0)
    (micro,) = stage.micro_batches(0)
    pixels, sets, _, _ = micro.load()
    places = [items.index(next(item for item in items if item.case.id == name)) for name in micro.names()]
    as_it_is = (pixels == shown.pixels[places]).flatten(1).all(1)
    sideways = (pixels == shown.pixels[places].flip(3)).flatten(1).all(1)
    assert as_it_is[sets == 1].all() and (as_it_is | sideways).all()
    assert COUNT / 4 < int(sideways[sets == 0].sum()) < COUNT * 3 / 4
    assert torch.equal(micro.load()[0], pixels)

"""What is known of every case before tuning: features of its image, and what each TSM makes of it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace

from safetensors.torch import load_file, save_file
from torch import Tensor

from core.draw import evenly
from core.machine import hold
from core.models.seeing_tsm import SeeingTsm
from core.models.tsm import Tsm
from core.readings.results import quick_figures
from core.runs.learned import SPLITS_LEARNED_FROM, is_tsm_given
from core.runs.prepare import feature_folder
from core.runs.running import Running
from core.sets.learned_from import FILE, Learned, learned_of, write_learned
from core.training.tsm_stage import Pictures, describe, tsm_answers
from core.training.unseen import Fold, unseen_features
from core.training.vlm_stage import RunCases

LOOKED_AT = 1000
NOTHING = Learned()


def train_tsm(running: Running, number: int, old: Tsm | None = None, before: Learned = NOTHING) -> Tsm:
    """A TSM trained on the run's cases, from the weights of an older one where there is one, which learned `before`.

    Beside its weights lies what it learned from, unless that is not known of the older one.
    """
    parts, folder = running.parts, running.folder.tsm(number)
    tsm = parts.new_tsm(number, old)
    running.train(parts.tsm_stage(number, tsm, _shown(running, tsm)), folder)
    if running.is_first:
        hold.check(folder)
        tsm.save(folder)
        if not (folder / FILE).is_file() and not before.doubts:
            rows = [row for row, item in enumerate(parts.items) if item.case.split in SPLITS_LEARNED_FROM]
            cases, looks = [parts.items[row].case for row in rows], [running.seen.looks[row] for row in rows]
            write_learned(folder, learned_of(cases, looks) | before)
    return tsm.eval()


def _shown(running: Running, tsm: Tsm) -> Pictures:
    """The run's cases as a TSM takes them; what the VLM sees in them is computed and kept for one that looks through
    it, and found again by the run itself."""
    parts = running.parts
    if not isinstance(tsm, SeeingTsm):
        return Pictures(tsm, parts.items)
    seen = parts.features(parts.items, feature_folder(), running.feature_bytes, running.report_encoded)
    return Pictures(tsm, parts.items, seen)


def known_cases(running: Running, tsms: Sequence[Tsm]) -> RunCases:
    """The run's cases, each described by every TSM: those that it learned from too, unless the method asks for
    exemplars that flatter nobody."""
    parts = running.parts
    features = parts.features(parts.items, feature_folder(), running.feature_bytes, running.report_encoded)
    cases = parts.cases(features, tsms)
    if not parts.run.plan.needs.is_out_of_sample:
        return cases
    exemplars = [_with_unseen(running, number, of_tsm) for number, of_tsm in enumerate(cases.exemplars)]
    unseen = replace(cases, exemplars=exemplars)
    return unseen.told_by(tsms) if parts.run.plan.needs.tells_tsm else unseen


def _with_unseen(running: Running, number: int, final: Tensor) -> Tensor:
    """A TSM's features of all cases, [N, D]; those of training cases from TSMs that learned without them."""
    unseen = _unseen(running, number, final)
    train = [place for place, item in enumerate(running.parts.items) if item.case.split == "train"]
    described = final.clone()
    described[train] = unseen
    return described


def _unseen(running: Running, number: int, final: Tensor) -> Tensor:
    """In the order of the run's training cases. Found in the run's folder where they were made before it was broken
    off."""
    parts, file = running.parts, running.folder.unseen(number)
    is_made = file.is_file()
    parts.accelerator.wait_for_everyone()
    if not is_made:
        working = file.with_suffix("")

        def taught(fold: Fold) -> Tsm:
            tsm = parts.new_tsm(number)
            running.train(parts.tsm_stage(number, tsm, shown, fold), working / str(fold.number + 1))
            return tsm

        shown = _shown(running, parts.new_tsm(number))
        places, features = unseen_features(final, shown, parts.folds(), taught)
        in_order = sorted(range(len(places)), key=places.__getitem__)
        if running.is_first:
            hold.check(file)
            draft = file.with_suffix(".part")
            save_file({"features": features[in_order].contiguous()}, draft)
            draft.replace(file)
            shutil.rmtree(working, ignore_errors=True)
        parts.accelerator.wait_for_everyone()
    return load_file(file)["features"]


def what_tsms_know(running: Running, cases: RunCases, tsms: Sequence[Tsm]) -> list[str]:
    """For the run's card: how much better each TSM knows what it learned than what it did not; one that came trained
    may have learned some of either, or none."""
    learned, validated = evenly(cases.places("train"), LOOKED_AT), cases.places("val")
    sentences = []
    for name, tsm, features in zip(running.run.tsm_names, tsms, cases.exemplars, strict=True):
        shown = Pictures(tsm, [cases.items[place] for place in learned], cases.features)
        by_heart = describe(tsm, shown, range(len(learned)))
        in_sample, validation = (
            _accuracy(tsm, cases, learned, by_heart),
            _accuracy(tsm, cases, validated, features[validated]),
        )
        came, knew = (" came trained, and", "") if is_tsm_given(running.folder) else ("", " all of which it learned,")
        sentence = (
            f"The TSM ({name}){came} is right about {in_sample:.3f} of {len(learned):,} training cases,{knew} "
            f"and about {validation:.3f} of {len(validated):,} validation cases."
        )
        if running.run.plan.needs.is_out_of_sample:
            unseen = _accuracy(tsm, cases, learned, features[learned])
            sentence += f" Their exemplars, by TSMs that learned without them, are right about {unseen:.3f} of them."
        sentences.append(sentence)
    return sentences


def _accuracy(tsm: Tsm, cases: RunCases, places: Sequence[int], features: Tensor) -> float:
    items = [cases.items[place] for place in places]
    likely = tsm_answers(tsm, features, [item.set for item in items], cases.joint_set.tasks)
    return quick_figures(items, likely, cases.joint_set)["accuracy"]

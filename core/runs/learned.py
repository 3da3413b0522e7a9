"""What a run learned from: its training and validation cases, whatever its TSMs learned from elsewhere, and, where it
was plugged, what its VLM learned from in the run that it was taken from."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import or_
from pathlib import Path

from core.case import Split
from core.catalog import TSMS
from core.errors import CoreError
from core.runs.folder import Folder
from core.runs.prepare import open_images
from core.runs.runfile import read_run
from core.sets.joint import JointSet
from core.sets.learned_from import Learned, OnPicture, learned_from, read_learned, silent, write_learned

SPLITS_LEARNED_FROM: tuple[Split, ...] = ("train", "val")
NOT_KNOWN = Learned(
    doubts=(
        "What the TSM learned from is not known: it came without that list. Pictures that it learned from may be among "
        "those that are measured.",
    )
)

VLM_NOT_KNOWN = Learned(
    doubts=(
        "It can't be told of every picture that the VLM learned from before whether it is among those that are "
        "measured: the images of that run were changed, or could not be read any more.",
    )
)


def learned(folder: Folder, on_picture: OnPicture = silent) -> Learned:
    """By the run in this folder, and by its VLM before."""
    kept = [read_learned(tsm) for tsm in folder.tsms()]
    by_tsms = [of_tsm for of_tsm in kept if of_tsm is not None]
    before = learned_before(folder, on_picture)
    if by_tsms and len(by_tsms) == len(kept) and not folder.is_plugged:
        return _joined(by_tsms) | before  # the TSMs of a run that was tuned as a whole learned from all of its cases
    return _joined([_of_images(folder, on_picture), *by_tsms]) | learned_elsewhere(folder) | before


def learned_before(folder: Folder, on_picture: OnPicture = silent) -> Learned:
    """By a plugged run's VLM, in the run that it was taken from; nothing where the run was tuned as a whole."""
    if (kept := read_learned(folder.path)) is not None:
        return kept
    if not folder.plugged.is_file():
        return Learned()
    return learned(Folder(Path(folder.kept(folder.plugged)["run"])), on_picture)


def keep_before(folder: Folder, known: Learned) -> None:
    """Beside a plugged run's VLM, what it learned from; no doubt that names a folder of this machine."""
    write_learned(folder.path, replace(known, doubts=VLM_NOT_KNOWN.doubts if known.doubts else ()))


def is_tsm_given(folder: Folder) -> bool:
    """Whether a plugged run's TSM came trained; what was exported tells nothing else."""
    is_trained_there = folder.plugged.is_file() and folder.kept(folder.plugged)["tsm"] in TSMS
    return folder.is_plugged and not is_trained_there


def learned_elsewhere(folder: Folder) -> Learned:
    """By a plugged run's TSM, where it was given and not trained there."""
    return learned_by_tsm(folder.tsm(0)) if is_tsm_given(folder) else Learned()


def learned_by_tsm(folder: Path) -> Learned:
    """What a TSM's own folder says; that it is not known where it says nothing."""
    return read_learned(folder) or NOT_KNOWN


def changed(joint_set: JointSet, folder: Folder) -> str:
    """Says where a run's sets are not what they were; splits are dealt anew from what is there now."""
    if joint_set.fingerprints() == folder.fingerprints():
        return ""
    return (
        f"The images or labels of the run in {folder.path} have changed since it was tuned, "
        "so pictures that it learned from may be among these."
    )


def _of_images(folder: Folder, on_picture: OnPicture) -> Learned:
    """By the run's images as they are now."""
    unknown = f"It can't be told whether the run in {folder.path} learned from any of these pictures."
    try:
        joint_set = open_images(read_run(folder.settings))
        doubt = changed(joint_set, folder)
        cases = [item.case for split in SPLITS_LEARNED_FROM for item in joint_set.items(split)]
        own = learned_from(cases, on_picture)
    except CoreError as error:
        return Learned(doubts=(f"{unknown} {error}",))
    if own.doubts and not doubt:
        doubt = f"{unknown} Some of its own can't be read any more."
    return Learned(own.pictures, own.patients, (doubt,) if doubt else ())


def _joined(parts: list[Learned]) -> Learned:
    return reduce(or_, parts)
